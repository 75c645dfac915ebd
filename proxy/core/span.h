/* SPDX-License-Identifier: Apache-2.0
 *
 * A slice of somebody else's text: never owned, never NUL-terminated. */
#ifndef SEKISHO_CORE_SPAN_H
#define SEKISHO_CORE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Callers must use the result of a function marked so. */
#define MUST_CHECK __attribute__((warn_unused_result))

struct span {
	const char *ptr; /* may be NULL when len is 0 */
	size_t len;      /* bytes */
};

/* For printf: printf("%.*s", SPAN_ARG(s)). */
#define SPAN_ARG(s) (int)(s).len, (s).len ? (s).ptr : ""

static inline struct span
span_of(const char *ptr, size_t len)
{
	return (struct span){.ptr = ptr, .len = len};
}

static inline struct span
span_str(const char *text)
{
	return span_of(text, strlen(text));
}

static inline bool
span_is(struct span a, const char *text)
{
	size_t len = strlen(text);

	return a.len == len && (len == 0 || memcmp(a.ptr, text, len) == 0);
}

static inline bool
span_equal(struct span a, struct span b)
{
	return a.len == b.len &&
	       (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ASCII only, whatever the locale: names on the wire know no other. */
static inline char
ascii_lower(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c;
}

static inline char
ascii_upper(char c)
{
	if (c >= 'a' && c <= 'z')
		return (char)(c - 'a' + 'A');
	return c;
}

/* Whether a is text without regard to ASCII case. */
static inline bool
span_is_nocase(struct span a, const char *text)
{
	for (size_t i = 0; i < a.len; i++) {
		if (text[i] == '\0' ||
		    ascii_lower(a.ptr[i]) != ascii_lower(text[i]))
			return false;
	}
	return text[a.len] == '\0';
}

#endif
