#!/usr/bin/env bash
# Every event of fdnet-events(5) happens, and each line has what the page says.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
relay=$top_build/fdnet-relay
ctl=$top_build/fdnet-ctl
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN
export FDNET_CONTROL=$work/control

names=$(free_port)
/usr/bin/python3 -S "$top_src/tests/name_server.py" "$names" "$work/asked" &
kill_at_end+=("$!")
wait_port "$names"
echo=$(free_port)
/usr/bin/python3 -S -c 'import socket, sys, threading
where = ("127.0.0.1", int(sys.argv[1]))
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(where)
def udp():
    while True:
        data, peer = u.recvfrom(100)
        u.sendto(data, peer)
threading.Thread(target=udp, daemon=True).start()
l = socket.create_server(where)
while True:
    s = l.accept()[0]
    s.sendall(s.recv(100))
    s.close()' "$echo" &
kill_at_end+=("$!")
wait_port "$echo"
nobody=$(free_port)
published=$(free_port)

cat >"$work/policy" <<END
allow host:$echo
allow host:$echo/udp
allow host:$nobody
allow *.test:443
publish $published:80
END
mkfifo "$work/go"
timeout 200 "$run" -q --control "$FDNET_CONTROL" --record "$work/record" \
	--policy "$work/policy" --dns "127.0.0.1:$names" -- \
	/usr/bin/python3 -S -c '
import socket, sys
echo, nobody = int(sys.argv[1]), int(sys.argv[2])
listener = socket.create_server(("0.0.0.0", 80))
s = socket.create_connection(("10.0.2.2", echo))
s.sendall(b"x"); s.recv(1); s.close()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.connect(("10.0.2.2", echo)); u.send(b"x"); u.recv(1)
for where in ("10.0.2.2", nobody), ("93.184.216.99", 80):
    try: socket.create_connection(where)
    except OSError: pass
p = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1)
p.connect(("93.184.216.99", 0))
try: p.send(bytes([8]) + bytes(7)); p.recv(100)
except OSError: pass
for name in "plain.test", "plain.other", "rebind.test":
    try: socket.gethostbyname(name)
    except OSError: pass
# by the name that was looked up, for a port that no rule allows
try: socket.create_connection(("93.184.216.34", 80))
except OSError: pass
print("ready", flush=True)
c = listener.accept()[0]
c.sendall(c.recv(1))
c.close()
print("served", flush=True)
open(sys.argv[3]).read()' "$echo" "$nobody" "$work/go" \
	>"$work/out" 2>"$work/err" </dev/null &
sandbox=$!
kill_at_end+=("$sandbox")
wait_until 60 grep -q ready "$work/out"
/usr/bin/python3 -S -c 'import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"x"); s.recv(1)' "$published"
wait_until 60 grep -q served "$work/out"
"$ctl" capture on "$work/pcap" >/dev/null || not_ok "capture on"
"$ctl" capture off >/dev/null || not_ok "capture off"
sed -i '/publish/d' "$work/policy"
"$ctl" reload >/dev/null || not_ok "reload"
timeout 60 "$relay" --takeover "$FDNET_CONTROL" </dev/null || not_ok "takeover"
echo >"$work/go"
wait "$sandbox"
same "the program ends well" "0 " "$? $(cat "$work/err")"
ended() {
	grep -q '"event":"detach"' "$work/record"
}
wait_until 20 ended
timeout 60 "$run" -q --record "$work/full" --record-size 4 --allow \
	"host:$echo" -- /usr/bin/python3 -S -c 'import socket, sys
for _ in range(30):
    s = socket.create_connection(("10.0.2.2", int(sys.argv[1])))
    s.sendall(b"x"); s.recv(1); s.close()' "$echo" </dev/null
same "each event happens, and has what the page says" "" \
	"$(/usr/bin/python3 -S "$top_src/tests/events_check.py" \
		"$top_src/man/fdnet-events.5" "$work/record" "$work/full" 2>&1)"

# record EXPRESSION: of the lines, as e
record() {
	/usr/bin/python3 -S -c 'import json, sys
e = [json.loads(line) for line in open(sys.argv[1])]
print(eval("(" + sys.argv[2] + ")"))' "$work/record" "$1" 2>&1
}
same "a flow has one number from open to close" "True" "$(record '
	sorted(x["flow"] for x in e if x["event"] == "open") ==
	sorted(x["flow"] for x in e if x["event"] == "close" and
		x["flow"] not in [y["flow"] for y in e if y["event"] == "fail"])')"
same "a refusal by no rule says what kind of address it is" "True" \
	"$(record 'any(x["reason"] == "public" for x in e
		if x["event"] == "deny")')"
same "and the name, if it was looked up" "True" \
	"$(record 'any(x.get("name") == "plain.test" for x in e
		if x["event"] == "deny")')"
same "a client of a published port is named as such" "True" \
	"$(record 'any(x["src"] == "10.0.2.15:80" and "client" in x for x in e
		if x["event"] == "open")')"
same "a failure has the host's word" "Connection refused" \
	"$(record '[x["error"] for x in e if x["event"] == "fail"][0]')"
same "who was asked for a name that leads inside" "rebind.test 10.1.2.3" \
	"$(record '[x["name"] + " " + x["dst"] for x in e
		if x["event"] == "rebind"][0]')"
same "times only grow" "True" \
	"$(record '[x["time"] for x in e] == sorted(x["time"] for x in e)')"

finish
