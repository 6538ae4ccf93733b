/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/random/account.h"

struct end ends[ENDS * 2];
struct listener listeners[LISTENERS];
struct process procs[PROCS];
int step_no;
static unsigned long long state = 88172645463325252;

/* Near seeds are to give different runs (the finalizer of splitmix64). */
static unsigned long long mixed(unsigned long long seed)
{
	seed += 0x9e3779b97f4a7c15;
	seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9;
	seed = (seed ^ (seed >> 27)) * 0x94d049bb133111eb;
	seed ^= seed >> 31;
	return seed ? seed : 1;
}

void seed_dice(unsigned long long seed)
{
	state = mixed(seed);
}

unsigned int dice(unsigned int n)
{
	state ^= state << 13; /* xorshift64, Marsaglia 2003 */
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned int)(state >> 33) % n;
}

static bool killing;

/* Nobody holds the end any more. */
static void end_closed(int e)
{
	struct end *mine = &ends[e], *peer = &ends[peer_of(e)];

	mine->closed = true;
	peer->killed = killing;
	if (peer->closed) {
		mine->used = peer->used = false;
		return;
	}
	if (peer->sent != mine->got)
		peer->reset = true; /* closed with data unread */
}

void hold(int what)
{
	if (what > 0)
		ends[what - 1].refs++;
	else if (what < 0)
		listeners[-what - 1].refs++;
}

void drop(int what)
{
	struct listener *l;

	if (what > 0 && --ends[what - 1].refs == 0)
		end_closed(what - 1);
	if (what >= 0)
		return;
	l = &listeners[-what - 1];
	if (--l->refs > 0)
		return;
	l->used = false;
	l->died = step_no;
	while (l->waiting > 0) {
		int e = l->queue[--l->waiting];

		ends[peer_of(e)].reset = true;
		ends[peer_of(e)].killed = killing;
		ends[e].closed = true;
		if (ends[peer_of(e)].closed)
			ends[e].used = ends[peer_of(e)].used = false;
	}
	/* the sandbox needs a moment until the port refuses */
	sleep_ms(20);
}

void set_fd(int p, int fd, int what, bool cloexec)
{
	struct holding *h;

	if (fd < 3 || fd >= FDS + 3)
		return;
	h = &procs[p].fds[fd - 3];
	hold(what);
	drop(h->what);
	h->what = what;
	h->cloexec = cloexec;
}

int free_process(void)
{
	int p;

	for (p = 0; p < PROCS; p++)
		if (!procs[p].alive && procs[p].mails == 0)
			return p;
	return -1;
}

int free_pair(void)
{
	int e;

	for (e = 0; e < ENDS * 2; e += 2)
		if (!ends[e].used && !ends[e + 1].used)
			return e;
	return -1;
}

int pick_fd(int p, char kind)
{
	int i, n = 0, found = -1;

	for (i = 0; i < FDS; i++) {
		int what = procs[p].fds[i].what;

		if (!what || (kind == 'l' && what > 0) ||
		    (kind == 'e' && what < 0))
			continue;
		if (dice((unsigned int)++n) == 0)
			found = i + 3;
	}
	return found;
}

int held(int p)
{
	int i, n = 0;

	for (i = 0; i < FDS; i++)
		n += procs[p].fds[i].what != 0;
	return n;
}

int what_of(int p, int fd)
{
	return procs[p].fds[fd - 3].what;
}

void note_use(int p, int what, bool gives)
{
	if (what > 0 && (gives || ends[what - 1].first != p))
		ends[what - 1].shared = true;
}

static int refs_of(int p, int what)
{
	int i, n = 0;

	for (i = 0; i < FDS; i++)
		n += procs[p].fds[i].what == what;
	return n;
}

bool may_be_killed(int p)
{
	int i, what;

	for (i = 0; i < FDS; i++) {
		what = procs[p].fds[i].what;
		if (what > 0 && ends[what - 1].first == p &&
		    !ends[what - 1].shared &&
		    refs_of(p, what) < ends[what - 1].refs)
			return false;
	}
	return true;
}

void let_go(int p, bool killed)
{
	int i;

	killing = killed;
	procs[p].alive = false;
	for (i = 0; i < FDS; i++)
		set_fd(p, i + 3, 0, false);
	killing = false;
}
