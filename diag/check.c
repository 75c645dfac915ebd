/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

int
check_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 5;
}
