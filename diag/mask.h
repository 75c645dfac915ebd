/* SPDX-License-Identifier: Apache-2.0
 *
 * What must not leave a house is blanked in texts: passwords in URLs, and, if
 * asked for, internal addresses, each always by the same stand-in. Pure. */
#ifndef SEKISHO_DIAG_MASK_H
#define SEKISHO_DIAG_MASK_H

#include <stdbool.h>
#include <stdio.h>

#include "core/ipaddr.h"
#include "core/span.h"

enum {
	MASK_ADDRESSES_MAX = 250, /* different ones; further ones all become
				   * the last stand-in */
};

struct mask {
	bool addresses;
	struct ipaddr seen[MASK_ADDRESSES_MAX];
	size_t count;
};

/* Writes text to out. User and password in URLs become three asterisks each,
 * and, with m->addresses, private, shared and link-local addresses become ones
 * of the ranges for documentation (RFC 5737: 198.51.100.N; RFC 3849:
 * 2001:db8::N). Loopback and metadata servers stay: they are the same
 * everywhere. */
void mask_write(FILE *out, struct mask *m, struct span text);

#endif
