/* SPDX-License-Identifier: Apache-2.0 */
#include "mask.h"

#include <string.h>

static bool
is_address_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
	       (c >= 'A' && c <= 'F') || c == '.' || c == ':';
}

static bool
is_word_char(char c)
{
	return is_address_char(c) || (c >= 'g' && c <= 'z') ||
	       (c >= 'G' && c <= 'Z');
}

/* Whether an address may begin at i: not in the middle of a word. The letter of
 * an escaped line end or tab in JSON is no part of one. */
static bool
begins_word(struct span text, size_t i)
{
	if (i == 0 || !is_word_char(text.ptr[i - 1]))
		return true;
	return i >= 2 && text.ptr[i - 2] == '\\' &&
	       (text.ptr[i - 1] == 'n' || text.ptr[i - 1] == 'r' ||
		   text.ptr[i - 1] == 't');
}

static bool
is_internal(const struct ipaddr *a)
{
	static const char *const ranges[] = {"private-use", "shared",
	    "link-local", "unique-local", "site-local"};
	const char *special = ipaddr_special(a);

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (special != NULL && strcmp(special, ranges[i]) == 0)
			return true;
	}
	return false;
}

static size_t
number_of(struct mask *m, const struct ipaddr *a)
{
	for (size_t i = 0; i < m->count; i++) {
		if (ipaddr_equal(&m->seen[i], a))
			return i + 1;
	}
	if (m->count < MASK_ADDRESSES_MAX)
		m->seen[m->count++] = *a;
	return m->count;
}

/* The longest address that text begins with; its length, 0: none. An end of a
 * sentence, a port or a length of a prefix may stand behind it. */
static size_t
address_at(struct span text, struct ipaddr *a)
{
	size_t len = 0;

	while (len < text.len && len <= IPADDR_TEXT_MAX &&
	       is_address_char(text.ptr[len]))
		len++;
	for (; len >= 2; len--) {
		if (ipaddr_parse(a, span_of(text.ptr, len)))
			return len;
	}
	return 0;
}

static size_t
write_address(FILE *out, struct mask *m, struct span text)
{
	struct ipaddr a;
	size_t len = address_at(text, &a);

	if (len == 0)
		return 0;
	ipaddr_unmap(&a);
	if (!is_internal(&a))
		return 0;
	(void)fprintf(out,
	    a.family == IP_V4 ? "198.51.100.%zu" : "2001:db8::%zx",
	    number_of(m, &a));
	return len;
}

/* The length of "USER:PASSWORD@" behind "://"; 0: there is none. */
static size_t
userinfo_at(struct span text)
{
	size_t at = 0;

	/* The last "@" before the path: passwords may hold one. */
	for (size_t i = 0; i < text.len; i++) {
		if (strchr("/ \t\r\n\"'<>,;", text.ptr[i]) != NULL)
			break;
		if (text.ptr[i] == '@')
			at = i + 1;
	}
	return at;
}

void
mask_write(FILE *out, struct mask *m, struct span text)
{
	for (size_t i = 0; i < text.len;) {
		struct span rest = span_of(text.ptr + i, text.len - i);
		size_t n = 0;

		if (rest.len > 3 && memcmp(rest.ptr, "://", 3) == 0) {
			n = userinfo_at(span_of(rest.ptr + 3, rest.len - 3));
			(void)fputs(n > 0 ? "://***:***@" : "://", out);
			i += 3 + n;
			continue;
		}
		if (m->addresses && begins_word(text, i))
			n = write_address(out, m, rest);
		if (n == 0) {
			(void)fputc(rest.ptr[0], out);
			n = 1;
		}
		i += n;
	}
}
