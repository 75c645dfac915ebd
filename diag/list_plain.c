/* SPDX-License-Identifier: Apache-2.0
 *
 * For people, scripts and programs. */
#include "core/json_out.h"
#include "core/text.h"
#include "list_form.h"

enum {
	FIELD_MAX = 128,
};

/* A section's name of somebody's list, safe to print. */
static const char *
category_of(const struct rule *r, char *buf)
{
	struct text t = text_in(buf, FIELD_MAX);

	text_line(&t, span_str(r->entry->category));
	return text_end(&t);
}

static unsigned
features_of(const struct rule *r)
{
	return r->entry->about != NULL ? r->entry->about->features : 0;
}

/* The rules of one category (NULL: of none), under its title. */
static void
text_category(FILE *out, const struct list *l,
    const struct allowlist_category *about, const char *title)
{
	bool begun = false;

	for (size_t i = 0; i < l->count; i++) {
		const struct allowlist_entry *e = l->rules[i].entry;
		char features[LIST_WORDS_MAX];

		if (e->about != about)
			continue;
		if (!begun && about != NULL)
			(void)fprintf(out, "\n# %s (%s)\n", title,
			    list_features(about->features, features));
		else if (!begun)
			(void)fprintf(out, "\n# %s\n", title);
		begun = true;
		(void)fprintf(out, "%s:%u\n", e->host.text, e->port);
	}
}

void
list_text(FILE *out, const struct list *l)
{
	const struct allowlist *catalog = policy_catalog(l->policy);
	size_t count;
	const struct allowlist_category *all =
	    allowlist_categories(catalog, &count);

	list_comment(out, l, "# ");
	for (size_t i = 0; i < count; i++)
		text_category(out, l, &all[i], all[i].title_en);
	text_category(out, l, NULL, "Others");
}

void
list_tsv(FILE *out, const struct list *l)
{
	list_comment(out, l, "# ");
	(void)fputs("# host\tport\tregion\tcategory\tfeatures\n", out);
	for (size_t i = 0; i < l->count; i++) {
		const struct allowlist_entry *e = l->rules[i].entry;
		char features[LIST_WORDS_MAX], category[FIELD_MAX];

		(void)fprintf(out, "%s\t%u\t%s\t%s\t%s\n", e->host.text,
		    e->port, e->region, category_of(&l->rules[i], category),
		    list_features(features_of(&l->rules[i]), features));
	}
}

static void
json_words(struct json_out *j, const char *key, const char *words)
{
	json_open(j, key, '[');
	while (*words != '\0') {
		size_t len = strcspn(words, ",");

		json_span(j, NULL, span_of(words, len));
		words += len + (words[len] == ',');
	}
	json_close(j, ']');
}

static void
json_list(
    struct json_out *j, const char *key, const char *const *items, size_t count)
{
	json_open(j, key, '[');
	for (size_t i = 0; i < count; i++)
		json_str(j, NULL, items[i]);
	json_close(j, ']');
}

static void
json_rule(struct json_out *j, const struct rule *r)
{
	const struct allowlist_entry *e = r->entry;
	char features[LIST_WORDS_MAX];

	json_open(j, NULL, '{');
	json_str(j, "host", e->host.text);
	json_u64(j, "port", e->port);
	json_str(j, "region", e->region);
	json_str(j, "category", e->category);
	if (e->about != NULL)
		json_str(j, "title", e->about->title_en);
	if (e->set != NULL)
		json_str(j, "set", e->set);
	json_words(j, "features", list_features(features_of(r), features));
	json_str(j, "list_date", e->date ? e->date : "unknown");
	json_str(j, "list_source", e->source ? e->source : "unknown");
	json_close(j, '}');
}

void
list_json(FILE *out, const struct list *l)
{
	struct json_out j = {.out = out};
	char words[LIST_WORDS_MAX];
	size_t region_count, set_count;
	const char *const *regions = policy_regions(l->policy, &region_count);
	const char *const *sets = policy_sets(l->policy, &set_count);

	json_open(&j, NULL, '{');
	json_str(&j, "description", list_words(l, words));
	json_str(&j, "list_date", list_date(l));
	json_str(&j, "list_source", list_source(l));
	json_list(&j, "regions", regions, region_count);
	json_words(
	    &j, "features", list_features(policy_features(l->policy), words));
	json_list(&j, "sets", sets, set_count);
	json_open(&j, "endpoints", '[');
	for (size_t i = 0; i < l->count; i++)
		json_rule(&j, &l->rules[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	(void)fputc('\n', out);
}
