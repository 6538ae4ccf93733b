# SPDX-License-Identifier: Apache-2.0
# usage: memcached_client.py PORT: 100 connections store and read 100 values
# each, twice; then one value is read by a datagram.
import socket
import struct
import sys
import time

port = int(sys.argv[1])


def connect():
    for _ in range(100):
        try:
            s = socket.create_connection(("127.0.0.1", port), 20)
            s.sendall(b"version\r\n")
            if s.makefile("rb").readline().startswith(b"VERSION"):
                return s
        except OSError:
            pass
        time.sleep(0.1)
    sys.exit("no server")


right = 0
socks = [connect() for _ in range(100)]
files = [s.makefile("rb") for s in socks]
for turn in range(2):
    for n, s in enumerate(socks):
        s.sendall(b"".join(b"set k%d-%d 0 0 9\r\nv%03d-%03d%d\r\n"
                           % (n, i, n, i, turn) for i in range(100)))
    for f in files:
        right += sum(f.readline() == b"STORED\r\n" for _ in range(100)) // 200
    for n, s in enumerate(socks):
        s.sendall(b"".join(b"get k%d-%d\r\n" % (n, i) for i in range(100)))
    for n, f in enumerate(files):
        for i in range(100):
            f.readline()
            right += f.readline() == b"v%03d-%03d%d\r\n" % (n, i, turn)
            f.readline()
print(right, "right")

u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.settimeout(1)
answer = b""
for _ in range(10):
    u.sendto(struct.pack("!HHHH", 1, 0, 1, 0) + b"get k3-4\r\n",
             ("127.0.0.1", port))
    try:
        answer = u.recv(2000)
        break
    except OSError:
        pass
print("by UDP:", "yes" if b"v003-0041" in answer else repr(answer))
