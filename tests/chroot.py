"""A program that changes its root and goes on with sockets: says what it saw.

usage: chroot.py FOLDER [PATH], with PATH a socket to reach inside the new root
"""
import os
import socket
import sys

folder = sys.argv[1]
# codecs are files too, which the new root has not
"x".encode("idna")


def say(what, function):
    try:
        print(f"{what}: {function()}", flush=True)
    except OSError as error:
        print(f"{what}: {error.strerror}", flush=True)


def listener(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    sock.listen(4)
    return sock


def connect(path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        return sock.getpeername()


def datagram(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.sendto(b"hello", path)
        return server.recv(16)


def loopback(family, host):
    with socket.socket(family) as server:
        server.bind((host, 0))
        server.listen(1)
        with socket.socket(family) as client:
            client.connect(server.getsockname())
            client.sendall(b"hello")
            conn = server.accept()[0]
            with conn:
                return conn.recv(16)


def inside():
    os.chdir("/")
    kept = listener("/stream")
    say("bound as", kept.getsockname)
    print("in the new root:", sorted(os.listdir("/")))
    os.symlink("/stream", "/link")
    os.symlink("/..", "/up")
    os.mkdir("/sub")
    say("by its path", lambda: connect("/stream"))
    say("relative", lambda: connect("stream"))
    say("by a link that begins at the root", lambda: connect("/link"))
    say("above the root there is the root", lambda: connect("/up/../stream"))
    os.chdir("/sub")
    say("from a folder", lambda: connect("../../../stream"))
    say("nothing there", lambda: connect("/other"))
    say("datagram", lambda: datagram("/datagram"))
    say("IPv4", lambda: loopback(socket.AF_INET, "127.0.0.1"))
    say("IPv6", lambda: loopback(socket.AF_INET6, "::1"))
    if len(sys.argv) > 2:
        say("asked for", lambda: connect(sys.argv[2]) and "reached")
    if os.path.exists("/busybox"):
        os.spawnv(os.P_WAIT, "/busybox", ["busybox", "sh", "/script"])


def child():
    try:
        os.chroot(folder)
    except OSError as error:
        print("chroot:", error.strerror, flush=True)
        return
    inside()
    # and as nobody, whose root it is, too
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    say("a socket of root's", lambda: connect("/stream"))
    say("a name in root's folder", lambda: listener("/mine") and "made")


# a server's child: the server itself stays where it was
server = listener(f"{folder}/outer")
pid = os.fork()
if pid == 0:
    child()
    os._exit(0)
os.waitpid(pid, 0)
say("outside of it", lambda: connect(f"{folder}/outer"))
say("its listener has gone", lambda: connect(f"{folder}/stream"))
