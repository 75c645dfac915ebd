/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "dns_hosts.h"
#include "dns_server.h"
#include "net_fixture.h"
#include "probe_fixture.h"

#define NAME "service.test.example"

struct dns_case {
	struct probe_case *c;
	struct dns_server *server;
};

static struct dns_case
dns_case_new(void)
{
	struct dns_case d;

	d.c = case_new(NAME, 443);
	d.server = dns_server_new(d.c->loop);
	d.c->vantage.resolvers[0] = dns_server_at(d.server);
	d.c->vantage.resolver_count = 1;
	d.c->options.resolver_count = 1; /* as --resolver: no hosts file */
	return d;
}

static void
dns_case_free(struct dns_case *d)
{
	dns_server_free(d->server);
	case_free(d->c);
}

/* How one script for A comes out. */
static const struct {
	const char *script;
	enum dns_status status;
	uint8_t rcode;
	bool late, truncated, over_tcp, plain;
} rows[] = {
    {"A 192.0.2.7 60", DNS_ANSWER, 0, false, false, false, false},
    {"A 0.0.0.0 60", DNS_ANSWER, 0, false, false, false, false},
    {"WRONG-ID;A 192.0.2.7 60", DNS_ANSWER, 0, false, false, false, false},
    {"WRONG-NAME;A 192.0.2.7 60", DNS_ANSWER, 0, false, false, false, false},
    {"TWICE;A 192.0.2.7 60", DNS_ANSWER, 0, false, false, false, false},
    {"TC;A 192.0.2.7 60", DNS_ANSWER, 0, false, true, true, false},
    {"NO-EDNS;A 192.0.2.7 60", DNS_ANSWER, 0, false, false, false, true},
    {"RCODE 0", DNS_NODATA, 0, false, false, false, false},
    {"RCODE 3", DNS_NXDOMAIN, 3, false, false, false, false},
    {"RCODE 2", DNS_SERVFAIL, 2, false, false, false, false},
    {"RCODE 5", DNS_REFUSED, 5, false, false, false, false},
    {"RCODE 9", DNS_OTHER_RCODE, 9, false, false, false, false},
    {"GARBAGE", DNS_MALFORMED, 0, false, false, false, false},
    {"SHORT", DNS_MALFORMED, 0, false, false, false, false},
    {"SILENT", DNS_TIMEOUT, 0, true, false, false, false},
};

static void
answers_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dns_case d = dns_case_new();
		const struct dns_result *r = &d.c->result->dns;

		dns_server_script(d.server, NAME, DNS_A, rows[i].script);
		dns_server_script(d.server, NAME, DNS_AAAA,
		    rows[i].late ? "SILENT" : "RCODE 0");
		if (rows[i].late)
			d.c->timeout_ms = CASE_WAIT_MS;
		assert_true(case_run(d.c, &probe_dns));
		assert_int_equal(r->a.status, rows[i].status);
		assert_int_equal(r->a.rcode, rows[i].rcode);
		assert_int_equal(r->a.truncated, rows[i].truncated);
		assert_int_equal(r->a.over_tcp, rows[i].over_tcp);
		assert_int_equal(r->a.plain_works, rows[i].plain);
		assert_true(r->a.tries >= 1);
		assert_true(r->a.time_ns > 0);
		assert_int_equal(
		    r->a.server.port, dns_server_at(d.server).port);
		assert_int_equal(
		    r->aaaa.status, rows[i].late ? DNS_TIMEOUT : DNS_NODATA);
		assert_int_equal(r->time.end, rows[i].status == DNS_ANSWER
						  ? PHASE_DONE
					      : rows[i].late ? PHASE_TIMED_OUT
							     : PHASE_FAILED);
		dns_case_free(&d);
	}
}

static void
chains_and_ttls_are_kept(void **state)
{
	struct dns_case d = dns_case_new();
	const struct dns_result *r = &d.c->result->dns;

	(void)state;
	dns_server_script(d.server, NAME, DNS_A,
	    "CNAME b.example 30;CNAME sinkhole.example 20;A 192.0.2.9 10;"
	    "A 192.0.2.10 11;REVERSED");
	dns_server_script(d.server, NAME, DNS_AAAA, "AAAA 2001:db8::1 5");
	assert_true(case_run(d.c, &probe_dns));
	assert_int_equal(r->a.chain_count, 2);
	assert_string_equal(r->a.chain[0], "b.example");
	assert_string_equal(r->a.chain[1], "sinkhole.example");
	assert_int_equal(r->a.answer_count, 2);
	assert_true(r->a.answers[0].ttl_s == 10 || r->a.answers[0].ttl_s == 11);
	assert_int_equal(r->aaaa.answer_count, 1);
	/* Families take turns on their way to TCP. */
	assert_int_equal(d.c->job.conn.address_count, 3);
	assert_int_equal(d.c->job.conn.addresses[0].addr.family, IP_V6);
	assert_int_equal(d.c->job.conn.addresses[1].addr.family, IP_V4);
	assert_int_equal(d.c->job.conn.addresses[2].port, 443);
	dns_case_free(&d);
}

static void
nobody_at_the_port(void **state)
{
	struct dns_case d = dns_case_new();
	const struct dns_result *r = &d.c->result->dns;

	(void)state;
	d.c->vantage.resolvers[0] =
	    (struct ip_endpoint){fixture_addr("127.0.0.1"), 1};
	assert_true(case_run(d.c, &probe_dns));
	assert_int_equal(r->a.status, DNS_DOWN);
	assert_int_equal(r->a.err, ECONNREFUSED);
	assert_int_equal(r->time.end, PHASE_FAILED);
	dns_case_free(&d);
}

/* The second server answers where the first refuses, fails or is down. */
static void
another_server_is_asked(void **state)
{
	static const char *const first[] = {
	    "RCODE 5", "RCODE 2", "GARBAGE", "SILENT", "SHORT"};

	(void)state;
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		struct dns_case d = dns_case_new();
		struct dns_server *good = dns_server_new(d.c->loop);
		const struct dns_result *r = &d.c->result->dns;

		dns_server_script(d.server, NAME, DNS_A, first[i]);
		dns_server_script(good, NAME, DNS_A, "A 192.0.2.7 60");
		dns_server_script(good, NAME, DNS_AAAA, "RCODE 0");
		d.c->vantage.resolvers[1] = dns_server_at(good);
		d.c->vantage.resolver_count = 2;
		d.c->timeout_ms = 3000;
		assert_true(case_run(d.c, &probe_dns));
		assert_int_equal(r->a.status, DNS_ANSWER);
		assert_int_equal(r->a.server.port, dns_server_at(good).port);
		assert_int_equal(r->time.end, PHASE_DONE);
		dns_server_free(good);
		dns_case_free(&d);
	}
}

/* --- a server of raw packets ---------------------------------------------- */

struct raw {
	struct watch watch;
	struct loop *loop;
	uint16_t port;
	/* Turns a query into an answer; 0: no answer. */
	size_t (*answer)(uint8_t *packet, size_t len);
};

static void
on_raw(struct watch *w, uint32_t events)
{
	struct raw *r = CONTAINER_OF(w, struct raw, watch);
	uint8_t packet[1500];
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(w->fd, packet, sizeof(packet), 0,
	    (struct sockaddr *)&from, &from_len);
	size_t len = n > 0 ? r->answer(packet, (size_t)n) : 0;

	(void)events;
	if (len > 0)
		(void)sendto(
		    w->fd, packet, len, 0, (struct sockaddr *)&from, from_len);
}

static void
raw_begin(struct raw *r, struct probe_case *c,
    size_t (*answer)(uint8_t *packet, size_t len))
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	r->loop = c->loop;
	r->port = ntohs(at.sin_port);
	r->answer = answer;
	assert_true(loop_watch(c->loop, &r->watch, fd, 1, on_raw));
	c->vantage.resolvers[0] =
	    (struct ip_endpoint){fixture_addr("127.0.0.1"), r->port};
	c->vantage.resolver_count = 1;
}

/* Cuts the query to header and question, as an answer without records. */
static size_t
bare(uint8_t *p, size_t len, unsigned flags)
{
	size_t end = 12;

	while (end < len && p[end] != 0)
		end += p[end] + 1U;
	p[2] = (uint8_t)(0x80 | flags >> 8);
	p[3] = (uint8_t)flags;
	p[11] = 0;
	return end + 5;
}

static size_t
truncated(uint8_t *p, size_t len)
{
	return bare(p, len, 0x0200);
}

static size_t
dnssec_bogus(uint8_t *p, size_t len)
{
	/* SERVFAIL, unless the client will check for itself. */
	return bare(p, len, (p[3] & 0x10) ? 0x0080 : 0x0082);
}

static size_t
mangles_edns(uint8_t *p, size_t len)
{
	/* Sends the query back when it has an OPT record. */
	return p[11] != 0 ? len : bare(p, len, 0x0080);
}

static size_t
noise(uint8_t *p, size_t len)
{
	p[0] ^= 0xFF;
	return len;
}

static void
run_raw(size_t (*answer)(uint8_t *, size_t), struct dns_result *out)
{
	struct dns_case d = dns_case_new();
	struct raw raw;

	raw_begin(&raw, d.c, answer);
	d.c->options.ipv4 = true;
	assert_true(case_run(d.c, &probe_dns));
	*out = d.c->result->dns;
	assert_int_equal(out->aaaa.status, DNS_NOT_ASKED);
	watch_close(d.c->loop, &raw.watch);
	dns_case_free(&d);
}

static void
further_questions_explain(void **state)
{
	struct dns_result r;

	(void)state;
	run_raw(truncated, &r); /* nobody listens on TCP */
	assert_int_equal(r.a.status, DNS_TCP_BLOCKED);
	assert_int_equal(r.a.err, ECONNREFUSED);
	assert_true(r.a.truncated);
	run_raw(dnssec_bogus, &r);
	assert_int_equal(r.a.status, DNS_SERVFAIL);
	assert_int_equal(r.a.rcode, 2);
	assert_true(r.a.cd_works);
	run_raw(mangles_edns, &r);
	assert_int_equal(r.a.status, DNS_MALFORMED);
	assert_true(r.a.plain_works);
	run_raw(noise, &r);
	assert_int_equal(r.a.status, DNS_MALFORMED);
	assert_false(r.a.plain_works);
}

/* --- search list ---------------------------------------------------------- */

static void
search_lists_are_walked_as_programs_do(void **state)
{
	struct dns_case d = dns_case_new();
	const struct dns_search *s = &d.c->result->dns.search;

	(void)state;
	dns_server_script(d.server, NAME, DNS_A, "A 192.0.2.7 60");
	dns_server_script(
	    d.server, NAME ".wild.example", DNS_A, "A 10.9.9.9 1");
	(void)snprintf(d.c->vantage.search, sizeof(d.c->vantage.search),
	    "ns.svc.cluster.local svc.cluster.local wild.example more.example");
	d.c->vantage.ndots = 5;
	assert_true(case_run(d.c, &probe_dns));
	assert_true(s->asked);
	assert_int_equal(s->ndots, 5);
	assert_int_equal(s->misses, 2);
	assert_string_equal(s->hit, NAME ".wild.example");
	assert_int_equal(s->hit_addr.bytes[0], 10);
	assert_int_equal(
	    dns_server_queries(d.server, NAME ".more.example", DNS_A), 0);
	dns_case_free(&d);
	/* Enough dots: programs ask for the name itself first. */
	d = dns_case_new();
	dns_server_script(d.server, NAME, DNS_A, "A 192.0.2.7 60");
	(void)snprintf(
	    d.c->vantage.search, sizeof(d.c->vantage.search), "wild.example");
	d.c->vantage.ndots = 2;
	assert_true(case_run(d.c, &probe_dns));
	assert_false(d.c->result->dns.search.asked);
	dns_case_free(&d);
}

static void
a_silent_search_list_costs_a_second_at_most(void **state)
{
	struct dns_case d = dns_case_new();
	const struct dns_result *r = &d.c->result->dns;

	(void)state;
	dns_server_script(d.server, NAME, DNS_A, "A 192.0.2.7 60");
	dns_server_script(d.server, NAME ".slow.example", DNS_A, "SILENT");
	(void)snprintf(
	    d.c->vantage.search, sizeof(d.c->vantage.search), "slow.example");
	d.c->vantage.ndots = 5;
	assert_true(case_run(d.c, &probe_dns));
	assert_int_equal(r->time.end, PHASE_DONE);
	assert_string_equal(r->search.hit, "");
	assert_true(r->search.time_ns > 0);
	dns_case_free(&d);
}

/* --- without asking ------------------------------------------------------- */

static void
addresses_are_not_asked_for(void **state)
{
	struct probe_case *c = case_new("2001:db8::5", 8443);
	const struct dns_result *r = &c->result->dns;

	(void)state;
	c->target.is_address = true;
	assert_true(case_run(c, &probe_dns));
	assert_true(r->literal);
	assert_int_equal(r->time.end, PHASE_DONE);
	assert_int_equal(c->job.conn.address_count, 1);
	assert_int_equal(c->job.conn.addresses[0].port, 8443);
	case_free(c);
}

static void
no_resolver_is_a_failure_to_begin(void **state)
{
	struct probe_case *c = case_new(NAME, 443);

	(void)state;
	assert_false(case_run(c, &probe_dns));
	assert_int_equal(c->result->dns.time.end, PHASE_FAILED);
	case_turns(c, 2);
	assert_int_equal(c->done, 0);
	case_free(c);
}

static void
hosts_files(void **state)
{
	char path[] = "/tmp/sekisho-hosts-XXXXXX";
	static const char text[] = "# comment\n127.0.0.1 localhost\n"
				   "10.1.2.3\tother " NAME " # here\n"
				   "fd00::1 SERVICE.TEST.EXAMPLE\n"
				   "junk " NAME "\n";
	struct dns_result r = {.literal = false};
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	(void)close(fd);
	assert_true(dns_hosts_find(&r, path, NAME));
	assert_int_equal(r.a.answer_count, 1);
	assert_int_equal(r.a.answers[0].addr.bytes[3], 3);
	assert_int_equal(r.aaaa.answer_count, 1);
	r = (struct dns_result){.literal = false};
	assert_false(dns_hosts_find(&r, path, "test.example"));
	assert_int_equal(unlink(path), 0);
	assert_false(dns_hosts_find(&r, path, NAME));
}

/* --- contract ------------------------------------------------------------- */

static void
cancel_in_every_state(void **state)
{
	static const char *const scripts[] = {"A 192.0.2.7 60", "SILENT",
	    "TC;SILENT", "RCODE 2", "GARBAGE", "TC;A 192.0.2.7 60"};

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		for (unsigned turns = 0; turns < 8; turns++) {
			int fds = fixture_open_fds();
			struct dns_case d = dns_case_new();

			dns_server_script(d.server, NAME, DNS_A, scripts[i]);
			d.c->job.deadline_ns = clock_now_ns() + 5000000000ULL;
			assert_true(probe_dns.start(
			    &d.c->probe, &d.c->job, case_on_done, d.c));
			case_turns(d.c, turns);
			if (d.c->done == 0) {
				probe_dns.cancel(&d.c->probe);
				case_turns(d.c, 3);
				assert_int_equal(d.c->done, 0);
				assert_int_equal(d.c->result->dns.time.end,
				    PHASE_INTERRUPTED);
			}
			dns_case_free(&d);
			assert_int_equal(fixture_open_fds(), fds);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_are_told_apart),
	    cmocka_unit_test(chains_and_ttls_are_kept),
	    cmocka_unit_test(nobody_at_the_port),
	    cmocka_unit_test(another_server_is_asked),
	    cmocka_unit_test(further_questions_explain),
	    cmocka_unit_test(search_lists_are_walked_as_programs_do),
	    cmocka_unit_test(a_silent_search_list_costs_a_second_at_most),
	    cmocka_unit_test(addresses_are_not_asked_for),
	    cmocka_unit_test(no_resolver_is_a_failure_to_begin),
	    cmocka_unit_test(hosts_files),
	    cmocka_unit_test(cancel_in_every_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
