/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/record.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "relay/files.h"
#include "relay/learn.h"
#include "relay/summary.h"
#include "relay/sys.h"

static const char *const kind_names[] = {
	[RECORD_ATTACH] = "attach", [RECORD_DETACH] = "detach",
	[RECORD_OPEN] = "open",	    [RECORD_CLOSE] = "close",
	[RECORD_DENY] = "deny",	    [RECORD_FAIL] = "fail",
	[RECORD_NAME] = "name",	    [RECORD_NONAME] = "noname",
	[RECORD_REBIND] = "rebind", [RECORD_RELOAD] = "reload",
	[RECORD_PUBLISH] = "publish", [RECORD_UNPUBLISH] = "unpublish",
	[RECORD_CAPTURE] = "capture",
	[RECORD_TAKEOVER] = "takeover",
};
static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == RECORD_KINDS,
	      "a name for each kind of event");

char *record_escape(const char *text, char *dst, size_t size)
{
	size_t out = 0;

	for (; text && *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (out + 7 > size)
			break;
		if (c == '"' || c == '\\') {
			dst[out++] = '\\';
			dst[out++] = (char)c;
		} else if (c < 0x20 || c >= 0x7f) {
			out += (size_t)snprintf(dst + out, 7, "\\u%04x", c);
		} else {
			dst[out++] = (char)c;
		}
	}
	dst[out] = '\0';
	return dst;
}

const char *record_proto(uint8_t proto)
{
	switch (proto) {
	case 6:
		return "tcp";
	case 17:
		return "udp";
	case 136:
		return "udplite";
	case 1:
	case 58:
		return "icmp";
	}
	return "ip";
}

char *record_name(const struct fdnet_name *name, char *dst)
{
	char text[FDNET_IP_STRLEN];
	bool v6 = name->ip.family == 6;

	fdnet_ip_format(&name->ip, text);
	if (name->port)
		snprintf(dst, RECORD_NAME_LEN, "%s%s%s:%u", v6 ? "[" : "",
			 text, v6 ? "]" : "", name->port);
	else
		snprintf(dst, RECORD_NAME_LEN, "%s", text);
	return dst;
}

static void use_file(struct record *record, FILE *file)
{
	record->file = file;
	if (file)
		setvbuf(file, NULL, _IOLBF, 4096);
}

int record_open(struct record *record, const struct record_config *cfg)
{
	*record = (struct record){ .cfg = *cfg };
	if (!cfg->path)
		return 0;
	use_file(record, fopen(cfg->path, "ae"));
	return record->file ? 0 : -errno;
}

void record_close(struct record *record)
{
	if (record->file)
		fclose(record->file);
	record->file = NULL;
	summary_free(record);
}

/* ---- one line of text ---- */

static void print_flow(FILE *out, const struct record_event *event)
{
	char src[RECORD_NAME_LEN], dst[RECORD_NAME_LEN];

	if (!event->dst.ip.family)
		return;
	if (event->proto)
		fprintf(out, " %s", record_proto(event->proto));
	if (event->src.ip.family)
		fprintf(out, " %s %s", record_name(&event->src, src),
			event->published ? "<-" : "->");
	fprintf(out, " %s", record_name(&event->dst, dst));
}

static void print_text(FILE *out, const struct record_event *event)
{
	char text[NAMES_TEXT_LEN];

	fprintf(out, "fdnet-relay: %s", kind_names[event->kind]);
	print_flow(out, event);
	if (event->name)
		fprintf(out, event->dst.ip.family ? " (%s)" : " %s",
			record_escape(event->name, text, sizeof(text)));
	if (event->kind == RECORD_CLOSE)
		fprintf(out, " out %" PRIu64 " in %" PRIu64 " bytes",
			event->bytes_out, event->bytes_in);
	if (event->reason)
		fprintf(out, ", %s", event->reason);
	if (event->error)
		fprintf(out, ": %s", strerror(event->error));
	if (event->rule && event->kind != RECORD_CLOSE)
		fprintf(out, " by rule %s",
			record_escape(event->rule, text, sizeof(text)));
	if (event->pid)
		fprintf(out, " [pid %u %s]", event->pid,
			record_escape(event->comm, text, sizeof(text)));
	fputc('\n', out);
}

/* ---- one line of JSON ---- */

static void json_string(FILE *out, const char *key, const char *value)
{
	char text[NAMES_TEXT_LEN];

	if (value && *value)
		fprintf(out, ",\"%s\":\"%s\"", key,
			record_escape(value, text, sizeof(text)));
}

static void json_name(FILE *out, const char *key,
		      const struct fdnet_name *name)
{
	char text[RECORD_NAME_LEN];

	if (name->ip.family)
		fprintf(out, ",\"%s\":\"%s\"", key, record_name(name, text));
}

/* What every line has; the rest and the brace are to follow. */
static void begin_line(FILE *out, const char *kind)
{
	uint64_t wall_us = sys_now_us(CLOCK_REALTIME);

	fprintf(out, "{\"time\":%" PRIu64 ".%06" PRIu64 ",\"event\":\"%s\"",
		wall_us / 1000000, wall_us % 1000000, kind);
}

static void print_json(FILE *out, const struct record_event *event)
{
	begin_line(out, kind_names[event->kind]);
	if (event->flow)
		fprintf(out, ",\"flow\":%" PRIu64, event->flow);
	if (event->guest)
		fprintf(out, ",\"guest\":%u", event->guest);
	if (event->pid)
		fprintf(out, ",\"claimed_pid\":%u", event->pid);
	json_string(out, "claimed_command", event->comm);
	if (event->proto)
		json_string(out, "proto", record_proto(event->proto));
	json_name(out, "src", &event->src);
	json_name(out, event->published ? "client" : "dst", &event->dst);
	json_string(out, "name", event->name);
	json_string(out, "rule", event->rule);
	json_string(out, "reason", event->reason);
	if (event->error)
		json_string(out, "error", strerror(event->error));
	if (event->kind == RECORD_CLOSE)
		fprintf(out,
			",\"bytes_out\":%" PRIu64 ",\"bytes_in\":%" PRIu64
			",\"packets_out\":%" PRIu64
			",\"packets_in\":%" PRIu64
			",\"duration_us\":%" PRIu64,
			event->bytes_out, event->bytes_in, event->pkts_out,
			event->pkts_in, event->duration_us);
	fputs("}\n", out);
}

/* ---- all ---- */

static bool is_within_rate(struct record *record, uint64_t now_us)
{
	if (now_us - record->second_us >= 1000000) {
		record->second_us = now_us;
		record->in_second = 0;
	}
	return record->in_second++ < LIMIT_RECORD_RATE;
}

/* The old one is renamed, and a new one begins; else this was all. */
static void rotate(struct record *record)
{
	int fd = files_open(record->cfg.files, FILES_RECORD);

	if (fd < 0) {
		begin_line(record->file, "full");
		fputs("}\n", record->file);
	}
	fclose(record->file);
	use_file(record, fd < 0 ? NULL : fdopen(fd, "a"));
	if (fd >= 0 && !record->file)
		close(fd);
}

static void write_file(struct record *record, const struct record_event *event)
{
	long at;

	print_json(record->file, event);
	at = ftell(record->file);
	/* what has no place, as a pipe, has no end either */
	if (at < 0 || (uint64_t)at < record->cfg.max_bytes)
		return;
	rotate(record);
}

void record_event(struct record *record, uint64_t now_us,
		  const struct record_event *event)
{
	summary_add(record, event);
	if (record->cfg.learn)
		learn_add(record->cfg.learn, event);
	if (event->kind == RECORD_CLOSE) {
		struct record_totals *total =
			&record->totals[record_total(event->proto)];

		total->bytes_out += event->bytes_out;
		total->bytes_in += event->bytes_in;
	}
	if (!record->cfg.verbose && !record->file)
		return;
	if (!is_within_rate(record, now_us)) {
		count(record->cfg.counters, C_RECORD_LOST);
		return;
	}
	/* publish.c has said that in its own words */
	if (record->cfg.verbose && event->kind != RECORD_PUBLISH)
		print_text(stderr, event);
	if (record->file)
		write_file(record, event);
}
