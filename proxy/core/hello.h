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
	/* Bytes on the wire: a record header may stand before every byte. */
	HELLO_WIRE_MAX = (HELLO_MESSAGE_MAX + 4) * 6,
};

enum hello_status {
	HELLO_MORE, /* fine so far */
	HELLO_DONE, /* the whole hello is there; has_name and name are set */
	HELLO_BAD,  /* why is set: not_tls, sni_mismatch, hello_too_large */
};

struct hello {
	bool has_name;        /* a server_name extension with a host name */
	struct hostname name; /* valid, in our one spelling */
	enum outcome why;
	const char *detail; /* static ASCII: what exactly is wrong */
};

/* Looks at the first len bytes of a connection. Every call starts anew; it
 * keeps nothing between calls. Two names, or a name that is not a host name
 * (NUL, control bytes, an address), are sni_mismatch; malformed structure and
 * anything but a handshake record with a ClientHello are not_tls. A message
 * announced longer than HELLO_MESSAGE_MAX is hello_too_large at once. Bytes
 * behind the hello are left alone. */
enum hello_status hello_parse(
    struct hello *out, const uint8_t *data, size_t len) MUST_CHECK;

#endif
