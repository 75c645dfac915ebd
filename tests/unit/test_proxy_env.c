/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "diag_fixture.h"
#include "guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *text;
	enum proxy_url_fault want;
	enum proxy_kind kind;
	const char *host;
	unsigned port;
	const char *user, *password; /* NULL: no user */
	const char *shown;
} urls[] = {
    {"http://10.0.0.5:3128", PROXY_URL_OK, PROXY_HTTP, "10.0.0.5", 3128, NULL,
	"", "http://10.0.0.5:3128"},
    {"HTTP://GW.Corp:3128/", PROXY_URL_OK, PROXY_HTTP, "gw.corp", 3128, NULL,
	"", "http://gw.corp:3128"},
    {"gw:3128", PROXY_URL_OK, PROXY_HTTP, "gw", 3128, NULL, "",
	"http://gw:3128"},
    {"gw", PROXY_URL_OK, PROXY_HTTP, "gw", 80, NULL, "", "http://gw:80"},
    {"https://gw", PROXY_URL_OK, PROXY_HTTPS, "gw", 443, NULL, "",
	"https://gw:443"},
    {"socks5h://gw", PROXY_URL_OK, PROXY_SOCKS5, "gw", 1080, NULL, "",
	"socks5://gw:1080"},
    {"http://[2001:db8::1]:3128", PROXY_URL_OK, PROXY_HTTP, "2001:db8::1", 3128,
	NULL, "", "http://[2001:db8::1]:3128"},
    {"http://tcs:p%23ss@gw:1", PROXY_URL_OK, PROXY_HTTP, "gw", 1, "tcs", "p#ss",
	"http://tcs:***@gw:1"},
    {"http://tcs:a@b@gw:1", PROXY_URL_OK, PROXY_HTTP, "gw", 1, "tcs", "a@b",
	"http://tcs:***@gw:1"},
    {"http://tcs:a:b@gw:1", PROXY_URL_OK, PROXY_HTTP, "gw", 1, "tcs", "a:b",
	"http://tcs:***@gw:1"},
    {"tcs@gw:1", PROXY_URL_OK, PROXY_HTTP, "gw", 1, "tcs", "",
	"http://tcs:***@gw:1"},
    {"", PROXY_URL_EMPTY, PROXY_DIRECT, "", 0, NULL, "", ""},
    {"ftp://gw:1", PROXY_URL_SCHEME, PROXY_DIRECT, "", 0, NULL, "", ""},
    {"http://tcs:p#ss@gw:3128", PROXY_URL_PORT, PROXY_DIRECT, "", 0, NULL, "",
	""},
    {"http://tcs:p/ss@gw:3128", PROXY_URL_PORT, PROXY_DIRECT, "", 0, NULL, "",
	""},
    {"http://tcs:100%@gw:3128", PROXY_URL_ESCAPE, PROXY_DIRECT, "", 0, NULL, "",
	""},
    {"http://tcs:%00@gw:3128", PROXY_URL_ESCAPE, PROXY_DIRECT, "", 0, NULL, "",
	""},
    {"http://gw:0", PROXY_URL_PORT, PROXY_DIRECT, "", 0, NULL, "", ""},
    {"http://gw:65536", PROXY_URL_PORT, PROXY_DIRECT, "", 0, NULL, "", ""},
    {"http://gw:", PROXY_URL_PORT, PROXY_DIRECT, "", 0, NULL, "", ""},
    {"http://", PROXY_URL_HOST, PROXY_DIRECT, "", 0, NULL, "", ""},
    {"http://:3128", PROXY_URL_HOST, PROXY_DIRECT, "", 0, NULL, "", ""},
    {"http://[::1", PROXY_URL_HOST, PROXY_DIRECT, "", 0, NULL, "", ""},
    {"http://[gw]:1", PROXY_URL_HOST, PROXY_DIRECT, "", 0, NULL, "", ""},
    {"http://a b:1", PROXY_URL_CONTROL, PROXY_DIRECT, "", 0, NULL, "", ""},
    {"http://gw:1\n", PROXY_URL_CONTROL, PROXY_DIRECT, "", 0, NULL, "", ""},
};

static void
urls_are_read_as_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(urls); i++) {
		struct guard g = guard_copy(urls[i].text, strlen(urls[i].text));
		struct proxy_url u = {.kind = PROXY_DIRECT};
		enum proxy_url_fault fault =
		    proxy_url_parse(&u, span_of((const char *)g.data, g.len));
		char shown[PROXY_URL_TEXT_MAX];

		guard_free(&g);
		if (fault != urls[i].want)
			fail_msg(
			    "%s: %s", urls[i].text, proxy_url_fault_str(fault));
		if (fault != PROXY_URL_OK) {
			assert_int_equal(u.kind, PROXY_DIRECT);
			continue;
		}
		assert_int_equal(u.kind, urls[i].kind);
		assert_string_equal(u.host, urls[i].host);
		assert_int_equal(u.port, urls[i].port);
		assert_int_equal(u.has_user, urls[i].user != NULL);
		assert_string_equal(u.user, urls[i].user ? urls[i].user : "");
		assert_string_equal(u.password, urls[i].password);
		assert_int_equal(
		    proxy_url_format(&u, shown), strlen(urls[i].shown));
		assert_string_equal(shown, urls[i].shown);
	}
}

static void
read_env(struct proxy_env *env, const char *const *vars, bool pod, bool gke)
{
	struct diag_vars all = {vars};

	proxy_env_read(
	    env, diag_getenv, &all, &(struct proxy_env_where){pod, gke});
}

/* A NO_PROXY value, a host, and whether each reader then goes direct. */
static const struct {
	const char *no_proxy, *host;
	bool curl, go;
} rows[] = {
    {"", "a.example", false, false},
    {"example", "a.example", true, true},
    {"example", "example", true, true},
    {"example", "anexample", false, false},
    {".example", "a.example", true, true},
    {".example", "example", true, false},
    {"*.example", "a.example", false, true},
    {"*", "a.example", true, true},
    {"b,*", "a.example", false, true},
    {"A.EXAMPLE", "a.example", true, true},
    {"a.example.", "a.example", true, false},
    {"x, a.example ,y", "a.example", true, true},
    {"x a.example", "a.example", true, false},
    {"a.example:443", "a.example", false, true},
    {"a.example:80", "a.example", false, false},
    {"10.0.0.0/8", "10.1.2.3", true, true},
    {"10.0.0.0/8", "11.1.2.3", false, false},
    {"10.1.2.3/8", "10.9.9.9", true, true},
    {"10.1.2.3", "10.1.2.3", true, true},
    {"10.1.2.3:443", "10.1.2.3", false, true},
    {"fd00::/8", "fd12::1", true, true},
    {"[fd12::1]", "fd12::1", true, true},
    {"10.0.0.0/8", "a.example", false, false},
    {"", "localhost", false, true},
    {"", "127.0.0.1", false, true},
    {".svc,.cluster.local", "k.d.svc.cluster.local", true, true},
    {"%!s(<nil>)", "a.example", false, false},
    {"[localhost a.example]", "a.example", false, false},
    {",,,", "a.example", false, false},
};

static void
no_proxy_as_curl_and_as_go(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char no[128];
		const char *vars[] = {"HTTPS_PROXY=http://gw:1", no, NULL};
		struct proxy_env env;
		struct proxy_choice curl, go;

		(void)snprintf(no, sizeof(no), "NO_PROXY=%s", rows[i].no_proxy);
		read_env(&env, vars, false, false);
		proxy_env_choose(&curl, &env, READER_CURL, rows[i].host, 443);
		proxy_env_choose(&go, &env, READER_GO, rows[i].host, 443);
		if (curl.via_proxy == rows[i].curl)
			fail_msg("curl: %s of %s", rows[i].host, no);
		if (go.via_proxy == rows[i].go)
			fail_msg("go: %s of %s", rows[i].host, no);
	}
}

static void
which_variable_wins(void **state)
{
	static const char *vars[] = {"HTTPS_PROXY=http://upper:1",
	    "https_proxy=http://lower:1", "ALL_PROXY=http://all:1",
	    "NO_PROXY=.upper", "no_proxy=.lower", NULL};
	static const char *only_all[] = {"ALL_PROXY=socks5://all", NULL};
	struct proxy_env env;
	struct proxy_choice c;

	(void)state;
	read_env(&env, vars, false, false);
	proxy_env_choose(&c, &env, READER_CURL, "a.upper", 443);
	assert_true(c.via_proxy);
	assert_string_equal(c.url.host, "lower");
	assert_string_equal(c.variable, "https_proxy");
	proxy_env_choose(&c, &env, READER_GO, "a.upper", 443);
	assert_false(c.via_proxy);
	assert_string_equal(c.no_variable, "NO_PROXY");
	assert_string_equal(c.token, ".upper");
	read_env(&env, only_all, false, false);
	proxy_env_choose(&c, &env, READER_CURL, "a", 443);
	assert_true(c.via_proxy);
	assert_int_equal(c.url.kind, PROXY_SOCKS5);
	proxy_env_choose(&c, &env, READER_GO, "a", 443);
	assert_false(c.via_proxy);
	assert_int_equal(env.lints[0].kind, LINT_ONLY_ALL_PROXY);
}

static const struct {
	const char *var;
	enum proxy_lint_kind want;
	const char *detail; /* words of it, or NULL */
} lints[] = {
    {"HTTPS_PROXY=gw:3128", LINT_URL_NO_SCHEME, "gw"},
    {"HTTPS_PROXY=http://gw", LINT_URL_NO_PORT, "gw"},
    {"HTTPS_PROXY=http://u:p#S3cret@gw:1", LINT_URL_BAD, "invalid port"},
    {"HTTPS_PROXY=http://u:p#S3cret@gw:1", LINT_URL_PASSWORD,
	"password: 8 bytes as written, 10 when percent-encoded"},
    {"HTTPS_PROXY=http://us er:pw@gw:1", LINT_URL_BAD, "blank"},
    {"HTTPS_PROXY=https://u:pw@gw:1", LINT_URL_HTTPS_USER, "gw"},
    {"HTTPS_PROXY=http://gw:1 ", LINT_URL_TRAILING, NULL},
    {"HTTP_PROXY=http://gw:1", LINT_ONLY_HTTP_PROXY, NULL},
    {"ALL_PROXY=http://gw:1", LINT_ONLY_ALL_PROXY, NULL},
    {"NO_PROXY=.cluster.local,%!s(<nil>)", LINT_NO_PROXY_NIL, "<nil>"},
    {"NO_PROXY=.cluster.local,[localhost 127.0.0.1]", LINT_NO_PROXY_BRACKETS,
	NULL},
    {"NO_PROXY=a b", LINT_NO_PROXY_BLANKS, "a b"},
    {"NO_PROXY=http://a", LINT_NO_PROXY_SCHEME, "http://a"},
    {"NO_PROXY=*.a", LINT_NO_PROXY_STAR_DOT, "*.a"},
    {"NO_PROXY=10.0.0.0/99", LINT_NO_PROXY_CIDR, "10.0.0.0/99"},
};

static const struct proxy_lint *
find_lint(const struct proxy_env *env, enum proxy_lint_kind kind)
{
	for (size_t i = 0; i < env->lint_count; i++) {
		if (env->lints[i].kind == kind)
			return &env->lints[i];
	}
	return NULL;
}

static const char *
detail_of(const struct proxy_env *env, enum proxy_lint_kind kind)
{
	const struct proxy_lint *lint = find_lint(env, kind);

	return lint ? lint->detail : "";
}

static void
traps_are_seen(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lints); i++) {
		const char *vars[] = {lints[i].var, NULL};
		struct proxy_env env;
		const struct proxy_lint *lint;

		read_env(&env, vars, false, false);
		lint = find_lint(&env, lints[i].want);
		if (lint == NULL) {
			fail_msg("not seen: %s", lints[i].var);
			continue;
		}
		if (lints[i].detail && !strstr(lint->detail, lints[i].detail))
			fail_msg("%s: %s", lints[i].var, lint->detail);
		for (size_t j = 0; j < env.lint_count; j++)
			assert_null(strstr(env.lints[j].detail, "S3cret"));
	}
}

static void
a_good_setting_has_no_lint(void **state)
{
	static const char *vars[] = {"HTTPS_PROXY=http://u:p-w%23@gw:3128",
	    "https_proxy=http://u:p-w%23@gw:3128", "HTTP_PROXY=http://gw:3128",
	    "NO_PROXY=.svc,.cluster.local,169.254.169.254,.internal,[::1]",
	    NULL};
	struct proxy_env env;

	(void)state;
	read_env(&env, vars, true, true);
	assert_int_equal(env.lint_count, 0);
}

static void
in_a_cluster_more_is_needed(void **state)
{
	static const char *vars[] = {"HTTPS_PROXY=http://gw:3128", NULL};
	static const char *half[] = {"HTTPS_PROXY=http://gw:3128",
	    "NO_PROXY=.cluster.local,169.254.169.254", NULL};
	struct proxy_env env;

	(void)state;
	read_env(&env, vars, true, true);
	assert_int_equal(env.lint_count, 2);
	assert_string_equal(
	    detail_of(&env, LINT_NO_PROXY_CLUSTER), ".cluster.local");
	read_env(&env, half, true, true);
	assert_string_equal(detail_of(&env, LINT_NO_PROXY_CLUSTER), ".svc");
	assert_string_equal(detail_of(&env, LINT_NO_PROXY_METADATA),
	    "metadata.google.internal");
}

static void
the_corrected_line(void **state)
{
	static const char *vars[] = {
	    "NO_PROXY=.svc, .amazonaws.com,10.0.0.0/8", NULL};
	struct proxy_env env;
	char line[64], tiny[4];

	(void)state;
	read_env(&env, vars, false, false);
	proxy_env_without(&env, ".amazonaws.com", line, sizeof(line));
	assert_string_equal(line, ".svc,10.0.0.0/8");
	proxy_env_without(&env, "x", tiny, sizeof(tiny));
	assert_string_equal(tiny, ".sv");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(urls_are_read_as_written),
	    cmocka_unit_test(no_proxy_as_curl_and_as_go),
	    cmocka_unit_test(which_variable_wins),
	    cmocka_unit_test(traps_are_seen),
	    cmocka_unit_test(a_good_setting_has_no_lint),
	    cmocka_unit_test(in_a_cluster_more_is_needed),
	    cmocka_unit_test(the_corrected_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
