/* SPDX-License-Identifier: Apache-2.0 */
#include "config_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	ERROR_MAX = 1024, /* longer messages are cut */
};

void *
config_field(
    const struct config_key *key, struct config *c, struct config_named *named)
{
	char *base = (void *)c;

	if (config_key_is_named(key))
		base = (void *)named;
	return base + key->offset;
}

const struct config_kind *
config_kind_of(const struct config_key *key)
{
	static const struct config_kind *const kinds[] = {
	    &config_listener_kind, &config_host_kind};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(key->section, kinds[i]->section) == 0)
			return kinds[i];
	}
	return NULL;
}

size_t
config_kind_count(const struct config_kind *kind, const struct config *c)
{
	size_t count;

	memcpy(
	    &count, (const char *)(const void *)c + kind->count, sizeof(count));
	return count;
}

struct config_named *
config_kind_at(const struct config_kind *kind, const struct config *c, size_t i)
{
	char *items;

	memcpy(
	    &items, (const char *)(const void *)c + kind->items, sizeof(items));
	return (struct config_named *)(void *)(items + i * kind->size);
}

struct config_named *
config_kind_find(
    const struct config_kind *kind, const struct config *c, const char *name)
{
	for (size_t i = 0; i < config_kind_count(kind, c); i++) {
		struct config_named *n = config_kind_at(kind, c, i);

		if (strcmp(n->name, name) == 0)
			return n;
	}
	return NULL;
}

const struct config_key *
config_key_find(struct span section, struct span name)
{
	for (size_t i = 0; i < config_table_count; i++) {
		if (span_is(section, config_table[i].section) &&
		    span_is(name, config_table[i].name))
			return &config_table[i];
	}
	return NULL;
}

const char *
config_key_text(
    const struct config_key *key, const struct config_named *named, char *buf)
{
	struct text t = text_in(buf, CONFIG_KEY_TEXT_MAX + 1);

	text_str(&t, key->section);
	if (named != NULL) {
		text_char(&t, ' ');
		text_str(&t, named->name);
	}
	text_char(&t, '.');
	text_str(&t, key->name);
	return text_end(&t);
}

const char *
config_expect(const struct config_key *key, char *buf)
{
	struct text t = text_in(buf, CONFIG_EXPECT_MAX + 1);

	key->type->expect(key, &t);
	return text_end(&t);
}

const struct config_slot *
config_slot_of(const struct config_key *key, const struct config *c,
    const struct config_named *named)
{
	const struct config_slot *slots =
	    config_key_is_named(key) ? named->slots : c->slots;

	return &slots[key - config_table];
}

static void
report_text(struct config_report *r, char *text)
{
	for (char *p = text; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c == 0x7f)
			*p = '?';
	}
	r->count++;
	r->fn(r->arg, text);
}

void
config_report(struct config_report *r, const char *format, ...)
{
	char text[ERROR_MAX];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	report_text(r, text);
}

void
config_report_key(struct config_report *r, const struct config_record *at,
    const char *key, const char *format, ...)
{
	char text[ERROR_MAX];
	int len;
	va_list ap;

	if (at == NULL)
		len = snprintf(text, sizeof(text), "%s: ", key);
	else if (!at->option)
		len = snprintf(text, sizeof(text), "%s: %s: ", at->where, key);
	else if (strcmp(at->where, "--set") == 0)
		len = snprintf(text, sizeof(text), "--set %s: ", key);
	else
		len = snprintf(text, sizeof(text), "%s: ", at->where);
	if (len < 0 || (size_t)len >= sizeof(text))
		len = (int)sizeof(text) - 1;
	va_start(ap, format);
	(void)vsnprintf(text + len, sizeof(text) - (size_t)len, format, ap);
	va_end(ap);
	report_text(r, text);
}

struct span
config_trim(struct span text)
{
	while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
		text = span_of(text.ptr + 1, text.len - 1);
	while (text.len > 0 && (text.ptr[text.len - 1] == ' ' ||
				   text.ptr[text.len - 1] == '\t'))
		text.len--;
	return text;
}

bool
config_item_next(struct span *rest, struct span *item)
{
	const char *comma;

	if (rest->ptr == NULL)
		return false;
	comma = rest->len > 0 ? memchr(rest->ptr, ',', rest->len) : NULL;
	if (comma == NULL) {
		*item = config_trim(*rest);
		*rest = span_of(NULL, 0);
		return true;
	}
	*item = config_trim(span_of(rest->ptr, (size_t)(comma - rest->ptr)));
	*rest = span_of(comma + 1, (size_t)(rest->ptr + rest->len - comma - 1));
	return true;
}
