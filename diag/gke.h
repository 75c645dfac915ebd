/* SPDX-License-Identifier: Apache-2.0
 *
 * `sekisho-diag gke`: the firewall rule that a private GKE cluster needs for
 * the admission webhook, and whether it is there. */
#ifndef SEKISHO_DIAG_GKE_H
#define SEKISHO_DIAG_GKE_H

/* argv[0] is "gke". Returns the exit code (design A7). */
int gke_main(int argc, char **argv);

#endif
