#!/usr/bin/env bash
# New policy files for a relay that runs: rules, published ports, limits and
# addresses, all of it or nothing.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
ctl=$top_build/fdnet-ctl
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN
export FDNET_CONTROL=$work/control

# ask ARGS...: sets out, err, rc
ask() {
	timeout 20 "$ctl" "$@" >"$work/out" 2>"$work/err" </dev/null
	rc=$?
	out=$(cat "$work/out")
	err=$(cat "$work/err")
}

# policy LINE...: the file has these, and the relay reads it
policy() {
	printf '%s\n' "$@" >"$work/policy"
	ask reload
}

# ports: what is published, "HOSTPORT>PORT/PROTO" each
ports() {
	ask -j status
	/usr/bin/python3 -S -c '
import json, sys
print(*sorted("%s>%d/%s" % (p["host"].split(":")[1], p["port"], p["proto"])
      for p in json.load(open(sys.argv[1]))["published"]))' "$work/out"
}

# peer: a client on the host; lines to it, one answer each
coproc PEER { exec /usr/bin/python3 -S -c '
import errno, socket, sys, threading
kept = {}
def until_end(s):
    s.recv(1)
    s.close()
def serve(listener):
    while True:
        s = listener.accept()[0]
        threading.Thread(target=until_end, args=(s,), daemon=True).start()
def ask(s):
    s.settimeout(20)
    s.send(b"?")
    return s.recv(10).decode() or "end"
for line in sys.stdin:
    what, port = line.split()
    try:
        if what == "tcp":
            with socket.create_connection(("127.0.0.1", int(port)), 20) as s:
                answer = ask(s)
        elif what == "keep":
            kept[port] = socket.create_connection(("127.0.0.1", int(port)), 20)
            answer = ask(kept[port])
        elif what == "again":
            answer = ask(kept[port])
        elif what == "udp":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.connect(("127.0.0.1", int(port)))
                answer = ask(s)
        elif what == "hold":
            kept[port] = socket.socket()
            kept[port].bind(("127.0.0.1", int(port)))
            kept[port].listen()
            threading.Thread(target=serve, args=(kept[port],),
                             daemon=True).start()
            answer = "ok"
    except OSError as e:
        answer = errno.errorcode.get(e.errno, str(e))
    print(answer, flush=True)'; } 2>/dev/null
kill_at_end+=("$PEER_PID")

# peer WORD PORT: sets said
peer() {
	echo "$1 $2" >&"${PEER[1]}"
	read -r -t 60 said <&"${PEER[0]}"
}

a=$(free_port) b=$(free_port) c=$(free_port) u=$(free_port) host=$(free_port)
peer hold "$host"
printf '%s\n' "allow host:$host" "publish $a:80" "publish 0:81" >"$work/policy"
mkfifo "$work/to" "$work/from"
timeout 300 "$run" -q --verbose --control "$FDNET_CONTROL" \
	--policy "$work/policy" --record "$work/record" --publish "$c:80" -- \
	/usr/bin/python3 -S "$top_src/tests/reload_inside.py" \
	<"$work/to" >"$work/from" 2>"$work/run.err" &
sandbox=$!
kill_at_end+=("$sandbox")
exec 7>"$work/to" 8<"$work/from"
read -r -t 60 said <&8
same "the program is there" ready "$said"

# inside WORDS: sets said
inside() {
	echo "$1" >&7
	read -r -t 60 said <&8
}

# ---- published ports ----
chosen=$(ports | grep -o '[0-9]*>81' | cut -d'>' -f1)
peer keep "$a"
same "a published port" 80 "$said"
peer keep "$c"
same "and the command line's" 80 "$said"
keep="publish 0:81"
policy "allow host:$host" "publish $a:80" "$keep" "publish $b:81" \
	"publish $u:81/udp"
same "a file that publishes more is taken" "0 1 rules; 0 flows closed" \
	"$rc $out"
peer tcp "$b"
same "a new port is open" 81 "$said"
peer udp "$u"
same "one for datagrams too" 81 "$said"
peer again "$a"
same "connections of one that stays go on" 80 "$said"
same "a port that was chosen is chosen still" \
	"$(printf '%s\n' "$a>80/tcp" "$b>81/tcp" "$c>80/tcp" \
		"$chosen>81/tcp" "$u>81/udp" | sort | xargs)" "$(ports)"
before=$(ports)

d=$(free_port)
policy "deny host:$host" "publish $d:80" "publish $a:80" \
	"  publish  $host:81" "publish $b:81"
same "a port that another has is refused" 1 "$rc"
matches "with its line and column, and why" \
	"4:12: port $host of 127.0.0.1 cannot be taken: Address already in use" \
	"$err"
same "and no port has changed" "$before" "$(ports)"
peer tcp "$d"
same "nor is one open that stood before it" ECONNREFUSED "$said"
inside "dial 10.0.2.2 $host"
same "nor have rules" ok "$said"
matches "the record says why" \
	'"reload","reason":"not done: line 4, column 12: port ' \
	"$(cat "$work/record")"

policy "allow host:$host" "$keep" "publish $b:80"
peer again "$a"
matches "a port that goes takes its connections along" \
	"^(ECONNRESET|end|EPIPE)$" "$said"
peer tcp "$a"
same "and is closed" ECONNREFUSED "$said"
peer udp "$u"
same "the one for datagrams too" ECONNREFUSED "$said"
peer tcp "$b"
same "the same port may lead elsewhere" 80 "$said"
peer again "$c"
same "the command line's is as it was" 80 "$said"
matches "the record says what was closed" \
	"\"unpublish\",\"proto\":\"tcp\",\"src\":\"10.0.2.15:80\",\"dst\":\"127.0.0.1:$a\"" \
	"$(cat "$work/record")"
matches "and what was opened" \
	"\"publish\",\"proto\":\"udp\",\"src\":\"10.0.2.15:81\",\"dst\":\"127.0.0.1:$u\"" \
	"$(cat "$work/record")"

# ---- limits ----
inside drop
# flows_are N: connections that the relay has
flows_are() {
	ask -j flows
	[ "$(grep -o '"proto": *"tcp"' "$work/out" | wc -l)" = "$1" ]
}
wait_until 20 flows_are 1
policy "allow host:$host" "limit tcp-flows=2"
inside "dial 10.0.2.2 $host"
first=$said
inside "dial 10.0.2.2 $host"
# one is the client's of the command line's port
matches "a limit holds for what comes" "^ok E[A-Z]+$" "$first $said"
policy "allow host:$host" "limit tcp-flows=no"
matches "a limit that is none is refused" "2:17: .*is expected" "$err"
policy "allow host:$host"
inside "dial 10.0.2.2 $host"
same "without its line a limit is what it was at the start" ok "$said"

# ---- addresses ----
policy "allow host:$host" "addr 10.0.2.15/24"
same "the address that the sandbox has may be said" 0 "$rc"
policy "deny any" "addr 10.9.0.7/24"
same "another is refused while programs have it" 1 "$rc"
matches "with its line and column" "2:6: .*address cannot change" "$err"
inside "dial 10.0.2.2 $host"
same "and the rules are as before" ok "$said"
policy "network lab"
matches "so is joining a network" "1:9: .*joins a network when it starts" \
	"$err"

# ---- by a signal ----
ask -j status
relay=$(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' "$work/out" | head -1)
printf '%s\n' "allow host:$host" "publish $host:80" >"$work/policy"
kill -HUP "$relay"
wait_until 20 grep -q "all is as before" "$work/run.err"
matches "a mistake is told on standard error" \
	"^$work/policy:2:9: port $host of 127.0.0.1 cannot be taken" \
	"$(cat "$work/run.err")"
printf '%s\n' "allow host:$host" "publish $d:81" >"$work/policy"
kill -HUP "$relay"
opened() {
	ports | grep -q "$d>81/tcp"
}
wait_until 20 opened
peer tcp "$d"
same "SIGHUP publishes, too" 81 "$said"
exec 7>&-
wait "$sandbox"
same "and all ends well" 0 "$?"

# ---- an address that nobody has yet ----
: >"$work/policy"
timeout 100 "$run" -q --control "$FDNET_CONTROL" --policy "$work/policy" -- \
	bash -c 'until [ -e "$0" ]; do sleep 0.1; done
	/usr/bin/python3 -S -c "
import socket
s = socket.socket()
s.bind((\"0.0.0.0\", 0))
s.listen()
t = socket.create_connection((\"10.9.0.7\", s.getsockname()[1]))
print(t.getsockname()[0])"' "$work/go" >"$work/addr" 2>&1 </dev/null &
sandbox=$!
kill_at_end+=("$sandbox")
wait_until 20 "$ctl" status
policy "addr 10.9.0.7/24"
same "before the first program the address may change" 0 "$rc"
touch "$work/go"
wait "$sandbox"
same "and the program has it" 10.9.0.7 "$(cat "$work/addr")"

finish
