/* SPDX-License-Identifier: Apache-2.0
 *
 * What a reload cannot change. */
#include "config_table.h"

enum {
	VALUE_MAX = CONFIG_TEXT_MAX + 8,
};

/* Item i of both: false when one has it and the other has not, or they differ;
 * *more: both have it. */
static bool
same_item(const struct config_key *key, const void *a, const void *b, size_t i,
    bool *more)
{
	char x[VALUE_MAX], y[VALUE_MAX];
	struct text s = text_in(x, sizeof(x)), t = text_in(y, sizeof(y));
	bool has_a = key->type->format(key, a, i, &s);
	bool has_b = key->type->format(key, b, i, &t);

	*more = has_a && has_b && key->type->list;
	return has_a == has_b &&
	       (!has_a || span_equal(span_of(x, s.len), span_of(y, t.len)));
}

static bool
same_value(const struct config_key *key, const void *a, const void *b)
{
	bool more = true, same = true;

	for (size_t i = 0; same && more; i++)
		same = same_item(key, a, b, i, &more);
	return same;
}

size_t
config_restart_keys(const struct config *running, const struct config *next,
    config_error_fn fn, void *arg)
{
	char text[CONFIG_KEY_TEXT_MAX + 1];
	size_t count = 0;

	for (size_t i = 0; i < config_table_count; i++) {
		const struct config_key *key = &config_table[i];
		const char *a = (const void *)running, *b = (const void *)next;

		if (!key->restart || config_key_is_named(key) ||
		    same_value(key, a + key->offset, b + key->offset))
			continue;
		fn(arg, config_key_text(key, NULL, text));
		count++;
	}
	return count;
}
