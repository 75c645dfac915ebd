/* SPDX-License-Identifier: Apache-2.0 */
#include "key.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum {
	LONG_WORD = 40, /* characters */
	ID_LENGTH = 27, /* of id:secret, as far as published samples show */
	SECRET_LENGTH = 66,
	LEGACY_LENGTH = 44, /* base64 of 32 bytes */
};

static bool
is_alphanumeric(char c)
{
	c = ascii_lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static const char *
class_of(char c)
{
	switch (c) {
	case '\n':
		return "line feed";
	case '\r':
		return "carriage return";
	case '\t':
		return "tab";
	case ' ':
		return "blank";
	case '\0':
		return "NUL byte";
	default:
		break;
	}
	if ((unsigned char)c < 0x20 || c == 0x7f)
		return "control character";
	return (unsigned char)c >= 0x80 ? "byte beyond ASCII" : NULL;
}

/* The first byte that no key may hold. */
static bool
find_bad_byte(struct key_lint *out, struct span key)
{
	for (size_t i = 0; i < key.len; i++) {
		const char *class = class_of(key.ptr[i]);

		if (class == NULL)
			continue;
		out->position = i;
		(void)snprintf(
		    out->byte_class, sizeof(out->byte_class), "%s", class);
		out->fault = strchr(" \t\r\n", key.ptr[i]) && key.ptr[i]
				 ? KEY_BLANK
				 : KEY_BYTES;
		return true;
	}
	return false;
}

static bool
has_usual_shape(struct span key)
{
	if (key.len != ID_LENGTH + 1 + SECRET_LENGTH ||
	    key.ptr[ID_LENGTH] != ':')
		return false;
	for (size_t i = 0; i < key.len; i++) {
		if (i != ID_LENGTH && !is_alphanumeric(key.ptr[i]))
			return false;
	}
	return true;
}

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Whether base64 decoding gives a key of the usual shape (with or without a
 * line end behind it, which echo adds). */
static bool
is_encoded_key(struct span key)
{
	char plain[ID_LENGTH + SECRET_LENGTH + 4] = {0};
	unsigned bits = 0, held = 0;
	size_t n = 0;

	while (key.len > 0 && key.ptr[key.len - 1] == '=')
		key.len--;
	for (size_t i = 0; i < key.len; i++) {
		int value = base64_value(key.ptr[i]);

		if (value < 0)
			return false;
		bits = (bits << 6 | (unsigned)value) & 0xffff;
		held += 6;
		if (held < 8)
			continue;
		held -= 8;
		if (n == sizeof(plain))
			return false;
		plain[n++] = (char)(bits >> held & 0xff);
	}
	if (n > 0 && plain[n - 1] == '\n')
		n--;
	return has_usual_shape(span_of(plain, n));
}

/* As published for Deep Security and Workload Security (header api-secret-key):
 * a number, a colon, and 32 bytes in base64. */
static bool
has_legacy_shape(struct span key)
{
	size_t i = 0;

	while (i < key.len && key.ptr[i] >= '0' && key.ptr[i] <= '9')
		i++;
	if (i == 0 || key.len != i + 1 + LEGACY_LENGTH || key.ptr[i] != ':')
		return false;
	for (i++; i < key.len - 1; i++) {
		if (base64_value(key.ptr[i]) < 0)
			return false;
	}
	return key.ptr[i] == '=';
}

/* Three parts in base64url, of which the first is a JSON object (RFC 7515
 * section 3.1). */
static bool
has_token_shape(struct span key)
{
	unsigned dots = 0;

	if (key.len < 3 || memcmp(key.ptr, "eyJ", 3) != 0)
		return false;
	for (size_t i = 0; i < key.len; i++) {
		char c = key.ptr[i];

		dots += c == '.';
		if (c != '.' && c != '-' && c != '_' && !is_alphanumeric(c))
			return false;
	}
	return dots == 2;
}

static enum key_shape
shape_of(struct span key)
{
	if (has_usual_shape(key))
		return KEY_SHAPE_USUAL;
	if (has_legacy_shape(key))
		return KEY_SHAPE_LEGACY;
	return has_token_shape(key) ? KEY_SHAPE_TOKEN : KEY_SHAPE_OTHER;
}

const char *
key_shape_str(enum key_shape shape)
{
	switch (shape) {
	case KEY_SHAPE_OTHER:
		return "other";
	case KEY_SHAPE_USUAL:
		return "usual";
	case KEY_SHAPE_LEGACY:
		return "legacy";
	case KEY_SHAPE_TOKEN:
		return "token";
	}
	return "other";
}

void
key_lint(struct key_lint *out, struct span key)
{
	static const char prefix[] = "ApiKey ";
	size_t len = sizeof(prefix) - 1;

	out->given = true;
	out->length = key.len;
	out->fault = KEY_NO_FAULT;
	out->shape = shape_of(key);
	if (key.len == 0)
		out->fault = KEY_EMPTY;
	else if (key.len > len && span_is_nocase(span_of(key.ptr, len), prefix))
		out->fault = KEY_PREFIXED;
	else if (key.ptr[0] == '"' || key.ptr[0] == '\'')
		out->fault = KEY_QUOTED;
	else if (!find_bad_byte(out, key) && is_encoded_key(key))
		out->fault = KEY_BASE64;
}

bool
key_is_sendable(const struct key_lint *lint)
{
	return lint->given && lint->fault == KEY_NO_FAULT;
}

bool
key_is_likely(const char *word)
{
	return shape_of(span_str(word)) != KEY_SHAPE_OTHER ||
	       (strlen(word) >= LONG_WORD && strchr(word, '/') == NULL);
}

void
key_forget(struct api_key *key)
{
	explicit_bzero(key, sizeof(*key));
}

void
key_protect(void)
{
	static const struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

bool
key_take_variable(
    struct api_key *key, struct key_lint *lint, const char *variable)
{
	char *value = getenv(variable);
	size_t len;
	bool fits;

	if (value == NULL)
		return true;
	len = strlen(value);
	fits = len < KEY_MAX;
	if (fits) {
		memcpy(key->text, value, len + 1);
		(void)snprintf(
		    lint->source, sizeof(lint->source), "%s", variable);
		key_lint(lint, span_of(key->text, len));
	}
	explicit_bzero(value, len);
	(void)unsetenv(variable);
	return fits;
}

/* How many bytes from here on are somewhere in the key, in order. */
static size_t
common_run(const char *text, size_t len, const char *key)
{
	size_t longest = 0;

	for (; *key != '\0'; key++) {
		size_t n = 0;

		while (n < len && key[n] != '\0' && text[n] == key[n])
			n++;
		if (n > longest)
			longest = n;
	}
	return longest;
}

void
key_scrub(char *text, size_t len, const char *key)
{
	for (size_t i = 0; i < len;) {
		size_t n = common_run(text + i, len - i, key);

		if (n < KEY_SCRUB_MIN) {
			i++;
			continue;
		}
		memset(text + i, '*', n);
		i += n;
	}
}
