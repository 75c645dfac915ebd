/* SPDX-License-Identifier: Apache-2.0
 *
 * What hosts(5) says about a name, as programs see it before they ask DNS. */
#ifndef SEKISHO_DIAG_DNS_HOSTS_H
#define SEKISHO_DIAG_DNS_HOSTS_H

#include <stdbool.h>

#include "result.h"

/* Reads PATH; true when it has the name, then a and aaaa of *out are filled
 * (DNS_ANSWER, or DNS_NOT_ASKED for the family it has no address of). A file
 * that cannot be read knows no name. */
bool dns_hosts_find(
    struct dns_result *out, const char *path, const char *name) MUST_CHECK;

#endif
