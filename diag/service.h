/* SPDX-License-Identifier: Apache-2.0
 *
 * How a service is known: by its certificate, and by the answer of its kind. A
 * block page, a portal or an inspection device has neither, trusted here or
 * not. The diagnosis judges by it, and the API key is sent by it. Pure. */
#ifndef SEKISHO_DIAG_SERVICE_H
#define SEKISHO_DIAG_SERVICE_H

#include <stdbool.h>

#include "result.h"

/* The certificate proves the host: verified (unless any root will do), its
 * name, and, for listed hosts, a public CA with SCTs. */
bool service_is_genuine(const struct target *t, const struct tls_result *tls);

/* The answer is one of this kind of service: status, type, telling headers. */
bool service_has_signature(const struct target *t, const struct http_result *h);

/* What is expected of the kind, in words; "-" when it is not asked anything. */
const char *service_expected(enum probe_kind kind);

/* Request ids that only AWS services send. */
bool service_has_amz(const struct http_result *h);

/* A challenge that only a proxy or an office's single sign-on sends. */
bool service_has_foreign_challenge(const struct http_result *h);

#endif
