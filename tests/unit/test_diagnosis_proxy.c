/* SPDX-License-Identifier: Apache-2.0
 *
 * Findings about the proxy, each by itself. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "diag_rows.h"

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

static const struct diag_row rows[] = {
    {"DNS-PROXYONLY", HTTP, "container", dns_proxyonly, NONE, 0, "nxdomain",
	NULL, NULL},
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
	"On the proxy: curl -sv", NULL},
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
