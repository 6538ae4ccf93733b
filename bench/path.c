/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bench/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RING 16384

/* One packet's fate takes so many numbers, needed or not. */
enum draw {
	DRAW_LOSS,
	DRAW_DUP,
	DRAW_CORRUPT,
	DRAW_PLACE,
	DRAW_REORDER,
	DRAWS
};

uint64_t path_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static unsigned int env_number(const char *name, unsigned int otherwise)
{
	const char *text = getenv(name);

	return text && *text ? (unsigned int)strtoul(text, NULL, 10) : otherwise;
}

void path_config(struct path_cfg *cfg)
{
	cfg->rate_mbit = env_number("TUN_TCP_RATE", 0);
	cfg->queue_pkts = env_number("TUN_TCP_QUEUE", 1000);
	cfg->dup_ppm = env_number("TUN_TCP_DUP", 0);
	cfg->corrupt_ppm = env_number("TUN_TCP_CORRUPT", 0);
	cfg->reorder_ppm = env_number("TUN_TCP_REORDER", 0);
}

/* splitmix64: a good sequence from any seed. */
static uint32_t draw(struct path *p)
{
	uint64_t z = p->rng += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (uint32_t)(z >> 32);
}

static void pcap_open(struct path *p, const char *name, int which)
{
	static const uint32_t head[6] = {0xa1b2c3d4, 4u << 16 | 2, 0, 0,
					 65535,	     101 /* raw IP */};
	char file[512];

	snprintf(file, sizeof(file), "%s.%d.pcap", name, which);
	p->pcap = fopen(file, "we");
	if (p->pcap)
		fwrite(head, sizeof(head), 1, p->pcap);
	else
		fprintf(stderr, "tun_tcp: %s: %s\n", file, strerror(errno));
}

static void pcap_write(struct path *p, uint64_t now_us, size_t len)
{
	uint32_t kept = len < 100 ? (uint32_t)len : 100;
	uint32_t head[4] = {(uint32_t)(now_us / 1000000),
			    (uint32_t)(now_us % 1000000), kept, (uint32_t)len};

	fwrite(head, sizeof(head), 1, p->pcap);
	fwrite(p->ring[p->head % RING].data, kept, 1, p->pcap);
}

void path_init(struct path *p, const struct path_cfg *cfg, int which)
{
	memset(p, 0, sizeof(*p));
	p->cfg = cfg;
	p->rng = cfg->seed * 2 + (unsigned int)which;
	p->ring = calloc(RING, sizeof(*p->ring));
	if (!p->ring) {
		fprintf(stderr, "tun_tcp: no memory\n");
		exit(1);
	}
	if (getenv("TUN_TCP_PCAP"))
		pcap_open(p, getenv("TUN_TCP_PCAP"), which);
}

uint8_t *path_slot(struct path *p)
{
	/* two: it may be duplicated */
	return p->head - p->tail < RING - 1 ? p->ring[p->head % RING].data : NULL;
}

/* The time at which the wire has sent @item; false: the queue is full. */
static bool take_turn(struct path *p, struct path_item *item)
{
	const struct path_cfg *cfg = p->cfg;

	while (p->waiting != p->head &&
	       p->ring[p->waiting % RING].at_us <= item->at_us + cfg->delay_us)
		p->waiting++;
	if (p->head - p->waiting >= cfg->queue_pkts) {
		p->overflowed++;
		return false;
	}
	if (p->free_us > item->at_us)
		item->at_us = p->free_us;
	item->at_us += item->len * 8u / cfg->rate_mbit;
	p->free_us = item->at_us;
	return true;
}

static bool happens(const uint32_t *fate, enum draw what, unsigned int ppm)
{
	return fate[what] % 1000000 < ppm;
}

/* It leaves at once: behind what is due already, before all else. */
static void overtake(struct path *p)
{
	unsigned int at = p->head - 1;
	struct path_item item = p->ring[at % RING];

	item.at_us -= p->cfg->delay_us;
	while (at != p->tail && p->ring[(at - 1) % RING].at_us > item.at_us) {
		p->ring[at % RING] = p->ring[(at - 1) % RING];
		at--;
	}
	p->ring[at % RING] = item;
}

static void duplicate(struct path *p)
{
	p->ring[p->head % RING] = p->ring[(p->head - 1) % RING];
	p->head++;
}

void path_commit(struct path *p, size_t len)
{
	const struct path_cfg *cfg = p->cfg;
	struct path_item *item = &p->ring[p->head % RING];
	uint32_t fate[DRAWS];

	for (int i = 0; i < DRAWS; i++)
		fate[i] = draw(p);
	item->len = (uint16_t)len;
	item->at_us = path_now_us();
	p->packets++;
	if (p->pcap)
		pcap_write(p, item->at_us, len);
	if (happens(fate, DRAW_LOSS, cfg->loss_ppm)) {
		p->lost++;
		return;
	}
	if (cfg->rate_mbit && !take_turn(p, item))
		return;
	item->at_us += cfg->delay_us;
	if (happens(fate, DRAW_CORRUPT, cfg->corrupt_ppm))
		item->data[fate[DRAW_PLACE] % len] ^= 1u << fate[DRAW_PLACE] % 8;
	p->head++;
	if (happens(fate, DRAW_DUP, cfg->dup_ppm))
		duplicate(p);
	else if (happens(fate, DRAW_REORDER, cfg->reorder_ppm))
		overtake(p);
}

const struct path_item *path_due(struct path *p, uint64_t now_us)
{
	const struct path_item *item = &p->ring[p->tail % RING];

	return p->tail != p->head && item->at_us <= now_us ? item : NULL;
}

void path_pop(struct path *p, uint64_t now_us)
{
	p->late += now_us - p->ring[p->tail % RING].at_us > PATH_LATE_US;
	p->tail++;
}

uint64_t path_next(const struct path *p)
{
	return p->tail != p->head ? p->ring[p->tail % RING].at_us : UINT64_MAX;
}

void path_read(struct path *p, int fd)
{
	uint8_t *slot;
	ssize_t n;

	while ((slot = path_slot(p))) {
		n = read(fd, slot, PATH_MTU);
		if (n <= 0)
			return;
		path_commit(p, (size_t)n);
	}
}

void path_write(struct path *p, int fd, uint64_t now_us)
{
	const struct path_item *item;

	while ((item = path_due(p, now_us))) {
		if (write(fd, item->data, item->len) < 0 && errno == EAGAIN)
			return;
		path_pop(p, now_us);
	}
}

void path_report(const struct path *p, const char *name)
{
	if (!getenv("TUN_TCP_VERBOSE") && p->late * 100 <= p->packets)
		return;
	fprintf(stderr, "tun_tcp: %s: %lu packets, lost %lu, overflowed %lu, late %lu\n",
		name, p->packets, p->lost, p->overflowed, p->late);
}
