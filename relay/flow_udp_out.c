/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams from the engine to the host, and what ICMP said of them. */
#include "config.h"

#include "relay/flow_udp_internal.h"

#include <linux/errqueue.h>
#include <netinet/udp.h>
#include <string.h>

#include "relay/sys.h"

/* Datagrams of one gate in one turn. */
#define GATE_BUDGET 512
/* Datagrams, and their bytes, that the kernel cuts out of one buffer. */
#define SEGMENTS_MAX 64
#define SEGMENTS_BYTES 65000
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static int open_gate(struct guest *guest, int family, struct fdnet_sock **ret)
{
	struct fdnet_name any = { .ip.family = (uint8_t)family };
	int v6only = 1;
	int rc = fdnet_sock_open(guest->stack, family, FDNET_SOCK_DGRAM,
				 POLICY_UDP, ret);

	if (!rc && family == 6)
		rc = fdnet_sock_setopt(*ret, IPPROTO_IPV6, IPV6_V6ONLY,
				       &v6only, sizeof(v6only));
	if (!rc)
		rc = fdnet_sock_bind_foreign(*ret, &any);
	if (!rc)
		fdnet_sock_set_user(*ret, &guest->gate_user);
	return rc;
}

int flow_udp_open(struct guest *guest)
{
	int rc;

	guest->gate_user.kind = USER_UDP_GATE;
	rc = open_gate(guest, 4, &guest->udp_gate[0]);
	return rc ? rc : open_gate(guest, 6, &guest->udp_gate[1]);
}

static int open_host_socket(struct relay *relay, struct flow_udp *flow)
{
	struct fdnet_name target = relay_host_name(relay, &flow->key.remote);
	struct sockaddr_storage sa;
	socklen_t len = sys_from_name(&target, &sa);
	bool v4 = sa.ss_family == AF_INET;
	int rc, fd = sys_socket(sa.ss_family, SOCK_DGRAM);

	if (fd < 0)
		return fd;
	/* fragments are the host's business, and errors ours */
	sys_setopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6,
		   v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER,
		   v4 ? IP_PMTUDISC_DONT : IPV6_PMTUDISC_DONT);
	sys_setopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6,
		   v4 ? IP_RECVERR : IPV6_RECVERR, 1);
	sys_set_buffers(fd, 4 << 20);
	rc = udp_port_connect(&relay->udp->ports, flow->key.guest,
			      &flow->key.local, fd, &sa, len, &flow->port);
	flow->src.fd = flow->fd = fd;
	return rc ? rc : loop_add(&relay->loop, &flow->src, EPOLLIN);
}

void flow_udp_reject(struct guest *guest, const struct flow_key *key,
		     const void *data, size_t len, int error)
{
	struct iovec iov = { (void *)data, len };
	struct fdnet_msg msg = {
		.iov = &iov,
		.iovcnt = 1,
		.to_from = key->local,
		.local = key->remote,
		.ttl = -1,
		.tos = -1,
	};

	switch (error) {
	case ECONNREFUSED:
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EACCES:
	case EMSGSIZE:
		break;
	case EPERM:
		error = EACCES;
		break;
	default:
		error = EHOSTUNREACH;
	}
	fdnet_sock_reject(guest->udp_gate[key->local.ip.family == 6], &msg,
			  error);
}

/* The flow for a datagram from the guest, made if the rules allow it. */
static struct flow_udp *flow_get(struct guest *guest,
				 const struct flow_key *key, const void *data,
				 size_t len)
{
	struct relay *relay = guest->relay;
	struct flow_udp *flow = flow_udp_find(relay, key);
	struct rule *rule;
	int rc;

	if (flow)
		return flow;
	if (net_is_dns(&relay->opts->net, &key->remote.ip)) {
		flow_udp_reject(guest, key, data, len, ECONNREFUSED);
		return NULL;
	}
	if (!relay_decide(relay, guest, POLICY_UDP, &key->local,
			  &key->remote, &rule)) {
		count(&relay->counters, C_UDP_DENIED);
		flow_udp_reject(guest, key, data, len, EACCES);
		return NULL;
	}
	flow = flow_udp_new(relay, key);
	if (!flow) {
		flow_udp_reject(guest, key, data, len, ENETUNREACH);
		return NULL;
	}
	rule_take(rule);
	flow->rule = rule;
	rc = open_host_socket(relay, flow);
	if (!rc) {
		flow_udp_note(relay, flow, RECORD_OPEN, 0, NULL);
		return flow;
	}
	flow_udp_note(relay, flow, RECORD_FAIL, -rc, NULL);
	flow_udp_finish(relay, flow, "failed");
	flow_udp_reject(guest, key, data, len, -rc);
	return NULL;
}

/* Pass on what ICMP told the host socket, and clear it. */
void flow_udp_take_errors(struct relay *relay, struct flow_udp *flow)
{
	struct guest *guest = guest_find(relay, flow->key.guest);
	uint8_t control[512], byte;
	struct iovec iov = { &byte, sizeof(byte) };
	int error = sys_so_error(flow->fd), extended = 0;

	for (int i = 0; i < BATCH; i++) {
		struct msghdr msg = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		struct sock_extended_err ee;
		struct cmsghdr *cmsg;

		if (recvmsg(flow->fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			break;
		cmsg = CMSG_FIRSTHDR(&msg);
		if (!cmsg || cmsg->cmsg_len < CMSG_LEN(sizeof(ee)))
			continue;
		memcpy(&ee, CMSG_DATA(cmsg), sizeof(ee));
		extended = (int)ee.ee_errno;
	}
	if (extended)
		error = extended;
	if (guest && guest_is_up(guest) && error)
		flow_udp_reject(guest, &flow->key, flow->quote, flow->sent,
				error);
	if (guest)
		guest_touch(guest);
}

/* Datagrams of one flow that leave together. */
struct batch {
	struct flow_udp *flow;
	unsigned int n;
	struct mmsghdr msgs[BATCH];
	struct iovec iovs[BATCH];
	union {
		char buf[CMSG_SPACE(sizeof(uint16_t))];
		struct cmsghdr align;
	} control[BATCH];
};

/* How many from @from on the kernel may cut out of one buffer: all as long as
 * the first, but for the last. */
static unsigned int batch_run(const struct batch *batch, unsigned int from)
{
	size_t size = batch->iovs[from].iov_len, bytes = size;
	unsigned int n = 1;

	if (batch->flow->no_segments || !size)
		return 1;
	while (from + n < batch->n && n < SEGMENTS_MAX) {
		size_t len = batch->iovs[from + n].iov_len;

		if (!len || len > size || bytes + len > SEGMENTS_BYTES)
			break;
		bytes += len;
		n++;
		if (len < size)
			break;
	}
	return n;
}

static void ask_segments(struct msghdr *msg, void *control, size_t size)
{
	uint16_t bytes = (uint16_t)size;
	struct cmsghdr *cmsg;

	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(sizeof(bytes));
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = IPPROTO_UDP;
	cmsg->cmsg_type = UDP_SEGMENT;
	cmsg->cmsg_len = CMSG_LEN(sizeof(bytes));
	memcpy(CMSG_DATA(cmsg), &bytes, sizeof(bytes));
}

/* Messages for what is left from @from on. Returns how many. */
static unsigned int batch_describe(struct batch *batch, unsigned int from)
{
	unsigned int k = 0, n;

	for (; from < batch->n; from += n, k++) {
		struct msghdr *msg = &batch->msgs[k].msg_hdr;

		n = batch_run(batch, from);
		*msg = (struct msghdr){
			.msg_iov = &batch->iovs[from],
			.msg_iovlen = n,
		};
		if (batch->flow->published) {
			msg->msg_name = &batch->flow->real;
			msg->msg_namelen = batch->flow->real_len;
		}
		if (n > 1)
			ask_segments(msg, batch->control[k].buf,
				     batch->iovs[from].iov_len);
	}
	return k;
}

/* Does the device, or the path, not take segments? They go one by one then. */
static bool refuses_segments(struct batch *batch, long rc)
{
	if (batch->msgs[0].msg_hdr.msg_iovlen == 1 ||
	    (rc != -EIO && rc != -EINVAL && rc != -EMSGSIZE &&
	     rc != -EOPNOTSUPP))
		return false;
	batch->flow->no_segments = true;
	return true;
}

static void send_batch(struct relay *relay, struct batch *batch)
{
	struct flow_udp *flow = batch->flow;
	unsigned int done = 0;

	for (unsigned int tries = 0; done < batch->n && tries < batch->n + 5;
	     tries++) {
		unsigned int k = batch_describe(batch, done);
		long rc = SYS_RETRY(sendmmsg(flow->fd, batch->msgs, k,
					     MSG_DONTWAIT | MSG_NOSIGNAL));

		for (long i = 0; i < rc; i++)
			done += (unsigned int)batch->msgs[i].msg_hdr.msg_iovlen;
		if (rc > 0 || refuses_segments(batch, rc))
			continue;
		if (rc == -EAGAIN || rc == -ENOBUFS || rc == -ENOMEM)
			break;
		/* either an earlier datagram's error, which is fetched
		 * thereby, or this one cannot be sent */
		if (rc == -EMSGSIZE || rc == -EPERM || rc == -EINVAL ||
		    rc == -EACCES) {
			struct guest *guest =
				guest_find(relay, flow->key.guest);

			flow_udp_reject(guest, &flow->key,
					batch->iovs[done].iov_base,
					batch->iovs[done].iov_len, (int)-rc);
			done++;
		} else if (!flow->published) {
			flow_udp_take_errors(relay, flow);
		}
	}
	relay->counters.n[C_UDP_DROP] += batch->n - done;
}

static void batch_flush(struct relay *relay, struct batch *batch)
{
	struct iovec *last;

	if (!batch->n)
		return;
	last = &batch->iovs[batch->n - 1];
	batch->flow->sent = last->iov_len < QUOTE ? (uint32_t)last->iov_len :
						    QUOTE;
	memcpy(batch->flow->quote, last->iov_base, batch->flow->sent);
	send_batch(relay, batch);
	batch->n = 0;
}

static void batch_add(struct relay *relay, struct batch *batch,
		      struct flow_udp *flow, size_t len)
{
	if (!rule_pass(flow->rule, 0, len, relay->now_us)) {
		count(&relay->counters, C_RULE_DROP);
		return;
	}
	batch->iovs[batch->n] =
		(struct iovec){ relay->udp->data[batch->n], len };
	batch->flow = flow;
	batch->n++;
	flow->bytes_out += len;
	flow->pkts_out++;
	flow_udp_set_used(relay, flow,
			  flow->bytes_in ? LIST_TWO_WAY : LIST_ONE_WAY);
	if (batch->n == BATCH)
		batch_flush(relay, batch);
}

/* Take one datagram. Its data lie in the batch's next place. */
static ssize_t gate_recv(struct guest *guest, struct fdnet_sock *so,
			 struct batch *batch, struct flow_key *ret_key)
{
	struct iovec iov = { guest->relay->udp->data[batch->n],
			     DATAGRAM_MAX };
	struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };
	ssize_t len = fdnet_sock_recv(so, &msg);

	if (len < 0)
		return len;
	memset(ret_key, 0, sizeof(*ret_key));
	ret_key->guest = guest->id;
	ret_key->local.ip = msg.to_from.ip;
	ret_key->local.port = msg.to_from.port;
	ret_key->remote.ip = msg.local.ip;
	ret_key->remote.port = msg.local.port;
	addr_normalise(&ret_key->remote.ip);
	return len;
}

static void gate_readable(struct guest *guest, struct fdnet_sock *so)
{
	struct relay *relay = guest->relay;
	struct batch batch; /* not cleared: it is large, and filled as it goes */
	struct flow_key key;
	ssize_t len;

	batch.n = 0;
	for (int i = 0; i < GATE_BUDGET; i++) {
		struct flow_udp *flow;

		len = gate_recv(guest, so, &batch, &key);
		if (len == -EAGAIN)
			break;
		if (len < 0)
			continue; /* an ICMP error from the guest */
		if (batch.n && memcmp(&key, &batch.flow->key, sizeof(key))) {
			uint8_t *data = relay->udp->data[batch.n];

			batch_flush(relay, &batch);
			memmove(relay->udp->data[0], data, (size_t)len);
		}
		flow = batch.n ? batch.flow :
				 flow_get(guest, &key, relay->udp->data[0],
					  (size_t)len);
		if (flow)
			batch_add(relay, &batch, flow, (size_t)len);
	}
	batch_flush(relay, &batch);
	/* no event comes for what is left */
	if (fdnet_sock_poll(so) & FDNET_EV_IN) {
		guest->udp_more = true;
		guest_touch(guest);
	}
}

void flow_udp_run_more(struct guest *guest)
{
	if (!guest->udp_more)
		return;
	guest->udp_more = false;
	for (int i = 0; i < 2; i++)
		if (fdnet_sock_poll(guest->udp_gate[i]) & FDNET_EV_IN)
			gate_readable(guest, guest->udp_gate[i]);
}

static void unblock(struct guest *guest, int family)
{
	struct relay *relay = guest->relay;
	struct flow_udp *flow;

	if (!relay->udp->nblocked)
		return;
	for (flow = relay->udp->flows; flow; flow = flow->hh.next) {
		if (!flow->blocked || flow->key.guest != guest->id ||
		    flow->key.local.ip.family != family)
			continue;
		flow->blocked = false;
		relay->udp->nblocked--;
		loop_change(&relay->loop, &flow->src, EPOLLIN);
	}
}

void flow_udp_guest_event(struct guest *guest, struct fdnet_sock *so,
			  uint32_t events)
{
	if (events & (FDNET_EV_IN | FDNET_EV_ERR))
		gate_readable(guest, so);
	if (events & FDNET_EV_OUT)
		unblock(guest, fdnet_sock_family(so));
}
