"""A member of a shared network, for tests/test_network.sh.

serve:         TCP and UDP echoes at port 5432, until standard input ends
dial WHERE...: connects to each, "ADDRESS word" or the error's name
udp WHERE:     a datagram and its answer
ping WHERE:    an echo request, by a ping socket
keep WHERE:    a connection; each line of standard input goes there and back
hash WHERE N GATE:  N MiB there and back, the second half when there is GATE
"""
import errno, hashlib, os, select, socket, sys, threading, time

PORT = 5432


def echo(s):
    try:
        while True:
            data = s.recv(65536)
            if not data:
                break
            s.sendall(data)
    except OSError:
        pass
    s.close()


def accept(listener):
    while True:
        s = listener.accept()[0]
        threading.Thread(target=echo, args=(s,), daemon=True).start()


def serve():
    u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    u.bind(("::", PORT))
    listener = socket.create_server(("::", PORT), family=socket.AF_INET6,
                                    dualstack_ipv6=True)
    threading.Thread(target=accept, args=(listener,), daemon=True).start()
    print("ready", flush=True)
    while True:
        ready = select.select([u, sys.stdin], [], [])[0]
        if sys.stdin in ready and not sys.stdin.read(1):
            return
        if u in ready:
            data, peer = u.recvfrom(100)
            u.sendto(data, peer)


def dial(where):
    try:
        with socket.create_connection((where, PORT), 20) as s:
            s.sendall(b"hello")
            return s.getpeername()[0], s.recv(5).decode()
    except socket.gaierror as e:
        return "no", "name"
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e)), ""


def udp(where):
    family, kind, proto, _, addr = socket.getaddrinfo(
        where, PORT, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as s:
        s.settimeout(20)
        s.connect(addr)
        s.send(b"datagram")
        return s.recv(100).decode()


def ping(where):
    family, _, _, _, addr = socket.getaddrinfo(where, None)[0]
    v6 = family == socket.AF_INET6
    proto = socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP
    with socket.socket(family, socket.SOCK_DGRAM, proto) as s:
        s.settimeout(20)
        try:
            s.connect(addr)
            s.send(bytes([128 if v6 else 8]) + bytes(7) + b"ping")
            data, peer = s.recvfrom(100)
        except OSError as e:
            return errno.errorcode.get(e.errno, str(e))
        return "%s %d %s" % (peer[0], data[0], data[8:].decode())


def keep(where):
    s = socket.create_connection((where, PORT), 20)
    s.settimeout(60)
    print("open", flush=True)
    for line in sys.stdin:
        try:
            s.sendall(line.encode())
            got = s.recv(100).decode().strip() or "end"
        except OSError as e:
            got = errno.errorcode.get(e.errno, str(e))
        print(got, flush=True)


def exchange(where, mib, gate):
    s = socket.create_connection((where, PORT), 20)
    sent, got = hashlib.sha256(), hashlib.sha256()

    def send():
        for i in range(mib):
            if i == mib // 2:
                print("half", flush=True)
                while not os.path.exists(gate):
                    time.sleep(0.02)
            block = os.urandom(1 << 20)
            sent.update(block)
            s.sendall(block)
        s.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=send)
    thread.start()
    size = 0
    while True:
        data = s.recv(1 << 16)
        if not data:
            break
        size += len(data)
        got.update(data)
    thread.join()
    print(size >> 20, "same" if sent.digest() == got.digest() else "differ",
          flush=True)


what, words = sys.argv[1], sys.argv[2:]
if what == "serve":
    serve()
elif what == "dial":
    for where in words:
        print(*dial(where), flush=True)
elif what == "udp":
    print(udp(words[0]))
elif what == "ping":
    print(ping(words[0]))
elif what == "keep":
    keep(words[0])
elif what == "hash":
    exchange(words[0], int(words[1]), words[2])
