# SPDX-License-Identifier: Apache-2.0
# What was written before a program ended, and how: for tests/test_written.sh.
#
# usage: written.py serve PORT       on the host: waits for a line of its input
#                                    before it reads the connection that comes
#        written.py write HOST PORT CASE   inside; prints how much it wrote, and
#                                    how much of that had not left
import array
import fcntl
import os
import select
import signal
import socket
import sys

SIOCOUTQNSD = 0x894b


def serve(port):
    listener = socket.create_server(('127.0.0.1', port))
    conn = listener.accept()[0]
    conn.sendall(b'unread')
    sys.stdin.readline()
    got, end = 0, 'eof'
    try:
        while data := conn.recv(1 << 20):
            got += len(data)
    except ConnectionResetError:
        end = 'reset'
    print(got, end)


def unsent(sock):
    value = array.array('i', [0])
    fcntl.ioctl(sock, SIOCOUTQNSD, value)
    return value[0]


def fill(sock, limit=64 << 20):
    """Writes until nothing more is taken; how much that was."""
    sock.setblocking(False)
    done = 0
    while done < limit:
        try:
            done += sock.send(b'x' * min(65536, limit - done))
        except BlockingIOError:
            if not select.select([], [sock], [], 0.5)[1]:
                break
    return done


def say(*words):
    os.write(1, ' '.join(map(str, words)).encode() + b'\n')


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def share(sock, child):
    """A child that does @child once this process has ended."""
    death, alive = os.pipe()
    told, tell = os.pipe()
    if os.fork() == 0:
        os.close(alive)
        try:
            sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass
        os.write(tell, b'x')
        os.read(death, 1)
        child(sock)
        os._exit(0)
    os.close(death)
    os.read(told, 1)


def untouched(sock):
    """The same of one that does not use the socket before."""
    death, alive = os.pipe()
    if os.fork() == 0:
        os.close(alive)
        os.read(death, 1)
        sock.settimeout(20)
        try:
            end = 'eof' if not sock.recv(1) else 'data'
        except ConnectionError:
            end = 'reset'
        except OSError as e:
            end = str(e)
        say('child', end)
        os._exit(0)


def write(host, port, case):
    sock = socket.create_connection((host, port))
    if case != 'unread':
        sock.recv(6, socket.MSG_WAITALL)
    else:
        sock.recv(1, socket.MSG_PEEK)
    if case == 'little':
        say(fill(sock, 50000), 0)
        kill()
    elif case == 'full':
        done = fill(sock)
        say(done, unsent(sock))
        kill()
    elif case == 'shared':
        share(sock, lambda s: None)
        say(fill(sock), 0)
        kill()
    elif case == 'both':
        share(sock, lambda s: kill())
        say(fill(sock), 0)
        kill()
    elif case == 'untouched':
        untouched(sock)
        say(fill(sock, 1000), 0)
        kill()
    else:
        say(fill(sock), 0)
        if case == 'exec':
            sock.set_inheritable(False)
            os.execv('/bin/true', ['true'])
        elif case == '_exit':
            os._exit(0)
        sys.exit(0)  # which is main()'s return


if sys.argv[1] == 'serve':
    serve(int(sys.argv[2]))
else:
    write(sys.argv[2], int(sys.argv[3]), sys.argv[4])
