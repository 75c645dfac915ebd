/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration as a file that loads to the same. Every line fits what the
 * INI reader takes: long lists go on in repeated keys, long sources are cut. */
#include <stdio.h>
#include <string.h>

#include "config_table.h"
#include "core/ca_bundle.h"
#include "core/ini.h"

enum {
	VALUE_MAX = CONFIG_TEXT_MAX + 8, /* one item, "unix:" before it */
	SOURCE_MAX = 100,
	SOURCE_TEXT_MAX = SOURCE_MAX + 32,
	SHOWN_MAX = 1024, /* of a value in config_show() */
	/* Room for several items in a line, beside the longest key. */
	LINE_VALUE_MAX = INI_LINE_MAX - 20,
};

_Static_assert(VALUE_MAX <= LINE_VALUE_MAX, "an item fits a line");

static const char *
fallback_text(const struct config_key *key)
{
	return key->fallback != NULL ? key->fallback : "(required)";
}

/* Where it was set; the end of a long path says more than its beginning. In
 * ASCII, as a path may hold bytes that a configuration file may not. */
static void
add_source(struct text *t, const struct config_slot *slot)
{
	const struct config_record *r = slot->first;
	size_t len;

	if (r == NULL) {
		text_str(t, "default");
		return;
	}
	len = strlen(r->where);
	if (len > SOURCE_MAX)
		text_str(t, "...");
	for (const char *p = len > SOURCE_MAX ? r->where + len - SOURCE_MAX
					      : r->where;
	     *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		text_char(t, (char)(c < 0x20 || c >= 0x7f ? '?' : *p));
	}
	text_str(t, r == slot->last ? "" : " and more");
}

static void
dump_value(const struct config_key *key, const void *field, FILE *out)
{
	char buf[VALUE_MAX];
	size_t used = 0;

	for (size_t i = 0;; i++) {
		struct text t = text_in(buf, sizeof(buf));

		if (!key->type->format(key, field, i, &t)) {
			if (i == 0)
				(void)fprintf(
				    out, "%s = %s", key->name, key->word);
			break;
		}
		if (i > 0 && used + 2 + t.len <= LINE_VALUE_MAX) {
			(void)fputs(", ", out);
			used += 2;
		} else {
			(void)fprintf(
			    out, "%s%s = ", i > 0 ? "\n" : "", key->name);
			used = 0;
		}
		(void)fwrite(t.buf, 1, t.len, out);
		used += t.len;
		if (!key->type->list)
			break;
	}
	(void)fputc('\n', out);
}

/* A key in one of its places. */
struct place {
	const struct config_key *key;
	const struct config *config;
	const struct config_named *named; /* NULL: its section has no name */
};

static const void *
place_field(const struct place *p)
{
	const char *base = (const void *)p->config;

	if (p->named != NULL)
		base = (const void *)p->named;
	return base + p->key->offset;
}

typedef void (*place_fn)(void *arg, const struct place *p);

/* A unix listener has no clients to judge, and the key would be refused. */
static bool
is_left_out(const struct config_key *key, const struct config_named *named)
{
	return named != NULL && config_kind_of(key) == &config_listener_kind &&
	       ((const struct config_listener *)(const void *)named)
		       ->unix_path != NULL &&
	       strcmp(key->name, "clients") == 0;
}

static void
each_of_section(size_t first, const struct config *c,
    const struct config_named *named, place_fn fn, void *arg)
{
	const char *section = config_table[first].section;

	for (size_t i = first; i < config_table_count &&
			       strcmp(config_table[i].section, section) == 0;
	     i++) {
		const struct place p = {&config_table[i], c, named};

		if (!is_left_out(p.key, named))
			fn(arg, &p);
	}
}

/* Every key that is in force, in the order of a file. */
static void
each_place(const struct config *c, place_fn fn, void *arg)
{
	const struct config_kind *kind;
	const char *before = "";

	for (size_t i = 0; i < config_table_count; i++) {
		const char *section = config_table[i].section;

		if (strcmp(section, before) == 0)
			continue;
		before = section;
		kind = config_kind_of(&config_table[i]);
		if (kind == NULL) {
			each_of_section(i, c, NULL, fn, arg);
			continue;
		}
		for (size_t n = 0; n < config_kind_count(kind, c); n++)
			each_of_section(
			    i, c, config_kind_at(kind, c, n), fn, arg);
	}
}

/* --- as a file --------------------------------------------------------------
 */

struct dump {
	FILE *out;
	const char *section; /* the one that is open */
	const struct config_named *named;
};

static void
dump_section(struct dump *d, const struct place *p)
{
	bool same = d->section != NULL && d->named == p->named &&
		    strcmp(d->section, p->key->section) == 0;

	d->section = p->key->section;
	d->named = p->named;
	if (!same)
		(void)fprintf(d->out, "\n[%s%s%s]\n", d->section,
		    d->named != NULL ? " " : "",
		    d->named != NULL ? d->named->name : "");
}

static void
dump_key(void *arg, const struct place *p)
{
	struct dump *d = arg;
	char expected[CONFIG_EXPECT_MAX + 1], source[SOURCE_TEXT_MAX];
	struct text t = text_in(source, sizeof(source));

	dump_section(d, p);
	add_source(&t, config_slot_of(p->key, p->config, p->named));
	(void)fprintf(d->out,
	    "\n; %s\n; accepted: %s\n; default: %s\n; source: %s\n",
	    p->key->help, config_expect(p->key, expected),
	    fallback_text(p->key), text_end(&t));
	dump_value(p->key, place_field(p), d->out);
}

void
config_dump(const struct config *c, FILE *out)
{
	struct dump d = {.out = out};

	(void)fprintf(out, "; sekisho-proxy %s, effective configuration\n",
	    SEKISHO_VERSION);
	each_place(c, dump_key, &d);
}

/* --- key by key -------------------------------------------------------------
 */

struct show {
	config_shown_fn fn;
	void *arg;
};

static void
add_value(struct text *t, const struct place *p)
{
	const struct config_type *type = p->key->type;

	for (size_t i = 0; !t->cut; i++) {
		size_t before = t->len;

		text_str(t, i > 0 ? ", " : "");
		if (!type->format(p->key, place_field(p), i, t)) {
			t->len = before;
			if (i == 0)
				text_str(t, p->key->word);
			return;
		}
		if (!type->list)
			return;
	}
	t->len = t->cap - sizeof("...");
	text_str(t, "...");
}

static void
show_key(void *arg, const struct place *p)
{
	const struct show *s = arg;
	char value[SHOWN_MAX], source[SOURCE_TEXT_MAX],
	    key[CONFIG_KEY_TEXT_MAX + 1];
	struct text v = text_in(value, sizeof(value));
	struct text from = text_in(source, sizeof(source));

	add_value(&v, p);
	add_source(&from, config_slot_of(p->key, p->config, p->named));
	s->fn(s->arg, &(struct config_shown){
			  .key = config_key_text(p->key, p->named, key),
			  .value = text_end(&v),
			  .fallback = fallback_text(p->key),
			  .source = text_end(&from),
			  .help = p->key->help,
			  .restart = p->key->restart});
}

void
config_show(const struct config *c, config_shown_fn fn, void *arg)
{
	struct show s = {fn, arg};

	each_place(c, show_key, &s);
}

/* --- files ------------------------------------------------------------------
 */

struct show_paths {
	config_path_fn fn;
	void *arg;
};

static void
show_paths(void *arg, const struct place *p)
{
	const struct show_paths *s = arg;
	const struct config_type *type = p->key->type;
	char value[VALUE_MAX], key[CONFIG_KEY_TEXT_MAX + 1];

	if (type != &config_path && type != &config_paths)
		return;
	for (size_t i = 0; i == 0 || type->list; i++) {
		struct text t = text_in(value, sizeof(value));

		if (!type->format(p->key, place_field(p), i, &t))
			return;
		s->fn(s->arg, config_key_text(p->key, p->named, key),
		    text_end(&t));
	}
}

void
config_show_paths(const struct config *c, config_path_fn fn, void *arg)
{
	struct show_paths s = {fn, arg};
	const char *bundle = ca_bundle_find();

	each_place(c, show_paths, &s);
	/* What the key's default stands for. */
	if (c->upstream.parent.tls && c->upstream.parent_ca_file == NULL &&
	    bundle != NULL)
		fn(arg, "upstream.parent_ca_file", bundle);
}

/* --- the table itself -------------------------------------------------------
 */

void
config_keys(FILE *out)
{
	char expected[CONFIG_EXPECT_MAX + 1];

	for (size_t i = 0; i < config_table_count; i++) {
		const struct config_key *key = &config_table[i];

		(void)fprintf(out, "%s%s.%s\t%s\t%s\t%s\t%s\n", key->section,
		    config_key_is_named(key) ? " NAME" : "", key->name,
		    fallback_text(key), key->restart ? "restart" : "reloadable",
		    config_expect(key, expected), key->help);
	}
}
