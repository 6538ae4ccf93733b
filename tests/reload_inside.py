# The program of tests/test_reload.sh: servers at ports 80 and 81 that say which
# they are, over TCP and UDP; and what standard input asks for:
#   dial PORT   a connection to the host's PORT, kept; "ok" or the error
#   drop        those connections end
import errno, select, socket, sys

listeners, dgrams, clients, dialled = {}, {}, {}, []
for port in 80, 81:
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("0.0.0.0", port))
    s.listen()
    listeners[s] = port
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("0.0.0.0", port))
    dgrams[s] = port
print("ready", flush=True)

def command(words):
    if words[0] == "drop":
        while dialled:
            dialled.pop().close()
        return "ok"
    try:
        dialled.append(socket.create_connection((words[1], int(words[2])), 20))
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e))
    return "ok"

while True:
    ready = select.select([sys.stdin, *listeners, *dgrams, *clients], [], [])[0]
    for s in ready:
        if s is sys.stdin:
            line = sys.stdin.readline()
            if not line:
                sys.exit(0)
            print(command(line.split()), flush=True)
        elif s in listeners:
            client = s.accept()[0]
            clients[client] = listeners[s]
        elif s in dgrams:
            data, peer = s.recvfrom(100)
            s.sendto(b"%d" % dgrams[s], peer)
        elif s in clients:
            try:
                if s.recv(100):
                    s.sendall(b"%d" % clients[s])
                    continue
            except OSError:
                pass
            del clients[s]
            s.close()
