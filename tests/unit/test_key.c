/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "guard.h"
#include "key.h"
#include "key_file.h"

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
/* base64 of ENCODED */
#define ENCODED64                                                              \
	"WVdKalpHVm1aMmhwYW10c2JXNXZjSEZ5YzNSMWRuZDRlWG93T21GaVkyUmxa"         \
	"bWRvYVdwcmJHMXViM0J4Y25OMGRYWjNlSGw2TURFeU16UTFOamM0T1VGQ1Ew"         \
	"UkZSa2RJU1VwTFRFMU9UMUJSVWxOVVZWWlhXRmxhTURFeU13bz0="

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
		assert_int_equal(lint.shape == KEY_SHAPE_USUAL, rows[i].usual);
		assert_int_equal(lint.length, rows[i].len);
		assert_int_equal(lint.position, rows[i].position);
		assert_string_equal(lint.byte_class, rows[i].byte_class);
		assert_int_equal(
		    key_is_sendable(&lint), rows[i].want == KEY_NO_FAULT);
	}
}

/* Shapes are hints. */
static void
shapes_are_told_apart(void **state)
{
	static const struct {
		const char *key;
		enum key_shape want;
	} shapes[] = {
	    {SHAPELY, KEY_SHAPE_USUAL},
	    {"2:vJC6lckDygB6FYURIvR0WK2ZTAhIY8rb0Amy9UMn4mo=",
		KEY_SHAPE_LEGACY},
	    {"x:vJC6lckDygB6FYURIvR0WK2ZTAhIY8rb0Amy9UMn4mo=", KEY_SHAPE_OTHER},
	    {"2:vJC6lckDygB6FYURIvR0WK2ZTAhIY8rb0Amy9UMn4mo", KEY_SHAPE_OTHER},
	    {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", KEY_SHAPE_TOKEN},
	    {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0", KEY_SHAPE_OTHER},
	    {"12345", KEY_SHAPE_OTHER},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct guard g =
		    guard_copy(shapes[i].key, strlen(shapes[i].key));
		struct key_lint lint = {.given = false};

		key_lint(&lint, span_of((const char *)g.data, g.len));
		guard_free(&g);
		if (lint.shape != shapes[i].want)
			fail_msg(
			    "%s: %s", shapes[i].key, key_shape_str(lint.shape));
	}
}

/* A folder of files for one test. */
struct folder {
	char path[64];
};

static struct folder
folder_new(void)
{
	struct folder f = {"/tmp/sekisho-key-XXXXXX"};

	assert_non_null(mkdtemp(f.path));
	return f;
}

static void
folder_write(const struct folder *f, const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/%s", f->path, name);
	out = fopen(path, "we");
	assert_non_null(out);
	assert_int_equal(fputs(text, out) >= 0, 1);
	assert_int_equal(fclose(out), 0);
}

static void
folder_free(const struct folder *f, const char *const *names)
{
	char path[PATH_MAX];

	for (; *names != NULL; names++) {
		(void)snprintf(path, sizeof(path), "%s/%s", f->path, *names);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(rmdir(f->path), 0);
}

struct reading {
	struct api_key key;
	struct key_lint lint;
	char error[512];
	bool ok;
};

static struct reading
read_path(const char *folder, const char *name)
{
	struct reading r = {.ok = false};
	char path[PATH_MAX];

	(void)snprintf(
	    path, sizeof(path), "%s%s%s", folder, name[0] ? "/" : "", name);
	r.ok = key_file_read(&r.key, &r.lint, path, r.error, sizeof(r.error));
	if (!r.ok) {
		assert_non_null(strstr(r.error, path));
		assert_null(strchr(r.error, '\n'));
	}
	return r;
}

static void
files_and_mounted_secrets_are_read(void **state)
{
	struct folder f = folder_new();
	struct reading r;

	(void)state;
	r = read_path(f.path, "nothing");
	assert_false(r.ok);
	assert_non_null(strstr(r.error, "cannot read: No such file"));
	r = read_path(f.path, "");
	assert_false(r.ok);
	assert_non_null(strstr(r.error, "no file api.key"));
	folder_write(&f, "token", SHAPELY "\n");
	r = read_path(f.path, "token");
	assert_true(r.ok);
	assert_string_equal(r.key.text, SHAPELY "\n");
	assert_int_equal(r.lint.fault, KEY_BLANK);
	key_forget(&r.key);
	assert_int_equal(r.key.text[0], 0);
	/* The only entry, beside Kubernetes' own names; then the chart's. */
	folder_write(&f, "..data", "none of ours");
	r = read_path(f.path, "");
	assert_true(r.ok);
	assert_int_equal(r.lint.fault, KEY_BLANK);
	folder_write(&f, "api.key", SHAPELY);
	r = read_path(f.path, "");
	assert_true(r.ok);
	assert_int_equal(r.lint.fault, KEY_NO_FAULT);
	assert_non_null(strstr(r.lint.source, "/api.key"));
	folder_free(&f, (const char *[]){"token", "..data", "api.key", NULL});
}

#define SECRET_OF(fields) "{\"kind\": \"Secret\", " fields "}"

static void
secrets_in_json_are_read(void **state)
{
	static const struct {
		const char *json, *key, *error;
		enum key_fault fault;
	} secrets[] = {
	    {SECRET_OF("\"data\": {\"api.key\": \"YWJj\", \"x\": \"eA==\"}"),
		"abc", NULL, KEY_NO_FAULT},
	    {SECRET_OF("\"data\": {\"other\": \"YWI=\"}"), "ab", NULL,
		KEY_NO_FAULT},
	    {SECRET_OF("\"data\": {\"api.key\": \"YQo=\"}"), "a\n", NULL,
		KEY_BLANK},
	    {SECRET_OF("\"data\": {\"api.key\": \"\"}"), "", NULL, KEY_EMPTY},
	    {SECRET_OF("\"data\": {\"api.key\": \"" ENCODED64 "\"}"), ENCODED,
		NULL, KEY_BASE64},
	    {SECRET_OF("\"stringData\": {\"api.key\": \"abc\"}"), "abc", NULL,
		KEY_NO_FAULT},
	    {SECRET_OF("\"data\": {\"a\": \"YQ==\", \"b\": \"YQ==\"}"), NULL,
		"no entry api.key", KEY_NO_FAULT},
	    {SECRET_OF("\"data\": {\"api.key\": \"Y!Q=\"}"), NULL, "no base64",
		KEY_NO_FAULT},
	    {SECRET_OF("\"data\": {\"api.key\": \"YQ=\"}"), NULL, "no base64",
		KEY_NO_FAULT},
	    {SECRET_OF("\"data\": {\"api.key\": 7}"), NULL, "no entry api.key",
		KEY_NO_FAULT},
	    {SECRET_OF("\"data\": []"), NULL, "no entry api.key", KEY_NO_FAULT},
	    {"{}", NULL, "no entry api.key", KEY_NO_FAULT},
	    {" {\"data\": ", NULL, "line 1, column", KEY_NO_FAULT},
	    {"apiVersion: v1\nkind: Secret\n", NULL, "-o json", KEY_NO_FAULT},
	};
	struct folder f = folder_new();

	(void)state;
	for (size_t i = 0; i < COUNT(secrets); i++) {
		struct reading r;

		folder_write(&f, "secret", secrets[i].json);
		r = read_path(f.path, "secret");
		if (r.ok != (secrets[i].key != NULL) ||
		    r.ok != (secrets[i].error == NULL)) {
			fail_msg("row %zu: %s", i, r.error);
			return; /* for the analyser */
		}
		if (!r.ok) {
			assert_non_null(strstr(r.error, secrets[i].error));
			continue;
		}
		assert_string_equal(r.key.text, secrets[i].key);
		assert_int_equal(r.lint.fault, secrets[i].fault);
		assert_non_null(strchr(r.lint.source, '('));
	}
	folder_free(&f, (const char *[]){"secret", NULL});
}

static void
a_variable_is_cleared(void **state)
{
	struct api_key key;
	struct key_lint lint = {.given = false};
	char *value;

	(void)state;
	assert_int_equal(setenv("C1_API_KEY", "x y", 1), 0);
	value = getenv("C1_API_KEY");
	assert_true(key_take_variable(&key, &lint, "C1_API_KEY"));
	assert_string_equal(key.text, "x y");
	assert_string_equal(lint.source, "C1_API_KEY");
	assert_int_equal(lint.fault, KEY_BLANK);
	assert_null(getenv("C1_API_KEY"));
	assert_memory_equal(value, "\0\0\0\0", 4);
}

static void
echoes_are_blanked(void **state)
{
	static const struct {
		const char *text, *want;
	} echoes[] = {
	    {"no key here", "no key here"},
	    {"abc identifier:secret-part!", "abc **********************!"},
	    {"secret-part", "***********"},
	    {"secret-", "secret-"}, /* seven bytes: anybody's word */
	    {"xcret-parx identifie", "x********x *********"},
	    {"", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(echoes); i++) {
		size_t len = strlen(echoes[i].text);
		struct guard g = guard_copy(echoes[i].text, len);

		key_scrub((char *)g.data, g.len, "identifier:secret-part");
		assert_memory_equal(g.data, echoes[i].want, len);
		guard_free(&g);
	}
}

static void
no_core_is_dumped(void **state)
{
	struct rlimit limit = {1, 1};
	pid_t pid = fork();
	int status = 1;

	(void)state;
	if (pid == 0) {
		key_protect();
		(void)getrlimit(RLIMIT_CORE, &limit);
		_exit(limit.rlim_cur == 0 && limit.rlim_max == 0 &&
			      prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0
			  ? 0
			  : 1);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(faults_are_found),
	    cmocka_unit_test(shapes_are_told_apart),
	    cmocka_unit_test(files_and_mounted_secrets_are_read),
	    cmocka_unit_test(secrets_in_json_are_read),
	    cmocka_unit_test(a_variable_is_cleared),
	    cmocka_unit_test(echoes_are_blanked),
	    cmocka_unit_test(no_core_is_dumped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
