# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# The ssh client inside, an sshd of our own outside.
needs="ssh sshd ssh-keygen"

app_setup() {
	local sshd
	sshd=$(command -v sshd)
	port=$(free_port)
	allow=("host:$port")
	ssh-keygen -q -t ed25519 -N '' -f key
	ssh-keygen -q -t ed25519 -N '' -f hostkey
	cp key.pub authorized
	chmod 600 authorized
	[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
	cat >sshd_config <<-CONF
		ListenAddress 127.0.0.1:$port
		HostKey $scratch/hostkey
		AuthorizedKeysFile $scratch/authorized
		PidFile none
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		PermitRootLogin prohibit-password
		AcceptEnv *
		MaxStartups 50
	CONF
	background sshd "$sshd" -D -e -f "$scratch/sshd_config"
	wait_port "$port"
	head -c 16M /dev/urandom >data
}

app() {
	local ssh=(ssh -F none -i "$scratch/key" -p "$port" -o BatchMode=yes
		-o UserKnownHostsFile="$scratch/known" -o LogLevel=ERROR
		-o StrictHostKeyChecking=no "$(id -un)@$host")
	is "a command" "hello from sshd" \
		"$(inside "${ssh[@]}" 'echo hello from sshd' </dev/null)"
	inside "${ssh[@]}" 'exit 5' </dev/null
	is "its exit status" 5 $?
	is "16 MiB there and back" "$(sum_of <data)" \
		"$(inside "${ssh[@]}" cat <data | sum_of)"
	is "five one after the other" "1 2 3 4 5" "$(for i in 1 2 3 4 5; do
		inside "${ssh[@]}" "echo $i" </dev/null
	done | tr '\n' ' ' | sed 's/ $//')"
}
