/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "core/text.h"

void
match_begin(struct match *m, const struct rule_ctx *c, enum finding_id id)
{
	const struct finding_text *text = finding_text(id);
	const struct vantage *v = &c->run->vantage;

	*m = (struct match){.id = id,
	    .severity = text->severity,
	    .owner = text->owner,
	    .reachable = TRI_NO};
	if (c->t != NULL) {
		fact_set(&m->facts, "host", c->t->at.host.text);
		fact_number(m, "port", c->t->at.port);
		fact_setf(&m->facts, "at", "%s:%u", c->t->at.host.text,
		    (unsigned)c->t->at.port);
	}
	if (c->proxied) {
		const struct proxy_url *u = &c->path->proxy;
		bool v6 = strchr(u->host, ':') != NULL;

		fact_setf(&m->facts, "proxy", v6 ? "[%s]:%u" : "%s:%u", u->host,
		    (unsigned)u->port);
		fact_set(&m->facts, "via_proxy", c->path->label);
	}
	fact_set(&m->facts, "source", v->source_addr);
	if (v->in_pod) {
		fact_set(&m->facts, "pod", v->pod[0] ? v->pod : "this pod");
		fact_set(&m->facts, "namespace",
		    v->pod_namespace[0] ? v->pod_namespace : "NAMESPACE");
	}
}

void
match_key(struct match *m, const char *key)
{
	(void)snprintf(m->key, sizeof(m->key), "%s", key);
}

void
fact_ms(struct match *m, const char *key, uint64_t ns)
{
	uint64_t tenths = ns / 100000;

	if (tenths < 100)
		fact_setf(&m->facts, key, "%u.%u", (unsigned)(tenths / 10),
		    (unsigned)(tenths % 10));
	else
		fact_setf(
		    &m->facts, key, "%llu", (unsigned long long)(tenths / 10));
}

void
fact_phase_ms(struct match *m, const struct phase_time *t)
{
	fact_ms(m, "ms",
	    t->end_at_ns > t->start_at_ns ? t->end_at_ns - t->start_at_ns : 0);
}

void
fact_errno(struct match *m, const char *key, int err)
{
	const char *words = strerrordesc_np(err);
	const char *name = strerrorname_np(err);

	fact_setf(&m->facts, key, "%s (%s, %d)", words ? words : "error",
	    name ? name : "unknown", err);
}

void
fact_number(struct match *m, const char *key, uint64_t n)
{
	fact_setf(&m->facts, key, "%llu", (unsigned long long)n);
}

void
fact_endpoint(struct match *m, const char *key, const struct ip_endpoint *e)
{
	char buf[IP_ENDPOINT_TEXT_MAX + 1];

	if (e->addr.family == IP_NONE)
		return;
	(void)ip_endpoint_format(e, buf);
	fact_set(&m->facts, key, buf);
}

void
fact_utc(struct match *m, const char *key, int64_t unix_s)
{
	time_t t = (time_t)unix_s;
	struct tm tm;
	char buf[64];

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return;
	fact_set(&m->facts, key, buf);
}

void
fact_bytes(struct match *m, const char *key, const char *bytes, size_t count)
{
	char buf[81];
	size_t n = count < sizeof(buf) - 1 ? count : sizeof(buf) - 1;

	memcpy(buf, bytes, n);
	for (size_t i = 0; i < n; i++) {
		if (buf[i] == '\0')
			buf[i] = '.';
	}
	buf[n] = '\0';
	fact_set(&m->facts, key, buf);
}

void
fact_cert(struct match *m, const struct tls_result *tls)
{
	const struct cert_summary *leaf = &tls->chain[0];

	if (tls->chain_count == 0)
		return;
	fact_set(&m->facts, "issuer",
	    leaf->issuer_cn[0] ? leaf->issuer_cn : leaf->issuer);
	fact_setf(&m->facts, "cert", "%.120s",
	    leaf->names[0] ? leaf->names : leaf->subject);
	fact_set(&m->facts, "vendor", tls->vendor);
}

const struct tcp_attempt *
main_attempt(const struct tcp_result *tcp)
{
	const struct tcp_attempt *best = NULL;

	if (tcp->used >= 0 && (size_t)tcp->used < tcp->attempt_count)
		return &tcp->attempts[tcp->used];
	/* IPv4 tells more: IPv6 fails wherever it is not set up. */
	for (size_t i = 0; i < tcp->attempt_count; i++) {
		const struct tcp_attempt *a = &tcp->attempts[i];

		if (a->end == TCP_NOT_TRIED || a->end == TCP_SKIPPED)
			continue;
		if (best == NULL || (best->to.addr.family == IP_V6 &&
					a->to.addr.family == IP_V4))
			best = a;
	}
	return best;
}

bool
is_own_shortage(int err)
{
	return err == EMFILE || err == ENFILE;
}
