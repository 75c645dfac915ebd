/* SPDX-License-Identifier: Apache-2.0
 *
 * What /proc says of this process: the process_* series. The files are opened
 * once and kept, so that a reading needs no descriptor when all are taken. */
#ifndef SEKISHO_METRICS_PROCESS_H
#define SEKISHO_METRICS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/span.h"

struct metrics_process; /* owned by whoever opened it */

struct metrics_process_values {
	double cpu_seconds; /* user and system */
	double start_time;  /* seconds since 1970 */
	uint64_t resident_bytes, virtual_bytes;
	uint64_t open_fds, max_fds;
	uint64_t threads;
};

/* NULL when out of memory, or with errno when there is no /proc. */
struct metrics_process *metrics_process_open(void) MUST_CHECK;
void metrics_process_close(struct metrics_process *p); /* NULL is fine */

/* False when /proc says nothing that can be understood. */
bool metrics_process_read(
    struct metrics_process *p, struct metrics_process_values *out) MUST_CHECK;

#endif
