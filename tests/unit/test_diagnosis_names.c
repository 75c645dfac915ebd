/* SPDX-License-Identifier: Apache-2.0
 *
 * Findings about names and connections, each by itself. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "diag_rows.h"

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
	r->dns.again_after_ns = 900 * MS;
}

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

static const struct diag_row rows[] = {
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
