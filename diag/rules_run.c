/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "rules.h"

/* The phase that did not come to an end, or PHASE_COUNT. */
static enum phase
open_phase(const struct endpoint_result *r)
{
	for (unsigned p = 0; p < PHASE_COUNT; p++) {
		if (phase_time_of(r, (enum phase)p)->end == PHASE_INTERRUPTED)
			return (enum phase)p;
	}
	return PHASE_COUNT;
}

/* What remains when no rule knew a cause: cut short, or never begun. */
bool
cause_cut(const struct rule_ctx *c, struct match *m)
{
	enum phase open = open_phase(c->r), failed = PHASE_COUNT;
	bool begun = false;

	for (unsigned p = 0; p < PHASE_COUNT; p++) {
		enum phase_end end = phase_time_of(c->r, (enum phase)p)->end;

		begun |= end != PHASE_NOT_RUN;
		if (end == PHASE_FAILED || end == PHASE_TIMED_OUT)
			failed = failed == PHASE_COUNT ? (enum phase)p : failed;
	}
	if (open == PHASE_COUNT && failed == PHASE_COUNT && begun &&
	    (c->r->tls.time.end == PHASE_DONE || c->run->end == RUN_COMPLETE))
		return false;
	if (open == PHASE_COUNT && failed != PHASE_COUNT) {
		match_begin(m, c, FINDING_RUN_START);
		m->phase = failed;
	} else {
		match_begin(m, c, FINDING_RUN_CUT);
		m->phase = open == PHASE_COUNT ? PHASE_DNS : open;
	}
	if (m->id == FINDING_RUN_CUT && c->run->end == RUN_INTERRUPTED) {
		m->severity = SEVERITY_INFO;
		fact_set(&m->facts, "interrupted", "yes");
	}
	m->reachable = TRI_UNKNOWN;
	fact_set(&m->facts, "phase", phase_str(m->phase));
	fact_ms(m, "ms", c->run->duration_ns);
	return true;
}

static bool
interception(const struct rule_ctx *c, struct match *m)
{
	const struct dns_interception *d = &c->run->interception;

	if (d->found != TRI_YES)
		return false;
	match_begin(m, c, FINDING_DNS_HIJACK);
	fact_endpoint(m, "asked", &d->asked);
	if (d->asked.addr.family == IP_NONE)
		fact_set(&m->facts, "asked", "192.0.2.1:53");
	fact_ms(m, "ms", d->time_ns);
	fact_number(m, "rcode", d->rcode);
	return true;
}

static bool
bad_key(const struct rule_ctx *c, struct match *m)
{
	static const char *const facts[] = {
	    [KEY_NO_FAULT] = "",
	    [KEY_EMPTY] = "k_empty",
	    [KEY_BLANK] = "k_blank",
	    [KEY_QUOTED] = "k_quoted",
	    [KEY_BASE64] = "k_base64",
	    [KEY_BYTES] = "k_bytes",
	    [KEY_PREFIXED] = "k_prefixed",
	};
	const struct key_lint *k = &c->run->key;

	if (!k->given || k->fault == KEY_NO_FAULT)
		return false;
	match_begin(m, c, FINDING_HTTP_KEYFMT);
	fact_set(&m->facts, facts[k->fault], "yes");
	fact_set(&m->facts, "key_source", k->source[0] ? k->source : "-");
	fact_number(m, "key_length", k->length);
	fact_number(m, "position", k->position);
	fact_set(&m->facts, "class", k->byte_class[0] ? k->byte_class : "byte");
	return true;
}

static bool
changes(const struct rule_ctx *c, struct match *m)
{
	const struct run *run = c->run;
	const struct change *first = run->changes;
	struct rule_ctx at = *c;

	if (run->change_count == 0 || first->endpoint >= run->endpoint_count)
		return false;
	at.r = &run->endpoints[first->endpoint];
	at.t = at.r->target;
	match_begin(m, &at, FINDING_BASE_CHANGED);
	fact_set(&m->facts, "what", first->what);
	fact_set(&m->facts, "before", first->before[0] ? first->before : "-");
	fact_set(&m->facts, "after", first->after[0] ? first->after : "-");
	fact_set(&m->facts, "since",
	    run->baseline_time[0] ? run->baseline_time : "-");
	if (run->change_count > 1)
		fact_number(m, "more", run->change_count - 1);
	return true;
}

static uint32_t
rtt_of(const struct endpoint_result *r)
{
	const struct tcp_attempt *a = main_attempt(&r->tcp);

	if (a == NULL || a->end != TCP_OPEN || a->time_ns == 0)
		return UINT32_MAX;
	/* The kernel's own measure of the SYN holds no wait of ours. */
	if (a->figures.known && a->figures.rtt_us > 0)
		return a->figures.rtt_us;
	return (uint32_t)(a->time_ns / 1000 < UINT32_MAX ? a->time_ns / 1000
							 : UINT32_MAX);
}

/* Two regions cannot both be within 3 ms: light in fibre gets 300 km far and
 * back in that time, and no two regions are 600 km apart or less. */
static bool
too_near(const struct rule_ctx *c, struct match *m)
{
	const struct run *run = c->run;
	const struct endpoint_result *one = NULL;

	for (size_t i = 0; i < run->endpoint_count; i++) {
		const struct endpoint_result *r = &run->endpoints[i];
		struct rule_ctx at = *c;

		if (strcmp(r->target->category, "container") != 0 ||
		    path_has_proxy(&run->plan->paths[r->target->path]) ||
		    rtt_of(r) > 3000)
			continue;
		if (one == NULL) {
			one = r;
			continue;
		}
		at.r = one;
		at.t = one->target;
		match_begin(m, &at, FINDING_RTT_NEAR);
		fact_set(&m->facts, "region", one->target->region);
		fact_ms(m, "ms", (uint64_t)rtt_of(one) * 1000);
		fact_set(&m->facts, "other", r->target->at.host.text);
		fact_set(&m->facts, "other_region", r->target->region);
		fact_ms(m, "other_ms", (uint64_t)rtt_of(r) * 1000);
		return true;
	}
	return false;
}

/* The fact by which a template knows the lint. */
static const char *
lint_fact(enum proxy_lint_kind kind, enum finding_id *id)
{
	*id = FINDING_PX_URL;
	switch (kind) {
	case LINT_URL_BAD:
		return "l_bad";
	case LINT_URL_NO_SCHEME:
		return "l_scheme";
	case LINT_URL_NO_PORT:
		return "l_port";
	case LINT_URL_PASSWORD:
		return "l_password";
	case LINT_URL_HTTPS_USER:
		return "l_https";
	case LINT_URL_TRAILING:
		return "l_blank";
	case LINT_ONLY_HTTP_PROXY:
		return "l_http";
	case LINT_ONLY_ALL_PROXY:
		return "l_all";
	case LINT_CASES_DIFFER:
		return "l_cases";
	case LINT_NO_PROXY_METADATA:
		*id = FINDING_GKE_META;
		return "metadata";
	case LINT_NO_PROXY_NIL:
	case LINT_NO_PROXY_BRACKETS:
	case LINT_NO_PROXY_BLANKS:
	case LINT_NO_PROXY_SCHEME:
	case LINT_NO_PROXY_STAR_DOT:
	case LINT_NO_PROXY_CIDR:
	case LINT_NO_PROXY_CLUSTER:
	case LINT_COUNT:
		break;
	}
	*id = FINDING_PX_BYPASS;
	return kind == LINT_NO_PROXY_NIL        ? "l_nil"
	       : kind == LINT_NO_PROXY_BRACKETS ? "l_brackets"
	       : kind == LINT_NO_PROXY_BLANKS   ? "l_blanks"
	       : kind == LINT_NO_PROXY_SCHEME   ? "l_scheme"
	       : kind == LINT_NO_PROXY_STAR_DOT ? "l_star"
	       : kind == LINT_NO_PROXY_CIDR     ? "l_cidr"
						: "l_cluster";
}

static void
setting_lint(
    const struct rule_ctx *c, const struct proxy_lint *lint, struct match *m)
{
	enum finding_id id;
	const char *fact = lint_fact(lint->kind, &id);

	match_begin(m, c, id);
	fact_set(&m->facts, fact, "yes");
	fact_set(&m->facts, "variable", lint->variable);
	fact_set(&m->facts, "detail", lint->detail[0] ? lint->detail : "-");
	if (lint->kind == LINT_NO_PROXY_NIL)
		m->severity = SEVERITY_INFO;
	(void)snprintf(m->key, sizeof(m->key), "%s %s", fact, lint->variable);
}

static const rule_fn run_rules[] = {interception, bad_key, changes, too_near};

#define RUN_RULES (sizeof(run_rules) / sizeof(run_rules[0]))

size_t
remark_run_count(const struct run *run)
{
	const struct check_options *o = run->plan->options;

	/* An option overrules the variables: their lints do not matter. */
	if (o->direct || o->has_proxy)
		return RUN_RULES;
	return RUN_RULES + run->proxy_env.lint_count;
}

bool
remark_run(const struct rule_ctx *c, size_t index, struct match *m)
{
	if (index < RUN_RULES)
		return run_rules[index](c, m);
	setting_lint(c, &c->run->proxy_env.lints[index - RUN_RULES], m);
	return true;
}
