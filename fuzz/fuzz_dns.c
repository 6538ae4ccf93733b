/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS messages: the first two bytes say where the question ends and a name
 * server's answer begins.
 */
#include "config.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "relay/dns_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool take(void *arg, const struct fdnet_ip *ip, uint32_t ttl_s)
{
	unsigned int *left = arg;

	assert(ip->family == 4 || ip->family == 6);
	return (*left)--;
}

/* What only reads sees a copy without a byte to spare. */
static void answer(const struct dns_question *q, const uint8_t *data,
		   size_t size)
{
	uint8_t *msg = malloc(size ? size : 1);
	uint8_t *room = malloc(size + DNS_OPT_LEN);
	unsigned int left = 40;

	if (msg && room) {
		memcpy(msg, data, size);
		dns_answer_walk(msg, size, take, &left);
		assert(dns_answer_life(msg, size, 3600, 300) <= 3600);
		dns_answer_age(msg, size, 1);
		if (!dns_answer_adopt(msg, size, q)) {
			size = dns_answer_truncate(msg, size, q);
			memcpy(room, msg, size);
			assert(dns_answer_add_opt(room, size, q) <=
			       size + DNS_OPT_LEN);
		}
	}
	free(msg);
	free(room);
}

static void own_answers(const struct dns_question *q)
{
	struct fdnet_ip ips[DNS_ANSWER_ADDRS_MAX] = { { 0 } };
	uint8_t msg[DNS_QUESTION_MAX + DNS_ANSWER_ADDRS_MAX * 28];
	struct fdnet_ip ip;

	assert(dns_answer_error(msg, q, DNS_REFUSED) <= sizeof(msg));
	assert(dns_answer_addrs(msg, q, ips, DNS_ANSWER_ADDRS_MAX, 1) <=
	       sizeof(msg));
	assert(dns_answer_ptr(msg, q, "host.fdnet", 1) <= sizeof(msg));
	dns_ptr_address(q->name, &ip);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_question q;
	size_t len;

	if (size < 2)
		return 0;
	len = (size_t)(data[0] << 8 | data[1]);
	data += 2;
	size -= 2;
	if (len > size)
		len = size;
	if (dns_question_parse(data, len, &q) >= 0) {
		own_answers(&q);
		answer(&q, data + len, size - len);
	}
	return 0;
}
