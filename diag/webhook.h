/* SPDX-License-Identifier: Apache-2.0
 *
 * `sekisho-diag webhook`: does the admission webhook answer as the API server
 * wants it. */
#ifndef SEKISHO_DIAG_WEBHOOK_H
#define SEKISHO_DIAG_WEBHOOK_H

/* argv[0] is "webhook". Returns the exit code (design A7). */
int webhook_main(int argc, char **argv);

#endif
