# SPDX-License-Identifier: Apache-2.0
# AF_UNIX between the sandbox and the host.
#   unix_outside.py host FOLDER     services of the host
#   unix_outside.py guest FOLDER    a program that uses them, a line each
#   unix_outside.py call PATH       the host, to a listener of the program
import array
import errno
import hashlib
import os
import socket
import struct
import sys
import threading

STREAM, PACKET = socket.SOCK_STREAM, socket.SOCK_SEQPACKET
BULK = bytes(range(256)) * 16384  # 4 MiB


def pass_fd(conn, fd, data=b"x"):
    conn.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                           array.array("i", [fd]))])


def receive_fds(conn):
    data, control, _, _ = conn.recvmsg(100, 1000)
    fds = array.array("i")
    for _, kind, body in control:
        if kind == socket.SCM_RIGHTS:
            fds.frombytes(body[:len(body) - len(body) % fds.itemsize])
    return data, list(fds)


def read_all(conn):
    parts = []
    while part := conn.recv(65536):
        parts.append(part)
    return b"".join(parts)


def give(conn, what):
    if what == "pipe":
        reader, writer = os.pipe()
        os.write(writer, b"from a pipe")
        pass_fd(conn, reader)
    elif what == "file":
        fd = os.memfd_create("x")
        os.pwrite(fd, b"from a file", 0)
        pass_fd(conn, fd)
    elif what == "pair":
        ours, theirs = socket.socketpair()
        pass_fd(conn, theirs.fileno())
        theirs.close()
        ours.sendall(ours.recv(100).upper())
        ours.close()
    elif what == "behind":  # a file, a network socket, a file
        fds = [os.memfd_create("x"), socket.socket().detach(),
               os.memfd_create("x")]
        conn.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                               array.array("i", fds))])
    elif what == "take":
        os.write(receive_fds(conn)[1][0], b"the host wrote this")


def answer(conn):
    command = conn.recv(1)
    while not command.endswith(b"\n"):
        command += conn.recv(1)
    command = command.decode().strip()
    if command == "bulk":
        conn.sendall(hashlib.md5(read_all(conn)).hexdigest().encode())
        conn.sendall(BULK)
    elif command == "packets":
        while (part := conn.recv(1 << 20)) != b"end":
            conn.send(part)
    elif command == "who":
        conn.sendall(str(struct.unpack("3i", conn.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]).encode())
    else:
        give(conn, command)
    conn.close()


def serve(server):
    while True:
        conn = server.accept()[0]
        threading.Thread(target=answer, args=(conn,), daemon=True).start()


def host(folder):
    threads = []
    for name, kind in (("stream", STREAM), ("packets", PACKET)):
        server = socket.socket(socket.AF_UNIX, kind)
        server.bind(os.path.join(folder, name))
        server.listen(20)
        threads.append(threading.Thread(target=serve, args=(server,)))
        threads[-1].start()
    logger = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    logger.bind(os.path.join(folder, "log"))
    other = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    other.bind(os.path.join(folder, "other"))
    open(os.path.join(folder, "ready"), "w").close()
    for _ in range(2):
        print(logger.recv(100).decode(), flush=True)


def ask(folder, name, kind, command):
    conn = socket.socket(socket.AF_UNIX, kind)
    conn.connect(os.path.join(folder, name))
    for byte in command + "\n":
        conn.send(byte.encode())
    return conn


def bulk(folder):
    conn = ask(folder, "stream", STREAM, "bulk")
    sender = threading.Thread(
        target=lambda: (conn.sendall(BULK), conn.shutdown(socket.SHUT_WR)))
    sender.start()
    got = read_all(conn)
    sender.join()
    mine = hashlib.md5(BULK).hexdigest().encode()
    print("bulk", got[:32] == mine, got[32:] == BULK)


def packets(folder):
    conn = ask(folder, "packets", PACKET, "packets")
    same = []
    for size in (1, 0, 3, 100, 70000, 150000):
        conn.send(b"p" * size)
        same.append(len(conn.recv(1 << 20)) == size)
    conn.send(b"end")
    print("packets", all(same), conn.recv(10) == b"")


def gifts(folder):
    for what in ("pipe", "file", "pair", "behind"):
        conn = ask(folder, "stream", STREAM, what)
        fds = receive_fds(conn)[1]
        if what == "pipe":
            print("pipe", os.read(fds[0], 100).decode())
        elif what == "file":
            print("file", os.pread(fds[0], 100, 0).decode())
        elif what == "pair":
            pair = socket.socket(fileno=fds[0])
            pair.sendall(b"by a pair")
            print("pair", read_all(pair).decode())
        else:
            print("behind", len(fds))


def take(folder):
    conn = ask(folder, "stream", STREAM, "take")
    reader, writer = os.pipe()
    pass_fd(conn, writer)
    os.close(writer)
    print("take", os.read(reader, 100).decode())


def datagrams(folder):
    inside = os.path.join(folder, "inside")
    os.mkdir(inside)
    a, b = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in "ab")
    a.bind(inside + "/a")
    b.bind(inside + "/b")
    b.sendto(b"one", inside + "/a")
    first = a.recvfrom(100) == (b"one", inside + "/b")
    b.connect(inside + "/a")
    if os.fork() == 0:  # more than wait in the queue
        for number in range(100):
            b.send(b"%d" % number)
        os._exit(0)
    order = [a.recv(100) for _ in range(100)] == [b"%d" % n
                                                  for n in range(100)]
    os.wait()
    a.sendto(b"back", inside + "/b")
    names = (b.getpeername() == a.getsockname() == inside + "/a" and
             b.recvfrom(100) == (b"back", inside + "/a"))
    kind = a.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)
    print("inside", first, order, names, kind == socket.SOCK_DGRAM)
    a.close()
    try:
        b.send(b"to nobody")
        b.sendto(b"to nobody", inside + "/a")
    except OSError as error:
        print("nobody", error.errno == errno.ECONNREFUSED)
    # the host's logger, by libc's own inner calls and by a name
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.connect(os.path.join(folder, "log"))
    log.send(b"by connect")
    log.sendto(b"by name", os.path.join(folder, "log"))
    try:
        log.sendto(b"x", os.path.join(folder, "other"))
    except OSError as error:
        print("other", error.errno == errno.EACCES)


def called(folder):
    path = os.path.join(folder, "called")
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    os.chmod(path, 0o777)
    server.listen(5)
    conn = server.accept()[0]
    uid = struct.unpack("3i", conn.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
    print("called", read_all(conn).decode(), "by", uid)
    conn.sendall(b"answer")
    conn.close()


def guest(folder):
    print("who", ask(folder, "stream", STREAM, "who").recv(20).decode())
    bulk(folder)
    packets(folder)
    gifts(folder)
    take(folder)
    datagrams(folder)
    # more at once than wait in the listener's queue
    conns = [ask(folder, "stream", STREAM, "who") for _ in range(50)]
    print("many", sum(conn.recv(20) != b"" for conn in conns))
    # the service's end is seen
    print("end", conns[0].recv(20) == b"")
    called(folder)


def call(path):
    conn = socket.socket(socket.AF_UNIX)
    conn.connect(path)
    conn.sendall(b"a call")
    conn.shutdown(socket.SHUT_WR)
    print(read_all(conn).decode())


{"host": host, "guest": guest, "call": call}[sys.argv[1]](sys.argv[2])
