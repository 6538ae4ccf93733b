# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# Clients in perl and ruby.
needs="perl ruby python3"

app_setup() {
	web_start
	allow=("host:$web")
}

app() {
	# shellcheck disable=SC2016
	is "perl, HTTP::Tiny" "200 a small page" "$(inside perl -MHTTP::Tiny -e '
		my $r = HTTP::Tiny->new->get($ARGV[0]);
		print "$r->{status} $r->{content}";' \
		"http://$hostname:$web/small.txt")"
	# shellcheck disable=SC2016
	is "perl, 64 MiB by IO::Socket" "$big_sum" "$(inside perl \
		-MIO::Socket::INET -e '
		my $s = IO::Socket::INET->new(PeerAddr => $ARGV[0],
			PeerPort => $ARGV[1]) or die "$@";
		print $s "GET /big.bin HTTP/1.0\r\n\r\n";
		while (<$s>) { last if /^\r\n/ }
		print while read($s, $_, 65536);' \
		"$host" "$web" | sum_of)"
	is "ruby, Net::HTTP" "200 a small page" "$(inside ruby -rnet/http -e '
		r = Net::HTTP.get_response(URI(ARGV[0]))
		print r.code, " ", r.body' "http://$hostname:$web/small.txt")"
	is "ruby, threads and TCPSocket" "20 times" "$(inside ruby -rsocket -e '
		n = 20.times.map { Thread.new {
			s = TCPSocket.new(ARGV[0], ARGV[1].to_i)
			s.write("GET /small.txt HTTP/1.0\r\n\r\n")
			s.read.include?("a small page") ? 1 : 0
		} }.sum(&:value)
		print n, " times"' "$host" "$web")"
}
