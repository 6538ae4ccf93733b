# Sockets that several processes see: what each prints is the same everywhere.
import array
import os
import signal
import socket
import socketserver
import sys
import threading
import time

LOCAL = "127.0.0.1"


def listener():
    s = socket.socket()
    s.bind((LOCAL, 0))
    s.listen(8)
    return s


def pair():
    s = listener()
    c = socket.create_connection(s.getsockname())
    d, _ = s.accept()
    return s, c, d


def child(work):
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    finally:
        os._exit(0)


def say(*words):
    print(*words, flush=True)


def a_child_answers():
    _, c, d = pair()
    pid = child(lambda: (say(d.recv(99), d.getpeername() == c.getsockname()),
                         d.sendall(b"from the child")))
    c.sendall(b"to the child")
    say(c.recv(99))
    os.waitpid(pid, 0)
    d.close()
    say(c.recv(99))


def the_maker_ends_first():
    r, w = os.pipe()

    def daemon():
        s = listener()
        os.write(w, b"%d" % s.getsockname()[1])

        def serve():
            for _ in range(2):
                d, _ = s.accept()
                d.sendall(d.recv(99).upper())
                d.close()
        child(serve)

    os.waitpid(child(daemon), 0)
    port = int(os.read(r, 9))
    for _ in range(2):
        c = socket.create_connection((LOCAL, port))
        c.sendall(b"served by an orphan")
        say(c.recv(99))


def the_maker_is_killed():
    r, w = os.pipe()

    def master():
        s = listener()
        for _ in range(3):
            child(lambda: [d.sendall(b"alive") or d.close()
                           for d in (s.accept()[0] for _ in range(2))])
        os.write(w, b"%d" % s.getsockname()[1])
        signal.pause()

    pid = child(master)
    port = int(os.read(r, 9))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    say([socket.create_connection((LOCAL, port)).recv(9) for _ in range(6)])


def a_program_keeps_them():
    s, c, d = pair()
    c.sendall(b"x" * 998)
    d.sendall(b"y" * 206)
    for x in (s, c, d):
        os.set_inheritable(x.fileno(), True)
    code = """
import socket, sys
s, c, d = [socket.socket(fileno=int(a)) for a in sys.argv[1:]]
print(len(c.recv(4000)), len(d.recv(4000)), c.getpeername() == d.getsockname())
e = socket.create_connection(s.getsockname())
f, _ = s.accept()
e.sendall(b"new")
print(f.recv(9), s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
"""
    args = [sys.executable, "-c", code] + [str(x.fileno()) for x in (s, c, d)]
    os.waitpid(child(lambda: os.execv(sys.executable, args)), 0)


def they_are_passed():
    a, b = socket.socketpair()
    s, c, d = pair()

    def take():
        _, anc, _, _ = b.recvmsg(9, socket.CMSG_SPACE(8))
        fds = array.array("i", anc[0][2])
        got, lis = [socket.socket(fileno=f) for f in fds]
        say(got.recv(99), lis.getsockname() == got.getsockname())
        e = socket.create_connection(lis.getsockname())
        say(lis.accept()[0].getpeername() == e.getsockname())
        got.sendall(b"passed")

    pid = child(take)
    c.sendall(b"for whom it is passed to")
    a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                        array.array("i", [d.fileno(), s.fileno()]))])
    d.close()
    s.close()
    say(c.recv(99))
    os.waitpid(pid, 0)
    say(c.recv(99))


def datagrams_are_answered_by_children():
    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            data, sock = self.request
            sock.sendto(data.upper() + b" %d" % (os.getpid() != maker),
                        self.client_address)

    maker = os.getpid()
    s = socketserver.ForkingUDPServer((LOCAL, 0), Handler)
    threading.Thread(target=s.serve_forever, daemon=True).start()
    c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    c.settimeout(5)
    for word in (b"one", b"two", b"three"):
        c.sendto(word, s.server_address)
        say(c.recvfrom(99)[0])
    s.shutdown()


def a_killed_client_leaves_an_end():
    s = listener()
    r, w = os.pipe()

    def client():
        c = socket.create_connection(s.getsockname())
        os.write(w, b"x")
        time.sleep(60)
        c.close()

    pid = child(client)
    os.read(r, 1)
    d, _ = s.accept()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    say(d.recv(9))


for case in (a_child_answers, the_maker_ends_first, the_maker_is_killed,
             a_program_keeps_them, they_are_passed,
             datagrams_are_answered_by_children,
             a_killed_client_leaves_an_end):
    say("#", case.__name__)
    case()
