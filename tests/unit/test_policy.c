/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/policy.h"
#include "small_catalog.h"

enum {
	MANY = 100000, /* names in an operator's file */
};

struct errors {
	char text[4096];
	unsigned count;
};

static void
on_error(void *arg, const char *text)
{
	struct errors *e = arg;
	size_t len = strlen(e->text);

	(void)snprintf(e->text + len, sizeof(e->text) - len, "%s\n", text);
	e->count++;
}

static size_t
rule_count(const struct policy *p)
{
	size_t count;

	(void)policy_rules(p, &count);
	return count;
}

static void
one_region_needs_9_hosts_and_all_regions_51(void **state)
{
	static const char *const codes[] = {
	    "us-1", "in-1", "gb-1", "jp-1", "de-1", "au-1", "ca-1", "sg-1"};
	struct policy *p = builtin_policy("all", FEATURE_ALL);
	size_t count;

	(void)state;
	assert_int_equal(rule_count(p), 51);
	(void)policy_regions(p, &count);
	assert_int_equal(count, 8);
	policy_unref(p);
	for (size_t i = 0; i < COUNT(codes); i++) {
		const struct rule *r;

		p = builtin_policy(codes[i], FEATURE_ALL);
		r = policy_rules(p, &count);
		assert_int_equal(count, 9);
		for (size_t k = 0; k < count; k++)
			assert_true(strcmp(r[k].entry->region, codes[i]) == 0 ||
				    strcmp(r[k].entry->region, "global") == 0);
		assert_string_equal(policy_regions(p, &count)[0], codes[i]);
		assert_int_equal(count, 1);
		policy_unref(p);
	}
}

static void
a_feature_opens_no_more_than_its_endpoints(void **state)
{
	static const struct {
		unsigned features;
		size_t hosts;
	} cases[] = {
	    {0, 2}, /* admission is always on */
	    {FEATURE_ADMISSION, 2},
	    {FEATURE_RUNTIME, 3},
	    {FEATURE_VULNERABILITY_SCAN, 3},
	    {FEATURE_ARTIFACT_SCANNER, 6},
	    {FEATURE_VULNERABILITY_SCAN | FEATURE_ARTIFACT_SCANNER, 6},
	    {FEATURE_TELEMETRY, 3},
	    {FEATURE_IMAGES, 3},
	    {FEATURE_RUNTIME | FEATURE_IMAGES, 4},
	    {FEATURE_ALL, 9},
	    {~0U, 9},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct policy *p = builtin_policy("jp-1", cases[i].features);

		assert_int_equal(rule_count(p), cases[i].hosts);
		assert_true((policy_features(p) & FEATURE_ADMISSION) != 0);
		policy_unref(p);
	}
}

static void
rules_are_sorted_and_each_is_there_once(void **state)
{
	static const char *const want[] = {
	    "*.deep.wide.example.org:99 - own mine.ini:5",
	    "*.wide.example.org:443 - own mine.ini:4",
	    "*.wide.example.org:500 - own mine.ini:8",
	    "exact.wide.example.org:7 - own mine.ini:6",
	    "gb.example.com:443 gb-1 api cloudone/gb-1.ini:6",
	    "global.example.com:443 global api cloudone/global.ini:5",
	    "many.example.org:1 - own mine.ini:9",
	    "many.example.org:2 - own mine.ini:10",
	    "many.example.org:3 - own mine.ini:11",
	    "many.example.org:4 - own mine.ini:12",
	    "many.example.org:5 - own mine.ini:13",
	    "more.example.net:443 - x sets/more.ini:5",
	    "port.example.org:22 - own mine.ini:3",
	    "port.example.org:8443 - own mine.ini:2",
	    "us.example.com:443 us-1 api cloudone/us-1.ini:5",
	};
	static const char *const regions[] = {"us-1", "gb-1", "us-1"};
	static const char *const sets[] = {"more"};
	struct policy_selection sel = {.regions = regions,
	    .region_count = 3,
	    .features = FEATURE_RUNTIME,
	    .sets = sets,
	    .set_count = 1};
	struct policy *p = policy_new(small_catalog(), &sel, on_no_error, NULL);
	size_t count;
	const struct rule *r;
	const char *const *names;

	(void)state;
	assert_non_null(p);
	r = policy_rules(p, &count);
	assert_int_equal(count, COUNT(want));
	for (size_t i = 0; i < count; i++) {
		char text[512];

		(void)snprintf(text, sizeof(text), "%s%s:%u %s %s %s",
		    r[i].entry->suffix ? "*." : "", r[i].entry->host.text,
		    r[i].entry->port, r[i].entry->region, r[i].entry->category,
		    r[i].where);
		assert_string_equal(text, want[i]);
		assert_int_equal(r[i].index, i);
	}
	names = policy_regions(p, &count);
	assert_int_equal(count, 2);
	assert_string_equal(names[0], "gb-1");
	assert_string_equal(names[1], "us-1");
	names = policy_sets(p, &count);
	assert_int_equal(count, 1);
	assert_string_equal(names[0], "more");
	policy_unref(p);
}

static void
assert_refused(const struct policy_selection *sel, const char *want)
{
	struct errors errors = {.count = 0};

	assert_null(policy_new(small_catalog(), sel, on_error, &errors));
	if (errors.count == 0 || strcmp(errors.text, want) != 0)
		fail_msg("%s", errors.text);
}

static void
an_unknown_region_or_set_is_refused_by_name(void **state)
{
	static const char *const regions[] = {"us1", "jp-1", "global"};
	static const char *const all_twice[] = {"all", "us-1"};
	static const char *const sets[] = {"cdm", "all"};
	struct policy_selection sel = {.regions = regions, .region_count = 3};

	(void)state;
	assert_refused(&sel,
	    "unknown region \"us1\" (did you mean us-1?): the lists have "
	    "gb-1, jp-1, us-1\n"
	    "unknown region \"global\": the lists have gb-1, jp-1, us-1\n");
	sel.regions = all_twice;
	sel.region_count = 2;
	assert_refused(
	    &sel, "unknown region \"all\": the lists have gb-1, jp-1, us-1\n");
	sel.region_count = 0;
	assert_refused(
	    &sel, "no region is selected: name one or more, or all\n");
	sel.regions = regions + 1;
	sel.region_count = 1;
	sel.sets = sets;
	sel.set_count = 2;
	assert_refused(&sel,
	    "unknown set \"cdm\" (did you mean cdn?): the lists have cdn, "
	    "more\nunknown set \"all\": the lists have cdn, more\n");
}

static struct ip_prefix
prefix_of(const char *text)
{
	struct ip_prefix p;

	if (!ip_prefix_parse(&p, span_str(text)))
		fail_msg("%s", text);
	return p;
}

static void
addresses_are_judged_deny_first_then_allow_then_by_range(void **state)
{
	static const struct {
		const char *addr, *why;
	} cases[] = {
	    {"8.8.8.8", NULL}, {"127.0.0.1", "loopback"},
	    {"169.254.169.254", "metadata"}, {"10.0.0.1", "private-use"},
	    {"10.1.0.1", NULL}, /* allowed */
	    {"::ffff:10.1.0.1", NULL},
	    {"10.1.2.1", "denied by upstream.deny_addresses"},
	    {"::ffff:10.1.2.1", "denied by upstream.deny_addresses"},
	    {"64:ff9b::10.1.0.1", "private-use"},
	    {"::ffff:10.0.0.1", "private-use"}, {"192.0.2.1", "documentation"},
	    {"52.1.2.3", "denied by upstream.deny_addresses"},
	    {"2600:1f18::1", NULL},
	    {"2600:1f19::1", "denied by upstream.deny_addresses"},
	    {"fd00::1", "unique-local"}, {"fd12:3456::1", NULL}, /* allowed */
	};
	struct ip_prefix allow[] = {
	    prefix_of("10.1.0.0/16"), prefix_of("fd12:3456::/32")};
	struct ip_prefix deny[] = {prefix_of("10.1.2.0/24"),
	    prefix_of("52.0.0.0/8"), prefix_of("2600:1f19::/32")};
	static const char *const regions[] = {"us-1"};
	struct policy_selection sel = {.regions = regions,
	    .region_count = 1,
	    .allow_addresses = {allow, COUNT(allow)},
	    .deny_addresses = {deny, COUNT(deny)}};
	struct policy *p = policy_new(small_catalog(), &sel, on_no_error, NULL);

	(void)state;
	assert_non_null(p);
	/* They were copied. */
	memset(allow, 0, sizeof(allow));
	memset(deny, 0, sizeof(deny));
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ipaddr a;
		const char *why;

		assert_true(ipaddr_parse(&a, span_str(cases[i].addr)));
		why = policy_address_forbidden(p, NULL, &a);
		if ((why == NULL) != (cases[i].why == NULL) ||
		    (why != NULL && strcmp(why, cases[i].why) != 0))
			fail_msg("%s: %s", cases[i].addr, why ? why : "fine");
	}
	policy_unref(p);
}

/* The oracle: every rule, one after the other. */
static const struct rule *
admits(const struct policy *p, const struct endpoint *e)
{
	size_t count, best_len = 0;
	const struct rule *r = policy_rules(p, &count), *best = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct hostname *h = &r[i].entry->host;
		bool fits = r[i].entry->suffix ? hostname_is_below(&e->host,
						     span_of(h->text, h->len))
					       : hostname_equal(&e->host, h);
		size_t len = r[i].entry->suffix ? h->len : HOSTNAME_MAX + 1;

		if (fits && r[i].entry->port == e->port && len > best_len) {
			best = &r[i];
			best_len = len;
		}
	}
	return best;
}

static void
decisions_agree_with_a_look_at_every_rule(void **state)
{
	static const char *const words[] = {"", "a.", "x.", "deep.", "a.deep.",
	    "b.a.deep.", "exact.", "wide.", "us.", "port.", "xdeep."};
	static const char *const ends[] = {"wide.example.org", "example.org",
	    "example.com", "deep.wide.example.org", "us.example.com"};
	static const char *const ports[] = {
	    "443", "99", "500", "7", "22", "8443", "1"};
	struct policy *p = small_policy();
	char text[256];

	(void)state;
	for (size_t w = 0; w < COUNT(words); w++) {
		for (size_t k = 0; k < COUNT(ends) * COUNT(ports); k++) {
			struct endpoint e;

			(void)snprintf(text, sizeof(text), "%s%s:%s", words[w],
			    ends[k / COUNT(ports)], ports[k % COUNT(ports)]);
			e = endpoint_of(text);
			if (policy_decide(p, &e).rule != admits(p, &e))
				fail_msg("%s", text);
		}
	}
	policy_unref(p);
}

static void
a_hundred_thousand_names_are_found_each(void **state)
{
	struct allowlist_file files[COUNT(small)];
	static const char *const regions[] = {"all"};
	struct policy_selection sel = {
	    .regions = regions, .region_count = 1, .features = FEATURE_ALL};
	size_t cap = (size_t)MANY * 48, len = 0, count;
	char *text = malloc(cap), name[64];
	struct allowlist *a;
	struct policy *p;

	(void)state;
	assert_non_null(text);
	len += (size_t)snprintf(text, cap, "[many]\n");
	for (unsigned i = 0; i < MANY; i++)
		len += (size_t)snprintf(text + len, cap - len,
		    "host = %sn%u.many.example.net%s\n", i % 7 ? "" : "*.", i,
		    i % 3 ? "" : ":8443");
	for (size_t i = 0; i < COUNT(small); i++) {
		files[i] = small[i];
		files[i].len = strlen(files[i].text);
	}
	files[COUNT(small) - 1].text = text;
	files[COUNT(small) - 1].len = len;
	a = allowlist_parse(files, COUNT(small), on_no_error, NULL);
	assert_non_null(a);
	p = policy_new(a, &sel, on_no_error, NULL);
	assert_non_null(p);
	(void)policy_rules(p, &count);
	assert_int_equal(count, MANY + 6);
	for (unsigned i = 0; i < MANY; i++) {
		struct policy_decision d;
		struct endpoint e;

		(void)snprintf(name, sizeof(name), "%sn%u.many.example.net:%s",
		    i % 7 ? "" : "x.", i, i % 3 ? "443" : "8443");
		e = endpoint_of(name);
		d = policy_decide(p, &e);
		if (d.rule == NULL || d.rule->entry->line != i + 2)
			fail_msg("%s", name);
		e.port = 1;
		assert_int_equal(policy_decide(p, &e).why, OUTCOME_DENIED_PORT);
		e.host.text[e.host.len - 1] = 'x';
		assert_int_equal(policy_decide(p, &e).why, OUTCOME_DENIED_HOST);
	}
	policy_unref(p);
	free(text);
}

static void *
hold_and_let_go(void *arg)
{
	struct policy *p = arg;
	struct endpoint e = endpoint_of("us.example.com:443");

	for (int i = 0; i < 2000; i++) {
		struct policy *mine = policy_ref(p);

		if (policy_decide(mine, &e).why != OUTCOME_OK)
			return NULL;
		policy_unref(mine);
	}
	policy_unref(p);
	return arg;
}

/* A use after the last one let go would be a report of AddressSanitizer. */
static void
the_last_one_to_let_go_frees(void **state)
{
	struct policy *p = small_policy();
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
				     hold_and_let_go, policy_ref(p)),
		    0);
	policy_unref(p);
	for (size_t i = 0; i < COUNT(threads); i++) {
		void *result = NULL;

		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_non_null(result);
	}
	policy_unref(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_region_needs_9_hosts_and_all_regions_51),
	    cmocka_unit_test(a_feature_opens_no_more_than_its_endpoints),
	    cmocka_unit_test(rules_are_sorted_and_each_is_there_once),
	    cmocka_unit_test(an_unknown_region_or_set_is_refused_by_name),
	    cmocka_unit_test(
		addresses_are_judged_deny_first_then_allow_then_by_range),
	    cmocka_unit_test(decisions_agree_with_a_look_at_every_rule),
	    cmocka_unit_test(a_hundred_thousand_names_are_found_each),
	    cmocka_unit_test(the_last_one_to_let_go_frees),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
