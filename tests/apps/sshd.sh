# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2317
# sshd inside, as an ordinary user, and its clients outside: sessions with and
# without a terminal, copies, forwarding both ways, many at once. Its child that
# talks to strangers runs under a seccomp filter of sshd's own.
needs="sshd ssh sftp scp ssh-keygen setpriv"
modes="native sandbox"
limit=120

# Root's sshd would want chroot(), which is refused; nobody has no shell. Where
# it can be, it gets one, in a mount namespace; and the group that sshd wants
# terminals to have, whatever devpts was mounted with.
become_nobody() {
	user=nobody
	drop=(setpriv --reuid nobody --regid tty --clear-groups)
	chown -R nobody .
	mkdir etc
	sed "s|^nobody:.*|nobody:x:65534:65534::$scratch:/bin/bash|" \
		/etc/passwd >etc/passwd
	# a file that is mounted over goes when its name is given away outside
	around=(unshare -m sh -c '{
		mount -t overlay overlay -o "lowerdir=$0:/etc" /etc ||
		mount --bind "$0/passwd" /etc/passwd; } && exec "$@"'
		"$scratch/etc")
	"${around[@]}" true 2>/dev/null || around=() shells=no
}

app_setup() {
	sshd=$(command -v sshd)
	port=$(free_port)
	forwarded=$(free_port)
	backward=$(free_port)
	publish=("$port:$port")
	shells=yes
	chmod o+x .. . # nobody reads its files here
	ssh-keygen -q -t ed25519 -N '' -f key
	ssh-keygen -q -t ed25519 -N '' -f hostkey
	cp key.pub authorized
	head -c 8M /dev/urandom >data
	cat >sshd_config <<-CONF
		ListenAddress $any:$port
		HostKey $scratch/hostkey
		AuthorizedKeysFile $scratch/authorized
		PidFile none
		StrictModes no
		UsePAM yes
		PasswordAuthentication no
		AllowTcpForwarding yes
		MaxStartups 50
		MaxSessions 20
		Subsystem sftp internal-sftp
	CONF
	user=$(id -un) drop=()
	[ "$(id -u)" != 0 ] || become_nobody
	# who owns a terminal is the devpts' business
	terminals=$("${drop[@]}" "$python" -Sc 'import grp, os, pty
s = os.fstat(pty.openpty()[1])
print(s.st_uid == os.getuid() and s.st_gid == grp.getgrnam("tty").gr_gid)')
}

# What sshd says first. The port of a sandbox is there before its listener.
greeting() {
	timeout 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$1 && head -c 7 <&3"
}

wait_greeting() {
	for _ in $(seq 200); do
		[ "$(greeting "$1" 2>/dev/null)" != SSH-2.0 ] || return 0
		sleep 0.1
	done
	return 1
}

# on [OPTION...] COMMAND: in a session
on() {
	timeout 60 ssh "${opts[@]}" -p "$port" "$user@127.0.0.1" "$@"
}

forwarding() {
	# to itself: the forwarding is made inside
	background forward timeout 60 ssh "${opts[@]}" -p "$port" -N \
		-L "127.0.0.1:$forwarded:127.0.0.1:$port" "$user@127.0.0.1"
	wait_port "$forwarded"
	is "greeting through a forwarded port" SSH-2.0 \
		"$(greeting "$forwarded")"
}

sessions() {
	local i
	is "a command" "hello from inside" \
		"$(on 'echo hello from inside' </dev/null)"
	on 'exit 5' </dev/null
	is "its exit status" 5 $?
	is "its standard output" out \
		"$(on 'echo out; echo err >&2' </dev/null 2>err)"
	is "and standard error" err "$(cat err)"
	is "8 MiB there and back" "$(sum_of <data)" "$(on cat <data | sum_of)"
	on 'kill -TERM $$' </dev/null
	is "one that is killed" 255 $?
	for i in 1 2 3 4 5 6 7 8 9 10; do
		on "head -c 1000000; echo $i" <data | sum_of >"many.$i" &
	done
	wait_sessions=$(jobs -rp | grep -vxF "$background_pid" |
		grep -vxF "$sshd_pid")
	# shellcheck disable=SC2086
	wait $wait_sessions
	is "ten at once" 10 "$(for i in 1 2 3 4 5 6 7 8 9 10; do
		(head -c 1000000 data; echo "$i") | sum_of | cmp -s - "many.$i" &&
			echo ok
	done | wc -l)"
}

copies() {
	mkdir copies
	[ "$user" != nobody ] || chown nobody copies
	timeout 60 scp -q "${opts[@]}" -P "$port" data \
		"$user@127.0.0.1:$scratch/copies/there" </dev/null
	timeout 60 scp -q "${opts[@]}" -P "$port" \
		"$user@127.0.0.1:$scratch/copies/there" copies/back </dev/null
	is "scp there and back" "$(sum_of <data)" "$(sum_of <copies/back)"
	timeout 60 scp -q -O "${opts[@]}" -P "$port" data \
		"$user@127.0.0.1:$scratch/copies/old" </dev/null
	is "scp by its old protocol" "$(sum_of <data)" "$(sum_of <copies/old)"
}

# A server of the client's, reached by a program inside.
reverse() {
	background target "$python" -Sc 'import socket, sys
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    c = s.accept()[0]
    c.sendall(b"from outside")
    c.close()' "$forwarded_target"
	wait_port "$forwarded_target"
	background backward timeout 60 ssh "${opts[@]}" -p "$port" -N \
		-o ExitOnForwardFailure=yes \
		-R "127.0.0.1:$backward:127.0.0.1:$forwarded_target" \
		"$user@127.0.0.1"
	is "a server outside through a forwarded port inside" "from outside" \
		"$(on "for i in \$(seq 300); do
			exec 3<>/dev/tcp/127.0.0.1/$backward && break
			sleep 0.1; done 2>/dev/null; cat <&3" </dev/null)"
}

terminal() {
	is "a terminal" "yes 42" "$(on -tt 'stty -echo -onlcr
		[ ! -t 0 ] || [ ! -t 1 ] || echo -n "yes "; stty size |
		grep -q . && echo $((6 * 7))' </dev/null)"
	printf 'echo $((6 * 7))x\nexit 3\n' | on -tt >shell.out
	is "a shell's exit status" 3 "$?"
	is "and what it says" 42x "$(grep -o '42x' shell.out | head -n 1)"
}

app() {
	opts=(-F none -i "$scratch/key" -o BatchMode=yes
		-o UserKnownHostsFile="$scratch/known" -o LogLevel=ERROR
		-o StrictHostKeyChecking=no)
	forwarded_target=$(free_port)
	inside_background sshd "${drop[@]}" "$sshd" -D -e \
		-f "$scratch/sshd_config"
	sshd_pid=$background_pid
	wait_greeting "$port"
	timeout 30 sftp "${opts[@]}" -P "$port" \
		"$user@127.0.0.1:$scratch/data" \
		"$scratch/got" >/dev/null 2>"$scratch/sftp.log" </dev/null
	is "8 MiB by sftp" "$(sum_of <data)" "$(sum_of <got)"
	forwarding
	[ "$shells" = yes ] || return 0
	sessions
	copies
	reverse
	[ "$terminals" != True ] || terminal
}
