#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The kernel's end of bench/tun_tcp: the same pattern by the kernel's TCP.

    tun_tcp.py recv ADDR PORT          prints bytes and Mbit/s
    tun_tcp.py send ADDR PORT BYTES
    tun_tcp.py whole DEVICE            no offloads: a packet is a packet

The first two with cubic. The receiver measures, from accept() to the end of
file. A wrong byte ends it with status 1.
"""
import array
import fcntl
import os
import socket
import struct
import sys
import time

PERIOD = 65521


def pattern():
    x, out = 1, bytearray()
    for _ in range(PERIOD):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
        out.append(x >> 16 & 255)
    return memoryview(bytes(out) * 2)


def new_socket(addr):
    s = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET)
    try:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    except OSError as e:  # a comparison would not be one, but bytes are bytes
        print("tun_tcp.py: no cubic: %s" % e, file=sys.stderr)
    return s


def recv(addr, port):
    s = new_socket(addr)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((addr, port))
    s.listen(1)
    print("ready", flush=True)
    want, got = pattern(), 0
    c = s.accept()[0]
    start = time.monotonic()
    while True:
        b = c.recv(PERIOD)
        if not b:
            break
        at = got % PERIOD
        if b != want[at : at + len(b)]:
            sys.exit("wrong bytes")
        got += len(b)
    took = time.monotonic() - start
    print("received %d bytes %.3f s %.2f Mbit/s" % (got, took, got * 8 / took / 1e6))
    c.close()


def send(addr, port, total):
    s = new_socket(addr)
    for _ in range(100):
        try:
            s.connect((addr, port))
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    what, sent = pattern(), 0
    while sent < total:
        at = sent % PERIOD
        sent += s.send(what[at : at + min(PERIOD, total - sent)])
    s.shutdown(socket.SHUT_WR)
    s.recv(1)


def whole(device):
    """What loses and delays packets must not see bursts of them."""
    s = socket.socket(socket.AF_INET)
    for cmd in (0x1F, 0x24, 0x2C):  # ETHTOOL_STSO, _SGSO, _SGRO
        value = array.array("I", [cmd, 0])
        where = value.buffer_info()[0]
        request = struct.pack("16sP16x", device.encode(), where)
        fcntl.ioctl(s, 0x8946, request)  # SIOCETHTOOL


if os.environ.get("FIFO"):  # see tun_tcp.sh
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))
if sys.argv[1] == "whole":
    whole(sys.argv[2])
elif sys.argv[1] == "recv":
    recv(sys.argv[2], int(sys.argv[3]))
else:
    send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
