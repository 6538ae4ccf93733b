/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS messages as the forwarder needs them: questions from guests (hostile),
 * answers from name servers (hardly better), and answers of our own. RFC 1035,
 * RFC 6891 (payload size only).
 */
#ifndef RELAY_DNS_MSG_H
#define RELAY_DNS_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fdnet/stack.h>

#include "relay/names.h"

#define DNS_HEADER_LEN 12
/* Header, longest name, type and class, OPT and some options. */
#define DNS_QUESTION_MAX 1024
#define DNS_MESSAGE_MAX 65535
/* Without EDNS a datagram holds this much, and with it no more than we say. */
#define DNS_UDP_MIN 512
#define DNS_UDP_MAX 4096

enum dns_type {
	DNS_A = 1,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_AAAA = 28,
	DNS_OPT = 41,
};

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
};

/**
 * struct dns_question - what a guest asks
 * @flags:     as they came: opcode and RD go into the answer
 * @name:      lower case, without the last dot; "" is the root
 * @raw, @raw_len:  the question section as it came, for the answer
 * @udp_max:   bytes of answer that a datagram may have
 * @edns:      an OPT record came, and one is expected in the answer
 */
struct dns_question {
	uint16_t id, flags;
	uint16_t type, class;
	char name[NAMES_MAX_LEN];
	uint8_t raw[NAMES_MAX_LEN + 8];
	size_t raw_len;
	uint16_t udp_max;
	bool edns;
};

/**
 * dns_question_parse - read a question
 *
 * Returns 0; -EBADMSG when there is nothing to answer to (shorter than a
 * header, or an answer itself); a positive enum dns_rcode when the answer is
 * that, with @ret_q good enough for dns_answer_error().
 */
int dns_question_parse(const uint8_t *src, size_t len,
		       struct dns_question *ret_q);

/**
 * dns_answer_error - an answer without records
 * @dst:  DNS_QUESTION_MAX bytes
 *
 * Returns its length.
 */
size_t dns_answer_error(uint8_t *dst, const struct dns_question *q,
			enum dns_rcode rcode);

/** dns_answer_addrs - an answer with @n addresses of the question's type */
size_t dns_answer_addrs(uint8_t *dst, const struct dns_question *q,
			const struct fdnet_ip *ips, unsigned int n,
			uint32_t ttl_s);
#define DNS_ANSWER_ADDRS_MAX 16

/** dns_answer_ptr - an answer with one name */
size_t dns_answer_ptr(uint8_t *dst, const struct dns_question *q,
		      const char *name, uint32_t ttl_s);

/**
 * dns_answer_adopt - make a name server's answer one to @q
 * @msg, @len:  the answer; changed in place
 *
 * Returns 0, -EBADMSG (its records are not in order, or it answers something
 * else).
 */
int dns_answer_adopt(uint8_t *msg, size_t len, const struct dns_question *q);

/**
 * dns_answer_truncate - cut an answer for a datagram
 *
 * Returns the new length: records are left out, and the truncation bit says
 * so, when it is longer than @q's udp_max.
 */
size_t dns_answer_truncate(uint8_t *msg, size_t len,
			   const struct dns_question *q);

/**
 * dns_answer_walk - the addresses in an answer's answer section
 * @each:  called for each A and AAAA record; false stops
 *
 * Returns 0, -EBADMSG (records not in order), -ECANCELED (@each stopped).
 */
int dns_answer_walk(const uint8_t *msg, size_t len,
		    bool (*each)(void *arg, const struct fdnet_ip *ip,
				 uint32_t ttl_s),
		    void *arg);

/**
 * dns_answer_add_opt - the OPT record that @q's asker expects
 * @msg, @len:  an answer with DNS_OPT_LEN bytes of room behind it
 *
 * Returns the new length; the same when none is expected, or one is there.
 */
size_t dns_answer_add_opt(uint8_t *msg, size_t len,
			  const struct dns_question *q);
#define DNS_OPT_LEN 11

/** dns_answer_rcode - the message's response code */
enum dns_rcode dns_answer_rcode(const uint8_t *msg, size_t len);

/**
 * dns_answer_life - how long may an answer be given again?
 * @msg, @len:  in order (dns_answer_adopt())
 * @max_s:      no longer than this
 * @no_s:       and one that says "no" (no such name, no such record) no longer
 *              than this; without a SOA record not at all (RFC 2308 5)
 *
 * Returns seconds; 0: not at all.
 */
uint32_t dns_answer_life(const uint8_t *msg, size_t len, uint32_t max_s,
			 uint32_t no_s);

/** dns_answer_age - take seconds off all TTLs */
void dns_answer_age(uint8_t *msg, size_t len, uint32_t gone_s);

/** dns_ptr_address - the address that a name of in-addr.arpa or ip6.arpa is
 * about. 0 or -EINVAL */
int dns_ptr_address(const char *name, struct fdnet_ip *ret_ip);

#endif
