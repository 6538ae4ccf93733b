/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works: each look is compared with the one before by the flows'
 * numbers; both listings are in their order, so one pass finds the rates.
 */
#include "config.h"

#include "ctl/top.h"

#include <curses.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ctl/show.h"

/* One flow, and how fast it was since the last look. */
struct row {
	const json_t *flow;
	uint64_t out_rate, in_rate;
};

struct look {
	json_t *flows; /* NULL: none yet */
	uint64_t at_us;
};

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static uint64_t rate(const json_t *now, const json_t *before, const char *key,
		     uint64_t us)
{
	uint64_t bytes = show_num(now, key) -
			 (before ? show_num(before, key) : 0);

	return us ? bytes * 1000000 / us : 0;
}

static void fill_rows(struct row *rows, const struct look *now,
		      const struct look *before)
{
	size_t n = json_array_size(now->flows), k = 0;

	for (size_t i = 0; i < n; i++) {
		const json_t *flow = json_array_get(now->flows, i), *old = NULL;
		uint64_t id = show_num(flow, "flow");
		uint64_t us = show_num(flow, "age_us");

		while (before->flows && k < json_array_size(before->flows) &&
		       show_num(json_array_get(before->flows, k), "flow") < id)
			k++;
		if (before->flows) {
			old = json_array_get(before->flows, k);
			if (show_num(old, "flow") != id)
				old = NULL;
			else
				us = now->at_us - before->at_us;
		}
		rows[i] = (struct row){
			.flow = flow,
			.out_rate = rate(flow, old, "bytes_out", us),
			.in_rate = rate(flow, old, "bytes_in", us),
		};
	}
}

static int busier(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	uint64_t xr = x->out_rate + x->in_rate, yr = y->out_rate + y->in_rate;

	if (xr != yr)
		return xr < yr ? 1 : -1;
	/* the youngest of those that are idle */
	return show_num(x->flow, "flow") < show_num(y->flow, "flow") ? 1 : -1;
}

static void draw_head(const json_t *status)
{
	char age[SHOW_AMOUNT];

	mvprintw(0, 0,
		 "fdnet-relay %" PRIu64 ", up %s: %" PRIu64
		 " programs, %" PRIu64 " TCP, %" PRIu64 " UDP flows, %" PRIu64
		 " rules   (q ends)",
		 show_num(status, "pid"),
		 show_age(show_num(status, "uptime_us"), age),
		 show_num(status, "programs_attached"),
		 show_num(status, "tcp_flows"), show_num(status, "udp_flows"),
		 show_num(status, "rules"));
	attron(A_REVERSE);
	mvprintw(2, 0, "%6s %-5s %-10s %9s %9s %8s %8s %-30s %-16s", "FLOW",
		 "PROTO", "STATE", "OUT/s", "IN/s", "SENT", "GOT", "PEER",
		 "PROGRAM");
	attroff(A_REVERSE);
}

static void draw_row(int y, const struct row *row)
{
	char sent[SHOW_AMOUNT], got[SHOW_AMOUNT], out[SHOW_AMOUNT],
		in[SHOW_AMOUNT], peer[300];
	const json_t *flow = row->flow;

	mvprintw(y, 0, "%6" PRIu64 " %-5s %-10s %9s %9s %8s %8s %-30.30s %s",
		 show_num(flow, "flow"), show_get(flow, "proto"),
		 show_get(flow, "state"), show_amount(row->out_rate, out),
		 show_amount(row->in_rate, in),
		 show_amount(show_num(flow, "bytes_out"), sent),
		 show_amount(show_num(flow, "bytes_in"), got),
		 show_peer(flow, peer, sizeof(peer)),
		 show_get(flow, "claimed_command"));
}

static int draw(const json_t *status, const struct look *now,
		const struct look *before)
{
	size_t n = json_array_size(now->flows);
	struct row *rows = calloc(n ? n : 1, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	fill_rows(rows, now, before);
	qsort(rows, n, sizeof(*rows), busier);
	erase();
	draw_head(status);
	for (size_t i = 0; i < n && (int)i + 3 < LINES; i++)
		draw_row((int)i + 3, &rows[i]);
	refresh();
	free(rows);
	return 0;
}

static int look_again(struct client *client, struct look *before)
{
	struct look now = { 0 };
	json_t *status;
	int rc = client_fetch(client, CTL_STATUS, &status);

	if (rc)
		return rc;
	rc = client_fetch(client, CTL_FLOWS, &now.flows);
	now.at_us = now_us();
	if (!rc)
		rc = draw(status, &now, before);
	json_decref(status);
	if (rc) {
		json_decref(now.flows);
		return rc;
	}
	json_decref(before->flows);
	*before = now;
	return 0;
}

int top_run(struct client *client, unsigned int interval_s)
{
	struct look before = { 0 };
	int rc, key = ERR;
	SCREEN *screen;

	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		return -ENOTTY;
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return -ENOTTY;
	cbreak();
	noecho();
	curs_set(0);
	timeout((int)interval_s * 1000);
	do {
		rc = look_again(client, &before);
		if (!rc)
			key = getch();
	} while (!rc && key != 'q' && key != 'Q' && key != 27);
	endwin();
	delscreen(screen);
	json_decref(before.flows);
	return rc;
}
