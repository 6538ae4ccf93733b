/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/mcast.h"

#include <errno.h>
#include <string.h>

#include "stack/member.h"
#include "stack/object.h"
#include "stack/sockopt.h"

#define SRCS_SIZE (FDNET_MCAST_SRC_MOST * sizeof(struct fdnet_ip))

/* ---- filters ---- */

bool fdnet_mcast_lists(const struct fdnet_mcast_filter *filter,
		       const struct fdnet_ip *src)
{
	unsigned int i;

	for (i = 0; i < filter->n; i++)
		if (fdnet_ip_equal(&filter->srcs[i], src))
			return true;
	return false;
}

/* @src must not be in it yet. false: no memory, no room */
static bool filter_add(struct fdnet_stack *stack, struct fdnet_mcast_filter *f,
		       const struct fdnet_ip *src)
{
	if (f->n == FDNET_MCAST_SRC_MOST)
		return false;
	if (!f->srcs)
		f->srcs = fdnet_mem_alloc(stack->mem, SRCS_SIZE);
	if (!f->srcs)
		return false;
	f->srcs[f->n++] = *src;
	return true;
}

static void filter_done(struct fdnet_stack *stack, struct fdnet_mcast_filter *f)
{
	fdnet_mem_free(stack->mem, f->srcs, SRCS_SIZE);
	*f = (struct fdnet_mcast_filter){ 0 };
}

/* ---- the host's groups: RFC 3376 3.2 ---- */

/* What some member excludes is excluded when nobody wants it. */
static bool is_excluded(const struct fdnet_mcast_group *g,
			const struct fdnet_ip *src)
{
	const struct fdnet_mcast *m;

	for (m = g->members; m; m = m->next_member)
		if (fdnet_mcast_wants(&m->filter, src))
			return false;
	return true;
}

/* When there is no room for all, more is wanted than need be: the sockets
 * look for themselves. */
static void merge(struct fdnet_stack *stack, const struct fdnet_mcast_group *g,
		  struct fdnet_mcast_filter *ret)
{
	const struct fdnet_mcast *m, *first = NULL;
	unsigned int i;

	for (m = g->members; m && !first; m = m->next_member)
		if (m->filter.exclude)
			first = m;
	ret->exclude = first;
	if (first) {
		for (i = 0; i < first->filter.n; i++)
			if (is_excluded(g, &first->filter.srcs[i]))
				filter_add(stack, ret, &first->filter.srcs[i]);
		return;
	}
	for (m = g->members; m; m = m->next_member)
		for (i = 0; i < m->filter.n; i++)
			if (!fdnet_mcast_lists(ret, &m->filter.srcs[i]) &&
			    !filter_add(stack, ret, &m->filter.srcs[i])) {
				ret->exclude = true;
				ret->n = 0;
				return;
			}
}

void fdnet_mcast_group_free(struct fdnet_stack *stack,
			    struct fdnet_mcast_group *g)
{
	filter_done(stack, &g->filter);
	fdnet_mem_free(stack->mem, g->told, sizeof(*g->told));
	fdnet_mem_free(stack->mem, g, sizeof(*g));
}

/* A member came, went or changed its filter. */
static void update(struct fdnet_stack *stack, struct fdnet_mcast_group *g)
{
	struct fdnet_mcast_filter was = g->filter, now = { 0 };
	struct fdnet_mcast_group **pg;

	merge(stack, g, &now);
	g->filter = now;
	if (!fdnet_member_changed(stack, g, &was) && !g->members) {
		for (pg = &stack->groups; *pg != g; pg = &(*pg)->next)
			;
		*pg = g->next;
		fdnet_mcast_group_free(stack, g);
	}
	filter_done(stack, &was);
}

static struct fdnet_mcast_group *host_find(const struct fdnet_stack *stack,
					   const struct fdnet_ip *group,
					   int ifindex)
{
	struct fdnet_mcast_group *g = stack->groups;

	while (g && (g->ifindex != ifindex || !fdnet_ip_equal(&g->group, group)))
		g = g->next;
	return g;
}

static int host_join(struct fdnet_stack *stack, struct fdnet_mcast *m)
{
	struct fdnet_mcast_group *g = host_find(stack, &m->group, m->ifindex);

	if (!g) {
		g = fdnet_mem_alloc(stack->mem, sizeof(*g));
		if (!g)
			return -ENOMEM;
		g->group = m->group;
		g->ifindex = m->ifindex;
		g->next = stack->groups;
		stack->groups = g;
	}
	m->next_member = g->members;
	g->members = m;
	update(stack, g);
	return 0;
}

static void host_leave(struct fdnet_stack *stack, struct fdnet_mcast *m)
{
	struct fdnet_mcast_group *g = host_find(stack, &m->group, m->ifindex);
	struct fdnet_mcast **pm = &g->members;

	while (*pm != m)
		pm = &(*pm)->next_member;
	*pm = m->next_member;
	update(stack, g);
}

/* ---- the sockets' ---- */

static struct fdnet_mcast **find(struct fdnet_mcast **list,
				 const struct fdnet_ip *group, int ifindex)
{
	while (*list && ((ifindex && (*list)->ifindex != ifindex) ||
			 !fdnet_ip_equal(&(*list)->group, group)))
		list = &(*list)->next;
	return list;
}

static unsigned int setting(unsigned int value, unsigned int otherwise,
			    unsigned int most)
{
	if (!value)
		return otherwise;
	return value < most ? value : most;
}

unsigned int fdnet_mcast_src_max(const struct fdnet_stack *stack, int family)
{
	return family == 4 ? setting(stack->cfg.mcast_src4_max,
				     FDNET_MCAST_SRC4_MAX,
				     FDNET_MCAST_SRC_MOST) :
			     setting(stack->cfg.mcast_src6_max,
				     FDNET_MCAST_SRC6_MAX,
				     FDNET_MCAST_SRC_MOST);
}

static int limit(struct fdnet_stack *stack)
{
	stack->counters[FDNET_C_MCAST_LIMIT]++;
	return -ENOBUFS;
}

static unsigned int count(const struct fdnet_mcast *m)
{
	unsigned int n = 0;

	for (; m; m = m->next)
		n++;
	return n;
}

int fdnet_mcast_join(struct fdnet_sock *so, const struct fdnet_ip *group,
		     int ifindex, bool include)
{
	struct fdnet_stack *stack = so->stack;
	struct fdnet_mcast *m;

	if (!fdnet_ip_is_multicast(group))
		return -EINVAL;
	if (ifindex < 0 || ifindex > 2)
		return -ENODEV;
	if (!ifindex)
		ifindex = 2;
	if (*find(&so->mcast, group, ifindex))
		return -EADDRINUSE;
	if (count(so->mcast) >= setting(stack->cfg.mcast_max, FDNET_MCAST_MAX,
					FDNET_MCAST_MOST))
		return limit(stack);
	m = fdnet_mem_alloc(stack->mem, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->group = *group;
	m->ifindex = ifindex;
	m->filter.exclude = !include;
	if (host_join(stack, m)) {
		fdnet_mem_free(stack->mem, m, sizeof(*m));
		return -ENOMEM;
	}
	m->next = so->mcast;
	so->mcast = m;
	return 0;
}

static void leave(struct fdnet_stack *stack, struct fdnet_mcast **pm)
{
	struct fdnet_mcast *m = *pm;

	*pm = m->next;
	host_leave(stack, m);
	filter_done(stack, &m->filter);
	fdnet_mem_free(stack->mem, m, sizeof(*m));
}

int fdnet_mcast_leave(struct fdnet_sock *so, const struct fdnet_ip *group,
		      int ifindex)
{
	struct fdnet_mcast **pm = find(&so->mcast, group, ifindex);

	if (!fdnet_ip_is_multicast(group))
		return -EINVAL;
	if (!*pm)
		return -EADDRNOTAVAIL;
	leave(so->stack, pm);
	return 0;
}

void fdnet_mcast_leave_all(struct fdnet_sock *so)
{
	while (so->mcast)
		leave(so->stack, &so->mcast);
}

static int source_add(struct fdnet_stack *stack, struct fdnet_mcast *m,
		      const struct fdnet_ip *src)
{
	if (m->filter.n >= fdnet_mcast_src_max(stack, m->group.family))
		return limit(stack);
	if (fdnet_mcast_lists(&m->filter, src))
		return -EADDRNOTAVAIL;
	return filter_add(stack, &m->filter, src) ? 0 : -ENOMEM;
}

static int source_drop(struct fdnet_mcast *m, const struct fdnet_ip *src)
{
	unsigned int i;

	for (i = 0; i < m->filter.n; i++) {
		if (!fdnet_ip_equal(&m->filter.srcs[i], src))
			continue;
		m->filter.srcs[i] = m->filter.srcs[--m->filter.n];
		return 0;
	}
	return -EADDRNOTAVAIL;
}

int fdnet_mcast_source(struct fdnet_sock *so, const struct fdnet_ip *group,
		       int ifindex, const struct fdnet_ip *src, bool exclude,
		       bool add)
{
	struct fdnet_mcast **pm = find(&so->mcast, group, ifindex), *m = *pm;
	int rc;

	if (!fdnet_ip_is_multicast(group) || !m ||
	    (m->filter.n && m->filter.exclude != exclude))
		return -EINVAL;
	if (!add && !exclude && m->filter.n == 1 &&
	    fdnet_mcast_lists(&m->filter, src)) {
		leave(so->stack, pm);
		return 0;
	}
	m->filter.exclude = exclude;
	rc = add ? source_add(so->stack, m, src) : source_drop(m, src);
	update(so->stack, host_find(so->stack, group, m->ifindex));
	return rc;
}

int fdnet_mcast_set_filter(struct fdnet_sock *so, const struct fdnet_ip *group,
			   int ifindex, const struct fdnet_mcast_filter *filter)
{
	struct fdnet_mcast *m = *find(&so->mcast, group, ifindex);
	struct fdnet_mcast_filter now = { .exclude = filter->exclude };
	unsigned int i;

	if (!fdnet_ip_is_multicast(group))
		return -EINVAL;
	if (filter->n > fdnet_mcast_src_max(so->stack, group->family))
		return limit(so->stack);
	if (!filter->exclude && !filter->n)
		return fdnet_mcast_leave(so, group, ifindex);
	if (!m)
		return -EINVAL;
	for (i = 0; i < filter->n; i++) {
		if (fdnet_mcast_lists(&now, &filter->srcs[i]))
			continue;
		if (!filter_add(so->stack, &now, &filter->srcs[i]))
			return -ENOMEM;
	}
	filter_done(so->stack, &m->filter);
	m->filter = now;
	update(so->stack, host_find(so->stack, group, m->ifindex));
	return 0;
}

const struct fdnet_mcast_filter *
fdnet_mcast_get_filter(struct fdnet_sock *so, const struct fdnet_ip *group,
		       int ifindex)
{
	struct fdnet_mcast *m = *find(&so->mcast, group, ifindex);

	return m ? &m->filter : NULL;
}

/* ---- what arrives ---- */

bool fdnet_mcast_has(const struct fdnet_sock *so, const struct fdnet_ip *group,
		     const struct fdnet_ip *src, int ifindex)
{
	const struct fdnet_mcast_group *g;
	const struct fdnet_mcast *m, *found = NULL;

	for (m = so->mcast; m; m = m->next)
		if (fdnet_ip_equal(&m->group, group) &&
		    (!found || m->ifindex == ifindex))
			found = m;
	if (found)
		return fdnet_mcast_wants(&found->filter, src);
	if (!fdnet_sock_flag(so, group->family == 4 ? FDNET_SF_MCAST_ALL :
						      FDNET_SF_MCAST_ALL6))
		return false;
	/* on somebody else's account: what that one's filter lets in */
	g = host_find(so->stack, group, ifindex);
	return !g || fdnet_mcast_wants(&g->filter, src);
}

bool fdnet_mcast_joined(const struct fdnet_stack *stack,
			const struct fdnet_ip *group)
{
	static const struct fdnet_ip all4 = { 4, { 224, 0, 0, 1 } };
	static const struct fdnet_ip all6 = { 6,
					      { 0xff, 2, [15] = 1 } };
	const struct fdnet_mcast_group *g;

	if (fdnet_ip_equal(group, &all4) || fdnet_ip_equal(group, &all6))
		return true;
	for (g = stack->groups; g; g = g->next)
		if (g->members && fdnet_ip_equal(&g->group, group))
			return true;
	return false;
}
