/* SPDX-License-Identifier: Apache-2.0
 *
 * `sekisho-diag watch`: checks for ever, at an interval, and tells of it over
 * HTTP and on standard output. */
#ifndef SEKISHO_DIAG_WATCH_H
#define SEKISHO_DIAG_WATCH_H

/* argv[0] is "watch". Returns the exit code: 0 once TERM or INT has ended it,
 * else 2 or 5 when it could not begin. */
int watch_main(int argc, char **argv);

#endif
