/* SPDX-License-Identifier: Apache-2.0
 *
 * What `sekisho-diag webhook` makes of a connection and a certificate. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "diag_rows.h"

static const struct webhook_ask compared = {
    "wh.ns.svc", true, "SHA-256 0011223344556677…"};
static const struct webhook_ask alone = {"wh.ns.svc", false, ""};

static void
refused(struct endpoint_result *r)
{
	diag_fail_tcp(r, TCP_REFUSED, ECONNREFUSED);
}

static void
silent(struct endpoint_result *r)
{
	diag_fail_tcp(r, TCP_TIMEOUT, ETIMEDOUT);
}

static void
other_root(struct endpoint_result *r)
{
	diag_other_cert(r, "Webhook CA", 19);
}

static void
other_name(struct endpoint_result *r)
{
	r->tls.name_matches = false;
}

static void
expired(struct endpoint_result *r)
{
	r->tls.chain[0].not_after = 1795388399;
}

static void
not_yet(struct endpoint_result *r)
{
	r->tls.chain[0].not_before = 1795388401;
}

static void
fine(struct endpoint_result *r)
{
	(void)r;
}

static const struct {
	const char *id;
	const struct webhook_ask *ask;
	void (*breaks)(struct endpoint_result *r);
	int exit_code;
	const char *seen;
} rows[] = {
    {"K8S-WH-DOWN", &alone, refused, 1, "ECONNREFUSED"},
    {"GKE-WEBHOOK", &alone, silent, 1, "no answer within"},
    {"K8S-WH-CA", &compared, other_root, 1, "SHA-256 0011223344556677"},
    {"K8S-WH-OK", &alone, other_root, 0, "not compared"},
    {"K8S-WH-NAME", &alone, other_name, 1, "asked for wh.ns.svc"},
    {"K8S-WH-NAME", &compared, other_name, 1, "asked for wh.ns.svc"},
    {"K8S-WH-DATE", &alone, expired, 1, "it is 2026-11-2"},
    {"K8S-WH-DATE", &compared, not_yet, 1, "valid from"},
    {"K8S-WH-OK", &compared, fine, 0, "verifies it"},
};

static void
each_finding_alone(void **state)
{
	static const char *const args[] = {
	    "--host=10.0.0.9:8443", "--direct", "--ca-file=/ca.pem", NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct diag_case *c = diag_case_new(args, NULL);
		const struct finding *f = NULL;

		c->options.webhook = rows[i].ask;
		c->plan->targets[0].server_name = rows[i].ask->server_name;
		c->plan->targets[0].any_root = !rows[i].ask->compare;
		rows[i].breaks(&c->run->endpoints[0]);
		for (unsigned lang = LANG_COUNT; lang-- > 0;) {
			(void)diag_diagnose(c, (enum lang)lang);
			f = diag_must_find(c->d, rows[i].id);
			assert_int_equal(c->d->exit_code, rows[i].exit_code);
			assert_null(strchr(f->seen, '?'));
			assert_null(strchr(f->means, '?'));
			assert_ptr_equal(
			    strstr(f->proof,
				"sekisho-diag webhook 10.0.0.9:8443 "
				"--server-name wh.ns.svc"),
			    f->proof);
		}
		if (f == NULL || strstr(f->seen, rows[i].seen) == NULL)
			fail_msg("row %zu: %s", i, f ? f->seen : "-");
		for (size_t j = 0; j < c->d->finding_count; j++) {
			if (&c->d->findings[j] != f &&
			    c->d->findings[j].severity != SEVERITY_INFO)
				fail_msg("row %zu: %s too", i,
				    c->d->findings[j].seen);
		}
		diag_case_free(c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_finding_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
