/* SPDX-License-Identifier: Apache-2.0
 *
 * The value of a Proxy-Authorization line (RFC 9110 section 11.4) with Basic
 * credentials (RFC 7617). */
#ifndef SEKISHO_BASIC_H
#define SEKISHO_BASIC_H

#include <stdbool.h>

#include "core/span.h"

enum {
	CREDENTIAL_MAX = 255, /* bytes of a user's name and of a password: what
			       * RFC 1929 can carry */
};

/* Credentials as a client has sent them. Secret: to be wiped after use. */
struct credentials {
	size_t user_len, password_len;
	char user[CREDENTIAL_MAX + 1], password[CREDENTIAL_MAX + 1];
};

/* Reads the value. False: *detail says what it is instead (static, ASCII, never
 * a part of the value). Refused: another scheme, base64 that is not exactly RFC
 * 4648 section 4 with its padding, no colon, a control character, a user or a
 * password that is too long, and an empty user. */
bool basic_parse(
    struct credentials *out, struct span value, const char **detail) MUST_CHECK;

/* Stores what a client has sent, of at most CREDENTIAL_MAX bytes each. False
 * as above. */
bool credentials_set(struct credentials *out, struct span user,
    struct span password, const char **detail) MUST_CHECK;

/* Overwrites them, so that no later bug can show them. */
void credentials_wipe(struct credentials *c);

#endif
