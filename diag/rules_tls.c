/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "rules.h"
#include "service.h"

/* X509_V_ERR_* of OpenSSL's x509_vfy.h that are told apart here; the numbers
 * are part of its ABI. Named again so that the pure part needs no OpenSSL. */
enum {
	VERIFY_ISSUER_UNKNOWN = 2,
	VERIFY_NOT_YET = 9,
	VERIFY_EXPIRED = 10,
	VERIFY_SELF_SIGNED = 18,
	VERIFY_SELF_SIGNED_CHAIN = 19,
	VERIFY_NO_ISSUER_LOCAL = 20,
	VERIFY_LEAF_UNVERIFIED = 21,
	VERIFY_NAME = 62,
};

enum {
	ALERT_CERTIFICATE_REQUIRED = 116,
	ALERT_NO_PROTOCOL = 120,
	ALERT_BAD_CERTIFICATE = 42,
	ALERT_HANDSHAKE_FAILURE = 40,
};

static bool
is_iot(const struct rule_ctx *c)
{
	return strcmp(c->t->category, "iot") == 0;
}

static bool
begin(const struct rule_ctx *c, struct match *m, enum finding_id id)
{
	const struct tls_result *tls = &c->r->tls;
	const struct bisect_result *b = &c->r->bisect;
	const struct tcp_attempt *a = main_attempt(&c->r->tcp);

	match_begin(m, c, id);
	fact_set(&m->facts, "sni", tls->sni[0] ? tls->sni : c->t->at.host.text);
	fact_set(&m->facts, "addr", fact_get(&m->facts, "at"));
	fact_set(&m->facts, "addr_only", c->t->at.host.text);
	if (!c->proxied && a != NULL) {
		char text[IPADDR_TEXT_MAX + 1];

		(void)ipaddr_format(&a->to.addr, text);
		fact_endpoint(m, "addr", &a->to);
		fact_set(&m->facts, "addr_only", text);
	}
	fact_number(m, "hello", tls->hello_bytes);
	fact_number(m, "received", tls->bytes_received);
	fact_phase_ms(m, &tls->time);
	fact_cert(m, tls);
	fact_set(&m->facts, "interface", c->run->vantage.interface);
	if (b->neutral_name == LOOK_NOT_TRIED &&
	    b->small_hello == LOOK_NOT_TRIED)
		return true;
	fact_set(&m->facts, "neutral", look_end_str(b->neutral_name));
	fact_set(&m->facts, "small", look_end_str(b->small_hello));
	fact_set(&m->facts, "split", look_end_str(b->split_hello));
	if (b->neutral_name == LOOK_PASSED && b->small_hello != LOOK_PASSED)
		fact_set(&m->facts, "by_name", "yes");
	return true;
}

/* A small hello with the same name passes, and another name does not help. */
static bool
is_size(const struct bisect_result *b)
{
	return b->small_hello == LOOK_PASSED && b->neutral_name != LOOK_PASSED;
}

static bool
big_hello(const struct rule_ctx *c, struct match *m)
{
	(void)begin(c, m, FINDING_TLS_BIGHELLO);
	fact_number(m, "small_bytes", c->r->bisect.small_bytes);
	fact_set(&m->facts, "what", tls_end_str(c->r->tls.end));
	return true;
}

static bool
closed(const struct rule_ctx *c, struct match *m)
{
	const struct bisect_result *b = &c->r->bisect;
	const struct tls_result *tls = &c->r->tls;
	bool all =
	    b->neutral_name == LOOK_FAILED && b->small_hello == LOOK_FAILED;
	/* bytes_acked counts the SYN. */
	bool unheard = tls->figures.known && tls->figures.bytes_acked <= 1;

	if (tls->bytes_received == 0 && !c->proxied && (all || unheard)) {
		(void)begin(c, m, FINDING_TCP_EOF0);
		fact_set(&m->facts, "bisect", all ? "yes" : "");
		return true;
	}
	return begin(c, m, FINDING_TLS_EOF);
}

static bool
silent(const struct rule_ctx *c, struct match *m)
{
	const struct tcp_figures *f = &c->r->tls.figures;
	bool named = c->r->bisect.neutral_name == LOOK_PASSED;

	/* Behind a proxy our kernel only sees the leg to the proxy. */
	if (c->proxied)
		return begin(c, m, FINDING_TLS_SILENT);
	if (named || (f->known && f->unacked > 0))
		(void)begin(c, m, FINDING_TLS_SILENT_UP);
	else
		(void)begin(c, m, FINDING_TLS_PMTU_DOWN);
	if (f->known || m->id == FINDING_TLS_PMTU_DOWN) {
		fact_number(m, "unacked", f->unacked);
		fact_number(m, "retransmits", f->retransmits);
		fact_number(m, "mss", f->mss);
	}
	return true;
}

static bool
alert(const struct rule_ctx *c, struct match *m)
{
	const struct tls_result *tls = &c->r->tls;
	const char *which = "a_other";

	if (tls->alert == ALERT_NO_PROTOCOL && is_iot(c)) {
		(void)begin(c, m, FINDING_TLS_ALPN);
		m->severity = SEVERITY_ERROR;
		fact_set(&m->facts, "offered", tls->alpn_offered);
		fact_number(m, "alert", tls->alert);
		return true;
	}
	(void)begin(c, m, FINDING_TLS_ALERT);
	fact_number(m, "alert", tls->alert);
	fact_set(&m->facts, "alert_name",
	    tls->alert_name[0] ? tls->alert_name : "unknown");
	switch (tls->alert) {
	case 112:
		which = "a112";
		m->owner = OWNER_DNS;
		break;
	case 40:
		which = "a40";
		break;
	case 70:
		which = "a70";
		break;
	case 49:
		which = "a49";
		break;
	default:
		break;
	}
	fact_set(&m->facts, which, "yes");
	match_key(m, fact_get(&m->facts, "alert"));
	return true;
}

bool
cause_tls_handshake(const struct rule_ctx *c, struct match *m)
{
	const struct tls_result *tls = &c->r->tls;
	const struct bisect_result *b = &c->r->bisect;

	if (tls->time.end == PHASE_INTERRUPTED)
		return false;
	switch (tls->end) {
	case TLS_RESET:
		return is_size(b) ? big_hello(c, m)
				  : begin(c, m, FINDING_TLS_RST);
	case TLS_CLOSED:
		return is_size(b) ? big_hello(c, m) : closed(c, m);
	case TLS_SILENT:
		/* Bytes that nobody acknowledged: it is the packets that do
		 * not fit, not the hello. */
		return is_size(b) && (c->proxied || !tls->figures.known ||
					 tls->figures.unacked == 0)
			   ? big_hello(c, m)
			   : silent(c, m);
	case TLS_PLAINTEXT:
		(void)begin(c, m, FINDING_TLS_PLAIN);
		fact_bytes(m, "bytes", tls->first_bytes, tls->first_byte_count);
		if (tls->first_byte_count == 0)
			fact_set(&m->facts, "bytes", "-");
		return true;
	case TLS_ALERT:
		if (tls->late_alert)
			return false;
		return alert(c, m);
	case TLS_BROKEN:
		(void)begin(c, m, FINDING_TLS_BROKEN);
		fact_set(&m->facts, "reason",
		    tls->reason[0] ? tls->reason : "protocol error");
		match_key(m, fact_get(&m->facts, "reason"));
		return true;
	case TLS_NOT_TRIED:
	case TLS_FINISHED:
		break;
	}
	return false;
}

/* Somebody wants a client certificate. MQTT with AWS IoT does so by right. */
bool
cause_tls_client(const struct rule_ctx *c, struct match *m)
{
	const struct tls_result *tls = &c->r->tls;
	bool wants = tls->late_alert &&
		     (tls->alert == ALERT_CERTIFICATE_REQUIRED ||
			 (tls->wants_client_cert &&
			     (tls->alert == ALERT_BAD_CERTIFICATE ||
				 tls->alert == ALERT_HANDSHAKE_FAILURE)));

	if (!wants || (is_iot(c) && service_is_genuine(c->t, tls)))
		return false;
	(void)begin(c, m, FINDING_TLS_CLIENT);
	fact_number(m, "alert", tls->alert);
	fact_set(&m->facts, "alert_name",
	    tls->alert_name[0] ? tls->alert_name : "certificate_required");
	if (fact_get(&m->facts, "issuer") == NULL)
		fact_set(&m->facts, "issuer", "-");
	return true;
}

/* The certificate that the fault is about. */
static const struct cert_summary *
faulty(const struct tls_result *tls)
{
	size_t depth = tls->verify_depth > 0 ? (size_t)tls->verify_depth : 0;

	if (depth >= tls->chain_count)
		depth = tls->chain_count > 0 ? tls->chain_count - 1 : 0;
	return &tls->chain[depth];
}

static bool
begin_cert(const struct rule_ctx *c, struct match *m, enum finding_id id)
{
	const struct tls_result *tls = &c->r->tls;
	const struct cert_summary *bad = faulty(tls);

	(void)begin(c, m, id);
	fact_number(
	    m, "code", (uint64_t)(tls->verify_code > 0 ? tls->verify_code : 0));
	fact_number(m, "depth",
	    (uint64_t)(tls->verify_depth > 0 ? tls->verify_depth : 0));
	fact_set(&m->facts, "verify",
	    tls->verify_text[0] ? tls->verify_text : "not verified");
	fact_set(&m->facts, "subject", bad->subject[0] ? bad->subject : "-");
	fact_set(&m->facts, "file", tls->chain_file);
	if (fact_get(&m->facts, "issuer") == NULL)
		fact_set(&m->facts, "issuer", "-");
	if (fact_get(&m->facts, "cert") == NULL)
		fact_set(&m->facts, "cert", "-");
	return true;
}

static bool
dates(const struct rule_ctx *c, struct match *m, enum finding_id id)
{
	const struct tls_result *tls = &c->r->tls;
	const struct cert_summary *bad = faulty(tls);
	int64_t now = (int64_t)(c->run->started_unix_ns / 1000000000U);

	(void)begin_cert(c, m, id);
	fact_set(&m->facts, "issuer",
	    bad->issuer_cn[0] ? bad->issuer_cn : bad->issuer);
	if (fact_get(&m->facts, "issuer") == NULL)
		fact_set(&m->facts, "issuer", "-");
	fact_utc(m, "not_after", bad->not_after);
	fact_utc(m, "not_before", bad->not_before);
	fact_utc(m, "now", now);
	if (c->r->http.date != 0)
		fact_utc(m, "date", c->r->http.date);
	if (id == FINDING_TLS_EXPIRED && tls->verify_depth <= 0)
		fact_set(&m->facts, "leaf", "yes");
	else if (id == FINDING_TLS_EXPIRED)
		m->owner = OWNER_NODE;
	match_key(m, fact_get(&m->facts, "leaf") ? "leaf" : "issuer");
	return true;
}

static bool
is_root_missing(int code)
{
	return code == VERIFY_ISSUER_UNKNOWN ||
	       code == VERIFY_SELF_SIGNED_CHAIN ||
	       code == VERIFY_NO_ISSUER_LOCAL || code == VERIFY_LEAF_UNVERIFIED;
}

static bool
ca_bundle(const struct rule_ctx *c, struct match *m)
{
	const struct vantage *v = &c->run->vantage;

	(void)begin_cert(c, m, FINDING_TLS_CABUNDLE);
	fact_number(
	    m, "scts", c->r->tls.chain[0].scts + c->r->tls.stapled_scts);
	fact_number(m, "roots", v->ca_count);
	fact_set(&m->facts, "bundle",
	    v->ca_source[0] ? v->ca_source : "the system's store");
	fact_number(m, "failed", c->crowd->tls_public_unverified);
	fact_number(m, "finished", c->crowd->tls_finished);
	return true;
}

static bool
untrusted(const struct rule_ctx *c, struct match *m)
{
	const struct tls_result *tls = &c->r->tls;

	if (tls->issuer == ISSUER_PUBLIC) {
		if (tls->chain_count > 1 || c->run->vantage.ca_count == 0)
			return ca_bundle(c, m);
		(void)begin_cert(c, m, FINDING_TLS_NOINTER);
		fact_number(m, "chain_count", tls->chain_count);
		fact_set(&m->facts, "aia", tls->chain[0].aia);
	} else {
		(void)begin_cert(c, m, FINDING_TLS_MITM);
	}
	match_key(m, fact_get(&m->facts, "issuer"));
	return true;
}

static bool
wrong_name(const struct rule_ctx *c, struct match *m)
{
	(void)begin_cert(c, m, FINDING_TLS_NAME);
	if (c->r->dns.from_hosts && !c->proxied)
		fact_set(&m->facts, "hosts_file", "yes");
	if (c->proxied)
		m->owner = OWNER_PROXY;
	match_key(m, fact_get(&m->facts, "cert"));
	return true;
}

static bool
unverified(const struct rule_ctx *c, struct match *m)
{
	const struct tls_result *tls = &c->r->tls;

	if (tls->verify_code == VERIFY_SELF_SIGNED) {
		(void)begin_cert(c, m, FINDING_TLS_SELF);
		match_key(m, fact_get(&m->facts, "subject"));
		return true;
	}
	if (!tls->name_matches || tls->verify_code == VERIFY_NAME)
		return wrong_name(c, m);
	if (tls->verify_code == VERIFY_NOT_YET) {
		(void)dates(c, m, FINDING_TLS_NOTYET);
		match_key(m, "");
		return true;
	}
	if (tls->verify_code == VERIFY_EXPIRED)
		return dates(c, m, FINDING_TLS_EXPIRED);
	if (is_root_missing(tls->verify_code))
		return untrusted(c, m);
	(void)begin_cert(c, m, FINDING_TLS_BROKEN);
	fact_setf(&m->facts, "reason", "certificate: %s (code %d)",
	    tls->verify_text, tls->verify_code);
	match_key(m, fact_get(&m->facts, "reason"));
	return true;
}

bool
cause_tls_certificate(const struct rule_ctx *c, struct match *m)
{
	const struct tls_result *tls = &c->r->tls;

	if (tls->end != TLS_FINISHED || service_is_genuine(c->t, tls))
		return false;
	if (!tls->verified)
		return unverified(c, m);
	if (!tls->name_matches)
		return wrong_name(c, m);
	(void)begin_cert(c, m, FINDING_TLS_MITM_OK);
	m->reachable = TRI_UNKNOWN;
	fact_set(&m->facts, "root", tls->root);
	if (tls->issuer == ISSUER_CLAIMED)
		fact_set(&m->facts, "claimed", "yes");
	match_key(m, fact_get(&m->facts, "issuer"));
	return true;
}

bool
remark_tls_alpn(const struct rule_ctx *c, struct match *m)
{
	const struct tls_result *tls = &c->r->tls;

	/* A certificate that is not trusted is the cause, and ALPN follows. */
	if (!is_iot(c) || tls->end != TLS_FINISHED || tls->alpn[0] != '\0' ||
	    tls->alpn_offered[0] == '\0' || !tls->verified ||
	    !tls->name_matches)
		return false;
	(void)begin(c, m, FINDING_TLS_ALPN);
	fact_set(&m->facts, "offered", tls->alpn_offered);
	return true;
}
