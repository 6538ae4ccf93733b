/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published ports that a reload opens and closes.
 *
 * How it works: a port of the host that was open and is still wanted keeps its
 * socket, so no client finds it closed for a moment, and none in its backlog
 * is lost. What is new is opened before anything is closed: if one cannot be,
 * all is as it was.
 */
#include "config.h"

#include "relay/publish_internal.h"

#include <errno.h>
#include <string.h>

#include "relay/flow_udp.h"
#include "relay/summary.h"
#include "relay/sys.h"

static bool is_same(const struct publish *pub, const struct publish_spec *spec)
{
	return !pub->wanted && pub->spec.proto == spec->proto &&
	       fdnet_ip_equal(&pub->spec.host.ip, &spec->host.ip);
}

/* The open port for it; for port 0 any that nobody else names. */
static struct publish *find_open(struct relay *relay,
				 const struct publish_spec *spec)
{
	struct publish *pub;

	LL_FOREACH(relay->published, pub) {
		if (!is_same(pub, spec))
			continue;
		if (spec->host.port ? pub->spec.host.port == spec->host.port :
				      pub->spec.port == spec->port)
			return pub;
	}
	return NULL;
}

static int want(struct relay *relay, const struct publish_spec *spec,
		struct policy_error *ret_err)
{
	struct publish *pub = find_open(relay, spec);
	char text[RECORD_NAME_LEN];
	int rc = 0;

	if (!pub) {
		rc = publish_one(relay, spec, &pub);
		if (!rc)
			pub->fresh = true;
	}
	if (rc) {
		policy_fail(ret_err, 0, "port %u of %s cannot be taken: %s",
			    spec->host.port,
			    record_name(&(struct fdnet_name){
						.ip = spec->host.ip },
					text),
			    strerror(-rc));
		ret_err->line = spec->at.line;
		ret_err->column = spec->at.column;
		return -EINVAL;
	}
	pub->wanted = true;
	pub->next_port = spec->port;
	return 0;
}

int publish_prepare(struct relay *relay, const struct publish_spec *specs,
		    unsigned int n, struct policy_error *ret_err)
{
	/* who names a port comes before who takes any */
	for (int any = 0; any < 2; any++)
		for (unsigned int i = 0; i < n; i++) {
			int rc = any == !specs[i].host.port ?
					 want(relay, &specs[i], ret_err) :
					 0;

			if (rc) {
				publish_cancel(relay);
				return rc;
			}
		}
	return 0;
}

void publish_commit(struct relay *relay)
{
	struct publish *pub, *tmp;

	LL_FOREACH_SAFE(relay->published, pub, tmp) {
		if (!pub->wanted) {
			publish_note(relay, &pub->spec, RECORD_UNPUBLISH);
			flow_udp_end_published(relay, pub->src.fd);
			publish_free(relay, pub);
			continue;
		}
		if (pub->fresh) {
			publish_note(relay, &pub->spec, RECORD_PUBLISH);
			publish_tell(relay, pub, 0);
		}
		pub->spec.port = pub->next_port;
		pub->wanted = pub->fresh = false;
	}
}

void publish_cancel(struct relay *relay)
{
	struct publish *pub, *tmp;

	LL_FOREACH_SAFE(relay->published, pub, tmp) {
		pub->wanted = false;
		if (pub->fresh)
			publish_free(relay, pub);
	}
}

static bool covers(const struct publish *pub, const struct fdnet_name *name)
{
	const struct fdnet_name *host = &pub->spec.host;

	return host->port == name->port &&
	       host->ip.family == name->ip.family &&
	       (fdnet_ip_is_any(&host->ip) ||
		fdnet_ip_equal(&host->ip, &name->ip));
}

bool publish_is_wanted(const struct relay *relay, uint8_t proto, int fd,
		       uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	const struct publish *pub;
	struct fdnet_name name;

	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0 ||
	    sys_to_name(&sa, &name))
		return false;
	LL_FOREACH(relay->published, pub) {
		if (pub->wanted && pub->spec.proto == proto &&
		    pub->next_port == port && covers(pub, &name))
			return true;
	}
	return false;
}
