# SPDX-License-Identifier: Apache-2.0
# multiprocessing over AF_INET, and network sockets in its pipes and queues;
# prints what came of it.
import multiprocessing as mp
import os
import queue
import socket
import sys
from multiprocessing.connection import Client, Listener, wait
from multiprocessing.managers import BaseManager, SyncManager

LOCAL = ("127.0.0.1", 0)
KEY = b"a key"
shared_queue = queue.Queue()


class QueueManager(BaseManager):
    pass


QueueManager.register("get_queue", callable=lambda: shared_queue)


def add_up(address, n):
    m = SyncManager(address=address, authkey=KEY)
    m.connect()
    for i in range(4):
        m.get_queue().put(n * 100 + i)


SyncManager.register("get_queue", callable=lambda: shared_queue)


def manager():
    m = SyncManager(address=LOCAL, authkey=KEY)
    m.start()
    d, lock = m.dict(), m.Lock()
    ps = [mp.Process(target=add_up, args=(m.address, n)) for n in range(4)]
    for p in ps:
        p.start()
    got = [m.get_queue().get(timeout=30) for _ in range(16)]
    for p in ps:
        p.join()
    with lock:
        d["sum"] = sum(got)
    print("manager:", d["sum"], [p.exitcode for p in ps])
    m.shutdown()


def talk(address, n):
    with Client(address, authkey=KEY) as c:
        c.send({"number": n, "data": b"x" * 100000})
        assert c.recv() == n * 2


def listener():
    with Listener(LOCAL, authkey=KEY, backlog=8) as lis:
        ps = [mp.Process(target=talk, args=(lis.address, n)) for n in range(5)]
        for p in ps:
            p.start()
        conns, numbers = [lis.accept() for _ in ps], []
        while conns:
            for c in wait(conns):
                got = c.recv()
                c.send(got["number"] * 2)
                numbers.append((got["number"], len(got["data"])))
                conns.remove(c)
                c.close()
        for p in ps:
            p.join()
    print("listener:", sorted(numbers), [p.exitcode for p in ps])


def answer(sock):
    sock.sendall(sock.recv(99).upper())
    return sock.getsockname()[0]


def sockets_in_a_queue(method):
    # a socket is pickled as a descriptor that its receiver comes for
    ctx = mp.get_context(method)
    lis = socket.create_server(LOCAL)
    with ctx.Pool(2) as pool:
        for word in (b"one", b"two", b"three"):
            c = socket.create_connection(lis.getsockname())
            d, _ = lis.accept()
            c.sendall(word)
            where = pool.apply(answer, (d,))
            d.close()
            print(method + ":", where, c.recv(99), c.recv(99))


if __name__ == "__main__":
    # without fdnet-run, the first socket makes the sandbox
    socket.socket().close()
    print(os.path.basename(sys.argv[0]))
    manager()
    listener()
    for way in ("fork", "spawn", "forkserver"):
        sockets_in_a_queue(way)
