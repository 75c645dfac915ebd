/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "core/log.h"
#include "core/response.h"
#include "core/text.h"
#include "session_internal.h"

enum {
	REPORTED_MAX = POLICY_DETAIL_MAX + RESPONSE_DETAIL_MAX + 64,
};

uint64_t
clock_unix_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

const struct hostname *
session_target(const struct session *s)
{
	assert(s->rule != NULL || s->name != NULL);
	return s->name != NULL ? s->name : &s->rule->entry->host;
}

bool
session_is_target(const struct session *s, const struct hostname *name)
{
	return hostname_equal(session_target(s), name);
}

void
session_note_sni(struct session *s, const struct hostname *name)
{
	s->same_sni = session_is_target(s, name);
	if (s->same_sni)
		return;
	s->sni = malloc(sizeof(*s->sni));
	if (s->sni != NULL)
		*s->sni = *name;
}

static struct endpoint_metrics *
session_endpoint(struct session *s)
{
	return metrics_endpoint(s->gate->metrics, s->rule->slot);
}

/* The listener's place in the configuration. */
static size_t
session_door(const struct session *s)
{
	return s->door->slot;
}

void
session_count_connect(struct session *s, enum outcome why)
{
	histogram_add(&s->gate->metrics->connect_time, s->connect_ns);
	if (why == OUTCOME_OK && s->rule != NULL)
		histogram_add(&session_endpoint(s)->connect, s->connect_ns);
}

void
session_count_setup(struct session *s)
{
	struct worker_metrics *m = s->gate->metrics;
	struct endpoint_metrics *e;

	histogram_add(&m->setup_time, s->established_ns - s->accepted_ns);
	metrics_tunnel_began(m, session_door(s));
	if (s->rule == NULL)
		return;
	e = session_endpoint(s);
	counter_add(&e->tunnels, 1);
	counter_add(&e->active, 1);
	if (!s->via_parent)
		endpoint_addresses_note(&e->addresses, &s->upstream.addr);
	counter_set(&e->last_success_unix_ns, clock_unix_ns());
}

static struct span
hostname_span(const struct hostname *name)
{
	return name == NULL ? span_of(NULL, 0) : span_of(name->text, name->len);
}

static void
fill_target(struct access_record *r, const struct session *s)
{
	r->port = s->port;
	if (s->rule == NULL && s->name == NULL) {
		r->host = s->asked;
		r->sni = session_is_sni(s) ? s->asked : r->sni;
		return;
	}
	r->rule = s->rule;
	r->host = hostname_span(session_target(s));
	r->sni =
	    s->same_sni || session_is_sni(s) ? r->host : hostname_span(s->sni);
}

static uint64_t
first_byte_ns(const struct session *s)
{
	if (s->established_ns == 0 || s->tunnel.first_down_ns == 0)
		return ACCESS_ABSENT;
	return s->tunnel.first_down_ns - s->established_ns;
}

static const char *
protocol_of(const struct session *s)
{
	if (session_is_sni(s))
		return "sni";
	return s->socks != SOCKS_NOT ? "socks5" : "connect";
}

/* "report mode: denied_host: …", and behind it detail. */
static struct span
add_reported(const struct session *s, struct span detail, char *buf)
{
	char denial[POLICY_DETAIL_MAX];
	struct endpoint target = {.host = *s->name, .port = s->port};
	const struct policy *policy = s->config->policy;
	struct policy_decision d = policy_decide(policy, &target);
	struct text t = text_in(buf, REPORTED_MAX);

	text_str(&t, "report mode: ");
	text_str(&t, outcome_token(s->reported));
	text_str(&t, ": ");
	text_add(
	    &t, span_of(denial, policy_detail(policy, &d, &target, denial)));
	if (detail.len > 0) {
		text_str(&t, "; ");
		text_add(&t, detail);
	}
	return span_of(buf, t.len);
}

/* 0: the client was sent none. */
static unsigned
sent_status(const struct session *s, enum outcome why)
{
	if (s->state == SESSION_PROXY_HEADER || session_is_sni(s))
		return 0;
	return s->established_ns != 0 ? 200 : outcome_status(why);
}

static void
write_record(struct session *s, enum outcome why, struct span detail)
{
	bool over = why != OUTCOME_OK;
	bool tunnel = s->established_ns != 0;
	char more[SNI_DETAIL_MAX];
	const char *user = s->user != NULL ? s->user : s->subject;
	struct access_record r = {.unix_ns = clock_unix_ns(),
	    .tunnel = tunnel,
	    .why = why,
	    .status = sent_status(s, why),
	    .client = s->client,
	    .user = user != NULL ? span_str(user) : span_of(NULL, 0),
	    .listener = span_str(s->door->name),
	    .protocol = protocol_of(s),
	    .upstream = s->upstream,
	    .parent = s->via_parent ? span_str(s->config->upstream.parent.text)
				    : span_of(NULL, 0),
	    .dns_ns = s->dns_ns,
	    .connect_ns = s->connect_ns,
	    .first_byte_ns = over ? first_byte_ns(s) : ACCESS_ABSENT,
	    .duration_ns =
		over ? clock_now_ns() - s->accepted_ns : ACCESS_ABSENT,
	    .bytes_up = tunnel && over ? s->tunnel.client.bytes : ACCESS_ABSENT,
	    .bytes_down =
		tunnel && over ? s->tunnel.upstream.bytes : ACCESS_ABSENT,
	    .detail = session_sni_detail(s, detail, more)};
	char reported[REPORTED_MAX];

	fill_target(&r, s);
	if (s->reported != OUTCOME_OK)
		r.detail = add_reported(s, r.detail, reported);
	access_log_write(s->gate->ring, &r);
}

static void
count_tunnel(struct session *s)
{
	struct worker_metrics *m = s->gate->metrics;
	struct endpoint_metrics *e;

	metrics_tunnel_ended(m, session_door(s));
	histogram_add(
	    &m->duration, loop_now(s->gate->relay.loop) - s->established_ns);
	if (s->rule == NULL)
		return;
	e = session_endpoint(s);
	counter_sub(&e->active, 1);
	counter_add(&e->bytes_up, s->tunnel.client.bytes);
	counter_add(&e->bytes_down, s->tunnel.upstream.bytes);
}

/* The resolver counts for itself; what it has counted is made visible here. */
static void
publish_dns(struct gate *gate)
{
	const struct resolver_stats *stats = resolver_stats(gate->resolver);

	for (size_t i = 0; i < RESOLVER_SOURCES; i++)
		counter_set(&gate->metrics->dns[i], stats->answers[i]);
	counter_set(&gate->metrics->prefetches, stats->prefetches);
}

static void
publish_warm(struct gate *gate)
{
	const struct warm_stats *stats = warm_stats(gate->warm);

	for (size_t i = 0; i < WARM_RESULTS; i++)
		counter_set(&gate->metrics->warm[i], stats->results[i]);
	counter_set(&gate->metrics->warm_ready, stats->ready);
	counter_set(&gate->metrics->warm_connecting, stats->connecting);
}

static void
count_end(struct session *s, enum outcome why)
{
	publish_dns(s->gate);
	if (s->gate->warm != NULL)
		publish_warm(s->gate);
	counter_add(&s->gate->metrics->requests[why], 1);
	if (s->rule == NULL)
		return;
	counter_add(&session_endpoint(s)->outcomes[why], 1);
	if (outcome_is_failure(why)) {
		struct endpoint_metrics *e = session_endpoint(s);

		counter_set(&e->last_failure, why);
		counter_set(&e->last_failure_unix_ns, clock_unix_ns());
	}
}

void
session_report_begin(struct session *s)
{
	if (log_get_level() >= LOG_DEBUG)
		write_record(s, OUTCOME_OK, span_of(NULL, 0));
}

void
session_report_end(struct session *s, enum outcome why, const char *detail)
{
	if (s->established_ns != 0)
		count_tunnel(s);
	count_end(s, why);
	if (detail == NULL && s->warm)
		detail = "warm";
	write_record(
	    s, why, detail != NULL ? span_str(detail) : span_of(NULL, 0));
}

/* Puts the target in hand (asked, port) into the denied table. */
static void
note_denied(struct session *s, enum outcome why, bool let_through)
{
	const struct denied_event e = {.host = s->asked,
	    .port = s->port,
	    .why = why,
	    .let_through = let_through,
	    .client = &s->client.addr,
	    .unix_ns = clock_unix_ns()};

	if (s->gate->denied != NULL)
		denied_note(s->gate->denied, &e);
}

void
session_note_let_through(struct session *s, enum outcome why)
{
	struct worker_metrics *m = s->gate->metrics;

	s->reported = why;
	counter_add(why == OUTCOME_DENIED_PORT ? &m->let_through_port
					       : &m->let_through_host,
	    1);
	note_denied(s, why, true);
}

static bool
is_about_target(enum outcome why)
{
	return why == OUTCOME_DENIED_HOST || why == OUTCOME_DENIED_PORT ||
	       why == OUTCOME_DENIED_ADDRESS_LITERAL;
}

void
session_report_refusal(struct session *s, enum outcome why, struct span detail)
{
	if (is_about_target(why))
		note_denied(s, why, false);
	count_end(s, why);
	write_record(s, why, detail);
}
