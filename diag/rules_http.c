/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "key.h"
#include "rules.h"
#include "service.h"

static bool
is_html(const struct http_result *h)
{
	return strcasestr(h->content_type, "text/html") != NULL ||
	       h->title[0] != '\0';
}

static bool
begin(const struct rule_ctx *c, struct match *m, enum finding_id id)
{
	const struct http_result *h = &c->r->http;

	match_begin(m, c, id);
	fact_set(&m->facts, "method", h->method[0] ? h->method : "GET");
	fact_set(&m->facts, "path",
	    h->path[0] ? h->path
		       : (c->t->http_path[0] ? c->t->http_path : "/"));
	if (h->status != 0)
		fact_number(m, "status", (uint64_t)h->status);
	fact_set(&m->facts, "type", h->content_type);
	fact_set(&m->facts, "title", h->title);
	fact_set(&m->facts, "server", h->server);
	fact_set(&m->facts, "via", h->via);
	fact_set(&m->facts, "request_id",
	    h->amz_request_id[0] ? h->amz_request_id : h->amzn_request_id);
	fact_set(&m->facts, "bucket_region", h->amz_bucket_region);
	fact_set(&m->facts, "location", h->location);
	fact_set(&m->facts, "retry", h->retry_after);
	fact_phase_ms(m, &h->time);
	fact_cert(m, &c->r->tls);
	fact_set(&m->facts, "cert", "");
	if (fact_get(&m->facts, "issuer") == NULL)
		fact_set(&m->facts, "issuer", "-");
	fact_utc(m, "time",
	    (int64_t)((c->run->started_unix_ns + h->time.start_at_ns) /
		      1000000000U));
	return true;
}

static void
key_facts(const struct rule_ctx *c, struct match *m)
{
	const struct key_lint *k = &c->run->key;

	fact_set(&m->facts, "key_source", k->source[0] ? k->source : "-");
	fact_number(m, "key_length", k->length);
	fact_set(&m->facts, "region", c->t->region);
	if (c->r->http.bare_status != 0)
		fact_number(m, "bare", (uint64_t)c->r->http.bare_status);
	else
		fact_set(&m->facts, "bare", "nothing");
	if (k->shape != KEY_SHAPE_USUAL)
		fact_set(&m->facts, "unusual", "yes");
	if (k->shape == KEY_SHAPE_LEGACY)
		fact_set(&m->facts, "legacy", "yes");
	if (k->shape == KEY_SHAPE_TOKEN)
		fact_set(&m->facts, "token", "yes");
	if (strcmp(c->t->region, "us-1") == 0)
		fact_set(&m->facts, "us1", "yes");
	if (c->run->plan->options->try_regions)
		fact_set(&m->facts, "tried", "yes");
}

/* The text of "message" in a JSON body, without unescaping: for people. */
static void
message_fact(struct match *m, const struct http_result *h)
{
	char body[BODY_MAX + 1], *start, *end;

	memcpy(body, h->body, sizeof(h->body));
	body[h->body_len < BODY_MAX ? h->body_len : BODY_MAX] = '\0';
	start = strstr(body, "\"message\"");
	start = start ? strchr(start + 9, ':') : NULL;
	start = start ? strchr(start, '"') : NULL;
	if (start == NULL)
		return;
	end = strchr(++start, '"');
	if (end != NULL)
		*end = '\0';
	fact_setf(&m->facts, "message", "%.160s", start);
}

static bool
is_about_address(const char *message)
{
	return message != NULL && (strcasestr(message, "IP address") ||
				      strcasestr(message, "source IP") ||
				      strcasestr(message, "allowed IP") ||
				      strcasestr(message, "CIDR"));
}

/* The key was sent to the proven service, and it answered. */
static bool
key_was_judged(const struct endpoint_result *r)
{
	return r->http.end == HTTP_ANSWER && r->http.key_sent &&
	       service_is_genuine(r->target, &r->tls) &&
	       service_has_signature(r->target, &r->http);
}

static bool
key_was_accepted(const struct endpoint_result *r)
{
	return key_was_judged(r) && r->http.status >= 200 &&
	       r->http.status < 300;
}

/* Another region's host that took the key; NULL: none, or none was asked. */
static const struct endpoint_result *
other_region(const struct run *run)
{
	for (size_t i = 0; i < run->endpoint_count; i++) {
		const struct endpoint_result *r = &run->endpoints[i];

		if (r->target->comparison && key_was_accepted(r))
			return r;
	}
	return NULL;
}

static enum finding_id
refusal_of(const struct rule_ctx *c, const struct match *m)
{
	if (is_about_address(fact_get(&m->facts, "message")))
		return FINDING_HTTP_401_IP;
	if (other_region(c->run) != NULL)
		return FINDING_HTTP_401_REGION;
	return c->r->http.status == 403 ? FINDING_HTTP_403_KEY
					: FINDING_HTTP_401_KEY;
}

static void
region_facts(const struct rule_ctx *c, struct match *m)
{
	const struct endpoint_result *other = other_region(c->run);

	if (m->id != FINDING_HTTP_401_REGION)
		return;
	fact_set(&m->facts, "other_region", other->target->region);
	fact_set(&m->facts, "other_host", other->target->at.host.text);
	fact_number(m, "other_status", (uint64_t)other->http.status);
}

bool
cause_http_key(const struct rule_ctx *c, struct match *m)
{
	const struct http_result *h = &c->r->http;
	bool refused = h->status == 401 || h->status == 403;
	enum finding_id id;

	/* Of another region's host it is only told when it takes the key. */
	if (!key_was_judged(c->r) || h->status == 429 ||
	    key_was_accepted(c->r) || c->t->comparison)
		return false;
	(void)begin(c, m, FINDING_HTTP_401_KEY);
	message_fact(m, h);
	id = refused ? refusal_of(c, m) : FINDING_HTTP_KEY_ODD;
	(void)begin(c, m, id);
	message_fact(m, h);
	key_facts(c, m);
	region_facts(c, m);
	m->reachable = TRI_YES;
	return true;
}

bool
remark_http_key(const struct rule_ctx *c, struct match *m)
{
	if (!key_was_accepted(c->r))
		return false;
	(void)begin(c, m, FINDING_HTTP_KEY_OK);
	key_facts(c, m);
	return true;
}

/* Somebody answered who got no key, though there is one. */
bool
remark_http_key_held(const struct rule_ctx *c, struct match *m)
{
	bool answered =
	    c->r->tls.end == TLS_FINISHED || c->r->proxy.end == PROXY_STATUS;

	if (!c->t->send_key || !key_is_sendable(&c->run->key) || !answered ||
	    c->r->http.key_sent)
		return false;
	(void)begin(c, m, FINDING_HTTP_KEY_HELD);
	key_facts(c, m);
	return true;
}

static bool
redirected(const struct rule_ctx *c, struct match *m)
{
	const struct http_redirect *to = &c->r->http.redirect;
	bool registry = c->t->probe == PROBE_REGISTRY;

	if (!to->seen || (to->on_list == TRI_YES && to->reached != TRI_NO))
		return false;
	(void)begin(c, m, registry ? FINDING_HTTP_CDN : FINDING_HTTP_307);
	fact_set(&m->facts, "target", to->host[0] ? to->host : "-");
	if (fact_get(&m->facts, "location") == NULL)
		fact_set(&m->facts, "location", to->host[0] ? to->host : "-");
	m->reachable = TRI_YES;
	m->severity = to->reached == TRI_NO ? SEVERITY_ERROR : SEVERITY_WARNING;
	if (to->reached == TRI_NO)
		fact_set(&m->facts, "refusal",
		    to->refusal[0] ? to->refusal : "no answer");
	match_key(m, to->host);
	return true;
}

static bool
server_error(const struct rule_ctx *c, struct match *m)
{
	const struct http_result *h = &c->r->http;
	bool origin = service_has_amz(h) || h->amzn_request_id[0] != '\0';

	(void)begin(c, m, FINDING_HTTP_5XX);
	m->owner = origin ? OWNER_SERVICE : OWNER_PROXY;
	if (origin)
		fact_set(&m->facts, "origin", "yes");
	match_key(m, origin ? "origin" : h->via);
	return true;
}

/* An answer without the signature of the service: who gave it? */
static bool
foreign(const struct rule_ctx *c, struct match *m)
{
	const struct http_result *h = &c->r->http;

	if ((h->status == 429 || h->status == 503) &&
	    (h->retry_after[0] != '\0' || h->status == 429) && !is_html(h)) {
		(void)begin(c, m, FINDING_HTTP_429);
		m->reachable = TRI_YES;
		return true;
	}
	if (h->status >= 500)
		return server_error(c, m);
	if (h->status >= 300 && h->status < 400 && !service_has_amz(h)) {
		(void)begin(c, m, FINDING_HTTP_PORTAL);
		match_key(m, h->redirect.host);
		return true;
	}
	if (h->status < 300 && is_html(h))
		return begin(c, m, FINDING_HTTP_PORTAL);
	if (h->status >= 400 &&
	    (is_html(h) || service_has_foreign_challenge(h)))
		return begin(c, m, FINDING_HTTP_403_MID);
	(void)begin(c, m, FINDING_HTTP_ODD);
	fact_set(&m->facts, "expected", service_expected(c->t->probe));
	m->reachable = TRI_UNKNOWN;
	return true;
}

bool
cause_http_answer(const struct rule_ctx *c, struct match *m)
{
	const struct http_result *h = &c->r->http;

	if (h->end != HTTP_ANSWER || c->t->probe == PROBE_TLS)
		return false;
	if (c->t->probe == PROBE_S3 && h->status == 404 &&
	    memmem(h->body, h->body_len, "NoSuchBucket", 12)) {
		(void)begin(c, m, FINDING_HTTP_404_BUCKET);
		fact_set(&m->facts, "lists",
		    c->run->vantage.lists_date[0] ? c->run->vantage.lists_date
						  : "-");
		return true;
	}
	if (service_has_signature(c->t, h) && h->status != 429)
		return redirected(c, m);
	return foreign(c, m);
}

bool
cause_http_failed(const struct rule_ctx *c, struct match *m)
{
	const struct http_result *h = &c->r->http;
	bool h2;

	if (h->end == HTTP_NOT_TRIED || h->end == HTTP_ANSWER ||
	    h->time.end == PHASE_INTERRUPTED || is_own_shortage(h->err))
		return false;
	h2 = h->http11_works == TRI_YES;
	(void)begin(c, m, h2 ? FINDING_HTTP_H2 : FINDING_HTTP_CUT);
	fact_set(&m->facts, "what",
	    h->curl_text[0] ? h->curl_text : http_end_str(h->end));
	if (!h2)
		match_key(m, http_end_str(h->end));
	return true;
}

/* Uploads are only tried with --deep, on hosts that take them. */
bool
cause_http_deep(const struct rule_ctx *c, struct match *m)
{
	const struct http_result *h = &c->r->http;

	if (h->upload_bytes == 0 || h->upload_taken != TRI_NO)
		return false;
	(void)begin(c, m, FINDING_HTTP_UPLOAD);
	fact_number(m, "bytes", h->upload_bytes);
	fact_number(m, "sent", h->upload_sent);
	if (h->upload_status != 0)
		fact_setf(&m->facts, "upload_status", "%d", h->upload_status);
	return true;
}

bool
remark_http_nokey(const struct rule_ctx *c, struct match *m)
{
	const struct http_result *h = &c->r->http;

	if (c->t->probe != PROBE_JSON_API || h->end != HTTP_ANSWER ||
	    h->status != 401 || h->key_sent ||
	    !service_has_signature(c->t, h) ||
	    !service_is_genuine(c->t, &c->r->tls))
		return false;
	(void)begin(c, m, FINDING_HTTP_401_NOKEY);
	fact_set(&m->facts, "region", c->t->region);
	return true;
}

bool
remark_http_s3(const struct rule_ctx *c, struct match *m)
{
	const struct http_result *h = &c->r->http;

	if (c->t->probe != PROBE_S3 || h->end != HTTP_ANSWER ||
	    h->status != 403 || !service_has_signature(c->t, h) ||
	    !service_is_genuine(c->t, &c->r->tls))
		return false;
	return begin(c, m, FINDING_HTTP_403_S3);
}

bool
remark_http_skew(const struct rule_ctx *c, struct match *m)
{
	const struct http_result *h = &c->r->http;
	int64_t off = h->skew_ms < 0 ? -h->skew_ms : h->skew_ms;

	if (h->date == 0 || off <= 60000)
		return false;
	(void)begin(c, m, FINDING_HTTP_SKEW);
	fact_utc(m, "date", h->date);
	fact_setf(&m->facts, "skew", "%lld", (long long)(h->skew_ms / 1000));
	return true;
}

bool
remark_http_idle(const struct rule_ctx *c, struct match *m)
{
	const struct http_result *h = &c->r->http;

	if (h->idle_s == 0 || h->idle_survived != TRI_NO)
		return false;
	(void)begin(c, m, FINDING_HTTP_IDLE);
	fact_number(m, "idle", h->idle_s);
	fact_number(m, "keepalive", h->idle_s > 2 ? h->idle_s / 2 : 1);
	return true;
}

bool
remark_trips(const struct rule_ctx *c, struct match *m)
{
	const struct roundtrips *t = &c->r->trips;

	if (t->count == 0 || strcmp(c->t->category, "container") != 0 ||
	    t->p95_ns < 3000000000U)
		return false;
	match_begin(m, c, FINDING_RTT_SLOW);
	fact_number(m, "count", t->count);
	fact_ms(m, "p50", t->p50_ns);
	fact_ms(m, "p95", t->p95_ns);
	fact_ms(m, "max", t->max_ns);
	if (t->failed > 0)
		fact_number(m, "failed", t->failed);
	return true;
}
