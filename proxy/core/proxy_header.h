/* SPDX-License-Identifier: Apache-2.0
 *
 * The header by which a load balancer says whose connection it passes on: the
 * PROXY protocol of HAProxy, versions 1 and 2 (doc/proxy-protocol.txt there,
 * sections 2.1 and 2.2). Pure. */
#ifndef SEKISHO_CORE_PROXY_HEADER_H
#define SEKISHO_CORE_PROXY_HEADER_H

#include <stddef.h>

#include "core/ipaddr.h"
#include "core/span.h"

enum {
	PROXY_HEADER_V1_MAX = 107, /* bytes of the line, CR LF included */
	/* Bytes of a version 2 header that are taken, with its TLVs; the format
	 * itself would have 65551. */
	PROXY_HEADER_MAX = 4096,
};

enum proxy_header_status {
	PROXY_HEADER_MORE, /* fine so far, and bytes are missing */
	PROXY_HEADER_DONE,
	PROXY_HEADER_BAD,
};

struct proxy_header {
	/* DONE: whose connection it is; IP_NONE: the header does not say, and
	 * the peer itself counts. An IPv4-mapped address is given as IPv4. */
	struct ip_endpoint client;
	size_t len;         /* DONE: of the header */
	size_t need;        /* MORE: DONE cannot come before so many bytes */
	const char *detail; /* BAD: static text, ASCII */
};

/* Reads the header at the beginning of a connection. Every call starts anew,
 * and the answer is the same however the bytes come in; faults are told as soon
 * as their bytes are there.
 *
 * The peer counts (client is IP_NONE) with UNKNOWN in version 1, and in version
 * 2 with LOCAL, of which all is skipped, and with families or transports other
 * than TCP over IPv4 or IPv6 (UNSPEC, Unix sockets, datagrams), as the
 * specification wants of a receiver that has no use for them. TLVs are skipped;
 * they must fit, and a checksum among them (CRC32c) must be right. */
enum proxy_header_status proxy_header_parse(
    struct proxy_header *out, struct span data) MUST_CHECK;

#endif
