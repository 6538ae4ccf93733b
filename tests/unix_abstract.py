"""Abstract names of AF_UNIX datagram sockets: each line says what came of it.

usage: unix_abstract.py FOLDER WORD, with WORD in each name, so that runs that
share a network do not meet
"""
import array
import errno
import os
import select
import socket
import struct
import sys
import threading

folder, word = sys.argv[1], sys.argv[2].encode()


def name(text):
    return b"\0fdnet-" + word + b"-" + text.encode()


def shown(address):
    if isinstance(address, bytes):
        return address.replace(word, b"WORD")
    return address and address.replace(folder, "FOLDER")


def say(what, function):
    try:
        result = function()
    except OSError as error:
        result = errno.errorcode[error.errno]
    print(f"{what}: {result}", flush=True)


def datagram(address=None):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.settimeout(20)
    if address is not None:
        sock.bind(address)
    return sock


def received(sock):
    data, address = sock.recvfrom(65536)
    return data, shown(address)


server = datagram(name("server"))
say("its name", lambda: shown(server.getsockname()))
say("taken", lambda: datagram(name("server")))
say("bound again", lambda: server.bind(name("other")))
say("nobody there", lambda: datagram().sendto(b"x", name("none")))
say("nobody to connect to", lambda: datagram().connect(name("none")))

# with an address each
client = datagram()
say("sent", lambda: client.sendto(b"one", name("server")))
say("from nobody", lambda: received(server))
named = datagram(name("client"))
named.sendto(b"two", name("server"))
say("from a name", lambda: received(server))
server.sendto(b"three", name("client"))
say("answered", lambda: received(named))
pathed = datagram(folder + "/path")
pathed.sendto(b"four", name("server"))
say("from a path", lambda: received(server))
server.sendto(b"five", folder + "/path")
say("to a path, from a name", lambda: received(pathed))
say("of no bytes", lambda: client.sendto(b"", name("server")))
say("received", lambda: received(server))
long = bytes(range(256)) * 200
client.sendto(long, name("server"))
say("long", lambda: server.recv(65536) == long)

# connected
client.connect(name("server"))
say("its peer", lambda: shown(client.getpeername()))
client.send(b"six")
os.write(client.fileno(), b"seven")
say("in order", lambda: (server.recv(9), server.recv(9)))
other = datagram(name("third"))
only = datagram(name("only"))
only.connect(name("third"))
say("to one that is connected to another",
    lambda: server.sendto(b"x", name("only")))
say("to connect to it", lambda: datagram().connect(name("only")))
other.sendto(b"mine", name("only"))
say("by its peer", lambda: received(only))
client.connect(folder + "/path")
client.send(b"eight")
say("connected to a path then", lambda: received(pathed))
named.connect(folder + "/path")
named.send(b"nine")
say("and from a name", lambda: received(pathed))

# without a name: the kernel chooses
auto = datagram(b"")
say("chosen", lambda: (len(auto.getsockname()), auto.getsockname()[:1]))
auto.sendto(b"ten", name("server"))
data, address = server.recvfrom(100)
server.sendto(b"eleven", address)
say("answered by that", lambda: auto.recv(100))

# descriptors
read, write = os.pipe()
passer = datagram()
passer.connect(name("server"))
passer.sendmsg([b"pipe"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                            array.array("i", [write]))])
say("with a descriptor", lambda: server.recv(100))
RIGHTS = (socket.SOL_SOCKET, socket.SCM_RIGHTS)


def passed(sock, count=1, room=None, flags=0):
    """the message, and what was written into the pipes that came with it"""
    data, control, flags, address = sock.recvmsg(
        100, socket.CMSG_SPACE(4 * count) if room is None else room, flags)
    fds = array.array("i")
    for level, kind, body in control:
        if (level, kind) == RIGHTS:
            fds.frombytes(body[:len(body) - len(body) % 4])
    for fd in fds:
        os.write(fd, b"x")
    shut = [not os.get_inheritable(fd) for fd in fds]
    for fd in fds:
        os.close(fd)
    got = os.read(read, 100) if fds else b""
    return data, shown(address), shut, got, bool(flags & socket.MSG_CTRUNC)


def give(sock, data, address=None, count=1):
    control = [(*RIGHTS, array.array("i", [write] * count))]
    return sock.sendmsg([data], control, 0, *([address] if address else []))


third = datagram(name("fourth"))
third.connect(name("server"))
give(third, b"connected")
say("a descriptor, and its sender", lambda: passed(server))
say("a descriptor to an address",
    lambda: give(pathed, b"by name", name("server")))
say("it comes", lambda: passed(server))
give(third, b"by path", folder + "/path")
say("and by a path", lambda: passed(pathed))
give(pathed, b"three", name("server"), 3)
say("three", lambda: passed(server, 3))
give(pathed, b"cut", name("server"), 3)
say("without room for the third", lambda: passed(server, 2))
give(pathed, b"none", name("server"))
say("without any room", lambda: passed(server, room=0))
give(pathed, b"peeked", name("server"))
say("looked at", lambda: passed(server, flags=socket.MSG_PEEK))
say("and taken", lambda: passed(server))
say("one that is not open", lambda: pathed.sendmsg(
    [b"x"], [(*RIGHTS, array.array("i", [999]))], 0, name("server")))
say("too many", lambda: give(pathed, b"x", name("server"), 254))
server.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
give(pathed, b"both", name("server"))


def user_of(sock):
    control = sock.recvmsg(100, 200)[1]
    cred = [body for _, kind, body in control
            if kind == socket.SCM_CREDENTIALS]
    return len(control), struct.unpack("iII", cred[0])[1] == os.getuid()


say("with whom it is from", lambda: user_of(server))
server.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)

# many: whoever sends waits, none is lost, and their order stays
COUNT = 2000


def send_many(address):
    sender = datagram()
    sender.connect(address)
    for i in range(COUNT):
        sender.send(b"%d" % i)


def many(sock, address):
    thread = threading.Thread(target=send_many, args=[address])
    thread.start()
    numbers = [int(sock.recv(100)) for _ in range(COUNT)]
    thread.join()
    return numbers == list(range(COUNT))


say("many", lambda: many(server, name("server")))
say("many by a path", lambda: many(pathed, folder + "/path"))
waits = datagram()
waits.setblocking(False)
count = 0
try:
    while count < 5000:
        waits.sendto(b"x", name("server"))
        count += 1
except BlockingIOError:
    print("full: EAGAIN", flush=True)
while select.select([server], [], [], 0.5)[0]:
    server.recv(10)
    count -= 1
print("of those that were taken, lost:", count, flush=True)

# another process, and what is left when it has gone
pid = os.fork()
if pid == 0:
    child = datagram(name("child"))
    child.sendto(b"from a child", name("server"))
    child.recv(100)
    os._exit(0)
say("a child", lambda: received(server))
server.sendto(b"go", name("child"))
os.waitpid(pid, 0)
say("it has gone", lambda: server.sendto(b"x", name("child")))
server.close()
say("closed", lambda: datagram().sendto(b"x", name("server")))
say("its name is free", lambda: shown(datagram(name("server")).getsockname()))
