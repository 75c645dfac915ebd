/* SPDX-License-Identifier: Apache-2.0
 *
 * A values file of Helm, read by libyaml, each value with its place. Bounded: a
 * file of at most 1 MiB, 64 levels, 1000 anchors, 100000 values once aliases
 * are followed; so neither an alias inside its own anchor nor a bomb of aliases
 * costs more than that. */
#ifndef SEKISHO_DIAG_HELM_VALUES_H
#define SEKISHO_DIAG_HELM_VALUES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/span.h"

enum {
	VALUES_FILE_MAX = 1 << 20, /* bytes */
	VALUES_DEPTH_MAX = 64,
	VALUES_ANCHORS_MAX = 1000,
	VALUES_VISITS_MAX = 100000,
};

struct values; /* owned by whoever loaded it */

enum value_kind {
	VALUE_NONE, /* not there */
	VALUE_NULL, /* there, and empty: "key:", "null", "~" */
	VALUE_STRING,
	VALUE_BOOL,   /* unquoted: true, no, on … (YAML 1.1, as Helm reads) */
	VALUE_NUMBER, /* unquoted */
	VALUE_LIST,
	VALUE_MAP,
};

struct value {
	enum value_kind kind;
	int node;              /* 0: none */
	unsigned line, column; /* from 1; 0: none */
	struct span text;      /* of a scalar, borrowed; may be a secret */
};

/* Reads a file. NULL with *error filled: one line, "FILE:LINE:COLUMN: …" where
 * the place is known. */
struct values *values_load(
    const char *path, char *error, size_t size) MUST_CHECK;
void values_free(struct values *v); /* NULL is fine */

/* The first document; VALUE_NULL at 1:1 for an empty file. */
struct value values_root(const struct values *v);

/* Where a second document begins; VALUE_NONE: nowhere. */
struct value values_second(const struct values *v);

/* The value of a key in a map, merge keys ("<<") followed, the last one of a
 * key that is there twice. VALUE_NONE when it is not there, or map is none. */
struct value values_get(
    const struct values *v, struct value map, const char *key);

/* How many keys a map has, or items a list; 0 for all else. */
size_t values_count(const struct values *v, struct value of);
/* The i-th key of a map and its value. */
void values_pair(const struct values *v, struct value map, size_t i,
    struct value *key, struct value *value);
struct value values_item(const struct values *v, struct value list, size_t i);

#endif
