/* SPDX-License-Identifier: Apache-2.0
 *
 * `sekisho-diag check`: options, plan, run, diagnosis, report. */
#ifndef SEKISHO_DIAG_CHECK_H
#define SEKISHO_DIAG_CHECK_H

/* argv[0] is "check". Returns the exit code (design A7). */
int check_main(int argc, char **argv);

#endif
