/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the server name of a TLS ClientHello (RFC 8446 sections 4.1.2 and 5.1,
 * RFC 6066 section 3) out of the first bytes of a connection, whether they
 * came in one piece or not, in one TLS record or in many. Pure; looks, never
 * changes. */
#ifndef SEKISHO_CORE_HELLO_H
#define SEKISHO_CORE_HELLO_H

#include <stdint.h>

#include "core/hostname.h"
#include "core/outcome.h"
#include "core/span.h"

enum {
	HELLO_MESSAGE_MAX = 16384, /* bytes of the handshake message */
	HELLO_RANDOM_LEN = 32,
	/* Bytes on the wire: a record header may stand before every byte. */
	HELLO_WIRE_MAX = (HELLO_MESSAGE_MAX + 4) * 6,
};

enum hello_status {
	HELLO_MORE, /* fine so far */
	HELLO_DONE, /* the whole hello is there; has_name, name and random are
		     * set */
	HELLO_BAD,  /* why is set: not_tls, sni_mismatch, hello_too_large */
};

struct hello {
	bool has_name;        /* a server_name extension with a host name */
	struct hostname name; /* valid, in our one spelling; with has_name */
	uint8_t random[HELLO_RANDOM_LEN]; /* no two hellos have the same */
	enum outcome why;
	const char *detail; /* static ASCII: what exactly is wrong */
	size_t need; /* with HELLO_MORE: HELLO_DONE cannot come before so many
		      * bytes are there (for SO_RCVLOWAT, or to look again no
		      * sooner); more than len */
};

/* Looks at the first len bytes of a connection. Every call starts anew; it
 * keeps nothing between calls, and the answer is the same however the bytes
 * come in. Each record is looked at once a call, and a hello that stands in one
 * record is not copied. Faults are told as soon as their bytes are there:
 *
 * not_tls: the first byte is not that of a handshake record (detail guesses
 * what it is instead), a record of another type or version, an empty one or one
 * longer than 16384 bytes, another handshake message, and malformed structure.
 * hello_too_large: a message announced longer than HELLO_MESSAGE_MAX.
 * sni_mismatch: two server_name extensions, several names, a name type other
 * than host_name, and a name that is empty, ends in a dot (RFC 6066 section 3),
 * is an address, or is not a host name (NUL, control bytes, ...). Letter case
 * does not matter. Bytes behind the hello are left alone. A hello without the
 * extension is HELLO_DONE without has_name. */
enum hello_status hello_parse(
    struct hello *out, const uint8_t *data, size_t len) MUST_CHECK;

#endif
