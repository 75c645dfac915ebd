/* SPDX-License-Identifier: Apache-2.0
 *
 * What `sekisho-diag auth` makes of the answers to a key: the verdict is about
 * the key, not about the way alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "diag_rows.h"

/* As auth plans it: the region's own API decides, the other is for the
 * record. */
static struct diag_case *
auth_case(void)
{
	static const char *const args[] = {
	    "--region=us-1,jp-1", "--direct", "--feature=admission", NULL};
	struct diag_case *c = diag_case_new(args, NULL);

	c->options.auth = true;
	c->run->key = (struct key_lint){
	    .given = true, .shape = KEY_SHAPE_USUAL, .length = 94};
	COPY(c->run->key.source, "/etc/key");
	for (size_t i = 0; i < c->plan->target_count; i++) {
		struct target *t = &c->plan->targets[i];

		if (strcmp(t->category, "container") != 0)
			t->comparison = true;
		else if (strcmp(t->region, "jp-1") == 0)
			t->comparison = c->options.try_regions = true;
	}
	return c;
}

static struct endpoint_result *
container_of_region(struct diag_case *c, const char *region)
{
	for (size_t i = 0; i < c->run->endpoint_count; i++) {
		const struct target *t = c->run->endpoints[i].target;

		if (strcmp(t->category, "container") == 0 &&
		    strcmp(t->region, region) == 0)
			return &c->run->endpoints[i];
	}
	fail_msg("no API of %s", region);
	return NULL;
}

static void
answers(struct endpoint_result *r, int status, const char *body)
{
	diag_http(r, status, "application/json", body);
	r->http.bare_status = 401;
	r->http.key_sent = true;
}

static const struct {
	const char *id;
	int status, other_status, exit_code; /* other 0: was not asked */
	const char *body, *said, *headline;
} rows[] = {
    {"HTTP-KEY-OK", 200, 0, 0, "{}", "HTTP 200 to GET /api/clusters",
	"accepts the API key"},
    {"HTTP-401-KEY", 401, 0, 4, "{}", "HTTP 401 to the key from /etc/key",
	"not accepted"},
    {"HTTP-401-KEY", 401, 401, 4, "{}", "/etc/key (94 bytes)", "not accepted"},
    {"HTTP-401-REGION", 401, 200, 4, "{}", "container.jp-1", "not accepted"},
    {"HTTP-401-REGION", 403, 200, 4, "{}", "HTTP 200", "not accepted"},
    {"HTTP-403-KEY", 403, 0, 4, "{\"message\": \"no role\"}",
	"without a key it answered 401", "not accepted"},
    {"HTTP-401-IP", 403, 200, 4, "{\"message\": \"IP address\"}", "IP address",
	"not accepted"},
    {"HTTP-KEY-ODD", 404, 0, 5, "{}", "HTTP 404 to GET /api/clusters",
	"neither accepted nor refused"},
    {"HTTP-429", 429, 0, 5, "{}", "429", "neither accepted nor refused"},
    {"HTTP-5XX", 503, 0, 1, "{}", "503", ""},
};

static void
answers_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct diag_case *c = auth_case();
		struct endpoint_result *r = container_of_region(c, "us-1");
		const struct finding *f;
		unsigned complaints = 0;

		answers(r, rows[i].status, rows[i].body);
		if (rows[i].other_status != 0)
			answers(container_of_region(c, "jp-1"),
			    rows[i].other_status, "{}");
		for (unsigned lang = 0; lang < LANG_COUNT; lang++) {
			(void)diag_diagnose(c, (enum lang)lang);
			f = diag_must_find(c->d, rows[i].id);
			complaints +=
			    strncmp(f->proof, "sekisho-diag auth --region us-1",
				31) != 0;
		}
		(void)diag_diagnose(c, LANG_EN);
		f = diag_finding(c->d, rows[i].id);
		if (c->d->exit_code != rows[i].exit_code ||
		    strstr(f->seen, rows[i].said) == NULL ||
		    strstr(c->d->headline, rows[i].headline) == NULL ||
		    complaints > 0)
			fail_msg("row %zu: exit %d: %s | %s | %s", i,
			    c->d->exit_code, c->d->headline, f->seen, f->proof);
		diag_case_free(c);
	}
}

/* "HTTP-KEY-HELD": who has not proven to be the service got no key, and it is
 * said so. */
static void
a_key_held_back_is_told(void **state)
{
	struct diag_case *c = auth_case();
	struct endpoint_result *r = container_of_region(c, "us-1");

	(void)state;
	diag_other_cert(r, "Corp IT", 0);
	(void)diag_diagnose(c, LANG_EN);
	assert_int_equal(c->d->exit_code, 5);
	assert_non_null(diag_finding(c->d, "TLS-MITM-OK"));
	assert_non_null(diag_finding(c->d, "HTTP-KEY-HELD"));
	c->run->key.fault = KEY_BLANK;
	(void)diag_diagnose(c, LANG_EN);
	assert_null(diag_finding(c->d, "HTTP-KEY-HELD"));
	assert_non_null(diag_finding(c->d, "HTTP-KEYFMT"));
	diag_case_free(c);
}

static void
other_kinds_of_keys_are_named(void **state)
{
	struct diag_case *c = auth_case();
	const struct finding *f;

	(void)state;
	answers(container_of_region(c, "us-1"), 401, "{}");
	c->run->key.shape = KEY_SHAPE_LEGACY;
	(void)diag_diagnose(c, LANG_EN);
	f = diag_finding(c->d, "HTTP-401-KEY");
	assert_non_null(f);
	assert_non_null(strstr(f->means, "Workload Security"));
	c->run->key.shape = KEY_SHAPE_TOKEN;
	(void)diag_diagnose(c, LANG_EN);
	f = diag_finding(c->d, "HTTP-401-KEY");
	assert_non_null(f);
	assert_non_null(strstr(f->means, "Vision One"));
	diag_case_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_are_told_apart),
	    cmocka_unit_test(a_key_held_back_is_told),
	    cmocka_unit_test(other_kinds_of_keys_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
