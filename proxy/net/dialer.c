/* SPDX-License-Identifier: Apache-2.0
 *
 * All attempts of a dial stand in one allocation and are numbered in the order
 * of the addresses. At any time the attempts up to `next` have begun; each one
 * that is under way has a watched descriptor. The dial waits for an event of
 * one of them, for the pace timer (the next address, although nobody has
 * answered yet) or for the deadline.
 *
 * A descriptor costs four system calls: socket, setsockopt, connect, epoll_ctl.
 * It is registered after connect(2), since before it epoll reports a hang-up;
 * nothing is lost by that, as EPOLL_CTL_ADD reports what is already there. No
 * SO_ERROR is asked for after a success: a failed connect always comes with
 * EPOLLERR or EPOLLHUP. */
#include "net/dialer.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	NS_PER_MS = 1000000
};

struct attempt {
	struct watch watch; /* first: an event's watch is its attempt */
	struct dial *dial;  /* borrowed */
	struct ipaddr addr;
};

struct dial {
	struct loop *loop; /* borrowed */
	struct dial_options opt;
	dial_done_fn done;
	void *arg;
	struct timer pace, deadline;
	struct deferred over;       /* all failed before dial_start returned */
	struct dial_result failure; /* the most telling one so far */
	size_t count, next;
	unsigned under_way;
	bool starting; /* in dial_start: no callback yet */
	struct attempt attempts[];
};

/* --- what a failure means ------------------------------------------------- */

/* The one place where errno of socket(2), connect(2) and SO_ERROR becomes an
 * outcome. EACCES, EPERM and EINVAL are what prohibit and blackhole routes and
 * local firewalls answer; EAFNOSUPPORT is a kernel without IPv6. */
static enum outcome
outcome_of_errno(int err)
{
	switch (err) {
	case ECONNREFUSED:
		return OUTCOME_CONNECT_REFUSED;
	case ECONNRESET:
	case ECONNABORTED:
	case EPIPE:
	case EPROTO:
		return OUTCOME_CONNECT_RESET;
	case ETIMEDOUT:
		return OUTCOME_CONNECT_TIMEOUT;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
	case ENONET:
	case EACCES:
	case EPERM:
	case EINVAL:
	case EAFNOSUPPORT:
		return OUTCOME_CONNECT_UNREACHABLE;
	default:
		return OUTCOME_INTERNAL_ERROR;
	}
}

/* How much an outcome says about the name's service. A peer that spoke says
 * most; silence says more than a missing route, since a host without IPv6
 * meets the latter at every name that has it. */
static int
weight(enum outcome why)
{
	if (why == OUTCOME_CONNECT_REFUSED || why == OUTCOME_CONNECT_RESET)
		return 5;
	if (why == OUTCOME_CONNECT_TIMEOUT)
		return 4;
	if (why == OUTCOME_INTERNAL_ERROR)
		return 3;
	if (why == OUTCOME_CONNECT_UNREACHABLE)
		return 2;
	return 1; /* denied_resolved_address, loop */
}

static struct ip_endpoint
endpoint_of(const struct attempt *a)
{
	return (struct ip_endpoint){.addr = a->addr, .port = a->dial->opt.port};
}

static void
note_failure(const struct attempt *a, enum outcome why, const char *detail)
{
	struct dial_result *f = &a->dial->failure;

	if (f->why != OUTCOME_OK && weight(f->why) >= weight(why))
		return;
	f->why = why;
	f->detail = detail;
	f->peer = endpoint_of(a);
}

static void
note_errno(const struct attempt *a, int err)
{
	note_failure(a, outcome_of_errno(err), strerrordesc_np(err));
}

/* --- the end -------------------------------------------------------------- */

/* Takes from or gives back to what all dials share. */
static void
dial_set_under_way(struct dial *d, unsigned n)
{
	unsigned before = d->under_way > 1 ? d->under_way - 1 : 0;
	unsigned after = n > 1 ? n - 1 : 0;

	if (d->opt.spare_attempts != NULL)
		*d->opt.spare_attempts += before - after;
	d->under_way = n;
}

static bool
dial_may_begin(const struct dial *d)
{
	return d->under_way == 0 || d->opt.spare_attempts == NULL ||
	       *d->opt.spare_attempts > 0;
}

static void
dial_dispose(struct dial *d)
{
	dial_set_under_way(d, 0);
	timer_clear(d->loop, &d->pace);
	timer_clear(d->loop, &d->deadline);
	loop_undefer(&d->over);
	for (size_t i = 0; i < d->next; i++)
		watch_close(d->loop, &d->attempts[i].watch);
	free(d);
}

/* Tells the owner; the dial is gone by then. */
static void
dial_end(struct dial *d, const struct dial_result *res)
{
	struct dial_result copy = *res;
	dial_done_fn done = d->done;
	void *arg = d->arg;

	copy.attempts = d->failure.attempts;
	dial_dispose(d);
	done(arg, &copy);
}

static void
on_over(void *arg)
{
	struct dial *d = arg;

	dial_end(d, &d->failure);
}

/* --- attempts ------------------------------------------------------------- */

static void attempt_on_event(struct watch *w, uint32_t events);

/* Opens the descriptor and calls connect(2). True when under way. */
static bool
attempt_connect(struct attempt *a, const struct ip_endpoint *to)
{
	struct dial *d = a->dial;
	struct sockaddr_storage sa;
	socklen_t sa_len = ip_endpoint_to_sockaddr(to, &sa);
	int fd, err;

	fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    IPPROTO_TCP);
	if (fd < 0) {
		note_errno(a, errno);
		return false;
	}
	d->failure.attempts++;
	if ((connect(fd, (struct sockaddr *)&sa, sa_len) == 0 ||
		errno == EINPROGRESS) &&
	    loop_watch(d->loop, &a->watch, fd,
		EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, attempt_on_event))
		return true;
	err = errno;
	(void)close(fd);
	note_errno(a, err);
	return false;
}

/* True when under way; else the failure is noted. */
static bool
attempt_begin(struct attempt *a)
{
	const struct dial_options *opt = &a->dial->opt;
	struct ip_endpoint to = endpoint_of(a);

	a->watch.fd = -1;
	if (opt->filter != NULL) {
		enum outcome why = OUTCOME_DENIED_RESOLVED_ADDRESS;
		const char *reason = opt->filter(opt->filter_arg, &to, &why);

		if (reason != NULL) {
			note_failure(a, why, reason);
			return false;
		}
	}
	return attempt_connect(a, &to);
}

static void dial_on_pace(struct timer *t);

/* Begins the next attempt that can be begun; ends the dial when there is none
 * and nothing is under way. */
static void
dial_advance(struct dial *d)
{
	bool begun = false;

	timer_clear(d->loop, &d->pace);
	while (d->next < d->count && !begun && dial_may_begin(d))
		begun = attempt_begin(&d->attempts[d->next++]);
	if (begun)
		dial_set_under_way(d, d->under_way + 1);
	if (d->under_way > 0 && d->next < d->count)
		timer_set(d->loop, &d->pace,
		    loop_now(d->loop) +
			(uint64_t)d->opt.attempt_delay_ms * NS_PER_MS,
		    dial_on_pace);
	if (d->under_way > 0)
		return;
	if (d->starting)
		loop_defer(d->loop, &d->over, on_over, d);
	else
		dial_end(d, &d->failure);
}

static void
dial_on_pace(struct timer *t)
{
	dial_advance(
	    (struct dial *)(void *)((char *)t - offsetof(struct dial, pace)));
}

static void
dial_on_deadline(struct timer *t)
{
	struct dial *d =
	    (struct dial *)(void *)((char *)t -
				    offsetof(struct dial, deadline));

	for (size_t i = 0; i < d->next; i++) {
		if (d->attempts[i].watch.fd >= 0)
			note_failure(&d->attempts[i], OUTCOME_CONNECT_TIMEOUT,
			    strerrordesc_np(ETIMEDOUT));
	}
	dial_end(d, &d->failure);
}

/* A reset may have taken the error with it, e.g. read by nobody yet: then the
 * hang-up alone tells. */
static int
socket_error(int fd)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
		return errno;
	return err != 0 ? err : ECONNRESET;
}

static void
attempt_on_event(struct watch *w, uint32_t events)
{
	struct attempt *a = (struct attempt *)(void *)w;
	struct dial *d = a->dial;
	struct dial_result res = {.why = OUTCOME_OK, .events = events};

	if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
		note_errno(a, socket_error(w->fd));
		watch_close(d->loop, w);
		dial_set_under_way(d, d->under_way - 1);
		dial_advance(d);
		return;
	}
	if ((events & EPOLLOUT) == 0)
		return;
	res.fd = w->fd;
	res.peer = endpoint_of(a);
	loop_release(d->loop, w);
	dial_end(d, &res);
}

/* --- start and cancel ----------------------------------------------------- */

enum outcome
dial_start(struct dial **out, struct loop *loop, const struct addr_list *addrs,
    const struct dial_options *opt, dial_done_fn done, void *arg)
{
	struct dial *d;

	if (addrs->count == 0)
		return OUTCOME_INTERNAL_ERROR;
	assert(addrs->count <= ADDR_LIST_MAX);
	d = malloc(sizeof(*d) + addrs->count * sizeof(d->attempts[0]));
	if (d == NULL)
		return OUTCOME_INTERNAL_ERROR;
	*d = (struct dial){
	    .loop = loop,
	    .opt = *opt,
	    .done = done,
	    .arg = arg,
	    .failure = {.why = OUTCOME_OK, .fd = -1},
	    .count = addrs->count,
	    .starting = true,
	};
	for (size_t i = 0; i < addrs->count; i++)
		d->attempts[i] = (struct attempt){
		    .watch = {.fd = -1}, .dial = d, .addr = addrs->addrs[i]};
	timer_set(loop, &d->deadline,
	    loop_now(loop) + (uint64_t)opt->timeout_ms * NS_PER_MS,
	    dial_on_deadline);
	dial_advance(d);
	d->starting = false;
	*out = d;
	return OUTCOME_OK;
}

void
dial_cancel(struct dial **d)
{
	if (*d == NULL)
		return;
	dial_dispose(*d);
	*d = NULL;
}
