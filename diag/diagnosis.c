/* SPDX-License-Identifier: Apache-2.0
 *
 * How it works. Each endpoint is put to the table of causes, in order; the
 * first that fits is its cause, and what comes after it in the path is a
 * consequence and gets no word. Then the remarks, which blame nobody. Equal
 * hits (same id, way, severity, key) become one finding with many endpoints.
 * What no rule explains is said to be unknown, never to be fine: an endpoint is
 * reachable only when the last phase of its plan has proven it.
 *
 * The order of the table is the order of the wire, with one exception: lies of
 * DNS show only later (in the certificate), so their rows look ahead. */
#include "diagnosis.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "prescription.h"
#include "rules.h"
#include "service.h"
#include "verdict.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	enum phase phase; /* whose cell it is */
	rule_fn rule;
} causes[] = {
    {PHASE_DNS, cause_proxy_name}, {PHASE_DNS, cause_dns_zero},
    {PHASE_DNS, cause_dns_cname}, {PHASE_DNS, cause_dns_failed},
    {PHASE_DNS, cause_dns_page}, {PHASE_DNS, cause_dns_private},
    {PHASE_TCP, cause_proxy_connect}, {PHASE_TCP, cause_webhook_tcp},
    {PHASE_TCP, cause_tcp}, {PHASE_PROXY, cause_proxy_answer},
    {PHASE_PROXY, cause_proxy_page}, {PHASE_TLS, cause_tls_handshake},
    {PHASE_TLS, cause_tls_client}, {PHASE_TLS, cause_webhook_certificate},
    {PHASE_TLS, cause_tls_certificate}, {PHASE_HTTP, cause_http_failed},
    {PHASE_HTTP, cause_http_key}, {PHASE_HTTP, cause_http_answer},
    {PHASE_HTTP, cause_http_deep},
    {PHASE_COUNT, cause_cut}, /* the rule names the phase */
};

static const rule_fn remarks[] = {
    remark_dns_private_fine,
    remark_dns_search,
    remark_dns_flap,
    remark_dns_proxyonly,
    remark_dns_no_aaaa,
    remark_tcp_v6,
    remark_bypass,
    remark_go_differs,
    remark_tls_alpn,
    remark_http_key,
    remark_http_key_held,
    remark_http_nokey,
    remark_http_s3,
    remark_http_skew,
    remark_http_idle,
    remark_trips,
    remark_webhook,
};

/* Hits that are one finding. */
struct group {
	struct match match;
	size_t path;
	size_t *endpoints;
	size_t endpoint_count;
};

struct work {
	const struct run *run;
	struct crowd crowd;
	struct group *groups;
	size_t group_count;
	struct endpoint_view *views; /* cause: index of a group */
	bool failed;                 /* out of memory */
};

static struct rule_ctx
context_of(const struct work *w, size_t index)
{
	const struct endpoint_result *r = &w->run->endpoints[index];
	const struct path *path = &w->run->plan->paths[r->target->path];

	return (struct rule_ctx){.run = w->run,
	    .r = r,
	    .t = r->target,
	    .path = path,
	    .proxied = path_has_proxy(path),
	    .crowd = &w->crowd};
}

static void
look_at_crowd(struct work *w)
{
	for (size_t i = 0; i < w->run->endpoint_count; i++) {
		const struct endpoint_result *r = &w->run->endpoints[i];
		bool seen =
		    r->tls.end == TLS_FINISHED && r->target->expect_public;

		w->crowd.tls_finished += seen;
		w->crowd.tls_public_unverified +=
		    seen && !r->tls.verified && r->tls.issuer == ISSUER_PUBLIC;
		if (r->proxy.end == PROXY_TUNNEL && r->target->at.port == 443)
			w->crowd.connect_443_passed[r->target->path] = true;
	}
}

static bool
is_same(const struct group *g, const struct match *m, size_t path)
{
	return g->match.id == m->id && g->path == path &&
	       g->match.severity == m->severity &&
	       strcmp(g->match.key, m->key) == 0;
}

/* The index of the group of m, made anew if need be; SIZE_MAX: no memory. */
static size_t
group_for(struct work *w, const struct match *m, size_t path)
{
	struct group *grown;

	for (size_t i = 0; i < w->group_count; i++) {
		if (is_same(&w->groups[i], m, path))
			return i;
	}
	grown = reallocarray(w->groups, w->group_count + 1, sizeof(*grown));
	if (grown == NULL) {
		w->failed = true;
		return SIZE_MAX;
	}
	w->groups = grown;
	w->groups[w->group_count] = (struct group){.match = *m, .path = path};
	return w->group_count++;
}

static size_t
group_add(struct work *w, const struct match *m, size_t path, size_t endpoint)
{
	size_t index = group_for(w, m, path);
	struct group *g;
	size_t *grown;

	if (index == SIZE_MAX)
		return SIZE_MAX;
	g = &w->groups[index];
	grown =
	    reallocarray(g->endpoints, g->endpoint_count + 1, sizeof(*grown));
	if (grown == NULL) {
		w->failed = true;
		return SIZE_MAX;
	}
	g->endpoints = grown;
	g->endpoints[g->endpoint_count++] = endpoint;
	return index;
}

/* NO_PROXY took the host out of the proxy, and the direct way is closed: the
 * setting is the cause, and what failed is its evidence. */
static void
blame_bypass(const struct rule_ctx *c, struct match *m)
{
	struct match was = *m;
	const char *err = fact_get(&was.facts, "errno");
	char corrected[FACT_MAX];

	match_begin(m, c, FINDING_PX_BYPASS);
	m->severity = SEVERITY_ERROR;
	m->phase = was.phase;
	fact_set(&m->facts, "variable", c->t->no_variable);
	fact_set(&m->facts, "token", c->t->no_token);
	fact_setf(&m->facts, "what", "%s%s%s", finding_text(was.id)->id,
	    err ? ", " : "", err ? err : "");
	proxy_env_without(
	    &c->run->proxy_env, c->t->no_token, corrected, sizeof(corrected));
	fact_set(&m->facts, "corrected", corrected[0] ? corrected : "''");
	match_key(m, c->t->no_token);
}

static bool
find_cause(const struct rule_ctx *c, struct match *m)
{
	for (size_t i = 0; i < COUNT(causes); i++) {
		if (!causes[i].rule(c, m))
			continue;
		if (causes[i].phase != PHASE_COUNT)
			m->phase = causes[i].phase;
		if (m->phase <= PHASE_TCP && c->t->no_variable != NULL &&
		    causes[i].phase != PHASE_COUNT)
			blame_bypass(c, m);
		return true;
	}
	return false;
}

static enum cell
plain_cell(enum phase_end end)
{
	switch (end) {
	case PHASE_NOT_RUN:
		return CELL_SKIPPED;
	case PHASE_DONE:
		return CELL_OK;
	case PHASE_FAILED:
	case PHASE_TIMED_OUT:
	case PHASE_INTERRUPTED:
		break;
	}
	return CELL_UNKNOWN;
}

/* The cells before the cause are fine, or the cause would stand there. */
static void
fill_cells(const struct endpoint_result *r, const struct match *cause,
    struct endpoint_view *v)
{
	for (unsigned p = 0; p < PHASE_COUNT; p++)
		v->cells[p] = plain_cell(phase_time_of(r, (enum phase)p)->end);
	if (cause == NULL)
		return;
	for (unsigned p = cause->phase + 1; p < PHASE_COUNT; p++)
		v->cells[p] = CELL_SKIPPED;
	if (cause->reachable == TRI_UNKNOWN)
		v->cells[cause->phase] = CELL_UNKNOWN;
	else if (cause->reachable == TRI_NO ||
		 cause->severity == SEVERITY_ERROR)
		v->cells[cause->phase] = CELL_BAD;
	else
		v->cells[cause->phase] = CELL_OK;
}

/* Without a cause: has everything that was planned been done, and proven? */
static enum tri
proven(const struct rule_ctx *c)
{
	if (!service_is_genuine(c->t, &c->r->tls))
		return TRI_UNKNOWN;
	if (c->t->http_path[0] != '\0' && c->t->probe != PROBE_TLS &&
	    c->r->http.end != HTTP_ANSWER)
		return TRI_UNKNOWN;
	return TRI_YES;
}

static void
judge(struct work *w, size_t index)
{
	struct rule_ctx c = context_of(w, index);
	struct endpoint_view *v = &w->views[index];
	struct match m;

	v->cause = SIZE_MAX;
	if (!find_cause(&c, &m)) {
		fill_cells(c.r, NULL, v);
		v->reachable = proven(&c);
	} else {
		fill_cells(c.r, &m, v);
		v->reachable = m.reachable;
		/* The way that is only there to compare with decides nothing:
		 * in a closed network it is meant to fail. */
		if (c.t->comparison)
			m.severity = SEVERITY_INFO;
		v->cause = group_add(w, &m, c.t->path, index);
	}
	v->suspect =
	    c.r->tls.end == TLS_FINISHED && !service_is_genuine(c.t, &c.r->tls);
	for (size_t i = 0; i < COUNT(remarks); i++) {
		if (!remarks[i](&c, &m))
			continue;
		if (c.t->comparison)
			m.severity = SEVERITY_INFO;
		(void)group_add(w, &m, c.t->path, index);
	}
}

static bool
is_dns_lie(enum finding_id id)
{
	return id == FINDING_DNS_NX || id == FINDING_DNS_ZERO ||
	       id == FINDING_DNS_PRIV || id == FINDING_DNS_PAGE ||
	       id == FINDING_DNS_CNAME || id == FINDING_DNS_REFUSED ||
	       id == FINDING_DNS_NODATA;
}

/* Interception matters to those whose DNS is wrong; to others it is a fact. */
static bool
has_dns_lie(const struct work *w)
{
	for (size_t i = 0; i < w->group_count; i++) {
		if (is_dns_lie(w->groups[i].match.id) &&
		    w->groups[i].match.severity == SEVERITY_ERROR)
			return true;
	}
	return false;
}

static void
remark_on_run(struct work *w)
{
	struct rule_ctx c = {.run = w->run, .crowd = &w->crowd};
	struct match m;

	for (size_t i = 0; i < remark_run_count(w->run); i++) {
		if (!remark_run(&c, i, &m))
			continue;
		if (m.id == FINDING_DNS_HIJACK && !has_dns_lie(w))
			m.severity = SEVERITY_INFO;
		(void)group_for(w, &m, SIZE_MAX);
	}
}

/* What a default-deny NetworkPolicy looks like from inside. */
static bool
looks_like_policy(const struct group *g)
{
	const char *what = fact_get(&g->match.facts, "what");

	if (g->match.id == FINDING_PX_CONN)
		return what != NULL && strstr(what, "ETIMEDOUT") != NULL;
	return g->match.id == FINDING_TCP_DROP ||
	       g->match.id == FINDING_DNS_TIMEOUT;
}

static void
remark_on_pod(struct work *w)
{
	size_t count = w->group_count;

	for (size_t i = 0; w->run->vantage.in_pod && i < count; i++) {
		struct rule_ctx c;
		struct match m;
		const char *port;

		if (w->groups[i].endpoint_count == 0 ||
		    !looks_like_policy(&w->groups[i]))
			continue;
		c = context_of(w, w->groups[i].endpoints[0]);
		match_begin(&m, &c, FINDING_K8S_NETPOL);
		port = fact_get(&w->groups[i].match.facts, "proxy_port");
		fact_set(&m.facts, "out_port", port ? port : "443");
		fact_set(
		    &m.facts, "id", finding_text(w->groups[i].match.id)->id);
		match_key(&m, fact_get(&m.facts, "id"));
		for (size_t e = 0; e < w->groups[i].endpoint_count; e++)
			(void)group_add(w, &m, w->groups[i].path,
			    w->groups[i].endpoints[e]);
	}
}

/* Order of appearance: severity, then the order of the list, then as found. */
static bool
comes_before(const struct group *a, const struct group *b)
{
	if (a->match.severity != b->match.severity)
		return a->match.severity < b->match.severity;
	return a->match.id < b->match.id;
}

static bool
make_findings(struct work *w, struct diagnosis *d)
{
	size_t room = w->group_count ? w->group_count : 1;

	d->findings = calloc(room, sizeof(*d->findings));
	if (d->findings == NULL)
		return false;
	for (size_t i = 0; i < w->group_count; i++) {
		struct group *g = &w->groups[i];
		size_t rank = 0;
		struct finding *f;

		for (size_t j = 0; j < w->group_count; j++)
			rank += comes_before(&w->groups[j], g) ||
				(j < i && !comes_before(g, &w->groups[j]));
		f = &d->findings[rank];
		f->id = g->match.id;
		f->severity = g->match.severity;
		f->owner = g->match.owner;
		f->facts = g->match.facts;
		f->endpoints = g->endpoints; /* handed over */
		f->endpoint_count = g->endpoint_count;
		g->endpoints = NULL;
		g->path = rank; /* from here on: where it went */
	}
	d->finding_count = w->group_count;
	return true;
}

static void
work_free(struct work *w)
{
	for (size_t i = 0; i < w->group_count; i++)
		free(w->groups[i].endpoints);
	free(w->groups);
}

static bool
conclude(struct work *w, struct diagnosis *d)
{
	if (w->failed || !make_findings(w, d))
		return false;
	for (size_t i = 0; i < d->endpoint_count; i++) {
		if (d->views[i].cause != SIZE_MAX)
			d->views[i].cause = w->groups[d->views[i].cause].path;
	}
	for (size_t i = 0; i < d->finding_count; i++)
		(void)prescription_write(w->run, &d->findings[i], d->lang);
	return verdict_decide(w->run, d);
}

struct diagnosis *
diagnosis_make(const struct run *run, enum lang lang)
{
	struct diagnosis *d = calloc(1, sizeof(*d));
	struct work w = {.run = run};
	bool ok = false;

	if (d == NULL)
		return NULL;
	d->lang = lang;
	d->endpoint_count = run->endpoint_count;
	d->views = calloc(
	    run->endpoint_count ? run->endpoint_count : 1, sizeof(*d->views));
	if (d->views != NULL) {
		w.views = d->views;
		look_at_crowd(&w);
		for (size_t i = 0; i < run->endpoint_count; i++)
			judge(&w, i);
		remark_on_run(&w);
		remark_on_pod(&w);
		ok = conclude(&w, d);
	}
	work_free(&w);
	if (!ok) {
		diagnosis_free(d);
		d = NULL;
	}
	return d;
}

void
diagnosis_free(struct diagnosis *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->finding_count; i++)
		free(d->findings[i].endpoints);
	free(d->findings);
	free(d->views);
	free(d->consequences);
	free(d);
}
