/* SPDX-License-Identifier: Apache-2.0 */
#include "watch_history.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/json_out.h"
#include "markup.h"

enum {
	CAUSE_MAX = 24,
	STATE_COUNT = 4,
};

/* Index of an endpoint's state. */
enum state {
	STATE_NONE,
	STATE_OK,
	STATE_BAD,
	STATE_UNKNOWN,
};

static const char *const state_words[STATE_COUNT] = {
    "none", "ok", "bad", "unknown"};

struct kept_change {
	uint64_t unix_ns;
	const char *from, *to; /* static */
	char cause[CAUSE_MAX];
};

struct ring {
	struct kept_change items[HISTORY_CHANGES];
	uint64_t total; /* ever; the last ones are kept */
};

struct endpoint_history {
	char host[HOSTNAME_MAX + 1], region[32], category[64];
	char path[PROXY_URL_TEXT_MAX];
	unsigned port;
	enum state state;
	uint64_t rounds[STATE_COUNT];
	struct ring ring;
};

struct watch_history {
	struct endpoint_history *endpoints;
	size_t count;
	uint64_t rounds;
	const char *verdict; /* static */
	struct ring verdicts;
	uint64_t last_unix_ns, last_ns;
};

struct watch_history *
watch_history_new(void)
{
	struct watch_history *h = calloc(1, sizeof(*h));

	if (h != NULL)
		h->verdict = state_words[STATE_NONE];
	return h;
}

void
watch_history_free(struct watch_history *h)
{
	if (h == NULL)
		return;
	free(h->endpoints);
	free(h);
}

static struct prometheus_names
names_of(const struct endpoint_history *e)
{
	return (struct prometheus_names){
	    .host = e->host,
	    .port = e->port,
	    .region = e->region,
	    .category = e->category,
	    .path = e->path,
	};
}

/* ---- taking a round ---- */

static bool
begin(struct watch_history *h, const struct run *run)
{
	if (h->endpoints != NULL || run->endpoint_count == 0)
		return true;
	h->endpoints = calloc(run->endpoint_count, sizeof(*h->endpoints));
	if (h->endpoints == NULL)
		return false;
	h->count = run->endpoint_count;
	for (size_t i = 0; i < h->count; i++) {
		struct prometheus_names n = prometheus_names_of(run, i);
		struct endpoint_history *e = &h->endpoints[i];

		(void)snprintf(e->host, sizeof(e->host), "%s", n.host);
		(void)snprintf(e->region, sizeof(e->region), "%s", n.region);
		(void)snprintf(
		    e->category, sizeof(e->category), "%s", n.category);
		(void)snprintf(e->path, sizeof(e->path), "%s", n.path);
		e->port = n.port;
	}
	return true;
}

static void
keep(struct ring *r, const struct watch_change *c)
{
	struct kept_change *k = &r->items[r->total++ % HISTORY_CHANGES];

	k->unix_ns = c->unix_ns;
	k->from = c->from;
	k->to = c->to;
	(void)snprintf(k->cause, sizeof(k->cause), "%s", c->cause);
}

static enum state
state_of(enum tri reachable)
{
	switch (reachable) {
	case TRI_YES:
		return STATE_OK;
	case TRI_NO:
		return STATE_BAD;
	case TRI_UNKNOWN:
		break;
	}
	return STATE_UNKNOWN;
}

/* round: when it was, and the cause. */
static void
take_endpoint(struct endpoint_history *e, const struct endpoint_view *view,
    const struct watch_change *round, watch_change_fn changed, void *arg)
{
	enum state now = state_of(view->reachable);
	struct prometheus_names names = names_of(e);
	struct watch_change c = *round;

	e->rounds[now]++;
	if (now == e->state)
		return;
	c.names = &names;
	c.from = state_words[e->state];
	c.to = state_words[now];
	e->state = now;
	keep(&e->ring, &c);
	changed(arg, &c);
}

bool
watch_history_take(struct watch_history *h, const struct run *run,
    const struct diagnosis *d, watch_change_fn changed, void *arg)
{
	const char *verdict = verdict_str(d->verdict);
	struct watch_change c = {
	    .unix_ns = run->started_unix_ns + run->duration_ns};

	if (!begin(h, run))
		return false;
	h->rounds++;
	h->last_unix_ns = c.unix_ns;
	h->last_ns = run->duration_ns;
	for (size_t i = 0; i < h->count && i < d->endpoint_count; i++) {
		size_t cause = d->views[i].cause;

		c.cause = cause < d->finding_count
			      ? finding_text(d->findings[cause].id)->id
			      : "";
		take_endpoint(&h->endpoints[i], &d->views[i], &c, changed, arg);
	}
	if (strcmp(verdict, h->verdict) == 0)
		return true;
	c.from = h->verdict;
	c.to = verdict;
	c.cause = "";
	h->verdict = verdict;
	keep(&h->verdicts, &c);
	changed(arg, &c);
	return true;
}

/* ---- metrics ---- */

static void
value(FILE *out, const char *name, uint64_t n)
{
	(void)fprintf(out, "sekisho_diag_%s %" PRIu64 "\n", name, n);
}

static void
seconds(FILE *out, const char *name, uint64_t ns)
{
	(void)fprintf(out, "sekisho_diag_%s ", name);
	markup_seconds(out, ns);
	(void)fputc('\n', out);
}

static void
endpoint_metrics(FILE *out, const struct watch_history *h)
{
	prometheus_begin(out, "watch_endpoint_rounds_total", "counter",
	    "Rounds that found the endpoint in this state.");
	for (size_t i = 0; i < h->count; i++) {
		struct prometheus_names n = names_of(&h->endpoints[i]);

		for (unsigned s = STATE_OK; s < STATE_COUNT; s++) {
			prometheus_endpoint(
			    out, "watch_endpoint_rounds_total", &n);
			(void)fprintf(out, ",state=\"%s\"} %" PRIu64 "\n",
			    state_words[s], h->endpoints[i].rounds[s]);
		}
	}
	prometheus_begin(out, "watch_endpoint_changes_total", "counter",
	    "Changes of the endpoint's state, its first one included.");
	for (size_t i = 0; i < h->count; i++) {
		struct prometheus_names n = names_of(&h->endpoints[i]);

		prometheus_endpoint(out, "watch_endpoint_changes_total", &n);
		(void)fprintf(
		    out, "} %" PRIu64 "\n", h->endpoints[i].ring.total);
	}
}

static uint64_t
last_change(const struct ring *r)
{
	return r->total == 0
		   ? 0
		   : r->items[(r->total - 1) % HISTORY_CHANGES].unix_ns;
}

void
watch_history_metrics(FILE *out, const struct watch_history *h)
{
	prometheus_begin(out, "watch_rounds_total", "counter",
	    "Rounds that have come to their end.");
	value(out, "watch_rounds_total", h->rounds);
	prometheus_begin(out, "watch_verdict_changes_total", "counter",
	    "Changes of the verdict, the first one included.");
	value(out, "watch_verdict_changes_total", h->verdicts.total);
	prometheus_begin(out, "watch_last_round_timestamp_seconds", "gauge",
	    "When the last round ended; 0 before the first.");
	seconds(out, "watch_last_round_timestamp_seconds", h->last_unix_ns);
	prometheus_begin(out, "watch_last_verdict_change_timestamp_seconds",
	    "gauge", "When the verdict changed last; 0 before the first.");
	seconds(out, "watch_last_verdict_change_timestamp_seconds",
	    last_change(&h->verdicts));
	endpoint_metrics(out, h);
	prometheus_begin(out, "watch_endpoint_last_change_timestamp_seconds",
	    "gauge", "When the endpoint's state changed last.");
	for (size_t i = 0; i < h->count; i++) {
		struct prometheus_names n = names_of(&h->endpoints[i]);

		prometheus_endpoint(
		    out, "watch_endpoint_last_change_timestamp_seconds", &n);
		(void)fputs("} ", out);
		markup_seconds(out, last_change(&h->endpoints[i].ring));
		(void)fputc('\n', out);
	}
}

/* ---- JSON ---- */

/* The oldest first. */
static void
json_ring(struct json_out *j, const struct ring *r)
{
	uint64_t first =
	    r->total > HISTORY_CHANGES ? r->total - HISTORY_CHANGES : 0;

	json_u64(j, "changes_total", r->total);
	json_open(j, "changes", '[');
	for (uint64_t i = first; i < r->total; i++) {
		const struct kept_change *k = &r->items[i % HISTORY_CHANGES];

		json_open(j, NULL, '{');
		json_time(j, "time", k->unix_ns);
		json_str(j, "from", k->from);
		json_str(j, "to", k->to);
		json_text(j, "cause", k->cause);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void
json_endpoint_history(struct json_out *j, const struct endpoint_history *e)
{
	json_open(j, NULL, '{');
	json_str(j, "host", e->host);
	json_u64(j, "port", e->port);
	json_str(j, "path", e->path);
	json_str(j, "state", state_words[e->state]);
	json_open(j, "rounds", '{');
	for (unsigned s = STATE_OK; s < STATE_COUNT; s++)
		json_u64(j, state_words[s], e->rounds[s]);
	json_close(j, '}');
	json_ring(j, &e->ring);
	json_close(j, '}');
}

void
watch_history_json(FILE *out, const struct watch_history *h)
{
	struct json_out j = {.out = out};

	json_open(&j, NULL, '{');
	json_u64(&j, "rounds", h->rounds);
	json_time(&j, "last_round", h->last_unix_ns);
	json_open(&j, "verdict", '{');
	json_str(&j, "state", h->verdict);
	json_ring(&j, &h->verdicts);
	json_close(&j, '}');
	json_open(&j, "endpoints", '[');
	for (size_t i = 0; i < h->count; i++)
		json_endpoint_history(&j, &h->endpoints[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	(void)fputc('\n', out);
}
