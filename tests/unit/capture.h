/* SPDX-License-Identifier: Apache-2.0
 *
 * What a piece of code writes to stderr, for tests of messages. */
#ifndef SEKISHO_TESTS_CAPTURE_H
#define SEKISHO_TESTS_CAPTURE_H

#include <stddef.h>

struct capture {
	int fd;    /* an unnamed file */
	int saved; /* the true stderr */
};

/* stderr goes to c until capture_end(), which also shows it to a person. */
struct capture capture_start(void);
void capture_end(struct capture *c);

/* How often needle stands in what was written so far. */
size_t capture_count(const struct capture *c, const char *needle);

#endif
