/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of an emulated way between two TUN devices: delay, rate with a
 * queue, and loss, reordering, duplication and corruption by a seed.
 *
 * The n-th packet of a direction has the same fate whenever the seed is the
 * same, whoever sends it and whatever the other direction carries: two runs
 * with one seed meet the same way.
 */
#ifndef BENCH_PATH_H
#define BENCH_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PATH_MTU 1500

struct path_cfg {
	uint64_t delay_us;
	unsigned int loss_ppm, dup_ppm, corrupt_ppm, reorder_ppm;
	unsigned int rate_mbit;	 /* 0: none */
	unsigned int queue_pkts; /* with a rate: how many may wait for it */
	uint64_t seed;
};

struct path_item {
	uint64_t at_us;
	uint16_t len;
	uint8_t data[PATH_MTU];
};

struct path {
	const struct path_cfg *cfg;
	struct path_item *ring;
	unsigned int head, tail;
	unsigned int waiting; /* index of the first not yet on the wire */
	uint64_t free_us;     /* when the wire is free again */
	uint64_t rng;
	FILE *pcap; /* what comes in, as it comes; or NULL */
	unsigned long packets, lost, overflowed;
	unsigned long late; /* left more than PATH_LATE_US after its time */
};

/* An emulator that is not woken in time does not emulate. */
#define PATH_LATE_US 2000

uint64_t path_now_us(void);

/** path_config - @cfg from the environment: TUN_TCP_RATE (Mbit/s), _QUEUE
 * (packets, 1000), _DUP, _CORRUPT, _REORDER (per million) */
void path_config(struct path_cfg *cfg);

/**
 * path_init - an empty way
 * @cfg:   borrowed
 * @which: 0 for the direction of the data, 1 for that of the ACKs: they lose
 *         different packets
 *
 * With TUN_TCP_PCAP in the environment, what comes in is written to files of
 * that name with the number and .pcap behind it. Ends the program when there
 * is no memory.
 */
void path_init(struct path *p, const struct path_cfg *cfg, int which);

/** path_slot - PATH_MTU bytes for the next packet; NULL: the ring is full */
uint8_t *path_slot(struct path *p);
/** path_commit - what stands in path_slot() goes on its way */
void path_commit(struct path *p, size_t len);
/** path_due - the first packet that has arrived, or NULL */
const struct path_item *path_due(struct path *p, uint64_t now_us);
/** path_pop - path_due()'s was taken */
void path_pop(struct path *p, uint64_t now_us);
/** path_next - when the next one arrives; UINT64_MAX: there is none */
uint64_t path_next(const struct path *p);

/** path_read - from a TUN device, all there is */
void path_read(struct path *p, int fd);
/** path_write - to a TUN device, all that is due */
void path_write(struct path *p, int fd, uint64_t now_us);

/** path_report - a line of figures on stderr, if TUN_TCP_VERBOSE is set or
 * more than one packet in a hundred was late */
void path_report(const struct path *p, const char *name);

#endif
