/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalog: every endpoint that the published lists, the opt-in sets and the
 * operator's own files name, with the place it comes from. Read from the lists
 * compiled in, or from a directory; immutable afterwards. What of it is in
 * force is policy's question. Errors come back as text with file and line. */
#ifndef SEKISHO_CORE_ALLOWLIST_H
#define SEKISHO_CORE_ALLOWLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hostname.h"
#include "core/span.h"

/* Features (design A6) as bits. */
enum feature {
	FEATURE_ADMISSION = 1 << 0, /* always on */
	FEATURE_RUNTIME = 1 << 1,
	FEATURE_VULNERABILITY_SCAN = 1 << 2,
	FEATURE_ARTIFACT_SCANNER = 1 << 3,
	FEATURE_TELEMETRY = 1 << 4,
	FEATURE_IMAGES = 1 << 5,
	FEATURE_ALL = (1 << 6) - 1,
};

/* The bit of a feature's name ("vulnerability-scan"), or 0. */
unsigned feature_from_name(struct span name);
/* The name of one bit. */
const char *feature_name(unsigned bit);

enum probe_kind {
	PROBE_TLS,       /* a handshake is all that can be expected */
	PROBE_JSON_API,  /* answers 401 with JSON without a key */
	PROBE_S3,        /* answers 403 XML with x-amz-* headers */
	PROBE_REGISTRY,  /* /v2/ answers 401 with a Bearer challenge */
	PROBE_JSON_FILE, /* GET probe_path answers 200 with JSON */
};

struct allowlist_category {
	const char *name; /* "asaas-upload" */
	const char *title_en, *title_ja;
	const char *consequence_en, *consequence_ja; /* what stops without it */
	unsigned features;                           /* bits of enum feature */
	enum probe_kind probe;
	const char *probe_path; /* of PROBE_JSON_FILE, else NULL */
};

enum allowlist_origin {
	ORIGIN_PUBLISHED, /* cloudone/REGION.ini: exact names, port 443 */
	ORIGIN_SET,       /* sets/NAME.ini: opt-in */
	ORIGIN_EXTRA,     /* the operator's own file */
};

struct allowlist_entry {
	struct hostname host; /* without the "*." of a suffix */
	bool suffix;          /* *.host: sub-domains, never the apex */
	uint16_t port;
	enum allowlist_origin origin;
	const char *region;   /* "us-1", "global"; "-" for sets and extras */
	const char *category; /* the section's name */
	const char *set;      /* name of the set; NULL for the others */
	const struct allowlist_category *about; /* NULL for extras and sets that
						 * are in no category */
	const char *file; /* as in messages: "cloudone/us-1.ini" or a path */
	unsigned line;
};

/* One file of a list: its name as messages show it, and its text. */
struct allowlist_file {
	const char
	    *name; /* "cloudone/us-1.ini", "sets/registry-cdn.ini",
		    * "cloudone/categories.ini", or the operator's path */
	const char *text;
	size_t len;
};

/* The lists compiled in (generated from allowlists/ when building). */
extern const struct allowlist_file allowlist_builtin[];
extern const size_t allowlist_builtin_count;

struct allowlist; /* immutable; owned by whoever made it */

/* Where errors go: one call per error, text is "FILE:LINE: message" without a
 * newline and valid only during the call. */
typedef void (*allowlist_error_fn)(void *arg, const char *text);

struct allowlist_sources {
	const char *dir;          /* NULL: the lists compiled in */
	const char *const *extra; /* paths of the operator's files */
	size_t extra_count;
};

/* Reads everything; reports every error it finds, not only the first. NULL when
 * there was any error. */
struct allowlist *allowlist_load(const struct allowlist_sources *src,
    allowlist_error_fn error, void *arg) MUST_CHECK;

/* The same from files in memory, each judged by its name (tests, fuzzing). */
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

/* Date of the published lists ("published" or "observed" of [list]), the newest
 * one; never NULL. */
const char *allowlist_date(const struct allowlist *a);

#endif
