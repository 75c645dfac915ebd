/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line as a user meets it: the real program, its exit code and what
 * it prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy_run.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PROGRAM  "sekisho-proxy: "
#define REGIONS  "(accepted: au-1, ca-1, de-1, gb-1, in-1, jp-1, sg-1, us-1, "
#define ACCEPTED                                                               \
	"accepted: -c, --config, --region, --listen, --admin, --set, "         \
	"--no-sandbox, --check, --dump-config, --print-allowlist, --explain, " \
	"--hash-password, --healthcheck, --help, --version"

static size_t
lines_of(const char *text)
{
	size_t lines = 0;

	for (; *text != '\0'; text++)
		lines += *text == '\n';
	return lines;
}

/* A configuration file of the test's own. */
struct temp_file {
	char path[32];
};

static struct temp_file
temp_file(const char *text)
{
	struct temp_file t = {"/tmp/sekisho-cli-XXXXXX"};
	int fd = mkstemp(t.path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
	return t;
}

struct usage_case {
	const char *args[RUN_ARGS_MAX];
	const char *error; /* the whole line */
};

static const struct usage_case usage_cases[] = {
    {{"--frobnicate"}, PROGRAM "--frobnicate: unknown option (" ACCEPTED ")\n"},
    {{"--regoin", "us-1"}, PROGRAM
	"--regoin: unknown option; did you mean --region? (" ACCEPTED ")\n"},
    {{"--regoin=us-1"}, PROGRAM
	"--regoin=us-1: unknown option; did you mean --region? (" ACCEPTED
	")\n"},
    {{"--fr\nob\x1b"}, PROGRAM "--fr?ob?: unknown option (" ACCEPTED ")\n"},
    {{"-x"}, PROGRAM "-x: unknown option (" ACCEPTED ")\n"},
    {{"--check", "-xy"}, PROGRAM "-x: unknown option (" ACCEPTED ")\n"},
    {{"-xc", "a"}, PROGRAM "-x: unknown option (" ACCEPTED ")\n"},
    {{"a", "--frob"}, PROGRAM "--frob: unknown option (" ACCEPTED ")\n"},
    {{"us-1"}, PROGRAM "us-1: unexpected argument (" ACCEPTED ")\n"},
    {{"--check", "--region"},
	PROGRAM "--region: expected region codes such as us-1 or us-1,jp-1, "
		"or all\n"},
    {{"-c"}, PROGRAM "--config: expected a configuration file\n"},
    {{"-c", ""}, PROGRAM "--config: expected a configuration file\n"},
    {{"-c", "a", "--config", "b"},
	PROGRAM "--config: given twice, expected one file\n"},
    {{"--check=yes"}, PROGRAM "--check: takes no value\n"},
    {{"--check", "--explain", "a"},
	PROGRAM "--check and --explain: only one of --check, --dump-config, "
		"--print-allowlist, --explain, --hash-password, "
		"--healthcheck\n"},
    {{"--explain", ""}, PROGRAM "--explain: expected one HOST or HOST:PORT\n"},
    {{"--explain", "a", "--explain", "b"},
	PROGRAM "--explain: expected one HOST or HOST:PORT\n"},
    {{"--set", "sni"},
	PROGRAM "--set: \"sni\": expected SECTION.KEY=VALUE, such as "
		"tunnel.sni=require-tls\n"},
    {{"--set", "sni=off"},
	PROGRAM "--set: \"sni=off\": expected SECTION.KEY=VALUE, such as "
		"tunnel.sni=require-tls\n"},
    {{"--set", ".sni=off"},
	PROGRAM "--set: \".sni=off\": expected SECTION.KEY=VALUE, such as "
		"tunnel.sni=require-tls\n"},
    {{"--set", "tunnel.=off"},
	PROGRAM "--set: \"tunnel.=off\": expected SECTION.KEY=VALUE, such as "
		"tunnel.sni=require-tls\n"},
    {{"--set", "tunnel.sni=no"},
	PROGRAM "--set tunnel.sni: \"no\": expected verify, require-tls or "
		"off\n"},
    {{"--listen", "3128"},
	PROGRAM "--listen: \"3128\": expected ADDR:PORT, [ADDR]:PORT or "
		"unix:/path (107 bytes)\n"},
    {{"--admin", "no"},
	PROGRAM "--admin: \"no\": expected off, ADDR:PORT or [ADDR]:PORT\n"},
    {{"--region", ""},
	PROGRAM "--region: \"\": expected all, or region codes such as us-1\n"},
    {{"--region", "us-9"}, PROGRAM
	"--region: \"us-9\": unknown region; did you mean us-1? " REGIONS
	"all)\n"},
    {{"--region", "us-1,zz"},
	PROGRAM "--region: \"zz\": unknown region " REGIONS "all)\n"},
    {{"--region", "zz,us-9"},
	PROGRAM "--region: \"zz\": unknown region " REGIONS "all)\n"},
    {{"--region", "us-1", "--set", "tunnel.sni = no"},
	PROGRAM "--set tunnel.sni: \"no\": expected verify, require-tls or "
		"off\n"},
    {{"--region", "us-1", "--set", "tunnel. =off"},
	PROGRAM "--set: \"tunnel. =off\": expected SECTION.KEY=VALUE, such as "
		"tunnel.sni=require-tls\n"},
    {{"--region", "us-1", "--set", "gateway.sets=registry-cnd"},
	PROGRAM "--set gateway.sets: \"registry-cnd\": unknown set; did you "
		"mean registry-cdn? (accepted: registry-cdn, none)\n"},
    {{NULL},
	"gateway.regions: missing; give --region R[,R...] or set it in the "
	"configuration file: all, or region codes such as us-1\n"},
};

/* One line on stderr, nothing on stdout, exit 2. */
static void
usage_errors_are_one_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(usage_cases); i++) {
		struct run r = {.no_sockets = true};

		memcpy(r.args, usage_cases[i].args, sizeof(r.args));
		run_proxy(&r);
		assert_string_equal(r.err, usage_cases[i].error);
		assert_string_equal(r.out, "");
		assert_int_equal(r.exit_code, 2);
	}
}

static void
help_and_version_are_printed(void **state)
{
	static const char *const options[] = {"-c, --config", "--region",
	    "--listen", "--admin", "--set", "--check", "--dump-config",
	    "--print-allowlist", "--explain", "--hash-password", "--help",
	    "--version"};
	struct run help = {.args = {"--help"}, .no_sockets = true};
	struct run version = {.args = {"--version"}, .no_sockets = true};

	(void)state;
	run_proxy(&help);
	assert_int_equal(help.exit_code, 0);
	assert_string_equal(help.err, "");
	for (size_t i = 0; i < COUNT(options); i++)
		assert_non_null(strstr(help.out, options[i]));
	run_proxy(&version);
	assert_int_equal(version.exit_code, 0);
	assert_string_equal(version.out, "sekisho-proxy " SEKISHO_VERSION "\n");
}

static void
check_says_what_was_read(void **state)
{
	struct temp_file f = temp_file("[gateway]\nregions = us-1, jp-1\n"
				       "[listener in]\naddress = [::1]:0\n");
	struct run with_file = {
	    .args = {"-c", f.path, "--check"}, .no_sockets = true};
	struct run without = {
	    .args = {"--region", "all", "--listen", "0.0.0.0:3128", "--listen",
		"unix:/run/s", "--check"},
	    .no_sockets = true,
	};
	char expected[256];

	(void)state;
	run_proxy(&with_file);
	assert_string_equal(with_file.err, "");
	(void)snprintf(expected, sizeof(expected),
	    "ok: %s: 15 endpoints of jp-1, us-1; listeners in [::1]:0; admin "
	    "127.0.0.1:3129\n",
	    f.path);
	assert_string_equal(with_file.out, expected);
	assert_int_equal(with_file.exit_code, 0);
	run_proxy(&without);
	assert_string_equal(without.err, "");
	assert_string_equal(without.out,
	    "ok: no file: 51 endpoints of au-1, ca-1, de-1, gb-1, in-1, jp-1, "
	    "sg-1, us-1; listeners main 0.0.0.0:3128, main-2 unix:/run/s; "
	    "admin 127.0.0.1:3129\n");
	assert_int_equal(without.exit_code, 0);
	assert_int_equal(unlink(f.path), 0);
}

/* Every error of the file, each with its line; a wrong list likewise. */
static void
check_reports_every_error(void **state)
{
	struct temp_file f = temp_file("[gateway]\nregoins = us-1\n"
				       "[tunnel]\nsni = no\n");
	struct temp_file list = temp_file("[mine]\nhost = *.*\n");
	struct temp_file g = temp_file("[gateway]\nregions = us-1, xx-1\n");
	struct run bad = {
	    .args = {"-c", f.path, "--check"}, .no_sockets = true};
	struct run unknown = {
	    .args = {"-c", g.path, "--check"}, .no_sockets = true};
	struct run bad_list = {.args = {"--region", "us-1", "--check", "--set"},
	    .no_sockets = true};
	char expected[512], set[64];

	(void)state;
	run_proxy(&bad);
	(void)snprintf(expected, sizeof(expected),
	    "%s:2: gateway.regoins: unknown key; did you mean regions?\n"
	    "%s:4: tunnel.sni: \"no\": expected verify, require-tls or off\n"
	    "gateway.regions: missing; give --region R[,R...] or set it in "
	    "the configuration file: all, or region codes such as us-1\n",
	    f.path, f.path);
	assert_string_equal(bad.err, expected);
	assert_string_equal(bad.out, "");
	assert_int_equal(bad.exit_code, 2);

	run_proxy(&unknown);
	(void)snprintf(expected, sizeof(expected),
	    "%s:2: gateway.regions: \"xx-1\": unknown region", g.path);
	assert_memory_equal(unknown.err, expected, strlen(expected));
	assert_int_equal(lines_of(unknown.err), 1);
	assert_int_equal(unknown.exit_code, 2);

	(void)snprintf(set, sizeof(set), "gateway.extra=%s", list.path);
	bad_list.args[4] = set;
	run_proxy(&bad_list);
	(void)snprintf(expected, sizeof(expected), "%s:2: ", list.path);
	assert_memory_equal(bad_list.err, expected, strlen(expected));
	assert_int_equal(bad_list.exit_code, 2);

	assert_int_equal(unlink(f.path), 0);
	assert_int_equal(unlink(g.path), 0);
	assert_int_equal(unlink(list.path), 0);
}

/* Each line: host:port, region, category, file:line. */
static void
check_allowlist_line(const char *line, size_t len)
{
	const char *end = line + len, *tab = line;

	for (int tabs = 0; tabs < 3; tabs++) {
		tab = memchr(tab, '\t', (size_t)(end - tab));
		assert_non_null(tab);
		if (tabs == 0)
			assert_memory_equal(tab - 4, ":443", 4);
		tab++;
	}
	assert_memory_equal(tab, "cloudone/", 9);
	assert_non_null(memmem(tab, (size_t)(end - tab), ".ini:", 5));
	assert_null(memchr(tab, '\t', (size_t)(end - tab)));
}

static void
allowlist_has_all_endpoints(void **state)
{
	static const struct {
		const char *regions;
		size_t lines;
	} cases[] = {{"all", 51}, {"au-1", 9}, {"ca-1", 9}, {"de-1", 9},
	    {"gb-1", 9}, {"in-1", 9}, {"jp-1", 9}, {"sg-1", 9}, {"us-1", 9},
	    {"us-1,jp-1", 15}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct run r = {
		    .args = {"--region", cases[i].regions, "--print-allowlist"},
		    .no_sockets = true,
		};
		char before[512] = "";

		run_proxy(&r);
		assert_int_equal(r.exit_code, 0);
		assert_string_equal(r.err, "");
		assert_int_equal(lines_of(r.out), cases[i].lines);
		for (const char *p = r.out; *p != '\0';) {
			char line[512];
			size_t len = strcspn(p, "\n");

			check_allowlist_line(p, len);
			(void)snprintf(line, sizeof(line), "%.*s", (int)len, p);
			assert_true(strcmp(before, line) < 0);
			memcpy(before, line, sizeof(before));
			p += len + 1;
		}
	}
}

/* What is printed is a file that gives the same; sources apart. */
static void
dumped_config_can_be_used(void **state)
{
	struct run first = {
	    .args = {"--region", "us-1", "--listen", "[::1]:0", "--set",
		"tunnel.idle_timeout=35m", "--dump-config"},
	    .no_sockets = true,
	};
	struct run second = {.no_sockets = true};
	struct temp_file f;
	const char *a, *b;

	(void)state;
	run_proxy(&first);
	assert_int_equal(first.exit_code, 0);
	assert_string_equal(first.err, "");
	assert_non_null(strstr(
	    first.out, "; default: 1h\n; source: --set\nidle_timeout = 35m\n"));
	assert_non_null(strstr(
	    first.out, "[listener main]\n\n; where clients connect to\n"));
	assert_non_null(
	    strstr(first.out, "; source: --listen\naddress = [::1]:0\n"));
	f = temp_file(first.out);
	second.args[0] = "-c";
	second.args[1] = f.path;
	second.args[2] = "--dump-config";
	run_proxy(&second);
	assert_int_equal(second.exit_code, 0);
	for (a = first.out, b = second.out; *a != '\0' && *b != '\0';) {
		size_t n = strcspn(a, "\n") + 1, m = strcspn(b, "\n") + 1;

		if (strncmp(a, "; source", 8) != 0) {
			assert_int_equal(n, m);
			assert_memory_equal(a, b, n);
		}
		a += n;
		b += m;
	}
	assert_string_equal(a, b);
	assert_int_equal(unlink(f.path), 0);
}

/* A disk that is full must not look like success. */
static void
lost_output_is_noticed(void **state)
{
	static const char *const commands[][2] = {
	    {"--help", NULL},
	    {"--version", NULL},
	    {"--check", NULL},
	    {"--dump-config", NULL},
	    {"--print-allowlist", NULL},
	    {"--explain", "public.ecr.aws"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(commands); i++) {
		struct run r = {
		    .args = {"--region", "all", commands[i][0], commands[i][1]},
		    .out_path = "/dev/full",
		};

		run_proxy(&r);
		assert_string_equal(r.err,
		    PROGRAM "standard output: No space left on device\n");
		assert_int_equal(r.exit_code, 2);
	}
}

/* That the commands open no socket is proven by a filter: it does bite. (The
 * address is nobody's, so that without the filter too this ends at once.) */
static void
serving_opens_sockets(void **state)
{
	struct run r = {
	    .args = {"--region", "us-1", "--listen", "192.0.2.1:1", "--admin",
		"off"},
	    .no_sockets = true,
	};

	(void)state;
	run_proxy(&r);
	assert_int_equal(r.exit_code, -1);
	r.no_sockets = false;
	run_proxy(&r);
	assert_int_equal(r.exit_code, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(usage_errors_are_one_line),
	    cmocka_unit_test(help_and_version_are_printed),
	    cmocka_unit_test(check_says_what_was_read),
	    cmocka_unit_test(check_reports_every_error),
	    cmocka_unit_test(allowlist_has_all_endpoints),
	    cmocka_unit_test(dumped_config_can_be_used),
	    cmocka_unit_test(lost_output_is_noticed),
	    cmocka_unit_test(serving_opens_sockets),
	};

	return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
