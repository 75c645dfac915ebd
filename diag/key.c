/* SPDX-License-Identifier: Apache-2.0 */
#include "key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum {
	ID_LENGTH = 27, /* of id:secret, as far as published samples show */
	SECRET_LENGTH = 66,
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

void
key_lint(struct key_lint *out, struct span key)
{
	static const char prefix[] = "ApiKey ";
	size_t len = sizeof(prefix) - 1;

	out->given = true;
	out->length = key.len;
	out->fault = KEY_NO_FAULT;
	out->usual_shape = has_usual_shape(key);
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

void
key_forget(struct api_key *key)
{
	explicit_bzero(key, sizeof(*key));
}

void
key_read_value(struct api_key *key, struct key_lint *lint, const char *variable,
    const char *value)
{
	size_t len = strnlen(value, KEY_MAX - 1);

	memcpy(key->text, value, len);
	key->text[len] = '\0';
	(void)snprintf(lint->source, sizeof(lint->source), "%s", variable);
	key_lint(lint, span_of(key->text, len));
}

bool
key_read_file(struct api_key *key, struct key_lint *lint, const char *path,
    char *error, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t got = 0;
	ssize_t n = 0;

	while (fd >= 0 && got < KEY_MAX - 1) {
		n = read(fd, key->text + got, KEY_MAX - 1 - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	if (fd < 0 || n < 0) {
		(void)snprintf(error, len, "--api-key-file %s: cannot read: %s",
		    path, strerrordesc_np(errno));
		if (fd >= 0)
			(void)close(fd);
		return false;
	}
	(void)close(fd);
	key->text[got] = '\0';
	(void)snprintf(lint->source, sizeof(lint->source), "%s", path);
	key_lint(lint, span_of(key->text, got));
	return true;
}
