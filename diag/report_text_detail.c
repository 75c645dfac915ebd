/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "core/text.h"
#include "report_text.h"

enum {
	DETAIL_MAX = 2048,
};

static void
write_line(const struct text_report *r, const char *label, struct text *line)
{
	const struct page *p = &r->page;
	size_t columns = page_columns(p, label);

	if (line->len == 0)
		return;
	page_pad(p, 0, 4);
	page_ink(p, INK_DIM, label);
	page_pad(p, columns, 6);
	page_wrap(p, columns > 6 ? columns + 4 : 10, 10, text_end(line));
}

static void
add(struct text *out, const char *before, const char *value)
{
	if (value[0] == '\0')
		return;
	text_str(out, before);
	text_str(out, value);
}

static void
add_addr(struct text *out, const char *before, const struct ip_endpoint *at)
{
	char addr[IP_ENDPOINT_TEXT_MAX + 1];

	if (at->addr.family == IP_NONE)
		return;
	(void)ip_endpoint_format(at, addr);
	add(out, before, addr);
}

static void
write_query(
    const struct text_report *r, const char *label, const struct dns_query *q)
{
	char buf[DETAIL_MAX], addr[IPADDR_TEXT_MAX + 1];
	struct text out = text_in(buf, sizeof(buf));

	if (q->status == DNS_NOT_ASKED)
		return;
	text_str(&out, dns_status_str(q->status));
	for (size_t i = 0; i < q->answer_count; i++) {
		(void)ipaddr_format(&q->answers[i].addr, addr);
		add(&out, " ", addr);
		text_str(&out, " (");
		text_u64(&out, q->answers[i].ttl_s);
		text_str(&out, " s)");
	}
	for (size_t i = 0; i < q->chain_count; i++)
		add(&out, i == 0 ? " CNAME " : " ", q->chain[i]);
	add(&out, "; EDE ", q->ede_text);
	add_addr(&out, "; ", &q->server);
	text_str(&out, ", ");
	text_ms(&out, q->time_ns / 1000 * 1000);
	text_str(&out, " ms");
	write_line(r, label, &out);
}

static void
write_attempts(const struct text_report *r, const struct tcp_result *t)
{
	for (size_t i = 0; i < t->attempt_count; i++) {
		const struct tcp_attempt *a = &t->attempts[i];
		char buf[DETAIL_MAX];
		struct text out = text_in(buf, sizeof(buf));

		add_addr(&out, "", &a->to);
		add(&out, " ", tcp_end_str(a->end));
		add(&out, " ", a->err ? strerrorname_np(a->err) : "");
		add_addr(&out, " from ", &a->from);
		text_str(&out, ", ");
		text_ms(&out, a->time_ns / 1000 * 1000);
		text_str(&out, " ms");
		if (a->figures.known) {
			text_str(&out, ", unacked ");
			text_u64(&out, a->figures.unacked);
			text_str(&out, ", retransmits ");
			text_u64(&out, a->figures.retransmits);
		}
		write_line(r, "TCP", &out);
	}
}

static void
write_proxy(const struct text_report *r, const struct proxy_result *x)
{
	char buf[DETAIL_MAX];
	struct text out = text_in(buf, sizeof(buf));

	if (x->end == PROXY_NOT_TRIED)
		return;
	text_str(&out, proxy_end_str(x->end));
	if (x->status > 0) {
		text_char(&out, ' ');
		text_u64(&out, (uint64_t)x->status);
	}
	add(&out, " ", x->reason);
	add(&out, "; Proxy-Status: ", x->proxy_status);
	add(&out, "; Via: ", x->via);
	add(&out, "; Server: ", x->server);
	write_line(r, "PROXY", &out);
}

static void
add_date(struct text *out, const char *before, int64_t unix_s)
{
	char buf[40];
	struct text date = text_in(buf, sizeof(buf));

	text_time(&date, unix_s > 0 ? (uint64_t)unix_s * 1000000000U : 0);
	text_str(out, before);
	text_add(out, span_of(buf, date.len > 10 ? 10 : date.len));
}

static void
write_chain(const struct text_report *r, const struct tls_result *t)
{
	for (size_t i = 0; i < t->chain_count; i++) {
		const struct cert_summary *c = &t->chain[i];
		char buf[DETAIL_MAX];
		struct text out = text_in(buf, sizeof(buf));

		text_u64(&out, i);
		add(&out, " ", c->subject);
		add(&out, "; issuer ", c->issuer);
		add_date(&out, "; ", c->not_before);
		add_date(&out, " to ", c->not_after);
		add(&out, "; ", c->key);
		text_str(&out, "; SCTs ");
		text_u64(&out, c->scts);
		add(&out, "; SHA-256 ", c->sha256);
		write_line(r, "cert", &out);
	}
}

static void
write_tls(const struct text_report *r, const struct tls_result *t)
{
	char buf[DETAIL_MAX];
	struct text out = text_in(buf, sizeof(buf));

	if (t->end == TLS_NOT_TRIED)
		return;
	text_str(&out, tls_end_str(t->end));
	add(&out, " ", t->version);
	add(&out, " ", t->cipher);
	add(&out, " ", t->group);
	add(&out, " ALPN ", t->alpn);
	add(&out, "; alert ", t->alert_name);
	add(&out, "; ", t->reason);
	if (t->chain_count > 0)
		add(&out, "; ", t->verified ? "verified" : t->verify_text);
	if (t->chain_count > 0 && !t->name_matches)
		text_str(&out, ", wrong name");
	add(&out, "; root ", t->root);
	write_line(r, "TLS", &out);
	write_chain(r, t);
}

static void
write_http(const struct text_report *r, const struct http_result *h)
{
	char buf[DETAIL_MAX];
	struct text out = text_in(buf, sizeof(buf));

	if (h->end == HTTP_NOT_TRIED)
		return;
	add(&out, "", h->method);
	add(&out, " ", h->path);
	add(&out, ": ", http_end_str(h->end));
	if (h->status > 0) {
		text_char(&out, ' ');
		text_u64(&out, (uint64_t)h->status);
	}
	add(&out, " ", h->content_type);
	add(&out, "; Server: ", h->server);
	add(&out, "; Via: ", h->via);
	add(&out, "; Location: ", h->location);
	add(&out, "; title: ", h->title);
	add(&out, "; ", h->curl_text);
	write_line(r, "HTTP", &out);
}

void
report_text_details(const struct text_report *r)
{
	page_heading(&r->page, WORD_DETAILS);
	for (size_t i = 0; i < r->run->endpoint_count; i++) {
		const struct endpoint_result *e = &r->run->endpoints[i];
		char name[REPORT_NAME_MAX];

		page_pad(&r->page, 0, 2);
		page_ink(&r->page, INK_BOLD, report_name(e->target, name));
		(void)fputc('\n', r->page.out);
		write_query(r, "A", &e->dns.a);
		write_query(r, "AAAA", &e->dns.aaaa);
		write_attempts(r, &e->tcp);
		write_proxy(r, &e->proxy);
		write_tls(r, &e->tls);
		write_http(r, &e->http);
	}
}
