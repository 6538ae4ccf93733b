# SPDX-License-Identifier: Apache-2.0
"""A large transfer, of which both ends print a hash.

usage: bulk.py serve PORT send|recv MIB GATE | bulk.py ask HOST PORT send|recv MIB

The server stops after the half until there is a file GATE.1, and after three
quarters until there is GATE.2.
"""
import hashlib
import os
import socket
import sys
import time

BLOCK = 1 << 20


def blocks(mib):
    """Megabytes that all differ, and are quickly made."""
    seed = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(BLOCK // 32))
    for i in range(mib):
        at = i * 4099 % BLOCK
        yield b"%08d" % i + seed[at:] + seed[: at - 8 if at >= 8 else 0]


class Gates:
    """What stops a server on its way."""

    def __init__(self, name, mib):
        self.left = [(mib << 19, name + ".1"), (mib * 3 << 18, name + ".2")]

    def wait(self, count):
        while self.left and count >= self.left[0][0]:
            if os.path.exists(self.left[0][1]):
                self.left.pop(0)
            else:
                time.sleep(0.02)


def transfer(conn, how, mib, gates=None):
    digest, count = hashlib.sha256(), 0
    if how == "send":
        for block in blocks(mib):
            if gates:
                gates.wait(count)
            conn.sendall(block)
            digest.update(block)
            count += len(block)
        conn.shutdown(socket.SHUT_WR)
        conn.recv(1)
    else:
        while True:
            if gates:
                gates.wait(count)
            block = conn.recv(BLOCK)
            if not block:
                break
            digest.update(block)
            count += len(block)
    conn.close()
    print(digest.hexdigest(), count >> 20, "MiB", flush=True)


def main(argv):
    if argv[1] == "serve":
        server = socket.create_server(("127.0.0.1", int(argv[2])))
        conn, _ = server.accept()
        mib = int(argv[4])
        transfer(conn, argv[3], mib, Gates(argv[5], mib))
    else:
        conn = socket.create_connection((argv[2], int(argv[3])))
        transfer(conn, argv[4], int(argv[5]))


main(sys.argv)
