/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line: reads the arguments, does the commands that open no socket
 * (--help, --version, --check, --dump-config, --print-allowlist, --explain),
 * and for serving or --healthcheck hands over the configuration and the policy.
 */
#ifndef SEKISHO_CLI_H
#define SEKISHO_CLI_H

#include <stddef.h>

#include "config.h"
#include "core/policy.h"
#include "core/span.h"

enum cli_exit {
	CLI_OK = 0,
	CLI_DENIED = 1, /* --explain */
	CLI_USAGE = 2,  /* arguments, configuration, or no output possible */
};

enum cli_next {
	CLI_NEXT_EXIT,        /* exit with exit_code; all has been said */
	CLI_NEXT_SERVE,       /* config and policy are set */
	CLI_NEXT_HEALTHCHECK, /* config is set, but may lack regions */
};

/* What the arguments say. */
struct cli {
	int exit_code;         /* with CLI_NEXT_EXIT: enum cli_exit */
	struct config *config; /* unless CLI_NEXT_EXIT; owned */
	struct policy *policy; /* with CLI_NEXT_SERVE; one reference */
	bool sandbox;          /* with CLI_NEXT_SERVE; unless --no-sandbox */

	/* Where they come from, to load them anew; borrows from argv. */
	struct config_sources sources;
	struct config_setting *settings; /* behind sources; owned */
	const char **listen;
	char **keys; /* of the settings from --set */
	size_t key_count;
};

/* Reads the arguments and does what can be done without sockets. Answers go to
 * stdout, errors to stderr: one line for a usage error, and one "FILE:LINE:
 * message" for each error of a file. Not for two threads at once, as
 * getopt_long(3) is not. */
enum cli_next cli_run(struct cli *cli, int argc, char **argv) MUST_CHECK;

/* Frees what cli_run has set, whatever it has returned. The owner may take
 * config and policy out before, and set them to NULL. */
void cli_fini(struct cli *cli);

#endif
