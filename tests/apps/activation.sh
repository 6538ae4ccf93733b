# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# Listeners that somebody else has opened: systemd-socket-activate with a
# server that gets the listener, and with a program for each connection; socat
# with a program for each connection.
needs="systemd-socket-activate socat python3"
modes="native sandbox"

app_setup() {
	first=$(free_port) second=$(free_port) third=$(free_port)
	cat >server.py <<-'CODE'
		import os, socket
		assert os.environ["LISTEN_FDS"] == "1"
		s = socket.socket(fileno=3)
		for n in range(3):
		    c, _ = s.accept()
		    c.sendall(b"number %d of %s\n" % (n, c.recv(99)))
		    c.close()
	CODE
	cat >client.py <<-'CODE'
		import socket, sys, time
		for word in sys.argv[2:]:
		    for _ in range(200):
		        try:
		            s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
		            break
		        except OSError:
		            time.sleep(0.05)
		    s.sendall(word.encode())
		    s.shutdown(socket.SHUT_WR)
		    print(s.makefile().read().strip())
	CODE
}

# served SERVER...: what three clients get from it
served() {
	local port=$1
	shift
	# shellcheck disable=SC2016
	inside bash -c 'port=$1 python=$2; shift 2
		"$@" 2>/dev/null &
		"$python" "$0/client.py" "$port" one two three
		kill $! 2>/dev/null; wait' \
		"$scratch" "$port" "$python" "$@"
}

app() {
	is "a server gets the listener" "$(printf '%s\n' "number 0 of one" \
		"number 1 of two" "number 2 of three")" \
		"$(served "$first" systemd-socket-activate -l "127.0.0.1:$first" \
			"$python" "$scratch/server.py")"
	is "systemd, a program for each" "$(printf '%s\n' ONE TWO THREE)" \
		"$(served "$second" systemd-socket-activate --inetd -a \
			-l "127.0.0.1:$second" tr a-z A-Z)"
	is "socat, a program for each" "$(printf '%s\n' ONE TWO THREE)" \
		"$(served "$third" socat \
			"TCP-LISTEN:$third,bind=127.0.0.1,fork,reuseaddr" \
			"EXEC:tr a-z A-Z")"
}
