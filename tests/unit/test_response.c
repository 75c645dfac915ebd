/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/response.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Writes into memory of exactly RESPONSE_MAX bytes; NUL-terminated copy. */
static void
refuse(char *out, const struct refusal *r)
{
	char *buf = malloc(RESPONSE_MAX);
	size_t len;

	assert_non_null(buf);
	len = response_refusal(buf, r);
	assert_true(len <= RESPONSE_MAX);
	memcpy(out, buf, len);
	out[len] = '\0';
	free(buf);
}

static void
test_whole_answer(void **state)
{
	char got[RESPONSE_MAX + 1];
	struct refusal r = {
	    .why = OUTCOME_DENIED_HOST,
	    .detail = span_str("host not on allowlist: example.com"),
	    .advice = span_str("Add it.\nOr do not.\n"),
	};

	(void)state;
	refuse(got, &r);
	assert_string_equal(got,
	    "HTTP/1.1 403 host not on allowlist: example.com\r\n"
	    "Proxy-Status: sekisho; error=http_request_denied; "
	    "details=\"denied_host: host not on allowlist: example.com\"\r\n"
	    "Content-Type: text/plain\r\n"
	    "Content-Length: 109\r\n"
	    "Connection: close\r\n"
	    "\r\n"
	    "sekisho opened no tunnel: denied_host\n"
	    "Why: host not on allowlist: example.com\n"
	    "What to do: Add it.\n"
	    "Or do not.\n");
}

/* RFC 9110 section 9.3.2: the same head as with the body, and no body. */
static void
test_head_gets_no_body(void **state)
{
	char whole[RESPONSE_MAX + 1], head[RESPONSE_MAX + 1];
	struct refusal r = {.why = OUTCOME_METHOD_NOT_ALLOWED};

	(void)state;
	refuse(whole, &r);
	r.no_body = true;
	refuse(head, &r);
	*(strstr(whole, "\r\n\r\n") + 4) = '\0';
	assert_string_equal(head, whole);
}

/* The field's value in the head, or NULL. */
static const char *
field(const char *answer, const char *name, char *value, size_t cap)
{
	char start[64];
	const char *at;

	assert_true(snprintf(start, sizeof(start), "\r\n%s: ", name) < 64);
	at = strstr(answer, start);
	if (at == NULL || at > strstr(answer, "\r\n\r\n"))
		return NULL;
	at += strlen(start);
	assert_true(strcspn(at, "\r") < cap);
	memcpy(value, at, strcspn(at, "\r"));
	value[strcspn(at, "\r")] = '\0';
	return value;
}

static void
assert_well_formed(const char *answer, enum outcome why)
{
	const char *body = strstr(answer, "\r\n\r\n");
	char value[RESPONSE_MAX], want[128];

	assert_non_null(body);
	body += 4;
	assert_true(snprintf(want, sizeof(want), "HTTP/1.1 %u ",
			outcome_status(why)) > 0);
	assert_memory_equal(answer, want, strlen(want));
	assert_true(answer[strlen(want)] != '\r'); /* a reason is there */
	for (const char *p = answer; *p != '\0'; p++) {
		if (*p == '\r')
			assert_true(p < body && p[1] == '\n');
		else if (*p == '\n')
			assert_true(p >= body || p[-1] == '\r');
		else
			assert_in_range(*p, 0x20, 0x7E);
	}
	assert_string_equal(
	    field(answer, "Connection", value, sizeof(value)), "close");
	assert_string_equal(
	    field(answer, "Content-Type", value, sizeof(value)), "text/plain");
	assert_non_null(field(answer, "Content-Length", value, sizeof(value)));
	assert_int_equal(strtoul(value, NULL, 10), strlen(body));
	assert_true(
	    snprintf(want, sizeof(want), "sekisho; error=%s; details=\"%s: ",
		outcome_proxy_status(why), outcome_token(why)) > 0);
	assert_non_null(field(answer, "Proxy-Status", value, sizeof(value)));
	assert_memory_equal(value, want, strlen(want));
	assert_int_equal(value[strlen(value) - 1], '"');
	assert_non_null(strstr(body, outcome_token(why)));
	assert_non_null(strstr(body, "\nWhy: "));
	assert_non_null(strstr(body, "\nWhat to do: "));
	assert_int_equal(body[strlen(body) - 1], '\n');
}

/* Each outcome that has a status, with nothing known but itself. */
static void
test_every_outcome(void **state)
{
	char got[RESPONSE_MAX + 1], value[64];
	unsigned refusals = 0;

	(void)state;
	for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
		struct refusal r = {.why = (enum outcome)o};
		unsigned status = outcome_status(r.why);
		const char *allow, *challenge;

		if (status < 400)
			continue;
		refusals++;
		refuse(got, &r);
		assert_well_formed(got, r.why);
		assert_non_null(strstr(got, outcome_sentence(r.why)));
		allow = field(got, "Allow", value, sizeof(value));
		assert_int_equal(status == 405, allow != NULL);
		if (allow != NULL)
			assert_string_equal(allow, "CONNECT");
		challenge =
		    field(got, "Proxy-Authenticate", value, sizeof(value));
		assert_int_equal(status == 407, challenge != NULL);
		if (challenge != NULL)
			assert_string_equal(
			    challenge, "Basic realm=\"sekisho\"");
		assert_null(field(got, "Retry-After", value, sizeof(value)));
	}
	assert_int_equal(refusals, 25);
}

static void
test_retry_after(void **state)
{
	char got[RESPONSE_MAX + 1], value[64];
	struct refusal r = {.why = OUTCOME_DRAINING, .retry_after_s = 30};

	(void)state;
	refuse(got, &r);
	assert_well_formed(got, r.why);
	assert_string_equal(
	    field(got, "Retry-After", value, sizeof(value)), "30");
}

static void
test_detail_cannot_break_out(void **state)
{
	static const struct {
		struct span detail;
		const char *reason, *details;
	} rows[] = {
	    {{"a\r\nX: b\r\n\r\nc", 12}, "a??X: b????c", "a??X: b????c"},
	    {{"a\0b\x1b\x7f\xff\t", 7}, "a?b????", "a?b????"},
	    {{"say \"hi\"", 8}, "say \"hi\"", "say \\\"hi\\\""},
	    {{"a\\b", 3}, "a\\b", "a\\\\b"},
	    {{"\\\"", 2}, "\\\"", "\\\\\\\""},
	};
	char got[RESPONSE_MAX + 1], want[256];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct refusal r = {
		    .why = OUTCOME_BAD_REQUEST, .detail = rows[i].detail};

		refuse(got, &r);
		assert_well_formed(got, r.why);
		assert_true(snprintf(want, sizeof(want), "HTTP/1.1 400 %s\r\n",
				rows[i].reason) > 0);
		assert_memory_equal(got, want, strlen(want));
		assert_true(snprintf(want, sizeof(want),
				"details=\"bad_request: %s\"\r\n",
				rows[i].details) > 0);
		assert_non_null(strstr(got, want));
	}
}

static void
test_advice_is_cleaned(void **state)
{
	char got[RESPONSE_MAX + 1];
	struct refusal r = {.why = OUTCOME_DENIED_PORT,
	    .advice = span_str("Do\x1b[31m\r\nthis\xe2\x82\xac")};

	(void)state;
	refuse(got, &r);
	assert_well_formed(got, r.why);
	assert_non_null(strstr(got, "What to do: Do?[31m?\nthis???\n"));
	r.advice = span_str("\n");
	refuse(got, &r);
	assert_well_formed(got, r.why);
}

/* The longest of everything, all of it escaped, for each outcome. */
static void
test_longest_fits(void **state)
{
	char long_text[RESPONSE_ADVICE_MAX * 2];
	char got[RESPONSE_MAX + 1];

	(void)state;
	memset(long_text, '"', sizeof(long_text));
	for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
		struct refusal r = {.why = (enum outcome)o,
		    .detail = span_of(long_text, sizeof(long_text)),
		    .advice = span_of(long_text, sizeof(long_text)),
		    .retry_after_s = 4294967295U};

		if (outcome_status(r.why) < 400)
			continue;
		refuse(got, &r);
		assert_well_formed(got, r.why);
		assert_int_equal(strcspn(got + 13, "\r"), RESPONSE_DETAIL_MAX);
	}
}

static void
test_established(void **state)
{
	static const struct {
		const char *next_hop, *want;
	} rows[] = {
	    {"192.0.2.1:443", "192.0.2.1"},
	    {"255.255.255.255:65535", "255.255.255.255"},
	    {"[2001:db8::1]:443", "2001:db8::1"},
	};
	char *buf = malloc(RESPONSE_MAX);

	(void)state;
	assert_non_null(buf);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ip_endpoint e;
		char want[256];
		size_t len;

		assert_true(ip_endpoint_parse(&e, span_str(rows[i].next_hop)));
		len = response_established(buf, &e);
		assert_true(
		    snprintf(want, sizeof(want),
			"HTTP/1.1 200 Connection established\r\n"
			"Proxy-Status: sekisho; next-hop=\"%s\"\r\n\r\n",
			rows[i].want) > 0);
		assert_int_equal(len, strlen(want));
		assert_memory_equal(buf, want, len);
	}
	free(buf);
}

static void
test_alert(void **state)
{
	static const struct {
		enum outcome why;
		uint8_t description;
	} rows[] = {
	    {OUTCOME_SNI_MISMATCH, 49},
	    {OUTCOME_SNI_MISSING, 112},
	    {OUTCOME_NOT_TLS, 10},
	    {OUTCOME_HELLO_TIMEOUT, 90},
	    {OUTCOME_HELLO_TOO_LARGE, 22},
	    {OUTCOME_BAD_REQUEST, 10},
	    {OUTCOME_HEADER_TIMEOUT, 90},
	    {OUTCOME_DENIED_HOST, 49},
	    {OUTCOME_DENIED_CLIENT, 49},
	    {OUTCOME_DENIED_RESOLVED_ADDRESS, 49},
	    {OUTCOME_PARENT_REFUSED, 49},
	    {OUTCOME_PARENT_FAILED, 80},
	    {OUTCOME_DNS_NXDOMAIN, 112},
	    {OUTCOME_DNS_TIMEOUT, 80},
	    {OUTCOME_CONNECT_REFUSED, 80},
	    {OUTCOME_RATE_LIMITED, 80},
	    {OUTCOME_LIMIT_REACHED, 80},
	    {OUTCOME_DRAINING, 80},
	    {OUTCOME_LOOP, 80},
	    {OUTCOME_INTERNAL_ERROR, 80},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char got[RESPONSE_ALERT_LEN];
		const uint8_t want[] = {
		    0x15, 0x03, 0x03, 0, 2, 2, rows[i].description};

		assert_int_equal(
		    response_alert(got, rows[i].why), sizeof(want));
		assert_memory_equal(got, want, sizeof(want));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whole_answer),
	    cmocka_unit_test(test_head_gets_no_body),
	    cmocka_unit_test(test_every_outcome),
	    cmocka_unit_test(test_retry_after),
	    cmocka_unit_test(test_detail_cannot_break_out),
	    cmocka_unit_test(test_advice_is_cleaned),
	    cmocka_unit_test(test_longest_fits),
	    cmocka_unit_test(test_established),
	    cmocka_unit_test(test_alert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
