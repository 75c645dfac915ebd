/* SPDX-License-Identifier: Apache-2.0 */
#include "gke_json.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Blocks are kept on a chain, and freed together. */
struct block {
	struct block *next;
	max_align_t data[];
};

struct gke_json {
	json_t *root;
	struct block *blocks;
	/* Where reading is, for the one error line. */
	const char *what;
	size_t index;
	char *error;
	size_t error_size;
	bool failed;
};

static void fail(struct gke_json *j, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The first failure is the one told. */
static void
fail(struct gke_json *j, const char *fmt, ...)
{
	char why[256];
	va_list ap;

	if (j->failed)
		return;
	j->failed = true;
	va_start(ap, fmt);
	if (vsnprintf(why, sizeof(why), fmt, ap) < 0)
		why[0] = '\0';
	va_end(ap);
	(void)snprintf(j->error, j->error_size, "%s number %zu: %s", j->what,
	    j->index + 1, why);
}

static void *
allocate(struct gke_json *j, size_t count, size_t size)
{
	struct block *b =
	    calloc(1, sizeof(*b) + (count > 0 ? count : 1) * size);

	if (b == NULL) {
		fail(j, "out of memory");
		return NULL;
	}
	b->next = j->blocks;
	j->blocks = b;
	return b->data;
}

/* NULL when it is not there, which need may not allow. */
static const char *
text_at(struct gke_json *j, json_t *object, const char *key, bool need)
{
	json_t *value = json_object_get(object, key);

	if (value == NULL || json_is_null(value)) {
		if (need)
			fail(j, "\"%s\" is missing", key);
		return NULL;
	}
	if (!json_is_string(value))
		fail(j, "\"%s\" is no text", key);
	return json_string_value(value);
}

static struct gke_list
list_at(struct gke_json *j, json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);
	struct gke_list list = {NULL, 0};
	const char **items;

	if (value == NULL || json_is_null(value))
		return list;
	if (!json_is_array(value)) {
		fail(j, "\"%s\" is no list", key);
		return list;
	}
	items = allocate(j, json_array_size(value), sizeof(*items));
	for (size_t i = 0; items != NULL && i < json_array_size(value); i++) {
		items[i] = json_string_value(json_array_get(value, i));
		if (items[i] == NULL) {
			fail(j, "\"%s\" has an element that is no text", key);
			return list;
		}
		list.count++;
	}
	list.items = items;
	return list;
}

static void
check_prefixes(struct gke_json *j, const struct gke_list *list, const char *key)
{
	struct ip_prefix p;

	for (size_t i = 0; i < list->count; i++) {
		if (!ip_prefix_parse(&p, span_str(list->items[i])))
			fail(j, "\"%s\": %.64s is no range", key,
			    list->items[i]);
	}
}

static void
read_protocols(struct gke_json *j, struct gke_rule *r, json_t *list)
{
	struct gke_protocol *all;

	if (!json_is_array(list)) {
		fail(j, "neither \"allowed\" nor \"denied\" is a list");
		return;
	}
	all = allocate(j, json_array_size(list), sizeof(*all));
	if (all == NULL)
		return;
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *one = json_array_get(list, i);

		all[i].protocol = text_at(j, one, "IPProtocol", true);
		all[i].ports = list_at(j, one, "ports");
	}
	r->protocols = all;
	r->protocol_count = json_array_size(list);
}

static bool
direction_is_egress(struct gke_json *j, json_t *o)
{
	const char *text = text_at(j, o, "direction", true);

	if (text == NULL || strcmp(text, "INGRESS") == 0)
		return false;
	if (strcmp(text, "EGRESS") != 0)
		fail(j, "\"direction\" is neither INGRESS nor EGRESS");
	return true;
}

static void
read_rule(struct gke_json *j, struct gke_rule *r, json_t *o)
{
	json_t *priority = json_object_get(o, "priority");
	json_t *denied = json_object_get(o, "denied");

	r->name = text_at(j, o, "name", true);
	r->network = text_at(j, o, "network", true);
	r->egress = direction_is_egress(j, o);
	r->disabled = json_is_true(json_object_get(o, "disabled"));
	if (!json_is_integer(priority) || json_integer_value(priority) < 0 ||
	    json_integer_value(priority) > 65535)
		fail(j, "\"priority\" is no number from 0 to 65535");
	r->priority = (uint32_t)json_integer_value(priority);
	r->source_ranges = list_at(j, o, "sourceRanges");
	r->destination_ranges = list_at(j, o, "destinationRanges");
	check_prefixes(j, &r->source_ranges, "sourceRanges");
	r->source_others = list_at(j, o, "sourceTags").count > 0 ||
			   list_at(j, o, "sourceServiceAccounts").count > 0;
	r->target_tags = list_at(j, o, "targetTags");
	r->target_accounts = list_at(j, o, "targetServiceAccounts");
	r->deny = denied != NULL && !json_is_null(denied);
	read_protocols(j, r, r->deny ? denied : json_object_get(o, "allowed"));
}

static struct gke_json *
open_list(const char *what, struct span json, char *error, size_t len)
{
	struct gke_json *j = calloc(1, sizeof(*j));
	json_error_t fault;

	if (j == NULL) {
		(void)snprintf(error, len, "out of memory");
		return NULL;
	}
	*j = (struct gke_json){.what = what, .error = error, .error_size = len};
	j->root = json_loadb(json.ptr, json.len, 0, &fault);
	if (j->root != NULL && json_is_array(j->root))
		return j;
	if (j->root == NULL)
		(void)snprintf(error, len, "line %d, column %d: %.120s",
		    fault.line, fault.column, fault.text);
	else
		(void)snprintf(error, len,
		    "no list in JSON: it takes what gcloud prints with "
		    "--format=json");
	gke_json_free(j);
	return NULL;
}

static struct gke_json *
close_list(struct gke_json *j)
{
	j->error = NULL;
	if (!j->failed)
		return j;
	gke_json_free(j);
	return NULL;
}

struct gke_json *
gke_json_rules(struct gke_rules *out, struct span json, char *error, size_t len)
{
	struct gke_json *j = open_list("rule", json, error, len);
	struct gke_rule *rules;
	size_t count;

	if (j == NULL)
		return NULL;
	count = json_array_size(j->root);
	rules = allocate(j, count, sizeof(*rules));
	for (j->index = 0; !j->failed && j->index < count; j->index++) {
		read_rule(
		    j, &rules[j->index], json_array_get(j->root, j->index));
		if (j->failed)
			break;
	}
	*out = (struct gke_rules){rules, count};
	return close_list(j);
}

static struct gke_list
accounts_of(struct gke_json *j, json_t *node)
{
	json_t *all = json_object_get(node, "serviceAccounts");
	size_t count = json_array_size(all);
	const char **items = allocate(j, count, sizeof(*items));

	for (size_t i = 0; items != NULL && i < count; i++) {
		items[i] = text_at(j, json_array_get(all, i), "email", true);
		if (items[i] == NULL)
			return (struct gke_list){NULL, 0};
	}
	return (struct gke_list){items, items != NULL ? count : 0};
}

static void
read_node(struct gke_json *j, struct gke_node *n, json_t *o)
{
	json_t *interface =
	    json_array_get(json_object_get(o, "networkInterfaces"), 0);

	n->name = text_at(j, o, "name", true);
	n->network = text_at(j, interface, "network", true);
	n->cluster = text_at(
	    j, json_object_get(o, "labels"), "goog-k8s-cluster-name", false);
	n->tags = list_at(j, json_object_get(o, "tags"), "items");
	n->accounts = accounts_of(j, o);
}

struct gke_json *
gke_json_nodes(struct gke_nodes *out, struct span json, char *error, size_t len)
{
	struct gke_json *j = open_list("instance", json, error, len);
	struct gke_node *nodes;
	size_t count;

	if (j == NULL)
		return NULL;
	count = json_array_size(j->root);
	nodes = allocate(j, count, sizeof(*nodes));
	for (j->index = 0; !j->failed && j->index < count; j->index++) {
		read_node(
		    j, &nodes[j->index], json_array_get(j->root, j->index));
		if (j->failed)
			break;
	}
	*out = (struct gke_nodes){nodes, count};
	return close_list(j);
}

void
gke_json_free(struct gke_json *j)
{
	if (j == NULL)
		return;
	while (j->blocks != NULL) {
		struct block *next = j->blocks->next;

		free(j->blocks);
		j->blocks = next;
	}
	json_decref(j->root);
	free(j);
}
