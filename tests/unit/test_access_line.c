/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "access_line.h"
#include "basic.h"
#include "guard.h"
#include "tls_stream.h"

/* 2026-01-31T08:09:10.123456789Z */
#define AT_NS UINT64_C(1769846950123456789)

static char where[] = "cloudone/us-1.ini:7";

static const struct allowlist_entry entry = {
    .port = 443, .region = "us-1", .category = "container", .line = 7};
static const struct rule rule = {.entry = &entry, .where = where};
static const struct allowlist_entry extra_entry = {
    .port = 443, .region = "-", .category = "my mirror"};
static const struct rule extra_rule = {.entry = &extra_entry, .where = where};

static struct access_record
nothing(void)
{
	return (struct access_record){
	    .unix_ns = AT_NS,
	    .why = OUTCOME_BAD_REQUEST,
	    .dns_ns = ACCESS_ABSENT,
	    .connect_ns = ACCESS_ABSENT,
	    .first_byte_ns = ACCESS_ABSENT,
	    .duration_ns = ACCESS_ABSENT,
	    .bytes_up = ACCESS_ABSENT,
	    .bytes_down = ACCESS_ABSENT,
	};
}

static struct ip_endpoint
endpoint(const char *text)
{
	struct ip_endpoint e;

	assert_true(ip_endpoint_parse(&e, span_str(text)));
	return e;
}

static struct access_record
everything(void)
{
	return (struct access_record){
	    .unix_ns = AT_NS,
	    .tunnel = true,
	    .why = OUTCOME_UPSTREAM_CLOSED,
	    .status = 200,
	    .client = endpoint("10.1.2.3:45678"),
	    .user = span_str("scanner"),
	    .listener = span_str("main"),
	    .protocol = "connect",
	    .host = span_str("container.us-1.cloudone.trendmicro.com"),
	    .port = 443,
	    .rule = &rule,
	    .sni = span_str("container.us-1.cloudone.trendmicro.com"),
	    .upstream = endpoint("[2001:db8::1]:443"),
	    .parent = span_str("proxy.example:8080"),
	    .dns_ns = 1234567,
	    .connect_ns = 20000000,
	    .first_byte_ns = 30500000,
	    .duration_ns = 0,
	    .bytes_up = 0,
	    .bytes_down = UINT64_MAX - 1,
	    .detail = span_str("two words"),
	};
}

static void
check_line(enum config_log_format format, const struct access_record *r,
    const char *expected)
{
	char buf[ACCESS_LINE_MAX + 1];
	size_t n = access_log_render(buf, ACCESS_LINE_MAX, format, r);

	buf[n] = '\0';
	assert_string_equal(buf, expected);
}

static void
test_all_fields_in_order(void **state)
{
	struct access_record r = everything();

	(void)state;
	check_line(LOG_JSON, &r,
	    "{\"time\":\"2026-01-31T08:09:10.123Z\",\"event\":\"tunnel\","
	    "\"outcome\":\"upstream_closed\",\"status\":200,"
	    "\"client\":\"10.1.2.3:45678\",\"user\":\"scanner\","
	    "\"listener\":\"main\",\"protocol\":\"connect\","
	    "\"host\":\"container.us-1.cloudone.trendmicro.com\","
	    "\"port\":443,\"region\":\"us-1\",\"category\":\"container\","
	    "\"rule\":\"cloudone/us-1.ini:7\","
	    "\"sni\":\"container.us-1.cloudone.trendmicro.com\","
	    "\"upstream\":\"[2001:db8::1]:443\","
	    "\"parent\":\"proxy.example:8080\",\"dns_ms\":1.234,"
	    "\"connect_ms\":20,\"first_byte_ms\":30.5,\"duration_ms\":0,"
	    "\"bytes_up\":0,\"bytes_down\":18446744073709551614,"
	    "\"detail\":\"two words\"}\n");
	check_line(LOG_LOGFMT, &r,
	    "time=2026-01-31T08:09:10.123Z event=tunnel "
	    "outcome=upstream_closed status=200 client=10.1.2.3:45678 "
	    "user=scanner listener=main protocol=connect "
	    "host=container.us-1.cloudone.trendmicro.com port=443 region=us-1 "
	    "category=container rule=cloudone/us-1.ini:7 "
	    "sni=container.us-1.cloudone.trendmicro.com "
	    "upstream=[2001:db8::1]:443 parent=proxy.example:8080 "
	    "dns_ms=1.234 connect_ms=20 first_byte_ms=30.5 duration_ms=0 "
	    "bytes_up=0 bytes_down=18446744073709551614 "
	    "detail=\"two words\"\n");
}

#define JSON_START                                                             \
	"{\"time\":\"2026-01-31T08:09:10.123Z\",\"event\":\"refused\","        \
	"\"outcome\":\"bad_request\""
#define LOGFMT_START                                                           \
	"time=2026-01-31T08:09:10.123Z event=refused outcome=bad_request"

static void
check_tail(const struct access_record *r, const char *json, const char *logfmt)
{
	char line[512];

	(void)snprintf(line, sizeof(line), JSON_START "%s}\n", json);
	check_line(LOG_JSON, r, line);
	(void)snprintf(line, sizeof(line), LOGFMT_START "%s\n", logfmt);
	check_line(LOG_LOGFMT, r, line);
}

static void
test_absent_fields_are_left_out(void **state)
{
	struct access_record r = nothing();

	(void)state;
	check_tail(&r, "", "");
	r.status = 403;
	check_tail(&r, ",\"status\":403", " status=403");
	r = nothing();
	r.client = endpoint("[::1]:1");
	check_tail(&r, ",\"client\":\"[::1]:1\"", " client=[::1]:1");
	r = nothing();
	r.client = endpoint("255.255.255.255:65535");
	check_tail(&r, ",\"client\":\"255.255.255.255:65535\"",
	    " client=255.255.255.255:65535");
	r = nothing();
	r.port = 8443;
	check_tail(&r, ",\"port\":8443", " port=8443");
	r = nothing();
	r.rule = &extra_rule;
	check_tail(&r,
	    ",\"category\":\"my mirror\",\"rule\":\"cloudone/us-1.ini:7\"",
	    " category=\"my mirror\" rule=cloudone/us-1.ini:7");
	r = nothing();
	r.first_byte_ns = 999;
	check_tail(&r, ",\"first_byte_ms\":0", " first_byte_ms=0");
	r = nothing();
	r.bytes_up = 0;
	check_tail(&r, ",\"bytes_up\":0", " bytes_up=0");
	r = nothing();
	r.detail = span_str("host not on allowlist: a");
	check_tail(&r, ",\"detail\":\"host not on allowlist: a\"",
	    " detail=\"host not on allowlist: a\"");
}

static void
test_time_follows_the_second(void **state)
{
	static const struct {
		uint64_t unix_ns;
		const char *text;
	} rows[] = {
	    {0, "{\"time\":\"1970-01-01T00:00:00.000Z\""},
	    {AT_NS, "{\"time\":\"2026-01-31T08:09:10.123Z\""},
	    {AT_NS + 1000000, "{\"time\":\"2026-01-31T08:09:10.124Z\""},
	    {AT_NS + 876543210, "{\"time\":\"2026-01-31T08:09:10.999Z\""},
	    {AT_NS + 876543211, "{\"time\":\"2026-01-31T08:09:11.000Z\""},
	    {AT_NS, "{\"time\":\"2026-01-31T08:09:10.123Z\""},
	    {0, "{\"time\":\"1970-01-01T00:00:00.000Z\""},
	};
	struct access_line_clock clock = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct access_record r = nothing();
		char buf[ACCESS_LINE_MAX];
		struct text t = text_in(buf, sizeof(buf));

		r.unix_ns = rows[i].unix_ns;
		access_line_add(&t, LOG_JSON, &r, &clock);
		assert_memory_equal(buf, rows[i].text, strlen(rows[i].text));
	}
}

/* Reads one JSON string (RFC 8259 section 7); returns what is behind it. */
static const char *
skip_string(const char *at)
{
	assert_int_equal(*at++, '"');
	while (*at != '"') {
		assert_true((unsigned char)*at >= 0x20);
		if (*at++ != '\\')
			continue;
		if (*at == 'u') {
			assert_int_equal(
			    strspn(at + 1, "0123456789abcdef") >= 4, 1);
			at += 5;
		} else {
			assert_non_null(memchr("\"\\/bfnrt", *at, 8));
			at++;
		}
	}
	return at + 1;
}

/* One flat object of strings and numbers on one line. */
static void
check_json(const char *line)
{
	const char *at = line;

	assert_int_equal(*at, '{');
	do {
		at = skip_string(at + 1);
		assert_int_equal(*at++, ':');
		if (*at == '"') {
			at = skip_string(at);
		} else {
			size_t digits = strspn(at, "0123456789.");

			assert_true(digits > 0);
			at += digits;
		}
	} while (*at == ',');
	assert_string_equal(at, "}\n");
}

/* logfmt: words of KEY=VALUE, quoted values escaped. */
static void
check_logfmt(const char *line)
{
	const char *at = line;

	for (;;) {
		at += strspn(at, "abcdefghijklmnopqrstuvwxyz_");
		assert_int_equal(*at++, '=');
		if (*at == '"')
			at = skip_string(at);
		else
			at += strcspn(at, " \n\"=");
		if (*at == '\n')
			break;
		assert_int_equal(*at++, ' ');
	}
	assert_string_equal(at, "\n");
}

static void
test_hostile_bytes_stay_one_line(void **state)
{
	char line[ACCESS_LINE_MAX + 1];

	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		char raw[4] = {(char)first, (char)0xE2, (char)0x80, (char)0xA8};
		struct access_record r = everything();
		size_t n;

		/* Alone, before and behind others, and cut U+2028. */
		for (size_t len = 1; len <= sizeof(raw); len++) {
			r.user = r.host = r.sni = span_of(raw, len);
			r.parent = r.detail = r.listener = r.host;
			n = access_log_render(
			    line, ACCESS_LINE_MAX, LOG_JSON, &r);
			line[n] = '\0';
			assert_int_equal(strlen(line), n);
			check_json(line);
			assert_null(strstr(line, "\xE2\x80\xA8"));
			n = access_log_render(
			    line, ACCESS_LINE_MAX, LOG_LOGFMT, &r);
			line[n] = '\0';
			assert_int_equal(strlen(line), n);
			check_logfmt(line);
		}
	}
}

static void
test_longest_values_still_fit(void **state)
{
	enum {
		LONG = 65536
	};
	static char long_text[LONG + 1];
	static char line[ACCESS_LINE_MAX + 1];
	const struct allowlist_entry long_entry = {
	    .region = long_text, .category = long_text};
	const struct rule long_rule = {
	    .entry = &long_entry, .where = long_text};
	struct access_record r = everything();
	size_t n;

	(void)state;
	memset(long_text, 0x01, LONG);
	r.user = r.listener = r.host = span_of(long_text, LONG);
	r.sni = r.parent = r.detail = r.host;
	r.rule = &long_rule;
	r.dns_ns = r.connect_ns = r.first_byte_ns = UINT64_MAX - 1;
	n = access_log_render(line, ACCESS_LINE_MAX, LOG_JSON, &r);
	assert_true(n > 0);
	line[n] = '\0';
	check_json(line);
	n = access_log_render(line, ACCESS_LINE_MAX, LOG_LOGFMT, &r);
	assert_true(n > 0);
}

static void
check_user_is_whole(size_t len)
{
	static char line[ACCESS_LINE_MAX + 1];
	struct access_record r = everything();
	char quoted[512];
	size_t n;

	assert_true(len + 2 < sizeof(quoted));
	memset(quoted, 'u', len + 2);
	quoted[0] = quoted[len + 1] = '"';
	quoted[len + 2] = '\0';
	r.user = span_of(quoted + 1, len);
	n = access_log_render(line, ACCESS_LINE_MAX, LOG_JSON, &r);
	line[n] = '\0';
	assert_non_null(strstr(line, quoted));
}

/* As long as listeners take them: two users must not look like one. */
static void
test_users_stand_whole(void **state)
{
	(void)state;
	check_user_is_whole(CREDENTIAL_MAX);
	check_user_is_whole(TLS_SUBJECT_MAX);
}

static void
test_small_buffers_are_refused_whole(void **state)
{
	static char line[ACCESS_LINE_MAX];
	struct access_record r = everything();
	size_t whole = access_log_render(line, sizeof(line), LOG_JSON, &r);

	(void)state;
	for (size_t cap = 0; cap <= whole; cap++) {
		struct guard g = guard_copy(line, cap);
		size_t n = access_log_render((char *)g.data, cap, LOG_JSON, &r);

		assert_int_equal(n, cap == whole ? whole : 0);
		guard_free(&g);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all_fields_in_order),
	    cmocka_unit_test(test_absent_fields_are_left_out),
	    cmocka_unit_test(test_time_follows_the_second),
	    cmocka_unit_test(test_hostile_bytes_stay_one_line),
	    cmocka_unit_test(test_longest_values_still_fit),
	    cmocka_unit_test(test_users_stand_whole),
	    cmocka_unit_test(test_small_buffers_are_refused_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
