/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/mcast.h"

#include <errno.h>
#include <string.h>

#include "stack/member.h"
#include "stack/object.h"
#include "stack/sockopt.h"

static struct fdnet_mcast **find(struct fdnet_mcast **list,
				 const struct fdnet_ip *group, int ifindex)
{
	while (*list && ((ifindex && (*list)->ifindex != ifindex) ||
			 !fdnet_ip_equal(&(*list)->group, group)))
		list = &(*list)->next;
	return list;
}

static struct fdnet_mcast *add(struct fdnet_stack *stack,
			       struct fdnet_mcast **list,
			       const struct fdnet_ip *group, int ifindex)
{
	struct fdnet_mcast *m = fdnet_mem_alloc(stack->mem, sizeof(*m));

	if (!m)
		return NULL;
	m->group = *group;
	m->ifindex = ifindex;
	m->next = *list;
	*list = m;
	return m;
}

static void drop(struct fdnet_stack *stack, struct fdnet_mcast **pm)
{
	struct fdnet_mcast *m = *pm;

	*pm = m->next;
	fdnet_mem_free(stack->mem, m, sizeof(*m));
}

static int host_join(struct fdnet_stack *stack, const struct fdnet_ip *group,
		     int ifindex)
{
	struct fdnet_mcast *m = *find(&stack->groups, group, ifindex);

	if (!m)
		m = add(stack, &stack->groups, group, ifindex);
	if (!m)
		return -ENOMEM;
	if (!m->refs++)
		fdnet_member_changed(stack, m);
	return 0;
}

static void host_leave(struct fdnet_stack *stack, const struct fdnet_ip *group,
		       int ifindex)
{
	struct fdnet_mcast **pm = find(&stack->groups, group, ifindex);

	if (*pm && !--(*pm)->refs && !fdnet_member_changed(stack, *pm))
		drop(stack, pm);
}

static unsigned int count(const struct fdnet_mcast *m)
{
	unsigned int n = 0;

	for (; m; m = m->next)
		n++;
	return n;
}

int fdnet_mcast_join(struct fdnet_sock *so, const struct fdnet_ip *group,
		     int ifindex)
{
	int rc;

	if (!fdnet_ip_is_multicast(group))
		return -EINVAL;
	if (ifindex < 0 || ifindex > 2)
		return -ENODEV;
	if (!ifindex)
		ifindex = 2;
	if (*find(&so->mcast, group, ifindex))
		return -EADDRINUSE;
	if (count(so->mcast) >= FDNET_MCAST_MAX)
		return -ENOBUFS;
	rc = host_join(so->stack, group, ifindex);
	if (rc)
		return rc;
	if (!add(so->stack, &so->mcast, group, ifindex)) {
		host_leave(so->stack, group, ifindex);
		return -ENOMEM;
	}
	return 0;
}

int fdnet_mcast_leave(struct fdnet_sock *so, const struct fdnet_ip *group,
		      int ifindex)
{
	struct fdnet_mcast **pm = find(&so->mcast, group, ifindex);

	if (!fdnet_ip_is_multicast(group))
		return -EINVAL;
	if (!*pm)
		return -EADDRNOTAVAIL;
	host_leave(so->stack, group, (*pm)->ifindex);
	drop(so->stack, pm);
	return 0;
}

void fdnet_mcast_leave_all(struct fdnet_sock *so)
{
	while (so->mcast) {
		host_leave(so->stack, &so->mcast->group, so->mcast->ifindex);
		drop(so->stack, &so->mcast);
	}
}

bool fdnet_mcast_has(const struct fdnet_sock *so, const struct fdnet_ip *group,
		     int ifindex)
{
	const struct fdnet_mcast *m;

	for (m = so->mcast; m; m = m->next)
		if (fdnet_ip_equal(&m->group, group))
			return true;
	return fdnet_sock_flag(so, group->family == 4 ?
					   FDNET_SF_MCAST_ALL :
					   FDNET_SF_MCAST_ALL6);
}

bool fdnet_mcast_joined(const struct fdnet_stack *stack,
			const struct fdnet_ip *group)
{
	static const struct fdnet_ip all4 = { 4, { 224, 0, 0, 1 } };
	static const struct fdnet_ip all6 = { 6,
					      { 0xff, 2, [15] = 1 } };
	const struct fdnet_mcast *m;

	if (fdnet_ip_equal(group, &all4) || fdnet_ip_equal(group, &all6))
		return true;
	for (m = stack->groups; m; m = m->next)
		if (m->refs && fdnet_ip_equal(&m->group, group))
			return true;
	return false;
}
