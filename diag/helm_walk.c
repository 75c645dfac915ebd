/* SPDX-License-Identifier: Apache-2.0
 *
 * Goes through the whole file: keys that stand there twice, and keys that are
 * easy to get wrong wherever the chart has them. values_load() has bounded what
 * there is to go through. */
#include <stdio.h>
#include <stdlib.h>

#include "core/text.h"
#include "helm_rules.h"

enum {
	PATH_MAX_BYTES = 200,
	NUMBER_MAX = 9,
};

struct walk {
	struct helm_run *run;
	bool ok; /* false: out of memory */
};

static int
by_text(const void *x, const void *y)
{
	const struct value *a = x, *b = y;
	size_t len = a->text.len < b->text.len ? a->text.len : b->text.len;
	int order = len ? memcmp(a->text.ptr, b->text.ptr, len) : 0;

	if (order == 0 && a->text.len != b->text.len)
		order = a->text.len < b->text.len ? -1 : 1;
	if (order == 0 && a->line != b->line)
		order = a->line < b->line ? -1 : 1;
	return order;
}

static const char *
join(char *buf, const char *path, struct span key)
{
	struct text t = text_in(buf, PATH_MAX_BYTES);

	text_str(&t, path);
	if (path[0] != '\0')
		text_char(&t, '.');
	text_line(&t, key);
	return text_end(&t);
}

static void
find_duplicates(struct walk *w, struct value map, const char *path)
{
	size_t count = values_count(w->run->v, map);
	struct value *keys = calloc(count ? count : 1, sizeof(*keys));

	if (keys == NULL) {
		w->ok = false;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct value unused;

		values_pair(w->run->v, map, i, &keys[i], &unused);
	}
	qsort(keys, count, sizeof(*keys), by_text);
	for (size_t i = 1; i < count; i++) {
		char key[PATH_MAX_BYTES];
		struct facts *f;

		if (keys[i].kind == VALUE_LIST || keys[i].kind == VALUE_MAP ||
		    !span_equal(keys[i - 1].text, keys[i].text))
			continue;
		f = helm_trap(w->run, TRAP_DUPLICATE_KEY, keys[i],
		    join(key, path, keys[i].text));
		if (f != NULL)
			fact_setf(f, "first", "%u", keys[i - 1].line);
	}
	free(keys);
}

/* ---- keys wherever they stand ---- */

static bool
is_policy(const struct helm_run *r, struct value v)
{
	(void)r;
	return span_is(v.text, "Ignore") || span_is(v.text, "Fail");
}

static bool
number_in(struct value v, unsigned least, unsigned most)
{
	unsigned n = 0;

	if (v.kind != VALUE_NUMBER || v.text.len > NUMBER_MAX)
		return false;
	for (size_t i = 0; i < v.text.len; i++) {
		if (v.text.ptr[i] < '0' || v.text.ptr[i] > '9')
			return false;
		n = n * 10 + (unsigned)(v.text.ptr[i] - '0');
	}
	return n >= least && n <= most;
}

static bool
is_timeout(const struct helm_run *r, struct value v)
{
	(void)r;
	return number_in(v, 1, 30);
}

static bool
is_job_count(const struct helm_run *r, struct value v)
{
	(void)r;
	return number_in(v, 3, 100);
}

static bool
is_list(const struct helm_run *r, struct value v)
{
	(void)r;
	return v.kind == VALUE_LIST;
}

static const struct {
	const char *parent; /* NULL: any */
	const char *key;
	bool (*is_good)(const struct helm_run *r, struct value v);
	enum trap_id id;
} named[] = {
    {NULL, "failurePolicy", is_policy, TRAP_FAILURE_POLICY},
    {NULL, "webhookTimeoutSeconds", is_timeout, TRAP_WEBHOOK_TIMEOUT},
    {NULL, "maxJobCount", is_job_count, TRAP_JOB_COUNT},
    {"exclusion", "namespaces", is_list, TRAP_NAMESPACES},
};

/* The last part of a path. */
static const char *
last_of(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot != NULL ? dot + 1 : path;
}

static void
judge_pair(
    struct walk *w, struct value key, struct value value, const char *path)
{
	char full[PATH_MAX_BYTES];

	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		struct facts *f;

		if (!span_is(key.text, named[i].key) || !helm_is_set(value) ||
		    (named[i].parent != NULL &&
			strcmp(last_of(path), named[i].parent) != 0) ||
		    named[i].is_good(w->run, value))
			continue;
		f = helm_trap(
		    w->run, named[i].id, value, join(full, path, key.text));
		if (f != NULL)
			fact_setf(f, "value", "%.*s", SPAN_ARG(value.text));
		if (f != NULL && fact_get(f, "value") == NULL)
			fact_set(f, "value", "[…]");
	}
}

/* Depth is bounded by values_load(). */
static void
walk(struct walk *w, struct value at, const char *path)
{
	size_t count = values_count(w->run->v, at);

	if (at.kind == VALUE_MAP)
		find_duplicates(w, at, path);
	for (size_t i = 0; i < count && w->ok; i++) {
		char full[PATH_MAX_BYTES];
		struct value key, value;

		if (at.kind == VALUE_LIST) {
			walk(w, values_item(w->run->v, at, i), path);
			continue;
		}
		values_pair(w->run->v, at, i, &key, &value);
		judge_pair(w, key, value, path);
		walk(w, value, join(full, path, key.text));
	}
}

bool
helm_lint_walk(struct helm_run *r)
{
	struct walk w = {.run = r, .ok = true};

	walk(&w, r->root, "");
	return w.ok;
}
