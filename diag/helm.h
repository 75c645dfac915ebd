/* SPDX-License-Identifier: Apache-2.0
 *
 * `sekisho-diag helm`: the values that lead the Container Security chart
 * through a proxy, or what is wrong with values that somebody has. */
#ifndef SEKISHO_DIAG_HELM_H
#define SEKISHO_DIAG_HELM_H

/* argv[0] is "helm". Returns the exit code: 0 printed or clean, 1 traps found,
 * 2 usage, or a file that is no YAML. */
int helm_main(int argc, char **argv);

#endif
