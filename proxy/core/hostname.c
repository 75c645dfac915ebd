/* SPDX-License-Identifier: Apache-2.0 */
#include "core/hostname.h"

#include <arpa/inet.h>

/* The bytes of a name as they are stored, at [high nibble][low nibble]; 0: not
 * part of any name. */
static const char name_byte[16][16] = {
    [2] = "\0\0\0\0\0\0\0\0\0\0\0\0\0-.",
    [3] = "0123456789",
    [4] = "\0abcdefghijklmno",
    [5] = "pqrstuvwxyz",
    [6] = "\0abcdefghijklmno",
    [7] = "pqrstuvwxyz",
};

static char
stored(char c)
{
	return name_byte[(unsigned char)c >> 4][(unsigned char)c & 15];
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_hex(char c)
{
	return is_digit(c) || (stored(c) >= 'a' && stored(c) <= 'f');
}

/* An RFC 4007 zone: what may stand in an interface's name, and % for the pct-
 * encoding of RFC 6874. */
static bool
is_zone(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (stored(c) == '\0' && c != '_' && c != '~' && c != '%')
			return false;
	}
	return s.len > 0;
}

static bool
is_ipv6(struct span s)
{
	const char *percent = s.len > 0 ? memchr(s.ptr, '%', s.len) : NULL;
	char text[INET6_ADDRSTRLEN];
	struct in6_addr addr;

	if (percent != NULL) {
		size_t len = (size_t)(percent - s.ptr);

		if (!is_zone(span_of(percent + 1, s.len - len - 1)))
			return false;
		s.len = len;
	}
	if (s.len == 0 || s.len >= sizeof(text) ||
	    memchr(s.ptr, '\0', s.len) != NULL)
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	return inet_pton(AF_INET6, text, &addr) == 1;
}

/* What inet_aton(3) or a browser would read as a part of an IPv4 address. */
static bool
is_number(struct span label)
{
	size_t i = 0;
	bool hex = label.len >= 2 && label.ptr[0] == '0' &&
		   stored(label.ptr[1]) == 'x';

	if (hex)
		i = 2;
	while (i < label.len &&
	       (hex ? is_hex(label.ptr[i]) : is_digit(label.ptr[i])))
		i++;
	return i == label.len;
}

static bool
is_label(struct span s)
{
	return s.len > 0 && s.len <= HOSTNAME_LABEL_MAX && s.ptr[0] != '-' &&
	       s.ptr[s.len - 1] != '-';
}

/* Labels of letters, digits and hyphens between dots; *last is the last. */
static bool
is_name(struct span s, struct span *last)
{
	size_t start = 0;

	if (s.len == 0 || s.len > HOSTNAME_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (stored(s.ptr[i]) == '\0')
			return false;
		if (s.ptr[i] != '.')
			continue;
		if (!is_label(span_of(s.ptr + start, i - start)))
			return false;
		start = i + 1;
	}
	*last = span_of(s.ptr + start, s.len - start);
	return is_label(*last);
}

enum hostname_kind
hostname_parse(struct hostname *out, struct span text)
{
	struct span last;

	if (text.len >= 2 && text.ptr[0] == '[') {
		return text.ptr[text.len - 1] == ']' &&
			       is_ipv6(span_of(text.ptr + 1, text.len - 2))
			   ? HOSTNAME_ADDRESS
			   : HOSTNAME_INVALID;
	}
	if (text.len > 0 && memchr(text.ptr, ':', text.len) != NULL)
		return is_ipv6(text) ? HOSTNAME_ADDRESS : HOSTNAME_INVALID;
	if (text.len > 0 && text.ptr[text.len - 1] == '.')
		text.len--;
	if (!is_name(text, &last))
		return HOSTNAME_INVALID;
	if (is_number(last))
		return HOSTNAME_ADDRESS;
	out->len = (uint8_t)text.len;
	for (size_t i = 0; i < text.len; i++)
		out->text[i] = stored(text.ptr[i]);
	out->text[text.len] = '\0';
	return HOSTNAME_NAME;
}

bool
hostname_equal(const struct hostname *a, const struct hostname *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

bool
hostname_is_below(const struct hostname *name, struct span suffix)
{
	size_t at;

	if (suffix.len == 0 || name->len < suffix.len + 2)
		return false;
	at = name->len - suffix.len;
	return name->text[at - 1] == '.' &&
	       memcmp(name->text + at, suffix.ptr, suffix.len) == 0;
}

/* Whether label number at (from 0) or a later one, is word. */
static bool
has_label_from(const struct hostname *name, size_t at, const char *word)
{
	const char *p = name->text;
	const char *dot;

	for (size_t i = 0; (dot = strchr(p, '.')) != NULL; i++, p = dot + 1) {
		if (i >= at && span_is(span_of(p, (size_t)(dot - p)), word))
			return true;
	}
	return false;
}

bool
hostname_is_in_cluster(const struct hostname *name)
{
	/* The last label is a name that no public top-level domain has. */
	static const char *const tops[] = {
	    "svc", "local", "internal", "default", "localhost"};
	const char *top = strrchr(name->text, '.');

	if (top == NULL)
		return true;
	top++;
	for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++) {
		if (strcmp(top, tops[i]) == 0)
			return true;
	}
	/* SERVICE.NAMESPACE: only A-labels have hyphens among public top-level
	 * domains, namespaces (kube-system) often do. */
	if (strchr(top, '-') != NULL && strncmp(top, "xn--", 4) != 0)
		return true;
	/* SERVICE.NAMESPACE.svc.DOMAIN: clusters may have a domain of their
	 * own. svc.ms, a public one, has it nearer to the front. */
	return has_label_from(name, 2, "svc");
}
