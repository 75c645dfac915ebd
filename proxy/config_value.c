/* SPDX-License-Identifier: Apache-2.0
 *
 * Types of single values. One spelling each: "+5", "05", "5 s" and "5S" are no
 * numbers here. */
#include <string.h>

#include "config_table.h"

enum {
	DIGITS_MAX = 9, /* so that no product below can overflow */
	MS_PER_S = 1000,
};

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit time_units[] = {
    {"h", UINT64_C(3600) * MS_PER_S},
    {"m", UINT64_C(60) * MS_PER_S},
    {"s", MS_PER_S},
    {"ms", 1},
    {NULL, 0},
};

static const struct unit size_units[] = {
    {"m", UINT64_C(1024) * 1024},
    {"k", 1024},
    {NULL, 0},
};

static bool
is_word(const struct config_key *key, struct span text)
{
	return key->word != NULL && span_is(text, key->word);
}

/* Cuts leading digits from *text. */
static bool
number_take(struct span *text, uint64_t *out)
{
	uint64_t n = 0;
	size_t i = 0;

	while (i < text->len && text->ptr[i] >= '0' && text->ptr[i] <= '9') {
		if (i == DIGITS_MAX)
			return false;
		n = n * 10 + (uint64_t)(text->ptr[i] - '0');
		i++;
	}
	if (i == 0 || (i > 1 && text->ptr[0] == '0'))
		return false;
	*text = span_of(text->ptr + i, text->len - i);
	*out = n;
	return true;
}

/* A number with a unit, within the key's range; 0 may stand alone. */
static bool
quantity_parse(const struct config_key *key, const struct unit *units,
    struct span text, uint64_t *out)
{
	uint64_t n;

	if (!number_take(&text, &n))
		return false;
	while (units->name != NULL && !span_is(text, units->name))
		units++;
	if (units->name != NULL)
		n *= units->factor;
	else if (n != 0 || text.len != 0)
		return false;
	if (n < key->min || n > key->max)
		return false;
	*out = n;
	return true;
}

/* In the largest unit that needs no fraction. */
static void
quantity_write(struct text *out, const struct unit *units, uint64_t n)
{
	if (n != 0) {
		while (units->name != NULL && n % units->factor != 0)
			units++;
	}
	if (n == 0 || units->name == NULL) {
		text_u64(out, n);
		return;
	}
	text_u64(out, n / units->factor);
	text_str(out, units->name);
}

static void
range_write(
    const struct config_key *key, const struct unit *units, struct text *out)
{
	quantity_write(out, units, key->min);
	text_str(out, " to ");
	quantity_write(out, units, key->max);
}

/* on, off */

static bool
flag_parse(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	bool *value = field;

	(void)key;
	(void)m;
	if (!span_is(text, "on") && !span_is(text, "off"))
		return false;
	*value = span_is(text, "on");
	return true;
}

static bool
flag_format(
    const struct config_key *key, const void *field, size_t i, struct text *out)
{
	const bool *value = field;

	(void)key;
	text_str(out, *value ? "on" : "off");
	return i == 0;
}

static void
flag_expect(const struct config_key *key, struct text *out)
{
	(void)key;
	text_str(out, "on or off");
}

const struct config_type config_flag = {
    .parse = flag_parse,
    .format = flag_format,
    .expect = flag_expect,
};

/* Numbers; the key's word is 0 */

static bool
count_parse(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	unsigned *value = field;
	uint64_t n;

	(void)m;
	if (is_word(key, text)) {
		*value = 0;
		return true;
	}
	if (!number_take(&text, &n) || text.len != 0 || n < key->min ||
	    n > key->max)
		return false;
	*value = (unsigned)n;
	return true;
}

static bool
count_format(
    const struct config_key *key, const void *field, size_t i, struct text *out)
{
	const unsigned *value = field;

	if (i > 0 || (*value == 0 && key->word != NULL))
		return false;
	text_u64(out, *value);
	return true;
}

static void
count_expect(const struct config_key *key, struct text *out)
{
	if (key->word != NULL) {
		text_str(out, key->word);
		text_str(out, ", or ");
	}
	text_str(out, "a number from ");
	text_u64(out, key->min);
	text_str(out, " to ");
	text_u64(out, key->max);
}

const struct config_type config_count = {
    .parse = count_parse,
    .format = count_format,
    .expect = count_expect,
};

/* Durations, kept in milliseconds; the key's word is 0 */

static bool
millis_parse(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	uint32_t *value = field;
	uint64_t n = 0;

	(void)m;
	if (!is_word(key, text) && !quantity_parse(key, time_units, text, &n))
		return false;
	*value = (uint32_t)n;
	return true;
}

static bool
millis_format(
    const struct config_key *key, const void *field, size_t i, struct text *out)
{
	const uint32_t *value = field;

	if (i > 0 || (*value == 0 && key->word != NULL))
		return false;
	quantity_write(out, time_units, *value);
	return true;
}

static void
millis_expect(const struct config_key *key, struct text *out)
{
	if (key->word != NULL) {
		text_str(out, key->word);
		text_str(out, ", or ");
	}
	text_str(out, "a duration from ");
	range_write(key, time_units, out);
	text_str(out, ", such as 250ms, 5s, 35m or 1h");
}

const struct config_type config_millis = {
    .parse = millis_parse,
    .format = millis_format,
    .expect = millis_expect,
};

/* Durations, kept in seconds */

static bool
seconds_parse(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	uint32_t *value = field;
	uint64_t n;

	(void)m;
	if (!quantity_parse(key, time_units, text, &n) || n % MS_PER_S != 0)
		return false;
	*value = (uint32_t)(n / MS_PER_S);
	return true;
}

static bool
seconds_format(
    const struct config_key *key, const void *field, size_t i, struct text *out)
{
	const uint32_t *value = field;

	(void)key;
	quantity_write(out, time_units, (uint64_t)*value * MS_PER_S);
	return i == 0;
}

static void
seconds_expect(const struct config_key *key, struct text *out)
{
	text_str(out, "whole seconds from ");
	range_write(key, time_units, out);
	text_str(out, ", such as 5s, 35m or 1h");
}

const struct config_type config_seconds = {
    .parse = seconds_parse,
    .format = seconds_format,
    .expect = seconds_expect,
};

/* Sizes, kept in bytes */

static bool
size_parse(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	uint32_t *value = field;
	uint64_t n;

	(void)m;
	if (!quantity_parse(key, size_units, text, &n))
		return false;
	*value = (uint32_t)n;
	return true;
}

static bool
size_format(
    const struct config_key *key, const void *field, size_t i, struct text *out)
{
	const uint32_t *value = field;

	(void)key;
	quantity_write(out, size_units, *value);
	return i == 0;
}

static void
size_expect(const struct config_key *key, struct text *out)
{
	text_str(out, "a size from ");
	range_write(key, size_units, out);
}

const struct config_type config_size = {
    .parse = size_parse,
    .format = size_format,
    .expect = size_expect,
};

/* One of a few words; every enum here has the size of unsigned */

static bool
choice_parse(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	unsigned *value = field;

	(void)m;
	for (const struct config_word *w = key->words; w->name != NULL; w++) {
		if (span_is(text, w->name)) {
			*value = w->value;
			return true;
		}
	}
	return false;
}

static bool
choice_format(
    const struct config_key *key, const void *field, size_t i, struct text *out)
{
	const unsigned *value = field;
	const struct config_word *w = key->words;

	while (w->name != NULL && w->value != *value)
		w++;
	if (i > 0 || w->name == NULL)
		return false;
	text_str(out, w->name);
	return true;
}

static void
choice_expect(const struct config_key *key, struct text *out)
{
	const struct config_word *w = key->words;

	for (; w->name != NULL; w++) {
		if (w != key->words)
			text_str(out, w[1].name == NULL ? " or " : ", ");
		text_str(out, w->name);
	}
}

const struct config_type config_choice = {
    .parse = choice_parse,
    .format = choice_format,
    .expect = choice_expect,
};

/* Some of a few words */

static bool
bits_parse(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	unsigned *value = field;

	(void)m;
	for (const struct config_word *w = key->words; w->name != NULL; w++) {
		if (span_is(text, w->name)) {
			*value |= w->value;
			return true;
		}
	}
	return false;
}

/* Item i of those that are set. */
static bool
bits_format(
    const struct config_key *key, const void *field, size_t i, struct text *out)
{
	const unsigned *value = field;

	for (const struct config_word *w = key->words; w->name != NULL; w++) {
		if ((*value & w->value) != 0 && i-- == 0) {
			text_str(out, w->name);
			return true;
		}
	}
	return false;
}

static void
bits_expect(const struct config_key *key, struct text *out)
{
	text_str(out, "any of ");
	for (const struct config_word *w = key->words; w->name != NULL; w++) {
		if (w != key->words)
			text_str(out, ", ");
		text_str(out, w->name);
	}
}

const struct config_type config_bits = {
    .list = true,
    .parse = bits_parse,
    .format = bits_format,
    .expect = bits_expect,
};
