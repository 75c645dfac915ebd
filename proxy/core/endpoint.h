/* SPDX-License-Identifier: Apache-2.0
 *
 * host:port, as CONNECT's authority form has it (RFC 9110 section 9.3.6,
 * RFC 9112 section 3.2.3). Pure. */
#ifndef SEKISHO_CORE_ENDPOINT_H
#define SEKISHO_CORE_ENDPOINT_H

#include <stdint.h>

#include "core/hostname.h"
#include "core/outcome.h"
#include "core/span.h"

struct endpoint {
	struct hostname host;
	uint16_t port; /* host byte order, never 0 */
};

enum {
	ENDPOINT_TEXT_MAX = HOSTNAME_MAX + 1 + 5
};

/* Reads "host:port": port mandatory, decimal, 1 to 65535, no sign, no leading
 * zero; no userinfo, path, percent coding or brackets around a name. Returns
 * OUTCOME_OK and sets *out; or, *out untouched, OUTCOME_BAD_REQUEST or
 * OUTCOME_DENIED_ADDRESS_LITERAL (well-formed, but the host is an address) with
 * *why (static text, ASCII) telling what was wrong. */
enum outcome endpoint_parse(
    struct endpoint *out, struct span text, const char **why) MUST_CHECK;

/* Reads a decimal port, 1 to 65535, as above. */
bool port_parse(uint16_t *out, struct span text) MUST_CHECK;

/* Cuts ":port" off *text when there is a good one, so that the log has the same
 * keys for targets that are no names. */
void endpoint_split(struct span *text, uint16_t *port);

/* Writes "host:port" and a NUL to buf, which has ENDPOINT_TEXT_MAX + 1 bytes;
 * returns the length. */
size_t endpoint_format(const struct endpoint *e, char *buf);

#endif
