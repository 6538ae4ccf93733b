/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the option tables, and the handlers that several levels share. Only
 * for stack/sockopt*.c. */
#ifndef STACK_SOCKOPT_ROW_H
#define STACK_SOCKOPT_ROW_H

#include <stddef.h>
#include <sys/socket.h>

#include "stack/sockopt.h"

struct fdnet_opt_row;

/* Handlers: @val has at least the row's @size bytes. */
typedef int (*fdnet_opt_set_fn)(struct fdnet_sock *so,
				const struct fdnet_opt_row *row,
				const void *val, uint32_t len);
typedef int (*fdnet_opt_get_fn)(struct fdnet_sock *so,
				const struct fdnet_opt_row *row, void *val,
				uint32_t *len);

/* Sockets that refuse to have it set. */
enum fdnet_opt_limits {
	FOR_ALL = 0,
	FOR_DGRAM = 1,	/* -EINVAL on streams */
	FOR_RAW = 2,	/* -ENOPROTOOPT on others */
	FOR_TCP = 4,	/* -EOPNOTSUPP on others; also to be read */
	FOR_DGRAM6 = 8, /* -ENOPROTOOPT on streams */
	FOR_PORTS = 16, /* -EOPNOTSUPP on those without (ping, raw) */
};

/**
 * struct fdnet_opt_row - one option
 * @set, @get:  NULL: -ENOPROTOOPT
 * @place:      offset in struct fdnet_sock_opts, or enum fdnet_sock_flag
 * @min, @max:  of an int
 * @size:       bytes that set() must be given; 0 for IP_*: one is enough
 */
struct fdnet_opt_row {
	struct fdnet_sockopt id;
	fdnet_opt_set_fn set;
	fdnet_opt_get_fn get;
	size_t place;
	int min, max;
	uint32_t size;
	enum fdnet_opt_limits limits;
};

/* The rows of a level. */
struct fdnet_opt_table {
	const struct fdnet_opt_row *rows;
	unsigned int n;
};

extern const struct fdnet_opt_table fdnet_opt_socket; /* SOL_SOCKET */
extern const struct fdnet_opt_table fdnet_opt_ip;     /* IPPROTO_IP */
extern const struct fdnet_opt_table fdnet_opt_ip6;    /* IPPROTO_IPV6 */

#define FDNET_OPT_TABLE(rows_)                                                 \
	{                                                                      \
		(rows_), sizeof(rows_) / sizeof((rows_)[0])                    \
	}
#define ID(level_, name_)                                                      \
	{                                                                      \
#name_, level_, name_                                          \
	}
#define OPT(m) offsetof(struct fdnet_sock_opts, m)

enum { OPT_IP_PROTOCOL = 52 }; /* older system headers lack it */

/* ---- values (sockopt_val.c) ---- */

static inline void *fdnet_opt_member(struct fdnet_sock *so,
				     const struct fdnet_opt_row *row)
{
	return (char *)&so->opts + row->place;
}

/** fdnet_opt_take_int - an int, or a byte when there is no room for one */
int fdnet_opt_take_int(const void *val, uint32_t len);

/** fdnet_opt_give_ip_int - of IPPROTO_IP: a byte when there is no room */
int fdnet_opt_give_ip_int(const struct fdnet_opt_row *row, void *val,
			  uint32_t *len, int value);

/** fdnet_opt_give - @size bytes, cut to *@len */
int fdnet_opt_give(void *val, uint32_t *len, const void *data, uint32_t size);

/* Handlers for a bool, int or int16_t member, a flag, a flag that is 0 or 1 and nothing
 * else, the row's @place itself, and the empty answer. */
int fdnet_opt_set_bool(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		       const void *val, uint32_t len);
int fdnet_opt_get_bool(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		       void *val, uint32_t *len);
int fdnet_opt_set_int(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		      const void *val, uint32_t len);
int fdnet_opt_get_int(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		      void *val, uint32_t *len);
int fdnet_opt_set_short(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			const void *val, uint32_t len);
int fdnet_opt_get_short(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			void *val, uint32_t *len);
int fdnet_opt_set_flag(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		       const void *val, uint32_t len);
int fdnet_opt_get_flag(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		       void *val, uint32_t *len);
int fdnet_opt_set_bit(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		      const void *val, uint32_t len);
int fdnet_opt_get_fixed(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			void *val, uint32_t *len);
int fdnet_opt_get_nothing(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			  void *val, uint32_t *len);

/* What the socket is (sockopt_socket.c). */
int fdnet_opt_get_what(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		       void *val, uint32_t *len);

/* ---- options that both versions have (sockopt_ip.c) ---- */

int fdnet_opt_get_default(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			  void *val, uint32_t *len);
int fdnet_opt_set_min_ttl(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			  const void *val, uint32_t len);
int fdnet_opt_get_min_ttl(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			  void *val, uint32_t *len);
int fdnet_opt_get_mtu(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		      void *val, uint32_t *len);
int fdnet_opt_set_refused_on(struct fdnet_sock *so,
			     const struct fdnet_opt_row *row, const void *val,
			     uint32_t len);
int fdnet_opt_set_group(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			const void *val, uint32_t len);

#endif
