/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/answer.h"
#include "guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *data;
	enum answer_status want;
	unsigned status;
	const char *reason;
	size_t behind; /* bytes behind the head */
} rows[] = {
    {"HTTP/1.1 200 Connection established\r\n\r\n", ANSWER_DONE, 200,
	"Connection established", 0},
    {"HTTP/1.0 200 OK\r\nVia: 1.1 px\r\n\r\nearly", ANSWER_DONE, 200, "OK", 5},
    {"HTTP/1.1 407 Proxy Authentication Required\nA: b\n\n", ANSWER_DONE, 407,
	"Proxy Authentication Required", 0},
    {"HTTP/1.1 503\r\n\r\n", ANSWER_DONE, 503, "", 0},
    {"HTTP/1.1 503 \r\n\r\n", ANSWER_DONE, 503, "", 0},
    {"HTTP/1.1 403  \t Go away \t\r\n\r\n", ANSWER_DONE, 403, "Go away", 0},
    {"HTTP/1.1 999 x\r\n\r\n", ANSWER_DONE, 999, "x", 0},

    {"HTTP/1.1 200 OK\r\n", ANSWER_MORE, 0, NULL, 0},
    {"", ANSWER_MORE, 0, NULL, 0},

    {"HTTP/2 200\r\n\r\n", ANSWER_BAD, 0, NULL, 0},
    {"HTTP/1.1 099 x\r\n\r\n", ANSWER_BAD, 0, NULL, 0},
    {"HTTP/1.1 20 x\r\n\r\n", ANSWER_BAD, 0, NULL, 0},
    {"HTTP/1.1 2000\r\n\r\n", ANSWER_BAD, 0, NULL, 0},
    {"HTTP/1.1  200\r\n\r\n", ANSWER_BAD, 0, NULL, 0},
    {"HTTP/1.1\r\n\r\n", ANSWER_BAD, 0, NULL, 0},
    {"http/1.1 200 OK\r\n\r\n", ANSWER_BAD, 0, NULL, 0},
    {"\r\n\r\n", ANSWER_BAD, 0, NULL, 0},
    {"<html>", ANSWER_BAD, 0, NULL, 0},
    {"\x15\x03\x01\x00\x02\x02\x46", ANSWER_BAD, 0, NULL, 0},
    {"HTTP/1.1 2", ANSWER_MORE, 0, NULL, 0},
    {"HTTP/1.1 2x", ANSWER_BAD, 0, NULL, 0},
};

/* Before a guard page, whole and in each shorter piece. */
static void
test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len = strlen(rows[i].data);

		for (size_t n = 0; n <= len; n++) {
			struct guard g = guard_copy(rows[i].data, n);
			struct answer a;
			enum answer_status got =
			    answer_parse(&a, span_of((const char *)g.data, n));

			if (n == len)
				assert_int_equal(got, rows[i].want);
			if (rows[i].want == ANSWER_DONE) {
				bool whole = n >= len - rows[i].behind;

				assert_int_equal(
				    got, whole ? ANSWER_DONE : ANSWER_MORE);
			}
			if (got == ANSWER_DONE) {
				assert_int_equal(a.status, rows[i].status);
				assert_true(span_is(a.reason, rows[i].reason));
				assert_int_equal(
				    a.head_len, len - rows[i].behind);
			}
			guard_free(&g);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
