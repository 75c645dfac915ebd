/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config.h"
#include "config_testing.h"

#define MILLIS(range)                                                          \
	": expected a duration from " range ", such as 250ms, 5s, 35m or 1h"
#define SECONDS(range)                                                         \
	": expected whole seconds from " range ", such as 5s, 35m or 1h"
#define PREFIXES                                                               \
	"addresses and prefixes such as 10.0.0.0/8, fd00::/8 (no bits set "    \
	"behind the length)"
#define SECTIONS                                                               \
	"(sections: gateway, listener NAME, dns, upstream, tunnel, limits, "   \
	"log, admin, shutdown, host NAME)"

struct bad_case {
	const char *text, *errors;
};

static void
check_bad(const struct bad_case *cases, size_t count, bool with_region)
{
	for (size_t i = 0; i < count; i++) {
		struct errors e;
		struct config *c = load_text(cases[i].text, with_region, &e);

		assert_string_equal(e.text, cases[i].errors);
		assert_null(c);
	}
}

static const struct bad_case bad_values[] = {
    {"[gateway]\nfeatures = runtim",
	"f:2: gateway.features: \"runtim\": expected all, admission, "
	"runtime, vulnerability-scan, artifact-scanner, telemetry or "
	"images"},
    {"[gateway]\nfeatures = all, runtime",
	"f:2: gateway.features: \"all\" stands alone, without other "
	"values"},
    {"[gateway]\nsets = a\nsets = none",
	"f:3: gateway.sets: \"none\" stands alone, without other "
	"values"},
    {"[gateway]\nsets = none\nsets = a",
	"f:3: gateway.sets: \"none\" stands alone, without other "
	"values"},
    {"[gateway]\nsets = a,,b",
	"f:2: gateway.sets: \"\": expected none, or names"},
    {"[gateway]\nsets = ../x",
	"f:2: gateway.sets: \"../x\": expected none, or names"},
    {"[gateway]\nextra =",
	"f:2: gateway.extra: \"\": expected none, or paths of at most "
	"160 bytes"},
    {"[gateway]\nworkers = 0",
	"f:2: gateway.workers: \"0\": expected auto, or a number from "
	"1 to 256"},
    {"[gateway]\nworkers = 257",
	"f:2: gateway.workers: \"257\": expected auto, or a number "
	"from 1 to 256"},
    {"[gateway]\nworkers = 99999999999999999999",
	"f:2: gateway.workers: \"99999999999999999999\": expected "
	"auto, or a number from 1 to 256"},
    {"[gateway]\nuser = a b",
	"f:2: gateway.user: \"a b\": expected none, or a user's name "
	"or number"},
    {"[listener x]\naddress = 3128",
	"f:2: listener x.address: \"3128\": expected " LISTEN},
    {"[listener x]\naddress = localhost:3128",
	"f:2: listener x.address: \"localhost:3128\": "
	"expected " LISTEN},
    {"[listener x]\naddress = ::1:3128",
	"f:2: listener x.address: \"::1:3128\": expected " LISTEN},
    {"[listener x]\naddress = unix:run/s",
	"f:2: listener x.address: \"unix:run/s\": expected " LISTEN},
    {"[listener x]\nprotocols = connect, http",
	"f:2: listener x.protocols: \"http\": expected "
	"any of connect, socks5, sni"},
    {"[listener x]\nclients = none",
	"f:2: listener x.clients: \"none\": expected " PREFIXES},
    {"[host x.y]\naddresses = 10.0.0.1:443",
	"f:2: host x.y.addresses: \"10.0.0.1:443\": expected none, or "
	"addresses such as 10.1.2.3, fd00::1"},
    {"[host x.y]\nsni = on",
	"f:2: host x.y.sni: \"on\": expected tunnel.sni, verify, require-tls "
	"or off"},
    {"[host x.y]\nidle_timeout = 1ms",
	"f:2: host x.y.idle_timeout: \"1ms\": expected tunnel.idle_timeout, or "
	"a duration from 10ms to 168h, such as 250ms, 5s, 35m or 1h"},
    {"[tunnel]\nsni = tunnel.sni",
	"f:2: tunnel.sni: \"tunnel.sni\": expected verify, require-tls or off"},
    {"[listener x]\nclients = 10.0.0.1/8",
	"f:2: listener x.clients: \"10.0.0.1/8\": expected " PREFIXES},
    {"[dns]\nservers = resolver.example",
	"f:2: dns.servers: \"resolver.example\": expected "
	"resolv.conf, or ADDR[:PORT] such as 10.0.0.53, "
	"[fd00::53]:5353"},
    {"[dns]\nservers = [10.0.0.53]",
	"f:2: dns.servers: \"[10.0.0.53]\": expected resolv.conf, or "
	"ADDR[:PORT] such as 10.0.0.53, [fd00::53]:5353"},
    {"[dns]\nservers = 10.0.0.53:0",
	"f:2: dns.servers: \"10.0.0.53:0\": expected resolv.conf, or "
	"ADDR[:PORT] such as 10.0.0.53, [fd00::53]:5353"},
    {"[dns]\ntimeout = 2", "f:2: dns.timeout: \"2\"" MILLIS("10ms to 1m")},
    {"[dns]\ntimeout = 0", "f:2: dns.timeout: \"0\"" MILLIS("10ms to 1m")},
    {"[dns]\ntimeout = 2 s", "f:2: dns.timeout: \"2 s\"" MILLIS("10ms to 1m")},
    {"[dns]\ntimeout = 2S", "f:2: dns.timeout: \"2S\"" MILLIS("10ms to 1m")},
    {"[dns]\ntimeout = 02s", "f:2: dns.timeout: \"02s\"" MILLIS("10ms to 1m")},
    {"[dns]\ntimeout = -2s", "f:2: dns.timeout: \"-2s\"" MILLIS("10ms to 1m")},
    {"[dns]\ntimeout = 1m1s",
	"f:2: dns.timeout: \"1m1s\"" MILLIS("10ms to 1m")},
    {"[dns]\ntimeout = 61s", "f:2: dns.timeout: \"61s\"" MILLIS("10ms to 1m")},
    {"[dns]\ntimeout = 999999999h",
	"f:2: dns.timeout: \"999999999h\"" MILLIS("10ms to 1m")},
    {"[dns]\nmin_ttl = 1500ms",
	"f:2: dns.min_ttl: \"1500ms\"" SECONDS("0 to 24h")},
    {"[dns]\nprefetch = yes", "f:2: dns.prefetch: \"yes\": expected on or off"},
    {"[upstream]\nfamily = ipv5",
	"f:2: upstream.family: \"ipv5\": expected any, ipv4 or ipv6"},
    {"[upstream]\nattempt_delay = 3s",
	"f:2: upstream.attempt_delay: \"3s\"" MILLIS("10ms to 2s")},
    {"[tunnel]\nsni = on",
	"f:2: tunnel.sni: \"on\": expected verify, require-tls or "
	"off"},
    {"[limits]\ntunnels_per_client = auto",
	"f:2: limits.tunnels_per_client: \"auto\": expected a number "
	"from 0 to 10000000"},
    {"[limits]\nheader_bytes = 8192",
	"f:2: limits.header_bytes: \"8192\": expected a size from 1k "
	"to 64k"},
    {"[limits]\nheader_bytes = 1m",
	"f:2: limits.header_bytes: \"1m\": expected a size from 1k to "
	"64k"},
    {"[log]\naccess = stdot",
	"f:2: log.access: \"stdot\": expected stdout, off, or a path "
	"with a slash in it"},
    {"[admin]\naddress = 127.0.0.1",
	"f:2: admin.address: \"127.0.0.1\": expected off, ADDR:PORT "
	"or [ADDR]:PORT"},
};

static void
bad_values_are_refused(void **state)
{
	(void)state;
	check_bad(bad_values, COUNT(bad_values), true);
}

static void
unknown_names_are_refused(void **state)
{
	static const struct bad_case cases[] = {
	    {"regions = us-1", "f:1: regions: stands before the first "
			       "[section]"},
	    {"[gatway]\nregions = us-1", "f:1: [gatway]: unknown section; did "
					 "you mean gateway? " SECTIONS},
	    {"[gateway x]\nregions = us-1",
		"f:1: [gateway x]: expected [gateway]"},
	    {"[listener]\naddress = [::1]:1",
		"f:1: [listener]: expected [listener NAME], NAME of 1 to 32 "
		"lower-case letters, digits, - and _"},
	    {"[listener a.b]",
		"f:1: [listener a.b]: expected [listener NAME], NAME of 1 to "
		"32 lower-case letters, digits, - and _"},
	    {"[host]\nsni = off",
		"f:1: [host]: expected [host NAME], NAME a host as the "
		"list has it"},
	    {"[host 10.0.0.1]",
		"f:1: [host 10.0.0.1]: expected [host NAME], NAME a host as "
		"the list has it"},
	    {"[host a b]", "f:1: [host a b]: expected [host NAME], NAME a host "
			   "as the list has it"},
	    {"[hots a.example]", "f:1: [hots a.example]: unknown section; did "
				 "you mean host? " SECTIONS},
	    {"[host a.example]\nadresses = ::1",
		"f:2: host.adresses: unknown key; did you mean addresses?"},
	    {"[host a.example]\nclients = ::1",
		"f:2: host.clients: unknown key; it belongs in [listener "
		"NAME]"},
	    {"[gateway]\naddresses = ::1",
		"f:2: gateway.addresses: unknown key; it belongs in [host "
		"NAME]"},
	    {"[gateway]\nregoins = us-1",
		"f:2: gateway.regoins: unknown key; did you mean regions?"},
	    {"[gateway]\nSNI = off", "f:2: gateway.SNI: unknown key"},
	    {"[gateway]\nsni = off",
		"f:2: gateway.sni: unknown key; it belongs in [tunnel]"},
	    {"[gateway]\nclients = ::1",
		"f:2: gateway.clients: unknown key; it belongs in [listener "
		"NAME]"},
	    {"[listener x]\nadress = [::1]:1",
		"f:2: listener.adress: unknown key; did you mean address?"},
	};

	(void)state;
	check_bad(cases, COUNT(cases), true);
}

static void
keys_of_tls_need_tls(void **state)
{
	static const struct bad_case cases[] = {
	    {"[listener x]\ntls_key = k\ntls_client_ca = a",
		"f:2: listener x.tls_key: is not used without tls_certificate\n"
		"f:3: listener x.tls_client_ca: is not used without "
		"tls_certificate"},
	    {"[upstream]\nparent = http://p:1\nparent_ca_file = a",
		"f:3: upstream.parent_ca_file: is not used without "
		"upstream.parent = https://..."},
	};

	(void)state;
	check_bad(cases, COUNT(cases), true);
}

static const struct bad_case together[] = {
    {"[dns]\nmax_ttl = 1s",
	"f:2: dns.max_ttl: dns.min_ttl (5s) is more than dns.max_ttl "
	"(1s)"},
    {"[dns]\nmin_ttl = 2h\nmax_ttl = 1h",
	"f:2: dns.min_ttl: dns.min_ttl (7200s) is more than "
	"dns.max_ttl (3600s)"},
    {"[upstream]\ndeny_addresses = 0.0.0.0/0, ::/0",
	"f:2: upstream.deny_addresses: with upstream.family no "
	"address is left to dial"},
    {"[upstream]\nfamily = ipv6\ndeny_addresses = ::/0",
	"f:3: upstream.deny_addresses: with upstream.family no "
	"address is left to dial"},
    {"[upstream]\nallow_addresses = 10.1.0.0/16\n"
     "deny_addresses = 10.0.0.0/8",
	"f:2: upstream.allow_addresses: 10.1.0.0/16 lies in "
	"10.0.0.0/8 of upstream.deny_addresses, which wins"},
    {"[listener a]\n[listener b]\n",
	"listener b.address: clashes with the address of listener a"},
    {"[listener a]\naddress = 0.0.0.0:80\n"
     "[listener b]\naddress = 127.0.0.1:80",
	"f:4: listener b.address: clashes with the address of "
	"listener a"},
    {"[listener a]\naddress = [::]:80\n"
     "[listener b]\naddress = 10.0.0.1:80",
	"f:4: listener b.address: clashes with the address of "
	"listener a"},
    {"[listener a]\naddress = 0.0.0.0:80\n"
     "[listener b]\naddress = [::]:80",
	"f:4: listener b.address: clashes with the address of "
	"listener a"},
    {"[listener a]\naddress = unix:/run/x\n"
     "[listener b]\naddress = unix:/run/x",
	"f:4: listener b.address: clashes with the address of "
	"listener a"},
    {"[listener a]\naddress = [::]:3129",
	"f:2: listener a.address: admin.address clashes with the "
	"address of listener a"},
    {"[admin]\naddress = 0.0.0.0:3128",
	"f:2: admin.address: admin.address clashes with the address "
	"of listener main"},
    {"[listener main]\naddress = 127.0.0.1:3129",
	"f:2: listener main.address: admin.address clashes with the "
	"address of listener main"},
    {"[host x.y]\nallow_addresses = 10.1.0.0/16\n"
     "[upstream]\ndeny_addresses = 10.0.0.0/8",
	"f:2: host x.y.allow_addresses: 10.1.0.0/16 lies in "
	"10.0.0.0/8 of upstream.deny_addresses, which wins"},
    {"[host x.y]\naddresses = ::1\n[upstream]\nfamily = ipv4",
	"f:2: host x.y.addresses: with upstream.family no address is "
	"left to dial"},
    {"[host x.y]\naddresses = ::1\nallow_addresses = ::1\n"
     "[upstream]\nparent = http://p.example:1",
	"f:2: host x.y.addresses: does not go with upstream.parent, "
	"which resolves the names\n"
	"f:3: host x.y.allow_addresses: does not go with "
	"upstream.parent, which resolves the names"},
    {"[listener a]\naddress = unix:/run/x\nclients = ::1",
	"f:3: listener a.clients: peers of a unix: listener have no "
	"address; use the permissions of its directory"},
};

static void
keys_are_judged_together(void **state)
{
	static const char fine[] =
	    "[upstream]\nfamily = ipv4\ndeny_addresses = ::/0, 10.1.0.0/16\n"
	    "allow_addresses = 10.0.0.0/8\n"
	    "[listener a]\naddress = 127.0.0.1:0\n"
	    "[listener b]\naddress = 127.0.0.1:0\n"
	    "[listener c]\naddress = [::1]:3129\n"
	    "[listener d]\naddress = 0.0.0.0:80\n"
	    "[listener e]\naddress = [::1]:80\n"
	    "[dns]\nmin_ttl = 1h\n";
	struct errors e;
	struct config *c;

	(void)state;
	check_bad(together, COUNT(together), true);
	c = load_text(fine, true, &e);
	assert_string_equal(e.text, "");
	assert_non_null(c);
	assert_int_equal(c->listener_count, 5);
	config_free(c);
}

static void
sni_stands_alone(void **state)
{
	static const struct bad_case cases[] = {
	    {"[listener a]\nprotocols = connect, sni",
		"f:2: listener a.protocols: sni stands alone: give the others "
		"a listener of their own"},
	    {"[listener a]\nprotocols = socks5\nprotocols = sni",
		"f:2: listener a.protocols: sni stands alone: give the others "
		"a listener of their own"},
	    {"[listener a]\nprotocols = sni\nauth = basic\n"
	     "credentials = /etc/users",
		"f:3: listener a.auth: does not go with protocols = sni: a "
		"client that knows of no proxy has no credentials for it"},
	    {"[listener a]\nprotocols = sni\ntls_certificate = c\n"
	     "tls_client_ca = a",
		"f:3: listener a.tls_certificate: does not go with protocols = "
		"sni: its clients speak TLS to the server they name, and show "
		"no certificate here"},
	};

	(void)state;
	check_bad(cases, COUNT(cases), true);
}

static void
errors_are_all_reported(void **state)
{
	static const struct bad_case cases[] = {
	    {"[tunnel]\nsni = off\nsni = verify\n[dns]\nfoo = 1\n"
	     "timeout = x\n[tunnel]\nsni = off",
		"f:3: tunnel.sni: given twice, first at f:2\n"
		"f:5: dns.foo: unknown key\n"
		"f:6: dns.timeout: \"x\"" MILLIS(
		    "10ms to 1m") "\n"
				  "f:8: tunnel.sni: given twice, first at f:2"},
	    {"[listener a]\naddress = [::1]:1\n[listener a]\n"
	     "address = [::1]:2",
		"f:4: listener a.address: given twice, first at f:2"},
	};
	static const struct bad_case missing[] = {
	    {"[log]\nlevel = info",
		"gateway.regions: missing; give --region R[,R...] or set it "
		"in the configuration file: all, or region codes such as "
		"us-1"},
	    {"[gateway]\nregions = all, us-1",
		"f:2: gateway.regions: \"all\" stands alone, without other "
		"values"},
	};

	(void)state;
	check_bad(cases, COUNT(cases), true);
	check_bad(missing, COUNT(missing), false);
}

/* The first one is reported alone, and the file is not read. */
static void
option_errors_are_one_line(void **state)
{
	static const struct {
		struct config_setting setting;
		const char *error;
	} cases[] = {
	    {{"gateway.regions", "", "--region"},
		"--region: \"\": expected all, or region codes such as us-1"},
	    {{"admin.address", "on", "--admin"},
		"--admin: \"on\": expected off, ADDR:PORT or [ADDR]:PORT"},
	    {{"tunnel.sni", "on", "--set"},
		"--set tunnel.sni: \"on\": expected verify, require-tls or "
		"off"},
	    {{"tunnel.snj", "on", "--set"},
		"--set tunnel.snj: unknown key; did you mean sni?"},
	    {{"tunel.sni", "on", "--set"}, "--set: [tunel]: unknown section; "
					   "did you mean tunnel? " SECTIONS},
	    {{"gateway.mode", "observe", "--set"},
		"--set gateway.mode: \"observe\": expected enforce or report"},
	    {{"host a.example.addresses", "here", "--set"},
		"--set host a.example.addresses: \"here\": expected none, or "
		"addresses such as 10.1.2.3, fd00::1"},
	    {{"host.addresses", "::1", "--set"},
		"--set: [host]: expected [host NAME], NAME a host as the list "
		"has it"},
	    {{"listener main.clients", "x", "--set"},
		"--set listener main.clients: \"x\": expected " PREFIXES},
	    {{"listener.clients", "::1", "--set"},
		"--set: [listener]: expected [listener NAME], NAME of 1 to "
		"32 lower-case letters, digits, - and _"},
	    {{"gateway.allowlist_dir", "a ;b", "--set"},
		"--set gateway.allowlist_dir: \"a ;b\": expected built in, or "
		"a path of at most 160 bytes"},
	    {{"gateway.allowlist_dir", "a\nb", "--set"},
		"--set gateway.allowlist_dir: \"a?b\": expected built in, or "
		"a path of at most 160 bytes"},
	    {{"gateway.allowlist_dir", "a\xff", "--set"},
		"--set gateway.allowlist_dir: \"a\xff\": expected built in, "
		"or a path of at most 160 bytes"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct config_setting settings[] = {
		    cases[i].setting, {"dns.timeout", "never", "--set"}};
		struct errors e;

		assert_null(load_settings(settings, 2, "[nonsense]\n", &e));
		assert_string_equal(e.text, cases[i].error);
	}
}

/* A value that is overridden must be right all the same. */
static void
overridden_values_are_checked(void **state)
{
	static const struct config_setting settings[] = {
	    {"gateway.regions", "us-1", "--region"},
	    {"tunnel.sni", "verify", "--set"},
	    {"listener main.address", "[::1]:1", "--set"},
	};
	struct errors e;

	(void)state;
	assert_null(load_settings(settings, COUNT(settings),
	    "[tunnel]\nsni = maybe\nsni = off\n"
	    "[listener main]\naddress = nowhere\n",
	    &e));
	assert_string_equal(e.text,
	    "f:2: tunnel.sni: \"maybe\": expected verify, require-tls or off\n"
	    "f:3: tunnel.sni: given twice, first at f:2\n"
	    "f:5: listener main.address: \"nowhere\": expected " LISTEN);
}

static void
settings_are_given_once(void **state)
{
	static const struct config_setting settings[] = {
	    {"gateway.regions", "us-1", "--region"},
	    {"admin.address", "off", "--admin"},
	    {"admin.address", "off", "--set"},
	};
	struct errors e;

	(void)state;
	assert_null(load_settings(settings, COUNT(settings), NULL, &e));
	assert_string_equal(
	    e.text, "--set admin.address: given twice, first at --admin");
}

static void
mistyped_listeners_are_refused(void **state)
{
	static const struct config_setting settings[] = {
	    {"gateway.regions", "us-1", "--region"},
	    {"listener imn.clients", "::1", "--set"},
	    {"listener imn.address", "[::1]:9", "--set"},
	};
	static const char file[] = "[listener inn]\naddress = [::1]:1\n";
	struct errors e;
	struct config *c;

	(void)state;
	assert_null(load_settings(settings, 2, file, &e));
	assert_string_equal(e.text,
	    "--set listener imn: no such listener; did you mean inn? (a "
	    "further one needs \"listener imn.address\")");
	assert_null(load_settings(settings, 2, NULL, &e));
	assert_string_equal(e.text,
	    "--set listener imn: no such listener (a further one needs "
	    "\"listener imn.address\")");
	c = load_settings(settings, 3, file, &e);
	assert_string_equal(e.text, "");
	assert_non_null(c);
	assert_int_equal(c->listener_count, 2);
	config_free(c);
}

static void
unreadable_file_is_one_error(void **state)
{
	struct config_sources src = {.file = "/nowhere/sekisho.conf"};
	struct errors e = {.count = 0};

	(void)state;
	assert_null(config_load(&src, on_error, &e));
	assert_int_equal(e.count, 1);
	assert_non_null(strstr(e.text, "/nowhere/sekisho.conf: "));
}

static void
too_many_listeners_are_refused(void **state)
{
	char text[8192];
	size_t len = 0;
	struct errors e;

	(void)state;
	for (unsigned i = 0; i < 65; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "[listener l%u]\naddress = [::1]:0\n", i);
	assert_null(load_text(text, true, &e));
	assert_non_null(
	    strstr(e.text, "f:129: more than 64 sections [listener NAME]"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bad_values_are_refused),
	    cmocka_unit_test(unknown_names_are_refused),
	    cmocka_unit_test(keys_of_tls_need_tls),
	    cmocka_unit_test(keys_are_judged_together),
	    cmocka_unit_test(sni_stands_alone),
	    cmocka_unit_test(errors_are_all_reported),
	    cmocka_unit_test(option_errors_are_one_line),
	    cmocka_unit_test(overridden_values_are_checked),
	    cmocka_unit_test(settings_are_given_once),
	    cmocka_unit_test(mistyped_listeners_are_refused),
	    cmocka_unit_test(unreadable_file_is_one_error),
	    cmocka_unit_test(too_many_listeners_are_refused),
	};

	return cmocka_run_group_tests_name("config_errors", tests, NULL, NULL);
}
