/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints the table of keys, for keys.py. */
#include <stdio.h>

#include "config.h"

int
main(void)
{
	config_keys(stdout);
	return fflush(stdout) == 0 ? 0 : 1;
}
