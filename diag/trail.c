/* SPDX-License-Identifier: Apache-2.0 */
#include "trail.h"

#include <stdlib.h>

#include "tls_probe.h"

enum leg {
	LEG_DNS,
	LEG_TCP,
	LEG_PROXY,
	LEG_TLS,
	LEG_OVER,
};

struct trail {
	struct probe_job job;
	struct endpoint_result result;
	enum hello_shape shape;
	enum leg leg;
	struct probe *probe;
	struct deferred later;
	trail_done_fn done;
	void *arg;
};

static const struct probe_ops *const leg_ops[LEG_OVER] = {
    [LEG_DNS] = &probe_dns,
    [LEG_TCP] = &probe_tcp,
    [LEG_PROXY] = &probe_proxy,
    [LEG_TLS] = &probe_tls,
};

static void
trail_close(struct trail *t)
{
	struct loop *loop = t->job.env->loop;

	if (t->probe != NULL)
		leg_ops[t->leg]->cancel(&t->probe);
	probe_conn_close(&t->job.conn, loop);
	loop_undefer(&t->later);
	loop_free_later(loop, &t->later, free, t);
}

static void
trail_end(void *arg)
{
	struct trail *t = arg;
	trail_done_fn done = t->done;
	void *done_arg = t->arg;

	/* Freed at the end of this turn: the result is there until then. */
	trail_close(t);
	done(done_arg, &t->result);
}

static const struct phase_time *
leg_time(const struct trail *t)
{
	switch (t->leg) {
	case LEG_DNS:
		return &t->result.dns.time;
	case LEG_TCP:
		return &t->result.tcp.time;
	case LEG_PROXY:
		return &t->result.proxy.time;
	case LEG_TLS:
	case LEG_OVER:
		break;
	}
	return &t->result.tls.time;
}

static void on_leg(void *arg);

static bool
leg_start(struct trail *t)
{
	if (t->leg == LEG_TLS)
		return tls_probe_start(&t->probe, &t->job, t->shape, on_leg, t);
	return leg_ops[t->leg]->start(&t->probe, &t->job, on_leg, t);
}

static enum leg
leg_after(const struct trail *t)
{
	if (t->leg == LEG_TCP && !path_has_proxy(t->job.path))
		return LEG_TLS;
	return (enum leg)(t->leg + 1);
}

static void
on_leg(void *arg)
{
	struct trail *t = arg;

	t->probe = NULL;
	if (leg_time(t)->end == PHASE_DONE) {
		t->leg = leg_after(t);
		if (t->leg < LEG_OVER && leg_start(t))
			return;
		t->probe = NULL;
	}
	trail_end(t);
}

static void
set_address(struct trail *t, const struct probe_job *job)
{
	const struct tcp_result *tcp = &job->result->tcp;

	if (tcp->used < 0 || (size_t)tcp->used >= tcp->attempt_count)
		return;
	t->job.conn.addresses[0] = tcp->attempts[tcp->used].to;
	t->job.conn.address_count = 1;
}

bool
trail_start(struct trail **out, const struct trail_want *want,
    trail_done_fn done, void *arg)
{
	struct trail *t = calloc(1, sizeof(*t));
	bool elsewhere = want->target != NULL;

	if (t == NULL)
		return false;
	t->job = (struct probe_job){
	    .env = want->job->env,
	    .target = elsewhere ? want->target : want->job->target,
	    .path = want->job->path,
	    .result = &t->result,
	    .conn = {.fd = -1},
	    .deadline_ns = want->deadline_ns,
	};
	t->shape = want->shape;
	t->done = done;
	t->arg = arg;
	/* The proxy's address stays the same, wherever it leads to. */
	t->leg = LEG_DNS;
	if (!elsewhere || path_has_proxy(t->job.path)) {
		t->leg = LEG_TCP;
		set_address(t, want->job);
	}
	if (!leg_start(t)) {
		free(t);
		return false;
	}
	*out = t;
	return true;
}

void
trail_cancel(struct trail **t)
{
	if (*t == NULL)
		return;
	trail_close(*t);
	*t = NULL;
}
