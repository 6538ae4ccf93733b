/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdnet-pcap FILE KIB KEEP [FILTER]: writes the packets that come on
 * descriptor 3 (relay/capture.h) into a capture file, and into another when
 * it is full (relay/pcap_proc.h). Started by fdnet-relay and fdnet-ctl, never
 * by hand.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/capture.h"

#define CHANNEL 3
/* Bytes in front of all packets, and of each: the format of libpcap. */
#define FILE_HEADER   24
#define PACKET_HEADER 16

struct writer {
	const char *path;
	uint64_t max_bytes, written;
	unsigned int keep;
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

static int fail_filter(struct writer *writer, const char *filter)
{
	fprintf(stderr,
		"fdnet: capture: the filter \"%s\" is none: %s; "
		"pcap-filter(7) has the words\n",
		filter, pcap_geterr(writer->pcap));
	return -EINVAL;
}

static int open_file(struct writer *writer)
{
	writer->file = pcap_dump_open(writer->pcap, writer->path);
	return writer->file ? 0 :
			      fail(writer->path, pcap_geterr(writer->pcap));
}

static int writer_open(struct writer *writer, const char *path,
		       const char *filter)
{
	writer->path = path;
	writer->pcap = pcap_open_dead(DLT_RAW, CAPTURE_SNAPLEN);
	if (!writer->pcap)
		return fail(path, "out of memory");
	if (filter) {
		/* names in it are resolved here, by the host's resolver */
		if (pcap_compile(writer->pcap, &writer->filter, filter, 1,
				 PCAP_NETMASK_UNKNOWN))
			return fail_filter(writer, filter);
		writer->has_filter = true;
	}
	return open_file(writer);
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

static void name_old(char *dst, const char *path, unsigned int number)
{
	if (number)
		snprintf(dst, PATH_MAX, "%s.%u", path, number);
	else
		snprintf(dst, PATH_MAX, "%s", path);
}

/* The file is full. Returns -ENOSPC when that was all. */
static int rotate(struct writer *writer)
{
	char from[PATH_MAX], to[PATH_MAX];

	if (!writer->keep)
		return -ENOSPC;
	pcap_dump_close(writer->file);
	writer->file = NULL;
	for (unsigned int i = writer->keep; i; i--) {
		name_old(from, writer->path, i - 1);
		name_old(to, writer->path, i);
		/* what is not there yet does not matter; what cannot be kept
		 * must not be written over */
		if (rename(from, to) < 0 && (errno != ENOENT || i == 1))
			return -errno;
	}
	return open_file(writer);
}

static int take(struct writer *writer, const uint8_t *data, size_t len)
{
	struct pcap_pkthdr pkt;
	struct capture_hdr hdr;

	if (len < CAPTURE_HDR_LEN)
		return 0;
	capture_hdr_decode(data, &hdr);
	pkt = (struct pcap_pkthdr){
		.ts = { .tv_sec = hdr.s, .tv_usec = hdr.us },
		.caplen = (bpf_u_int32)(len - CAPTURE_HDR_LEN),
		.len = hdr.len,
	};
	if (writer->has_filter &&
	    !pcap_offline_filter(&writer->filter, &pkt, data + CAPTURE_HDR_LEN))
		return 0;
	pcap_dump((u_char *)writer->file, &pkt, data + CAPTURE_HDR_LEN);
	writer->written += PACKET_HEADER + pkt.caplen;
	if (writer->written < writer->max_bytes)
		return 0;
	writer->written = FILE_HEADER;
	return rotate(writer);
}

static int serve(struct writer *writer)
{
	static uint8_t data[CAPTURE_HDR_LEN + CAPTURE_SNAPLEN];
	int flags = 0, rc;

	for (;;) {
		ssize_t len = recv(CHANNEL, data, sizeof(data), flags);

		if (len > 0) {
			rc = take(writer, data, (size_t)len);
			if (rc)
				return rc == -ENOSPC ? 0 : rc;
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
	struct writer writer = { .written = FILE_HEADER };
	int rc;

	if (argc < 4 || argc > 5) {
		fputs("fdnet-pcap is started by fdnet-run --pcap and fdnet-ctl "
		      "capture on\n",
		      stderr);
		return 2;
	}
	writer.max_bytes = strtoull(argv[2], NULL, 10) << 10;
	writer.keep = (unsigned int)strtoul(argv[3], NULL, 10);
	rc = writer_open(&writer, argv[1], argv[4]);
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
