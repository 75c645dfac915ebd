/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "rules.h"

static void
time_fact(const struct rule_ctx *c, struct match *m)
{
	fact_utc(m, "time",
	    (int64_t)((c->run->started_unix_ns + c->r->proxy.time.start_at_ns) /
		      1000000000U));
}

/* What the proxy said, and who it is. */
static void
answer_facts(const struct rule_ctx *c, struct match *m)
{
	const struct proxy_result *p = &c->r->proxy;

	fact_set(&m->facts, "setting", c->path->source);
	fact_set(&m->facts, "proxy_host", c->path->proxy.host);
	fact_phase_ms(m, &p->time);
	time_fact(c, m);
	fact_set(&m->facts, "reason", p->reason[0] ? p->reason : "-");
	if (p->end == PROXY_SOCKS_REFUSED || p->end == PROXY_SOCKS_AUTH)
		fact_setf(
		    &m->facts, "status", "SOCKS5 reply %d", p->socks_reply);
	else if (p->status != 0)
		fact_setf(&m->facts, "status", "%d", p->status);
	fact_set(&m->facts, "proxy_status", p->proxy_status);
	fact_set(&m->facts, "squid", p->squid_error);
	fact_set(&m->facts, "via", p->via);
	fact_set(&m->facts, "server", p->server);
	fact_set(&m->facts, "retry", p->retry_after);
	fact_set(&m->facts, "request_id", p->request_id);
	fact_set(&m->facts, "type", p->content_type);
	if (strncmp(p->proxy_status, "sekisho", 7) == 0)
		fact_set(&m->facts, "sekisho", "yes");
}

static void
scheme_facts(const struct rule_ctx *c, struct match *m)
{
	bool secure = c->path->proxy.kind == PROXY_HTTPS;

	fact_set(&m->facts, "scheme", proxy_kind_str(c->path->proxy.kind));
	fact_set(&m->facts, "other_scheme", secure ? "http" : "https");
}

static bool
begin(const struct rule_ctx *c, struct match *m, enum finding_id id)
{
	match_begin(m, c, id);
	answer_facts(c, m);
	scheme_facts(c, m);
	return true;
}

static bool
auth(const struct rule_ctx *c, struct match *m)
{
	const struct proxy_result *p = &c->r->proxy;

	(void)begin(c, m, FINDING_PX_407);
	if (p->end == PROXY_SOCKS_AUTH)
		fact_setf(
		    &m->facts, "status", "SOCKS5 method %d", p->socks_method);
	fact_set(&m->facts, "schemes", p->schemes);
	if (c->path->proxy.has_user)
		fact_set(&m->facts, "user", c->path->proxy.user);
	if (p->schemes[0] != '\0' && !strcasestr(p->schemes, "basic"))
		fact_set(&m->facts, "nobasic", "yes");
	m->owner = c->path->proxy.has_user && !fact_get(&m->facts, "nobasic")
		       ? OWNER_SETTING
		       : OWNER_PROXY;
	return true;
}

static bool
denied(const struct rule_ctx *c, struct match *m)
{
	bool port =
	    c->t->at.port != 443 && c->crowd->connect_443_passed[c->t->path];

	return begin(c, m, port ? FINDING_PX_PORT : FINDING_PX_403);
}

static bool
status_cause(const struct rule_ctx *c, struct match *m)
{
	const struct proxy_result *p = &c->r->proxy;

	switch (p->status) {
	case 407:
		return auth(c, m);
	case 401:
		(void)begin(c, m, FINDING_PX_401);
		if (p->www_authenticate)
			fact_set(&m->facts, "challenge", "yes");
		return true;
	case 403:
		return denied(c, m);
	case 429:
		return begin(c, m, FINDING_PX_BUSY);
	case 503:
		if (p->retry_after[0] != '\0' &&
		    strncmp(p->proxy_status, "sekisho", 7) == 0)
			return begin(c, m, FINDING_PX_BUSY);
		break;
	default:
		break;
	}
	(void)begin(c, m,
	    p->status >= 500 && p->status != 501 ? FINDING_PX_5XX
						 : FINDING_PX_NOTUNNEL);
	if (m->id == FINDING_PX_5XX)
		match_key(m, fact_get(&m->facts, "status"));
	return true;
}

static bool
socks_cause(const struct rule_ctx *c, struct match *m)
{
	switch (c->r->proxy.socks_reply) {
	case 2:
		return denied(c, m);
	case 7:
	case 8:
		return begin(c, m, FINDING_PX_NOTUNNEL);
	default:
		return begin(c, m, FINDING_PX_5XX);
	}
}

/* A TLS record where an HTTP answer should be: alert or handshake. */
static bool
looks_like_tls(const struct proxy_result *p)
{
	return p->first_byte_count >= 2 &&
	       (p->first_bytes[0] == 0x15 || p->first_bytes[0] == 0x16) &&
	       p->first_bytes[1] == 0x03;
}

static bool
garbage_cause(const struct rule_ctx *c, struct match *m)
{
	const struct proxy_result *p = &c->r->proxy;

	if (looks_like_tls(p))
		return begin(c, m, FINDING_PX_SCHEME);
	(void)begin(c, m, FINDING_PX_NOTUNNEL);
	fact_bytes(m, "bytes", p->first_bytes, p->first_byte_count);
	return true;
}

static bool
tls_leg_cause(const struct rule_ctx *c, struct match *m)
{
	const struct tls_result *tls = &c->r->proxy.tls;

	if (tls->end == TLS_PLAINTEXT) {
		(void)begin(c, m, FINDING_PX_SCHEME);
		fact_set(&m->facts, "plain", "yes");
		fact_bytes(m, "bytes", tls->first_bytes, tls->first_byte_count);
		return true;
	}
	(void)begin(c, m, FINDING_PX_TLS);
	fact_cert(m, tls);
	if (tls->end == TLS_FINISHED && !tls->name_matches)
		fact_set(&m->facts, "what", "certificate for another name");
	else if (tls->end == TLS_FINISHED)
		fact_setf(&m->facts, "what", "%s (code %d)", tls->verify_text,
		    tls->verify_code);
	else if (tls->end == TLS_ALERT)
		fact_setf(&m->facts, "what", "alert %u %s",
		    (unsigned)tls->alert, tls->alert_name);
	else
		fact_set(&m->facts, "what",
		    tls->reason[0] ? tls->reason : tls_end_str(tls->end));
	return true;
}

/* Our handshake goes on whatever the certificate; other programs stop there,
 * and see nothing of what came after it. */
static bool
tls_leg_is_bad(const struct rule_ctx *c)
{
	const struct tls_result *tls = &c->r->proxy.tls;

	return c->path->proxy.kind == PROXY_HTTPS && tls->end == TLS_FINISHED &&
	       (!tls->verified || !tls->name_matches);
}

bool
cause_proxy_answer(const struct rule_ctx *c, struct match *m)
{
	if (!c->proxied)
		return false;
	if (tls_leg_is_bad(c))
		return tls_leg_cause(c, m);
	switch (c->r->proxy.end) {
	case PROXY_STATUS:
		return status_cause(c, m);
	case PROXY_SOCKS_REFUSED:
		return socks_cause(c, m);
	case PROXY_SOCKS_AUTH:
		return auth(c, m);
	case PROXY_CLOSED:
		return begin(c, m, FINDING_PX_ABORT);
	case PROXY_RESET:
		(void)begin(c, m, FINDING_PX_ABORT);
		fact_set(&m->facts, "reset", "yes");
		return true;
	case PROXY_SILENT:
		return begin(c, m, FINDING_PX_SILENT);
	case PROXY_GARBAGE:
		return garbage_cause(c, m);
	case PROXY_TLS_FAILED:
		return tls_leg_cause(c, m);
	case PROXY_NOT_TRIED:
	case PROXY_TUNNEL:
		break;
	}
	return false;
}

/* The proxy said 200, and then spoke itself. */
bool
cause_proxy_page(const struct rule_ctx *c, struct match *m)
{
	const struct tls_result *tls = &c->r->tls;
	bool page;

	if (!c->proxied || tls->end != TLS_PLAINTEXT)
		return false;
	page = strcasestr(c->r->proxy.content_type, "text/html") != NULL;
	(void)begin(c, m, page ? FINDING_PX_NOTUNNEL : FINDING_PX_PAGE);
	fact_bytes(m, "bytes", tls->first_bytes, tls->first_byte_count);
	return true;
}

static void
bypass_facts(const struct rule_ctx *c, struct match *m, const char *token)
{
	char corrected[FACT_MAX];

	proxy_env_without(
	    &c->run->proxy_env, token, corrected, sizeof(corrected));
	fact_set(&m->facts, "corrected", corrected);
}

/* A direct way that works is no fault, but often not meant. */
bool
remark_bypass(const struct rule_ctx *c, struct match *m)
{
	if (c->t->no_variable == NULL || c->r->tcp.time.end != PHASE_DONE)
		return false;
	match_begin(m, c, FINDING_PX_BYPASS);
	m->severity = SEVERITY_INFO;
	fact_set(&m->facts, "variable", c->t->no_variable);
	fact_set(&m->facts, "token", c->t->no_token);
	bypass_facts(c, m, c->t->no_token);
	match_key(m, c->t->no_token);
	return true;
}

bool
remark_go_differs(const struct rule_ctx *c, struct match *m)
{
	if (!c->t->go_differs)
		return false;
	match_begin(m, c, FINDING_PX_BYPASS);
	fact_set(&m->facts, "variable", "NO_PROXY");
	fact_set(&m->facts, "go", "yes");
	fact_set(&m->facts, "go_token", c->t->go_token);
	bypass_facts(c, m, c->t->go_token);
	match_key(m, "go");
	return true;
}
