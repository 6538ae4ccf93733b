# SPDX-License-Identifier: Apache-2.0
# Whose rights AF_UNIX calls have, and who is seen at the other end: a line for
# each case, the same natively and inside.
#   unix_identity.py FOLDER            which is empty and ours
#   unix_identity.py FOLDER abstract   abstract names, too
#   unix_identity.py FOLDER host       services of the machine, by root
#   unix_identity.py FOLDER guest      uses them
# Started by root it becomes others; by anybody else, fewer cases.
import array
import ctypes
import errno
import os
import select
import socket
import stat
import struct
import sys

folder = sys.argv[1]
ROOT = os.getuid() == 0
NOBODY, SOMEBODY, GROUP = 65534, 61234, 61235
STREAM, PACKET = socket.SOCK_STREAM, socket.SOCK_SEQPACKET
libc = ctypes.CDLL(None, use_errno=True)


def at(name):
    return os.path.join(folder, name)


def fail(error):
    return errno.errorcode[error.errno]


def peer(conn):
    return struct.unpack("3i", conn.getsockopt(socket.SOL_SOCKET,
                                               socket.SO_PEERCRED, 12))


def in_child(function, *args):
    """What it prints, from a process of its own, after its pid."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            text = str(function(*args))
        except OSError as error:
            text = fail(error)
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    text = b""
    while part := os.read(reader, 1000):
        text += part
    os.close(reader)
    os.waitpid(pid, 0)
    return pid, text.decode()


def become(uid, groups=(), gid=None):
    os.setgroups(list(groups))
    os.setresgid(*[uid if gid is None else gid] * 3)
    os.setresuid(uid, uid, uid)


def serve(name, mode, kind=STREAM):
    server = socket.socket(socket.AF_UNIX, kind)
    server.bind(at(name))
    os.chmod(at(name), mode)
    if kind != socket.SOCK_DGRAM:
        server.listen(5)
    return server


def reach(name, kind=STREAM):
    with socket.socket(socket.AF_UNIX, kind) as conn:
        conn.connect(at(name))
        return "connected"


def reach_as(name, *who, kind=STREAM):
    become(*who)
    return reach(name, kind)


def make_as(name, *who, mask=0o22, kind=STREAM):
    become(*who)
    os.umask(mask)
    with socket.socket(socket.AF_UNIX, kind) as server:
        server.bind(at(name))
        found = os.stat(at(name))
        return (stat.S_ISSOCK(found.st_mode), oct(found.st_mode & 0o777),
                found.st_uid, found.st_gid)


def sent_as(name, *who):
    become(*who)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", at(name))
        return "sent"


def connect_as(name, *who):
    become(*who)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(at(name))
        return "connected"


def only_effective(name):
    os.setresgid(-1, NOBODY, -1)
    os.setgroups([])
    os.setresuid(-1, NOBODY, -1)
    first = None
    try:
        first = reach(name)
    except OSError as error:
        first = fail(error)
    os.setresuid(-1, 0, -1)
    return first, reach(name)


def only_files(name):
    libc.setfsuid(NOBODY)
    return reach(name)


def without_caps(name):
    """Root without CAP_DAC_OVERRIDE, to what another owns."""
    header = struct.pack("Ii", 0x20080522, 0)
    data = bytearray(24)
    buf = (ctypes.c_char * 24).from_buffer(data)
    if libc.syscall(125 if os.uname().machine == "x86_64" else 90,
                    header, buf) < 0:
        raise OSError(ctypes.get_errno(), "capget")
    caps = list(struct.unpack("6I", data))
    caps[0] &= ~2
    buf.raw = struct.pack("6I", *caps)
    if libc.syscall(126 if os.uname().machine == "x86_64" else 91,
                    header, buf) < 0:
        raise OSError(ctypes.get_errno(), "capset")
    return reach(name)


def rights():
    servers = [serve("s600", 0o600), serve("s666", 0o666),
               serve("p600", 0o600, PACKET), serve("s660", 0o660),
               serve("d600", 0o600, socket.SOCK_DGRAM),
               serve("d666", 0o666, socket.SOCK_DGRAM)]
    os.chown(at("s660"), 0, GROUP)
    os.mkdir(at("private"), 0o700)
    servers.append(serve("private/s", 0o666))
    os.mkdir(at("open"))
    os.chmod(at("open"), 0o1777)
    servers.append(serve("s-somebody", 0o600))
    os.chown(at("s-somebody"), SOMEBODY, SOMEBODY)
    os.chmod(at("s-somebody"), 0o600)

    def show(what, function, *args, **named):
        print(what + ":", in_child(lambda: function(*args, **named))[1])

    show("0600 by root", reach, "s600")
    show("0600 by nobody", reach_as, "s600", NOBODY)
    show("0600 packets by nobody", reach_as, "p600", NOBODY, kind=PACKET)
    show("0666 by nobody", reach_as, "s666", NOBODY)
    show("0660 by a member", reach_as, "s660", NOBODY, [GROUP])
    show("0660 by a member of another", reach_as, "s660", NOBODY, [SOMEBODY])
    show("0660 by its group", reach_as, "s660", NOBODY, [], GROUP)
    show("in a closed folder", reach_as, "private/s", NOBODY)
    show("not in a closed folder", reach_as, "private/none", NOBODY)
    show("not there", reach_as, "none", NOBODY)
    show("its own", reach_as, "s-somebody", SOMEBODY)
    show("another's", reach_as, "s-somebody", NOBODY)
    show("effective user", only_effective, "s600")
    show("user of files", only_files, "s600")
    show("without capability", without_caps, "s-somebody")
    show("make where it may not", make_as, "n1", NOBODY)
    show("make in a closed folder", make_as, "private/n2", NOBODY)
    show("make where it may", make_as, "open/n3", NOBODY)
    show("make with a mask", make_as, "open/n4", NOBODY, [], GROUP, mask=0o77)
    show("make by root", make_as, "open/n5", 0, mask=0o7)
    show("make a packet one", make_as, "open/n6", SOMEBODY, kind=PACKET)
    show("make a datagram one", make_as, "open/n7", SOMEBODY,
         kind=socket.SOCK_DGRAM)
    show("make a datagram one where it may not", make_as, "n8", SOMEBODY,
         kind=socket.SOCK_DGRAM)
    show("send to 0600", sent_as, "d600", NOBODY)
    show("send to 0666", sent_as, "d666", NOBODY)
    show("connect to 0600", connect_as, "d600", NOBODY)
    show("connect to 0666", connect_as, "d666", NOBODY)


def who_connects(name, kind, uid):
    """Connects, tells who listens, waits until it was accepted."""
    if uid is not None:
        become(uid)
    conn = socket.socket(socket.AF_UNIX, kind)
    conn.connect(name)
    parent = os.getppid()
    pid, user, group = peer(conn)
    conn.recv(1)
    return pid == parent, user, group


def peers(what, address, kind, users):
    server = socket.socket(socket.AF_UNIX, kind)
    server.bind(address)
    if address[0] != 0:
        os.chmod(address, 0o666)
    server.listen(5)
    pipes, pids = [], []
    for uid in users:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                text = str(who_connects(address, kind, uid))
            except OSError as error:
                text = fail(error)
            os.write(writer, text.encode())
            os._exit(0)
        os.close(writer)
        pipes.append(reader)
        pids.append(pid)
    for _ in users:
        conn = server.accept()[0]
        pid, user, group = peer(conn)
        index = pids.index(pid) if pid in pids else None
        right = index is not None and users[index] in (None, user)
        print(what + " who:", right, group == (0 if users[0] is None and ROOT
              else group) or user == group, flush=True)
        conn.send(b"x")
        conn.close()
    for reader in pipes:
        print(what + " sees:", os.read(reader, 100).decode(), flush=True)
    for pid in pids:
        os.waitpid(pid, 0)
    # a connection of one's own, whose other end is gone when it is taken
    own = socket.socket(socket.AF_UNIX, kind)
    own.connect(address)
    own.close()
    conn = server.accept()[0]
    print(what + " own:", peer(conn) == (os.getpid(), os.getuid(),
                                         os.getgid()))
    a, b = socket.socketpair(socket.AF_UNIX, kind)
    print(what + " pair:", peer(a) == peer(b) == (os.getpid(), os.getuid(),
                                                  os.getgid()))


def listener_who_gave_up(address):
    """The one who connects sees who has listened."""
    def serve_as():
        become(NOBODY)
        server = socket.socket(socket.AF_UNIX)
        server.bind(address)
        server.listen(5)
        os.write(writer, b"x")
        conn = server.accept()[0]
        return peer(conn)[1:]
    reader, writer = os.pipe()
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(into, str(serve_as()).encode())
        os._exit(0)
    os.read(reader, 1)
    with socket.socket(socket.AF_UNIX) as conn:
        conn.connect(address)
        print("listens:", peer(conn) == (pid, NOBODY, NOBODY))
        print("connects:", os.read(out, 100).decode())
    os.waitpid(pid, 0)


def messages():
    """Users that go with messages on a connection are the kernel's own."""
    server = serve("messages", 0o666)
    pid = os.fork()
    if pid == 0:
        if ROOT:
            become(NOBODY)
        with socket.socket(socket.AF_UNIX) as conn:
            conn.connect(at("messages"))
            conn.send(b"x")
            conn.recv(1)
        os._exit(0)
    conn = server.accept()[0]
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    _, control, _, _ = conn.recvmsg(10, 100)
    cred = struct.unpack("3i", control[0][2][:12])
    # noted when it was sent, perhaps before it was asked for
    print("message:", cred[0] in (0, pid), cred[1] in (
        NOBODY if ROOT else os.getuid(), 65534))
    conn.send(b"x")
    os.waitpid(pid, 0)


def host():
    """Services of the machine, told by a file when they are there."""
    servers = [serve("h600", 0o600), serve("h666", 0o666),
               serve("hd600", 0o600, socket.SOCK_DGRAM),
               serve("hd666", 0o666, socket.SOCK_DGRAM)]
    for server in servers:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    open(at("ready"), "w").close()
    while True:
        for server in select.select(servers, [], [])[0]:
            source = server
            if server.type != socket.SOCK_DGRAM:
                source = server.accept()[0]
                user = peer(source)[1]
            data, control, _, _ = source.recvmsg(100, 100)
            sender = struct.unpack("3i", control[0][2][:12])[1]
            if server.type == socket.SOCK_DGRAM:
                print(data.decode(), "from", sender, flush=True)
            else:
                source.send(b"%d %d" % (user, sender))
                source.close()


def ask_as(name, *who):
    become(*who)
    with socket.socket(socket.AF_UNIX) as conn:
        conn.connect(at(name))
        conn.send(b"x")
        return conn.recv(100).decode()


def tell_as(what, name, *who):
    become(*who)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        if what == "named":
            sender.sendto(what.encode(), at(name))
        else:
            sender.connect(at(name))
            sender.send(what.encode())
    return "sent"


def tell_later(name):
    """Opened by root, used by nobody."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(at(name))
        become(NOBODY)
        sender.send(b"later")
    return "sent"


def guest():
    for name in ("h600", "h666"):
        print(name, "root:", in_child(ask_as, name, 0)[1])
        print(name, "nobody:", in_child(ask_as, name, NOBODY)[1])
    for name in ("hd600", "hd666"):
        for what in ("named", "connected"):
            print(name, what + ":",
                  in_child(tell_as, what, name, NOBODY)[1])
    print("hd666 later:", in_child(tell_later, "hd666")[1])


os.umask(0o22)
if "host" in sys.argv[2:]:
    host()
if "guest" in sys.argv[2:]:
    guest()
    sys.exit()
if ROOT:
    rights()
    listener_who_gave_up(at("open/listens"))
    users = [None, NOBODY, SOMEBODY, None, NOBODY]
else:
    users = [None] * 5
peers("stream", at("peers-stream").encode(), STREAM, users)
peers("packets", at("peers-packets").encode(), PACKET, users)
if "abstract" in sys.argv[2:]:
    peers("abstract", b"\0fdnet-identity-%d" % os.getpid(), STREAM, users)
messages()
