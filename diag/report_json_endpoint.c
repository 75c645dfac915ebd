/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "report_json.h"
#include "report_stats.h"

/* ---- what every phase has ---- */

static void
write_phase(struct json_out *j, const struct phase_time *t, enum cell cell)
{
	json_str(j, "state", cell_str(cell));
	json_str(j, "end", phase_end_str(t->end));
	if (t->end == PHASE_NOT_RUN)
		return;
	json_ms(j, "start_ms", t->start_at_ns);
	json_ms(j, "time_ms", phase_time_ns(t));
}

static void
write_errno(struct json_out *j, int err)
{
	const char *name = err ? strerrorname_np(err) : NULL;

	if (err != 0)
		json_str(j, "errno", name ? name : "unknown");
}

static void
write_figures(struct json_out *j, const struct tcp_figures *f)
{
	if (!f->known)
		return;
	json_open(j, "tcp_info", '{');
	json_u64(j, "unacked", f->unacked);
	json_u64(j, "retransmits", f->retransmits);
	json_u64(j, "total_retransmits", f->total_retrans);
	json_ms(j, "rtt_ms", (uint64_t)f->rtt_us * 1000);
	json_u64(j, "mss", f->mss);
	json_u64(j, "pmtu", f->pmtu);
	json_u64(j, "bytes_sent", f->bytes_sent);
	json_u64(j, "bytes_acked", f->bytes_acked);
	json_u64(j, "bytes_received", f->bytes_received);
	json_close(j, '}');
}

/* ---- dns ---- */

static void
write_answers(struct json_out *j, const char *key,
    const struct dns_answer *answers, size_t count)
{
	json_open(j, key, '[');
	for (size_t i = 0; i < count; i++) {
		char addr[IPADDR_TEXT_MAX + 1];

		(void)ipaddr_format(&answers[i].addr, addr);
		json_open(j, NULL, '{');
		json_str(j, "address", addr);
		json_u64(j, "ttl_s", answers[i].ttl_s);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void
write_query(struct json_out *j, const char *key, const struct dns_query *q)
{
	if (q->status == DNS_NOT_ASKED)
		return;
	json_open(j, key, '{');
	json_str(j, "status", dns_status_str(q->status));
	json_u64(j, "rcode", q->rcode);
	json_endpoint(j, "server", &q->server);
	json_bool(j, "over_tcp", q->over_tcp);
	json_u64(j, "tries", q->tries);
	json_ms(j, "time_ms", q->time_ns);
	write_errno(j, q->err);
	write_answers(j, "answers", q->answers, q->answer_count);
	json_open(j, "cname_chain", '[');
	for (size_t i = 0; i < q->chain_count; i++)
		json_str(j, NULL, q->chain[i]);
	json_close(j, ']');
	if (q->has_ede) {
		json_open(j, "extended_error", '{');
		json_u64(j, "code", q->ede_code);
		json_str(j, "text", q->ede_text);
		json_close(j, '}');
	}
	json_close(j, '}');
}

static void
write_search(struct json_out *j, const struct dns_search *s)
{
	char addr[IPADDR_TEXT_MAX + 1];

	if (!s->asked)
		return;
	json_open(j, "search", '{');
	json_u64(j, "ndots", s->ndots);
	json_u64(j, "misses", s->misses);
	json_ms(j, "time_ms", s->time_ns);
	if (s->hit[0] != '\0') {
		(void)ipaddr_format(&s->hit_addr, addr);
		json_str(j, "hit", s->hit);
		json_str(j, "hit_address", addr);
	}
	json_close(j, '}');
}

static void
write_dns(struct json_out *j, const char *key, const struct dns_result *d,
    enum cell cell)
{
	json_open(j, key, '{');
	write_phase(j, &d->time, cell);
	json_text(j, "name", d->name);
	if (d->literal)
		json_bool(j, "literal", true);
	if (d->from_hosts)
		json_bool(j, "from_hosts_file", true);
	write_query(j, "a", &d->a);
	write_query(j, "aaaa", &d->aaaa);
	write_search(j, &d->search);
	if (d->again_count > 0)
		write_answers(j, "again", d->again, d->again_count);
	json_close(j, '}');
}

/* ---- tcp ---- */

static void
write_tcp(struct json_out *j, const struct tcp_result *t, enum cell cell)
{
	json_open(j, "tcp", '{');
	write_phase(j, &t->time, cell);
	json_open(j, "attempts", '[');
	for (size_t i = 0; i < t->attempt_count; i++) {
		const struct tcp_attempt *a = &t->attempts[i];

		json_open(j, NULL, '{');
		json_endpoint(j, "to", &a->to);
		json_endpoint(j, "from", &a->from);
		json_str(j, "end", tcp_end_str(a->end));
		write_errno(j, a->err);
		json_ms(j, "start_ms", a->start_at_ns);
		json_ms(j, "time_ms", a->time_ns);
		json_bool(j, "used", t->used >= 0 && (size_t)t->used == i);
		write_figures(j, &a->figures);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
}

/* ---- tls ---- */

static void
write_cert(struct json_out *j, const struct cert_summary *c)
{
	json_open(j, NULL, '{');
	json_str(j, "subject", c->subject);
	json_str(j, "issuer", c->issuer);
	json_text(j, "names", c->names);
	json_date(j, "not_before", c->not_before);
	json_date(j, "not_after", c->not_after);
	json_text(j, "key", c->key);
	json_text(j, "signature", c->signature);
	json_text(j, "sha256", c->sha256);
	json_u64(j, "scts", c->scts);
	json_close(j, '}');
}

static void
write_chain(struct json_out *j, const struct tls_result *t)
{
	json_bool(j, "verified", t->verified);
	json_i64(j, "verify_code", t->verify_code);
	json_i64(j, "verify_depth", t->verify_depth);
	json_text(j, "verify_text", t->verify_text);
	json_bool(j, "name_matches", t->name_matches);
	json_str(j, "issuer_class", issuer_class_str(t->issuer));
	json_text(j, "vendor", t->vendor);
	json_text(j, "root", t->root);
	json_text(j, "chain_file", t->chain_file);
	json_u64(j, "stapled_scts", t->stapled_scts);
	json_open(j, "chain", '[');
	for (size_t i = 0; i < t->chain_count; i++)
		write_cert(j, &t->chain[i]);
	json_close(j, ']');
}

static void
write_tls_members(struct json_out *j, const struct tls_result *t)
{
	json_str(j, "result", tls_end_str(t->end));
	if (t->end == TLS_NOT_TRIED)
		return;
	json_text(j, "server_name", t->sni);
	json_text(j, "version", t->version);
	json_text(j, "cipher", t->cipher);
	json_text(j, "group", t->group);
	json_text(j, "alpn_offered", t->alpn_offered);
	json_text(j, "alpn", t->alpn);
	json_u64(j, "hello_bytes", t->hello_bytes);
	json_u64(j, "bytes_received", t->bytes_received);
	write_errno(j, t->err);
	json_text(j, "reason", t->reason);
	if (t->alert_name[0] != '\0') {
		json_u64(j, "alert", t->alert);
		json_str(j, "alert_name", t->alert_name);
		json_bool(j, "late_alert", t->late_alert);
	}
	if (t->wants_client_cert)
		json_bool(j, "wants_client_certificate", true);
	if (t->first_byte_count > 0)
		json_span(j, "first_bytes",
		    span_of(t->first_bytes, t->first_byte_count));
	write_figures(j, &t->figures);
	if (t->chain_count > 0)
		write_chain(j, t);
}

static void
write_bisect(struct json_out *j, const struct bisect_result *b)
{
	if (b->neutral_name == LOOK_NOT_TRIED &&
	    b->small_hello == LOOK_NOT_TRIED &&
	    b->split_hello == LOOK_NOT_TRIED)
		return;
	json_open(j, "bisect", '{');
	json_str(j, "neutral_name", look_end_str(b->neutral_name));
	json_str(j, "small_hello", look_end_str(b->small_hello));
	json_str(j, "split_hello", look_end_str(b->split_hello));
	json_u64(j, "small_bytes", b->small_bytes);
	json_close(j, '}');
}

/* ---- proxy ---- */

static void
write_proxy(struct json_out *j, const struct proxy_result *x, enum cell cell)
{
	json_open(j, "proxy", '{');
	write_phase(j, &x->time, cell);
	json_str(j, "result", proxy_end_str(x->end));
	if (x->end != PROXY_NOT_TRIED) {
		if (x->status > 0)
			json_i64(j, "status", x->status);
		json_text(j, "reason", x->reason);
		json_text(j, "proxy_status", x->proxy_status);
		json_text(j, "via", x->via);
		json_text(j, "server", x->server);
		json_text(j, "squid_error", x->squid_error);
		json_text(j, "retry_after", x->retry_after);
		json_text(j, "auth_schemes", x->schemes);
		json_text(j, "content_type", x->content_type);
		json_text(j, "request_id", x->request_id);
		json_bool(j, "authenticated", x->authenticated);
		if (x->socks_reply >= 0)
			json_i64(j, "socks_reply", x->socks_reply);
		write_errno(j, x->err);
		if (x->first_byte_count > 0)
			json_span(j, "first_bytes",
			    span_of(x->first_bytes, x->first_byte_count));
		if (x->tls.end != TLS_NOT_TRIED) {
			json_open(j, "tls", '{');
			write_tls_members(j, &x->tls);
			json_close(j, '}');
		}
	}
	json_close(j, '}');
}

/* ---- http ---- */

static void
write_redirect(struct json_out *j, const struct http_redirect *r)
{
	if (!r->seen)
		return;
	json_open(j, "redirect", '{');
	json_str(j, "host", r->host);
	json_u64(j, "port", r->port);
	json_str(j, "on_list", tri_str(r->on_list));
	json_str(j, "reached", tri_str(r->reached));
	json_text(j, "refusal", r->refusal);
	json_close(j, '}');
}

static void
write_headers(struct json_out *j, const struct http_result *h)
{
	const struct {
		const char *key, *value;
	} headers[] = {
	    {"content-type", h->content_type},
	    {"server", h->server},
	    {"via", h->via},
	    {"location", h->location},
	    {"www-authenticate", h->www_authenticate},
	    {"x-amz-request-id", h->amz_request_id},
	    {"x-amz-id-2", h->amz_id_2},
	    {"x-amz-bucket-region", h->amz_bucket_region},
	    {"x-amzn-requestid", h->amzn_request_id},
	    {"docker-distribution-api-version", h->docker_api_version},
	    {"retry-after", h->retry_after},
	};

	json_open(j, "headers", '{');
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		json_text(j, headers[i].key, headers[i].value);
	json_close(j, '}');
}

static void
write_http_members(struct json_out *j, const struct http_result *h)
{
	json_text(j, "method", h->method);
	json_text(j, "path", h->path);
	json_text(j, "version", h->version);
	if (h->status > 0)
		json_i64(j, "status", h->status);
	json_bool(j, "verified", h->verified);
	json_bool(j, "key_sent", h->key_sent);
	if (h->bare_status > 0)
		json_i64(j, "status_without_key", h->bare_status);
	write_headers(j, h);
	write_errno(j, h->err);
	json_text(j, "error", h->curl_text);
	if (h->date != 0) {
		json_date(j, "date", h->date);
		json_i64(j, "skew_ms", h->skew_ms);
	}
	json_text(j, "title", h->title);
	if (h->body_len > 0)
		json_span(j, "body", span_of(h->body, h->body_len));
	write_redirect(j, &h->redirect);
	if (h->upload_bytes > 0) {
		json_u64(j, "upload_bytes", h->upload_bytes);
		json_u64(j, "upload_sent", h->upload_sent);
		if (h->upload_status > 0)
			json_u64(
			    j, "upload_status", (uint64_t)h->upload_status);
		json_str(j, "upload_taken", tri_str(h->upload_taken));
	}
	if (h->idle_s > 0) {
		json_u64(j, "idle_s", h->idle_s);
		json_str(j, "idle_survived", tri_str(h->idle_survived));
	}
}

static void
write_http(struct json_out *j, const struct http_result *h, enum cell cell)
{
	json_open(j, "http", '{');
	write_phase(j, &h->time, cell);
	json_str(j, "result", http_end_str(h->end));
	if (h->end != HTTP_NOT_TRIED)
		write_http_members(j, h);
	json_close(j, '}');
}

static void
write_trips(struct json_out *j, const struct roundtrips *t)
{
	if (t->count == 0)
		return;
	json_open(j, "round_trips", '{');
	json_u64(j, "count", t->count);
	json_u64(j, "failed", t->failed);
	json_ms(j, "p50_ms", t->p50_ns);
	json_ms(j, "p95_ms", t->p95_ns);
	json_ms(j, "max_ms", t->max_ns);
	json_close(j, '}');
}

static void
write_head(struct json_out *j, const struct run *run, const struct diagnosis *d,
    size_t index)
{
	const struct endpoint_view *v = &d->views[index];
	const struct target *t = run->endpoints[index].target;

	json_str(j, "host", t->at.host.text);
	json_u64(j, "port", t->at.port);
	json_str(j, "region", t->region);
	json_str(j, "category", t->category);
	json_str(j, "path", run->plan->paths[t->path].label);
	json_str(j, "reachable", tri_str(v->reachable));
	json_bool(j, "comparison", t->comparison);
	json_bool(j, "suspect", v->suspect);
	if (v->cause == SIZE_MAX)
		json_null(j, "cause");
	else
		json_str(
		    j, "cause", finding_text(d->findings[v->cause].id)->id);
	if (t->no_variable != NULL) {
		json_open(j, "no_proxy", '{');
		json_str(j, "variable", t->no_variable);
		json_str(j, "token", t->no_token);
		json_close(j, '}');
	}
}

void
report_json_endpoint(struct json_out *j, const struct run *run,
    const struct diagnosis *d, size_t index)
{
	const struct endpoint_result *r = &run->endpoints[index];
	const enum cell *cells = d->views[index].cells;

	json_open(j, NULL, '{');
	write_head(j, run, d, index);
	write_dns(j, "dns", &r->dns, cells[PHASE_DNS]);
	if (r->own_dns.time.end != PHASE_NOT_RUN)
		write_dns(j, "own_dns", &r->own_dns,
		    r->own_dns.time.end == PHASE_DONE ? CELL_OK : CELL_UNKNOWN);
	write_tcp(j, &r->tcp, cells[PHASE_TCP]);
	write_proxy(j, &r->proxy, cells[PHASE_PROXY]);
	json_open(j, "tls", '{');
	write_phase(j, &r->tls.time, cells[PHASE_TLS]);
	write_tls_members(j, &r->tls);
	write_bisect(j, &r->bisect);
	json_close(j, '}');
	write_http(j, &r->http, cells[PHASE_HTTP]);
	write_trips(j, &r->trips);
	json_close(j, '}');
}
