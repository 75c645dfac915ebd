/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the access log goes: a file, a FIFO, a device, or whatever fd 1 is.
 * Only the writer's thread writes. */
#ifndef SEKISHO_ACCESS_FILE_H
#define SEKISHO_ACCESS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "core/span.h"

enum access_file_kind {
	ACCESS_FILE_PLAIN,    /* file or device: write(2) does not wait */
	ACCESS_FILE_STREAM,   /* pipe or terminal, non-blocking for us alone */
	ACCESS_FILE_BLOCKING, /* pipe or terminal that we could not open anew */
	ACCESS_FILE_SOCKET,
};

struct access_file {
	int fd;
	enum access_file_kind kind;
};

enum access_file_result {
	ACCESS_FILE_WROTE, /* *n bytes, perhaps fewer than asked */
	ACCESS_FILE_FULL,  /* wait for POLLOUT; *n is 0 */
	ACCESS_FILE_FAILED /* errno says why; *n is 0 */
};

/* Opens path ("stdout" is fd 1) to append, with mode 0640 when it is new. A
 * last line that an earlier process could not finish is ended. False after a
 * message. */
bool access_file_open(struct access_file *f, const char *path) MUST_CHECK;
void access_file_close(struct access_file *f);

/* Never waits for a reader. SIGPIPE must be blocked or ignored. */
enum access_file_result access_file_write(
    const struct access_file *f, const struct iovec *iov, int count, size_t *n);

#endif
