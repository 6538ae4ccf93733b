#!/usr/bin/env bash
# The processes of one LD_PRELOAD are on one network, whoever starts them.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

shim=$top_build/.libs/libfdnet.so
unset LD_PRELOAD FDNET_ALLOW FDNET_RELAY FDNET_FD FDNET_LOG FDNET_RELAY_BIN

# preload COMMAND...
preload() {
	LD_PRELOAD=$shim timeout 60 "$@" </dev/null 2>&1
}

new_id() {
	od -An -N16 -tx8 /dev/urandom | tr -d ' \n'
}

# listening ID: how many relays are to be met by this name
listening() {
	grep -c "00010000 0005 01 .*@fdnet-$1" /proc/net/unix
}

cat >"$work/server.py" <<'END'
import socket, sys
s = socket.create_server(("127.0.0.1", 7070), backlog=64)
open(sys.argv[1], "w").close()
s.settimeout(30)
for _ in range(int(sys.argv[2])):
    c, _ = s.accept()
    c.sendall(b"served")
    c.close()
END
cat >"$work/client.py" <<'END'
import os, socket
try:
    word = socket.create_connection(("127.0.0.1", 7070), 20).recv(16)
except OSError as e:
    word = e.strerror.encode()
os.write(1, word + b"\n")  # at once: twelve write to one pipe
END
# usage: both.sh FOLDER CLIENTS: a shell that has no network itself
cat >"$work/both.sh" <<'END'
/usr/bin/python3 "$1/server.py" "$1/up" "$2" &
until [ -e "$1/up" ]; do sleep 0.05; done
for i in $(seq "$2"); do /usr/bin/python3 "$1/client.py" & done
wait
rm -f "$1/up"
END

same "a shell's server and its client" "served" \
	"$(preload bash "$work/both.sh" "$work" 1)"

id=$(new_id)
export FDNET_RELAY=meet:$id
same "twelve that start at once" " 12 served" \
	"$(FDNET_LOG=stderr preload bash "$work/both.sh" "$work" 12 | sort |
		uniq -c | tr -s ' ')"
gone() { [ "$(listening "$id")" = 0 ]; }
wait_until 20 gone
same "the relay ends with them" 0 "$(listening "$id")"

# all of them come first
cat >"$work/first.sh" <<'END'
mkdir "$2/first"
for i in $(seq 20); do
	/usr/bin/python3 -c 'import os, socket, sys, time
s = socket.create_server(("127.0.0.1", 0))
open(sys.argv[1] + "/" + sys.argv[2], "w").close()
end = time.time() + 40
while len(os.listdir(sys.argv[1])) < 20 and time.time() < end:
    time.sleep(0.05)
time.sleep(0.5)' "$2/first" $i &
done
until [ "$(ls "$2/first" | wc -l)" = 20 ]; do sleep 0.05; done
grep -c "00010000 0005 01 .*@fdnet-$1" /proc/net/unix
wait
END
same "twenty who need it first have one relay" 1 \
	"$(preload bash "$work/first.sh" "$id" "$work")"

# shellcheck disable=SC2016
same "who needs no network has no relay" "0 sockets, meet:$id" \
	"$(preload bash -c 'echo "$(ls -l /proc/self/fd | grep -c socket
		) sockets, $FDNET_RELAY"; sleep 0.2')"
same "nor is one left" 0 "$(listening "$id")"
unset FDNET_RELAY

# shellcheck disable=SC2016
matches "the first chooses a name for all" '^meet:[0-9a-f]{32}$' \
	"$(preload bash -c 'bash -c "echo \$FDNET_RELAY"')"
# shellcheck disable=SC2016
same "also in an environment made anew" yes \
	"$(preload bash -c 'a=$(bash -c "echo \$FDNET_RELAY")
		b=$('"${bare[*]}"' PATH="$PATH" \
			bash -c "echo \$FDNET_RELAY")
		[ -n "$a" ] && [ "$a" = "$b" ] && echo yes')"

cat >"$work/apart.sh" <<'END'
/usr/bin/python3 "$1/server.py" "$1/up" 1 &
until [ -e "$1/up" ]; do sleep 0.05; done
FDNET_ALLOW=192.0.2.1:80 /usr/bin/python3 "$1/client.py"
/usr/bin/python3 "$1/client.py"
wait
rm -f "$1/up"
END
same "who has rules of its own has a relay of its own" \
	"Connection refused served" \
	"$(preload bash "$work/apart.sh" "$work" | tr '\n' ' ' | sed 's/ $//')"

for bad in meet: meet:zz "meet:$(new_id)0" "meet:$(new_id | tr a-f A-F | tr 0-9 A)"; do
	matches "$bad is no name" "no channel.*down|down.*no channel" \
		"$(FDNET_LOG=stderr FDNET_RELAY=$bad preload \
			/usr/bin/python3 "$work/client.py" | tr '\n' ' ')"
done

# A stranger's name is not trusted, and a stranger is not let in.
if [ "$(id -u)" = 0 ] && have setpriv; then
	chmod 755 "$work"
	id=$(new_id)
	nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	hash=$(FDNET_RELAY=meet:$id preload /usr/bin/python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(open("/proc/net/unix").read())' |
		sed -n "s/.*@fdnet-$id-\([0-9a-f]*\).*/\1/p" | head -n 1)
	matches "the name is known" '^[0-9a-f]{8}$' "$hash"
	wait_until 20 gone
	"${nobody[@]}" timeout 30 /usr/bin/python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind("\0" + sys.argv[1]); s.listen(8)
time.sleep(20)' "fdnet-$id-$hash" &
	stranger=$!
	kill_at_end+=("$stranger")
	there() { [ "$(listening "$id")" = 1 ]; }
	wait_until 20 there
	same "a stranger at the name: a relay of its own" "Connection refused" \
		"$(FDNET_RELAY=meet:$id preload /usr/bin/python3 "$work/client.py")"
	kill "$stranger"
	wait_until 20 gone

	FDNET_RELAY=meet:$id preload /usr/bin/python3 "$work/server.py" "$work/up" 1 &
	server=$!
	up() { [ -e "$work/up" ]; }
	wait_until 20 up
	same "a stranger is not let in" "Connection refused" \
		"$(FDNET_RELAY=meet:$id preload "${nobody[@]}" \
			/usr/bin/python3 "$work/client.py")"
	same "one of us is" "served" \
		"$(FDNET_RELAY=meet:$id preload /usr/bin/python3 "$work/client.py")"
	wait "$server"
else
	skip "strangers" "only root can be somebody else"
fi
finish
