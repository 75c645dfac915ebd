/* SPDX-License-Identifier: Apache-2.0
 *
 * `sekisho-diag bundle`: what a support case needs, in one file. */
#ifndef SEKISHO_DIAG_BUNDLE_H
#define SEKISHO_DIAG_BUNDLE_H

/* argv[0] is "bundle". Returns the exit code (design A7). */
int bundle_main(int argc, char **argv);

#endif
