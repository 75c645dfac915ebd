/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the lists compiled in say what the vendor's list says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/allowlist.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum {
	FILES_MAX = 16,
};

/* What nobody may have to say about lists that are right. */
static void
on_no_error(void *arg, const char *text)
{
	(void)arg;
	fail_msg("%s", text);
}

/*
 * The facts: the published list, written out here once more and by another
 * rule than the files, so that a slip in one of them shows.
 */
static const struct {
	const char *code, *aws, *bucket;
} regions[] = {
    {"us-1", "us-east-1", "1tgz7758j5977"},
    {"in-1", "ap-south-1", "4t1tmfipzmxq"},
    {"gb-1", "eu-west-2", "177dw039ojo4z"},
    {"jp-1", "ap-northeast-1", "a1g8t8ve13ql"},
    {"de-1", "eu-central-1", "dt9l26kxtrha"},
    {"au-1", "ap-southeast-2", "mqamem5enf3f"},
    {"ca-1", "ca-central-1", "1lllr5j8i7dmf"},
    {"sg-1", "ap-southeast-1", "x75mv7yqzt9"},
};

/* $c is the region's code, $a AWS's region, $b the sensor bucket's suffix. */
static const struct {
	const char *category, *pattern;
	unsigned features;
	enum probe_kind probe;
} regional[] = {
    {"container", "container.$c.cloudone.trendmicro.com", FEATURE_ADMISSION,
	PROBE_JSON_API},
    {"iot", "iot.container.$c.cloudone.trendmicro.com", FEATURE_ADMISSION,
	PROBE_TLS},
    {"sensor",
	"sensor-components-prod-componentsstoragebucket-$b.s3.amazonaws.com",
	FEATURE_RUNTIME, PROBE_S3},
    {"asaas-upload", "asaas-scan-upload-$a-prod.s3.$a.amazonaws.com",
	FEATURE_VULNERABILITY_SCAN | FEATURE_ARTIFACT_SCANNER, PROBE_S3},
    {"asaas-vuln", "asaas-scan-vuln-$a-prod.s3.$a.amazonaws.com",
	FEATURE_ARTIFACT_SCANNER, PROBE_S3},
    {"artifactscan", "artifactscan.$c.cloudone.trendmicro.com",
	FEATURE_ARTIFACT_SCANNER, PROBE_JSON_API},
};

static const struct {
	const char *category, *host;
	unsigned features;
	enum probe_kind probe;
} globals[] = {
    {"artifactscan-cli", "cli.artifactscan.cloudone.trendmicro.com",
	FEATURE_ARTIFACT_SCANNER, PROBE_JSON_FILE},
    {"telemetry", "telemetry.deepsecurity.trendmicro.com", FEATURE_TELEMETRY,
	PROBE_TLS},
    {"registry", "public.ecr.aws", FEATURE_IMAGES, PROBE_REGISTRY},
};

enum {
	FACTS = COUNT(regions) * COUNT(regional) + COUNT(globals),
	HOST_MAX = HOSTNAME_MAX + 1,
};

struct fact {
	const char *region, *category;
	unsigned features;
	enum probe_kind probe;
	bool seen;
	char host[HOST_MAX];
};

static void
fact_expand(char *out, const char *pattern, size_t region)
{
	size_t len = 0;

	for (; *pattern != '\0'; pattern++) {
		const char *part = NULL;

		if (*pattern == '$') {
			pattern++;
			part = *pattern == 'c'   ? regions[region].code
			       : *pattern == 'a' ? regions[region].aws
						 : regions[region].bucket;
		}
		len += (size_t)snprintf(out + len, HOST_MAX - len, "%.*s",
		    part != NULL ? HOST_MAX : 1, part != NULL ? part : pattern);
		assert_true(len < HOST_MAX);
	}
}

static void
facts_fill(struct fact *facts)
{
	struct fact *f = facts;

	for (size_t r = 0; r < COUNT(regions); r++) {
		for (size_t i = 0; i < COUNT(regional); i++, f++) {
			*f = (struct fact){.region = regions[r].code,
			    .category = regional[i].category,
			    .features = regional[i].features,
			    .probe = regional[i].probe};
			fact_expand(f->host, regional[i].pattern, r);
		}
	}
	for (size_t i = 0; i < COUNT(globals); i++, f++) {
		*f = (struct fact){.region = "global",
		    .category = globals[i].category,
		    .features = globals[i].features,
		    .probe = globals[i].probe};
		fact_expand(f->host, globals[i].host, 0);
	}
	assert_ptr_equal(f, facts + FACTS);
}

static struct fact *
fact_find(struct fact *facts, const char *host)
{
	for (size_t i = 0; i < FACTS; i++) {
		if (strcmp(facts[i].host, host) == 0)
			return &facts[i];
	}
	return NULL;
}

/* Whether the published part of a catalog is exactly the facts. */
static bool
matches_facts(const struct allowlist *a)
{
	struct fact facts[FACTS];
	size_t count, seen = 0;
	const struct allowlist_entry *e = allowlist_entries(a, &count);

	facts_fill(facts);
	for (size_t i = 0; i < count; i++) {
		struct fact *f = fact_find(facts, e[i].host.text);

		if (e[i].origin != ORIGIN_PUBLISHED)
			continue;
		if (f == NULL || f->seen || e[i].port != 443 || e[i].suffix ||
		    strcmp(e[i].region, f->region) != 0 ||
		    strcmp(e[i].category, f->category) != 0 ||
		    e[i].about == NULL ||
		    strcmp(e[i].about->name, f->category) != 0 ||
		    e[i].about->features != f->features ||
		    e[i].about->probe != f->probe)
			return false;
		f->seen = true;
		seen++;
	}
	return seen == FACTS;
}

static struct allowlist *
load_builtin(void)
{
	static const struct allowlist_sources none = {.dir = NULL};
	struct allowlist *a = allowlist_load(&none, on_no_error, NULL);

	assert_non_null(a);
	return a;
}

static void
the_built_in_lists_are_the_published_51_hosts(void **state)
{
	struct allowlist *a = load_builtin();
	struct fact facts[FACTS];
	size_t count;
	const char *const *r = allowlist_regions(a, &count);

	(void)state;
	assert_int_equal(FACTS, 51);
	facts_fill(facts);
	for (size_t i = 0; i < FACTS; i++)
		assert_ptr_equal(fact_find(facts, facts[i].host), &facts[i]);
	assert_true(matches_facts(a));
	assert_int_equal(count, COUNT(regions));
	for (size_t i = 0; i < count; i++) {
		assert_true(i == 0 || strcmp(r[i - 1], r[i]) < 0);
		assert_string_not_equal(r[i], "global");
	}
	assert_true(strcmp(allowlist_date(a), "2024-01") > 0);
	allowlist_free(a);
}

/* Changes one letter of one host, in turn for every host of every published
 * file, and sees that the comparison above would tell. */
static void
a_mistyped_host_in_any_file_is_seen(void **state)
{
	struct allowlist_file files[FILES_MAX];
	size_t n = allowlist_builtin_count, tried = 0;

	(void)state;
	assert_true(n <= FILES_MAX);
	for (size_t i = 0; i < n; i++) {
		const struct allowlist_file *f = &allowlist_builtin[i];
		char *copy = strndup(f->text, f->len);
		char *host = copy;

		assert_non_null(copy);
		for (size_t k = 0; k < n; k++)
			files[k] = allowlist_builtin[k];
		files[i].text = copy;
		while (strncmp(f->name, "cloudone/", 9) == 0 &&
		       (host = strstr(host, "\nhost = ")) != NULL) {
			struct allowlist *a;
			char *letter = host + strlen("\nhost = ") + 4;
			char was = *letter;

			host++;
			*letter = was == 'l' ? '1' : 'l';
			a = allowlist_parse(files, n, on_no_error, NULL);
			assert_non_null(a);
			assert_false(matches_facts(a));
			allowlist_free(a);
			*letter = was;
			tried++;
		}
		free(copy);
	}
	assert_int_equal(tried, FACTS);
}

/* Japanese sentences end in an ideographic full stop. */
static void
each_category_has_words_in_both_languages(void **state)
{
	struct allowlist *a = load_builtin();
	size_t count;
	const struct allowlist_category *c = allowlist_categories(a, &count);
	unsigned features = 0;

	(void)state;
	assert_int_equal(count, COUNT(regional) + COUNT(globals) + 1);
	for (size_t i = 0; i < count; i++) {
		assert_true(strlen(c[i].title_en) > 3);
		assert_true(strlen(c[i].title_ja) > 3);
		assert_true(strlen(c[i].consequence_en) > 30);
		assert_true(strlen(c[i].consequence_ja) > 30);
		for (const char *p = c[i].consequence_en; *p != '\0'; p++)
			assert_true(*p >= ' ' && *p <= '~');
		assert_non_null(strstr(c[i].consequence_ja, "\xe3\x80\x82"));
		assert_int_equal(
		    c[i].probe == PROBE_JSON_FILE, c[i].probe_path != NULL);
		features |= c[i].features;
	}
	assert_int_equal(features, FEATURE_ALL);
	allowlist_free(a);
}

static void
the_registry_cdn_set_is_there_and_apart(void **state)
{
	struct allowlist *a = load_builtin();
	size_t count, found = 0;
	const char *const *sets = allowlist_sets(a, &count);
	const struct allowlist_entry *e;

	(void)state;
	assert_int_equal(count, 1);
	assert_string_equal(sets[0], "registry-cdn");
	e = allowlist_entries(a, &count);
	for (size_t i = 0; i < count; i++) {
		if (e[i].origin != ORIGIN_SET) {
			assert_null(e[i].set);
			continue;
		}
		found++;
		assert_string_equal(e[i].set, "registry-cdn");
		assert_string_equal(e[i].region, "-");
		assert_string_equal(e[i].file, "sets/registry-cdn.ini");
		assert_string_equal(
		    strchr(e[i].host.text, '.'), ".cloudfront.net");
	}
	assert_int_equal(found, 2);
	assert_int_equal(count, FACTS + 2);
	allowlist_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_built_in_lists_are_the_published_51_hosts),
	    cmocka_unit_test(a_mistyped_host_in_any_file_is_seen),
	    cmocka_unit_test(each_category_has_words_in_both_languages),
	    cmocka_unit_test(the_registry_cdn_set_is_there_and_apart),
	};

	return cmocka_run_group_tests_name("published", tests, NULL, NULL);
}
