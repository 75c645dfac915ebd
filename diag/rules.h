/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the diagnosis: what a rule is given and what it answers. A cause
 * rule says why an endpoint is not fine; the first one that fits, in the order
 * of the table in diagnosis.c, is the cause. A remark rule adds what is worth
 * saying beside it. All are pure. */
#ifndef SEKISHO_DIAG_RULES_H
#define SEKISHO_DIAG_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "diagnosis.h"
#include "finding.h"
#include "result.h"

/* What the endpoints have in common; some causes show only in a crowd. */
struct crowd {
	size_t tls_finished;          /* certificates seen, of listed hosts */
	size_t tls_public_unverified; /* public CA, and yet not verified */
	bool connect_443_passed[PLAN_PATHS_MAX];
};

struct rule_ctx {
	const struct run *run;
	const struct endpoint_result *r;
	const struct target *t;
	const struct path *path;
	bool proxied;
	const struct crowd *crowd;
};

/* One hit. Same id, path, severity and key: same finding. */
struct match {
	enum finding_id id;
	enum severity severity;
	enum owner owner;
	enum phase phase;
	enum tri reachable; /* of a cause: what is known in spite of it */
	char key[192];
	struct facts facts;
};

typedef bool (*rule_fn)(const struct rule_ctx *c, struct match *m);

/* Sets id, its severity and owner, TRI_NO, and the facts that all findings
 * have. */
void match_begin(struct match *m, const struct rule_ctx *c, enum finding_id id);
void match_key(struct match *m, const char *key);

/* Facts in one spelling: milliseconds, "Connection refused (ECONNREFUSED,
 * 111)", HTTP times, addresses with port. */
void fact_ms(struct match *m, const char *key, uint64_t ns);
void fact_errno(struct match *m, const char *key, int err);
void fact_number(struct match *m, const char *key, uint64_t n);
void fact_endpoint(
    struct match *m, const char *key, const struct ip_endpoint *e);
void fact_utc(struct match *m, const char *key, int64_t unix_s);
/* The first bytes of what a peer sent, on one line, at most 80 of them. */
void fact_bytes(
    struct match *m, const char *key, const char *bytes, size_t count);
/* How long a phase took. */
void fact_phase_ms(struct match *m, const struct phase_time *t);
/* issuer, cert, subject, vendor … of the leaf. */
void fact_cert(struct match *m, const struct tls_result *tls);

/* Where the first connection of the endpoint went (or was tried); NULL when
 * there was none. */
const struct tcp_attempt *main_attempt(const struct tcp_result *tcp);

/* No descriptor was left here: nothing was sent, so nobody is to blame. */
bool is_own_shortage(int err);

/* Any answer of this question list with addresses? */
bool dns_has_answer(const struct dns_result *d);
/* The question that tells most about a failure; never NULL. */
const struct dns_query *dns_telling(const struct dns_result *d);

/* Causes. */
bool cause_dns_zero(const struct rule_ctx *c, struct match *m);
bool cause_dns_cname(const struct rule_ctx *c, struct match *m);
bool cause_dns_failed(const struct rule_ctx *c, struct match *m);
bool cause_dns_page(const struct rule_ctx *c, struct match *m);
bool cause_dns_private(const struct rule_ctx *c, struct match *m);
bool cause_tcp(const struct rule_ctx *c, struct match *m);
bool cause_proxy_name(const struct rule_ctx *c, struct match *m);
bool cause_proxy_connect(const struct rule_ctx *c, struct match *m);
bool cause_proxy_answer(const struct rule_ctx *c, struct match *m);
bool cause_proxy_page(const struct rule_ctx *c, struct match *m);
bool cause_tls_handshake(const struct rule_ctx *c, struct match *m);
bool cause_tls_client(const struct rule_ctx *c, struct match *m);
bool cause_tls_certificate(const struct rule_ctx *c, struct match *m);
bool cause_http_key(const struct rule_ctx *c, struct match *m);
bool cause_http_answer(const struct rule_ctx *c, struct match *m);
bool cause_http_failed(const struct rule_ctx *c, struct match *m);
bool cause_http_deep(const struct rule_ctx *c, struct match *m);
bool cause_webhook_tcp(const struct rule_ctx *c, struct match *m);
bool cause_webhook_certificate(const struct rule_ctx *c, struct match *m);
bool cause_cut(const struct rule_ctx *c, struct match *m);

/* Remarks about one endpoint. */
bool remark_dns_search(const struct rule_ctx *c, struct match *m);
bool remark_dns_flap(const struct rule_ctx *c, struct match *m);
bool remark_dns_proxyonly(const struct rule_ctx *c, struct match *m);
bool remark_dns_no_aaaa(const struct rule_ctx *c, struct match *m);
bool remark_dns_private_fine(const struct rule_ctx *c, struct match *m);
bool remark_tcp_v6(const struct rule_ctx *c, struct match *m);
bool remark_bypass(const struct rule_ctx *c, struct match *m);
bool remark_go_differs(const struct rule_ctx *c, struct match *m);
bool remark_tls_alpn(const struct rule_ctx *c, struct match *m);
bool remark_http_key(const struct rule_ctx *c, struct match *m);
bool remark_http_key_held(const struct rule_ctx *c, struct match *m);
bool remark_http_nokey(const struct rule_ctx *c, struct match *m);
bool remark_http_s3(const struct rule_ctx *c, struct match *m);
bool remark_http_skew(const struct rule_ctx *c, struct match *m);
bool remark_http_idle(const struct rule_ctx *c, struct match *m);
bool remark_webhook(const struct rule_ctx *c, struct match *m);
bool remark_trips(const struct rule_ctx *c, struct match *m);

/* Remarks about the run as a whole (the target of c is NULL): index counts from
 * 0 to remark_run_count() - 1. */
size_t remark_run_count(const struct run *run);
bool remark_run(const struct rule_ctx *c, size_t index, struct match *m);

#endif
