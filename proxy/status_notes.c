/* SPDX-License-Identifier: Apache-2.0
 *
 * What an operator should look at, found in the counters and in the denied
 * table. Each note says what was seen, and what to do. */
#include <inttypes.h>
#include <string.h>

#include "core/text.h"
#include "status_internal.h"

enum {
	NOTE_MAX = 800,
};

static const char set_layers[] = "registry-cdn";

static void
add_note(struct json_out *j, const char *id, const char *seen, const char *act)
{
	json_open(j, NULL, '{');
	json_str(j, "id", id);
	json_str(j, "seen", seen);
	json_str(j, "do", act);
	json_close(j, '}');
}

/* The first published rule of the region's category, or NULL. */
static const struct rule *
rule_of(
    const struct metrics_source *m, const char *region, const char *category)
{
	for (size_t i = 0; i < m->rule_count; i++) {
		const struct allowlist_entry *e = m->rules[i].entry;

		if (e->origin == ORIGIN_PUBLISHED &&
		    strcmp(e->region, region) == 0 &&
		    strcmp(e->category, category) == 0)
			return &m->rules[i];
	}
	return NULL;
}

static bool
was_requested(const struct metrics_source *m, const struct rule *rule)
{
	struct endpoint_sums sums;

	if (rule == NULL)
		return false;
	endpoint_sums_read(&sums, m, rule);
	return endpoint_was_requested(&sums);
}

/* Components reach the iot endpoint by ALL_PROXY, all others by HTTPS_PROXY: a
 * URL there that the client cannot use makes it go direct, without a word. */
static void
add_iot(struct json_out *j, const struct metrics_source *m, const char *region)
{
	const struct rule *api = rule_of(m, region, "container");
	const struct rule *iot = rule_of(m, region, "iot");
	char seen[NOTE_MAX];
	struct text t = text_in(seen, sizeof(seen));

	if (iot == NULL || was_requested(m, iot) || !was_requested(m, api))
		return;
	text_str(&t, api->entry->host.text);
	text_str(&t, " is asked for, ");
	text_str(&t, iot->entry->host.text);
	text_str(&t, " never was. It is reached by ALL_PROXY, and a client "
		     "that cannot use that URL goes direct, silently.");
	add_note(j, "iot_never_requested", text_end(&t),
	    "If it stays so for some minutes: in the chart's proxy settings, "
	    "write the scheme (http://), and use only letters, digits and "
	    "._~- in proxy.password (or percent-encode it in a Secret of your "
	    "own). Cloud One charts before 2.3.24 need socks5://.");
}

/* How often names of one kind were denied, and one of them. */
struct kind {
	uint64_t count;
	const struct denied_entry *last;
};

struct kinds {
	struct kind layers, cluster, lookalike, let_through;
};

static void
kind_add(struct kind *k, const struct denied_entry *e)
{
	k->count += e->count;
	if (k->last == NULL)
		k->last = e; /* the list begins with the latest */
}

static void
kinds_find(struct kinds *k, const struct status_source *src)
{
	for (size_t i = 0; i < src->denied->count; i++) {
		const struct denied_entry *entry = &src->denied->entries[i];
		struct policy_decision d;
		struct endpoint e;

		if (entry->let_through > 0)
			kind_add(&k->let_through, entry);
		if (!denied_judge(entry, src->config->policy, &e, &d) ||
		    d.why == OUTCOME_OK)
			continue;
		if (d.near == NEAR_SET && strcmp(d.entry->set, set_layers) == 0)
			kind_add(&k->layers, entry);
		if (d.near == NEAR_CLUSTER)
			kind_add(&k->cluster, entry);
		if (d.near == NEAR_LOOKALIKE)
			kind_add(&k->lookalike, entry);
	}
}

static void
add_kind(struct json_out *j, const struct kind *k, const char *id,
    const char *what, const char *act)
{
	char seen[NOTE_MAX];
	struct text t = text_in(seen, sizeof(seen));

	if (k->count == 0)
		return;
	text_str(&t, what);
	text_str(&t, ": ");
	text_u64(&t, k->count);
	text_str(&t, k->count == 1 ? " request, for " : " requests, last for ");
	text_line(&t, span_of(k->last->host, k->last->host_len));
	text_char(&t, '.');
	add_note(j, id, text_end(&t), act);
}

static void
add_log(struct json_out *j, const struct metrics_source *m)
{
	char seen[NOTE_MAX];
	struct text t = text_in(seen, sizeof(seen));
	uint64_t dropped = m->log != NULL ? access_log_dropped(m->log) : 0;

	if (dropped == 0)
		return;
	text_u64(&t, dropped);
	text_str(&t, " lines of the access log are lost.");
	add_note(j, "log_lines_lost", text_end(&t),
	    "Whoever reads log.access is too slow, or its disk is full.");
}

void
status_add_notes(struct json_out *j, const struct status_source *src)
{
	struct kinds kinds = {.layers = {.count = 0}};
	size_t count;
	const char *const *regions =
	    policy_regions(src->config->policy, &count);

	kinds_find(&kinds, src);
	json_open(j, "notes", '[');
	for (size_t i = 0; i < count; i++)
		add_iot(j, src->metrics, regions[i]);
	add_kind(j, &kinds.layers, "registry_layers_denied",
	    "Image layers of public.ecr.aws are denied",
	    "Pulls get their manifest and stop at the first layer. Set "
	    "gateway.sets = registry-cdn.");
	add_kind(j, &kinds.cluster, "cluster_names_denied",
	    "Names inside the cluster come to this gateway",
	    "They belong in the client's NO_PROXY; in the chart: "
	    "proxy.noProxy: \".svc,SERVICE-CIDR\".");
	add_kind(j, &kinds.lookalike, "new_endpoints_denied",
	    "Names that look like the vendor's, but are on no list, are denied",
	    "The published list may have grown: look for a newer one, or put "
	    "the name into a file of gateway.extra.");
	add_kind(j, &kinds.let_through, "let_through",
	    "Names that are not on the allowlist were let through",
	    "gateway.mode = report only reports. Review "
	    "/api/denied?format=ini, then set gateway.mode = enforce.");
	add_log(j, src->metrics);
	json_close(j, ']');
}
