/* SPDX-License-Identifier: Apache-2.0
 *
 * The TLS probe with a ClientHello of another shape: for the bisect. */
#ifndef SEKISHO_DIAG_TLS_PROBE_H
#define SEKISHO_DIAG_TLS_PROBE_H

#include "probe_io.h"

/* As probe_tls.start; cancel with probe_tls.cancel. */
bool tls_probe_start(struct probe **out, struct probe_job *job,
    enum hello_shape shape, probe_done_fn done, void *arg) MUST_CHECK;

#endif
