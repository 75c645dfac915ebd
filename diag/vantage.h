/* SPDX-License-Identifier: Apache-2.0
 *
 * Where this runs: user, host, network namespace, pod, source address,
 * resolvers and search list. Reads files and asks the kernel; sends nothing. */
#ifndef SEKISHO_DIAG_VANTAGE_H
#define SEKISHO_DIAG_VANTAGE_H

#include "options.h"
#include "result.h"

/* Fills all but ca_* (probe_tls_setup() does) and lists_date. What cannot be
 * found out stays empty. */
void vantage_read(struct vantage *out, const struct check_options *options);

#endif
