/* SPDX-License-Identifier: Apache-2.0 */
#include "helm_values.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <yaml.h>

struct values {
	char *text;
	yaml_document_t document;
	bool has_document;
	unsigned second_line; /* 0: there is no second document */
};

/* ---- reading ---- */

static char *
read_file(const char *path, size_t *len, char *error, size_t size)
{
	FILE *file = fopen(path, "re");
	char *text = malloc(VALUES_FILE_MAX + 1);
	bool ok = false;

	if (file == NULL) {
		(void)snprintf(error, size, "%s: cannot read: %s", path,
		    strerrordesc_np(errno));
	} else if (text == NULL) {
		(void)snprintf(error, size, "%s: out of memory", path);
	} else {
		*len = fread(text, 1, VALUES_FILE_MAX + 1, file);
		ok = ferror(file) == 0 && *len <= VALUES_FILE_MAX;
		if (!ok)
			(void)snprintf(error, size, "%s: %s", path,
			    ferror(file) ? "cannot read"
					 : "longer than 1 MiB: no values "
					   "file");
	}
	if (file != NULL)
		(void)fclose(file);
	if (ok)
		return text;
	free(text);
	return NULL;
}

/* libyaml counts lines and columns from 0. */
static void
parser_error(const yaml_parser_t *p, const char *path, char *error, size_t size)
{
	const char *what = p->problem != NULL ? p->problem : "out of memory";

	if (p->error == YAML_READER_ERROR)
		(void)snprintf(error, size, "%s: not YAML: %s at byte %zu",
		    path, what, p->problem_offset);
	else
		(void)snprintf(error, size, "%s:%zu:%zu: not YAML: %s", path,
		    p->problem_mark.line + 1, p->problem_mark.column + 1, what);
}

/* Whether the second document exists, and where; a fault in it is none of
 * ours, as Helm does not read so far. */
static void
look_for_second(struct values *v, yaml_parser_t *parser)
{
	yaml_document_t second;

	if (!yaml_parser_load(parser, &second)) {
		v->second_line = (unsigned)parser->problem_mark.line + 1;
		return;
	}
	if (yaml_document_get_root_node(&second) != NULL)
		v->second_line = (unsigned)second.start_mark.line + 1;
	yaml_document_delete(&second);
}

static bool
has_anchor(const yaml_event_t *e)
{
	return (e->type == YAML_SCALAR_EVENT &&
		   e->data.scalar.anchor != NULL) ||
	       (e->type == YAML_SEQUENCE_START_EVENT &&
		   e->data.sequence_start.anchor != NULL) ||
	       (e->type == YAML_MAPPING_START_EVENT &&
		   e->data.mapping_start.anchor != NULL);
}

/* Whether the file has no more levels and anchors than a values file may have.
 * libyaml goes through all open brackets for each token, and through all
 * anchors for each of them: many would cost minutes. What is no YAML is left to
 * the parser proper. *line: where it gets too much. */
static bool
is_modest(const struct values *v, size_t len, size_t *line)
{
	yaml_parser_t parser;
	yaml_event_t event;
	yaml_event_type_t type = YAML_NO_EVENT;
	unsigned depth = 0, anchors = 0;

	if (!yaml_parser_initialize(&parser))
		return true;
	yaml_parser_set_input_string(
	    &parser, (const unsigned char *)v->text, len);
	while (type != YAML_STREAM_END_EVENT && depth <= VALUES_DEPTH_MAX &&
	       anchors <= VALUES_ANCHORS_MAX &&
	       yaml_parser_parse(&parser, &event)) {
		type = event.type;
		*line = event.start_mark.line + 1;
		depth += type == YAML_SEQUENCE_START_EVENT ||
			 type == YAML_MAPPING_START_EVENT;
		depth -= type == YAML_SEQUENCE_END_EVENT ||
			 type == YAML_MAPPING_END_EVENT;
		anchors += has_anchor(&event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return depth <= VALUES_DEPTH_MAX && anchors <= VALUES_ANCHORS_MAX;
}

static bool
parse(struct values *v, size_t len, const char *path, char *error, size_t size)
{
	yaml_parser_t parser;
	size_t line = 0;
	bool ok;

	if (!is_modest(v, len, &line)) {
		(void)snprintf(error, size,
		    "%s:%zu: more than %d levels or %d anchors: no values file",
		    path, line, VALUES_DEPTH_MAX, VALUES_ANCHORS_MAX);
		return false;
	}
	if (!yaml_parser_initialize(&parser)) {
		(void)snprintf(error, size, "%s: out of memory", path);
		return false;
	}
	yaml_parser_set_input_string(
	    &parser, (const unsigned char *)v->text, len);
	ok = yaml_parser_load(&parser, &v->document) != 0;
	v->has_document = ok;
	if (!ok)
		parser_error(&parser, path, error, size);
	else if (yaml_document_get_root_node(&v->document) != NULL)
		look_for_second(v, &parser);
	yaml_parser_delete(&parser);
	return ok;
}

/* ---- nodes ---- */

static yaml_node_t *
node_of(const struct values *v, int node)
{
	/* libyaml's getters take no const; they change nothing. */
	yaml_document_t document = v->document;

	return node > 0 ? yaml_document_get_node(&document, node) : NULL;
}

static bool
is_one_of(struct span s, const char *const *words)
{
	for (; *words != NULL; words++) {
		if (span_is_nocase(s, *words))
			return true;
	}
	return false;
}

/* Digits of some notation of YAML 1.1: 1, -0x1f, 1_000, 1e5, .5, 1:30. */
static bool
is_number(struct span s)
{
	bool digit = false;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c >= '0' && c <= '9')
			digit = true;
		else if (strchr("+-._:", c) == NULL &&
			 !(digit && strchr("eExoabcdfABCDF", c) != NULL))
			return false;
	}
	return digit && s.ptr[s.len - 1] != ':';
}

static enum value_kind
plain_kind(struct span s)
{
	static const char *const nulls[] = {"", "~", "null", NULL};
	static const char *const bools[] = {
	    "true", "false", "yes", "no", "on", "off", NULL};
	static const char *const numbers[] = {
	    ".inf", "-.inf", "+.inf", ".nan", NULL};

	if (is_one_of(s, nulls))
		return VALUE_NULL;
	if (is_one_of(s, bools))
		return VALUE_BOOL;
	return is_number(s) || is_one_of(s, numbers) ? VALUE_NUMBER
						     : VALUE_STRING;
}

static void
read_scalar(struct value *out, const yaml_node_t *n)
{
	bool told =
	    n->tag != NULL && strcmp((const char *)n->tag, YAML_STR_TAG) != 0;

	out->text =
	    span_of((const char *)n->data.scalar.value, n->data.scalar.length);
	out->kind = VALUE_STRING;
	if (n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !told)
		out->kind = plain_kind(out->text);
}

static struct value
value_at(const struct values *v, int node)
{
	const yaml_node_t *n = node_of(v, node);
	struct value out = {.kind = VALUE_NONE};

	if (n == NULL)
		return out;
	out.node = node;
	out.line = (unsigned)n->start_mark.line + 1;
	out.column = (unsigned)n->start_mark.column + 1;
	switch (n->type) {
	case YAML_NO_NODE:
		break;
	case YAML_SCALAR_NODE:
		read_scalar(&out, n);
		break;
	case YAML_SEQUENCE_NODE:
		out.kind = VALUE_LIST;
		break;
	case YAML_MAPPING_NODE:
		out.kind = VALUE_MAP;
		break;
	}
	return out;
}

struct value
values_root(const struct values *v)
{
	yaml_document_t document = v->document;

	if (yaml_document_get_root_node(&document) == NULL)
		return (struct value){
		    .kind = VALUE_NULL, .line = 1, .column = 1};
	return value_at(v, 1); /* the root is the first node */
}

struct value
values_second(const struct values *v)
{
	if (v->second_line == 0)
		return (struct value){.kind = VALUE_NONE};
	return (struct value){
	    .kind = VALUE_NULL, .line = v->second_line, .column = 1};
}

size_t
values_count(const struct values *v, struct value of)
{
	const yaml_node_t *n = node_of(v, of.node);

	if (of.kind == VALUE_MAP)
		return (size_t)(n->data.mapping.pairs.top -
				n->data.mapping.pairs.start);
	if (of.kind == VALUE_LIST)
		return (size_t)(n->data.sequence.items.top -
				n->data.sequence.items.start);
	return 0;
}

void
values_pair(const struct values *v, struct value map, size_t i,
    struct value *key, struct value *value)
{
	const yaml_node_t *n = node_of(v, map.node);
	const yaml_node_pair_t *pair;

	assert(n != NULL); /* a map has a node */
	pair = &n->data.mapping.pairs.start[i];
	*key = value_at(v, pair->key);
	*value = value_at(v, pair->value);
}

struct value
values_item(const struct values *v, struct value list, size_t i)
{
	const yaml_node_t *n = node_of(v, list.node);

	assert(n != NULL); /* a list has a node */
	return value_at(v, n->data.sequence.items.start[i]);
}

static struct value get(
    const struct values *v, struct value map, const char *key, unsigned depth);

/* Behind "<<": a map, or a list of maps of which the first that has it wins. */
static struct value
get_merged(
    const struct values *v, struct value from, const char *key, unsigned depth)
{
	struct value found = {.kind = VALUE_NONE};

	if (from.kind != VALUE_LIST)
		return get(v, from, key, depth + 1);
	for (size_t i = 0; i < values_count(v, from); i++) {
		found = get(v, values_item(v, from, i), key, depth + 1);
		if (found.kind != VALUE_NONE)
			break;
	}
	return found;
}

static struct value
get(const struct values *v, struct value map, const char *key, unsigned depth)
{
	struct value merge = {.kind = VALUE_NONE};

	if (map.kind != VALUE_MAP || depth > VALUES_DEPTH_MAX)
		return merge;
	for (size_t i = values_count(v, map); i-- > 0;) {
		struct value k, value;

		values_pair(v, map, i, &k, &value);
		if (span_is(k.text, key))
			return value;
		if (span_is(k.text, "<<") && merge.kind == VALUE_NONE)
			merge = value;
	}
	return get_merged(v, merge, key, depth);
}

struct value
values_get(const struct values *v, struct value map, const char *key)
{
	return get(v, map, key, 0);
}

/* ---- bounds ---- */

/* Walks all that is below, aliases followed; false when it is too much. */
static bool
is_bounded(
    const struct values *v, struct value at, unsigned depth, unsigned *visits)
{
	size_t count = values_count(v, at);

	if (++*visits > VALUES_VISITS_MAX || depth > VALUES_DEPTH_MAX)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct value key, value;

		if (at.kind == VALUE_MAP)
			values_pair(v, at, i, &key, &value);
		else
			value = values_item(v, at, i);
		if (!is_bounded(v, value, depth + 1, visits))
			return false;
	}
	return true;
}

struct values *
values_load(const char *path, char *error, size_t size)
{
	struct values *v = calloc(1, sizeof(*v));
	unsigned visits = 0;
	size_t len;

	if (v == NULL) {
		(void)snprintf(error, size, "%s: out of memory", path);
		return NULL;
	}
	v->text = read_file(path, &len, error, size);
	if (v->text == NULL || !parse(v, len, path, error, size)) {
		values_free(v);
		return NULL;
	}
	if (is_bounded(v, values_root(v), 0, &visits))
		return v;
	(void)snprintf(error, size,
	    "%s: more than %d levels or %d values: an alias inside its own "
	    "anchor, or no values file",
	    path, VALUES_DEPTH_MAX, VALUES_VISITS_MAX);
	values_free(v);
	return NULL;
}

void
values_free(struct values *v)
{
	if (v == NULL)
		return;
	if (v->has_document)
		yaml_document_delete(&v->document);
	free(v->text);
	free(v);
}
