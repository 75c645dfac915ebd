/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cli.h"
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

int
main(int argc, char **argv)
{
	struct cli cli;
	int status;

	if (!hold_standard_streams())
		return CLI_USAGE;
	if (cli_run(&cli, argc, argv) == CLI_NEXT_SERVE) {
		status = serve(&cli.sources, cli.config, cli.policy);
		cli.config = NULL; /* serve has taken both over */
		cli.policy = NULL;
	} else {
		status = cli.exit_code;
	}
	cli_fini(&cli);
	return status;
}
