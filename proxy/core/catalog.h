/* SPDX-License-Identifier: Apache-2.0
 *
 * What a catalog of endpoints holds: features, categories, entries. Values
 * only; allowlist makes and owns them. */
#ifndef SEKISHO_CORE_CATALOG_H
#define SEKISHO_CORE_CATALOG_H

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

/* The region of what every region needs: "global". */
extern const char allowlist_global[];

struct allowlist_entry {
	struct hostname host; /* without the "*." of a suffix */
	bool suffix;          /* *.host: sub-domains, never the apex */
	uint16_t port;
	enum allowlist_origin origin;
	const char *region;   /* "us-1", allowlist_global; "-" for sets and
			       * extras */
	const char *category; /* the section's name */
	const char *set;      /* name of the set; NULL for the others */
	const struct allowlist_category *about; /* NULL for extras and sets that
						 * are in no category */
	const char *file; /* as in messages: "cloudone/us-1.ini" or a path */
	unsigned line;
	/* Where the file says it comes from, and its date (YYYY-MM-DD or
	 * YYYY-MM); NULL where an operator's file does not. */
	const char *source, *date;
};

/* One file of a list: its name as messages show it, and its text. */
struct allowlist_file {
	const char
	    *name; /* "cloudone/us-1.ini", "sets/registry-cdn.ini",
		    * "cloudone/categories.ini", or the operator's path */
	const char *text;
	size_t len;
};

/* Where errors go: one call per error, text is "FILE:LINE: message" without a
 * newline and valid only during the call. */
typedef void (*allowlist_error_fn)(void *arg, const char *text);

#endif
