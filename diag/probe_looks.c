/* SPDX-License-Identifier: Apache-2.0
 *
 * Deeper looks: which part of a ClientHello is not liked, what round trips take
 * when repeated, where redirects lead. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe_io.h"
#include "trail.h"

enum {
	BISECT_LOOKS = 3,
	TRIPS_MAX = 20,
};

/* --- the ClientHello bisect ----------------------------------------------- */

struct bisect {
	struct probe_job *job;
	struct look {
		struct bisect *bisect;
		struct trail *trail;
		enum hello_shape shape;
		enum look_end *out;
	} looks[BISECT_LOOKS];
	size_t pending;
	struct deferred later;
	probe_done_fn done;
	void *arg;
};

static struct probe *
as_probe(void *p)
{
	return p;
}

/* Any TLS record counts, be it an alert. */
static bool
has_answered(const struct tls_result *tls)
{
	switch (tls->end) {
	case TLS_FINISHED:
	case TLS_ALERT:
		return true;
	case TLS_BROKEN:
		return tls->bytes_received > 0;
	case TLS_NOT_TRIED:
	case TLS_RESET:
	case TLS_CLOSED:
	case TLS_SILENT:
	case TLS_PLAINTEXT:
		break;
	}
	return false;
}

static void
bisect_end(struct bisect *b)
{
	probe_done_fn done = b->done;
	void *arg = b->arg;

	loop_free_later(b->job->env->loop, &b->later, free, b);
	done(arg);
}

static void
on_look(void *arg, const struct endpoint_result *result)
{
	struct look *l = arg;
	struct bisect *b = l->bisect;

	l->trail = NULL;
	/* Without a connection nothing is known. */
	if (result->tls.end != TLS_NOT_TRIED)
		*l->out =
		    has_answered(&result->tls) ? LOOK_PASSED : LOOK_FAILED;
	if (l->shape == HELLO_SMALL)
		b->job->result->bisect.small_bytes = result->tls.hello_bytes;
	if (--b->pending == 0)
		bisect_end(b);
}

static bool
bisect_start(
    struct probe **out, struct probe_job *job, probe_done_fn done, void *arg)
{
	struct bisect *b = calloc(1, sizeof(*b));
	struct bisect_result *r = &job->result->bisect;
	const struct look looks[BISECT_LOOKS] = {
	    {.shape = HELLO_NEUTRAL, .out = &r->neutral_name},
	    {.shape = HELLO_SMALL, .out = &r->small_hello},
	    {.shape = HELLO_SPLIT, .out = &r->split_hello},
	};

	if (b == NULL)
		return false;
	b->job = job;
	b->done = done;
	b->arg = arg;
	for (size_t i = 0; i < BISECT_LOOKS; i++) {
		const struct trail_want want = {
		    .job = job,
		    .shape = looks[i].shape,
		    .deadline_ns = job->deadline_ns,
		};

		b->looks[i] = looks[i];
		b->looks[i].bisect = b;
		b->pending += trail_start(
		    &b->looks[i].trail, &want, on_look, &b->looks[i]);
	}
	if (b->pending == 0) {
		free(b);
		return false;
	}
	*out = as_probe(b);
	return true;
}

static void
bisect_cancel(struct probe **pp)
{
	struct bisect *b = (void *)*pp;

	if (b == NULL)
		return;
	*pp = NULL;
	for (size_t i = 0; i < BISECT_LOOKS; i++)
		trail_cancel(&b->looks[i].trail);
	loop_free_later(b->job->env->loop, &b->later, free, b);
}

const struct probe_ops probe_bisect = {
    "bisect", PHASE_TLS, bisect_start, bisect_cancel};

/* --- repeated round trips ------------------------------------------------- */

struct trips {
	struct probe_job *job;
	struct trail *trail;
	uint64_t started_ns, took_ns[TRIPS_MAX];
	size_t count, tried;
	struct deferred later;
	probe_done_fn done;
	void *arg;
};

static int
compare_u64(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Nearest rank: the smallest that at least so many percent do not exceed. */
static uint64_t
percentile(const uint64_t *sorted, size_t count, size_t percent)
{
	size_t rank = (count * percent + 99) / 100;

	return sorted[rank > 0 ? rank - 1 : 0];
}

static void
trips_note(struct trips *t)
{
	struct roundtrips *out = &t->job->result->trips;

	out->count = (unsigned)t->count;
	out->failed = (unsigned)(t->tried - t->count);
	if (t->count == 0)
		return;
	qsort(t->took_ns, t->count, sizeof(t->took_ns[0]), compare_u64);
	out->p50_ns = percentile(t->took_ns, t->count, 50);
	out->p95_ns = percentile(t->took_ns, t->count, 95);
	out->max_ns = t->took_ns[t->count - 1];
}

static void on_trip(void *arg, const struct endpoint_result *result);

static bool
trip_begin(struct trips *t)
{
	const struct trail_want want = {
	    .job = t->job,
	    .shape = HELLO_USUAL,
	    .deadline_ns = t->job->deadline_ns,
	};

	t->started_ns = clock_now_ns();
	return t->tried < TRIPS_MAX && t->started_ns < t->job->deadline_ns &&
	       trail_start(&t->trail, &want, on_trip, t);
}

static void
trips_end(struct trips *t)
{
	probe_done_fn done = t->done;
	void *arg = t->arg;

	trips_note(t);
	loop_free_later(t->job->env->loop, &t->later, free, t);
	done(arg);
}

/* A trip: connection, CONNECT where there is a proxy, and the handshake, whose
 * last flight is the far end's answer. */
static void
on_trip(void *arg, const struct endpoint_result *result)
{
	struct trips *t = arg;

	t->trail = NULL;
	t->tried++;
	if (result->tls.end == TLS_FINISHED)
		t->took_ns[t->count++] = clock_now_ns() - t->started_ns;
	if (!trip_begin(t))
		trips_end(t);
}

static bool
trips_start(
    struct probe **out, struct probe_job *job, probe_done_fn done, void *arg)
{
	struct trips *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return false;
	t->job = job;
	t->done = done;
	t->arg = arg;
	if (!trip_begin(t)) {
		free(t);
		return false;
	}
	*out = as_probe(t);
	return true;
}

static void
trips_cancel(struct probe **pp)
{
	struct trips *t = (void *)*pp;

	if (t == NULL)
		return;
	*pp = NULL;
	trail_cancel(&t->trail);
	trips_note(t);
	loop_free_later(t->job->env->loop, &t->later, free, t);
}

const struct probe_ops probe_trips = {
    "trips", PHASE_HTTP, trips_start, trips_cancel};

/* --- redirects ------------------------------------------------------------ */

struct redirect {
	struct probe_job *job;
	struct target target; /* where it leads to */
	struct trail *trail;
	struct deferred later;
	probe_done_fn done;
	void *arg;
};

/* Why the target could not be reached, in a few words. */
static void
refusal(struct http_redirect *out, const struct endpoint_result *r)
{
	const struct tcp_attempt *a = &r->tcp.attempts[0];

	if (r->dns.time.end == PHASE_FAILED ||
	    r->dns.time.end == PHASE_TIMED_OUT)
		(void)snprintf(out->refusal, sizeof(out->refusal), "DNS: %s",
		    dns_status_str(r->dns.a.status));
	else if (r->tcp.time.end != PHASE_DONE)
		(void)snprintf(out->refusal, sizeof(out->refusal), "%s",
		    a->err ? strerrordesc_np(a->err) : tcp_end_str(a->end));
	else if (r->proxy.end == PROXY_STATUS)
		(void)snprintf(out->refusal, sizeof(out->refusal),
		    "the proxy: %d %.200s", r->proxy.status, r->proxy.reason);
	else if (r->proxy.end != PROXY_NOT_TRIED &&
		 r->proxy.end != PROXY_TUNNEL)
		(void)snprintf(out->refusal, sizeof(out->refusal),
		    "the proxy: %s", proxy_end_str(r->proxy.end));
	else if (r->tls.end != TLS_FINISHED)
		(void)snprintf(out->refusal, sizeof(out->refusal), "TLS: %s",
		    tls_end_str(r->tls.end));
	else
		(void)snprintf(out->refusal, sizeof(out->refusal),
		    "TLS: the certificate is not for this host");
}

static void
on_redirect(void *arg, const struct endpoint_result *result)
{
	struct redirect *d = arg;
	struct http_redirect *out = &d->job->result->http.redirect;
	probe_done_fn done = d->done;
	void *done_arg = d->arg;

	d->trail = NULL;
	if (result->tls.end == TLS_FINISHED && result->tls.verified &&
	    result->tls.name_matches) {
		out->reached = TRI_YES;
	} else {
		out->reached = TRI_NO;
		refusal(out, result);
	}
	loop_free_later(d->job->env->loop, &d->later, free, d);
	done(done_arg);
}

static bool
redirect_start(
    struct probe **out, struct probe_job *job, probe_done_fn done, void *arg)
{
	const struct http_redirect *to = &job->result->http.redirect;
	struct redirect *d;
	struct trail_want want;

	if (to->host[0] == '\0')
		return false;
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return false;
	d->job = job;
	d->done = done;
	d->arg = arg;
	d->target = *job->target;
	d->target.at.port = to->port;
	want = (struct trail_want){
	    .job = job,
	    .target = &d->target,
	    .shape = HELLO_USUAL,
	    .deadline_ns = job->deadline_ns,
	};
	if (hostname_parse(&d->target.at.host, span_str(to->host)) !=
		HOSTNAME_NAME ||
	    !trail_start(&d->trail, &want, on_redirect, d)) {
		free(d);
		return false;
	}
	*out = as_probe(d);
	return true;
}

static void
redirect_cancel(struct probe **pp)
{
	struct redirect *d = (void *)*pp;

	if (d == NULL)
		return;
	*pp = NULL;
	trail_cancel(&d->trail);
	loop_free_later(d->job->env->loop, &d->later, free, d);
}

const struct probe_ops probe_redirect = {
    "redirect", PHASE_HTTP, redirect_start, redirect_cancel};
