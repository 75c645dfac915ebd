/* SPDX-License-Identifier: Apache-2.0
 *
 * A gzipped tar archive in the ustar format (POSIX.1-2017 pax, "ustar
 * Interchange Format"): plain files of text alone, written one after the
 * other. */
#ifndef SEKISHO_DIAG_TAR_FILE_H
#define SEKISHO_DIAG_TAR_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/span.h"

enum {
	TAR_NAME_MAX = 99, /* bytes of a member's name */
};

struct tar_file; /* owned by whoever opened it */

/* Makes path anew, mode 0600; NULL with errno. */
struct tar_file *tar_file_open(const char *path) MUST_CHECK;

/* Adds a member of this time; false when writing failed. The name is at most
 * TAR_NAME_MAX bytes. */
bool tar_file_add(struct tar_file *t, const char *name, struct span data,
    int64_t unix_s) MUST_CHECK;

/* Ends the archive; false when any of it was not written. NULL is false. */
bool tar_file_close(struct tar_file *t) MUST_CHECK;

#endif
