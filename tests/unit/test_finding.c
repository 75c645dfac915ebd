/* SPDX-License-Identifier: Apache-2.0
 *
 * Templates, issuers, and the languages. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "finding.h"
#include "issuer.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *template, *want;
	bool whole;
} templates[] = {
    {"plain", "plain", true},
    {"{a}", "1", true},
    {"{a}{b}", "1two", true},
    {"{none}", "?", false},
    {"{none:not {a}}", "", true},
    {"{a:is {a} and {b}}", "is 1 and two", true},
    {"{!none:there is none of {b}}", "there is none of two", true},
    {"{!a:x}", "", true},
    {"{a:{none:x}{!none:y{b:z}}}", "yz", true},
    {"{a:{none}}", "?", false},
    {"[{{x: {a}}}]", "[{x: 1}]", true},
    {"{a:{{y}}}", "{y}", true},
    {"{a", "1", true},
    {"", "", true},
};

static void
templates_are_filled(void **state)
{
	struct facts f = {.count = 0};

	(void)state;
	fact_set(&f, "a", "1");
	fact_set(&f, "b", "two");
	for (size_t i = 0; i < COUNT(templates); i++) {
		char buf[64];
		struct text out = text_in(buf, sizeof(buf));

		assert_int_equal(template_fill(&out, templates[i].template, &f),
		    templates[i].whole);
		assert_string_equal(text_end(&out), templates[i].want);
	}
}

static void
facts_are_one_line_and_bounded(void **state)
{
	struct facts f = {.count = 0};
	char big[4096];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	fact_set(&f, "a", "one\r\ntwo\x1b[31m");
	assert_null(strchr(fact_get(&f, "a"), '\n'));
	assert_null(strchr(fact_get(&f, "a"), '\x1b'));
	fact_setf(&f, "b", "%s", big);
	assert_int_equal(strlen(fact_get(&f, "b")), FACT_MAX - 1);
	fact_set(&f, "a", "");
	assert_null(fact_get(&f, "a"));
	assert_int_equal(f.count, 1);
}

/* The facts a template names, sorted into one string per language, must agree
 * as far as both use them: a language may leave one out, not make one up. */
static bool
is_key_char(char c)
{
	return islower((unsigned char)c) || isdigit((unsigned char)c) ||
	       c == '_';
}

static bool
uses(const char *template, const char *key, size_t len)
{
	for (const char *at = template; (at = strchr(at, '{')) != NULL;) {
		at++;
		at += *at == '!';
		if (strncmp(at, key, len) == 0 &&
		    (at[len] == '}' || at[len] == ':'))
			return true;
	}
	return false;
}

static void
check_keys(const char *id, const char *from, const struct words *const all[4],
    enum lang other)
{
	for (const char *at = from; (at = strchr(at, '{')) != NULL;) {
		size_t len = 0;
		bool found = false;

		at++;
		at += *at == '!';
		while (is_key_char(at[len]))
			len++;
		if (len == 0 || (at[len] != '}' && at[len] != ':') ||
		    (at[len] == ':' && at[len + 1] == ' ' && at[-2] == '{'))
			continue;
		for (size_t i = 0; i < 4; i++)
			found |= uses(all[i]->in[other], at, len);
		if (!found)
			fail_msg("%s: {%.*s} is only in one language", id,
			    (int)len, at);
	}
}

static void
languages_tell_the_same(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FINDING_COUNT; i++) {
		const struct finding_text *t = finding_text((enum finding_id)i);
		const struct words *const all[4] = {
		    &t->title, &t->seen, &t->means, &t->todo};

		for (size_t part = 0; part < 4; part++) {
			const char *ja = all[part]->in[LANG_JA];

			assert_true(ja[0] != '\0');
			check_keys(t->id, ja, all, LANG_EN);
		}
	}
	for (unsigned w = 0; w < WORD_COUNT; w++) {
		assert_non_null(word_str((enum word)w, LANG_EN));
		assert_non_null(word_str((enum word)w, LANG_JA));
	}
}

static void
ids_are_unique_and_found(void **state)
{
	enum finding_id id;

	(void)state;
	for (unsigned i = 0; i < FINDING_COUNT; i++) {
		const char *text = finding_text((enum finding_id)i)->id;

		assert_true(finding_from_str(&id, span_str(text)));
		assert_int_equal(id, i);
	}
	assert_true(finding_from_str(&id, span_str("dns-nx")));
	assert_false(finding_from_str(&id, span_str("DNS")));
}

static void
lang_names(void **state)
{
	enum lang lang = LANG_EN;

	(void)state;
	assert_true(lang_parse(&lang, span_str("ja_JP.UTF-8")));
	assert_int_equal(lang, LANG_JA);
	assert_true(lang_parse(&lang, span_str("en")));
	assert_false(lang_parse(&lang, span_str("jar")));
	assert_false(lang_parse(&lang, span_str("de")));
	assert_false(lang_parse(&lang, span_str("")));
	(void)unsetenv("LC_ALL");
	(void)unsetenv("LC_MESSAGES");
	(void)setenv("LANG", "ja_JP.UTF-8", 1);
	assert_int_equal(lang_from_environment(), LANG_JA);
	(void)setenv("LC_ALL", "C", 1);
	assert_int_equal(lang_from_environment(), LANG_EN);
}

static const struct {
	const char *org, *issuer;
	unsigned scts, stapled;
	bool self;
	enum issuer_class want;
	const char *vendor;
} issuers[] = {
    {"Amazon", "CN=Amazon RSA 2048 M02,O=Amazon", 3, 0, false, ISSUER_PUBLIC,
	NULL},
    {"DigiCert Inc", "CN=DigiCert G2,O=DigiCert Inc", 0, 2, false,
	ISSUER_PUBLIC, NULL},
    {"Amazon", "CN=Amazon RSA 2048 M02,O=Amazon", 0, 0, false, ISSUER_CLAIMED,
	NULL},
    {"Zscaler Inc.", "CN=Zscaler Root,O=Zscaler Inc.", 0, 0, false,
	ISSUER_PRIVATE, "Zscaler"},
    {"Corp", "CN=FortiGate CA,O=Corp", 3, 0, false, ISSUER_PRIVATE, "Fortinet"},
    {"Amazon Fake", "CN=x", 3, 0, false, ISSUER_PRIVATE, NULL},
    {"", "CN=x", 0, 0, true, ISSUER_SELF, NULL},
    {"Cloudflare, Inc.", "CN=Gateway CA - Cloudflare Managed G1", 0, 0, false,
	ISSUER_PRIVATE, "Cloudflare Gateway"},
};

static void
issuers_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(issuer_classify(NULL, 0, 0), ISSUER_UNKNOWN);
	for (size_t i = 0; i < COUNT(issuers); i++) {
		struct cert_summary c = {
		    .scts = issuers[i].scts, .self_issued = issuers[i].self};
		const char *vendor;

		(void)snprintf(
		    c.issuer_org, sizeof(c.issuer_org), "%s", issuers[i].org);
		(void)snprintf(
		    c.issuer, sizeof(c.issuer), "%s", issuers[i].issuer);
		assert_int_equal(issuer_classify(&c, 1, issuers[i].stapled),
		    issuers[i].want);
		vendor = issuer_vendor(&c, 1);
		if (issuers[i].vendor == NULL)
			assert_null(vendor);
		else
			assert_string_equal(vendor, issuers[i].vendor);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(templates_are_filled),
	    cmocka_unit_test(facts_are_one_line_and_bounded),
	    cmocka_unit_test(languages_tell_the_same),
	    cmocka_unit_test(ids_are_unique_and_found),
	    cmocka_unit_test(lang_names),
	    cmocka_unit_test(issuers_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
