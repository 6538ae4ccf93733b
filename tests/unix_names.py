# SPDX-License-Identifier: Apache-2.0
# AF_UNIX sockets with names: a server and a client by each kind of name, one
# line each; then the socket that the first argument names, which is another's.
import os
import socket
import sys
import tempfile
import threading

folder = tempfile.mkdtemp()


def meet(label, name, kind):
    try:
        server = socket.socket(socket.AF_UNIX, kind)
        server.bind(name)
        server.listen(5)

        def serve():
            conn = server.accept()[0]
            conn.sendall(conn.recv(100).upper())
            conn.close()

        thread = threading.Thread(target=serve)
        thread.start()
        client = socket.socket(socket.AF_UNIX, kind)
        client.connect(name)
        client.sendall(b"hi")
        answer = client.recv(100).decode()
        thread.join()
        names = client.getpeername() == server.getsockname()
        print(label, answer, "same name" if names else "another name")
    except OSError as error:
        print(label, type(error).__name__)


meet("path", folder + "/stream", socket.SOCK_STREAM)
meet("seqpacket", folder + "/packets", socket.SOCK_SEQPACKET)
os.chdir(folder)
meet("relative", "relative", socket.SOCK_STREAM)
meet("abstract", "\0abstract", socket.SOCK_STREAM)
if len(sys.argv) > 1:
    try:
        other = socket.socket(socket.AF_UNIX)
        other.connect(sys.argv[1])
        print("another's", other.recv(100).decode())
    except OSError as error:
        print("another's", type(error).__name__)
