/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates, keys and authorities from PEM files to what handshakes are made
 * with (OpenSSL's SSL_CTX, shared by all workers and never changed). */
#ifndef SEKISHO_TLS_FILES_H
#define SEKISHO_TLS_FILES_H

#include <stddef.h>

#include "core/span.h"

struct ssl_ctx_st;

enum tls_file {
	TLS_CERTIFICATE, /* first the server's, then its intermediates */
	TLS_KEY,
	TLS_CLIENT_CA,
	TLS_PARENT_CA,
	TLS_FILES,
};

/* One call per fault of a file: what is wrong and what to do, without the
 * file's name; text valid during the call. */
typedef void (*tls_file_error_fn)(
    void *arg, enum tls_file file, const char *text);

/* A listener's: TLS 1.2 and 1.3, ciphers with forward secrecy and
 * authentication only, no renegotiation, no compression, ALPN http/1.1. Paths
 * by enum tls_file; of TLS_KEY NULL: the certificate's file holds it; of
 * TLS_CLIENT_CA NULL: clients need no certificate. With client certificates
 * there is no resumption: each connection shows one. NULL after error calls. */
struct ssl_ctx_st *tls_server_context(
    const char *const *paths, tls_file_error_fn error, void *arg) MUST_CHECK;

/* For connections to the parent: it must show a certificate of an authority in
 * path; NULL: of the system's bundle. NULL after error calls. */
struct ssl_ctx_st *tls_client_context(
    const char *path, tls_file_error_fn error, void *arg) MUST_CHECK;

void tls_context_free(struct ssl_ctx_st *context); /* NULL is fine */

/* What is not wrong but soon will be, or is for most clients: an expired
 * certificate, one that is not valid yet. By the error function. */
void tls_context_warn(
    const struct ssl_ctx_st *context, tls_file_error_fn warn, void *arg);

#endif
