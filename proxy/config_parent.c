/* SPDX-License-Identifier: Apache-2.0
 *
 * The type of upstream.parent: a proxy's URL. Its password is never shown, nor
 * is a value that may hold one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "config_table.h"
#include "core/endpoint.h"
#include "core/ini.h"

enum {
	CREDENTIAL_TEXT_MAX = 255, /* of a user, and of a password */
	AUTHORIZATION_MAX = (2 * CREDENTIAL_TEXT_MAX + 1 + 2) / 3 * 4,
};

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes (RFC 3986 section 2.1) into fresh memory. NULL when it is
 * malformed, empty, too long, or holds a control character. */
static char *
decode(struct span text, struct config_memory *m)
{
	char *out = config_memory_alloc(m, text.len + 1);
	size_t n = 0;

	if (out == NULL || text.len == 0)
		return NULL;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c == '%') {
			int high =
			    i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(text.ptr[i + 2]) : -1;

			if (low < 0)
				return NULL;
			c = (unsigned char)(high * 16 + low);
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || n == CREDENTIAL_TEXT_MAX)
			return NULL;
		out[n++] = (char)c;
	}
	return out;
}

/* "user:password@" or "user@", without the last character. */
static bool
take_userinfo(
    struct config_parent *p, struct span text, struct config_memory *m)
{
	const char *colon =
	    text.len > 0 ? memchr(text.ptr, ':', text.len) : NULL;
	size_t len = colon != NULL ? (size_t)(colon - text.ptr) : text.len;

	p->user = decode(span_of(text.ptr, len), m);
	if (p->user == NULL || strchr(p->user, ':') != NULL)
		return false;
	if (colon == NULL)
		return true;
	p->password = decode(span_of(colon + 1, text.len - len - 1), m);
	return p->password != NULL;
}

static bool
take_place(struct config_parent *p, struct span text, struct config_memory *m)
{
	struct endpoint *e;
	const char *why;

	p->text = config_memory_text(m, text);
	if (ip_endpoint_parse(&p->address, text))
		return p->address.port != 0;
	e = config_memory_alloc(m, sizeof(*e));
	if (e == NULL || endpoint_parse(e, text, &why) != OUTCOME_OK)
		return false;
	p->name = &e->host;
	p->address.port = e->port;
	return true;
}

/* Something must follow it. */
static bool
take_scheme(struct span *text, const char *scheme)
{
	size_t len = strlen(scheme);

	if (text->len <= len ||
	    !span_is_nocase(span_of(text->ptr, len), scheme))
		return false;
	*text = span_of(text->ptr + len, text->len - len);
	return true;
}

static bool
parent_parse(const struct config_key *key, struct span text, void *field,
    struct config_memory *m)
{
	struct config_parent *out = field, p = {.on = true};
	const char *at;

	if (span_is(text, key->word)) {
		out->on = false;
		return true;
	}
	p.tls = take_scheme(&text, "https://");
	if (!p.tls && !take_scheme(&text, "http://"))
		return false;
	if (text.ptr[text.len - 1] == '/')
		text.len--;
	at = memrchr(text.ptr, '@', text.len);
	if (at != NULL) {
		size_t len = (size_t)(at - text.ptr);

		if (!take_userinfo(&p, span_of(text.ptr, len), m))
			return false;
		text = span_of(at + 1, text.len - len - 1);
	}
	if (!take_place(&p, text, m))
		return false;
	*out = p;
	return true;
}

/* Without credentials where a password would be shown: the file then does not
 * load to the same, as little as any that has its secrets masked. */
static bool
parent_format(
    const struct config_key *key, const void *field, size_t i, struct text *out)
{
	const struct config_parent *p = field;

	(void)key;
	if (i > 0 || !p->on)
		return false;
	text_str(out, p->tls ? "https://" : "http://");
	if (p->user != NULL)
		text_str(out, p->password != NULL ? "****:****@" : "****@");
	text_str(out, p->text);
	return true;
}

static void
parent_expect(const struct config_key *key, struct text *out)
{
	text_str(out, key->word);
	text_str(out, ", or http:// or https:// and "
		      "[USER[:PASSWORD]@]HOST:PORT, with special characters of "
		      "USER and PASSWORD percent-encoded");
}

const struct config_type config_parent_url = {
    .secret = true,
    .parse = parent_parse,
    .format = parent_format,
    .expect = parent_expect,
};

/* --- the password's file --------------------------------------------------
 */

/* Its first line. NULL after a report. */
static char *
read_password(
    const char *path, struct config_memory *m, ini_error_fn error, void *arg)
{
	struct ini_place at = {.file = path, .error = error, .arg = arg};
	size_t len, line;
	char *copy = NULL, *text = ini_read_file(path, &len, error, arg);

	if (text == NULL)
		return NULL;
	line = strcspn(text, "\r\n");
	if (line == 0)
		ini_error_at(&at, "holds no password in its first line");
	else if (line > CREDENTIAL_TEXT_MAX)
		ini_error_at(&at, "password of more than 255 bytes");
	else
		copy = config_memory_text(m, span_of(text, line));
	explicit_bzero(text, len);
	free(text);
	return copy;
}

bool
config_parent_finish(struct config_parent *p, const char *password_file,
    struct config_memory *m, config_error_fn error, void *arg)
{
	char plain[2 * CREDENTIAL_TEXT_MAX + 2];
	char *out;
	int len;

	if (!p->on || p->user == NULL)
		return true;
	if (password_file != NULL) {
		p->password = read_password(password_file, m, error, arg);
		if (p->password == NULL)
			return false;
	}
	len = snprintf(plain, sizeof(plain), "%s:%s", p->user,
	    p->password != NULL ? p->password : "");
	out = config_memory_alloc(m, AUTHORIZATION_MAX + 1);
	if (out != NULL)
		(void)EVP_EncodeBlock(
		    (unsigned char *)out, (const unsigned char *)plain, len);
	explicit_bzero(plain, sizeof(plain));
	p->authorization = out;
	return out != NULL;
}
