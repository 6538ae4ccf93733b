# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2317
# sshd as a distribution starts it: by root, with privilege separation. The
# child that talks to strangers is user sshd in an empty root (/run/sshd); who
# has logged in gets a process of his own.
needs="sshd ssh sftp ssh-keygen"
modes="native sandbox"
limit=120
[ "$(id -u)" = 0 ] || modes=""

app_setup() {
	sshd=$(command -v sshd)
	port=$(free_port)
	publish=("$port:$port")
	# what the service's RuntimeDirectory= makes
	[ -d /run/sshd ] || mkdir -m 755 /run/sshd
	ssh-keygen -q -t ed25519 -N '' -f key
	ssh-keygen -q -t ed25519 -N '' -f hostkey
	cp key.pub authorized
	head -c 4M /dev/urandom >data
	cat >sshd_config <<-CONF
		ListenAddress $any:$port
		HostKey $scratch/hostkey
		AuthorizedKeysFile $scratch/authorized
		PidFile none
		StrictModes no
		UsePAM yes
		PermitRootLogin prohibit-password
		Subsystem sftp internal-sftp
	CONF
}

on() {
	timeout 60 ssh "${opts[@]}" -p "$port" "root@127.0.0.1" "$@"
}

# Of a connection that has only said what it is: whose is the process at its
# end, and what is its root?
stranger() {
	local pid
	exec 4<>"/dev/tcp/127.0.0.1/$port" || return
	printf 'SSH-2.0-stranger\r\n' >&4
	timeout 10 head -c 200 <&4 >/dev/null # its greeting and its offer
	for pid in $(family "$sshd_pid"); do
		if [ "$(awk '/^Uid:/ {print $3}' "/proc/$pid/status")" = \
			"$(id -u sshd)" ]; then
			echo "sshd in $(readlink "/proc/$pid/root")"
		fi
	done 2>/dev/null
	exec 4<&-
}

separated() {
	[ "$(stranger)" = "sshd in /run/sshd" ]
}

app() {
	local i
	opts=(-F none -i "$scratch/key" -o BatchMode=yes
		-o UserKnownHostsFile="$scratch/known" -o LogLevel=ERROR
		-o StrictHostKeyChecking=no)
	inside_background sshd "$sshd" -D -e -f "$scratch/sshd_config"
	sshd_pid=$background_pid
	wait_until 30 separated
	is "a stranger's process is sshd's in an empty root" \
		"sshd in /run/sshd" "$(stranger)"
	is "a command" "0 root" "$(on 'id -u; whoami' </dev/null | xargs)"
	on 'exit 5' </dev/null
	is "its exit status" 5 $?
	is "4 MiB there and back" "$(sum_of <data)" "$(on cat <data | sum_of)"
	timeout 30 sftp "${opts[@]}" -P "$port" \
		"root@127.0.0.1:$scratch/data" "$scratch/got" >/dev/null \
		2>"$scratch/sftp.log" </dev/null
	is "sftp" "$(sum_of <data)" "$(sum_of <got)"
	for i in 1 2 3 4 5; do
		on "cat; echo $i" </dev/null >"many.$i" &
	done
	wait_until 60 all_said
	is "five at once" "1 2 3 4 5" "$(cat many.* | sort | xargs)"
	ssh-keygen -q -t ed25519 -N '' -f other
	opts[3]=$scratch/other
	on true </dev/null 2>/dev/null
	is "another key" 255 $?
}

all_said() {
	[ "$(cat many.* 2>/dev/null | wc -l)" = 5 ]
}
