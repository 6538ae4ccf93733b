"""A name server for the tests: name_server.py PORT LOG

Answers over UDP and TCP from the table below, and writes each question as
"udp|tcp TYPE NAME" into LOG. What is not in the table does not exist.
"""
import socket
import struct
import sys
import threading

A, NS, CNAME, SOA, PTR, TXT, AAAA, OPT = 1, 2, 5, 6, 12, 16, 28, 41


def name(text):
    return b"".join(bytes([len(p)]) + p.encode()
                    for p in text.split(".") if p) + b"\0"


def record(owner, kind, ttl, data):
    return name(owner) + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def a(owner, text, ttl=60):
    return record(owner, A, ttl, socket.inet_aton(text))


def aaaa(owner, text, ttl=60):
    return record(owner, AAAA, ttl, socket.inet_pton(socket.AF_INET6, text))


# of 2606:2800:220:1::1
PTR6 = ("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.2.2.0.0.0.8.2.6.0.6.2"
        ".ip6.arpa")
TABLE = {
    ("plain.test", A): [a("plain.test", "93.184.216.34")],
    ("plain.test", AAAA): [aaaa("plain.test", "2606:2800:220:1::1")],
    ("short.test", A): [a("short.test", "93.184.216.35", 1)],
    ("chain.test", A): [
        record("chain.test", CNAME, 60, name("middle.test")),
        record("middle.test", CNAME, 60, name("end.other")),
        a("end.other", "93.184.216.36")],
    ("chain.test", AAAA): [
        record("chain.test", CNAME, 60, name("end.other")),
        aaaa("end.other", "2606:2800:220:1::2")],
    ("mixed.test", A): [a("mixed.test", "93.184.216.37"),
                        a("mixed.test", "192.168.1.1")],
    ("alias.test", A): [record("alias.test", CNAME, 60, name("end.other")),
                        a("end.other", "172.16.0.1")],
    ("ula.test", AAAA): [aaaa("ula.test", "fd12::1")],
    ("link.test", AAAA): [aaaa("link.test", "fe80::1")],
    ("mapped.test", AAAA): [aaaa("mapped.test", "::ffff:10.1.2.3")],
    ("nat64.test", AAAA): [aaaa("nat64.test", "64:ff9b::10.1.2.3")],
    ("self.test", AAAA): [aaaa("self.test", "::1")],
    ("rebind.test", A): [a("rebind.test", "10.1.2.3")],
    ("loop.test", A): [a("loop.test", "127.0.0.1")],
    ("meta.test", A): [a("meta.test", "169.254.169.254")],
    ("long.test", A): [a("long.test", "93.184.%d.%d" % (i // 200, i % 200))
                       for i in range(100)],
    ("long.test", TXT): [record("long.test", TXT, 60, b"\xff" + b"x" * 255)
                         for i in range(30)],
    ("34.216.184.93.in-addr.arpa", PTR): [
        record("34.216.184.93.in-addr.arpa", PTR, 60, name("plain.test"))],
    (PTR6, PTR): [record(PTR6, PTR, 60, name("plain.test"))],
}
NAMES = {owner for owner, kind in TABLE}


def answer(query, udp):
    ident, flags, qd, _, _, extra = struct.unpack(">HHHHHH", query[:12])
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
        at += 1 + query[at]
    owner = ".".join(labels)
    kind, = struct.unpack(">H", query[at + 1:at + 3])
    end = at + 5
    limit = 512
    if extra and query[end] == 0 and query[end + 1:end + 3] == b"\0\x29":
        limit = struct.unpack(">H", query[end + 3:end + 5])[0]
    with open(sys.argv[2], "a") as log:
        log.write("%s %d %s\n" % ("udp" if udp else "tcp", kind, owner))
    records = TABLE.get((owner, kind), [])
    soa = [] if records else [record("test", SOA, 60, name("ns.test") +
                                     name("root.test") +
                                     struct.pack(">IIIII", 1, 2, 3, 4, 60))]
    code = 0 if owner in NAMES else 3
    body = b"".join(records + soa)
    head = struct.pack(">HHHHHH", ident, 0x8580 | code, 1, len(records),
                       len(soa), 0)
    data = head + query[12:end] + body
    if udp and len(data) > limit:
        head = struct.pack(">HHHHHH", ident, 0x8780 | code, 1, 0, 0, 0)
        data = head + query[12:end]
    return data


def serve_tcp(sock):
    while True:
        conn, _ = sock.accept()
        data = b""
        while True:
            got = conn.recv(4096)
            if not got:
                break
            data += got
            while len(data) >= 2:
                size = data[0] << 8 | data[1]
                if len(data) < 2 + size:
                    break
                reply = answer(data[2:2 + size], False)
                conn.sendall(struct.pack(">H", len(reply)) + reply)
                data = data[2 + size:]
        conn.close()


port = int(sys.argv[1])
tcp = socket.socket()
tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
tcp.bind(("127.0.0.1", port))
tcp.listen(10)
threading.Thread(target=serve_tcp, args=(tcp,), daemon=True).start()
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", port))
while True:
    packet, peer = udp.recvfrom(4096)
    udp.sendto(answer(packet, True), peer)
