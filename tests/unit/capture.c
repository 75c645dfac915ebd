/* SPDX-License-Identifier: Apache-2.0 */
#include "capture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	CAPTURE_MAX = 65536
};

/* Fresh, NUL-terminated. */
static char *
contents(const struct capture *c)
{
	char *text = calloc(1, CAPTURE_MAX);

	if (text == NULL || pread(c->fd, text, CAPTURE_MAX - 1, 0) < 0)
		abort();
	return text;
}

struct capture
capture_start(void)
{
	struct capture c = {
	    .fd = memfd_create("stderr", MFD_CLOEXEC),
	    .saved = dup(STDERR_FILENO),
	};

	if (c.fd < 0 || c.saved < 0 || dup2(c.fd, STDERR_FILENO) < 0)
		abort();
	return c;
}

void
capture_end(struct capture *c)
{
	char *text = contents(c);

	if (dup2(c->saved, STDERR_FILENO) < 0 ||
	    write(STDERR_FILENO, text, strlen(text)) < 0)
		abort();
	free(text);
	(void)close(c->saved);
	(void)close(c->fd);
}

size_t
capture_count(const struct capture *c, const char *needle)
{
	char *text = contents(c);
	size_t count = 0;

	for (const char *at = text; (at = strstr(at, needle)) != NULL; at++)
		count++;
	free(text);
	return count;
}
