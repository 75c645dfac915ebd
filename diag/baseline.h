/* SPDX-License-Identifier: Apache-2.0
 *
 * A baseline: what a run found, in a small file, and what is different now:
 * addresses, issuer, status, proxy's answer, reachable or not. */
#ifndef SEKISHO_DIAG_BASELINE_H
#define SEKISHO_DIAG_BASELINE_H

#include <stdbool.h>
#include <stdio.h>

#include "result.h"

/* Reads PATH and sets run->changes; a file that does not exist yet is no
 * change. False with one line in error (size len) when it cannot be read. */
bool baseline_compare(
    struct run *run, const char *path, char *error, size_t len) MUST_CHECK;

/* Writes PATH anew (beside it first, then rename(2)). */
bool baseline_write(const struct run *run, const char *path, char *error,
    size_t len) MUST_CHECK;

#endif
