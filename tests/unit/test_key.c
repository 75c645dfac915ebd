/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "guard.h"
#include "key.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(s) (s), sizeof(s) - 1
#define ID       "abcdefghijklmnopqrstuvwxyz0"
#define SECRET                                                                 \
	"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123"
#define SHAPELY ID ":" SECRET
/* base64 of SHAPELY and a line feed */
#define ENCODED                                                                \
	"YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowOmFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3" \
	"eHl6MDEyMzQ1Njc4OUFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaMDEyMwo="

static const struct {
	const char *key;
	size_t len;
	enum key_fault want;
	bool usual;
	size_t position;
	const char *byte_class;
} rows[] = {
    {BYTES(SHAPELY), KEY_NO_FAULT, true, 0, ""},
    {BYTES("another-shape"), KEY_NO_FAULT, false, 0, ""},
    {BYTES(""), KEY_EMPTY, false, 0, ""},
    {BYTES(SHAPELY "\n"), KEY_BLANK, false, 94, "line feed"},
    {BYTES(SHAPELY "\r\n"), KEY_BLANK, false, 94, "carriage return"},
    {BYTES(" " SHAPELY), KEY_BLANK, false, 0, "blank"},
    {BYTES("a\tb"), KEY_BLANK, false, 1, "tab"},
    {BYTES("a\0b"), KEY_BYTES, false, 1, "NUL byte"},
    {BYTES("a\x1b"), KEY_BYTES, false, 1, "control character"},
    {BYTES("a\xe3\x80\x80"), KEY_BYTES, false, 1, "byte beyond ASCII"},
    {BYTES("\"" SHAPELY "\""), KEY_QUOTED, false, 0, ""},
    {BYTES("'" SHAPELY "'"), KEY_QUOTED, false, 0, ""},
    {BYTES("ApiKey " SHAPELY), KEY_PREFIXED, false, 0, ""},
    {BYTES("apikey " SHAPELY "\n"), KEY_PREFIXED, false, 0, ""},
    {BYTES(ENCODED), KEY_BASE64, false, 0, ""},
    {BYTES("YWJj"), KEY_NO_FAULT, false, 0, ""},
};

static void
faults_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct guard g = guard_copy(rows[i].key, rows[i].len);
		struct key_lint lint = {.given = false};

		key_lint(&lint, span_of((const char *)g.data, g.len));
		guard_free(&g);
		assert_true(lint.given);
		if (lint.fault != rows[i].want)
			fail_msg("row %zu: fault %d", i, (int)lint.fault);
		assert_int_equal(lint.usual_shape, rows[i].usual);
		assert_int_equal(lint.length, rows[i].len);
		assert_int_equal(lint.position, rows[i].position);
		assert_string_equal(lint.byte_class, rows[i].byte_class);
		assert_int_equal(
		    key_is_sendable(&lint), rows[i].want == KEY_NO_FAULT);
	}
}

static void
files_are_read(void **state)
{
	char path[] = "/tmp/sekisho-key-XXXXXX", error[256];
	int fd = mkstemp(path);
	struct api_key key;
	struct key_lint lint = {.given = false};

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, BYTES(SHAPELY)), sizeof(SHAPELY) - 1);
	(void)close(fd);
	assert_true(key_read_file(&key, &lint, path, error, sizeof(error)));
	assert_string_equal(key.text, SHAPELY);
	assert_string_equal(lint.source, path);
	key_forget(&key);
	assert_int_equal(key.text[0], 0);
	(void)unlink(path);
	assert_false(key_read_file(&key, &lint, path, error, sizeof(error)));
	assert_non_null(strstr(error, "cannot read: No such file"));
	key_read_value(&key, &lint, "C1_API_KEY", "x y");
	assert_int_equal(lint.fault, KEY_BLANK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(faults_are_found),
	    cmocka_unit_test(files_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
