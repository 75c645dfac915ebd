/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line of check, and the plan that is made from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "diag_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static enum options_end
parse(const char *line, struct check_options *o, struct options_message *m)
{
	char copy[512];
	char *argv[DIAG_ARGS_MAX + 1] = {NULL};
	char *at = copy;
	int argc = 0;

	(void)snprintf(copy, sizeof(copy), "check %s", line);
	while (argc < DIAG_ARGS_MAX && *at != '\0') {
		argv[argc++] = at;
		at += strcspn(at, " ");
		if (*at != '\0')
			*at++ = '\0';
	}
	return check_options_parse(o, argc, argv, m);
}

/* Command lines that are refused, and words of the one line that says why. */
static const struct {
	const char *line, *says;
} refused[] = {
    {"", "--region is missing: region codes such as us-1"},
    {"--region", "--region needs an argument: region codes"},
    {"--region us-1 --format xml",
	"--format xml: not accepted; it takes text, json, junit, html"},
    {"--region us-1 --lang de", "--lang de: not accepted; it takes en or ja"},
    {"--region us-1 --timeout 5", "--timeout 5: not accepted; it takes 10ms"},
    {"--region us-1 --timeout 0s", "--timeout 0s: not accepted"},
    {"--region us-1 --feature x", "--feature x: not accepted; it takes adm"},
    {"--region us-1 --resolver x", "an IP address, with a port or not"},
    {"--region us-1 --host a:0", "--host a:0: not accepted"},
    {"--region us-1 --host 0177.1", "--host 0177.1: not accepted"},
    {"--region us-1 --proxy http://u:S3cret#@x:1",
	"--proxy: not accepted; it takes http://, https:// or socks5://"},
    {"--region us-1 --direct --compare",
	"--direct excludes --proxy and --compare"},
    {"--region us-1 --nonsense=5", "unknown option --nonsense: see --help"},
    {"--region us-1 -z", "unknown option -z: see --help"},
    {"--region us-1 --deep=1", "--deep takes no argument"},
    {"--region us-1 extra", "unexpected argument extra"},
};

static void
usage_errors_are_one_line(void **state)
{
	struct check_options o;
	struct options_message m;

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		assert_int_equal(parse(refused[i].line, &o, &m), OPTIONS_USAGE);
		if (!strstr(m.text, refused[i].says))
			fail_msg("%s: %s", refused[i].line, m.text);
		assert_null(strchr(m.text, '\n'));
		assert_null(strstr(m.text, "S3cret"));
	}
}

static void
options_are_taken(void **state)
{
	struct check_options o;
	struct options_message m;

	(void)state;
	assert_int_equal(parse("--region us-1,jp-1 --region de-1 --feature "
			       "runtime --host [::1]:8443 --host 10.0.0.1 "
			       "--host A.example --resolver 10.0.0.53:5353 "
			       "--ipv4 --timeout 250ms -o out -v --format html "
			       "--lang ja --strict --color never --ascii",
			     &o, &m),
	    OPTIONS_RUN);
	assert_int_equal(o.region_count, 3);
	assert_string_equal(o.regions[2], "de-1");
	assert_int_equal(o.features, FEATURE_RUNTIME | FEATURE_ADMISSION);
	assert_int_equal(o.host_count, 3);
	assert_string_equal(o.hosts[0].at.host.text, "::1");
	assert_int_equal(o.hosts[0].at.port, 8443);
	assert_true(o.hosts[1].is_address);
	assert_string_equal(o.hosts[2].at.host.text, "a.example");
	assert_int_equal(o.resolvers[0].port, 5353);
	assert_true(o.ipv4 && !o.ipv6 && o.strict && o.ascii && o.verbose);
	assert_int_equal(o.timeout_ns, 250000000);
	assert_int_equal(o.format, REPORT_HTML);
	assert_int_equal(o.lang, LANG_JA);
	assert_int_equal(parse("--region all", &o, &m), OPTIONS_RUN);
	assert_true(o.ipv4 && o.ipv6);
	assert_int_equal(o.features, FEATURE_ALL);
	assert_int_equal(parse("--help", &o, &m), OPTIONS_EXIT_OK);
	assert_non_null(strstr(m.text, "--api-key-file=FILE"));
	assert_non_null(strstr(m.text, "130 interrupted.\n"));
	assert_int_equal(parse("--version", &o, &m), OPTIONS_EXIT_OK);
}

static void
durations(void **state)
{
	uint64_t ns = 7;

	(void)state;
	assert_true(duration_parse(&ns, span_str("2m")));
	assert_int_equal(ns, 120000000000);
	assert_false(duration_parse(&ns, span_str("5")));
	assert_false(duration_parse(&ns, span_str("s")));
	assert_false(duration_parse(&ns, span_str("5d")));
	assert_false(duration_parse(&ns, span_str("-5s")));
	assert_false(duration_parse(&ns, span_str("9999999999h")));
	assert_int_equal(ns, 120000000000);
}

/* Options, variables, and what the plan holds. */
static const struct {
	const char *args[4];
	size_t targets, hosts, paths;
} plans[] = {
    {{"--region=us-1"}, 9, 9, 1},
    {{"--region=all"}, 51, 51, 1},
    {{"--region=us-1,jp-1"}, 15, 15, 1},
    {{"--region=us-1,us-1"}, 9, 9, 1},
    {{"--region=us-1", "--feature=telemetry"}, 3, 3, 1},
    {{"--region=us-1", "--feature=images,runtime"}, 4, 4, 1},
    {{"--host=public.ecr.aws"}, 1, 1, 1},
    {{"--region=us-1", "--host=public.ecr.aws", "--host=x.example"}, 10, 10, 1},
    {{"--region=us-1", "--proxy=http://gw:1", "--compare"}, 18, 9, 2},
};

static void
plans_hold_what_is_needed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(plans); i++) {
		struct diag_case *c = diag_case_new(plans[i].args, NULL);

		assert_int_equal(c->plan->target_count, plans[i].targets);
		assert_int_equal(c->plan->host_count, plans[i].hosts);
		assert_int_equal(c->plan->path_count, plans[i].paths);
		diag_case_free(c);
	}
}

static void
targets_know_how_they_are_probed(void **state)
{
	static const char *const args[] = {
	    "--region=us-1", "--host=x.example:8443", NULL};
	struct diag_case *c = diag_case_new(args, NULL);
	const struct target *t = diag_endpoint(c, "container")->target;

	(void)state;
	assert_ptr_equal(t, &c->plan->targets[0]);
	assert_int_equal(t->probe, PROBE_JSON_API);
	assert_true(t->send_key && t->expect_public);
	assert_string_equal(t->http_path, "/api/clusters");
	t = diag_endpoint(c, "iot")->target;
	assert_non_null(strstr(t->alpn, "x-amzn-mqtt-ca"));
	assert_string_equal(t->http_path, "");
	assert_false(t->send_key);
	t = diag_endpoint(c, "artifactscan-cli")->target;
	assert_string_equal(t->http_path, "/tmas-cli/metadata.json");
	assert_string_equal(t->region, "global");
	t = diag_endpoint(c, "extra")->target;
	assert_false(t->expect_public || t->send_key);
	assert_int_equal(t->at.port, 8443);
	assert_int_equal(c->plan->budget_ns, 20000000000);
	diag_case_free(c);
}

static void
variables_decide_the_way(void **state)
{
	static const char *const args[] = {"--region=us-1", NULL};
	static const char *const vars[] = {
	    "HTTPS_PROXY=http://tcs:S3cret@gw:3128",
	    "NO_PROXY=.amazonaws.com,*.aws", NULL};
	struct diag_case *c = diag_case_new(args, vars);
	const struct target *t = diag_endpoint(c, "container")->target;

	(void)state;
	assert_string_equal(
	    c->plan->paths[t->path].label, "http://tcs:***@gw:3128");
	assert_string_equal(c->plan->paths[t->path].source, "HTTPS_PROXY");
	t = diag_endpoint(c, "sensor")->target;
	assert_string_equal(c->plan->paths[t->path].label, "direct");
	assert_string_equal(t->no_token, ".amazonaws.com");
	assert_false(t->go_differs);
	t = diag_endpoint(c, "registry")->target;
	assert_true(t->go_differs);
	assert_string_equal(t->go_token, "*.aws");
	diag_case_free(c);
}

static void
plans_that_cannot_be(void **state)
{
	static const char *bad_proxy[] = {
	    "HTTPS_PROXY=http://u:S3cret#x@gw:1", NULL};
	static const char *nothing[] = {NULL};
	static const struct {
		const char *line, *const *vars, *says;
	} bad[] = {
	    {"--region mars-1", nothing,
		"--region mars-1: not accepted; it takes au-1, ca-1, de-1, "
		"gb-1, in-1, jp-1, sg-1, us-1, all"},
	    {"--region us-1", bad_proxy,
		"HTTPS_PROXY cannot be read: invalid port"},
	    {"--region us-1 --compare", nothing, "--compare needs a proxy"},
	};
	struct diag_case *c =
	    diag_case_new((const char *const[]){"--region=us-1", NULL}, NULL);

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct check_options o;
		struct options_message m;
		struct proxy_env env;
		struct plan_error error;

		assert_int_equal(parse(bad[i].line, &o, &m), OPTIONS_RUN);
		proxy_env_read(&env, diag_getenv,
		    &(struct diag_vars){bad[i].vars},
		    &(struct proxy_env_where){false, false});
		assert_null(plan_make(&o, c->catalog, &env, &error));
		if (!strstr(error.text, bad[i].says))
			fail_msg("%s: %s", bad[i].line, error.text);
		assert_null(strstr(error.text, "S3cret"));
	}
	diag_case_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(usage_errors_are_one_line),
	    cmocka_unit_test(options_are_taken),
	    cmocka_unit_test(durations),
	    cmocka_unit_test(plans_hold_what_is_needed),
	    cmocka_unit_test(targets_know_how_they_are_probed),
	    cmocka_unit_test(variables_decide_the_way),
	    cmocka_unit_test(plans_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
