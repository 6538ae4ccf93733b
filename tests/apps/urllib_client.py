# SPDX-License-Identifier: Apache-2.0
"""What a python program does with urllib: one line a case."""
import concurrent.futures
import errno
import hashlib
import socket
import sys
import urllib.error
import urllib.request

base, closed, big_sum = sys.argv[1:4]


def get(path, **kw):
    with urllib.request.urlopen(base + path, timeout=30, **kw) as answer:
        return answer.read()


print("page", "ok" if get("/small.txt") == b"a small page\n" else "wrong")
data = bytes(range(256)) * 4096
want = f"{len(data)} {hashlib.sha256(data).hexdigest()}\n".encode()
print("upload", "ok" if get("/up", data=data) == want else "wrong")
try:
    get("/none")
except urllib.error.HTTPError as error:
    print(error.code, "ok")
try:
    urllib.request.urlopen(closed, timeout=30)
except urllib.error.URLError as error:
    print("refused", errno.errorcode[error.reason.errno])
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    pages = list(pool.map(get, ["/small.txt"] * 200))
print("16 threads", "ok" if set(pages) == {b"a small page\n"} else "wrong")
try:
    urllib.request.urlopen(base + "/stall/5", timeout=0.5).read()
except (socket.timeout, TimeoutError):
    print("timeout ok")
print("big", "ok" if hashlib.sha256(get("/big.bin")).hexdigest() == big_sum
      else "wrong")
