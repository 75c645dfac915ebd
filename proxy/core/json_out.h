/* SPDX-License-Identifier: Apache-2.0
 *
 * A writer of JSON (RFC 8259) to a stream: commas, indents and quoting are its
 * business. Keys are static names; a key is NULL inside an array. Texts of more
 * than JSON_TEXT_MAX bytes are cut. */
#ifndef SEKISHO_CORE_JSON_OUT_H
#define SEKISHO_CORE_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/ipaddr.h"
#include "core/span.h"

enum {
	JSON_TEXT_MAX = 1536, /* the longest of reports: an answer's body */
};

struct json_out {
	FILE *out;
	unsigned depth;
	bool begun; /* the open object or array has a member */
};

void json_open(struct json_out *j, const char *key, char bracket); /* { or [ */
void json_close(struct json_out *j, char bracket);                 /* } or ] */

void json_span(struct json_out *j, const char *key, struct span value);
void json_str(struct json_out *j, const char *key, const char *value);
/* Nothing is written when the text is empty. */
void json_text(struct json_out *j, const char *key, const char *value);
void json_u64(struct json_out *j, const char *key, uint64_t value);
void json_i64(struct json_out *j, const char *key, int64_t value);
/* An array on one line. */
void json_u64s(
    struct json_out *j, const char *key, const uint64_t *values, size_t count);
void json_bool(struct json_out *j, const char *key, bool value);
void json_null(struct json_out *j, const char *key);
/* Milliseconds with microsecond precision, from nanoseconds. */
void json_ms(struct json_out *j, const char *key, uint64_t ns);
/* RFC 3339 in UTC, from Unix seconds; null when there is none (<= 0). */
void json_date(struct json_out *j, const char *key, int64_t unix_s);
/* RFC 3339 in UTC with milliseconds, from Unix nanoseconds; null at 0. */
void json_time(struct json_out *j, const char *key, uint64_t unix_ns);
/* "addr:port", or nothing when it is unset. */
void json_endpoint(
    struct json_out *j, const char *key, const struct ip_endpoint *at);

#endif
