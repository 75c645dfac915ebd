/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "core/text.h"
#include "rules.h"
#include "service.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* CNAME targets and labels of DNS security products' block pages. */
static const char *const block_suffixes[] = {"sinkhole.paloaltonetworks.com",
    "block.opendns.com", "phish.opendns.com", "malware.opendns.com",
    "hit-block.opendns.com", "blocked.netskope.com", "block.dnsfilter.com",
    "blockpage.fortinet.com", "fortiguard.net", "block.a.id.opendns.com",
    "rpz.switch.ch", "blocked.nextdns.io", "walledgarden.infoblox.com"};
static const char *const block_words[] = {
    "sinkhole", "blockpage", "block-page", "walledgarden", "rpz-block"};

bool
dns_has_answer(const struct dns_result *d)
{
	return d->literal || d->a.answer_count + d->aaaa.answer_count > 0;
}

/* Which failure to tell when the two families failed differently: the one
 * that a person can act on. */
static unsigned
telling_rank(enum dns_status s)
{
	switch (s) {
	case DNS_NOT_ASKED:
		return 0;
	case DNS_NODATA:
		return 1;
	case DNS_OTHER_RCODE:
		return 2;
	case DNS_TIMEOUT:
		return 3;
	case DNS_MALFORMED:
		return 4;
	case DNS_DOWN:
		return 5;
	case DNS_TCP_BLOCKED:
		return 6;
	case DNS_SERVFAIL:
		return 7;
	case DNS_REFUSED:
		return 8;
	case DNS_NXDOMAIN:
		return 9;
	case DNS_ANSWER:
		return 10;
	}
	return 0;
}

const struct dns_query *
dns_telling(const struct dns_result *d)
{
	return telling_rank(d->aaaa.status) > telling_rank(d->a.status)
		   ? &d->aaaa
		   : &d->a;
}

static const struct dns_answer *
first_answer(const struct dns_result *d)
{
	if (d->a.answer_count > 0)
		return &d->a.answers[0];
	return d->aaaa.answer_count > 0 ? &d->aaaa.answers[0] : NULL;
}

/* server, and server_addr as dig(1) takes it behind the @. */
static void
fact_server(struct match *m, const struct dns_query *q)
{
	char addr[IPADDR_TEXT_MAX + 1];

	if (q->server.addr.family == IP_NONE) {
		fact_set(&m->facts, "server", "the resolver");
		fact_set(&m->facts, "server_addr", "RESOLVER");
		return;
	}
	(void)ipaddr_format(&q->server.addr, addr);
	fact_endpoint(m, "server", &q->server);
	if (q->server.port == 53)
		fact_set(&m->facts, "server_addr", addr);
	else
		fact_setf(&m->facts, "server_addr", "%s -p %u", addr,
		    (unsigned)q->server.port);
}

static void
fact_addr(struct match *m, const char *key, const struct dns_answer *a)
{
	char addr[IPADDR_TEXT_MAX + 1];

	(void)ipaddr_format(&a->addr, addr);
	fact_set(&m->facts, key, addr);
}

static void
fact_chain(struct match *m, const struct dns_query *q)
{
	char chain[FACT_MAX];
	struct text out = text_in(chain, sizeof(chain));

	for (size_t i = 0; i < q->chain_count; i++) {
		text_str(&out, i > 0 ? " -> " : "");
		text_str(&out, q->chain[i]);
	}
	fact_set(&m->facts, "chain", text_end(&out));
}

/* The zones that must be forwarded for this host. */
static void
fact_zones(struct match *m, const char *host)
{
	static const char *const zones[] = {"cloudone.trendmicro.com",
	    "deepsecurity.trendmicro.com", "amazonaws.com", "public.ecr.aws",
	    "cloudfront.net"};
	struct hostname name;

	fact_set(&m->facts, "zones", host);
	if (hostname_parse(&name, span_str(host)) != HOSTNAME_NAME)
		return;
	for (size_t i = 0; i < COUNT(zones); i++) {
		if (hostname_is_below(&name, span_str(zones[i])))
			fact_set(&m->facts, "zones", zones[i]);
	}
}

static void
fact_servers(struct match *m, const struct rule_ctx *c)
{
	char list[FACT_MAX], one[IP_ENDPOINT_TEXT_MAX + 1];
	struct text out = text_in(list, sizeof(list));

	for (size_t i = 0; i < c->run->vantage.resolver_count; i++) {
		(void)ip_endpoint_format(&c->run->vantage.resolvers[i], one);
		text_str(&out, i > 0 ? ", " : "");
		text_str(&out, one);
	}
	fact_set(&m->facts, "servers", text_end(&out));
	if (out.len == 0)
		fact_set(&m->facts, "servers", fact_get(&m->facts, "server"));
}

static bool
is_zero(const struct ipaddr *a)
{
	if (a->family == IP_V4)
		return a->bytes[0] == 0;
	for (size_t i = 0; i < 16; i++) {
		if (a->bytes[i] != 0)
			return false;
	}
	return true;
}

static const struct dns_answer *
find_zero(const struct dns_query *q)
{
	for (size_t i = 0; i < q->answer_count; i++) {
		if (is_zero(&q->answers[i].addr))
			return &q->answers[i];
	}
	return NULL;
}

bool
cause_dns_zero(const struct rule_ctx *c, struct match *m)
{
	const struct dns_result *d = &c->r->dns;
	const struct dns_query *q = &d->a;
	const struct dns_answer *zero = find_zero(q);

	if (zero == NULL) {
		q = &d->aaaa;
		zero = find_zero(q);
	}
	if (c->proxied || d->literal || zero == NULL)
		return false;
	match_begin(m, c, FINDING_DNS_ZERO);
	fact_server(m, q);
	fact_addr(m, "addr", zero);
	fact_number(m, "ttl", zero->ttl_s);
	match_key(m, fact_get(&m->facts, "server"));
	return true;
}

static bool
holds_nocase(const char *text, const char *part)
{
	return strcasestr(text, part) != NULL;
}

static bool
is_block_target(const char *name)
{
	struct hostname host;

	for (size_t i = 0; i < COUNT(block_words); i++) {
		if (holds_nocase(name, block_words[i]))
			return true;
	}
	if (hostname_parse(&host, span_str(name)) != HOSTNAME_NAME)
		return false;
	for (size_t i = 0; i < COUNT(block_suffixes); i++) {
		if (strcmp(host.text, block_suffixes[i]) == 0 ||
		    hostname_is_below(&host, span_str(block_suffixes[i])))
			return true;
	}
	return false;
}

bool
cause_dns_cname(const struct rule_ctx *c, struct match *m)
{
	const struct dns_query *q = dns_telling(&c->r->dns);

	if (c->proxied)
		return false;
	for (size_t i = 0; i < q->chain_count; i++) {
		if (!is_block_target(q->chain[i]))
			continue;
		match_begin(m, c, FINDING_DNS_CNAME);
		fact_server(m, q);
		fact_chain(m, q);
		fact_set(&m->facts, "target", q->chain[i]);
		match_key(m, q->chain[i]);
		return true;
	}
	return false;
}

static enum finding_id
failed_id(enum dns_status s)
{
	switch (s) {
	case DNS_NXDOMAIN:
		return FINDING_DNS_NX;
	case DNS_SERVFAIL:
		return FINDING_DNS_SERVFAIL;
	case DNS_REFUSED:
		return FINDING_DNS_REFUSED;
	case DNS_OTHER_RCODE:
		return FINDING_DNS_RCODE;
	case DNS_TIMEOUT:
		return FINDING_DNS_TIMEOUT;
	case DNS_DOWN:
		return FINDING_DNS_DOWN;
	case DNS_TCP_BLOCKED:
		return FINDING_DNS_TCP;
	case DNS_MALFORMED:
		return FINDING_DNS_BAD;
	case DNS_NODATA:
	case DNS_NOT_ASKED:
	case DNS_ANSWER:
		break;
	}
	return FINDING_DNS_NODATA;
}

bool
cause_dns_failed(const struct rule_ctx *c, struct match *m)
{
	const struct dns_result *d = &c->r->dns;
	const struct dns_query *q = dns_telling(d);

	if (c->proxied || dns_has_answer(d) || q->status == DNS_NOT_ASKED ||
	    (q->status == DNS_DOWN && is_own_shortage(q->err)))
		return false;
	match_begin(m, c, failed_id(q->status));
	fact_server(m, q);
	fact_servers(m, c);
	fact_zones(m, c->t->at.host.text);
	fact_ms(m, "ms", q->time_ns);
	fact_number(m, "rcode", q->rcode);
	fact_number(m, "tries", q->tries);
	fact_chain(m, q);
	if (q->over_tcp)
		fact_set(&m->facts, "tcp", "yes");
	fact_errno(m, "errno", q->err ? q->err : 110);
	if (q->has_ede)
		fact_setf(&m->facts, "ede", "%u %s", (unsigned)q->ede_code,
		    q->ede_text);
	fact_set(&m->facts, "cd", q->cd_works ? "yes" : "");
	fact_set(&m->facts, "plain", q->plain_works ? "yes" : "");
	match_key(m, fact_get(&m->facts, "server"));
	return true;
}

/* How many other names resolve to the same first address. */
static size_t
sharing(const struct rule_ctx *c, const struct ipaddr *addr)
{
	size_t n = 0;

	for (size_t i = 0; i < c->run->endpoint_count; i++) {
		const struct endpoint_result *r = &c->run->endpoints[i];
		const struct dns_answer *a = first_answer(&r->dns);

		if (r == c->r || a == NULL || r->target->path != c->t->path)
			continue;
		n += ipaddr_equal(&a->addr, addr) &&
		     strcmp(r->dns.name, c->r->dns.name) != 0;
	}
	return n;
}

static bool
is_page(const struct http_result *h)
{
	return h->end == HTTP_ANSWER && h->amz_request_id[0] == '\0' &&
	       (strcasestr(h->content_type, "text/html") ||
		   (h->status >= 300 && h->status < 400));
}

bool
cause_dns_page(const struct rule_ctx *c, struct match *m)
{
	const struct dns_answer *a = first_answer(&c->r->dns);
	const struct tls_result *tls = &c->r->tls;
	size_t shared;

	if (c->proxied || c->r->dns.literal || c->r->dns.from_hosts ||
	    a == NULL || tls->end != TLS_FINISHED || tls->name_matches)
		return false;
	shared = sharing(c, &a->addr);
	if (shared == 0 && !is_page(&c->r->http))
		return false;
	match_begin(m, c, FINDING_DNS_PAGE);
	fact_server(m, dns_telling(&c->r->dns));
	fact_addr(m, "addr", a);
	if (shared > 0)
		fact_number(m, "shared", shared);
	fact_cert(m, tls);
	if (c->r->http.end == HTTP_ANSWER)
		fact_number(m, "status", (uint64_t)c->r->http.status);
	fact_set(&m->facts, "title", c->r->http.title);
	match_key(m, fact_get(&m->facts, "addr"));
	return true;
}

/* The special range that the addresses lie in, if all do; else NULL. */
static const char *
private_range(const struct dns_result *d)
{
	const struct dns_answer *a = first_answer(d);
	const struct dns_query *both[] = {&d->a, &d->aaaa};

	if (d->literal || a == NULL)
		return NULL;
	for (size_t q = 0; q < 2; q++) {
		for (size_t i = 0; i < both[q]->answer_count; i++) {
			if (!ipaddr_special(&both[q]->answers[i].addr))
				return NULL;
		}
	}
	return ipaddr_special(&a->addr);
}

static void
private_facts(const struct rule_ctx *c, struct match *m)
{
	const struct dns_answer *a = first_answer(&c->r->dns);

	fact_server(m, dns_telling(&c->r->dns));
	if (c->r->dns.from_hosts)
		fact_set(&m->facts, "server", "/etc/hosts");
	fact_addr(m, "addr", a);
	fact_set(&m->facts, "range", private_range(&c->r->dns));
	fact_cert(m, &c->r->tls);
}

bool
cause_dns_private(const struct rule_ctx *c, struct match *m)
{
	const struct tcp_attempt *tcp = main_attempt(&c->r->tcp);

	if (c->proxied || !c->t->expect_public ||
	    private_range(&c->r->dns) == NULL ||
	    service_is_genuine(c->t, &c->r->tls))
		return false;
	/* Still at work: the certificate will tell. */
	if (c->r->tcp.time.end == PHASE_NOT_RUN ||
	    c->r->tcp.time.end == PHASE_INTERRUPTED ||
	    c->r->tls.time.end == PHASE_INTERRUPTED)
		return false;
	/* A private address with a certificate of a trusted inspector, or one
	 * with the right name: somebody inspects, DNS is not to blame. */
	if (c->r->tls.end == TLS_FINISHED && c->r->tls.name_matches)
		return false;
	match_begin(m, c, FINDING_DNS_PRIV);
	private_facts(c, m);
	if (tcp != NULL && tcp->end != TCP_OPEN)
		fact_set(&m->facts, "tcp_end", tcp_end_str(tcp->end));
	match_key(m, fact_get(&m->facts, "server"));
	return true;
}

bool
remark_dns_private_fine(const struct rule_ctx *c, struct match *m)
{
	if (c->proxied || !c->t->expect_public ||
	    private_range(&c->r->dns) == NULL ||
	    !service_is_genuine(c->t, &c->r->tls))
		return false;
	match_begin(m, c, FINDING_DNS_PRIV);
	m->severity = SEVERITY_INFO;
	m->owner = OWNER_NONE;
	private_facts(c, m);
	fact_set(&m->facts, "cert", "");
	fact_set(&m->facts, "fine", "yes");
	return true;
}

bool
remark_dns_search(const struct rule_ctx *c, struct match *m)
{
	const struct dns_search *s = &c->r->dns.search;

	if (!s->asked || (s->hit[0] == '\0' && s->misses < 3))
		return false;
	match_begin(m, c, FINDING_DNS_SEARCH);
	fact_number(m, "ndots", s->ndots);
	fact_number(m, "misses", s->misses);
	fact_ms(m, "ms", s->time_ns);
	m->severity = SEVERITY_INFO;
	if (s->hit[0] != '\0') {
		char addr[IPADDR_TEXT_MAX + 1];

		m->severity = SEVERITY_WARNING;
		(void)ipaddr_format(&s->hit_addr, addr);
		fact_set(&m->facts, "hit", s->hit);
		fact_set(&m->facts, "addr", addr);
	}
	return true;
}

static bool
holds_addr(
    const struct dns_answer *list, size_t count, const struct ipaddr *addr)
{
	for (size_t i = 0; i < count; i++) {
		if (ipaddr_equal(&list[i].addr, addr))
			return true;
	}
	return false;
}

bool
remark_dns_flap(const struct rule_ctx *c, struct match *m)
{
	const struct dns_result *d = &c->r->dns;

	if (c->proxied || d->again_count == 0 || d->a.answer_count == 0)
		return false;
	for (size_t i = 0; i < d->again_count; i++) {
		if (holds_addr(
			d->a.answers, d->a.answer_count, &d->again[i].addr))
			return false;
	}
	match_begin(m, c, FINDING_DNS_FLAP);
	fact_addr(m, "addr", &d->a.answers[0]);
	fact_number(m, "ttl", d->a.answers[0].ttl_s);
	fact_addr(m, "again", &d->again[0]);
	fact_ms(m, "ms", d->again_after_ns);
	return true;
}

bool
remark_dns_proxyonly(const struct rule_ctx *c, struct match *m)
{
	const struct dns_result *own = &c->r->own_dns;
	const struct dns_query *q = dns_telling(own);

	if (!c->proxied || c->r->proxy.end != PROXY_TUNNEL ||
	    q->status == DNS_NOT_ASKED || dns_has_answer(own))
		return false;
	match_begin(m, c, FINDING_DNS_PROXYONLY);
	fact_set(&m->facts, "status", dns_status_str(q->status));
	return true;
}

bool
remark_dns_no_aaaa(const struct rule_ctx *c, struct match *m)
{
	const struct dns_result *d = &c->r->dns;

	if (c->proxied || d->from_hosts || d->a.status != DNS_ANSWER ||
	    d->aaaa.status != DNS_NODATA)
		return false;
	match_begin(m, c, FINDING_DNS_NO_AAAA);
	return true;
}

bool
cause_proxy_name(const struct rule_ctx *c, struct match *m)
{
	const struct dns_result *d = &c->r->dns;
	const struct dns_query *q = dns_telling(d);

	if (!c->proxied || dns_has_answer(d) || q->status == DNS_NOT_ASKED ||
	    (q->status == DNS_DOWN && is_own_shortage(q->err)))
		return false;
	match_begin(m, c, FINDING_PX_NAME);
	fact_server(m, q);
	fact_set(&m->facts, "proxy_host", c->path->proxy.host);
	fact_number(m, "proxy_port", c->path->proxy.port);
	fact_set(&m->facts, "setting", c->path->source);
	fact_set(&m->facts, "status", dns_status_str(q->status));
	fact_ms(m, "ms", q->time_ns);
	return true;
}
