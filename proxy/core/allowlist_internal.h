/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalog while it is built: allowlist.c finds the files and judges the
 * whole, allowlist_reader.c and category_reader.c read one file each. Nobody
 * else includes this. */
#ifndef SEKISHO_CORE_ALLOWLIST_INTERNAL_H
#define SEKISHO_CORE_ALLOWLIST_INTERNAL_H

#include "core/catalog.h"
#include "core/ini.h"

/* Text that lives as long as the catalog. */
struct kept_text {
	struct kept_text *next;
	char text[];
};

struct allowlist {
	struct allowlist_entry *entries;
	size_t entry_count, entry_cap;
	struct allowlist_category *categories;
	size_t category_count, category_cap;
	const char **regions; /* sorted, without "global" */
	size_t region_count;
	const char **sets; /* sorted */
	size_t set_count;
	const char *date; /* newest of the published lists */
	struct kept_text *kept;
};

enum list_kind {
	LIST_CATEGORIES, /* cloudone/categories.ini */
	LIST_REGION,     /* cloudone/global.ini, cloudone/REGION.ini */
	LIST_SET,        /* sets/NAME.ini */
	LIST_EXTRA,      /* an operator's file */
};

/* One file to read. All text is borrowed. */
struct list_source {
	struct allowlist_file file;
	enum list_kind kind;
	struct span
	    label;    /* "us-1", "registry-cdn", "categories"; else empty */
	size_t order; /* as given */
};

/* Copies s into the catalog, NUL-terminated; NULL when out of memory. */
const char *allowlist_keep(struct allowlist *a, struct span s) MUST_CHECK;

/* Room for one more element in an array that grows: items has count elements of
 * size bytes and room for *cap. Returns the array, perhaps moved, or NULL (and
 * items stays as it was) when out of memory. */
void *array_grow(
    void *items, size_t count, size_t *cap, size_t size) MUST_CHECK;

/* Reads the categories, or a list of endpoints (the categories first, as their
 * addresses go into entries). False after error calls. */
bool category_read(struct allowlist *a, const struct list_source *src,
    allowlist_error_fn error, void *arg) MUST_CHECK;
bool allowlist_read(struct allowlist *a, const struct list_source *src,
    allowlist_error_fn error, void *arg) MUST_CHECK;

#endif
