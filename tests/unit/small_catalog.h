/* SPDX-License-Identifier: Apache-2.0
 *
 * A catalog with everything in it, for the tests of policy. */
#ifndef SEKISHO_TESTS_SMALL_CATALOG_H
#define SEKISHO_TESTS_SMALL_CATALOG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/policy.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct allowlist_file small[] = {
    {"cloudone/categories.ini",
	"[api]\ntitle_en = T\ntitle_ja = T\nfeatures = admission\n"
	"consequence_en = C\nconsequence_ja = C\nprobe = json-api\n"
	"[scan]\ntitle_en = T\ntitle_ja = T\n"
	"features = vulnerability-scan, artifact-scanner\n"
	"consequence_en = C\nconsequence_ja = C\nprobe = s3\n",
	0},
    {"cloudone/global.ini",
	"[list]\nsource = s\npublished = 2024-02-03\n[api]\n"
	"host = global.example.com\n",
	0},
    {"cloudone/gb-1.ini",
	"[list]\nsource = s\npublished = 2024-02-03\n[api]\n"
	"host = global.example.com\nhost = gb.example.com\n",
	0},
    {"cloudone/us-1.ini",
	"[list]\nsource = s\npublished = 2024-02-03\n[api]\n"
	"host = us.example.com\n[scan]\nhost = scan.us.example.com\n",
	0},
    {"cloudone/jp-1.ini",
	"[list]\nsource = s\npublished = 2024-02-03\n[api]\n"
	"host = jp.example.com\n[scan]\nhost = scan.jp.example.com\n",
	0},
    {"sets/cdn.ini",
	"[list]\nsource = s\nobserved = 2024-02\n[x]\n"
	"host = cdn.example.net\nhost = us.example.com\n"
	"host = scan.us.example.com\n",
	0},
    {"sets/more.ini",
	"[list]\nsource = s\nobserved = 2024-02\n[x]\n"
	"host = more.example.net\n",
	0},
    {"mine.ini",
	"[own]\nhost = port.example.org:8443\nhost = port.example.org:22\n"
	"host = *.wide.example.org\nhost = *.deep.wide.example.org:99\n"
	"host = exact.wide.example.org:7\nhost = us.example.com\n"
	"host = *.wide.example.org:500\n"
	"host = many.example.org:1\nhost = many.example.org:2\n"
	"host = many.example.org:3\nhost = many.example.org:4\n"
	"host = many.example.org:5\nhost = many.example.org:5\n",
	0},
};

static inline void
on_no_error(void *arg, const char *text)
{
	(void)arg;
	fail_msg("%s", text);
}

static inline struct policy *
builtin_policy(const char *region, unsigned features)
{
	static const struct allowlist_sources none = {.dir = NULL};
	struct policy_selection sel = {
	    .regions = &region, .region_count = 1, .features = features};
	struct allowlist *a = allowlist_load(&none, on_no_error, NULL);
	struct policy *p;

	assert_non_null(a);
	p = policy_new(a, &sel, on_no_error, NULL);
	assert_non_null(p);
	return p;
}

static inline struct endpoint
endpoint_of(const char *text)
{
	struct endpoint e;
	const char *why = "";

	if (endpoint_parse(&e, span_str(text), &why) != OUTCOME_OK)
		fail_msg("%s: %s", text, why);
	return e;
}

static inline struct allowlist *
small_catalog(void)
{
	struct allowlist_file files[COUNT(small)];
	struct allowlist *a;

	for (size_t i = 0; i < COUNT(small); i++) {
		files[i] = small[i];
		files[i].len = strlen(files[i].text);
	}
	a = allowlist_parse(files, COUNT(small), on_no_error, NULL);
	assert_non_null(a);
	return a;
}

static inline struct policy *
small_policy(void)
{
	static const char *const regions[] = {"us-1"};
	struct policy_selection sel = {
	    .regions = regions, .region_count = 1, .features = FEATURE_RUNTIME};
	struct policy *p = policy_new(small_catalog(), &sel, on_no_error, NULL);

	assert_non_null(p);
	return p;
}

#endif
