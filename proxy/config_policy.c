/* SPDX-License-Identifier: Apache-2.0
 *
 * From configuration to policy: loads the lists, and says where an unknown
 * region or set was given, which policy cannot know. */
#include <string.h>

#include "config_table.h"
#include "core/allowlist.h"
#include "core/nearest.h"
#include "core/policy.h"

enum {
	KNOWN_MAX = 512,
};

/* Known names of regions or of sets. */
struct known {
	const char *what; /* "region" */
	const char *const *names;
	size_t count;
};

static bool
is_known(const struct known *k, const char *name)
{
	for (size_t i = 0; i < k->count; i++) {
		if (strcmp(k->names[i], name) == 0)
			return true;
	}
	return false;
}

/* The first record that names item. */
static const struct config_record *
record_of(const struct config_slot *slot, const char *item)
{
	const struct config_record *r;

	for (r = slot->first; r != NULL; r = r->next) {
		struct span one, rest = span_str(r->value);

		while (config_item_next(&rest, &one)) {
			if (span_is(one, item))
				return r;
		}
	}
	return NULL;
}

static void
report_unknown(const struct config *c, const struct config_key *key,
    const struct known *k, const char *name, struct config_report *r)
{
	char names[KNOWN_MAX], text[CONFIG_KEY_TEXT_MAX + 1];
	struct text t = text_in(names, sizeof(names));
	struct nearest near = nearest_to(span_str(name));

	for (size_t i = 0; i < k->count; i++) {
		nearest_try(&near, k->names[i]);
		text_str(&t, k->names[i]);
		text_str(&t, ", ");
	}
	text_str(&t, key->word);
	config_report_key(r, record_of(config_slot_of(key, c, NULL), name),
	    config_key_text(key, NULL, text),
	    "\"%s\": unknown %s%s%s%s (accepted: %s)", name, k->what,
	    near.best != NULL ? "; did you mean " : "",
	    near.best != NULL ? near.best : "", near.best != NULL ? "?" : "",
	    text_end(&t));
}

/* Every name must be known, but for the key's word. */
static void
check_names(const struct config *c, const char *name,
    const struct config_strings *list, const struct known *k,
    struct config_report *r)
{
	const struct config_key *key =
	    config_key_find(span_str("gateway"), span_str(name));

	for (size_t i = 0; i < list->count; i++) {
		if (!is_known(k, list->items[i]) &&
		    strcmp(list->items[i], key->word) != 0)
			report_unknown(c, key, k, list->items[i], r);
	}
}

static void
check_selection(
    const struct config *c, const struct allowlist *a, struct config_report *r)
{
	struct known regions = {.what = "region"}, sets = {.what = "set"};

	regions.names = allowlist_regions(a, &regions.count);
	sets.names = allowlist_sets(a, &sets.count);
	check_names(c, "regions", &c->gateway.regions, &regions, r);
	check_names(c, "sets", &c->gateway.sets, &sets, r);
}

struct policy *
config_policy(const struct config *c, config_error_fn error, void *arg)
{
	struct config_report report = {.fn = error, .arg = arg};
	struct allowlist_sources src = {
	    .dir = c->gateway.allowlist_dir,
	    .extra = (const char *const *)c->gateway.extra.items,
	    .extra_count = c->gateway.extra.count,
	};
	struct policy_selection sel = {
	    .regions = (const char *const *)c->gateway.regions.items,
	    .region_count = c->gateway.regions.count,
	    .features = c->gateway.features,
	    .sets = (const char *const *)c->gateway.sets.items,
	    .set_count = c->gateway.sets.count,
	    .allow_addresses = {c->upstream.allow_addresses.items,
		c->upstream.allow_addresses.count},
	    .deny_addresses = {c->upstream.deny_addresses.items,
		c->upstream.deny_addresses.count},
	};
	struct allowlist *catalog = allowlist_load(&src, error, arg);
	struct policy *policy;

	if (catalog == NULL)
		return NULL;
	check_selection(c, catalog, &report);
	if (report.count > 0) {
		allowlist_free(catalog);
		return NULL;
	}
	policy = policy_new(catalog, &sel, error, arg);
	if (policy != NULL)
		config_hosts_check(c, policy, &report);
	if (report.count == 0)
		return policy;
	policy_unref(policy);
	return NULL;
}
