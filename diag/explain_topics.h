/* SPDX-License-Identifier: Apache-2.0
 *
 * `sekisho-diag explain`: short pages, in every language of ours. */
#ifndef SEKISHO_DIAG_EXPLAIN_TOPICS_H
#define SEKISHO_DIAG_EXPLAIN_TOPICS_H

/* argv[0] is "explain". Returns the exit code: 0, or 2 for no such topic. */
int explain_main(int argc, char **argv);

#endif
