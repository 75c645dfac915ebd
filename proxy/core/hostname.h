/* SPDX-License-Identifier: Apache-2.0
 *
 * Host names in one spelling: lower case, A-labels, letters, digits and hyphens
 * (RFC 1123 section 2.1, RFC 5890), no trailing dot. Pure; allocates nothing.
 */
#ifndef SEKISHO_CORE_HOSTNAME_H
#define SEKISHO_CORE_HOSTNAME_H

#include <stdbool.h>
#include <stdint.h>

#include "core/span.h"

enum {
	HOSTNAME_MAX = 253, /* RFC 1035 section 2.3.4, as text without dot */
	HOSTNAME_LABEL_MAX = 63,
};

struct hostname {
	uint8_t len;
	char text[HOSTNAME_MAX + 1]; /* lower case, NUL-terminated */
};

enum hostname_kind {
	HOSTNAME_NAME,    /* a valid name; *out is set */
	HOSTNAME_ADDRESS, /* an IP address literal, in any notation that any
			   * resolver would take for one: dotted quad, short,
			   * octal, hex or integer forms (inet_aton(3)), IPv6
			   * bare or in brackets, with or without a zone */
	HOSTNAME_INVALID, /* anything else */
};

/* Reads text as a host name. One trailing dot is stripped. A name whose last
 * label is a number (digits, or 0x and hex digits) is an address literal, as
 * resolvers disagree about such names (WHATWG URL, "ends in a number"). *out is
 * untouched unless the answer is HOSTNAME_NAME. */
enum hostname_kind hostname_parse(
    struct hostname *out, struct span text) MUST_CHECK;

/* Whether both are the same name. */
bool hostname_equal(const struct hostname *a, const struct hostname *b);

/* Whether name is below suffix ("a.example.com" is below "example.com", the
 * apex itself is not). suffix has no leading dot. */
bool hostname_is_below(const struct hostname *name, struct span suffix);

/* Whether it looks like a name that only the cluster's or the site's own DNS
 * knows, and so belongs in NO_PROXY: a single label, SERVICE.NAMESPACE.svc with
 * or without the cluster's domain behind it, SERVICE.NAMESPACE (as far as it
 * cannot be a public name: kubernetes.default, x.kube-system), .local (RFC
 * 6762), .internal, .localhost (RFC 6761). A guess, good for a hint only. */
bool hostname_is_in_cluster(const struct hostname *name);

#endif
