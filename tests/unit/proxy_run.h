/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs the real sekisho-proxy and catches what it prints. */
#ifndef SEKISHO_TESTS_PROXY_RUN_H
#define SEKISHO_TESTS_PROXY_RUN_H

#include <stdbool.h>

enum {
	RUN_ARGS_MAX = 16,
	RUN_OUT_MAX = 1 << 16,
	RUN_ERR_MAX = 1 << 13,
};

struct run {
	const char *args[RUN_ARGS_MAX]; /* behind the program's name */
	const char *out_path;           /* NULL: into out */
	bool no_sockets; /* socket(2) and its like end the program by SIGSYS */

	int exit_code; /* -1: ended by a signal */
	char out[RUN_OUT_MAX], err[RUN_ERR_MAX];
};

/* Fails the test when the program cannot be started or prints too much. */
void run_proxy(struct run *r);

#endif
