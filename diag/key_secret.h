/* SPDX-License-Identifier: Apache-2.0
 *
 * A Kubernetes Secret in JSON. Wipes what it has read. */
#ifndef SEKISHO_DIAG_KEY_SECRET_H
#define SEKISHO_DIAG_KEY_SECRET_H

#include "key.h"

enum {
	KEY_ENTRY_MAX = 254, /* of a Secret's key, with NUL (RFC 1123 name) */
};

/* Whether text is an object in JSON at all. */
bool key_secret_is_json(struct span text);

/* Sets key to the value of entry api.key or of the only entry, decoded from
 * base64 (data) or as it is (stringData), and entry to its name. False with
 * the reason in error (size len), which never holds a value. */
bool key_secret_read(struct api_key *key, char entry[KEY_ENTRY_MAX],
    size_t *key_len, struct span json, char *error, size_t len) MUST_CHECK;

#endif
