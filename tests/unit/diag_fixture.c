/* SPDX-License-Identifier: Apache-2.0 */
#include "diag_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "issuer.h"

#define MS UINT64_C(1000000)

const char *
diag_getenv(void *arg, const char *name)
{
	const struct diag_vars *all = arg;
	const char *const *vars = all->list;
	size_t len = strlen(name);

	for (; vars != NULL && *vars != NULL; vars++) {
		if (strncmp(*vars, name, len) == 0 && (*vars)[len] == '=')
			return *vars + len + 1;
	}
	return NULL;
}

static void
on_list_error(void *arg, const char *text)
{
	(void)arg;
	fail_msg("allowlist: %s", text);
}

static void
copy(char *buf, size_t size, const char *text)
{
	(void)snprintf(buf, size, "%s", text);
}

#define COPY(field, text) copy(field, sizeof(field), text)

static void
phase_took(struct phase_time *t, uint64_t from_ms, uint64_t ms)
{
	t->end = PHASE_DONE;
	t->start_at_ns = from_ms * MS;
	t->end_at_ns = (from_ms + ms) * MS;
}

static struct ipaddr
addr_of(const char *text)
{
	struct ipaddr a = {.family = IP_NONE};

	if (!ipaddr_parse(&a, span_str(text)))
		fail_msg("%s is no address", text);
	return a;
}

static void
healthy_dns(struct dns_result *d, const char *name, unsigned last)
{
	char addr[32];

	phase_took(&d->time, 0, 12);
	COPY(d->name, name);
	(void)snprintf(addr, sizeof(addr), "52.10.0.%u", last);
	d->a = (struct dns_query){
	    .status = DNS_ANSWER,
	    .server = {addr_of("10.0.0.53"), 53},
	    .tries = 1,
	    .time_ns = 12 * MS,
	    .answer_count = 1,
	};
	d->a.answers[0] = (struct dns_answer){addr_of(addr), 60};
	d->aaaa = d->a;
	d->aaaa.status = DNS_NODATA;
	d->aaaa.answer_count = 0;
}

static void
healthy_tcp(struct endpoint_result *r)
{
	phase_took(&r->tcp.time, 12, 20);
	r->tcp.attempt_count = 1;
	r->tcp.used = 0;
	r->tcp.attempts[0] = (struct tcp_attempt){
	    .to = {r->dns.a.answers[0].addr, r->target->at.port},
	    .from = {addr_of("10.4.1.7"), 40000},
	    .end = TCP_OPEN,
	    .time_ns = 20 * MS,
	};
}

static void
healthy_tls(struct endpoint_result *r)
{
	struct tls_result *t = &r->tls;
	struct cert_summary *leaf = &t->chain[0];

	phase_took(&t->time, 60, 41);
	t->end = TLS_FINISHED;
	COPY(t->sni, r->target->at.host.text);
	t->hello_bytes = 517;
	t->bytes_received = 4200;
	COPY(t->version, "TLSv1.3");
	COPY(t->cipher, "TLS_AES_128_GCM_SHA256");
	COPY(t->group, "X25519");
	COPY(t->alpn_offered, r->target->alpn);
	COPY(t->alpn, strcmp(r->target->category, "iot") == 0 ? "x-amzn-mqtt-ca"
							      : "http/1.1");
	t->chain_count = 2;
	(void)snprintf(leaf->subject, sizeof(leaf->subject), "CN=%.200s",
	    r->target->at.host.text);
	COPY(leaf->issuer, "CN=Amazon RSA 2048 M02,O=Amazon,C=US");
	COPY(leaf->issuer_org, "Amazon");
	COPY(leaf->issuer_cn, "Amazon RSA 2048 M02");
	COPY(leaf->names, r->target->at.host.text);
	leaf->not_before = 1780000000;
	leaf->not_after = 1811000000;
	COPY(leaf->key, "RSA 2048");
	COPY(leaf->signature, "sha256WithRSAEncryption");
	COPY(leaf->sha256, "00112233445566778899aabbccddeeff"
			   "00112233445566778899aabbccddeeff");
	leaf->scts = 3;
	COPY(leaf->aia, "http://crt.r2m02.amazontrust.com/r2m02.cer");
	t->chain[1] = *leaf;
	COPY(t->chain[1].subject, leaf->issuer);
	COPY(t->chain[1].issuer, "CN=Amazon Root CA 1,O=Amazon,C=US");
	COPY(t->chain[1].issuer_cn, "Amazon Root CA 1");
	t->chain[1].scts = 0;
	t->chain[1].is_ca = true;
	COPY(t->root, "CN=Amazon Root CA 1,O=Amazon,C=US");
	t->verified = t->name_matches = true;
	t->issuer = ISSUER_PUBLIC;
}

static void
healthy_http(struct endpoint_result *r)
{
	struct http_result *h = &r->http;

	if (r->target->http_path[0] == '\0')
		return;
	phase_took(&h->time, 101, 45);
	h->end = HTTP_ANSWER;
	COPY(h->method, "GET");
	COPY(h->path, r->target->http_path);
	COPY(h->version, "1.1");
	h->verified = true;
	h->date = 1795388400;
	switch (r->target->probe) {
	case PROBE_TLS:
		break;
	case PROBE_JSON_API:
		diag_http(r, 401, "application/json",
		    "{\"message\":\"Unauthorized\"}");
		COPY(h->amzn_request_id, "5b1b6f2e-0000");
		break;
	case PROBE_S3:
		diag_http(r, 403, "application/xml",
		    "<Error><Code>AccessDenied</Code></Error>");
		COPY(h->server, "AmazonS3");
		COPY(h->amz_request_id, "T2ZQ0WPZ5T4M5T8C");
		COPY(h->amz_bucket_region, "us-east-1");
		break;
	case PROBE_REGISTRY:
		diag_http(r, 401, "application/json", "{}");
		COPY(h->www_authenticate,
		    "Bearer realm=\"https://public.ecr.aws/token/\"");
		break;
	case PROBE_JSON_FILE:
		diag_http(
		    r, 200, "application/json", "{\"latestVersion\":\"1.0\"}");
		break;
	}
}

void
diag_make_healthy(struct run *run, size_t index)
{
	struct endpoint_result *r = &run->endpoints[index];
	const struct path *path = &run->plan->paths[r->target->path];
	const struct target *target = r->target;

	*r = (struct endpoint_result){.target = target};
	r->proxy.socks_method = r->proxy.socks_reply = -1;
	healthy_dns(&r->dns,
	    path_has_proxy(path) ? path->proxy.host : target->at.host.text,
	    path_has_proxy(path) ? 200 : (unsigned)(index % 200));
	healthy_tcp(r);
	if (path_has_proxy(path)) {
		healthy_dns(
		    &r->own_dns, target->at.host.text, (unsigned)index % 200);
		r->tcp.attempts[0].to.port = path->proxy.port;
		phase_took(&r->proxy.time, 32, 28);
		r->proxy.end = PROXY_TUNNEL;
		r->proxy.status = 200;
		COPY(r->proxy.reason, "Connection established");
	}
	healthy_tls(r);
	healthy_http(r);
}

static void
make_vantage(struct vantage *v)
{
	COPY(v->user, "sre");
	COPY(v->host, "bastion");
	COPY(v->netns, "4026531840");
	COPY(v->source_addr, "10.4.1.7");
	COPY(v->interface, "eth0");
	v->interface_mtu = 1500;
	v->resolvers[0] = (struct ip_endpoint){addr_of("10.0.0.53"), 53};
	v->resolver_count = 1;
	COPY(v->resolver_source, "/etc/resolv.conf");
	v->ndots = 1;
	COPY(v->ca_source, "/etc/ssl/certs/ca-certificates.crt");
	v->ca_count = 142;
	COPY(v->lists_date, "2026-11-22");
}

struct diag_case *
diag_case_new(const char *const *args, const char *const *vars)
{
	struct diag_vars all = {vars};
	struct diag_case *c = calloc(1, sizeof(*c));
	struct options_message message;
	struct plan_error error;
	int argc = 0;

	assert_non_null(c);
	c->argv[argc++] = strdup("check");
	for (; *args != NULL && argc < DIAG_ARGS_MAX; args++)
		c->argv[argc++] = strdup(*args);
	if (check_options_parse(&c->options, argc, c->argv, &message) !=
	    OPTIONS_RUN)
		fail_msg("%s", message.text);
	proxy_env_read(&c->env, diag_getenv, &all,
	    &(struct proxy_env_where){false, false});
	c->catalog = allowlist_load(
	    &(struct allowlist_sources){NULL, NULL, 0}, on_list_error, NULL);
	assert_non_null(c->catalog);
	c->plan = plan_make(&c->options, c->catalog, &c->env, &error);
	if (c->plan == NULL)
		fail_msg("%s", error.text);
	c->run = run_new(c->plan);
	assert_non_null(c->run);
	for (size_t i = 0; i < c->run->endpoint_count; i++)
		diag_make_healthy(c->run, i);
	make_vantage(&c->run->vantage);
	c->run->proxy_env = c->env;
	c->run->started_unix_ns = 1795388400000000000U;
	c->run->duration_ns = 320 * MS;
	return c;
}

void
diag_case_free(struct diag_case *c)
{
	diagnosis_free(c->d);
	run_free(c->run);
	plan_free(c->plan);
	allowlist_free(c->catalog);
	for (size_t i = 0; i < DIAG_ARGS_MAX; i++)
		free(c->argv[i]);
	free(c);
}

struct endpoint_result *
diag_endpoint(struct diag_case *c, const char *name)
{
	for (size_t i = 0; i < c->run->endpoint_count; i++) {
		struct endpoint_result *r = &c->run->endpoints[i];

		if (strcmp(r->target->category, name) == 0)
			return r;
	}
	fail_msg("no endpoint of category %s", name);
	return NULL;
}

static struct phase_time *
time_of(struct endpoint_result *r, enum phase p)
{
	struct phase_time *times[] = {&r->dns.time, &r->tcp.time,
	    &r->proxy.time, &r->tls.time, &r->http.time};

	return times[p];
}

void
diag_stop_at(struct endpoint_result *r, enum phase phase, enum phase_end end)
{
	time_of(r, phase)->end = end;
	if (phase < PHASE_HTTP)
		memset(&r->http, 0, sizeof(r->http));
	if (phase < PHASE_TLS)
		memset(&r->tls, 0, sizeof(r->tls));
	if (phase < PHASE_PROXY) {
		memset(&r->proxy, 0, sizeof(r->proxy));
		r->proxy.socks_method = r->proxy.socks_reply = -1;
	}
	if (phase < PHASE_TCP) {
		memset(&r->tcp, 0, sizeof(r->tcp));
		r->tcp.used = -1;
	}
}

void
diag_fail_dns(struct endpoint_result *r, enum dns_status status)
{
	diag_stop_at(r, PHASE_DNS,
	    status == DNS_TIMEOUT ? PHASE_TIMED_OUT : PHASE_FAILED);
	r->dns.a.status = r->dns.aaaa.status = status;
	r->dns.a.answer_count = r->dns.aaaa.answer_count = 0;
	r->dns.a.rcode = status == DNS_NXDOMAIN   ? 3
			 : status == DNS_SERVFAIL ? 2
			 : status == DNS_REFUSED  ? 5
						  : 0;
}

void
diag_fail_tcp(struct endpoint_result *r, enum tcp_end end, int err)
{
	diag_stop_at(
	    r, PHASE_TCP, end == TCP_TIMEOUT ? PHASE_TIMED_OUT : PHASE_FAILED);
	r->tcp.used = -1;
	r->tcp.attempts[0].end = end;
	r->tcp.attempts[0].err = err;
	r->tcp.attempts[0].time_ns = (end == TCP_TIMEOUT ? 5000U : 1U) * MS;
}

void
diag_fail_proxy_status(
    struct endpoint_result *r, int status, const char *reason)
{
	diag_stop_at(r, PHASE_PROXY, PHASE_FAILED);
	r->proxy.end = PROXY_STATUS;
	r->proxy.status = status;
	COPY(r->proxy.reason, reason);
}

void
diag_fail_tls(struct endpoint_result *r, enum tls_end end)
{
	struct phase_time time = r->tls.time;

	diag_stop_at(
	    r, PHASE_TLS, end == TLS_SILENT ? PHASE_TIMED_OUT : PHASE_FAILED);
	memset(&r->tls, 0, sizeof(r->tls));
	r->tls.time = time;
	r->tls.time.end = end == TLS_SILENT ? PHASE_TIMED_OUT : PHASE_FAILED;
	r->tls.end = end;
	COPY(r->tls.sni, r->target->at.host.text);
	r->tls.hello_bytes = 1560;
	COPY(r->tls.alpn_offered, r->target->alpn);
}

void
diag_other_cert(
    struct endpoint_result *r, const char *issuer_org, int verify_code)
{
	struct tls_result *t = &r->tls;

	for (size_t i = 0; i < t->chain_count; i++) {
		COPY(t->chain[i].issuer_org, issuer_org);
		(void)snprintf(t->chain[i].issuer_cn,
		    sizeof(t->chain[i].issuer_cn), "%s CA", issuer_org);
		(void)snprintf(t->chain[i].issuer, sizeof(t->chain[i].issuer),
		    "CN=%s CA,O=%s", issuer_org, issuer_org);
		t->chain[i].scts = 0;
	}
	t->issuer = issuer_classify(t->chain, t->chain_count, 0);
	if (issuer_vendor(t->chain, t->chain_count) != NULL)
		COPY(t->vendor, issuer_vendor(t->chain, t->chain_count));
	t->verified = verify_code == 0;
	t->verify_code = verify_code;
	COPY(t->verify_text,
	    verify_code ? "unable to get local issuer certificate" : "");
}

void
diag_http(struct endpoint_result *r, int status, const char *content_type,
    const char *body)
{
	struct http_result *h = &r->http;

	h->status = status;
	COPY(h->content_type, content_type);
	COPY(h->body, body);
	h->body_len = strlen(h->body);
}

const struct diagnosis *
diag_diagnose(struct diag_case *c, enum lang lang)
{
	diagnosis_free(c->d);
	c->d = diagnosis_make(c->run, lang);
	assert_non_null(c->d);
	return c->d;
}

const struct finding *
diag_finding(const struct diagnosis *d, const char *id)
{
	for (size_t i = 0; i < d->finding_count; i++) {
		if (strcmp(finding_text(d->findings[i].id)->id, id) == 0)
			return &d->findings[i];
	}
	return NULL;
}

const struct finding *
diag_must_find(const struct diagnosis *d, const char *id)
{
	const struct finding *f = diag_finding(d, id);

	if (f != NULL)
		return f;
	fail_msg("no %s: %s", id, d->headline);
	abort(); /* fail_msg() does not come back */
}
