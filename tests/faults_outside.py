# The machine's side of tests/test_relay_faults.sh: one port that echoes TCP and
# UDP, and another where a name server is. Prints both.
import socket
import struct
import threading


def echo(conn):
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    try:
        while True:
            data = conn.recv(65536)
            if not data:
                break
            # urgent data get urgent data
            if data == b"!":
                conn.send(b"!", socket.MSG_OOB)
                continue
            conn.sendall(data.lstrip(b"!") if data[:1] == b"!" else data)
    except OSError:
        pass
    conn.close()


def accept(listener, work):
    while True:
        conn = listener.accept()[0]
        threading.Thread(target=work, args=(conn,), daemon=True).start()


def answer(question, whole):
    end = question.index(b"\0", 12) + 5
    kind = struct.unpack("!H", question[end - 4:end - 2])[0]
    cut = not whole and question[13:14] == b"t"
    found = kind == 1 and not cut
    head = question[:2] + struct.pack(
        "!HHHHH", 0x8180 | (0x0200 if cut else 0), 1, found, 0, 0)
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes([203, 0, 113, 9])
    return head + question[12:end] + (record if found else b"")


def name_conn(conn):
    try:
        while True:
            size = conn.recv(2, socket.MSG_WAITALL)
            if len(size) < 2:
                break
            data = conn.recv(struct.unpack("!H", size)[0], socket.MSG_WAITALL)
            data = answer(data, True)
            conn.sendall(struct.pack("!H", len(data)) + data)
    except OSError:
        pass
    conn.close()


def both():
    while True:
        t = socket.create_server(("127.0.0.1", 0), backlog=64)
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            u.bind(t.getsockname())
            return t, u
        except OSError:
            pass


def names(u):
    while True:
        data, peer = u.recvfrom(4096)
        u.sendto(answer(data, False), peer)


et, eu = both()
nt, nu = both()
threading.Thread(target=accept, args=(et, echo), daemon=True).start()
threading.Thread(target=accept, args=(nt, name_conn), daemon=True).start()
threading.Thread(target=names, args=(nu,), daemon=True).start()
print(et.getsockname()[1], nt.getsockname()[1], flush=True)
while True:
    data, peer = eu.recvfrom(4096)
    eu.sendto(data, peer)
