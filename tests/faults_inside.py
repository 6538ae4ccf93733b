# What a sandbox does while its relay's system calls fail now and then: rounds
# of everything, until one after the first goes well. Says how many it took.
import os
import signal
import socket
import sys

GATEWAY = "10.0.2.2"
port = int(sys.argv[1])
number = 0


def connect():
    s = socket.create_connection((GATEWAY, port), timeout=2)
    s.settimeout(2)
    return s


def receive(s, size):
    got = b""
    while len(got) < size:
        data = s.recv(size - len(got))
        if not data:
            raise OSError("the end")
        got += data
    return got


def echo(s, size=100000):
    data = os.urandom(size)
    s.sendall(data)
    if receive(s, size) != data:
        print("other bytes than were sent")
        os._exit(3)


def stream():
    with connect() as s:
        echo(s)


def urgent():
    with connect() as s:
        s.sendall(b"a")
        receive(s, 1)
        s.send(b"!", socket.MSG_OOB)
        echo(s, 10)


def names():
    global number
    number += 1
    # the second's answer does not fit a datagram
    for name in ("u%d.test" % number, "t%d.test" % number):
        if socket.gethostbyname(name) != "203.0.113.9":
            raise OSError("another address")


def child(work):
    pid = os.fork()
    if not pid:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(pid, 0)[1]:
        raise OSError("in the child")


def shared():
    with connect() as s:
        echo(s, 1000)
        child(lambda: echo(s, 1000))
        echo(s, 1000)


def shared_listener():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(5)
        listener.settimeout(2)

        def serve():
            with listener.accept()[0] as s:
                s.sendall(s.recv(100))

        pid = os.fork()
        if not pid:
            try:
                serve()
            finally:
                os._exit(0)
        try:
            with socket.create_connection(listener.getsockname(), 2) as s:
                s.sendall(b"shared")
                receive(s, 6)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def datagrams():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.5)
        for _ in range(5):
            s.sendto(b"datagram", (GATEWAY, port))
            try:
                s.recv(100)
                return
            except TimeoutError:
                pass
        raise OSError("no answer")


parts = [stream, urgent, names, shared, shared_listener, datagrams]
for turn in range(1, 41):
    failed = []
    for part in parts:
        signal.alarm(60)
        try:
            part()
        except OSError as e:
            failed.append("%s: %s" % (part.__name__, e))
    if failed:
        print("round %d: %s" % (turn, "; ".join(failed)))
    elif turn > 1:
        print("all is well")
        sys.exit(0)
sys.exit(1)
