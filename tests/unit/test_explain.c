/* SPDX-License-Identifier: Apache-2.0
 *
 * --explain, by the real program: decision, reason and exit code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy_run.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct explain_case {
	const char *target;
	const char *begins; /* what is printed begins so */
	const char *has;    /* and has this somewhere, behind that */
};

static void
check(const struct explain_case *cases, size_t count, int exit_code)
{
	for (size_t i = 0; i < count; i++) {
		struct run r = {
		    .args = {"--region", "us-1", "--explain", cases[i].target},
		    .no_sockets = true,
		};

		run_proxy(&r);
		assert_string_equal(r.err, "");
		assert_int_equal(r.exit_code, exit_code);
		if (strncmp(r.out, cases[i].begins, strlen(cases[i].begins)) !=
		    0)
			assert_string_equal(r.out, cases[i].begins);
		if (strstr(r.out, cases[i].has) == NULL)
			assert_string_equal(r.out, cases[i].has);
		assert_int_equal(r.out[strlen(r.out) - 1], '\n');
	}
}

static void
allowed_hosts_name_their_rule(void **state)
{
	static const char api[] =
	    "allowed: container.us-1.cloudone.trendmicro.com:443\n"
	    "rule: cloudone/us-1.ini:";
	static const struct explain_case cases[] = {
	    {"container.us-1.cloudone.trendmicro.com", api,
		": container.us-1.cloudone.trendmicro.com:443, region us-1, "
		"category container\n"
		"for: Container Security API (admission)\n"
		"without it: Admission reviews get no answer"},
	    {"container.us-1.cloudone.trendmicro.com:443", api,
		"\nthen: the client's TLS hello must name "
		"container.us-1.cloudone.trendmicro.com (tunnel.sni = "
		"verify)\n"},
	    {"CONTAINER.us-1.cloudone.trendmicro.com.", api, "region us-1"},
	    {"public.ecr.aws:443",
		"allowed: public.ecr.aws:443\nrule: cloudone/global.ini:",
		"region global, category registry\n"},
	};

	(void)state;
	check(cases, COUNT(cases), 0);
}

static void
hosts_of_their_own_are_told_of(void **state)
{
	struct run r = {
	    .args = {"--region", "us-1", "--set",
		"host public.ecr.aws.addresses=10.1.2.3,10.2.0.1, ::1", "--set",
		"host public.ecr.aws.allow_addresses=10.1.0.0/16", "--set",
		"host public.ecr.aws.idle_timeout=90s", "--set",
		"host public.ecr.aws.sni=require-tls", "--set",
		"upstream.family=ipv4", "--explain", "public.ecr.aws"},
	    .no_sockets = true,
	};

	(void)state;
	run_proxy(&r);
	assert_string_equal(r.err, "");
	assert_int_equal(r.exit_code, 0);
	assert_non_null(strstr(r.out,
	    "\nat: 10.1.2.3, 10.2.0.1 (never dialled: private-use), ::1 "
	    "(never dialled: loopback), and not where DNS says "
	    "(host public.ecr.aws.addresses)\n"
	    "may lie in: 10.1.0.0/16 (host public.ecr.aws.allow_addresses)\n"
	    "ends: after 90s without a byte "
	    "(host public.ecr.aws.idle_timeout)\n"
	    "then: the client's first bytes must be a TLS hello "
	    "(host public.ecr.aws.sni = require-tls)\n"));
}

static void
report_mode_is_told_of(void **state)
{
	struct run r = {
	    .args = {"--region", "us-1", "--set", "gateway.mode=report",
		"--explain", "example.com"},
	    .no_sockets = true,
	};

	(void)state;
	run_proxy(&r);
	assert_string_equal(r.err, "");
	assert_int_equal(r.exit_code, 1);
	assert_non_null(strstr(r.out, "denied: example.com:443\n"));
	assert_non_null(strstr(r.out,
	    "\nbut: it is let through, logged and counted (gateway.mode = "
	    "report)\n"));
}

/* A name that no list knows is a mistake, and says what came nearest. */
static void
hosts_must_be_listed(void **state)
{
	static const char *const cases[][2] = {
	    {"host public.ecr.aw.sni=off",
		"[host public.ecr.aw]: host not on allowlist: public.ecr.aw; "
		"did you mean public.ecr.aws?\n"},
	    {"host container.jp-1.cloudone.trendmicro.com.sni=off",
		"[host container.jp-1.cloudone.trendmicro.com]: host not on "
		"allowlist: container.jp-1.cloudone.trendmicro.com is of "
		"region jp-1"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct run r = {
		    .args = {"--region", "us-1", "--set", cases[i][0],
			"--check"},
		    .no_sockets = true,
		};

		run_proxy(&r);
		assert_int_equal(r.exit_code, 2);
		assert_string_equal(r.out, "");
		if (strstr(r.err, cases[i][1]) == NULL)
			assert_string_equal(r.err, cases[i][1]);
	}
}

static void
denied_hosts_say_what_is_near(void **state)
{
	static const struct explain_case cases[] = {
	    {"example.com",
		"denied: example.com:443\n"
		"outcome: denied_host (status 403)\n"
		"reason: host not on allowlist: example.com",
		"\n"},
	    {"container.jp-1.cloudone.trendmicro.com",
		"denied: container.jp-1.cloudone.trendmicro.com:443\n"
		"outcome: denied_host (status 403)\nreason: ",
		"\nnearest: cloudone/jp-1.ini:"},
	    {"container.us-1.cloudone.trendmicro.com:80",
		"denied: container.us-1.cloudone.trendmicro.com:80\n"
		"outcome: denied_port (status 403)\nreason: ",
		"\nnearest: cloudone/us-1.ini:"},
	    {"kubernetes.default.svc",
		"denied: kubernetes.default.svc:443\n"
		"outcome: denied_host (status 403)\nreason: ",
		"NO_PROXY"},
	};

	(void)state;
	check(cases, COUNT(cases), 1);
}

static void
malformed_targets_are_denied(void **state)
{
	static const char literal[] = "outcome: denied_address_literal";
	static const struct explain_case cases[] = {
	    {"1.2.3.4", "denied: 1.2.3.4\n", literal},
	    {"1.2.3.4:443", "denied: 1.2.3.4:443\n", literal},
	    {"0x7f.1", "denied: 0x7f.1\n", literal},
	    {"2130706433:443", "denied: 2130706433:443\n", literal},
	    {"::1", "denied: ::1\n", literal},
	    {"[::1]", "denied: [::1]\n", literal},
	    {"[::1]:443", "denied: [::1]:443\n", literal},
	    {"https://public.ecr.aws/", "denied: https://public.ecr.aws/\n",
		"outcome: bad_request (status 400)\nreason: "},
	    {"public.ecr.aws:0", "denied: public.ecr.aws:0\n",
		"outcome: bad_request"},
	    {"public.ecr.aws:", "denied: public.ecr.aws:\n",
		"outcome: bad_request"},
	    {"user@public.ecr.aws", "denied: user@public.ecr.aws\n",
		"outcome: bad_request"},
	    {"a b", "denied: a b\n", "no scheme, user, path or blank.\n"},
	    {"a\x1b[31m\nallowed: x", "denied: a?[31m?allowed: x\n",
		"outcome: bad_request"},
	    {"\xe9\x9b\xb2.example", "denied: ???.example\n",
		"outcome: bad_request"},
	};

	(void)state;
	check(cases, COUNT(cases), 1);
}

static void
sni_mode_is_told(void **state)
{
	static const struct {
		const char *set, *line;
	} cases[] = {
	    {"tunnel.sni=require-tls",
		"then: the client's first bytes must be a TLS hello "
		"(tunnel.sni = require-tls)\n"},
	    {"tunnel.sni=off", "then: any bytes pass (tunnel.sni = off)\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct run r = {
		    .args = {"--region", "us-1", "--set", cases[i].set,
			"--explain", "public.ecr.aws"}};

		run_proxy(&r);
		assert_int_equal(r.exit_code, 0);
		assert_non_null(strstr(r.out, cases[i].line));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(allowed_hosts_name_their_rule),
	    cmocka_unit_test(hosts_of_their_own_are_told_of),
	    cmocka_unit_test(hosts_must_be_listed),
	    cmocka_unit_test(report_mode_is_told_of),
	    cmocka_unit_test(denied_hosts_say_what_is_near),
	    cmocka_unit_test(malformed_targets_are_denied),
	    cmocka_unit_test(sni_mode_is_told),
	};

	return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
