# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# sshd inside, as an ordinary user; ssh and sftp outside. Its child that talks
# to strangers runs under a seccomp filter of sshd's own.
needs="sshd ssh sftp ssh-keygen setpriv"
modes="native sandbox"

app_setup() {
	sshd=$(command -v sshd)
	port=$(free_port)
	forwarded=$(free_port)
	publish=("$port:$port")
	user=$(id -un)
	drop=()
	if [ "$(id -u)" = 0 ]; then
		# with root's rights it would want chroot(), which is refused
		user=nobody
		drop=(setpriv --reuid nobody --regid nogroup --clear-groups)
	fi
	chmod o+x .. . # nobody reads its files here
	ssh-keygen -q -t ed25519 -N '' -f key
	ssh-keygen -q -t ed25519 -N '' -f hostkey
	cp key.pub authorized
	[ "$user" != nobody ] || chown nobody hostkey authorized
	head -c 8M /dev/urandom >data
	chmod 644 data authorized
	cat >sshd_config <<-CONF
		ListenAddress $any:$port
		HostKey $scratch/hostkey
		AuthorizedKeysFile $scratch/authorized
		PidFile none
		StrictModes no
		UsePAM yes
		PasswordAuthentication no
		AllowTcpForwarding yes
		Subsystem sftp internal-sftp
		ForceCommand internal-sftp
	CONF
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

app() {
	local opts=(-F none -i "$scratch/key" -P "$port" -o BatchMode=yes
		-o UserKnownHostsFile="$scratch/known" -o LogLevel=ERROR
		-o StrictHostKeyChecking=no)
	inside_background sshd "${drop[@]}" "$sshd" -D -e \
		-f "$scratch/sshd_config"
	wait_greeting "$port"
	timeout 30 sftp "${opts[@]}" "$user@127.0.0.1:$scratch/data" \
		"$scratch/got" >/dev/null 2>"$scratch/sftp.log" </dev/null
	is "8 MiB by sftp" "$(sum_of <data)" "$(sum_of <got)"
	# to itself: the forwarding is made inside
	background forward timeout 30 ssh "${opts[@]/-P/-p}" -N \
		-L "127.0.0.1:$forwarded:127.0.0.1:$port" "$user@127.0.0.1"
	wait_port "$forwarded"
	is "greeting through a forwarded port" SSH-2.0 \
		"$(greeting "$forwarded")"
}
