/* SPDX-License-Identifier: Apache-2.0
 *
 * IP addresses, socket addresses, prefixes, and the ranges that a gateway to
 * the internet must never dial (IANA special-purpose registries, RFC 6890).
 * All sockaddr code stands here. Pure. */
#ifndef SEKISHO_CORE_IPADDR_H
#define SEKISHO_CORE_IPADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/span.h"

enum ip_family {
	IP_NONE, /* unset */
	IP_V4,
	IP_V6,
};

struct ipaddr {
	enum ip_family family;
	uint8_t bytes[16]; /* network byte order; IPv4 uses the first four, and
			    * the rest is zero */
};

struct ip_prefix {
	struct ipaddr addr; /* bits behind the length are zero */
	uint8_t bits;       /* 0 to 32 or 128 */
};

/* An address and a port. */
struct ip_endpoint {
	struct ipaddr addr;
	uint16_t port; /* host byte order */
};

enum {
	IPADDR_TEXT_MAX = 45,
	IP_ENDPOINT_TEXT_MAX = IPADDR_TEXT_MAX + 2 + 1 + 5,
	IP_PREFIX_TEXT_MAX = IPADDR_TEXT_MAX + 4,
};

/* Strict presentation forms only (inet_pton(3)): no short or octal forms, no
 * brackets, no zone. False leaves *out untouched. */
bool ipaddr_parse(struct ipaddr *out, struct span text) MUST_CHECK;

/* Writes the text (RFC 5952; nothing for IP_NONE) and a NUL; buf has
 * IPADDR_TEXT_MAX + 1 bytes. Returns the length. */
size_t ipaddr_format(const struct ipaddr *a, char *buf);

bool ipaddr_equal(const struct ipaddr *a, const struct ipaddr *b);

/* An IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) becomes the IPv4
 * address that it holds; others stay. */
void ipaddr_unmap(struct ipaddr *a);

/* "10.0.0.0/8", "fd00::/8", or an address alone (a host prefix). Host bits
 * behind the length must be zero. */
bool ip_prefix_parse(struct ip_prefix *out, struct span text) MUST_CHECK;

/* buf has IP_PREFIX_TEXT_MAX + 1 bytes; returns the length. */
size_t ip_prefix_format(const struct ip_prefix *p, char *buf);

/* Whether a lies in p. An IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2)
 * is judged as the IPv4 address it holds, and a prefix inside ::ffff:0:0/96
 * as the IPv4 prefix it stands for. */
bool ip_prefix_contains(const struct ip_prefix *p, const struct ipaddr *a);

/* The name of the special-purpose range that holds a ("loopback",
 * "link-local", "private-use", "metadata" …; static text), or NULL when a is a
 * plain global unicast address. NAT64 (64:ff9b::/96) and 6to4 (2002::/16)
 * addresses are judged by the IPv4 address they hold: 64:ff9b::8.8.8.8 is fine,
 * 64:ff9b::10.0.0.1 is "private-use". IPv4-mapped and IPv4-compatible ones are
 * always special and named by what they hold where that is special itself. So
 * are local NAT64 (64:ff9b:1::/48, where the IPv4 address stands is the
 * operator's choice), Teredo, and every IPv6 address outside 2000::/3 that is
 * not a fine NAT64 one. */
const char *ipaddr_special(const struct ipaddr *a);

/* "1.2.3.4:443" or "[::1]:443"; port 0 is allowed here (for binding). */
bool ip_endpoint_parse(struct ip_endpoint *out, struct span text) MUST_CHECK;

/* buf has IP_ENDPOINT_TEXT_MAX + 1 bytes; returns the length. */
size_t ip_endpoint_format(const struct ip_endpoint *e, char *buf);

bool ip_endpoint_equal(
    const struct ip_endpoint *a, const struct ip_endpoint *b);

/* Fills *out and returns the length to pass to connect(2) or bind(2). */
socklen_t ip_endpoint_to_sockaddr(
    const struct ip_endpoint *e, struct sockaddr_storage *out);

/* From what accept4(2) or getpeername(2) gave; an IPv4-mapped IPv6 address
 * becomes IPv4. False (and *out unset: IP_NONE) for other families. */
bool ip_endpoint_from_sockaddr(
    struct ip_endpoint *out, const struct sockaddr *sa);

#endif
