/* SPDX-License-Identifier: Apache-2.0 */
#include "runner.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "probe_io.h"

enum {
	FDS_PER_ENDPOINT = 32, /* sockets of one at its busiest, roughly */
	ACTIVE_MIN = 4,
	FDS_WANTED = 65536,
};

static const uint64_t interception_wait_ns = 800000000ULL;
static const uint64_t own_dns_wait_ns = 1000000000ULL;

struct work {
	struct runner *runner;
	struct probe_job job;
	size_t step; /* index into steps[] of what is at work */
	struct probe *probe, *own_dns;
	bool begun, steps_over, ended;
};

struct runner {
	struct loop *loop;
	const struct plan *plan;
	struct run *run;
	struct runner_options options;
	struct probe_env env;
	struct work *works;
	size_t next, active, active_max, ended;
	struct probe *interception;
	struct timer budget;
	struct deferred finish;
	bool over; /* done is on its way, or was called */
};

static void runner_fill(struct runner *r);
static void maybe_over(struct runner *r);

/* --- the steps of one endpoint -------------------------------------------- */

static bool
phase_done(const struct phase_time *t)
{
	return t->end == PHASE_DONE;
}

static bool
want_dns(const struct work *w)
{
	(void)w;
	return true;
}

static bool
want_tcp(const struct work *w)
{
	return phase_done(&w->job.result->dns.time);
}

static bool
want_proxy(const struct work *w)
{
	return path_has_proxy(w->job.path) &&
	       phase_done(&w->job.result->tcp.time);
}

static bool
want_tls(const struct work *w)
{
	const struct endpoint_result *r = w->job.result;

	return path_has_proxy(w->job.path) ? phase_done(&r->proxy.time)
					   : phase_done(&r->tcp.time);
}

static bool
want_http(const struct work *w)
{
	return w->job.result->tls.end == TLS_FINISHED &&
	       w->job.target->http_path[0] != '\0';
}

static bool
want_bisect(const struct work *w)
{
	switch (w->job.result->tls.end) {
	case TLS_RESET:
	case TLS_CLOSED:
	case TLS_SILENT:
		return true;
	case TLS_NOT_TRIED:
	case TLS_FINISHED:
	case TLS_PLAINTEXT:
	case TLS_ALERT:
	case TLS_BROKEN:
		break;
	}
	return false;
}

static bool
want_again(const struct work *w)
{
	const struct dns_result *d = &w->job.result->dns;

	return w->runner->plan->options->deep && !path_has_proxy(w->job.path) &&
	       !d->literal && !d->from_hosts && d->a.answer_count > 0;
}

static bool
want_redirect(const struct work *w)
{
	const struct endpoint_result *r = w->job.result;

	return w->runner->plan->options->deep && r->http.end == HTTP_ANSWER &&
	       r->http.redirect.seen;
}

static bool
want_registry(const struct work *w)
{
	const struct endpoint_result *r = w->job.result;

	return w->runner->plan->options->deep &&
	       w->job.target->probe == PROBE_REGISTRY &&
	       r->http.end == HTTP_ANSWER && !r->http.redirect.seen &&
	       r->tls.verified && r->tls.name_matches;
}

/* Where uploads go: a bucket that refuses strangers takes nothing of it. */
static bool
want_upload(const struct work *w)
{
	const struct endpoint_result *r = w->job.result;

	return w->runner->plan->options->deep &&
	       strcmp(w->job.target->category, "asaas-upload") == 0 &&
	       r->http.end == HTTP_ANSWER &&
	       r->http.amz_request_id[0] != '\0' && r->tls.verified &&
	       r->tls.name_matches;
}

static bool
want_trips(const struct work *w)
{
	return w->runner->plan->options->deep &&
	       w->job.result->tls.end == TLS_FINISHED;
}

static const struct step {
	const struct probe_ops *ops;
	bool (*wanted)(const struct work *w);
	bool look;        /* a deeper look: not a phase of its own */
	unsigned periods; /* its deadline, in timeouts */
} steps[] = {
    {&probe_dns, want_dns, false, 1},
    {&probe_tcp, want_tcp, false, 1},
    {&probe_proxy, want_proxy, false, 1},
    {&probe_tls, want_tls, false, 1},
    {&probe_http, want_http, false, 1},
    {&probe_bisect, want_bisect, true, 1},
    {&probe_dns_again, want_again, true, 1},
    {&probe_registry, want_registry, true, 2},
    {&probe_redirect, want_redirect, true, 2},
    {&probe_upload, want_upload, true, 1},
    {&probe_trips, want_trips, true, 2},
};
enum {
	STEP_COUNT = sizeof(steps) / sizeof(steps[0])
};

static void
show(const struct work *w, enum phase phase)
{
	const struct runner *r = w->runner;
	struct progress p = {
	    .endpoint = (size_t)(w - r->works),
	    .phase = phase,
	    .ended = r->ended,
	    .total = r->run->endpoint_count,
	    .elapsed_ns = probe_now(&r->env),
	};

	if (r->options.progress != NULL)
		r->options.progress(r->options.arg, &p);
}

static void
maybe_ended(struct work *w)
{
	struct runner *r = w->runner;

	if (!w->steps_over || w->own_dns != NULL || w->ended)
		return;
	w->ended = true;
	probe_conn_close(&w->job.conn, r->loop);
	r->ended++;
	r->active--;
	show(w, PHASE_COUNT);
	runner_fill(r);
	maybe_over(r);
}

static void step_next(struct work *w);

static void
on_step(void *arg)
{
	struct work *w = arg;

	w->probe = NULL;
	w->step++;
	step_next(w);
}

/* Begins the next step that is wanted. */
static void
step_next(struct work *w)
{
	const struct runner *r = w->runner;
	uint64_t timeout = r->plan->options->timeout_ns;

	for (; w->step < STEP_COUNT; w->step++) {
		const struct step *s = &steps[w->step];

		if (!s->wanted(w))
			continue;
		/* From HTTP on, everybody brings a connection of their own. */
		if (s->look || s->ops->phase == PHASE_HTTP)
			probe_conn_close(&w->job.conn, r->loop);
		w->job.deadline_ns = clock_now_ns() + s->periods * timeout;
		if (!s->look)
			show(w, s->ops->phase);
		if (s->ops->start(&w->probe, &w->job, on_step, w))
			return;
		w->probe = NULL;
	}
	w->steps_over = true;
	maybe_ended(w);
}

static void
on_own_dns(void *arg)
{
	struct work *w = arg;

	w->own_dns = NULL;
	maybe_ended(w);
}

static void
work_begin(struct work *w)
{
	const struct runner *r = w->runner;
	struct ipaddr literal;

	uint64_t timeout = r->plan->options->timeout_ns;

	w->begun = true;
	/* Behind a proxy it is usual that nobody here knows the name, or even
	 * that nobody answers: it is worth a word, and no waiting. */
	w->job.deadline_ns =
	    clock_now_ns() +
	    (timeout < own_dns_wait_ns ? timeout : own_dns_wait_ns);
	if (path_has_proxy(w->job.path) &&
	    !ipaddr_parse(&literal, span_str(w->job.target->at.host.text)) &&
	    !probe_own_dns.start(&w->own_dns, &w->job, on_own_dns, w))
		w->own_dns = NULL;
	step_next(w);
}

static void
work_cancel(struct work *w)
{
	if (w->probe != NULL)
		steps[w->step].ops->cancel(&w->probe);
	probe_own_dns.cancel(&w->own_dns);
	probe_conn_close(&w->job.conn, w->runner->loop);
}

/* --- all of them ---------------------------------------------------------- */

static void
runner_fill(struct runner *r)
{
	while (!r->over && r->active < r->active_max &&
	       r->next < r->run->endpoint_count) {
		r->active++;
		work_begin(&r->works[r->next++]);
	}
}

static void
cancel_all(struct runner *r)
{
	timer_clear(r->loop, &r->budget);
	probe_interception_cancel(&r->interception);
	for (size_t i = 0; i < r->run->endpoint_count; i++)
		work_cancel(&r->works[i]);
}

static void
tell_done(void *arg)
{
	struct runner *r = arg;

	r->options.done(r->options.arg);
}

static void
runner_end(struct runner *r, enum run_end end)
{
	if (r->over)
		return;
	r->over = true;
	cancel_all(r);
	r->run->end = end;
	r->run->duration_ns = probe_now(&r->env);
	loop_defer(r->loop, &r->finish, tell_done, r);
}

static void
maybe_over(struct runner *r)
{
	if (r->ended == r->run->endpoint_count && r->interception == NULL)
		runner_end(r, RUN_COMPLETE);
}

/* Only deeper looks are left: what matters is known. */
static bool
only_looks_left(const struct runner *r)
{
	for (size_t i = 0; i < r->run->endpoint_count; i++) {
		const struct work *w = &r->works[i];

		if (!w->begun || (!w->steps_over && !steps[w->step].look))
			return false;
	}
	return true;
}

static void
on_budget(struct timer *t)
{
	struct runner *r = CONTAINER_OF(t, struct runner, budget);

	runner_end(r, only_looks_left(r) ? RUN_COMPLETE : RUN_DEADLINE);
}

static void
on_interception(void *arg)
{
	struct runner *r = arg;

	r->interception = NULL;
	maybe_over(r);
}

void
runner_interrupt(struct runner *r)
{
	runner_end(r, RUN_INTERRUPTED);
}

void
runner_free(struct runner *r)
{
	if (r == NULL)
		return;
	cancel_all(r);
	loop_undefer(&r->finish);
	probe_tls_teardown(r->env.tls_context);
	free(r->works);
	free(r);
}

/* --- start ---------------------------------------------------------------- */

static size_t
active_limit(void)
{
	struct rlimit lim;
	size_t n;

	if (getrlimit(RLIMIT_NOFILE, &lim) != 0)
		return ACTIVE_MIN;
	if (lim.rlim_cur < FDS_WANTED && lim.rlim_cur < lim.rlim_max) {
		lim.rlim_cur =
		    lim.rlim_max < FDS_WANTED ? lim.rlim_max : FDS_WANTED;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
		(void)getrlimit(RLIMIT_NOFILE, &lim);
	}
	n = (size_t)lim.rlim_cur / FDS_PER_ENDPOINT;
	return n > ACTIVE_MIN ? n : ACTIVE_MIN;
}

static void
work_init(struct runner *r, size_t i)
{
	struct work *w = &r->works[i];
	const struct target *t = &r->plan->targets[i];

	w->runner = r;
	w->job = (struct probe_job){
	    .env = &r->env,
	    .target = t,
	    .path = &r->plan->paths[t->path],
	    .result = &r->run->endpoints[i],
	    .conn = {.fd = -1},
	};
}

static uint64_t
wall_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* In the loop, so that no callback comes from within runner_start(). */
static void
begin(void *arg)
{
	struct runner *r = arg;

	if (!probe_interception_start(&r->interception, &r->env,
		&r->run->interception, clock_now_ns() + interception_wait_ns,
		on_interception, r))
		r->interception = NULL;
	runner_fill(r);
	maybe_over(r);
}

static void
set_env(struct runner *r)
{
	r->env.loop = r->loop;
	r->env.plan = r->plan;
	r->env.vantage = &r->run->vantage;
	r->env.api_key = r->options.api_key;
	r->env.run_start_ns = clock_now_ns();
	r->env.run_start_unix_ns = wall_ns();
	r->run->started_unix_ns = r->env.run_start_unix_ns;
}

struct runner *
runner_start(struct loop *loop, const struct plan *plan, struct run *run,
    const struct runner_options *options)
{
	struct runner *r = calloc(1, sizeof(*r));
	size_t count = run->endpoint_count;

	if (r == NULL)
		return NULL;
	r->loop = loop;
	r->plan = plan;
	r->run = run;
	r->options = *options;
	r->works = calloc(count > 0 ? count : 1, sizeof(*r->works));
	r->env.tls_context = probe_tls_setup(plan->options, &run->vantage);
	if (r->works == NULL || r->env.tls_context == NULL) {
		probe_tls_teardown(r->env.tls_context);
		free(r->works);
		free(r);
		return NULL;
	}
	set_env(r);
	for (size_t i = 0; i < count; i++)
		work_init(r, i);
	r->active_max = active_limit();
	timer_set(
	    loop, &r->budget, clock_now_ns() + plan->budget_ns, on_budget);
	loop_defer(loop, &r->finish, begin, r);
	return r;
}
