/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/allowlist_internal.h"
#include "core/nearest.h"

static const char *const text_keys[] = {
    "title_en", "title_ja", "consequence_en", "consequence_ja"};

enum {
	TEXT_KEYS = sizeof(text_keys) / sizeof(text_keys[0])
};

static const struct {
	const char *name;
	enum probe_kind kind;
} probes[] = {
    {"json-api", PROBE_JSON_API},
    {"s3", PROBE_S3},
    {"registry", PROBE_REGISTRY},
    {"tls", PROBE_TLS},
};

struct category_reader {
	struct allowlist *list;
	const char *file;
	allowlist_error_fn error;
	void *arg;
	bool open;      /* in a section, the last of list->categories */
	unsigned line;  /* of its section line */
	bool has_probe; /* the one field whose zero is a value */
	bool ok;
};

static void
reader_error(void *arg, const char *text)
{
	struct category_reader *r = arg;

	r->ok = false;
	r->error(r->arg, text);
}

static struct ini_place
reader_place(struct category_reader *r, unsigned line)
{
	return (struct ini_place){
	    .file = r->file, .line = line, .error = reader_error, .arg = r};
}

static struct allowlist_category *
current(const struct category_reader *r)
{
	return &r->list->categories[r->list->category_count - 1];
}

static const char **
text_field(struct allowlist_category *c, size_t key)
{
	const char **const fields[TEXT_KEYS] = {
	    &c->title_en, &c->title_ja, &c->consequence_en, &c->consequence_ja};

	return fields[key];
}

/* A category must say everything: the diagnosis has no other words. */
static void
section_end(struct category_reader *r)
{
	struct ini_place at = reader_place(r, r->line);
	struct allowlist_category *c;

	if (!r->open)
		return;
	c = current(r);
	for (size_t i = 0; i < TEXT_KEYS; i++) {
		if (*text_field(c, i) == NULL)
			ini_error_at(
			    &at, "[%s] has no %s", c->name, text_keys[i]);
	}
	if (c->features == 0)
		ini_error_at(&at, "[%s] has no features", c->name);
	if (!r->has_probe)
		ini_error_at(&at, "[%s] has no probe", c->name);
	r->open = false;
}

static void
section_begin(struct category_reader *r, const struct ini_entry *e)
{
	struct ini_place at = reader_place(r, e->line);
	struct allowlist *a = r->list;
	struct allowlist_category *grown;
	const char *name;

	section_end(r);
	if (strcmp(e->section, "list") == 0) {
		ini_error_at(&at,
		    "[list] says where hosts come from: there are none in this "
		    "file");
		return;
	}
	for (size_t i = 0; i < a->category_count; i++) {
		if (strcmp(a->categories[i].name, e->section) == 0) {
			ini_error_at(&at, "[%s] is here twice", e->section);
			return;
		}
	}
	name = allowlist_keep(a, span_str(e->section));
	grown = array_grow(a->categories, a->category_count, &a->category_cap,
	    sizeof(*a->categories));
	if (name == NULL || grown == NULL) {
		ini_error_at(&at, "out of memory");
		return;
	}
	a->categories = grown;
	a->categories[a->category_count++] =
	    (struct allowlist_category){.name = name};
	r->open = true;
	r->line = e->line;
	r->has_probe = false;
}

static void
feature_unknown(const struct ini_place *at, struct span word)
{
	struct nearest n = nearest_to(word);

	for (unsigned bit = 1; bit < FEATURE_ALL; bit <<= 1)
		nearest_try(&n, feature_name(bit));
	ini_error_at(at,
	    "unknown feature \"%.*s\"%s%s%s: admission, runtime, "
	    "vulnerability-scan, artifact-scanner, telemetry or images",
	    SPAN_ARG(word), n.best ? " (did you mean " : "",
	    n.best ? n.best : "", n.best ? "?)" : "");
}

/* Takes the next word off a comma separated list. */
static bool
next_word(struct span *rest, struct span *word)
{
	const char *comma;

	if (rest->ptr == NULL)
		return false;
	comma = memchr(rest->ptr, ',', rest->len);
	*word = *rest;
	if (comma != NULL)
		word->len = (size_t)(comma - rest->ptr);
	*rest = comma != NULL ? span_of(comma + 1, rest->len - word->len - 1)
			      : span_of(NULL, 0);
	while (word->len > 0 && strchr(" \t", word->ptr[0]) != NULL)
		*word = span_of(word->ptr + 1, word->len - 1);
	while (word->len > 0 && strchr(" \t", word->ptr[word->len - 1]) != NULL)
		word->len--;
	return true;
}

static void
read_features(struct category_reader *r, const struct ini_entry *e)
{
	struct ini_place at = reader_place(r, e->line);
	struct span rest = span_str(e->value), word;

	while (next_word(&rest, &word)) {
		unsigned bit = feature_from_name(word);

		if (bit == 0)
			feature_unknown(&at, word);
		current(r)->features |= bit;
	}
}

static void
read_probe(struct category_reader *r, const struct ini_entry *e)
{
	static const char file_word[] = "json-file ";
	struct ini_place at = reader_place(r, e->line);
	struct allowlist_category *c = current(r);
	const char *path = e->value + sizeof(file_word) - 1;

	r->has_probe = true;
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		if (strcmp(e->value, probes[i].name) == 0) {
			c->probe = probes[i].kind;
			return;
		}
	}
	if (strncmp(e->value, file_word, sizeof(file_word) - 1) == 0 &&
	    path[0] == '/' && strpbrk(path, " \t") == NULL) {
		c->probe = PROBE_JSON_FILE;
		c->probe_path = allowlist_keep(r->list, span_str(path));
		if (c->probe_path == NULL)
			ini_error_at(&at, "out of memory");
		return;
	}
	ini_error_at(&at,
	    "probe = %s: json-api, s3, registry, tls or json-file /path",
	    e->value);
}

static void
read_text(struct category_reader *r, const struct ini_entry *e, size_t key)
{
	struct ini_place at = reader_place(r, e->line);
	const char **field = text_field(current(r), key);

	if (*field != NULL) {
		ini_error_at(&at, "%s is here twice", e->key);
		return;
	}
	*field = allowlist_keep(r->list, span_str(e->value));
	if (*field == NULL)
		ini_error_at(&at, "out of memory");
}

static void
key_unknown(const struct ini_place *at, const char *key)
{
	struct nearest n = nearest_to(span_str(key));

	for (size_t i = 0; i < TEXT_KEYS; i++)
		nearest_try(&n, text_keys[i]);
	nearest_try(&n, "features");
	nearest_try(&n, "probe");
	ini_error_at(at,
	    "unknown key %s%s%s%s: a category has title_en, title_ja, "
	    "features, consequence_en, consequence_ja and probe",
	    key, n.best ? " (did you mean " : "", n.best ? n.best : "",
	    n.best ? "?)" : "");
}

static void
read_key(struct category_reader *r, const struct ini_entry *e)
{
	struct ini_place at = reader_place(r, e->line);

	if (e->section[0] == '\0')
		ini_error_at(
		    &at, "%s stands before the first [category]", e->key);
	if (!r->open)
		return; /* the section line was an error */
	if (e->value[0] == '\0') {
		ini_error_at(&at, "%s has no value", e->key);
		return;
	}
	for (size_t i = 0; i < TEXT_KEYS; i++) {
		if (strcmp(e->key, text_keys[i]) == 0) {
			read_text(r, e, i);
			return;
		}
	}
	if (strcmp(e->key, "features") == 0)
		read_features(r, e);
	else if (strcmp(e->key, "probe") != 0)
		key_unknown(&at, e->key);
	else if (r->has_probe)
		ini_error_at(&at, "probe is here twice");
	else
		read_probe(r, e);
}

static bool
on_entry(void *arg, const struct ini_entry *e)
{
	struct category_reader *r = arg;

	if (e->key == NULL)
		section_begin(r, e);
	else
		read_key(r, e);
	return true; /* errors are counted where they are told */
}

bool
category_read(struct allowlist *a, const struct list_source *src,
    allowlist_error_fn error, void *arg)
{
	struct category_reader r = {.list = a,
	    .file = src->file.name,
	    .error = error,
	    .arg = arg,
	    .ok = true};
	bool text_ok = ini_parse_text(r.file,
	    span_of(src->file.text, src->file.len), on_entry, reader_error, &r);

	section_end(&r);
	if (r.ok && a->category_count == 0) {
		struct ini_place at = reader_place(&r, 0);

		ini_error_at(&at, "holds no [category]");
	}
	return text_ok && r.ok;
}
