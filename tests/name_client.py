"""Questions to the sandbox's name server: name_client.py HOW TYPE NAME...

HOW is udp, tcp or edns (udp with an OPT record that offers 1232 bytes).
Prints for each name: the code, the number of records, truncated or not,
whether an OPT record came, and the addresses and names in the answer.
"""
import socket
import struct
import sys

TYPES = {"A": 1, "PTR": 12, "TXT": 16, "AAAA": 28}


def ask(how, kind, name):
    query = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, how == "edns")
    for label in name.split("."):
        query += bytes([len(label)]) + label.encode()
    query += b"\0" + struct.pack(">HH", TYPES[kind], 1)
    if how == "edns":
        query += b"\0" + struct.pack(">HHIH", 41, 1232, 0, 0)
    if how == "tcp":
        s = socket.create_connection(("10.0.2.3", 53), 10)
        s.sendall(struct.pack(">H", len(query)) + query)
        size = struct.unpack(">H", s.recv(2, socket.MSG_WAITALL))[0]
        return s.recv(size, socket.MSG_WAITALL)
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(10)
    s.sendto(query, ("10.0.2.3", 53))
    return s.recv(65535)


def read_name(data, at):
    labels, jumped = [], None
    while data[at]:
        if data[at] >= 0xc0:
            jumped = jumped or at + 2
            at = (data[at] & 0x3f) << 8 | data[at + 1]
            continue
        labels.append(data[at + 1:at + 1 + data[at]].decode())
        at += 1 + data[at]
    return ".".join(labels), jumped or at + 1


def show(data):
    _, flags, _, an, ns, ar = struct.unpack(">HHHHHH", data[:12])
    _, at = read_name(data, 12)
    at += 4
    opt, seen = False, []
    for i in range(an + ns + ar):
        _, at = read_name(data, at)
        kind, _, _, size = struct.unpack(">HHIH", data[at:at + 10])
        at += 10
        if kind == 41:
            opt = True
        elif i < an and kind == 1:
            seen.append(socket.inet_ntoa(data[at:at + 4]))
        elif i < an and kind == 28:
            seen.append(socket.inet_ntop(socket.AF_INET6, data[at:at + 16]))
        elif i < an and kind in (5, 12):
            seen.append(read_name(data, at)[0])
        at += size
    assert at == len(data), (at, len(data))
    print(flags & 15, an, "cut" if flags & 0x200 else "whole",
          "opt" if opt else "plain", *seen[:4])


for one in sys.argv[3:]:
    show(ask(sys.argv[1], sys.argv[2], one))
