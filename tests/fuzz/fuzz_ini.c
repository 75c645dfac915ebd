/* SPDX-License-Identifier: Apache-2.0
 *
 * Whatever the text: lines only grow, keys are never empty, errors are one line
 * of text, and nothing is told of a line that the text does not have. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "core/ini.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct seen {
	unsigned line; /* of the last entry */
	size_t lines;  /* of the text */
	bool error;
};

static void
assert_plain(const char *text)
{
	for (; *text != '\0'; text++)
		assert((unsigned char)*text >= 0x20 || *text == '\t');
}

static bool
on_entry(void *arg, const struct ini_entry *e)
{
	struct seen *s = arg;

	assert(e->line > s->line && e->line <= s->lines);
	s->line = e->line;
	assert(strlen(e->section) <= INI_LINE_MAX);
	assert_plain(e->section);
	assert((e->key == NULL) == (e->value == NULL));
	if (e->key == NULL) {
		assert(e->section[0] != '\0');
		return true;
	}
	assert(e->key[0] != '\0');
	assert(strlen(e->key) + strlen(e->value) < INI_LINE_MAX);
	assert_plain(e->key);
	assert_plain(e->value);
	return true;
}

static void
on_error(void *arg, const char *text)
{
	struct seen *s = arg;

	s->error = true;
	assert(strncmp(text, "fuzz.ini:", 9) == 0);
	assert_plain(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct span text = span_of((const char *)data, len);
	struct seen s = {.lines = 1};
	bool ok;

	for (size_t i = 0; i < len; i++)
		s.lines += data[i] == '\n';
	ok = ini_parse_text("fuzz.ini", text, on_entry, on_error, &s);
	assert(ok != s.error);
	return 0;
}
