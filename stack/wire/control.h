/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of the link's HELLO, WELCOME, CONTROL and ATTACH messages:
 * doc/protocol.md, sections 3 to 6. Decoders check everything that can be
 * checked without state and never read beyond @len.
 */
#ifndef STACK_WIRE_CONTROL_H
#define STACK_WIRE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FDNET_CTL_MAGIC 0x544e4446u
#define FDNET_CTL_VERSION 1
#define FDNET_HELLO_LEN 40
#define FDNET_WELCOME_LEN 104
#define FDNET_ATTACH_LEN 16
#define FDNET_CTL_MAX_LEN 60

enum fdnet_ctl_op {
	FDNET_CTL_BIND = 0x01,
	FDNET_CTL_UNBIND = 0x02,
	FDNET_CTL_LISTEN = 0x03,
	FDNET_CTL_LEASE = 0x04,
	FDNET_CTL_RELEASE = 0x05,
	FDNET_CTL_SOCKET = 0x06,
	FDNET_CTL_HOLD = 0x10,
	FDNET_CTL_UNHOLD = 0x11, /* as HOLD; a notice */
	FDNET_CTL_KEEP = 0x12,	 /* of a connection; a notice */
	FDNET_CTL_REPLY = 0x80,
};

enum fdnet_bind_flag {
	FDNET_BIND_REUSEADDR = 1 << 0,
	FDNET_BIND_REUSEPORT = 1 << 1,
	FDNET_BIND_V6ONLY = 1 << 2,
};

struct fdnet_hello {
	uint16_t version;
	uint32_t features;
	uint32_t max_msg;
	uint32_t pid;
	char comm[16]; /* NUL terminated by the decoder */
};

struct fdnet_welcome {
	uint16_t version;
	uint16_t status; /* positive errno, 0: welcome */
	uint32_t features;
	uint32_t max_msg;
	uint32_t mtu;
	uint32_t gso_max;
	uint8_t ip4[4], gateway4[4], dns4[4];
	uint8_t bits4, bits6;
	uint8_t ip6[16], gateway6[16], dns6[16];
	uint16_t lease_lo, lease_hi;
	uint32_t sandbox;
};

/* A decoded CONTROL body; which members count depends on @op. */
struct fdnet_ctl {
	uint8_t op;
	uint16_t error; /* positive errno */
	uint32_t id;
	uint8_t proto;
	uint8_t family; /* 4 or 6 */
	uint16_t flags; /* enum fdnet_bind_flag; SOCKET reply: the state */
	uint16_t port;	/* BIND and friends */
	uint8_t addr[16];
	uint32_t index;	/* SOCKET: which of them */
	uint16_t peer_port; /* HOLD, UNHOLD; 0: whatever comes for the local name */
	uint8_t peer[16];
	bool keep_on; /* KEEP, with the four below; 0 of the last: none */
	uint16_t keep_idle_s, keep_intvl_s;
	uint8_t keep_cnt;
	uint32_t user_timeout_ms;
	uint16_t count;	 /* LEASE: wanted */
	uint16_t lo, hi; /* LEASE reply; RELEASE: lo */
};

enum fdnet_attach_flag {
	FDNET_ATTACH_NODE = 1 << 0, /* a node channel (wire/node.h), no link */
};

struct fdnet_attach {
	uint16_t version;
	uint16_t flags; /* enum fdnet_attach_flag */
	uint32_t pid;
};

/*
 * Each encode writes its fixed length (for ctl: returns it) into @dst, which
 * has FDNET_CONTROL room; each decode returns 0, -EBADMSG for a wrong length,
 * magic or value, -EPROTONOSUPPORT for another version.
 */
void fdnet_hello_encode(uint8_t *dst, const struct fdnet_hello *hello);
int fdnet_hello_decode(const uint8_t *src, size_t len,
		       struct fdnet_hello *ret_hello);
void fdnet_welcome_encode(uint8_t *dst, const struct fdnet_welcome *welcome);
int fdnet_welcome_decode(const uint8_t *src, size_t len,
			 struct fdnet_welcome *ret_welcome);
void fdnet_attach_encode(uint8_t *dst, const struct fdnet_attach *attach);
int fdnet_attach_decode(const uint8_t *src, size_t len,
			struct fdnet_attach *ret_attach);
size_t fdnet_ctl_encode(uint8_t *dst, const struct fdnet_ctl *ctl);
int fdnet_ctl_decode(const uint8_t *src, size_t len,
		     struct fdnet_ctl *ret_ctl);

#endif
