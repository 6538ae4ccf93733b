/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/peer.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "relay/synth.h"
#include "relay/sys.h"
#include "stack/wire/icmp.h"

#define JOIN_MS 10000
#define FEATURES (FDNET_LINK_F_CSUM | FDNET_LINK_F_GSO | FDNET_LINK_F_BIG)

static int told(const struct options *opts, const char *why)
{
	fprintf(stderr, "fdnet-relay: network %s: %s\n", opts->network, why);
	return -EIO;
}

/* The place's number moves the address: .15, .16 ... */
static void move_to(struct net_family *half, unsigned int place)
{
	half->ip.bytes[half->ip.family == 4 ? 3 : 15] += (uint8_t)place;
}

int peer_join(struct options *opts)
{
	struct pollfd pfd = { opts->status_fd, POLLIN, 0 };
	char text[512], ip[2][FDNET_IP_STRLEN];
	unsigned int place;
	ssize_t len;

	if (!opts->sandbox || opts->status_fd < 0)
		return told(opts, "only sandboxes of one service share it");
	snprintf(text, sizeof(text), "join %s %s %s %s", opts->network,
		 opts->name ? opts->name : "-",
		 fdnet_ip_format(&opts->net.v4.ip, ip[0]),
		 fdnet_ip_format(&opts->net.v6.ip, ip[1]));
	if (SYS_RETRY(send(opts->status_fd, text, strlen(text),
			   MSG_NOSIGNAL)) < 0 ||
	    SYS_RETRY(poll(&pfd, 1, JOIN_MS)) < 1)
		return told(opts, "the service does not answer");
	len = SYS_RETRY(recv(opts->status_fd, text, sizeof(text) - 1, 0));
	text[len > 0 ? len : 0] = '\0';
	if (sscanf(text, "place %u %63s", &place, opts->own_name) != 2)
		return told(opts, "it has no place for one more");
	if (opts->net.v4.ip.bytes[3] + place > 254 ||
	    opts->net.v6.ip.bytes[15] + place > 254)
		return told(opts, "no address is left");
	move_to(&opts->net.v4, place);
	move_to(&opts->net.v6, place);
	return 0;
}

/* "peer NAME IPV4 IPV6" */
static bool parse(const char *text, struct peer *peer)
{
	char ip[2][FDNET_IP_STRLEN];

	return sscanf(text, "peer %63s %45s %45s", peer->name, ip[0], ip[1]) ==
		       3 &&
	       !fdnet_ip_parse(ip[0], &peer->ip[0]) &&
	       !fdnet_ip_parse(ip[1], &peer->ip[1]);
}

void peer_new(struct relay *relay, const char *text, int fd)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	struct guest *guest;

	if (!peer || !parse(text, peer) || guest_new(relay, fd, 0)) {
		count(&relay->counters, C_ATTACH_BAD);
		free(peer);
		close(fd);
		return;
	}
	guest = guest_find(relay, relay->last_id);
	guest->greeted = true;
	guest->peer = peer;
	memcpy(guest->comm, "(peer)", sizeof("(peer)"));
	fdnet_link_set_features(guest->link, FEATURES);
	peer->guest = guest;
	LL_PREPEND(relay->peers, peer);
}

void peer_gone(struct guest *guest)
{
	if (!guest->peer)
		return;
	LL_DELETE(guest->relay->peers, guest->peer);
	free(guest->peer);
	guest->peer = NULL;
}

bool peer_owns(const struct guest *guest, const struct fdnet_ip *ip)
{
	return fdnet_ip_equal(&guest->peer->ip[ip->family == 6], ip);
}

uint32_t peer_find(void *arg, const struct fdnet_ip *ip)
{
	const struct relay *relay = arg;
	const struct peer *peer;

	LL_FOREACH(relay->peers, peer) {
		if (peer_owns(peer->guest, ip))
			return peer->guest->id;
	}
	return 0;
}

void peer_echo(struct guest *guest, struct fdnet_pkt *pkt,
	       const struct head *head)
{
	static uint8_t data[65536]; /* of the process: one at a time */
	uint32_t len = head->len - head->l4;
	struct relay *relay = guest->relay;
	struct fdnet_pkt *answer = NULL;

	if (len <= sizeof(data) && len >= FDNET_ICMP_LEN) {
		fdnet_pkt_copy_out(pkt, head->l4, data, len);
		data[0] = head->proto == FDNET_PROTO_ICMP ?
				  FDNET_ICMP_ECHO_REPLY :
				  FDNET_ICMP6_ECHO_REPLY;
		answer = synth_icmp(relay->pool, &head->dst, &head->src, data,
				    len);
	}
	fdnet_pkt_free(pkt);
	if (!answer)
		return;
	capture(&relay->capture, answer);
	guest_link_forward(guest, answer);
}

static bool is_named(const struct options *opts, const char *name,
		     const char *asked)
{
	size_t len = strlen(name);

	return !strncmp(name, asked, len) &&
	       (!asked[len] ||
		(asked[len] == '.' && !strcmp(asked + len + 1, opts->network)));
}

bool peer_lookup(const struct relay *relay, const char *name, int family,
		 struct fdnet_ip *ret_ip)
{
	const struct options *opts = relay->opts;
	const struct peer *peer;

	if (!opts->network)
		return false;
	if (is_named(opts, opts->own_name, name)) {
		*ret_ip = net_family(&opts->net, family)->ip;
		return true;
	}
	LL_FOREACH(relay->peers, peer) {
		if (!is_named(opts, peer->name, name))
			continue;
		*ret_ip = peer->ip[family == 6];
		return true;
	}
	return false;
}
