/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "healthcheck.h"
#include "serve.h"

/* Where a standard stream is closed, the next socket would get its number, and
 * the log would go to whom it connects. Reading only: that nothing can be
 * written there is still an error where it matters. */
static bool
hold_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", O_RDONLY) != fd)
			return false;
	}
	return true;
}

static int
run_healthcheck(const struct config *config)
{
	char line[HEALTHCHECK_LINE_MAX];
	bool healthy = healthcheck(&config->admin, HEALTHCHECK_LIMIT_MS, line);

	(void)fprintf(healthy ? stdout : stderr, "%s%s\n",
	    healthy ? "" : "sekisho-proxy: --healthcheck: ", line);
	return healthy ? 0 : 1;
}

int
main(int argc, char **argv)
{
	struct cli cli;
	int status = CLI_USAGE;

	if (!hold_standard_streams())
		return CLI_USAGE;
	switch (cli_run(&cli, argc, argv)) {
	case CLI_NEXT_SERVE:
		status =
		    serve(&cli.sources, cli.config, cli.policy, cli.sandbox);
		cli.config = NULL; /* serve has taken both over */
		cli.policy = NULL;
		break;
	case CLI_NEXT_HEALTHCHECK:
		status = run_healthcheck(cli.config);
		break;
	case CLI_NEXT_EXIT:
		status = cli.exit_code;
		break;
	}
	cli_fini(&cli);
	return status;
}
