"""A name server for test_resolver.sh: resolver_server.py LOG

On port 53 of 127.0.0.1 and ::1, over UDP and TCP. Each question goes into LOG
as "udp|tcp TYPE NAME". A name that is not in the table does not exist; one
below "drop" gets no answer, one below "fail" SERVFAIL, and so on.
"""
import socket
import struct
import sys
import threading

A, CNAME, PTR, TXT, AAAA = 1, 5, 12, 16, 28
V4 = "93.184.216.%d"
V6 = "2606:2800:220:1::%x"


def name(text):
    return b"".join(bytes([len(p)]) + p.encode("latin1")
                    for p in text.split(".") if p) + b"\0"


def record(owner, kind, data):
    return name(owner) + struct.pack(">HHIH", kind, 1, 60, len(data)) + data


TABLE = {}


def has(owner, *values):
    """values: (kind, text)"""
    TABLE[owner] = values


for i, one in enumerate(["one.test", "host.sub.test", "host.other.test",
                         "x.y.sub.test", "under_score.test",
                         "xn--bcher-kva.test", "deep.a.b.test", "only4.test",
                         "onlysub.other.test", "single"]):
    has(one, (A, V4 % (10 + i)))
has("two.test", (A, V4 % 2), (A, V4 % 3))
has("six.test", (AAAA, V6 % 6))
has("sixes.test", (AAAA, V6 % 7), (AAAA, V6 % 8))
has("both.test", (A, V4 % 4), (AAAA, V6 % 4))
has("both.sub.test", (A, V4 % 5), (AAAA, V6 % 5))
has("many.test", (A, V4 % 30), (A, V4 % 31), (A, V4 % 32), (AAAA, V6 % 30),
    (AAAA, V6 % 31))
has("alias.test", (CNAME, "one.test"))
has("chain.test", (CNAME, "middle.test"))
has("middle.test", (CNAME, "both.test"))
has("hanging.test", (CNAME, "nothing.test"))
has("tonodata.test", (CNAME, "nodata.test"))
has("nodata.test")
has("nodata.sub.test")
has("text.test", (TXT, "some text"))
has("long.test", *[(A, V4 % (100 + i)) for i in range(60)])
has("10.216.184.93.in-addr.arpa", (PTR, "one.test"))
has("2.216.184.93.in-addr.arpa", (PTR, "two.test"), (PTR, "second.test"))
has("3.216.184.93.in-addr.arpa", (CNAME, "3.nets.test"))
has("3.nets.test", (PTR, "three.test"))
has("4.216.184.93.in-addr.arpa", (PTR, "xn--bcher-kva.test"))
has("5.216.184.93.in-addr.arpa", (PTR, "host.sub.test"))
has("6.216.184.93.in-addr.arpa", (PTR, "bad name.test"))
has("7.216.184.93.in-addr.arpa")
has("6" + ".0" * 15 + ".1.0.0.0.0.2.2.0.0.0.8.2.6.0.6.2.ip6.arpa",
    (PTR, "six.test"))


def data_of(kind, text):
    if kind == A:
        return socket.inet_aton(text)
    if kind == AAAA:
        return socket.inet_pton(socket.AF_INET6, text)
    if kind == TXT:
        return bytes([len(text)]) + text.encode()
    return name(text)


def records(owner, kind):
    """Those of a kind, behind aliases."""
    out = []
    for _ in range(8):
        values = TABLE.get(owner)
        if values is None:
            return out, 3
        found = [v for v in values if v[0] == kind or kind == 255]
        out += [record(owner, k, data_of(k, text)) for k, text in found]
        alias = [text for k, text in values if k == CNAME]
        if found or not alias:
            return out, 0
        out.append(record(owner, CNAME, name(alias[0])))
        owner = alias[0]
    return out, 2


def answer(query, how):
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("latin1"))
        at += 1 + query[at]
    owner = ".".join(labels).lower()
    kind, = struct.unpack(">H", query[at + 1:at + 3])
    with open(sys.argv[1], "a") as log:
        log.write("%s %d %s\n" % (how, kind, owner))
    found, code = records(owner, kind)
    first = labels[0].lower() if labels else ""
    if first == "drop" or first == "drop6" and kind == AAAA:
        return None
    if first == "fail" or first == "fail6" and kind == AAAA:
        found, code = [], 2
    if first == "refuse":
        found, code = [], 5
    if first == "notimp":
        found, code = [], 4
    if first == "format":
        found, code = [], 1
    if first in ("fail6", "drop6", "nx6") and kind == A:
        found, code = [record(owner, A, socket.inet_aton(V4 % 60))], 0
    if first == "cut" and how == "udp":
        found, code = [], 0x200
    elif first == "cut":
        found, code = [record(owner, A, socket.inet_aton(V4 % 61))], 0
    if how == "udp" and sum(map(len, found)) > 400:
        found, code = [], 0x200
    head = query[:2] + struct.pack(">HHHHH", 0x8580 | code, 1, len(found),
                                   0, 0)
    return head + query[12:at + 5] + b"".join(found)


def serve_udp(sock):
    while True:
        packet, peer = sock.recvfrom(4096)
        reply = answer(packet, "udp")
        if reply:
            sock.sendto(reply, peer)


def serve_conn(conn):
    data = b""
    while True:
        got = conn.recv(4096)
        if not got:
            break
        data += got
        while len(data) >= 2 and len(data) >= 2 + (data[0] << 8 | data[1]):
            size = data[0] << 8 | data[1]
            reply = answer(data[2:2 + size], "tcp")
            if reply:
                conn.sendall(struct.pack(">H", len(reply)) + reply)
            data = data[2 + size:]
    conn.close()


def serve_tcp(sock):
    while True:
        conn = sock.accept()[0]
        threading.Thread(target=serve_conn, args=(conn,),
                         daemon=True).start()


for family, at in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    tcp = socket.socket(family)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tcp.bind((at, 53))
    tcp.listen(20)
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.bind((at, 53))
    threading.Thread(target=serve_udp, args=(udp,), daemon=True).start()
    threading.Thread(target=serve_tcp, args=(tcp,), daemon=True).start()
threading.Event().wait()
