/* SPDX-License-Identifier: Apache-2.0
 *
 * The input stands in for each kind of list in turn. Either it is refused with
 * an error, or every entry keeps to the rules of its kind. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "core/allowlist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char categories[] =
    "[container]\ntitle_en = T\ntitle_ja = T\nfeatures = admission\n"
    "consequence_en = C\nconsequence_ja = C\nprobe = json-api\n";
#define LIST_OF(host)                                                          \
	"[list]\nsource = s\npublished = 2024-01-01\n"                         \
	"[container]\nhost = " host "\n"

static const char global[] = LIST_OF("g.example.com");
static const char region[] = LIST_OF("r.example.com");

static void
on_error(void *arg, const char *text)
{
	unsigned *errors = arg;

	assert(strstr(text, ": ") != NULL);
	for (; *text != '\0'; text++)
		assert((unsigned char)*text >= 0x20 || *text == '\t');
	*errors += 1;
}

static void
check_entry(const struct allowlist_entry *e)
{
	struct hostname again;

	assert(hostname_parse(&again, span_str(e->host.text)) == HOSTNAME_NAME);
	assert(hostname_equal(&again, &e->host));
	assert(e->port != 0 && e->line != 0);
	assert(e->category[0] != '\0');
	if (e->origin == ORIGIN_EXTRA) {
		assert(!e->suffix || strchr(e->host.text, '.') != NULL);
		return;
	}
	assert(!e->suffix && e->port == 443);
	assert((e->origin == ORIGIN_SET) == (e->set != NULL));
}

static void
check_as(const char *name, const uint8_t *data, size_t len)
{
	struct allowlist_file files[] = {
	    {"cloudone/categories.ini", categories, sizeof(categories) - 1},
	    {"cloudone/global.ini", global, sizeof(global) - 1},
	    {"cloudone/us-1.ini", region, sizeof(region) - 1},
	    {"extra.ini", "", 0},
	};
	unsigned errors = 0;
	struct allowlist *a;
	size_t count;
	const struct allowlist_entry *e;

	for (size_t i = 0; i < 4; i++) {
		if (strcmp(files[i].name, name) != 0 &&
		    !(i == 3 && strcmp(name, "sets/s.ini") == 0))
			continue;
		files[i] =
		    (struct allowlist_file){name, (const char *)data, len};
	}
	a = allowlist_parse(files, 4, on_error, &errors);
	assert((a == NULL) == (errors > 0));
	if (a == NULL)
		return;
	e = allowlist_entries(a, &count);
	assert(count >= 1);
	for (size_t i = 0; i < count; i++)
		check_entry(&e[i]);
	allowlist_free(a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	check_as("cloudone/categories.ini", data, len);
	check_as("cloudone/us-1.ini", data, len);
	check_as("sets/s.ini", data, len);
	check_as("extra.ini", data, len);
	return 0;
}
