/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "baseline.h"
#include "diag_fixture.h"

struct place {
	char dir[32], path[64];
};

static void
place_init(struct place *p)
{
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/sekisho-base-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	(void)snprintf(p->path, sizeof(p->path), "%s/baseline", p->dir);
}

static void
place_fini(struct place *p)
{
	(void)unlink(p->path);
	assert_int_equal(rmdir(p->dir), 0); /* nothing else was left there */
}

static struct diag_case *
region(void)
{
	static const char *const args[] = {"--region", "us-1", NULL};

	return diag_case_new(args, NULL);
}

static void
the_same_run_has_no_change(void **state)
{
	struct place p;
	struct diag_case *c = region();
	char error[256] = "";

	(void)state;
	place_init(&p);
	assert_true(baseline_compare(c->run, p.path, error, sizeof(error)));
	assert_int_equal(c->run->change_count, 0);
	c->run->started_unix_ns = 1769846950123000000U;
	assert_true(baseline_write(c->run, p.path, error, sizeof(error)));
	assert_true(baseline_compare(c->run, p.path, error, sizeof(error)));
	assert_int_equal(c->run->change_count, 0);
	assert_string_equal(c->run->baseline_time, "2026-01-31T08:09:10.123Z");
	diag_case_free(c);
	place_fini(&p);
}

static void
what_is_different_is_told(void **state)
{
	struct place p;
	struct diag_case *c = region();
	struct endpoint_result *r = diag_endpoint(c, "container");
	char error[256] = "", issuer[HEADER_MAX];
	const struct change *change;

	(void)state;
	place_init(&p);
	memcpy(issuer, r->tls.chain[0].issuer, sizeof(issuer));
	assert_true(baseline_write(c->run, p.path, error, sizeof(error)));
	/* A peer's text cannot add lines. */
	(void)snprintf(r->tls.chain[0].issuer, HEADER_MAX, "CN=x\nCN=y\tz");
	r->http.status = 302;
	assert_true(baseline_compare(c->run, p.path, error, sizeof(error)));
	assert_int_equal(c->run->change_count, 2);
	change = &c->run->changes[0];
	assert_string_equal(change->what, "issuer");
	assert_string_equal(change->before, issuer);
	assert_string_equal(change->after, "CN=x\\nCN=y\\tz");
	assert_ptr_equal(&c->run->endpoints[change->endpoint], r);
	change = &c->run->changes[1];
	assert_string_equal(change->what, "status");
	assert_string_equal(change->before, "401");
	assert_string_equal(change->after, "302");
	diag_case_free(c);
	place_fini(&p);
}

static void
the_order_of_addresses_means_nothing(void **state)
{
	struct place p;
	struct diag_case *c = region();
	struct dns_query *q = &diag_endpoint(c, "container")->dns.a;
	struct dns_answer first;
	char error[256] = "";

	(void)state;
	place_init(&p);
	q->answers[1] = q->answers[0];
	q->answers[1].addr.bytes[3] ^= 1;
	q->answer_count = 2;
	assert_true(baseline_write(c->run, p.path, error, sizeof(error)));
	first = q->answers[0];
	q->answers[0] = q->answers[1];
	q->answers[1] = first;
	assert_true(baseline_compare(c->run, p.path, error, sizeof(error)));
	assert_int_equal(c->run->change_count, 0);
	q->answers[0].addr.bytes[2] ^= 1;
	assert_true(baseline_compare(c->run, p.path, error, sizeof(error)));
	assert_int_equal(c->run->change_count, 1);
	assert_string_equal(c->run->changes[0].what, "address");
	diag_case_free(c);
	place_fini(&p);
}

static void
faults_name_the_file(void **state)
{
	struct place p;
	struct diag_case *c = region();
	char error[256] = "";
	FILE *f;

	(void)state;
	place_init(&p);
	f = fopen(p.path, "we");
	assert_non_null(f);
	(void)fprintf(f, "root:x:0:0\n");
	(void)fclose(f);
	assert_false(baseline_compare(c->run, p.path, error, sizeof(error)));
	assert_non_null(strstr(error, p.path));
	assert_non_null(strstr(error, ":1: not a baseline"));
	assert_false(baseline_write(
	    c->run, "/nonexistent/baseline", error, sizeof(error)));
	assert_non_null(strstr(error, "/nonexistent/baseline"));
	assert_non_null(strstr(error, "No such file"));
	diag_case_free(c);
	place_fini(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_same_run_has_no_change),
	    cmocka_unit_test(what_is_different_is_told),
	    cmocka_unit_test(the_order_of_addresses_means_nothing),
	    cmocka_unit_test(faults_name_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
