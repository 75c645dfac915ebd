/* SPDX-License-Identifier: Apache-2.0
 *
 * Any target, against the lists compiled in and an operator's file: the tables
 * must decide as a look at every rule does, and say it in text that fits. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char extra[] =
    "[own]\nhost = a.test:8443\nhost = a.test:22\nhost = *.a.test\n"
    "host = *.b.a.test:22\nhost = *.b.a.test\nhost = b.a.test:22\n"
    "host = xn--a.b.a.test:1\nhost = *.trendmicro.com:8443\n";

static void
on_error(void *arg, const char *text)
{
	(void)arg;
	(void)fprintf(stderr, "%s\n", text);
	abort();
}

static struct policy *
make(void)
{
	static const char *const regions[] = {"us-1", "ca-1"};
	struct policy_selection sel = {
	    .regions = regions, .region_count = 2, .features = FEATURE_RUNTIME};
	struct allowlist_file files[16];
	size_t n = allowlist_builtin_count;
	struct allowlist *a;
	struct policy *p;

	assert(n < 16);
	for (size_t i = 0; i < n; i++)
		files[i] = allowlist_builtin[i];
	files[n] = (struct allowlist_file){"own.ini", extra, sizeof(extra) - 1};
	a = allowlist_parse(files, n + 1, on_error, NULL);
	assert(a != NULL);
	p = policy_new(a, &sel, on_error, NULL);
	assert(p != NULL);
	return p;
}

static bool
fits(const struct rule *r, const struct endpoint *e)
{
	const struct hostname *h = &r->entry->host;

	return r->entry->port == e->port &&
	       (r->entry->suffix
		       ? hostname_is_below(&e->host, span_of(h->text, h->len))
		       : hostname_equal(&e->host, h));
}

static void
check(const struct policy *p, const struct endpoint *e)
{
	struct policy_decision d = policy_decide(p, e);
	char detail[POLICY_DETAIL_MAX], advice[POLICY_ADVICE_MAX];
	size_t count, len;
	const struct rule *r = policy_rules(p, &count);
	bool admitted = false;

	for (size_t i = 0; i < count; i++)
		admitted = admitted || fits(&r[i], e);
	assert(admitted == (d.why == OUTCOME_OK));
	assert(admitted == (d.rule != NULL));
	assert(!admitted || fits(d.rule, e));
	len = policy_detail(p, &d, e, detail);
	assert(len < sizeof(detail) && len == strlen(detail));
	for (size_t i = 0; i < len; i++)
		assert(detail[i] >= ' ' && detail[i] <= '~');
	assert(admitted || strstr(detail, e->host.text) != NULL);
	len = policy_advice(p, &d, e, advice);
	assert(len < sizeof(advice) && len == strlen(advice));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct policy *p; /* made once: it never changes */
	struct endpoint e;
	const char *why;

	if (p == NULL)
		p = make();
	if (endpoint_parse(&e, span_of((const char *)data, len), &why) ==
	    OUTCOME_OK)
		check(p, &e);
	return 0;
}
