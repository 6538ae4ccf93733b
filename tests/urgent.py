"""Urgent data across the relay: urgent.py serve PORT | urgent.py ask HOST PORT

Each side sends "abc", an urgent "!", and "def", and prints what it saw: the
bytes in front of the mark, the urgent byte, the bytes behind it.
"""
import select
import socket
import sys


def send(s):
    s.sendall(b"abc")
    s.send(b"!", socket.MSG_OOB)
    s.sendall(b"def")


def take(s):
    poll = select.poll()
    poll.register(s, select.POLLPRI)
    if not poll.poll(10000):
        return "no urgent data"
    s.settimeout(10)
    urgent = s.recv(1, socket.MSG_OOB)
    before, behind = b"", b""
    while len(before) < 3:
        before += s.recv(3 - len(before))
    while len(behind) < 3:
        behind += s.recv(10)
    return "%s %s %s" % (before.decode(), urgent.decode(), behind.decode())


if sys.argv[1] == "serve":
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(sys.argv[2])))
    listener.listen()
    conn, _ = listener.accept()
    seen = take(conn)
    send(conn)
    print("host:", seen, flush=True)
    conn.recv(1)
else:
    conn = socket.create_connection((sys.argv[2], int(sys.argv[3])), 10)
    send(conn)
    print("guest:", take(conn))
