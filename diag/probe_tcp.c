/* SPDX-License-Identifier: Apache-2.0
 *
 * Dials every address at the same time, so that the state of each is known.
 * The first that opens goes on to the next phase; the others then have a while
 * longer, enough for one lost SYN, before they count as silent. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe_io.h"

static const uint64_t grace_ns = 2000000000ULL;

struct dial {
	struct watch watch;
	struct probe *probe;
	struct tcp_attempt *out;
};

struct probe {
	struct probe_job *job;
	struct tcp_result *out;
	struct dial dials[TCP_ATTEMPTS_MAX];
	size_t pending;
	struct timer timer;
	struct deferred later;
	probe_done_fn done;
	void *arg;
};

static enum tcp_end
end_of(int err)
{
	switch (err) {
	case 0:
		return TCP_OPEN;
	case ECONNREFUSED:
		return TCP_REFUSED;
	case ETIMEDOUT:
		return TCP_TIMEOUT;
	case EHOSTUNREACH:
	case ENETUNREACH:
		return TCP_UNREACHABLE;
	case EACCES:
	case EPERM:
	case EINVAL:
		return TCP_LOCAL_DENY;
	case EADDRNOTAVAIL:
		return TCP_NO_PORT;
	default:
		return TCP_OTHER;
	}
}

static void
probe_close(struct probe *p)
{
	struct loop *loop = p->job->env->loop;

	for (size_t i = 0; i < p->out->attempt_count; i++)
		watch_close(loop, &p->dials[i].watch);
	timer_clear(loop, &p->timer);
	loop_undefer(&p->later);
	loop_free_later(loop, &p->later, free, p);
}

static void
probe_end(struct probe *p, enum phase_end end)
{
	probe_done_fn done = p->done;
	void *arg = p->arg;

	phase_finish(&p->out->time, p->job->env, end);
	probe_close(p);
	done(arg);
}

static void
dial_note(struct dial *d, int err)
{
	const struct probe_env *env = d->probe->job->env;
	struct tcp_attempt *a = d->out;
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	a->time_ns = probe_now(env) - a->start_at_ns;
	a->end = end_of(err);
	a->err = err;
	tcp_figures_read(&a->figures, d->watch.fd);
	if (d->watch.fd >= 0 &&
	    getsockname(d->watch.fd, (struct sockaddr *)&sa, &len) == 0 &&
	    ip_endpoint_from_sockaddr(&a->from, (struct sockaddr *)&sa) &&
	    ipaddr_special(&a->from.addr) != NULL &&
	    strcmp(ipaddr_special(&a->from.addr), "unspecified") == 0)
		a->from = (struct ip_endpoint){.port = 0};
}

/* The deadline, or the others' grace, is over. */
static void
on_timer(struct timer *t)
{
	struct probe *p = CONTAINER_OF(t, struct probe, timer);

	for (size_t i = 0; i < p->out->attempt_count; i++) {
		if (p->dials[i].watch.fd >= 0)
			dial_note(&p->dials[i], ETIMEDOUT);
	}
	probe_end(p, p->out->used >= 0 ? PHASE_DONE : PHASE_TIMED_OUT);
}

static void
opened(struct dial *d)
{
	struct probe *p = d->probe;
	struct loop *loop = p->job->env->loop;
	uint64_t until = clock_now_ns() + grace_ns;

	if (p->out->used >= 0) {
		watch_close(loop, &d->watch);
		return;
	}
	p->out->used = (int)(d->out - p->out->attempts);
	p->job->conn.fd = d->watch.fd;
	loop_unwatch(loop, &d->watch);
	if (until < p->job->deadline_ns)
		timer_set(loop, &p->timer, until, on_timer);
}

static void
maybe_end(struct probe *p)
{
	if (p->pending > 0)
		return;
	probe_end(p, p->out->used >= 0 ? PHASE_DONE : PHASE_FAILED);
}

static void
on_dial(struct watch *w, uint32_t events)
{
	struct dial *d = CONTAINER_OF(w, struct dial, watch);
	struct probe *p = d->probe;
	socklen_t len = sizeof(int);
	int err = 0;

	(void)events;
	if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
		err = errno;
	dial_note(d, err);
	if (err == 0)
		opened(d);
	else
		watch_close(p->job->env->loop, w);
	p->pending--;
	maybe_end(p);
}

static int
dial_socket(struct dial *d)
{
	struct sockaddr_storage sa;
	socklen_t len = ip_endpoint_to_sockaddr(&d->out->to, &sa);
	int one = 1;
	int fd =
	    socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!loop_watch(d->probe->job->env->loop, &d->watch, fd,
		EPOLLOUT | EPOLLIN, on_dial)) {
		int err = errno;

		(void)close(fd);
		return err;
	}
	if (connect(fd, (struct sockaddr *)&sa, len) != 0 &&
	    errno != EINPROGRESS)
		return errno;
	return 0;
}

static bool
never_dialled(const struct ipaddr *a)
{
	static const uint8_t zero[16];

	/* "This network" (RFC 791) leads to ourselves. */
	if (a->family == IP_V4)
		return a->bytes[0] == 0;
	return memcmp(a->bytes, zero, sizeof(zero)) == 0;
}

static void
dial_begin(struct dial *d, const struct ip_endpoint *to)
{
	struct probe *p = d->probe;
	int err;

	d->out->to = *to;
	d->out->start_at_ns = probe_now(p->job->env);
	if (never_dialled(&to->addr)) {
		d->out->end = TCP_SKIPPED;
		return;
	}
	err = dial_socket(d);
	if (err == 0) {
		p->pending++;
		return;
	}
	dial_note(d, err);
	watch_close(p->job->env->loop, &d->watch);
}

static void
end_later(void *arg)
{
	maybe_end(arg);
}

static bool
tcp_start(
    struct probe **out, struct probe_job *job, probe_done_fn done, void *arg)
{
	struct probe *p = calloc(1, sizeof(*p));
	struct loop *loop = job->env->loop;

	if (p == NULL)
		return false;
	p->job = job;
	p->out = &job->result->tcp;
	p->out->used = -1;
	p->done = done;
	p->arg = arg;
	phase_begin(&p->out->time, job->env);
	for (size_t i = 0; i < job->conn.address_count && i < TCP_ATTEMPTS_MAX;
	     i++) {
		p->dials[i].watch.fd = -1;
		p->dials[i].probe = p;
		p->dials[i].out = &p->out->attempts[i];
		p->out->attempt_count = i + 1;
		dial_begin(&p->dials[i], &job->conn.addresses[i]);
	}
	if (p->pending > 0)
		timer_set(loop, &p->timer, job->deadline_ns, on_timer);
	else
		loop_defer(loop, &p->later, end_later, p);
	*out = p;
	return true;
}

static void
tcp_cancel(struct probe **pp)
{
	struct probe *p = *pp;

	if (p == NULL)
		return;
	*pp = NULL;
	phase_finish(&p->out->time, p->job->env, PHASE_INTERRUPTED);
	probe_close(p);
}

const struct probe_ops probe_tcp = {"tcp", PHASE_TCP, tcp_start, tcp_cancel};
