/* SPDX-License-Identifier: Apache-2.0
 *
 * Types whose values are text: paths, names, and lists of them. What cannot
 * stand in an INI line is refused from the command line too, so that
 * --dump-config can always be read back. */
#include <stdio.h>
#include <string.h>

#include "config_table.h"
#include "core/allowlist.h"
#include "core/ini.h"

enum {
	FEATURE_COUNT = 6,
};

static bool
plain_entry(void *arg, const struct ini_entry *e)
{
	const char *text = arg;

	return e->key == NULL || strcmp(e->value, text) == 0;
}

static void
plain_error(void *arg, const char *text)
{
	(void)arg;
	(void)text;
}

bool
config_text_is_plain(struct span text)
{
	char value[CONFIG_TEXT_MAX + 1], ini[CONFIG_TEXT_MAX + 16];
	int len;

	if (text.len == 0 || text.len > CONFIG_TEXT_MAX ||
	    memchr(text.ptr, '\n', text.len) != NULL)
		return false;
	memcpy(value, text.ptr, text.len);
	value[text.len] = '\0';
	len = snprintf(ini, sizeof(ini), "[s]\nk = %s\n", value);
	return ini_parse_text(
	    "", span_of(ini, (size_t)len), plain_entry, plain_error, value);
}

/* Letters, digits, '-', '_' and '.', not in front. */
static bool
is_name(struct span text)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-.";

	if (text.len == 0 || text.len > CONFIG_NAME_MAX || text.ptr[0] == '-' ||
	    text.ptr[0] == '.')
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (memchr(chars, text.ptr[i], sizeof(chars) - 1) == NULL)
			return false;
	}
	return true;
}

/* Stores a copy, or NULL for the key's word. */
static bool
text_store(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	char **value = field;

	*value = NULL;
	if (key->word == NULL || !span_is(text, key->word))
		*value = config_memory_text(m, text);
	return true;
}

static bool
text_format(
    const struct config_key *key, const void *field, size_t i, struct text *out)
{
	char *const *value = field;

	(void)key;
	if (i > 0 || *value == NULL)
		return false;
	text_str(out, *value);
	return true;
}

static void
word_or(const struct config_key *key, const char *what, struct text *out)
{
	if (key->word != NULL) {
		text_str(out, key->word);
		text_str(out, ", or ");
	}
	text_str(out, what);
}

static bool
path_parse(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	return config_text_is_plain(text) && text_store(key, text, field, m);
}

static void
path_expect(const struct config_key *key, struct text *out)
{
	word_or(key, "a path of at most 160 bytes", out);
}

const struct config_type config_path = {
    .parse = path_parse,
    .format = text_format,
    .expect = path_expect,
};

static bool
user_parse(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	return is_name(text) && text_store(key, text, field, m);
}

static void
user_expect(const struct config_key *key, struct text *out)
{
	word_or(key, "a user's name or number", out);
}

const struct config_type config_user = {
    .parse = user_parse,
    .format = text_format,
    .expect = user_expect,
};

/* A slash tells a path from a mistyped "stdout". */
static bool
log_target_parse(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	if (!span_is(text, "stdout") && !span_is(text, "off") &&
	    (!config_text_is_plain(text) ||
		memchr(text.ptr, '/', text.len) == NULL))
		return false;
	return text_store(key, text, field, m);
}

static void
log_target_expect(const struct config_key *key, struct text *out)
{
	word_or(key, "stdout, off, or a path with a slash in it", out);
}

const struct config_type config_log_target = {
    .parse = log_target_parse,
    .format = text_format,
    .expect = log_target_expect,
};

/* Appends, unless it is there already: a set, not a sequence. */
static bool
strings_add(
    struct config_strings *list, struct span item, struct config_memory *m)
{
	char **grown;
	char *copy;

	for (size_t i = 0; i < list->count; i++) {
		if (span_is(item, list->items[i]))
			return true;
	}
	grown = config_memory_grow(
	    m, list->items, list->count, sizeof(*list->items));
	copy = config_memory_text(m, item);
	if (grown != NULL && copy != NULL) {
		grown[list->count++] = copy;
		list->items = grown;
	}
	return true;
}

static bool
strings_format(
    const struct config_key *key, const void *field, size_t i, struct text *out)
{
	const struct config_strings *list = field;

	(void)key;
	if (i >= list->count)
		return false;
	text_str(out, list->items[i]);
	return true;
}

static bool
names_parse(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	(void)key;
	return is_name(text) && strings_add(field, text, m);
}

static void
names_expect(const struct config_key *key, struct text *out)
{
	word_or(key, "names", out);
}

static bool
hosts_parse(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	struct hostname name;

	(void)key;
	return hostname_parse(&name, text) == HOSTNAME_NAME &&
	       strings_add(field, span_of(name.text, name.len), m);
}

static void
hosts_expect(const struct config_key *key, struct text *out)
{
	word_or(key, "host names", out);
}

const struct config_type config_hosts = {
    .list = true,
    .parse = hosts_parse,
    .format = strings_format,
    .expect = hosts_expect,
};

const struct config_type config_names = {
    .list = true,
    .parse = names_parse,
    .format = strings_format,
    .expect = names_expect,
};

static bool
paths_parse(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	(void)key;
	return config_text_is_plain(text) && strings_add(field, text, m);
}

static void
paths_expect(const struct config_key *key, struct text *out)
{
	word_or(key, "paths of at most 160 bytes", out);
}

const struct config_type config_paths = {
    .list = true,
    .parse = paths_parse,
    .format = strings_format,
    .expect = paths_expect,
};

static void
regions_expect(const struct config_key *key, struct text *out)
{
	word_or(key, "region codes such as us-1", out);
}

const struct config_type config_regions = {
    .list = true,
    .word_is_item = true,
    .parse = names_parse, /* the lists know which regions there are */
    .format = strings_format,
    .expect = regions_expect,
};

static bool
features_parse(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	unsigned *value = field;
	unsigned bits = span_is(text, key->word) ? (unsigned)FEATURE_ALL
						 : feature_from_name(text);

	(void)m;
	*value |= bits;
	return bits != 0;
}

/* Item i of all that are selected; none of those when all are. */
static bool
features_format(
    const struct config_key *key, const void *field, size_t i, struct text *out)
{
	const unsigned *value = field;

	(void)key;
	if (*value == FEATURE_ALL)
		return false;
	for (unsigned n = 0; n < FEATURE_COUNT; n++) {
		unsigned bit = 1U << n;

		if ((*value & bit) != 0 && i-- == 0) {
			text_str(out, feature_name(bit));
			return true;
		}
	}
	return false;
}

static void
features_expect(const struct config_key *key, struct text *out)
{
	text_str(out, key->word);
	for (unsigned n = 0; n < FEATURE_COUNT; n++) {
		text_str(out, n + 1 == FEATURE_COUNT ? " or " : ", ");
		text_str(out, feature_name(1U << n));
	}
}

const struct config_type config_features = {
    .list = true,
    .word_is_item = true,
    .parse = features_parse,
    .format = features_format,
    .expect = features_expect,
};
