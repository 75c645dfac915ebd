/* SPDX-License-Identifier: Apache-2.0 */
#include "gke_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "http_get.h"

/* Names and numbers only: nothing that a terminal would act on. */
static bool
is_printable(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text > '~')
			return false;
	}
	return true;
}

void
gke_fact(struct gke_value *value, const char *text, enum gke_origin origin)
{
	if (value->origin != GKE_NOT_KNOWN || text == NULL || text[0] == '\0' ||
	    strlen(text) >= sizeof(value->text) || !is_printable(text))
		return;
	(void)snprintf(value->text, sizeof(value->text), "%s", text);
	value->origin = origin;
}

static void
list_fact(struct gke_value *value, const struct gke_list *list,
    enum gke_origin origin)
{
	char joined[GKE_VALUE_MAX];
	struct text out = text_in(joined, sizeof(joined));

	for (size_t i = 0; i < list->count; i++) {
		text_str(&out, i > 0 ? "," : "");
		text_str(&out, list->items[i]);
	}
	(void)text_end(&out);
	if (!out.cut)
		gke_fact(value, joined, origin);
}

void
gke_facts_of_rules(struct gke_facts *f, const struct gke_rules *rules)
{
	struct span only = gke_only_cluster(rules);
	const struct gke_rule *master, *nodes;
	char name[GKE_VALUE_MAX];

	(void)snprintf(name, sizeof(name), "%.*s", SPAN_ARG(only));
	gke_fact(&f->cluster, name, GKE_FROM_RULE);
	master = gke_own_rule(rules, f->cluster.text, "-master");
	nodes = gke_own_rule(rules, f->cluster.text, "-vms");
	if (master != NULL) {
		list_fact(&f->cidr, &master->source_ranges, GKE_FROM_RULE);
		list_fact(&f->tags, &master->target_tags, GKE_FROM_RULE);
		gke_fact(&f->network, master->network, GKE_FROM_RULE);
	}
	if (nodes != NULL) {
		list_fact(&f->tags, &nodes->target_tags, GKE_FROM_RULE);
		gke_fact(&f->network, nodes->network, GKE_FROM_RULE);
	}
}

bool
gke_is_node(const struct gke_facts *f, const struct gke_node *node)
{
	char prefix[GKE_VALUE_MAX + 8];

	if (f->cluster.text[0] == '\0')
		return node->cluster != NULL ||
		       strncmp(node->name, "gke-", 4) == 0;
	if (node->cluster != NULL)
		return strcmp(node->cluster, f->cluster.text) == 0;
	(void)snprintf(prefix, sizeof(prefix), "gke-%s-", f->cluster.text);
	return strncmp(node->name, prefix, strlen(prefix)) == 0;
}

static bool
has_tag(const struct gke_node *node, const char *tag)
{
	for (size_t i = 0; i < node->tags.count; i++) {
		if (strcmp(node->tags.items[i], tag) == 0)
			return true;
	}
	return false;
}

/* One tag that all nodes have serves a rule for them. */
static void
common_tag(struct gke_facts *f, const struct gke_nodes *nodes,
    const struct gke_node *first)
{
	for (size_t t = 0; t < first->tags.count; t++) {
		const char *tag = first->tags.items[t];
		bool all = true;

		for (size_t i = 0; i < nodes->count; i++)
			all &= !gke_is_node(f, &nodes->nodes[i]) ||
			       has_tag(&nodes->nodes[i], tag);
		if (!all)
			continue;
		gke_fact(&f->tags, tag, GKE_FROM_NODES);
		return;
	}
}

void
gke_facts_of_nodes(struct gke_facts *f, const struct gke_nodes *nodes)
{
	for (size_t i = 0; i < nodes->count; i++) {
		const struct gke_node *n = &nodes->nodes[i];

		if (!gke_is_node(f, n))
			continue;
		gke_fact(&f->network, n->network, GKE_FROM_NODES);
		gke_fact(&f->cluster, n->cluster, GKE_FROM_NODES);
		common_tag(f, nodes, n);
		return;
	}
}

/* ---- the metadata server ---- */

struct metadata {
	const char *host;
	enum gke_metadata state;
};

/* One value; empty when it is not there. */
static void
ask(struct metadata *m, const char *path, char *value, size_t size)
{
	char url[512];
	struct http_got got;
	struct http_get get = {.url = url,
	    .header = "Metadata-Flavor: Google",
	    .timeout_ms = 1000,
	    .most = 65536};

	value[0] = '\0';
	if (m->state == GKE_METADATA_ABSENT || m->state == GKE_METADATA_FORGED)
		return;
	(void)snprintf(
	    url, sizeof(url), "http://%s/computeMetadata/v1/%s", m->host, path);
	if (!http_get(&got, &get)) {
		m->state = GKE_METADATA_ABSENT;
		return;
	}
	if (!got.has_header) {
		m->state = GKE_METADATA_FORGED;
	} else {
		m->state = GKE_METADATA_ANSWERS;
		if (got.status == 200 && got.body != NULL && got.len < size &&
		    strlen(got.body) == got.len)
			memcpy(value, got.body, got.len + 1);
	}
	free(got.body);
}

static void
take(struct metadata *m, struct gke_value *value, const char *path)
{
	char text[GKE_VALUE_MAX];

	if (value->origin != GKE_NOT_KNOWN)
		return;
	ask(m, path, text, sizeof(text));
	gke_fact(value, text, GKE_FROM_METADATA);
}

void
gke_facts_of_metadata(struct gke_facts *f)
{
	const char *host = getenv("GCE_METADATA_HOST");
	struct metadata m = {
	    host != NULL && host[0] != '\0' ? host : "169.254.169.254",
	    GKE_METADATA_NOT_ASKED};
	char cluster[GKE_VALUE_MAX];

	ask(&m, "instance/attributes/cluster-name", cluster, sizeof(cluster));
	f->metadata = m.state;
	if (m.state != GKE_METADATA_ANSWERS)
		return;
	if (cluster[0] == '\0')
		f->metadata = GKE_METADATA_NO_GKE;
	else if (f->cluster.text[0] != '\0' &&
		 strcmp(f->cluster.text, cluster) != 0)
		f->metadata = GKE_METADATA_OTHER;
	if (f->metadata != GKE_METADATA_ANSWERS)
		return;
	gke_fact(&f->cluster, cluster, GKE_FROM_METADATA);
	take(&m, &f->location, "instance/attributes/cluster-location");
	take(&m, &f->project, "project/project-id");
	take(&m, &f->network, "instance/network-interfaces/0/network");
}
