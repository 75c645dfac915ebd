/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts of this machine for a bundle, as text. Reads the kernel and files; runs
 * no program. */
#ifndef SEKISHO_DIAG_BUNDLE_FACTS_H
#define SEKISHO_DIAG_BUNDLE_FACTS_H

#include <stdio.h>

void bundle_versions(FILE *out);  /* ours, the kernel's, the libraries' */
void bundle_resolver(FILE *out);  /* resolv.conf, nsswitch's hosts line */
void bundle_proxy(FILE *out);     /* variables that name proxies */
void bundle_routes(FILE *out);    /* of both families */
void bundle_addresses(FILE *out); /* of each interface */

#endif
