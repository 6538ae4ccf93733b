# SPDX-License-Identifier: Apache-2.0
# usage: redis_clients.py PORT: 1,000 connections to a redis, all of them used
# before, while and after it saves in a child; prints what they got.
import socket
import sys
import time

port = int(sys.argv[1])
COUNT = 1000


def ask(f, *words):
    f.write(b"*%d\r\n" % len(words) + b"".join(
        b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
    f.flush()
    line = f.readline()
    if line.startswith(b"$"):
        return f.read(int(line[1:]) + 2)
    return line.strip()


def start():
    while True:
        try:
            f = socket.create_connection(("127.0.0.1", port), 30)
            f = f.makefile("rwb")
            if ask(f, b"PING") == b"+PONG":
                return f
        except OSError:
            pass
        time.sleep(0.1)


def saving():
    return b"rdb_bgsave_in_progress:1" in ask(first, b"INFO", b"persistence")


first = start()
files = [start() for _ in range(COUNT - 1)] + [first]
print(sum(ask(f, b"SET", b"key %d" % n, b"v" * 1000) == b"+OK"
          for n, f in enumerate(files)), "have set")
# the child takes its time, so that it is there while all clients ask
ask(first, b"CONFIG", b"SET", b"rdb-key-save-delay", b"3000")
print(ask(first, b"BGSAVE").decode())
print("saving:", saving())
right = sum(ask(f, b"GET", b"key %d" % n) == b"v" * 1000 + b"\r\n"
            for n, f in enumerate(files))
print(right, "have got; still saving:", saving())
sys.stdout.flush()
sys.stdin.readline()
while saving():
    time.sleep(0.05)
print(ask(first, b"INFO", b"persistence").split(b"rdb_last_bgsave_status:")[1]
      .split()[0].decode())
print(sum(ask(f, b"INCR", b"sum") == b":%d" % (n + 1)
          for n, f in enumerate(files)), "have counted")
