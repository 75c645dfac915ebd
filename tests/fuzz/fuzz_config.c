/* SPDX-License-Identifier: Apache-2.0
 *
 * Whatever the text: a configuration comes out or at least one error, errors
 * are one plain line, and what --dump-config prints loads to the same. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
on_error(void *arg, const char *text)
{
	unsigned *count = arg;

	(*count)++;
	for (; *text != '\0'; text++)
		assert((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static struct config *
load(struct span text, const struct config_setting *region, unsigned *errors)
{
	struct config_sources src = {
	    .file = "fuzz.conf",
	    .text = text,
	    .settings = region,
	    .setting_count = region != NULL,
	};

	*errors = 0;
	return config_load(&src, on_error, errors);
}

/* The lines that say where a value comes from differ, all others must not. */
static void
compare(const char *a, const char *b)
{
	static const char source[] = "; source: ";

	while (*a != '\0' && *b != '\0') {
		size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");

		if (strncmp(a, source, sizeof(source) - 1) != 0)
			assert(n == m && memcmp(a, b, n) == 0);
		a += n + (a[n] == '\n');
		b += m + (b[m] == '\n');
	}
	assert(*a == *b);
}

static char *
dump(const struct config *c, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	assert(f != NULL);
	config_dump(c, f);
	if (fclose(f) != 0)
		abort();
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct config_setting region = {
	    .key = "gateway.regions", .value = "us-1", .option = "--region"};
	unsigned errors;
	size_t first_len, second_len;
	char *first, *second;
	struct config *c, *again;

	c = load(span_of((const char *)data, len), &region, &errors);
	assert((c == NULL) == (errors > 0));
	if (c == NULL)
		return 0;
	first = dump(c, &first_len);
	again = load(span_of(first, first_len), NULL, &errors);
	assert(again != NULL);
	second = dump(again, &second_len);
	compare(first, second);
	free(first);
	free(second);
	config_free(c);
	config_free(again);
	return 0;
}
