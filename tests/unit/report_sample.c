/* SPDX-License-Identifier: Apache-2.0 */
#include "report_sample.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

enum {
	MS = 1000000,
	ARGS_MAX = 8,
};

const char report_sample_poison[] =
    "\033[2J\033]0;owned\007</title></pre>]]>--><script>alert(1)</script>"
    "<img src=//evil.example/x onerror=alert(2)>\"'&amp;\r\nX: y\t\x01\x7f"
    "\xff\xfe\xc3\x28\xe2\x80\xae"
    "cod.exe\xef\xbf\xbe\\{}";

/* Cuts, as probes do. */
static void
copy(char *buf, size_t size, const char *text)
{
	struct text out = text_in(buf, size);

	text_str(&out, text);
	(void)text_end(&out);
}

#define COPY(field, text) copy(field, sizeof(field), text)

/* Phases of a run differ a little from host to host. */
static void
spread_times(struct diag_case *c)
{
	for (size_t i = 0; i < c->run->endpoint_count; i++) {
		struct endpoint_result *r = &c->run->endpoints[i];
		struct phase_time *times[] = {&r->dns.time, &r->tcp.time,
		    &r->proxy.time, &r->tls.time, &r->http.time};
		uint64_t at = 0;

		for (size_t p = 0; p < PHASE_COUNT; p++) {
			uint64_t ns =
			    times[p]->end_at_ns - times[p]->start_at_ns;

			if (times[p]->end == PHASE_NOT_RUN)
				continue;
			if (times[p]->end == PHASE_TIMED_OUT)
				ns = 5000 * (uint64_t)MS;
			else
				ns += ns * ((i * 7 + p * 5) % 13) / 6;
			times[p]->start_at_ns = at;
			times[p]->end_at_ns = at + ns;
			at += ns;
		}
		if (at > c->run->duration_ns)
			c->run->duration_ns = at + 3 * (uint64_t)MS;
	}
}

static void
make_healthy(struct diag_case *c)
{
	(void)c;
}

/* One cause, every host. */
static void
make_drop(struct diag_case *c)
{
	for (size_t i = 0; i < c->run->endpoint_count; i++) {
		struct tcp_figures *f;

		diag_fail_tcp(&c->run->endpoints[i], TCP_TIMEOUT, ETIMEDOUT);
		f = &c->run->endpoints[i].tcp.attempts[0].figures;
		f->known = true;
		f->unacked = 1;
		f->retransmits = 3;
	}
}

static void
make_two(struct diag_case *c)
{
	struct endpoint_result *mitm[] = {diag_endpoint(c, "container"),
	    diag_endpoint(c, "iot"), diag_endpoint(c, "asaas-upload")};

	for (size_t i = 0; i < sizeof(mitm) / sizeof(mitm[0]); i++)
		diag_other_cert(mitm[i], "Zscaler Inc.", 20);
	diag_fail_dns(diag_endpoint(c, "sensor"), DNS_NXDOMAIN);
	diag_endpoint(c, "registry")->http.skew_ms = 0;
}

static void
make_interrupted(struct diag_case *c)
{
	for (size_t i = 0; i < c->run->endpoint_count; i += 2) {
		diag_stop_at(
		    &c->run->endpoints[i], PHASE_TLS, PHASE_INTERRUPTED);
		c->run->endpoints[i].tls.end = TLS_NOT_TRIED;
	}
	c->run->end = RUN_INTERRUPTED;
}

/* The run's own deadline came first: nobody is to blame. */
static void
make_cannot_tell(struct diag_case *c)
{
	make_interrupted(c);
	c->run->end = RUN_DEADLINE;
}

static void
make_proxy_down(struct diag_case *c)
{
	for (size_t i = 0; i < c->run->endpoint_count; i++)
		diag_fail_tcp(&c->run->endpoints[i], TCP_REFUSED, ECONNREFUSED);
}

static void
poison_http(struct http_result *h)
{
	COPY(h->content_type, report_sample_poison);
	COPY(h->server, report_sample_poison);
	COPY(h->via, report_sample_poison);
	COPY(h->location, report_sample_poison);
	COPY(h->title, report_sample_poison);
	COPY(h->body, report_sample_poison);
	h->body_len = strlen(h->body);
	COPY(h->amz_request_id, "");
	COPY(h->amz_bucket_region, "");
	COPY(h->amzn_request_id, "");
	COPY(h->www_authenticate, "");
	h->status = 403;
}

static void
make_hostile(struct diag_case *c)
{
	struct endpoint_result *r = diag_endpoint(c, "container");

	poison_http(&r->http);
	r = diag_endpoint(c, "iot");
	diag_fail_tls(r, TLS_PLAINTEXT);
	r->tls.first_byte_count = sizeof(r->tls.first_bytes) - 1;
	(void)memset(r->tls.first_bytes, 0xff, r->tls.first_byte_count);
	(void)memcpy(r->tls.first_bytes, report_sample_poison,
	    r->tls.first_byte_count / 2);
	r->tls.first_bytes[3] = '\0';
	COPY(r->tls.reason, report_sample_poison);
	r = diag_endpoint(c, "sensor");
	diag_other_cert(r, report_sample_poison, 18);
	COPY(r->tls.chain[0].subject, report_sample_poison);
	COPY(r->tls.chain[0].names, report_sample_poison);
	COPY(r->tls.verify_text, report_sample_poison);
	r = diag_endpoint(c, "asaas-upload");
	diag_fail_dns(r, DNS_SERVFAIL);
	r->dns.a.chain_count = 1;
	COPY(r->dns.a.chain[0], report_sample_poison);
	r->dns.a.has_ede = true;
	r->dns.a.ede_code = 22;
	COPY(r->dns.a.ede_text, report_sample_poison);
	COPY(c->run->vantage.host, report_sample_poison);
	COPY(c->run->vantage.search, report_sample_poison);
}

/* Proxies and their own words. */
static void
make_proxy_words(struct diag_case *c)
{
	for (size_t i = 0; i < c->run->endpoint_count; i++) {
		struct endpoint_result *r = &c->run->endpoints[i];

		if (i % 3 == 0)
			continue;
		diag_fail_proxy_status(r, 403, report_sample_poison);
		COPY(r->proxy.via, report_sample_poison);
		COPY(r->proxy.proxy_status, report_sample_poison);
		COPY(r->proxy.first_bytes, report_sample_poison);
		r->proxy.first_byte_count = strlen(r->proxy.first_bytes);
	}
}

/* Direct is closed, as it is meant to be; the proxy works. */
static void
make_compare(struct diag_case *c)
{
	for (size_t i = 0; i < c->run->endpoint_count; i++) {
		if (c->run->endpoints[i].target->comparison)
			diag_fail_tcp(
			    &c->run->endpoints[i], TCP_TIMEOUT, ETIMEDOUT);
	}
}

static void
make_changed(struct diag_case *c)
{
	struct change *changes = calloc(2, sizeof(*changes));

	if (changes == NULL)
		return;

	for (size_t i = 0; i < c->run->endpoint_count; i++)
		c->run->endpoints[i].trips = (struct roundtrips){10, 1,
		    41 * (uint64_t)MS, 67 * (uint64_t)MS, 102 * (uint64_t)MS};
	changes[0].endpoint = 0;
	COPY(changes[0].what, "issuer");
	COPY(changes[0].before, "Amazon RSA 2048 M02");
	COPY(changes[0].after, report_sample_poison);
	changes[1].endpoint = 1;
	COPY(changes[1].what, "address");
	COPY(changes[1].before, "52.10.0.1");
	c->run->changes = changes;
	c->run->change_count = 2;
	COPY(c->run->baseline_time, "2026-11-20T08:00:00.000Z");
	c->run->vantage.in_pod = c->run->vantage.in_gke = true;
	COPY(c->run->vantage.pod, "checker-5d4");
	COPY(c->run->vantage.pod_namespace, "trendmicro-system");
	COPY(c->run->vantage.search, "svc.cluster.local cluster.local");
}

static const struct {
	const char *name;
	const char *args[ARGS_MAX], *vars[3];
	void (*make)(struct diag_case *c);
} samples[] = {
    {"healthy", {"--region", "us-1"}, {NULL}, make_healthy},
    {"drop", {"--region", "us-1"}, {NULL}, make_drop},
    {"two", {"--region", "jp-1"}, {NULL}, make_two},
    {"interrupted", {"--region", "us-1"}, {NULL}, make_interrupted},
    {"cannot-tell", {"--region", "de-1"}, {NULL}, make_cannot_tell},
    {"proxy-down", {"--region", "us-1"}, {"HTTPS_PROXY=http://10.0.0.5:3128"},
	make_proxy_down},
    {"proxy-words", {"--region", "us-1"},
	{"HTTPS_PROXY=http://sre:s3cret-pw@10.0.0.5:3128"}, make_proxy_words},
    {"hostile", {"--region", "us-1"}, {NULL}, make_hostile},
    {"compare", {"--region", "us-1", "--compare"},
	{"HTTPS_PROXY=http://10.0.0.5:3128"}, make_compare},
    {"changed", {"--region", "us-1", "--deep"}, {NULL}, make_changed},
    {"everywhere", {"--region", "all"}, {NULL}, make_two},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const char *const report_sample_names[] = {"healthy", "drop", "two",
    "interrupted", "cannot-tell", "proxy-down", "proxy-words", "hostile",
    "compare", "changed", "everywhere", NULL};

struct diag_case *
report_sample_new(const char *name, enum lang lang)
{
	for (size_t i = 0; i < COUNT(samples); i++) {
		struct diag_case *c;

		if (strcmp(samples[i].name, name) != 0)
			continue;
		c = diag_case_new(samples[i].args,
		    samples[i].vars[0] ? samples[i].vars : NULL);
		samples[i].make(c);
		spread_times(c);
		(void)diag_diagnose(c, lang);
		return c;
	}
	return NULL;
}
