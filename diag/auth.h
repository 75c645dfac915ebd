/* SPDX-License-Identifier: Apache-2.0
 *
 * `sekisho-diag auth`: whose 401 is it, and why. The key is judged, then the
 * way to the region's own API is walked as `check` does, and only the proven
 * service gets to see it. */
#ifndef SEKISHO_DIAG_AUTH_H
#define SEKISHO_DIAG_AUTH_H

/* argv[0] is "auth". Returns the exit code (design A7). */
int auth_main(int argc, char **argv);

#endif
