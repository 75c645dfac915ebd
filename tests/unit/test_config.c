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
#include "core/allowlist.h"
#include "core/ini.h"
#include "core/log.h"

/* The linker's --wrap makes these names. */
/* NOLINTBEGIN(bugprone-reserved-identifier): see above */
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
/* NOLINTEND(bugprone-reserved-identifier): see above */

/* The allocation that fails, counted down; 0: none. */
static unsigned fail_at;

void *
__wrap_calloc(size_t count, size_t size)
{
	if (fail_at > 0 && --fail_at == 0)
		return NULL;
	return __real_calloc(count, size);
}

static char *
dump(const struct config *c)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	config_dump(c, f);
	assert_int_equal(fclose(f), 0);
	return text;
}

/* The values of one key as --dump-config has them, joined by ", ". */
struct wanted {
	const char *section, *key;
	char value[1024];
};

static bool
on_wanted(void *arg, const struct ini_entry *e)
{
	struct wanted *w = arg;
	size_t len = strlen(w->value);

	if (e->key != NULL && strcmp(e->section, w->section) == 0 &&
	    strcmp(e->key, w->key) == 0)
		(void)snprintf(w->value + len, sizeof(w->value) - len, "%s%s",
		    len > 0 ? ", " : "", e->value);
	return true;
}

static void
check_value(const struct config *c, const char *section, const char *key,
    const char *value)
{
	struct wanted w = {.section = section, .key = key};
	struct errors e = {.count = 0};
	char *text = dump(c);

	assert_true(
	    ini_parse_text("dump", span_str(text), on_wanted, on_error, &w));
	assert_string_equal(e.text, "");
	assert_string_equal(w.value, value);
	free(text);
}

static void
defaults_are_the_contract(void **state)
{
	static const char *const values[][3] = {
	    {"gateway", "regions", "us-1"},
	    {"gateway", "features", "all"},
	    {"gateway", "allowlist_dir", "built in"},
	    {"gateway", "sets", "none"},
	    {"gateway", "extra", "none"},
	    {"gateway", "mode", "enforce"},
	    {"gateway", "workers", "auto"},
	    {"gateway", "user", "none"},
	    {"listener main", "address", "127.0.0.1:3128"},
	    {"listener main", "protocols", "connect, socks5"},
	    {"listener main", "clients",
		"127.0.0.0/8, ::1, 10.0.0.0/8, 172.16.0.0/12, "
		"192.168.0.0/16, 100.64.0.0/10, fc00::/7"},
	    {"listener main", "proxy_protocol", "off"},
	    {"dns", "servers", "resolv.conf"},
	    {"dns", "timeout", "2s"},
	    {"dns", "attempts", "3"},
	    {"dns", "min_ttl", "5s"},
	    {"dns", "max_ttl", "1h"},
	    {"dns", "negative_ttl", "5s"},
	    {"dns", "serve_stale", "1h"},
	    {"dns", "prefetch", "on"},
	    {"upstream", "connect_timeout", "5s"},
	    {"upstream", "attempt_delay", "250ms"},
	    {"upstream", "family", "any"},
	    {"upstream", "allow_addresses", "none"},
	    {"upstream", "deny_addresses", "none"},
	    {"tunnel", "sni", "verify"},
	    {"tunnel", "hello_timeout", "10s"},
	    {"tunnel", "idle_timeout", "1h"},
	    {"tunnel", "half_close_timeout", "5m"},
	    {"limits", "tunnels", "auto"},
	    {"limits", "tunnels_per_client", "0"},
	    {"limits", "connects_per_client", "0"},
	    {"limits", "header_bytes", "8k"},
	    {"limits", "header_timeout", "10s"},
	    {"log", "access", "stdout"},
	    {"log", "format", "json"},
	    {"log", "level", "info"},
	    {"admin", "address", "127.0.0.1:3129"},
	    {"shutdown", "drain", "25s"},
	};
	struct errors e;
	struct config *c = load_settings(&region_us, 1, NULL, &e);

	(void)state;
	assert_string_equal(e.text, "");
	assert_non_null(c);
	for (size_t i = 0; i < COUNT(values); i++)
		check_value(c, values[i][0], values[i][1], values[i][2]);
	config_free(c);
}

/* What the rest of the program reads, in its units. */
static void
defaults_have_their_units(void **state)
{
	struct errors e;
	struct config *c = load_settings(&region_us, 1, NULL, &e);

	(void)state;
	assert_non_null(c);
	assert_int_equal(c->gateway.regions.count, 1);
	assert_string_equal(c->gateway.regions.items[0], "us-1");
	assert_int_equal(c->gateway.features, FEATURE_ALL);
	assert_null(c->gateway.allowlist_dir);
	assert_int_equal(c->gateway.sets.count, 0);
	assert_int_equal(c->gateway.workers, 0);
	assert_null(c->gateway.user);
	assert_int_equal(c->listener_count, 1);
	assert_null(c->listeners[0].unix_path);
	assert_int_equal(c->listeners[0].address.port, 3128);
	assert_int_equal(c->listeners[0].clients.count, 7);
	assert_int_equal(c->dns.servers.count, 0);
	assert_int_equal(c->dns.timeout_ms, 2000);
	assert_int_equal(c->dns.attempts, 3);
	assert_int_equal(c->dns.min_ttl_s, 5);
	assert_int_equal(c->dns.max_ttl_s, 3600);
	assert_int_equal(c->dns.negative_ttl_s, 5);
	assert_int_equal(c->dns.serve_stale_s, 3600);
	assert_true(c->dns.prefetch);
	assert_int_equal(c->upstream.connect_timeout_ms, 5000);
	assert_int_equal(c->upstream.attempt_delay_ms, 250);
	assert_int_equal(c->upstream.family, FAMILY_ANY);
	assert_int_equal(c->tunnel.sni, SNI_VERIFY);
	assert_int_equal(c->tunnel.hello_timeout_ms, 10000);
	assert_int_equal(c->tunnel.idle_timeout_ms, 3600000);
	assert_int_equal(c->tunnel.half_close_timeout_ms, 300000);
	assert_int_equal(c->limits.tunnels, 0);
	assert_int_equal(c->limits.header_bytes, 8192);
	assert_int_equal(c->limits.header_timeout_ms, 10000);
	assert_string_equal(c->log.access, "stdout");
	assert_int_equal(c->log.format, LOG_JSON);
	assert_int_equal(c->log.level, LOG_INFO);
	assert_true(c->admin.on);
	assert_int_equal(c->admin.address.port, 3129);
	assert_int_equal(c->shutdown.drain_ms, 25000);
	assert_true(config_worker_count(c) >= 1);
	config_free(c);
}

static const char *const good_values[][4] = {
    {"gateway", "features = runtime,images", "features", "runtime, images"},
    {"gateway", "features = images\nfeatures=telemetry", "features",
	"telemetry, images"},
    {"gateway", "sets = registry-cdn", "sets", "registry-cdn"},
    {"gateway", "sets = a, b ,a", "sets", "a, b"},
    {"gateway", "sets = none", "sets", "none"},
    {"gateway", "extra = /etc/a.ini\nextra = b c.ini", "extra",
	"/etc/a.ini, b c.ini"},
    {"gateway", "allowlist_dir = /etc/lists", "allowlist_dir", "/etc/lists"},
    {"gateway", "allowlist_dir = /etc/\xe6\x97\xa5", "allowlist_dir",
	"/etc/\xe6\x97\xa5"},
    {"gateway", "allowlist_dir = a#b;c", "allowlist_dir", "a#b;c"},
    {"gateway", "allowlist_dir = built in", "allowlist_dir", "built in"},
    {"gateway", "mode = report", "mode", "report"},
    {"gateway", "workers = 256", "workers", "256"},
    {"gateway", "workers = auto", "workers", "auto"},
    {"gateway", "user = _sekisho", "user", "_sekisho"},
    {"gateway", "user = 65534", "user", "65534"},
    {"gateway", "user = none", "user", "none"},
    {"listener x", "address = [::]:3128", "address", "[::]:3128"},
    {"listener x", "address = 0.0.0.0:0", "address", "0.0.0.0:0"},
    {"listener x", "address = unix:/run/s", "address", "unix:/run/s"},
    {"listener x", "protocols = connect", "protocols", "connect"},
    {"listener x", "protocols = socks5", "protocols", "socks5"},
    {"listener x", "protocols = sni", "protocols", "sni"},
    {"listener x", "protocols = socks5, connect", "protocols",
	"connect, socks5"},
    {"listener x", "clients = 10.0.0.0/8,::1/128", "clients",
	"10.0.0.0/8, ::1"},
    {"listener x", "proxy_protocol = on", "proxy_protocol", "on"},
    {"dns",
	"servers = 10.0.0.53, fd00::53, [fd00::54], "
	"[fd00::55]:5353",
	"servers",
	"10.0.0.53:53, [fd00::53]:53, [fd00::54]:53, "
	"[fd00::55]:5353"},
    {"host a.example", "addresses = 10.1.2.3, fd00::1\naddresses = 192.0.2.1",
	"addresses", "10.1.2.3, fd00::1, 192.0.2.1"},
    {"host a.example", "addresses = none", "addresses", "none"},
    {"host a.example", "allow_addresses = 10.0.0.0/8", "allow_addresses",
	"10.0.0.0/8"},
    {"host a.example", "sni = off", "sni", "off"},
    {"host a.example", "sni = tunnel.sni", "sni", "tunnel.sni"},
    {"host a.example", "", "idle_timeout", "tunnel.idle_timeout"},
    {"host a.example", "idle_timeout = 90m", "idle_timeout", "90m"},
    {"host a.example", "idle_timeout = tunnel.idle_timeout", "idle_timeout",
	"tunnel.idle_timeout"},
    {"dns", "servers = resolv.conf", "servers", "resolv.conf"},
    {"dns", "attempts = 10", "attempts", "10"},
    {"dns", "min_ttl = 0", "min_ttl", "0"},
    {"dns", "min_ttl = 0s", "min_ttl", "0"},
    {"dns", "min_ttl = 2000ms", "min_ttl", "2s"},
    {"dns", "max_ttl = 168h", "max_ttl", "168h"},
    {"dns", "prefetch = off", "prefetch", "off"},
    {"upstream", "connect_timeout = 10ms", "connect_timeout", "10ms"},
    {"upstream", "connect_timeout = 60s", "connect_timeout", "1m"},
    {"upstream", "connect_timeout = 90s", "connect_timeout", "90s"},
    {"upstream", "attempt_delay = 2s", "attempt_delay", "2s"},
    {"upstream", "family = ipv6", "family", "ipv6"},
    {"upstream", "allow_addresses = 10.1.2.3", "allow_addresses", "10.1.2.3"},
    {"upstream", "deny_addresses = 203.0.113.0/24 ; a comment",
	"deny_addresses", "203.0.113.0/24"},
    {"tunnel", "sni = require-tls", "sni", "require-tls"},
    {"tunnel", "idle_timeout = 35m", "idle_timeout", "35m"},
    {"limits", "tunnels = 100000", "tunnels", "100000"},
    {"limits", "tunnels_per_client = 0", "tunnels_per_client", "0"},
    {"limits", "header_bytes = 64k", "header_bytes", "64k"},
    {"log", "access = off", "access", "off"},
    {"log", "access = /var/log/a.log", "access", "/var/log/a.log"},
    {"log", "format = logfmt", "format", "logfmt"},
    {"log", "level = debug", "level", "debug"},
    {"admin", "address = off", "address", "off"},
    {"admin", "address = [::1]:9000", "address", "[::1]:9000"},
    {"shutdown", "drain = 0", "drain", "0"},
};

static void
good_values_are_read(void **state)
{
	/* section, line, key, value as dumped */
	(void)state;
	for (size_t i = 0; i < COUNT(good_values); i++) {
		char text[512];
		struct errors e;
		struct config *c;

		(void)snprintf(text, sizeof(text), "[%s]\n%s\n",
		    good_values[i][0], good_values[i][1]);
		c = load_text(text, true, &e);
		assert_string_equal(e.text, "");
		assert_non_null(c);
		check_value(
		    c, good_values[i][0], good_values[i][2], good_values[i][3]);
		config_free(c);
	}
}

static void
hosts_are_found_by_name(void **state)
{
	static const struct config_setting settings[] = {
	    {"gateway.regions", "us-1", "--region"},
	    {"host b.example.addresses", "192.0.2.7", "--set"},
	    {"host c.example.sni", "off", "--set"},
	};
	static const char file[] =
	    "[host B.example.]\naddresses = 192.0.2.1\n"
	    "idle_timeout = 5s\n"
	    "[upstream]\nfamily = ipv4\n"
	    "[host a.example]\naddresses = ::1, 192.0.2.2\n"
	    "addresses = 192.0.2.3\n";
	struct errors e;
	struct config *c = load_settings(settings, COUNT(settings), file, &e);
	const struct config_host *h;
	struct hostname name;

	(void)state;
	assert_string_equal(e.text, "");
	assert_non_null(c);
	assert_int_equal(c->host_count, 3);
	assert_int_equal(
	    hostname_parse(&name, span_str("B.Example")), HOSTNAME_NAME);
	h = config_host_find(c, &name);
	assert_non_null(h);
	assert_int_equal(h->idle_timeout_ms, 5000);
	assert_int_equal(h->sni, SNI_AS_TUNNEL);
	assert_int_equal(h->fixed->count, 1);
	assert_int_equal(h->fixed->addrs[0].bytes[3], 7);
	assert_int_equal(
	    hostname_parse(&name, span_str("a.example")), HOSTNAME_NAME);
	h = config_host_find(c, &name);
	assert_int_equal(h->addresses.count, 3);
	assert_int_equal(h->fixed->count, 2);
	assert_int_equal(h->fixed->addrs[0].bytes[3], 2);
	assert_int_equal(
	    hostname_parse(&name, span_str("c.example")), HOSTNAME_NAME);
	h = config_host_find(c, &name);
	assert_null(h->fixed);
	assert_int_equal(h->sni, SNI_OFF);
	assert_int_equal(
	    hostname_parse(&name, span_str("example")), HOSTNAME_NAME);
	assert_null(config_host_find(c, &name));
	config_free(c);
}

static void
options_win_over_the_file(void **state)
{
	static const char file[] =
	    "[gateway]\nregions = jp-1\nsets = a\n[tunnel]\nsni = off\n"
	    "[listener main]\naddress = [::1]:1\nclients = 10.0.0.0/8\n"
	    "[listener more]\naddress = [::1]:2\n";
	static const struct config_setting settings[] = {
	    {"gateway.regions", "us-1,in-1", "--region"},
	    {"gateway.regions", "gb-1", "--region"},
	    {"gateway.sets", "none", "--set"},
	    {"tunnel.sni", "require-tls", "--set"},
	    {"listener main.clients", " 192.0.2.1 ", "--set"},
	};
	struct errors e;
	struct config *c = load_settings(settings, COUNT(settings), file, &e);

	(void)state;
	assert_string_equal(e.text, "");
	assert_non_null(c);
	check_value(c, "gateway", "regions", "us-1, in-1, gb-1");
	check_value(c, "gateway", "sets", "none");
	check_value(c, "tunnel", "sni", "require-tls");
	check_value(c, "listener main", "address", "[::1]:1");
	check_value(c, "listener main", "clients", "192.0.2.1");
	check_value(c, "listener more", "address", "[::1]:2");
	assert_int_equal(c->listener_count, 2);
	config_free(c);
}

static void
listen_replaces_the_listeners(void **state)
{
	static const char *const listen[] = {
	    "0.0.0.0:3128", "[::1]:3130", "unix:/run/s"};
	static const struct config_setting settings[] = {
	    {"gateway.regions", "us-1", "--region"},
	    {"listener main-2.clients", "::1", "--set"},
	    {"listener other.clients", "::1", "--set"},
	};
	struct config_sources src = {
	    .file = "f",
	    .text = span_str("[listener main]\nclients = 10.0.0.0/8\n"
			     "[listener other]\n[listener third]\n"),
	    .settings = settings,
	    .setting_count = 2,
	    .listen = listen,
	    .listen_count = COUNT(listen),
	};
	struct errors e = {.count = 0};
	struct config *c = config_load(&src, on_error, &e);

	(void)state;
	assert_string_equal(e.text, "");
	assert_non_null(c);
	assert_int_equal(c->listener_count, 3);
	check_value(c, "listener main", "address", "0.0.0.0:3128");
	assert_int_equal(c->listeners[0].clients.count, 7);
	check_value(c, "listener main-2", "clients", "::1");
	check_value(c, "listener main-3", "address", "unix:/run/s");
	check_value(c, "listener main-3", "clients", "");
	config_free(c);

	src.setting_count = 3;
	assert_null(config_load(&src, on_error, &e));
	assert_string_equal(e.text,
	    "--set listener other.clients: no such listener: with --listen "
	    "they are main, main-2 and so on");
}

/* The lines that are no comments, and so no sources. */
static char *
without_comments(const char *text)
{
	char *out = strdup(text);
	size_t len = 0;

	assert_non_null(out);
	for (const char *p = text; *p != '\0';) {
		size_t line = strcspn(p, "\n") + 1;

		if (p[0] != ';') {
			memmove(out + len, p, line);
			len += line;
		}
		p += line;
	}
	out[len] = '\0';
	return out;
}

static const char rich[] =
    "[gateway]\nregions = us-1, jp-1\nfeatures = runtime\n"
    "allowlist_dir = /etc/\xe6\x97\xa5 lists\nsets = registry-cdn\n"
    "extra = /a.ini, /b.ini\nworkers = 3\nuser = nobody\n"
    "[listener in]\naddress = [::]:3128\nclients = 10.0.0.0/8, fd00::/8\n"
    "[listener sock]\naddress = unix:/run/s.sock\n"
    "[dns]\nservers = 10.0.0.53, [fd00::53]:5353\ntimeout = 250ms\n"
    "min_ttl = 0\nprefetch = off\n[upstream]\nfamily = ipv4\n"
    "allow_addresses = 10.9.0.0/16\ndeny_addresses = 203.0.113.0/24\n"
    "[tunnel]\nsni = off\nidle_timeout = 35m\n"
    "[limits]\ntunnels = 12\nheader_bytes = 2k\n"
    "[log]\naccess = ./x\nformat = logfmt\nlevel = warn\n"
    "[host A.Example.]\naddresses = 10.9.0.1, fd00::1\nsni = off\n"
    "[host b.example]\nallow_addresses = 10.8.0.0/16\nidle_timeout = 2h\n"
    "[admin]\naddress = off\n[shutdown]\ndrain = 0\n";

static void
dump_loads_to_the_same(void **state)
{
	struct errors e;
	struct config *a = load_text(rich, false, &e), *b;
	char *first, *second, *plain_first, *plain_second;

	(void)state;
	assert_string_equal(e.text, "");
	assert_non_null(a);
	first = dump(a);
	b = load_text(first, false, &e);
	assert_string_equal(e.text, "");
	assert_non_null(b);
	second = dump(b);
	plain_first = without_comments(first);
	plain_second = without_comments(second);
	assert_string_equal(plain_first, plain_second);
	assert_non_null(strstr(first,
	    "; accepted: verify, require-tls or off\n; default: verify\n"
	    "; source: f:24\nsni = off\n"));
	assert_non_null(strstr(first, "; source: default\nattempts = 3\n"));
	free(first);
	free(second);
	free(plain_first);
	free(plain_second);
	config_free(a);
	config_free(b);
}

/* Lists and sources that are longer than a line of INI. */
static void
long_dump_loads_to_the_same(void **state)
{
	char name[600], text[8192], *dumped;
	size_t len = 0;
	struct config_sources src = {
	    .file = name, .settings = &region_us, .setting_count = 1};
	struct errors e = {.count = 0};
	struct config *c;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	name[590] = '\n';
	name[591] = '\xff';
	len += (size_t)snprintf(text, sizeof(text), "[upstream]\n");
	for (unsigned i = 0; i < 100; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "deny_addresses = 2001:db8:ffff:%x:8000::/65\n", i);
	src.text = span_of(text, len);
	c = config_load(&src, on_error, &e);
	assert_string_equal(e.text, "");
	assert_non_null(c);
	dumped = dump(c);
	config_free(c);
	c = load_text(dumped, false, &e);
	assert_string_equal(e.text, "");
	assert_non_null(c);
	assert_int_equal(c->upstream.deny_addresses.count, 100);
	assert_int_equal(
	    c->upstream.deny_addresses.items[99].addr.bytes[7], 99);
	config_free(c);
	free(dumped);
}

/* Cut anywhere, a file gives a configuration or errors, and nothing else. */
static void
cut_files_do_no_harm(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(rich); len++) {
		char text[sizeof(rich)];
		struct errors e;
		struct config *c;

		(void)snprintf(text, sizeof(text), "%.*s", (int)len, rich);
		c = load_text(text, false, &e);
		assert_int_equal(c == NULL, e.count > 0);
		config_free(c);
	}
}

/* Each allocation in turn comes back empty. */
static void
out_of_memory_is_reported(void **state)
{
	unsigned n;

	(void)state;
	for (n = 1; n < 1000; n++) {
		struct errors e;
		struct config *c;

		fail_at = n;
		c = load_text(rich, false, &e);
		if (c != NULL) {
			config_free(c);
			break;
		}
		assert_string_equal(e.text, "out of memory");
	}
	assert_true(fail_at > 0 && n > 20);
	fail_at = 0;
}

static void
keys_are_listed_once(void **state)
{
	char *text = NULL;
	size_t len = 0, lines = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	assert_non_null(f);
	config_keys(f);
	assert_int_equal(fclose(f), 0);
	for (char *p = text; *p != '\0'; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 55);
	assert_non_null(strstr(text, "listener NAME.address\t127.0.0.1:3128\t"
				     "reloadable\t" LISTEN "\twhere clients"));
	assert_non_null(strstr(text, "gateway.regions\t(required)\t"));
	assert_non_null(strstr(text, "gateway.mode\tenforce\treloadable\t"));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(defaults_are_the_contract),
	    cmocka_unit_test(defaults_have_their_units),
	    cmocka_unit_test(good_values_are_read),
	    cmocka_unit_test(hosts_are_found_by_name),
	    cmocka_unit_test(options_win_over_the_file),
	    cmocka_unit_test(listen_replaces_the_listeners),
	    cmocka_unit_test(dump_loads_to_the_same),
	    cmocka_unit_test(long_dump_loads_to_the_same),
	    cmocka_unit_test(cut_files_do_no_harm),
	    cmocka_unit_test(out_of_memory_is_reported),
	    cmocka_unit_test(keys_are_listed_once),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
