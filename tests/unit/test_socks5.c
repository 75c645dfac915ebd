/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/socks5.h"
#include "guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(s) (s), sizeof(s) - 1 /* of a literal that may hold NUL bytes */

static const struct {
	const char *data;
	size_t len;
	size_t used;
	enum socks5_result want;
	bool none;
} greetings[] = {
    {BYTES("\x05\x01\x00"), 3, SOCKS5_DONE, true},
    {BYTES("\x05\x02\x00\x02"), 4, SOCKS5_DONE, true},
    {BYTES("\x05\x02\x02\x00"), 4, SOCKS5_DONE, true},
    {BYTES("\x05\x01\x02"), 3, SOCKS5_DONE, false},
    {BYTES("\x05\x01\xFF"), 3, SOCKS5_DONE, false},
    {BYTES("\x05\x01\x00\x05\x01"), 3, SOCKS5_DONE, true},
    {BYTES("\x05\x00"), 0, SOCKS5_BAD, false},
    {BYTES("\x04\x01\x01\xBB"), 0, SOCKS5_BAD, false},
};

/* The bytes lie before a guard page, whole and at each shorter length: a
 * message that is fine is never taken for more than it is, nor refused early.
 */
static void
test_greetings(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(greetings); i++) {
		for (size_t n = 0; n <= greetings[i].len; n++) {
			struct guard g = guard_copy(greetings[i].data, n);
			size_t used = 0;
			bool none = false;
			enum socks5_result got =
			    socks5_greeting(span_of((const char *)g.data, n),
				SOCKS5_METHOD_NONE, &used, &none);

			if (n == greetings[i].len)
				assert_int_equal(got, greetings[i].want);
			if (got == SOCKS5_DONE) {
				assert_true(n >= greetings[i].used);
				assert_int_equal(used, greetings[i].used);
				assert_int_equal(none, greetings[i].none);
			} else if (greetings[i].want == SOCKS5_DONE) {
				assert_int_equal(got, SOCKS5_MORE);
				assert_true(n < greetings[i].used);
			}
			guard_free(&g);
		}
	}
}

static const struct {
	const char *data;
	size_t len;
	enum socks5_result want;
	size_t used;
	const char *user, *password;
} logins[] = {
    {BYTES("\x01\x01"
	   "a\x01"
	   "b"),
	SOCKS5_DONE, 5, "a", "b"},
    {BYTES("\x01\x03"
	   "a:b\x04"
	   "@/# \x05\x01"),
	SOCKS5_DONE, 10, "a:b", "@/# "},
    {BYTES("\x01\x01"
	   "a\x00"),
	SOCKS5_DONE, 4, "a", ""},
    {BYTES("\x01\x00\x01"
	   "b"),
	SOCKS5_BAD, 0, NULL, NULL},
    {BYTES("\x05\x01"
	   "a\x01"
	   "b"),
	SOCKS5_BAD, 0, NULL, NULL},
};

static void
test_logins(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(logins); i++) {
		for (size_t n = 0; n <= logins[i].len; n++) {
			struct guard g = guard_copy(logins[i].data, n);
			struct span user, password;
			size_t used = 0;
			enum socks5_result got =
			    socks5_login(span_of((const char *)g.data, n),
				&used, &user, &password);

			if (n == logins[i].len)
				assert_int_equal(got, logins[i].want);
			if (got == SOCKS5_DONE) {
				assert_int_equal(used, logins[i].used);
				assert_true(span_is(user, logins[i].user));
				assert_true(
				    span_is(password, logins[i].password));
			} else if (logins[i].want == SOCKS5_DONE) {
				assert_int_equal(got, SOCKS5_MORE);
				assert_true(n < logins[i].used);
			}
			guard_free(&g);
		}
	}
}

#define NAME                                                                   \
	"\x05\x01\x00\x03\x0B"                                                 \
	"example.com"

static const struct {
	const char *data;
	size_t len;
	enum socks5_result want;
	enum outcome why;
	unsigned reply;
	unsigned port;
	const char *says; /* host, or words of the detail */
	size_t used;
} requests[] = {
    {BYTES(NAME "\x01\xBB"), SOCKS5_DONE, OUTCOME_OK, 0, 443, "example.com",
	18},
    {BYTES(NAME "\x01\xBB\x16\x03"), SOCKS5_DONE, OUTCOME_OK, 0, 443,
	"example.com", 18},
    {BYTES("\x05\x01\x00\x03\x0C"
	   "EXAMPLE.com.\xFF\xFF"),
	SOCKS5_DONE, OUTCOME_OK, 0, 65535, "example.com", 19},
    {BYTES(NAME "\x00\x00"), SOCKS5_BAD, OUTCOME_BAD_REQUEST, 1, 0, "port 0",
	0},
    {BYTES("\x05\x01\x00\x03\x00\x01\xBB"), SOCKS5_BAD, OUTCOME_BAD_REQUEST, 1,
	0, "not a host name", 0},
    {BYTES("\x05\x01\x00\x03\x03"
	   "a b"
	   "\x01\xBB"),
	SOCKS5_BAD, OUTCOME_BAD_REQUEST, 1, 0, "not a host name", 0},
    {BYTES("\x05\x01\x00\x03\x03"
	   "a\0b"
	   "\x01\xBB"),
	SOCKS5_BAD, OUTCOME_BAD_REQUEST, 1, 0, "not a host name", 0},
    {BYTES("\x05\x01\x00\x03\x07"
	   "1.2.3.4"
	   "\x01\xBB"),
	SOCKS5_BAD, OUTCOME_DENIED_ADDRESS_LITERAL, 2, 0, "ask by name", 0},
    {BYTES("\x05\x01\x00\x03\x05"
	   "[::1]"
	   "\x01\xBB"),
	SOCKS5_BAD, OUTCOME_DENIED_ADDRESS_LITERAL, 2, 0, "ask by name", 0},
    {BYTES("\x05\x01\x00\x01\x01\x02\x03\x04\x01\xBB"), SOCKS5_BAD,
	OUTCOME_DENIED_ADDRESS_LITERAL, 2, 0, "socks5h://", 0},
    {BYTES("\x05\x01\x00\x04"), SOCKS5_BAD, OUTCOME_DENIED_ADDRESS_LITERAL, 2,
	0, "socks5h://", 0},
    {BYTES("\x05\x01\x00\x02"), SOCKS5_BAD, OUTCOME_BAD_REQUEST, 8, 0,
	"address type", 0},
    {BYTES("\x05\x02"), SOCKS5_BAD, OUTCOME_METHOD_NOT_ALLOWED, 7, 0,
	"only CONNECT", 0},
    {BYTES("\x05\x03"), SOCKS5_BAD, OUTCOME_METHOD_NOT_ALLOWED, 7, 0,
	"only CONNECT", 0},
    {BYTES("\x05\x01\x01"), SOCKS5_BAD, OUTCOME_BAD_REQUEST, 1, 0, "reserved",
	0},
    {BYTES("\x04"), SOCKS5_BAD, OUTCOME_BAD_REQUEST, 1, 0, "version 5", 0},
};

static void
judge(size_t i, const struct socks5_request *r, enum socks5_result got)
{
	assert_int_equal(got, requests[i].want);
	if (got == SOCKS5_DONE) {
		assert_string_equal(r->target.host.text, requests[i].says);
		assert_int_equal(r->target.port, requests[i].port);
		assert_int_equal(r->len, requests[i].used);
		return;
	}
	assert_int_equal(r->why, requests[i].why);
	assert_int_equal(r->reply, requests[i].reply);
	assert_non_null(strstr(r->detail, requests[i].says));
}

static void
test_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(requests); i++) {
		for (size_t n = 0; n <= requests[i].len; n++) {
			struct guard g = guard_copy(requests[i].data, n);
			struct socks5_request r;
			enum socks5_result got = socks5_request(
			    &r, span_of((const char *)g.data, n));

			if (n == requests[i].len || got != SOCKS5_MORE)
				judge(i, &r, got);
			guard_free(&g);
		}
	}
}

static void
test_answers(void **state)
{
	char out[SOCKS5_ANSWER_MAX];

	(void)state;
	assert_int_equal(socks5_choose(out, SOCKS5_METHOD_NONE), 2);
	assert_memory_equal(out, "\x05\x00", 2);
	assert_int_equal(socks5_choose(out, SOCKS5_METHOD_REFUSED), 2);
	assert_memory_equal(out, "\x05\xFF", 2);
	assert_int_equal(socks5_reply(out, 2), 10);
	assert_memory_equal(out, "\x05\x02\0\x01\0\0\0\0\0\0", 10);
}

static void
test_outcomes(void **state)
{
	static const struct {
		enum outcome why;
		unsigned reply;
	} rows[] = {
	    {OUTCOME_OK, 0},
	    {OUTCOME_DENIED_HOST, 2},
	    {OUTCOME_DENIED_PORT, 2},
	    {OUTCOME_DENIED_CLIENT, 2},
	    {OUTCOME_DENIED_RESOLVED_ADDRESS, 2},
	    {OUTCOME_CONNECT_UNREACHABLE, 3},
	    {OUTCOME_DNS_NXDOMAIN, 4},
	    {OUTCOME_DNS_TIMEOUT, 4},
	    {OUTCOME_CONNECT_TIMEOUT, 4},
	    {OUTCOME_CONNECT_REFUSED, 5},
	    {OUTCOME_METHOD_NOT_ALLOWED, 7},
	    {OUTCOME_DRAINING, 1},
	    {OUTCOME_LIMIT_REACHED, 1},
	    {OUTCOME_INTERNAL_ERROR, 1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(socks5_reply_of(rows[i].why), rows[i].reply);
	/* Only success is told as success. */
	for (int i = 1; i < OUTCOME_COUNT; i++)
		assert_int_not_equal(socks5_reply_of((enum outcome)i), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_greetings),
	    cmocka_unit_test(test_logins),
	    cmocka_unit_test(test_requests),
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_outcomes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
