/* SPDX-License-Identifier: Apache-2.0
 *
 * The admission webhook, as the API server sees it. */
#include <stdio.h>

#include "rules.h"
#include "service.h"

static const struct webhook_ask *
webhook_of(const struct rule_ctx *c)
{
	return c->run->plan->options->webhook;
}

bool
cause_webhook_tcp(const struct rule_ctx *c, struct match *m)
{
	const struct tcp_attempt *a = main_attempt(&c->r->tcp);

	if (webhook_of(c) == NULL || a == NULL ||
	    (a->end != TCP_REFUSED && a->end != TCP_TIMEOUT) ||
	    !cause_tcp(c, m))
		return false;
	m->id =
	    a->end == TCP_REFUSED ? FINDING_K8S_WH_DOWN : FINDING_GKE_WEBHOOK;
	m->severity = finding_text(m->id)->severity;
	m->owner = finding_text(m->id)->owner;
	return true;
}

static bool
begin(const struct rule_ctx *c, struct match *m, enum finding_id id)
{
	const struct tls_result *tls = &c->r->tls;
	const struct cert_summary *leaf = &tls->chain[0];

	match_begin(m, c, id);
	fact_cert(m, tls);
	if (fact_get(&m->facts, "issuer") == NULL)
		fact_set(&m->facts, "issuer", "-");
	if (fact_get(&m->facts, "cert") == NULL)
		fact_set(&m->facts, "cert", "-");
	fact_setf(&m->facts, "print", "SHA-256 %.16s…",
	    leaf->sha256[0] ? leaf->sha256 : "-");
	fact_set(&m->facts, "sha256", leaf->sha256);
	fact_set(&m->facts, "name", target_server_name(c->t));
	fact_utc(m, "not_before", leaf->not_before);
	fact_utc(m, "not_after", leaf->not_after);
	fact_utc(m, "now", (int64_t)(c->run->started_unix_ns / 1000000000U));
	fact_set(&m->facts, "bundle",
	    c->run->plan->options->ca_file ? c->run->plan->options->ca_file
					   : "-");
	if (webhook_of(c)->compare)
		fact_set(&m->facts, "compared", "yes");
	return true;
}

static bool
is_out_of_date(const struct rule_ctx *c)
{
	const struct cert_summary *leaf = &c->r->tls.chain[0];
	int64_t now = (int64_t)(c->run->started_unix_ns / 1000000000U);

	return c->r->tls.chain_count > 0 &&
	       (now < leaf->not_before || now > leaf->not_after);
}

bool
cause_webhook_certificate(const struct rule_ctx *c, struct match *m)
{
	const struct tls_result *tls = &c->r->tls;

	if (webhook_of(c) == NULL || tls->end != TLS_FINISHED)
		return false;
	if (is_out_of_date(c))
		return begin(c, m, FINDING_K8S_WH_DATE);
	if (!tls->name_matches)
		return begin(c, m, FINDING_K8S_WH_NAME);
	if (tls->verified || c->t->any_root)
		return false;
	(void)begin(c, m, FINDING_K8S_WH_CA);
	fact_set(&m->facts, "verify",
	    tls->verify_text[0] ? tls->verify_text : "not verified");
	fact_setf(&m->facts, "code", "%d", tls->verify_code);
	fact_set(&m->facts, "roots",
	    webhook_of(c)->roots[0] ? webhook_of(c)->roots : "no certificate");
	return true;
}

bool
remark_webhook(const struct rule_ctx *c, struct match *m)
{
	if (webhook_of(c) == NULL || c->r->tls.end != TLS_FINISHED ||
	    is_out_of_date(c) || !service_is_genuine(c->t, &c->r->tls))
		return false;
	return begin(c, m, FINDING_K8S_WH_OK);
}
