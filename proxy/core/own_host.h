/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a host that an HTTP request names is ours: an address, localhost, or
 * one of our names. A server that answers to no other name cannot be read by a
 * web page through a name of its own (DNS rebinding). Pure. */
#ifndef SEKISHO_CORE_OWN_HOST_H
#define SEKISHO_CORE_OWN_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "core/span.h"

/* host: of a Host field or a URI, "name", "name:80", "[::1]:80"; with a final
 * dot or not. */
bool own_host_is(
    const char *host, const char *const *names, size_t count) MUST_CHECK;

#endif
