/* SPDX-License-Identifier: Apache-2.0
 *
 * Findings about answers, the key and the run, each by itself. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "diag_rows.h"

static void
with_key(struct diag_case *c, struct endpoint_result *r)
{
	c->run->key.given = true;
	c->run->key.shape = KEY_SHAPE_USUAL;
	c->run->key.length = 94;
	COPY(c->run->key.source, "/etc/key");
	r->http.key_sent = true;
}

BREAK(http_401_key)
{
	with_key(c, r);
}

BREAK(http_401_ip)
{
	with_key(c, r);
	diag_http(r, 403, "application/json",
	    "{\"message\": \"source IP not allowed\"}");
}

BREAK(http_keyfmt)
{
	(void)r;
	c->run->key.given = true;
	c->run->key.fault = KEY_BLANK;
	c->run->key.length = 95;
	c->run->key.position = 94;
	COPY(c->run->key.source, "/etc/key");
	COPY(c->run->key.byte_class, "line feed");
}

BREAK(http_skew)
{
	UNUSED;
	r->http.skew_ms = -420000;
}

static void
clear_amz(struct endpoint_result *r)
{
	r->http.amz_request_id[0] = r->http.amz_bucket_region[0] = '\0';
	r->http.amzn_request_id[0] = '\0';
}

BREAK(http_403_mid)
{
	UNUSED;
	clear_amz(r);
	diag_http(r, 403, "text/html", "<html>");
	COPY(r->http.title, "Web filter: category blocked");
}

/* An office proxy's 401 must never pass for the service's. */
BREAK(http_401_ntlm)
{
	UNUSED;
	clear_amz(r);
	diag_http(r, 401, "application/json", "{}");
	COPY(r->http.www_authenticate, "NTLM");
}

BREAK(http_404_bucket)
{
	UNUSED;
	diag_http(r, 404, "application/xml",
	    "<Error><Code>NoSuchBucket</Code></Error>");
}

BREAK(http_307)
{
	UNUSED;
	diag_http(r, 307, "application/xml", "<Error/>");
	r->http.redirect.seen = true;
	COPY(r->http.redirect.host, "b.s3.us-west-2.amazonaws.com");
	COPY(r->http.location, "https://b.s3.us-west-2.amazonaws.com/");
	r->http.redirect.on_list = TRI_NO;
}

BREAK(http_cdn)
{
	UNUSED;
	r->http.redirect.seen = true;
	COPY(r->http.redirect.host, "d2glxqk2uabbnd.cloudfront.net");
	r->http.redirect.on_list = TRI_NO;
	r->http.redirect.reached = TRI_NO;
	COPY(r->http.redirect.refusal, "403 host not on allowlist");
}

BREAK(http_429)
{
	UNUSED;
	diag_http(r, 429, "application/json", "{}");
	r->http.www_authenticate[0] = '\0';
	COPY(r->http.retry_after, "30");
}

BREAK(http_portal_302)
{
	UNUSED;
	clear_amz(r);
	diag_http(r, 302, "text/html", "");
	COPY(r->http.location, "https://login.hotel.example/");
	COPY(r->http.redirect.host, "login.hotel.example");
	r->http.redirect.seen = true;
}

BREAK(http_portal_200)
{
	UNUSED;
	clear_amz(r);
	diag_http(r, 200, "text/html", "<html>Welcome");
	COPY(r->http.title, "Welcome");
}

BREAK(http_5xx)
{
	UNUSED;
	clear_amz(r);
	diag_http(r, 502, "text/html", "<html>");
	COPY(r->http.via, "1.1 gw.corp");
}

BREAK(http_upload)
{
	UNUSED;
	r->http.upload_bytes = 1 << 20;
	r->http.upload_sent = 65536;
	r->http.upload_taken = TRI_NO;
}

BREAK(http_idle)
{
	UNUSED;
	r->http.idle_s = 240;
	r->http.idle_survived = TRI_NO;
}

BREAK(http_h2)
{
	UNUSED;
	diag_stop_at(r, PHASE_HTTP, PHASE_FAILED);
	r->http.end = HTTP_GARBAGE;
	r->http.http11_works = TRI_YES;
	COPY(r->http.curl_text, "Error in the HTTP2 framing layer");
}

BREAK(http_cut)
{
	UNUSED;
	diag_stop_at(r, PHASE_HTTP, PHASE_FAILED);
	r->http.end = HTTP_RESET;
	r->http.status = 0;
}

BREAK(http_odd)
{
	UNUSED;
	diag_http(r, 204, "text/plain", "");
}

BREAK(rtt_slow)
{
	UNUSED;
	r->trips.count = 10;
	r->trips.p50_ns = 2000 * MS;
	r->trips.p95_ns = 9000 * MS;
	r->trips.max_ns = 11000 * MS;
}

BREAK(run_cut)
{
	diag_stop_at(r, PHASE_TLS, PHASE_INTERRUPTED);
	r->tls.end = TLS_NOT_TRIED;
	r->tls.verified = false;
	c->run->end = RUN_DEADLINE;
}

BREAK(run_start)
{
	UNUSED;
	diag_fail_dns(r, DNS_NOT_ASKED);
}

static const struct diag_row rows[] = {
    {"HTTP-401-KEY", DIRECT, "container", http_401_key, PHASE_HTTP, 4,
	"/etc/key (94 bytes): \"Unauthorized\"", "us-1", NULL},
    {"HTTP-401-IP", DIRECT, "container", http_401_ip, PHASE_HTTP, 4,
	"source IP not allowed", "allowed addresses", NULL},
    {"HTTP-KEYFMT", DIRECT, NULL, http_keyfmt, NONE, 4,
	"a line feed at byte 94", "{.data.api\\.key}", NULL},
    {"HTTP-SKEW", DIRECT, "container", http_skew, NONE, 0, "-420 s", "chronyc",
	NULL},
    {"HTTP-403-MID", DIRECT, "container", http_403_mid, PHASE_HTTP, 1,
	"category blocked", "curl -sv https://container", NULL},
    {"HTTP-403-MID", DIRECT, "container", http_401_ntlm, PHASE_HTTP, 1,
	"HTTP 401", "Allow", NULL},
    {"HTTP-404-BUCKET", DIRECT, "sensor", http_404_bucket, PHASE_HTTP, 1,
	"NoSuchBucket", "--allowlist-dir", NULL},
    {"HTTP-307", DIRECT, "sensor", http_307, NONE, 0, "HTTP 307",
	"Allow b.s3.us-west-2.amazonaws.com:443", NULL},
    {"HTTP-CDN", DIRECT, "registry", http_cdn, PHASE_HTTP, 1,
	"403 host not on allowlist", "Allow d2glxqk2uabbnd.cloudfront.net:443",
	NULL},
    {"HTTP-429", DIRECT, "registry", http_429, NONE, 0, "Retry-After: 30",
	"Mirror", NULL},
    {"HTTP-PORTAL", DIRECT, "container", http_portal_302, PHASE_HTTP, 1,
	"https://login.hotel.example/", "curl", NULL},
    {"HTTP-PORTAL", DIRECT, "sensor", http_portal_200, PHASE_HTTP, 1,
	"\"Welcome\"", "curl", NULL},
    {"HTTP-5XX", DIRECT, "container", http_5xx, PHASE_HTTP, 1,
	"Via: 1.1 gw.corp", "1.1 gw.corp", NULL},
    {"HTTP-UPLOAD", DIRECT, "asaas-upload", http_upload, PHASE_HTTP, 1,
	"1048576", "size limits", NULL},
    {"HTTP-IDLE", DIRECT, "container", http_idle, NONE, 0, "240 s",
	"tcp_keepalive_time=120", NULL},
    {"HTTP-H2", DIRECT, "container", http_h2, PHASE_HTTP, 1, "framing",
	"http2client=0", NULL},
    {"HTTP-CUT", DIRECT, "container", http_cut, PHASE_HTTP, 1, "reset",
	"curl -sv", NULL},
    {"HTTP-ODD", DIRECT, "container", http_odd, PHASE_HTTP, 5, "HTTP 204",
	"curl", NULL},
    {"RTT-SLOW", DIRECT, "container", rtt_slow, NONE, 0, "p95 9000 ms",
	"webhookTimeoutSeconds", NULL},
    {"RUN-CUT", DIRECT, "container", run_cut, PHASE_TLS, 5, "tls",
	"--deadline 60s", NULL},
    {"RUN-START", DIRECT, "container", run_start, PHASE_DNS, 5, "dns", "ulimit",
	NULL},
};

static void
each_finding_alone(void **state)
{
	(void)state;
	diag_check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_finding_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
