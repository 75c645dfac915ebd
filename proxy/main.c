/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "serve.h"

int
main(int argc, char **argv)
{
	struct cli cli;
	int status;

	if (cli_run(&cli, argc, argv) == CLI_NEXT_SERVE) {
		status = serve(cli.config, cli.policy);
		cli.config = NULL; /* serve has taken both over */
		cli.policy = NULL;
	} else {
		status = cli.exit_code;
	}
	cli_fini(&cli);
	return status;
}
