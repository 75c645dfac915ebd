/* SPDX-License-Identifier: Apache-2.0
 *
 * `sekisho-diag list`: the endpoints of some regions in the form that other
 * systems take. They come from the same catalog and the same selection as the
 * gateway's (core/policy), so that a firewall fed from here and the gateway
 * cannot differ. */
#ifndef SEKISHO_DIAG_LIST_H
#define SEKISHO_DIAG_LIST_H

/* argv[0] is "list". Returns the exit code: 0, or 2. */
int list_main(int argc, char **argv);

#endif
