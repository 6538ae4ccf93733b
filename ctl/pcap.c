/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdnet-pcap FILE [FILTER]: writes the packets that come on descriptor 3
 * (relay/capture.h) into a capture file. Started by fdnet-relay and fdnet-ctl,
 * never by hand.
 */
#include "config.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/capture.h"

#define CHANNEL 3

struct writer {
	pcap_t *pcap;
	pcap_dumper_t *file;
	struct bpf_program filter;
	bool has_filter;
};

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "fdnet: capture: %s: %s\n", what, why);
	return -EINVAL;
}

static int writer_open(struct writer *writer, const char *path,
		       const char *filter)
{
	writer->pcap = pcap_open_dead(DLT_RAW, CAPTURE_SNAPLEN);
	if (!writer->pcap)
		return fail(path, "out of memory");
	if (filter) {
		/* names in it are resolved here, by the host's resolver */
		if (pcap_compile(writer->pcap, &writer->filter, filter, 1,
				 PCAP_NETMASK_UNKNOWN))
			return fail(filter, pcap_geterr(writer->pcap));
		writer->has_filter = true;
	}
	writer->file = pcap_dump_open(writer->pcap, path);
	return writer->file ? 0 : fail(path, pcap_geterr(writer->pcap));
}

static void writer_close(struct writer *writer)
{
	if (writer->file)
		pcap_dump_close(writer->file);
	if (writer->has_filter)
		pcap_freecode(&writer->filter);
	if (writer->pcap)
		pcap_close(writer->pcap);
}

static void take(struct writer *writer, const uint8_t *data, size_t len)
{
	struct pcap_pkthdr pkt;
	struct capture_hdr hdr;

	if (len < CAPTURE_HDR_LEN)
		return;
	capture_hdr_decode(data, &hdr);
	pkt = (struct pcap_pkthdr){
		.ts = { .tv_sec = hdr.s, .tv_usec = hdr.us },
		.caplen = (bpf_u_int32)(len - CAPTURE_HDR_LEN),
		.len = hdr.len,
	};
	if (!writer->has_filter ||
	    pcap_offline_filter(&writer->filter, &pkt, data + CAPTURE_HDR_LEN))
		pcap_dump((u_char *)writer->file, &pkt, data + CAPTURE_HDR_LEN);
}

static int serve(struct writer *writer)
{
	static uint8_t data[CAPTURE_HDR_LEN + CAPTURE_SNAPLEN];
	int flags = 0;

	for (;;) {
		ssize_t len = recv(CHANNEL, data, sizeof(data), flags);

		if (len > 0) {
			take(writer, data, (size_t)len);
			flags = MSG_DONTWAIT;
		} else if (len < 0 && errno == EAGAIN) {
			/* a moment of quiet: let readers see it */
			if (pcap_dump_flush(writer->file))
				return fail("write", strerror(errno));
			flags = 0;
		} else if (!len || errno != EINTR) {
			return 0;
		}
	}
}

int main(int argc, char **argv)
{
	struct writer writer = { 0 };
	int rc;

	if (argc < 2 || argc > 3) {
		fputs("fdnet-pcap is started by fdnet-run --pcap and fdnet-ctl "
		      "capture on\n",
		      stderr);
		return 2;
	}
	rc = writer_open(&writer, argv[1], argv[2]);
	if (!rc && send(CHANNEL, "", 1, MSG_NOSIGNAL) == 1) {
		/* errors are told by then, and somebody may wait for the end
		 * of this output */
		close(STDIN_FILENO);
		close(STDOUT_FILENO);
		close(STDERR_FILENO);
		rc = serve(&writer);
	}
	writer_close(&writer);
	return rc ? 1 : 0;
}
