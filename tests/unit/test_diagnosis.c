/* SPDX-License-Identifier: Apache-2.0
 *
 * Every finding by itself: a healthy run with one thing broken gives exactly
 * that finding for exactly that endpoint, with the evidence in it, and blames
 * nothing else. What many endpoints show together: test_diagnosis_crowd.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "diag_fixture.h"
#include "prescription.h"

#define COUNT(a)           (sizeof(a) / sizeof((a)[0]))
#define COPY(field, value) (void)snprintf(field, sizeof(field), "%s", value)

enum {
	MS = 1000000,
	BLOCK_LINES_MAX = 8,
	BLOCK_COLUMNS = 100,
	LABEL_COLUMNS = 8, /* "Means   " */
};

typedef void (*break_fn)(struct diag_case *c, struct endpoint_result *r);

static void
set_addr(struct ipaddr *a, const char *text)
{
	assert_true(ipaddr_parse(a, span_str(text)));
}

static void
set_answer(struct endpoint_result *r, const char *addr)
{
	set_addr(&r->dns.a.answers[0].addr, addr);
	r->tcp.attempts[0].to.addr = r->dns.a.answers[0].addr;
}

/* ---- DNS ---- */

#define BREAK(name)                                                            \
	static void name(struct diag_case *c, struct endpoint_result *r)
#define UNUSED (void)c

BREAK(dns_nx)
{
	UNUSED;
	diag_fail_dns(r, DNS_NXDOMAIN);
}

BREAK(dns_nodata)
{
	UNUSED;
	diag_fail_dns(r, DNS_NODATA);
}

BREAK(dns_servfail)
{
	UNUSED;
	diag_fail_dns(r, DNS_SERVFAIL);
	r->dns.a.has_ede = true;
	r->dns.a.ede_code = 6;
	COPY(r->dns.a.ede_text, "DNSSEC Bogus");
	r->dns.a.cd_works = true;
}

BREAK(dns_rcode)
{
	UNUSED;
	diag_fail_dns(r, DNS_OTHER_RCODE);
	r->dns.a.rcode = 4;
}

BREAK(dns_refused)
{
	UNUSED;
	diag_fail_dns(r, DNS_REFUSED);
}

BREAK(dns_timeout)
{
	UNUSED;
	diag_fail_dns(r, DNS_TIMEOUT);
	r->dns.a.tries = 6;
}

BREAK(dns_down)
{
	UNUSED;
	diag_fail_dns(r, DNS_DOWN);
	r->dns.a.err = ECONNREFUSED;
}

BREAK(dns_tcp)
{
	UNUSED;
	diag_fail_dns(r, DNS_TCP_BLOCKED);
	r->dns.a.truncated = true;
	r->dns.a.err = ECONNREFUSED;
}

BREAK(dns_bad)
{
	UNUSED;
	diag_fail_dns(r, DNS_MALFORMED);
	r->dns.a.plain_works = true;
}

BREAK(dns_zero)
{
	UNUSED;
	diag_stop_at(r, PHASE_TCP, PHASE_FAILED);
	set_answer(r, "0.0.0.0");
	r->tcp.used = -1;
	r->tcp.attempts[0].end = TCP_SKIPPED;
}

BREAK(dns_priv_name)
{
	UNUSED;
	set_answer(r, "10.9.9.9");
	diag_other_cert(r, "Corp", 20);
	COPY(r->tls.chain[0].names, "intranet.corp");
	r->tls.name_matches = false;
	memset(&r->http, 0, sizeof(r->http));
}

BREAK(dns_priv_drop)
{
	UNUSED;
	set_answer(r, "10.9.9.9");
	diag_fail_tcp(r, TCP_TIMEOUT, ETIMEDOUT);
}

BREAK(dns_cname)
{
	UNUSED;
	r->dns.a.chain_count = 1;
	COPY(r->dns.a.chain[0], "sinkhole.paloaltonetworks.com");
	diag_other_cert(r, "Corp", 18);
	r->tls.name_matches = false;
}

BREAK(dns_page)
{
	UNUSED;
	diag_other_cert(r, "Corp", 20);
	COPY(r->tls.chain[0].names, "block.corp.example");
	r->tls.name_matches = false;
	diag_http(r, 200, "text/html", "<html><title>Blocked</title>");
	r->http.amz_request_id[0] = r->http.amz_bucket_region[0] = '\0';
	COPY(r->http.title, "Blocked");
}

BREAK(dns_search)
{
	UNUSED;
	r->dns.search.asked = true;
	r->dns.search.ndots = 5;
	COPY(r->dns.search.hit, "container.us-1.corp.example");
	set_addr(&r->dns.search.hit_addr, "10.1.1.1");
}

BREAK(dns_flap)
{
	UNUSED;
	r->dns.again_count = 1;
	set_addr(&r->dns.again[0].addr, "52.99.99.99");
	r->dns.again_after_ns = 900 * (uint64_t)MS;
}

/* ---- TCP ---- */

BREAK(tcp_refused)
{
	UNUSED;
	diag_fail_tcp(r, TCP_REFUSED, ECONNREFUSED);
}

BREAK(tcp_drop)
{
	UNUSED;
	diag_fail_tcp(r, TCP_TIMEOUT, ETIMEDOUT);
	r->tcp.attempts[0].figures.known = true;
	r->tcp.attempts[0].figures.total_retrans = 2;
}

BREAK(tcp_unreach)
{
	UNUSED;
	diag_fail_tcp(r, TCP_UNREACHABLE, ENETUNREACH);
}

BREAK(tcp_localdeny)
{
	UNUSED;
	diag_fail_tcp(r, TCP_LOCAL_DENY, EACCES);
}

BREAK(tcp_ephemeral)
{
	UNUSED;
	diag_fail_tcp(r, TCP_NO_PORT, EADDRNOTAVAIL);
}

BREAK(tcp_other)
{
	UNUSED;
	diag_fail_tcp(r, TCP_OTHER, ENOMEM);
}

BREAK(tcp_v6)
{
	struct tcp_attempt *v4 = &r->tcp.attempts[1];

	UNUSED;
	*v4 = r->tcp.attempts[0];
	r->tcp.used = 1;
	r->tcp.attempt_count = 2;
	r->dns.aaaa.status = DNS_ANSWER;
	r->dns.aaaa.answer_count = 1;
	set_addr(&r->dns.aaaa.answers[0].addr, "2600:9000::1");
	set_addr(&r->tcp.attempts[0].to.addr, "2600:9000::1");
	r->tcp.attempts[0].end = TCP_UNREACHABLE;
	r->tcp.attempts[0].err = ENETUNREACH;
}

BREAK(tcp_eof0)
{
	UNUSED;
	diag_fail_tls(r, TLS_CLOSED);
	r->bisect.neutral_name = r->bisect.small_hello = r->bisect.split_hello =
	    LOOK_FAILED;
}

/* ---- the proxy ---- */

BREAK(px_407)
{
	UNUSED;
	diag_fail_proxy_status(r, 407, "Proxy Authentication Required");
	COPY(r->proxy.schemes, "Basic, NTLM");
}

BREAK(px_407_ntlm)
{
	UNUSED;
	diag_fail_proxy_status(r, 407, "authenticate");
	COPY(r->proxy.schemes, "Negotiate, NTLM");
}

BREAK(px_403)
{
	UNUSED;
	diag_fail_proxy_status(r, 403, "Forbidden by rule 17");
	COPY(r->proxy.squid_error, "ERR_ACCESS_DENIED 0");
	COPY(r->proxy.via, "1.1 squid");
}

BREAK(px_403_sekisho)
{
	UNUSED;
	diag_fail_proxy_status(r, 403, "host not on allowlist: x");
	COPY(r->proxy.proxy_status,
	    "sekisho; error=http_request_denied; details=\"…\"");
}

BREAK(px_401)
{
	UNUSED;
	diag_fail_proxy_status(r, 401, "Unauthorized");
	r->proxy.www_authenticate = true;
}

BREAK(px_busy)
{
	UNUSED;
	diag_fail_proxy_status(r, 429, "rate limited");
	COPY(r->proxy.retry_after, "1");
}

BREAK(px_5xx)
{
	UNUSED;
	diag_fail_proxy_status(r, 502, "dns_nxdomain");
}

BREAK(px_notunnel)
{
	UNUSED;
	diag_fail_proxy_status(r, 405, "Method Not Allowed");
	COPY(r->proxy.server, "nginx");
}

BREAK(px_garbage)
{
	UNUSED;
	diag_stop_at(r, PHASE_PROXY, PHASE_FAILED);
	r->proxy.end = PROXY_GARBAGE;
	r->proxy.status = 0;
	COPY(r->proxy.first_bytes, "SSH-2.0-OpenSSH_9.2");
	r->proxy.first_byte_count = 19;
}

BREAK(px_scheme_tls)
{
	px_garbage(c, r);
	COPY(r->proxy.first_bytes, "\x15\x03\x01");
	r->proxy.first_byte_count = 3;
}

BREAK(px_scheme_plain)
{
	UNUSED;
	diag_stop_at(r, PHASE_PROXY, PHASE_FAILED);
	r->proxy.end = PROXY_TLS_FAILED;
	r->proxy.tls.end = TLS_PLAINTEXT;
	COPY(r->proxy.tls.first_bytes, "HTTP/1.1 400 Bad Request");
	r->proxy.tls.first_byte_count = 24;
}

BREAK(px_tls)
{
	UNUSED;
	diag_stop_at(r, PHASE_PROXY, PHASE_FAILED);
	r->proxy.end = PROXY_TLS_FAILED;
	r->proxy.tls.end = TLS_FINISHED;
	r->proxy.tls.name_matches = true;
	r->proxy.tls.verify_code = 20;
	COPY(r->proxy.tls.verify_text, "unable to get local issuer");
}

BREAK(px_abort)
{
	UNUSED;
	diag_stop_at(r, PHASE_PROXY, PHASE_FAILED);
	r->proxy.end = PROXY_CLOSED;
	r->proxy.status = 0;
}

BREAK(px_silent)
{
	UNUSED;
	diag_stop_at(r, PHASE_PROXY, PHASE_TIMED_OUT);
	r->proxy.end = PROXY_SILENT;
	r->proxy.status = 0;
}

BREAK(px_page)
{
	UNUSED;
	diag_fail_tls(r, TLS_PLAINTEXT);
	COPY(r->tls.first_bytes, "<html>Access denied by policy");
	r->tls.first_byte_count = 29;
}

BREAK(px_socks_denied)
{
	UNUSED;
	diag_stop_at(r, PHASE_PROXY, PHASE_FAILED);
	r->proxy.end = PROXY_SOCKS_REFUSED;
	r->proxy.status = 0;
	r->proxy.reason[0] = '\0';
	r->proxy.socks_reply = 2;
}

BREAK(px_socks_auth)
{
	px_socks_denied(c, r);
	r->proxy.end = PROXY_SOCKS_AUTH;
	r->proxy.socks_reply = -1;
	r->proxy.socks_method = 255;
}

BREAK(dns_proxyonly)
{
	UNUSED;
	r->own_dns.a.status = r->own_dns.aaaa.status = DNS_NXDOMAIN;
	r->own_dns.a.answer_count = 0;
}

/* ---- TLS ---- */

BREAK(tls_rst)
{
	UNUSED;
	diag_fail_tls(r, TLS_RESET);
	r->bisect.neutral_name = LOOK_PASSED;
	r->bisect.small_hello = LOOK_FAILED;
	r->bisect.split_hello = LOOK_PASSED;
}

BREAK(tls_eof)
{
	UNUSED;
	diag_fail_tls(r, TLS_CLOSED);
	r->bisect.neutral_name = LOOK_PASSED;
	r->bisect.small_hello = r->bisect.split_hello = LOOK_FAILED;
}

BREAK(tls_silent_up)
{
	UNUSED;
	diag_fail_tls(r, TLS_SILENT);
	r->tls.figures.known = true;
	r->tls.figures.unacked = 3;
	r->tls.figures.retransmits = 3;
}

BREAK(tls_bighello)
{
	UNUSED;
	diag_fail_tls(r, TLS_RESET);
	r->bisect.neutral_name = r->bisect.split_hello = LOOK_FAILED;
	r->bisect.small_hello = LOOK_PASSED;
	r->bisect.small_bytes = 310;
}

BREAK(tls_pmtu_down)
{
	UNUSED;
	diag_fail_tls(r, TLS_SILENT);
	r->tls.figures.known = true;
	r->tls.figures.mss = 1460;
}

BREAK(tls_silent)
{
	UNUSED;
	diag_fail_tls(r, TLS_SILENT);
}

BREAK(tls_plain)
{
	UNUSED;
	diag_fail_tls(r, TLS_PLAINTEXT);
	COPY(r->tls.first_bytes, "HTTP/1.1 403 Forbidden\r\n");
	r->tls.first_byte_count = 24;
}

BREAK(tls_alert_112)
{
	UNUSED;
	diag_fail_tls(r, TLS_ALERT);
	r->tls.alert = 112;
	COPY(r->tls.alert_name, "unrecognized_name");
}

BREAK(tls_alert_40)
{
	tls_alert_112(c, r);
	r->tls.alert = 40;
	COPY(r->tls.alert_name, "handshake_failure");
}

BREAK(tls_alert_80)
{
	tls_alert_112(c, r);
	r->tls.alert = 80;
	COPY(r->tls.alert_name, "internal_error");
}

BREAK(tls_mitm)
{
	UNUSED;
	diag_other_cert(r, "Zscaler", 20);
}

BREAK(tls_mitm_root)
{
	UNUSED;
	diag_other_cert(r, "Corp Inspection", 19);
}

BREAK(tls_mitm_ok)
{
	UNUSED;
	diag_other_cert(r, "Corp Inspection", 0);
}

/* An interceptor that copies the issuer's name cannot copy the SCTs. */
BREAK(tls_mitm_claimed)
{
	UNUSED;
	diag_other_cert(r, "Amazon", 0);
}

BREAK(tls_nointer)
{
	UNUSED;
	r->tls.verified = false;
	r->tls.verify_code = 21;
	r->tls.chain_count = 1;
}

BREAK(tls_self)
{
	UNUSED;
	diag_other_cert(r, "Appliance", 18);
	r->tls.issuer = ISSUER_SELF;
	COPY(r->tls.chain[0].subject, "CN=appliance.local");
}

BREAK(tls_name)
{
	UNUSED;
	r->tls.name_matches = false;
	COPY(r->tls.chain[0].names, "other.example.net");
	memset(&r->http, 0, sizeof(r->http));
}

BREAK(tls_expired)
{
	UNUSED;
	r->tls.verified = false;
	r->tls.verify_code = 10;
	r->tls.chain[0].not_after = 1700000000;
}

BREAK(tls_expired_root)
{
	tls_expired(c, r);
	r->tls.verify_depth = 1;
	r->tls.chain[1].not_after = 1600000000;
}

BREAK(tls_notyet)
{
	UNUSED;
	r->tls.verified = false;
	r->tls.verify_code = 9;
}

BREAK(tls_cabundle)
{
	c->run->vantage.ca_count = 0;
	r->tls.verified = false;
	r->tls.verify_code = 20;
}

BREAK(tls_client)
{
	UNUSED;
	r->tls.late_alert = true;
	r->tls.alert = 116;
	COPY(r->tls.alert_name, "certificate_required");
	diag_stop_at(r, PHASE_HTTP, PHASE_FAILED);
	r->http.end = HTTP_OTHER;
}

BREAK(tls_alpn)
{
	UNUSED;
	r->tls.alpn[0] = '\0';
}

BREAK(tls_alpn_alert)
{
	tls_alert_112(c, r);
	r->tls.alert = 120;
}

BREAK(tls_broken)
{
	UNUSED;
	diag_fail_tls(r, TLS_BROKEN);
	COPY(r->tls.reason, "bad record mac");
}

/* ---- HTTP ---- */

static void
with_key(struct diag_case *c, struct endpoint_result *r)
{
	c->run->key.given = true;
	c->run->key.usual_shape = true;
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

/* ---- the place, and the run ---- */

BREAK(rtt_slow)
{
	UNUSED;
	r->trips.count = 10;
	r->trips.p50_ns = 2000 * (uint64_t)MS;
	r->trips.p95_ns = 9000 * (uint64_t)MS;
	r->trips.max_ns = 11000 * (uint64_t)MS;
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

#define DIRECT "--direct"
#define HTTP   "--proxy=http://10.0.0.5:3128"
#define HTTPS  "--proxy=https://10.0.0.5:3128"
#define USER   "--proxy=http://tcs:S3cret%23@10.0.0.5:3128"
#define SOCKS  "--proxy=socks5://10.0.0.5:1080"
#define NONE   PHASE_COUNT /* nobody is to blame */

static const struct row {
	const char *id, *way, *category;
	break_fn breaks;
	enum phase phase; /* whose cell is bad (or unknown) */
	int exit_code;
	const char *seen, *todo; /* words that must be there, or NULL */
	const char *also;        /* a second finding that is right, or NULL */
} rows[] = {
    {"DNS-NX", DIRECT, "container", dns_nx, PHASE_DNS, 1, "10.0.0.53:53",
	"dig @10.0.0.53 container.us-1.cloudone", NULL},
    {"DNS-NODATA", DIRECT, "sensor", dns_nodata, PHASE_DNS, 1, "rcode 0",
	"amazonaws.com", NULL},
    {"DNS-SERVFAIL", DIRECT, "registry", dns_servfail, PHASE_DNS, 1,
	"6 DNSSEC Bogus", "+cd public.ecr.aws", NULL},
    {"DNS-RCODE", DIRECT, "iot", dns_rcode, PHASE_DNS, 1, "rcode 4", "dig",
	NULL},
    {"DNS-REFUSED", DIRECT, "container", dns_refused, PHASE_DNS, 1,
	"from 10.4.1.7", "allow-recursion", NULL},
    {"DNS-TIMEOUT", DIRECT, "container", dns_timeout, PHASE_DNS, 1,
	"6 question(s) to 10.0.0.53:53", "udp/53", NULL},
    {"DNS-DOWN", DIRECT, "container", dns_down, PHASE_DNS, 1, "ECONNREFUSED",
	"systemctl status systemd-resolved", NULL},
    {"DNS-TCP", DIRECT, "container", dns_tcp, PHASE_DNS, 1, "truncated",
	"dig +tcp", NULL},
    {"DNS-BAD", DIRECT, "container", dns_bad, PHASE_DNS, 1, "Without EDNS",
	"+noedns", NULL},
    {"DNS-ZERO", DIRECT, "telemetry", dns_zero, PHASE_DNS, 1, "0.0.0.0",
	"rpz-passthru", NULL},
    {"DNS-PRIV", DIRECT, "sensor", dns_priv_name, PHASE_DNS, 1, "intranet.corp",
	"10.9.9.9", NULL},
    {"DNS-PRIV", DIRECT, "sensor", dns_priv_drop, PHASE_DNS, 1, "timeout",
	"10.9.9.9", NULL},
    {"DNS-CNAME", DIRECT, "container", dns_cname, PHASE_DNS, 1,
	"sinkhole.paloaltonetworks.com", "exceptions", NULL},
    {"DNS-PAGE", DIRECT, "container", dns_page, PHASE_DNS, 1, "Blocked",
	"exception", NULL},
    {"DNS-SEARCH", DIRECT, "container", dns_search, NONE, 0,
	"container.us-1.corp.example = 10.1.1.1", "ndots, value: \"1\"}", NULL},
    {"DNS-FLAP", DIRECT, "sensor", dns_flap, NONE, 0, "52.99.99.99", NULL,
	NULL},
    {"DNS-PROXYONLY", HTTP, "container", dns_proxyonly, NONE, 0, "nxdomain",
	NULL, NULL},

    {"TCP-REFUSED", DIRECT, "container", tcp_refused, PHASE_TCP, 1,
	"ECONNREFUSED, 111", "from 10.4.1.7", NULL},
    {"TCP-DROP", DIRECT, "container", tcp_drop, PHASE_TCP, 1,
	"2 retransmissions", "ip route get 52.10.0.0", NULL},
    {"TCP-UNREACH", DIRECT, "container", tcp_unreach, PHASE_TCP, 1,
	"ENETUNREACH", "ip route get", NULL},
    {"TCP-LOCALDENY", DIRECT, "container", tcp_localdeny, PHASE_TCP, 1,
	"EACCES", "nft list ruleset", NULL},
    {"TCP-EPHEMERAL", DIRECT, "container", tcp_ephemeral, PHASE_TCP, 1,
	"EADDRNOTAVAIL", "ip_local_port_range", NULL},
    {"TCP-OTHER", DIRECT, "container", tcp_other, PHASE_TCP, 1, "ENOMEM",
	"dmesg", NULL},
    {"TCP-V6", DIRECT, "container", tcp_v6, NONE, 0, "[2600:9000::1]:443",
	"gai.conf", NULL},
    {"TCP-EOF0", DIRECT, "container", tcp_eof0, PHASE_TLS, 1, "without a byte",
	"openssl s_client -connect 52.10.0.0:443", NULL},

    {"PX-407", HTTP, "container", px_407, PHASE_PROXY, 1, "no credentials",
	"curl -v -x http://10.0.0.5:3128 -U USER", NULL},
    {"PX-407", USER, "container", px_407, PHASE_PROXY, 1, "user tcs", "-U tcs",
	NULL},
    {"PX-407", USER, "container", px_407_ntlm, PHASE_PROXY, 1,
	"Negotiate, NTLM", "-U tcs", NULL},
    {"PX-403", HTTP, "container", px_403, PHASE_PROXY, 1,
	"\"Forbidden by rule 17\"",
	"CONNECT container.us-1.cloudone.trendmicro.com:443", NULL},
    {"PX-403", HTTP, "container", px_403_sekisho, PHASE_PROXY, 1,
	"host not on allowlist",
	"sekisho-proxy --explain container.us-1.cloudone", NULL},
    {"PX-403", SOCKS, "container", px_socks_denied, PHASE_PROXY, 1,
	"SOCKS5 reply 2", "CONNECT", NULL},
    {"PX-407", SOCKS, "container", px_socks_auth, PHASE_PROXY, 1,
	"SOCKS5 method 255", "curl", NULL},
    {"PX-401", HTTP, "container", px_401, PHASE_PROXY, 1, "401 Unauthorized",
	"407", NULL},
    {"PX-BUSY", HTTP, "container", px_busy, PHASE_PROXY, 1, "Retry-After: 1",
	"limits.tunnels", NULL},
    {"PX-5XX", HTTP, "container", px_5xx, PHASE_PROXY, 1, "502",
	"On the proxy: getent ahosts container", NULL},
    {"PX-NOTUNNEL", HTTP, "container", px_notunnel, PHASE_PROXY, 1, "nginx",
	"--proxy", NULL},
    {"PX-NOTUNNEL", HTTP, "container", px_garbage, PHASE_PROXY, 1,
	"SSH-2.0-OpenSSH_9.2", "--proxy", NULL},
    {"PX-ABORT", HTTP, "container", px_abort, PHASE_PROXY, 1,
	"without a status line", "--proxy https://10.0.0.5:3128", NULL},
    {"PX-SILENT", HTTP, "container", px_silent, PHASE_PROXY, 1,
	"no status line", "--timeout 90s", NULL},
    {"PX-SCHEME", HTTP, "container", px_scheme_tls, PHASE_PROXY, 1,
	"answers with TLS", "https://10.0.0.5:3128", NULL},
    {"PX-SCHEME", HTTPS, "container", px_scheme_plain, PHASE_PROXY, 1,
	"HTTP/1.1 400", "http://10.0.0.5:3128", NULL},
    {"PX-TLS", HTTPS, "container", px_tls, PHASE_PROXY, 1, "code 20",
	"openssl s_client -connect 10.0.0.5:3128", NULL},
    {"PX-PAGE", HTTP, "container", px_page, PHASE_PROXY, 1,
	"<html>Access denied by policy", "exempt", NULL},

    {"TLS-RST", DIRECT, "container", tls_rst, PHASE_TLS, 1,
	"Another name: passed", "SNI", NULL},
    {"TLS-EOF", DIRECT, "container", tls_eof, PHASE_TLS, 1,
	"Another name: passed", "SNI", NULL},
    {"TLS-EOF", HTTP, "container", tls_eof, PHASE_TLS, 1,
	"through 10.0.0.5:3128", "SNI", NULL},
    {"TLS-SILENT-UP", DIRECT, "container", tls_silent_up, PHASE_TLS, 1,
	"unacked 3, retransmissions 3", "dev eth0 mtu 1400", NULL},
    {"TLS-BIGHELLO", DIRECT, "container", tls_bighello, PHASE_TLS, 1,
	"of 310 bytes", "tlsmlkem=0", NULL},
    {"TLS-PMTU-DOWN", DIRECT, "container", tls_pmtu_down, PHASE_TLS, 1,
	"unacked 0, retransmissions 0", "tcp_mtu_probing=1", NULL},
    {"TLS-SILENT", HTTP, "container", tls_silent, PHASE_TLS, 1, "0 bytes back",
	"On the proxy", NULL},
    {"TLS-PLAIN", DIRECT, "container", tls_plain, PHASE_TLS, 1,
	"HTTP/1.1 403 Forbidden\\r\\n", "exception", NULL},
    {"TLS-ALERT", DIRECT, "container", tls_alert_112, PHASE_TLS, 1,
	"112 (unrecognized_name)", "/etc/hosts", NULL},
    {"TLS-ALERT", DIRECT, "container", tls_alert_40, PHASE_TLS, 1,
	"40 (handshake_failure)", "Exempt", NULL},
    {"TLS-ALERT", DIRECT, "container", tls_alert_80, PHASE_TLS, 1,
	"80 (internal_error)", "Exempt", NULL},
    {"TLS-MITM", DIRECT, "container", tls_mitm, PHASE_TLS, 1,
	"\"Zscaler CA\" (Zscaler)", "proxy.selfSignedCertificates", NULL},
    {"TLS-MITM", HTTP, "container", tls_mitm_root, PHASE_TLS, 1, "code 19",
	"-showcerts -proxy 10.0.0.5:3128", NULL},
    {"TLS-MITM-OK", DIRECT, "container", tls_mitm_ok, PHASE_TLS, 5,
	"\"Corp Inspection CA\"", "Exempt", NULL},
    {"TLS-MITM-OK", DIRECT, "sensor", tls_mitm_claimed, PHASE_TLS, 5, "no SCT",
	"Exempt", NULL},
    {"TLS-NOINTER", DIRECT, "container", tls_nointer, PHASE_TLS, 1,
	"amazontrust.com", "whole chain", NULL},
    {"TLS-SELF", DIRECT, "container", tls_self, PHASE_TLS, 1,
	"CN=appliance.local", "getent ahosts", NULL},
    {"TLS-NAME", DIRECT, "container", tls_name, PHASE_TLS, 1,
	"other.example.net", "/etc/hosts", NULL},
    {"TLS-EXPIRED", DIRECT, "container", tls_expired, PHASE_TLS, 1,
	"2023-11-14", "timedatectl", NULL},
    {"TLS-EXPIRED", DIRECT, "container", tls_expired_root, PHASE_TLS, 1,
	"2020-09-13", "ca-certificates", NULL},
    {"TLS-NOTYET", DIRECT, "container", tls_notyet, PHASE_TLS, 1,
	"valid from 2026-05", "chronyc", NULL},
    {"TLS-CABUNDLE", DIRECT, "container", tls_cabundle, PHASE_TLS, 1,
	"0 roots in /etc/ssl", "SSL_CERT_FILE", NULL},
    {"TLS-CLIENT", DIRECT, "container", tls_client, PHASE_TLS, 1,
	"alert 116 (certificate_required)", "Exempt", NULL},
    {"TLS-ALPN", DIRECT, "iot", tls_alpn, NONE, 0, "x-amzn-mqtt-ca",
	"-alpn x-amzn-mqtt-ca", NULL},
    {"TLS-ALPN", DIRECT, "iot", tls_alpn_alert, PHASE_TLS, 1, "alert 120",
	"-alpn", NULL},
    {"TLS-BROKEN", DIRECT, "container", tls_broken, PHASE_TLS, 1,
	"bad record mac", "openssl", NULL},

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

/* How many lines a text takes, wrapped behind its label. */
static size_t
lines_of(const char *text)
{
	size_t lines = 1, column = 0;

	for (; *text != '\0'; text++) {
		if ((*text & 0xc0) == 0x80)
			continue; /* rest of a UTF-8 character */
		if (*text == '\n' || ++column > BLOCK_COLUMNS - LABEL_COLUMNS) {
			lines++;
			column = *text == '\n' ? 0 : 1;
		}
	}
	return lines;
}

static void
check_texts(const struct run *run, const struct finding *f, enum lang lang)
{
	struct finding again = *f;
	size_t lines = 1 + lines_of(f->seen) + lines_of(f->means) +
		       lines_of(f->todo) + lines_of(f->proof);

	if (!prescription_write(run, &again, lang))
		fail_msg("%s: a text names a fact that is missing: %s | %s | "
			 "%s | %s",
		    finding_text(f->id)->id, f->title, f->seen, f->means,
		    f->todo);
	assert_true(f->title[0] && f->seen[0] && f->means[0] && f->todo[0]);
	assert_ptr_equal(strstr(f->proof, "sekisho-diag check --"), f->proof);
	if (strstr(f->todo, "S3cret") || strstr(f->proof, "S3cret") ||
	    strstr(f->seen, "S3cret"))
		fail_msg("%s shows the password", finding_text(f->id)->id);
	if (lang == LANG_EN && f->severity != SEVERITY_INFO &&
	    lines > BLOCK_LINES_MAX + 1)
		fail_msg("%s takes %zu lines:\n%s\n%s\n%s\n%s",
		    finding_text(f->id)->id, lines, f->seen, f->means, f->todo,
		    f->proof);
}

/* Findings that say that something odd is healthy; always welcome. */
static bool
is_comfort(enum finding_id id)
{
	return id == FINDING_HTTP_401_NOKEY || id == FINDING_HTTP_403_S3 ||
	       id == FINDING_DNS_NO_AAAA;
}

static void
check_nothing_else(const struct row *row, const struct diagnosis *d)
{
	for (size_t i = 0; i < d->finding_count; i++) {
		const char *id = finding_text(d->findings[i].id)->id;

		if (strcmp(id, row->id) != 0 &&
		    (row->also == NULL || strcmp(id, row->also) != 0) &&
		    !is_comfort(d->findings[i].id))
			fail_msg("%s: %s is blamed too: %s", row->id, id,
			    d->findings[i].seen);
	}
}

static void
check_views(const struct row *row, const struct diagnosis *d, size_t broken)
{
	for (size_t i = 0; i < d->endpoint_count; i++) {
		const struct endpoint_view *v = &d->views[i];

		for (unsigned p = 0; p < PHASE_COUNT; p++) {
			enum cell cell = v->cells[p];

			if (i != broken || p != row->phase)
				assert_true(
				    cell == CELL_OK || cell == CELL_SKIPPED);
			else if (row->exit_code == 5)
				assert_int_equal(cell, CELL_UNKNOWN);
			else
				assert_int_equal(cell, CELL_BAD);
			if (i == broken && p > row->phase)
				assert_int_equal(cell, CELL_SKIPPED);
		}
		if (i != broken || row->phase == NONE || row->exit_code == 4)
			assert_int_equal(v->reachable, TRI_YES);
		else if (row->exit_code == 5)
			assert_int_equal(v->reachable, TRI_UNKNOWN);
	}
}

static void
check_row(const struct row *row)
{
	const char *args[] = {"--region=us-1", row->way, NULL};
	struct diag_case *c = diag_case_new(args, NULL);
	struct endpoint_result *r =
	    row->category ? diag_endpoint(c, row->category) : NULL;
	size_t broken =
	    r ? (size_t)(r - c->run->endpoints) : c->run->endpoint_count;
	const struct diagnosis *d;
	const struct finding *f;

	row->breaks(c, r);
	d = diag_diagnose(c, LANG_JA);
	f = diag_finding(d, row->id);
	if (f == NULL)
		fail_msg("%s not found: %s", row->id, d->headline);
	check_texts(c->run, f, LANG_JA);
	d = diag_diagnose(c, LANG_EN);
	f = diag_finding(d, row->id);
	assert_non_null(f);
	check_texts(c->run, f, LANG_EN);
	if (row->seen && !strstr(f->seen, row->seen))
		fail_msg("%s: no \"%s\" in: %s", row->id, row->seen, f->seen);
	if (row->todo && !strstr(f->todo, row->todo) &&
	    !strstr(f->means, row->todo))
		fail_msg("%s: no \"%s\" in: %s", row->id, row->todo, f->todo);
	assert_int_equal(f->endpoint_count, r != NULL);
	if (r != NULL)
		assert_int_equal(f->endpoints[0], broken);
	check_nothing_else(row, d);
	check_views(row, d, broken);
	if (d->exit_code != row->exit_code)
		fail_msg("%s: exit %d: %s", row->id, d->exit_code, d->headline);
	if (row->phase != NONE)
		assert_int_equal(
		    d->views[broken].cause, (size_t)(f - d->findings));
	diag_case_free(c);
}

static void
each_finding_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_row(&rows[i]);
}

/* Those of findings.def that need more than one broken endpoint, or none. */
static const char *const elsewhere[] = {"DNS-HIJACK", "DNS-NO-AAAA", "PX-NAME",
    "PX-CONN", "PX-PORT", "PX-URL", "PX-BYPASS", "HTTP-401-NOKEY",
    "HTTP-403-S3", "K8S-NETPOL", "GKE-META", "RTT-NEAR", "BASE-CHANGED"};

static void
no_finding_is_untested(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FINDING_COUNT; i++) {
		const char *id = finding_text((enum finding_id)i)->id;
		bool found = false;

		for (size_t j = 0; j < COUNT(rows); j++)
			found |= strcmp(rows[j].id, id) == 0;
		for (size_t j = 0; j < COUNT(elsewhere); j++)
			found |= strcmp(elsewhere[j], id) == 0;
		if (!found)
			fail_msg("no test produces %s", id);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_finding_alone),
	    cmocka_unit_test(no_finding_is_untested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
