/* SPDX-License-Identifier: Apache-2.0 */
#include "basic.h"

#include <openssl/evp.h>

enum {
	/* Bytes of "user:password" in base64, and what they decode to. */
	ENCODED_MAX = (2 * CREDENTIAL_MAX + 1 + 2) / 3 * 4,
	DECODED_MAX = ENCODED_MAX / 4 * 3,
};

static bool
fail(const char **detail, const char *text)
{
	*detail = text;
	return false;
}

static bool
has_control(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c < 0x20 || c == 0x7f)
			return true;
	}
	return false;
}

bool
credentials_set(struct credentials *out, struct span user, struct span password,
    const char **detail)
{
	if (user.len == 0)
		return fail(detail, "the user is empty");
	if (user.len > CREDENTIAL_MAX || password.len > CREDENTIAL_MAX)
		return fail(detail, "user or password of more than 255 bytes");
	if (has_control(user) || has_control(password))
		return fail(
		    detail, "control character in the user or the password");
	*out = (struct credentials){
	    .user_len = user.len, .password_len = password.len};
	memcpy(out->user, user.ptr, user.len);
	if (password.len > 0)
		memcpy(out->password, password.ptr, password.len);
	return true;
}

/* Length without padding, or 0 when it is no base64 of a whole number of
 * groups. */
static size_t
base64_len(struct span s)
{
	size_t len = s.len;

	if (s.len == 0 || s.len % 4 != 0)
		return 0;
	for (int i = 0; i < 2 && s.ptr[len - 1] == '='; i++)
		len--;
	for (size_t i = 0; i < len; i++) {
		char c = s.ptr[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '+' && c != '/')
			return 0;
	}
	return len;
}

static bool
decode(struct credentials *out, struct span text, const char **detail)
{
	unsigned char plain[DECODED_MAX + 1];
	struct span all, user;
	const char *colon;
	size_t len = base64_len(text);
	bool ok;

	if (text.len > ENCODED_MAX)
		return fail(detail, "user or password of more than 255 bytes");
	if (len == 0 || EVP_DecodeBlock(plain, (const unsigned char *)text.ptr,
			    (int)text.len) < 0)
		return fail(detail, "Basic credentials are not base64");
	all = span_of((const char *)plain, text.len / 4 * 3 - (text.len - len));
	colon = all.len > 0 ? memchr(all.ptr, ':', all.len) : NULL;
	if (colon == NULL) {
		ok = fail(detail, "no colon in the Basic credentials");
	} else {
		user = span_of(all.ptr, (size_t)(colon - all.ptr));
		ok = credentials_set(out, user,
		    span_of(colon + 1, all.len - user.len - 1), detail);
	}
	explicit_bzero(plain, sizeof(plain));
	return ok;
}

bool
basic_parse(struct credentials *out, struct span value, const char **detail)
{
	static const char scheme[] = "Basic";
	size_t at = sizeof(scheme) - 1;

	if (value.len <= at || value.ptr[at] != ' ' ||
	    !span_is_nocase(span_of(value.ptr, at), scheme))
		return fail(detail, "only Basic credentials are taken here");
	while (at < value.len && value.ptr[at] == ' ')
		at++;
	return decode(out, span_of(value.ptr + at, value.len - at), detail);
}

void
credentials_wipe(struct credentials *c)
{
	explicit_bzero(c, sizeof(*c));
}
