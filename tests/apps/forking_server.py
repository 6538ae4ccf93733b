# A prefork server whose children fork once more for each connection; the
# parent of all only waits. Prints what the clients got, then "done".
import os
import socket

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", 0))
listener.listen(16)


def serve_one(conn):
    data = b""
    while True:
        piece = conn.recv(65536)
        if not piece:
            break
        data += piece
    peer = conn.getpeername()[0].encode()
    conn.sendall(data.upper() + b" from " + peer)
    conn.close()
    os._exit(0)


def worker():
    for _ in range(5):
        conn, _addr = listener.accept()
        child = os.fork()
        if child == 0:
            serve_one(conn)
        conn.close()
        os.waitpid(child, 0)
    os._exit(0)


def client(number):
    conn = socket.create_connection(listener.getsockname())
    conn.sendall(b"client %d" % number + b"x" * 100000)
    conn.shutdown(socket.SHUT_WR)
    got = b""
    while True:
        piece = conn.recv(65536)
        if not piece:
            break
        got += piece
    conn.close()
    return got.replace(b"X" * 100000, b"...").decode()


workers = []
for _ in range(2):
    pid = os.fork()
    if pid == 0:
        worker()
    workers.append(pid)
for n in range(10):
    print(client(n))
for pid in workers:
    os.waitpid(pid, 0)
print("done")
