/* SPDX-License-Identifier: Apache-2.0
 *
 * The hosts file (hosts(5)): names that are known without asking. */
#ifndef SEKISHO_NET_HOSTS_H
#define SEKISHO_NET_HOSTS_H

#include <stdbool.h>

#include "core/hostname.h"
#include "core/ipaddr.h"
#include "core/span.h"
#include "net/resolver.h"

/* Whether a line of the file gives name an address; fills *addr. Lines that
 * make no sense give none. */
bool hosts_line_match(struct ipaddr *addr, struct span line,
    const struct hostname *name) MUST_CHECK;

/* Reads the file anew and adds to v6 and v4 what it says of name, in its order.
 * A missing file says nothing. */
void hosts_find(struct addr_list *v6, struct addr_list *v4, const char *path,
    const struct hostname *name);

#endif
