/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalog: every endpoint that the published lists, the opt-in sets and the
 * operator's own files name, with the place it comes from. Read from the lists
 * compiled in, or from a directory; immutable afterwards. What of it is in
 * force is policy's question. Errors come back as text with file and line. */
#ifndef SEKISHO_CORE_ALLOWLIST_H
#define SEKISHO_CORE_ALLOWLIST_H

#include <stddef.h>

#include "core/catalog.h"

/* The lists compiled in (generated from allowlists/ when building). */
extern const struct allowlist_file allowlist_builtin[];
extern const size_t allowlist_builtin_count;

struct allowlist; /* immutable; owned by whoever made it */

struct allowlist_sources {
	const char *dir;          /* NULL: the lists compiled in. Else a folder
				   * like allowlists/ of the sources, of which
				   * cloudone/NAME.ini and sets/NAME.ini are read */
	const char *const *extra; /* paths of the operator's files */
	size_t extra_count;
};

/* Reads everything; reports every error it finds, not only the first. NULL when
 * there was any error. Entries stand in the order of files (regions by name,
 * sets by name, operators' files as given) and lines; an operator's file may
 * name a host twice, or one that is listed elsewhere. */
struct allowlist *allowlist_load(const struct allowlist_sources *src,
    allowlist_error_fn error, void *arg) MUST_CHECK;

/* The same from files in memory, each judged by its name: cloudone/NAME.ini,
 * sets/NAME.ini, and operators' files by any other (tests, fuzzing). */
struct allowlist *allowlist_parse(const struct allowlist_file *files,
    size_t count, allowlist_error_fn error, void *arg) MUST_CHECK;

void allowlist_free(struct allowlist *a); /* NULL is fine */

const struct allowlist_entry *allowlist_entries(
    const struct allowlist *a, size_t *count);
const struct allowlist_category *allowlist_categories(
    const struct allowlist *a, size_t *count);

/* Region codes that have a list, sorted; "global" is not among them. */
const char *const *allowlist_regions(const struct allowlist *a, size_t *count);
const char *const *allowlist_sets(const struct allowlist *a, size_t *count);

/* Date of the published lists ("published", or else "observed", of [list]), the
 * newest one: YYYY-MM-DD or YYYY-MM; never NULL. */
const char *allowlist_date(const struct allowlist *a);

#endif
