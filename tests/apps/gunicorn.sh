# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# gunicorn with four workers, whose code is loaded anew while they are busy;
# a worker that is killed is replaced.
needs="gunicorn curl ab"
modes="native sandbox"

app_setup() {
	port=$(free_port)
	publish=("$port:$port")
	chmod 755 .. .
	write_page 0
}

write_page() {
	cat >page.py <<-CODE
		import os, signal

		def app(environ, start_response):
		    if environ["PATH_INFO"] == "/die":
		        os.kill(os.getpid(), signal.SIGKILL)
		    start_response("200 OK", [("Content-Type", "text/plain")])
		    return [b"loaded $1\n"]
	CODE
}

app() {
	local url=http://127.0.0.1:$port
	inside_told gunicorn gunicorn -w 4 -b "$any:$port" --chdir "$scratch" \
		--worker-tmp-dir "$scratch" --graceful-timeout 10 page:app
	wait_port "$port"
	answers "$url/"
	is "page" "loaded 0" "$(curl -sS "$url/")"
	load_start "$url/" 4
	for n in 1 2; do
		sleep 1
		rm -rf __pycache__
		write_page "$n"
		tell gunicorn HUP
	done
	load_end
	is "failed, while it reloads" 0 "$load_failed"
	is "what was loaded last" "loaded 2" "$(curl -sS "$url/")"
	for n in 1 2 3 4; do
		curl -sS "$url/die" 2>/dev/null
	done
	is "all workers killed, 50 requests" 50 "$(curl -sS -Z --parallel-max 8 \
		"$url/?[1-50]" | grep -c 'loaded 2')"
}
