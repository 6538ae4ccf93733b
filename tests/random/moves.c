/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of step: what is told, and what the account makes of it. */
#include "tests/random/moves.h"

bool talkative;

static void print_line(int p, int op, int fd, const struct report *r)
{
	int what = fd >= 3 && fd < 3 + FDS ? what_of(p, fd) : 0;

	if (op == SEND || op == RECV || op == SHUTDOWN || op == POLL ||
	    op == NAMES || op == PASS)
		note_use(p, what, op == PASS);
	if (talkative) /* which end, which listener; only for people */
		fprintf(stderr, "%05d %d %s %d is %s %d\n", step_no, p,
			op_names[op], fd, what < 0 ? "listener" : "end",
			what < 0 ? -what - 1 : what - 1);
	printf("%05d %d %s %d: ", step_no, p, op_names[op], fd);
	if (r->rc < 0)
		printf("%s", strerrorname_np(r->error));
	else
		printf("%d", r->rc);
}

void finish(const char *why)
{
	int p;

	printf("\n%05d the end: %s\n", step_no, why);
	fflush(stdout);
	for (p = 0; p < PROCS; p++)
		if (procs[p].alive)
			kill(procs[p].pid, SIGKILL);
	exit(0);
}

void hear(int p, const struct order *o, struct report *r)
{
	struct pollfd c = {.fd = BOSS + p, .events = POLLIN};

	if (poll(&c, 1, PATIENCE_MS) != 1) {
		printf("%05d %d %s %d %d: hangs\n", step_no, p,
		       op_names[o->op], o->fd, o->arg);
		finish("no answer");
	}
	if (recv(BOSS + p, r, sizeof(*r), 0) != sizeof(*r))
		finish("half an answer");
}

struct report tell(int p, const struct order *o)
{
	struct report r = {0};

	if (send(BOSS + p, o, sizeof(*o), MSG_NOSIGNAL) != sizeof(*o))
		finish("not to be told");
	if (o->op != EXIT)
		hear(p, o, &r);
	return r;
}

static bool step_listen(int p)
{
	struct order o = {.op = LISTEN};
	struct report r;
	int l;

	for (l = 0; l < LISTENERS && listeners[l].used; l++)
		;
	if (l == LISTENERS || held(p) >= FDS - 4)
		return false;
	r = tell(p, &o);
	print_line(p, LISTEN, 0, &r);
	if (r.rc < 0)
		finish("cannot listen");
	listeners[l] = (struct listener){.used = true, .port = r.port};
	set_fd(p, r.rc, -(l + 1), false);
	return true;
}

static bool step_connect(int p)
{
	int l = (int)dice(LISTENERS), e = free_pair();
	struct order o = {.op = CONNECT, .arg = listeners[l].port};
	struct report r;

	if (e < 0 || !o.arg || held(p) >= FDS - 4 ||
	    (listeners[l].used && listeners[l].waiting == QUEUE))
		return false;
	/* later, its port may be somebody else's */
	if (!listeners[l].used && step_no - listeners[l].died > 20)
		return false;
	r = tell(p, &o);
	print_line(p, CONNECT, 0, &r);
	if (!listeners[l].used)
		return true;
	if (r.rc < 0)
		finish("cannot connect");
	ends[e] = (struct end){.used = true, .port = r.port,
			       .peer_port = o.arg, .first = p,
			       .key = dice(200)};
	ends[e + 1] = (struct end){.used = true, .port = o.arg,
				   .peer_port = r.port,
				   .key = dice(200)};
	if (talkative)
		fprintf(stderr, "%05d %d connect is end %d to listener %d, port %d\n",
			step_no, p, e, l, r.port);
	listeners[l].queue[listeners[l].waiting++] = e + 1;
	set_fd(p, r.rc, e + 1, false);
	return true;
}

static bool step_accept(int p)
{
	int fd = pick_fd(p, 'l'), e;
	struct order o = {.op = ACCEPT, .fd = fd, .variant = (int)dice(2)};
	struct listener *l;
	struct report r;

	if (fd < 0 || held(p) >= FDS - 4)
		return false;
	l = &listeners[-what_of(p, fd) - 1];
	o.wait_ms = l->waiting ? PATIENCE_MS / 2 : 0;
	r = tell(p, &o);
	print_line(p, ACCEPT, fd, &r);
	if (!l->waiting)
		return true;
	if (r.rc < 0)
		finish("cannot accept");
	e = l->queue[0];
	memmove(l->queue, l->queue + 1, sizeof(int) * (size_t)--l->waiting);
	ends[e].first = p;
	if (talkative)
		fprintf(stderr, "%05d %d accepted is end %d\n", step_no, p,
			e);
	set_fd(p, r.rc, e + 1, o.variant % 2);
	printf(" from %s", r.port == ends[e].peer_port ? "its turn"
						       : "somebody else");
	return true;
}

static bool step_send(int p)
{
	int fd = pick_fd(p, 'e'), e;
	struct order o = {.op = SEND, .fd = fd, .variant = (int)dice(4)};
	struct report r;

	if (fd < 0)
		return false;
	e = what_of(p, fd) - 1;
	o.size = 1 + (int)dice(dice(2) ? 20 : 1000);
	if (ends[e].shut || ends[e].reset || ends[peer_of(e)].closed ||
	    ends[e].sent - ends[peer_of(e)].got + (unsigned int)o.size >
		    WINDOW)
		return false;
	o.from = ends[e].sent;
	o.key = ends[e].key;
	r = tell(p, &o);
	print_line(p, SEND, fd, &r);
	if (r.rc > 0)
		ends[e].sent += (unsigned int)r.rc;
	return true;
}

static bool step_recv(int p)
{
	int fd = pick_fd(p, 'e'), e;
	struct order o = {.op = RECV, .fd = fd, .variant = (int)dice(4),
			  .wait_ms = PATIENCE_MS / 2};
	unsigned int there;
	struct end *from;
	struct report r;

	if (fd < 0)
		return false;
	e = what_of(p, fd) - 1;
	from = &ends[peer_of(e)];
	there = from->sent - ends[e].got;
	if (!there && !from->shut && !from->closed && !ends[e].reset)
		return false; /* would wait for ever */
	o.size = there ? 1 + (int)dice(there) : 10;
	o.from = ends[e].got;
	o.key = from->key;
	r = tell(p, &o);
	if (ends[e].killed && r.rc < 0 && r.error == ECONNRESET)
		r.rc = 0;
	print_line(p, RECV, fd, &r);
	if (r.extra)
		printf(" wrong from byte %ld", r.extra);
	if (r.rc > 0)
		ends[e].got += (unsigned int)r.rc;
	else if (r.rc < 0 || ends[e].killed)
		ends[e].reset = false, from->shut = true;
	return true;
}

static bool step_shutdown(int p)
{
	int fd = pick_fd(p, 'e'), e;
	struct order o = {.op = SHUTDOWN, .fd = fd};
	struct report r;

	if (fd < 0 || dice(4))
		return false;
	e = what_of(p, fd) - 1;
	if (ends[e].shut || ends[e].reset || ends[peer_of(e)].closed)
		return false;
	r = tell(p, &o);
	print_line(p, SHUTDOWN, fd, &r);
	ends[e].shut = true;
	return true;
}

static bool step_poll(int p)
{
	int fd = pick_fd(p, 0), what;
	struct order o = {.op = POLL, .fd = fd};
	struct report r;

	if (fd < 0)
		return false;
	what = what_of(p, fd);
	if (what > 0) {
		struct end *mine = &ends[what - 1];
		struct end *peer = &ends[peer_of(what - 1)];

		if (peer->closed || mine->reset)
			return false;
		if (peer->sent != mine->got)
			o.arg |= POLLIN;
		if (peer->shut)
			o.arg |= POLLRDHUP;
		if (peer->shut && mine->shut)
			o.arg |= POLLHUP;
	} else if (listeners[-what - 1].waiting) {
		o.arg = POLLIN;
	}
	o.wait_ms = o.arg ? PATIENCE_MS / 2 : 0;
	r = tell(p, &o);
	print_line(p, POLL, fd, &r);
	printf(" %#lx", r.extra);
	return true;
}

static bool step_names(int p)
{
	int fd = pick_fd(p, 0), what;
	struct order o = {.op = NAMES, .fd = fd};
	struct report r;

	if (fd < 0)
		return false;
	what = what_of(p, fd);
	if (what > 0 && (ends[what - 1].reset || ends[what - 1].shut ||
			 ends[peer_of(what - 1)].closed ||
			 ends[peer_of(what - 1)].shut))
		return false;
	r = tell(p, &o);
	print_line(p, NAMES, fd, &r);
	if (what > 0)
		printf(" %s", r.port == ends[what - 1].port &&
					      r.extra == ends[what - 1].peer_port
				      ? "right"
				      : "wrong");
	else
		printf(" %s", r.port == listeners[-what - 1].port ? "right"
								  : "wrong");
	return true;
}

static bool step_dup(int p)
{
	int fd = pick_fd(p, 0);
	struct order o = {.op = DUP, .fd = fd, .variant = (int)dice(2)};
	struct report r;

	if (fd < 0 || held(p) >= FDS - 4)
		return false;
	r = tell(p, &o);
	print_line(p, DUP, fd, &r);
	set_fd(p, r.rc, what_of(p, fd), false);
	return true;
}

/*
 * Process @p is about to give up @what, of which it has @refs: is it the last,
 * and are there bytes on their way to it? In one kernel they have arrived, and
 * reset the connection; elsewhere they would cross the end of it.
 */
static void settle(int p, int fd, int what, int refs)
{
	struct order o = {.op = SETTLE, .fd = fd, .wait_ms = PATIENCE_MS};
	struct end *mine, *peer;

	if (what <= 0)
		return;
	mine = &ends[what - 1];
	peer = &ends[peer_of(what - 1)];
	o.size = (int)(peer->sent - mine->got);
	if (mine->refs == refs && o.size > 0)
		tell(p, &o);
}

/* The same for all that it closes by an exec, or by its end. */
static void settle_all(int p, bool by_exec)
{
	int i, k, what, refs;

	for (i = 0; i < FDS; i++) {
		what = procs[p].fds[i].what;
		for (k = refs = 0; k < FDS; k++)
			refs += procs[p].fds[k].what == what &&
				(!by_exec || procs[p].fds[k].cloexec);
		if (!by_exec || procs[p].fds[i].cloexec)
			settle(p, i + 3, what, refs);
	}
}

static bool step_dup2(int p)
{
	int fd = pick_fd(p, 0);
	struct order o = {.op = DUP2, .fd = fd, .variant = (int)dice(2),
			  .arg = 3 + (int)dice(FDS - 4)};
	struct report r;

	if (fd < 0 || o.arg == fd)
		return false;
	if (what_of(p, o.arg) != what_of(p, fd))
		settle(p, o.arg, what_of(p, o.arg), 1);
	r = tell(p, &o);
	print_line(p, DUP2, fd, &r);
	set_fd(p, r.rc, what_of(p, fd), false);
	return true;
}

static bool step_close(int p)
{
	int fd = pick_fd(p, 0);
	struct order o = {.op = CLOSE, .fd = fd};
	struct report r;

	if (fd < 0)
		return false;
	settle(p, fd, what_of(p, fd), 1);
	r = tell(p, &o);
	print_line(p, CLOSE, fd, &r);
	set_fd(p, fd, 0, false);
	return true;
}

static void inherit(int p, int child, bool over_exec)
{
	int i;

	for (i = 0; i < FDS; i++) {
		struct holding *h = &procs[p].fds[i];

		if (over_exec && !h->cloexec)
			note_use(p, h->what, true);
		if (!over_exec || !h->cloexec)
			set_fd(child, i + 3, h->what, h->cloexec);
	}
}

static bool step_birth(int p, int op)
{
	int child = free_process();
	struct order o = {.op = op, .arg = child};
	struct report r, born;

	if (child < 0)
		return false;
	r = tell(p, &o);
	print_line(p, op, child, &r);
	if (r.rc < 0)
		finish("cannot make a process");
	hear(child, &o, &born);
	procs[child].alive = true;
	procs[child].pid = (pid_t)born.extra;
	inherit(p, child, op == SPAWN);
	return true;
}

static bool step_exec(int p)
{
	struct order o = {.op = EXEC};
	struct report r;
	int i;

	settle_all(p, true);
	r = tell(p, &o);
	print_line(p, EXEC, 0, &r);
	for (i = 0; i < FDS; i++)
		if (procs[p].fds[i].cloexec)
			set_fd(p, i + 3, 0, false);
		else
			note_use(p, procs[p].fds[i].what, true);
	return true;
}

static bool step_pass(int p)
{
	int fd = pick_fd(p, 0), to = (int)dice(PROCS);
	struct order o = {.op = PASS, .fd = fd, .arg = to};
	struct report r;

	if (fd < 0 || !procs[to].alive || procs[to].mails == MAIL)
		return false;
	r = tell(p, &o);
	print_line(p, PASS, fd, &r);
	hold(what_of(p, fd));
	procs[to].mail[procs[to].mails++] = what_of(p, fd);
	return true;
}

static bool step_take(int p)
{
	struct order o = {.op = TAKE, .variant = (int)dice(2)};
	struct process *proc = &procs[p];
	struct report r;
	int what;

	if (!proc->mails || held(p) >= FDS - 4)
		return false;
	r = tell(p, &o);
	print_line(p, TAKE, 0, &r);
	what = proc->mail[0];
	memmove(proc->mail, proc->mail + 1,
		sizeof(int) * (size_t)--proc->mails);
	set_fd(p, r.rc, what, o.variant % 2);
	drop(what);
	return true;
}

static bool step_cloexec(int p)
{
	int fd = pick_fd(p, 0);
	struct order o = {.op = CLOEXEC, .fd = fd,
			  .arg = (int)dice(2) ? FD_CLOEXEC : 0};
	struct report r;

	if (fd < 0)
		return false;
	r = tell(p, &o);
	print_line(p, CLOEXEC, fd, &r);
	procs[p].fds[fd - 3].cloexec = o.arg != 0;
	return true;
}

static bool step_death(int p, int op)
{
	struct order o = {.op = EXIT, .variant = (int)dice(2)};
	struct report r = {0};
	int i, n = 0, tries;

	for (i = 0; i < PROCS; i++)
		n += procs[i].alive;
	if (n < 2 || procs[p].mails || dice(3))
		return false;
	if (op == KILL && !may_be_killed(p))
		return false;
	settle_all(p, false);
	if (op == KILL)
		kill(procs[p].pid, SIGKILL);
	else
		tell(p, &o);
	for (tries = 0; kill(procs[p].pid, 0) == 0; tries++) {
		if (tries == PATIENCE_MS)
			finish("does not die");
		sleep_ms(1);
	}
	print_line(p, op, 0, &r);
	let_go(p, op == KILL);
	return true;
}

bool step_of(int op, int p)
{
	static bool (*const steps[NOPS])(int) = {
		[LISTEN] = step_listen, [CONNECT] = step_connect,
		[ACCEPT] = step_accept, [SEND] = step_send,
		[RECV] = step_recv,	[SHUTDOWN] = step_shutdown,
		[POLL] = step_poll,	[NAMES] = step_names,
		[DUP] = step_dup,	[DUP2] = step_dup2,
		[CLOSE] = step_close,	[EXEC] = step_exec,
		[PASS] = step_pass,	[TAKE] = step_take,
		[CLOEXEC] = step_cloexec,
	};

	if (op == FORK || op == SPAWN)
		return step_birth(p, op);
	if (op == EXIT || op == KILL)
		return step_death(p, op);
	return steps[op] && steps[op](p);
}
