/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration as a file that loads to the same. Every line fits what the
 * INI reader takes: long lists go on in repeated keys, long sources are cut. */
#include <stdio.h>
#include <string.h>

#include "config_table.h"
#include "core/ini.h"

enum {
	VALUE_MAX = CONFIG_TEXT_MAX + 8, /* one item, "unix:" before it */
	SOURCE_MAX = 100,
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
dump_source(const struct config_slot *slot, FILE *out)
{
	const struct config_record *r = slot->first;
	size_t len;

	if (r == NULL) {
		(void)fputs("; source: default\n", out);
		return;
	}
	(void)fputs("; source: ", out);
	len = strlen(r->where);
	if (len > SOURCE_MAX)
		(void)fputs("...", out);
	for (const char *p = len > SOURCE_MAX ? r->where + len - SOURCE_MAX
					      : r->where;
	     *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		(void)fputc(c < 0x20 || c >= 0x7f ? '?' : c, out);
	}
	(void)fputs(r == slot->last ? "\n" : " and more\n", out);
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

static void
dump_key(const struct config_key *key, const struct config *c,
    const struct config_listener *listener, FILE *out)
{
	const char *base = (const void *)c;
	char expected[CONFIG_EXPECT_MAX + 1];

	if (listener != NULL)
		base = (const void *)listener;
	(void)fprintf(out, "\n; %s\n; accepted: %s\n; default: %s\n", key->help,
	    config_expect(key, expected), fallback_text(key));
	dump_source(config_slot_of(key, c, listener), out);
	dump_value(key, base + key->offset, out);
}

/* A unix listener has no clients to judge, and the key would be refused. */
static bool
is_left_out(const struct config_key *key, const struct config_listener *l)
{
	return l != NULL && l->unix_path != NULL &&
	       strcmp(key->name, "clients") == 0;
}

static void
dump_section(size_t first, const struct config *c,
    const struct config_listener *listener, FILE *out)
{
	const char *section = config_table[first].section;

	(void)fprintf(out, "\n[%s%s%s]\n", section, listener != NULL ? " " : "",
	    listener != NULL ? listener->name : "");
	for (size_t i = first; i < config_table_count &&
			       strcmp(config_table[i].section, section) == 0;
	     i++) {
		const struct config_key *key = &config_table[i];

		if (key->type != NULL && !is_left_out(key, listener))
			dump_key(key, c, listener, out);
	}
}

void
config_dump(const struct config *c, FILE *out)
{
	const char *before = "";

	(void)fprintf(out, "; sekisho-proxy %s, effective configuration\n",
	    SEKISHO_VERSION);
	for (size_t i = 0; i < config_table_count; i++) {
		const char *section = config_table[i].section;

		if (strcmp(section, before) == 0 ||
		    config_table[i].type == NULL)
			continue;
		before = section;
		if (!config_key_is_named(&config_table[i])) {
			dump_section(i, c, NULL, out);
			continue;
		}
		for (size_t n = 0; n < c->listener_count; n++)
			dump_section(i, c, &c->listeners[n], out);
	}
}

void
config_keys(FILE *out)
{
	char expected[CONFIG_EXPECT_MAX + 1];

	for (size_t i = 0; i < config_table_count; i++) {
		const struct config_key *key = &config_table[i];

		if (key->type == NULL)
			continue;
		(void)fprintf(out, "%s%s.%s\t%s\t%s\t%s\t%s\n", key->section,
		    config_key_is_named(key) ? " NAME" : "", key->name,
		    fallback_text(key), key->restart ? "restart" : "reloadable",
		    config_expect(key, expected), key->help);
	}
}
