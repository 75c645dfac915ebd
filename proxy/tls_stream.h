/* SPDX-License-Identifier: Apache-2.0
 *
 * A TLS connection (OpenSSL) over a non-blocking socket, read and written with
 * the manners of recv(2) and send(2): -1 and errno, EAGAIN when it has to wait.
 * The handshake is made by the first calls; until it is done they say EAGAIN.
 * The socket is somebody else's and is never closed here.
 *
 * A short read or an EAGAIN means that the socket has been emptied, unless
 * tls_stream_is_over(): a caller with edge-triggered events need not ask again
 * before the next event. */
#ifndef SEKISHO_TLS_STREAM_H
#define SEKISHO_TLS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/span.h"

/* errno of a stream that ended by a FIN without a close_notify (RFC 8446
 * section 6.1): anybody on the path may have cut it. */
#define TLS_STREAM_CUT ENODATA

struct ssl_ctx_st;
struct tls_stream;

/* The server's side of a client's connection, and the client's side of ours to
 * the server that is called name (to be verified; a DNS name or an address).
 * context is OpenSSL's SSL_CTX, of which a reference is held. NULL when out of
 * memory. */
struct tls_stream *tls_stream_accept(
    struct ssl_ctx_st *context, int fd) MUST_CHECK;
struct tls_stream *tls_stream_connect(
    struct ssl_ctx_st *context, int fd, const char *name) MUST_CHECK;
void tls_stream_free(struct tls_stream *s); /* NULL is fine */

/* Goes on with the handshake. 0: it is done; -1 with errno else. */
int tls_stream_handshake(struct tls_stream *s) MUST_CHECK;

/* 0: the peer's close_notify. EPROTO: what tls_stream_fault() says. Errors are
 * told again at each later call. */
ssize_t tls_stream_recv(struct tls_stream *s, void *buf, size_t len) MUST_CHECK;

/* The same without taking the bytes; of what is there, at least one byte. */
ssize_t tls_stream_peek(struct tls_stream *s, void *buf, size_t len) MUST_CHECK;

/* Returns how many bytes were taken. After fewer than len, or EAGAIN, the next
 * bytes sent must be those that were not taken, at least as many. */
ssize_t tls_stream_send(
    struct tls_stream *s, const void *buf, size_t len) MUST_CHECK;

/* Sends a close_notify, once, unless the stream has failed. -1 with EAGAIN: not
 * all of it has gone out; to be called again. */
int tls_stream_shutdown(struct tls_stream *s);

/* Whether an end or an error waits to be told by a read. */
bool tls_stream_is_over(const struct tls_stream *s);
/* Whether the handshake is done. */
bool tls_stream_is_open(const struct tls_stream *s);
/* Whether the peer has sent a byte, and whether it has been sent one. */
bool tls_stream_was_spoken_to(const struct tls_stream *s);
bool tls_stream_has_spoken(const struct tls_stream *s);
/* Whether a read waits until the socket can be written to. */
bool tls_stream_wants_write(const struct tls_stream *s);

/* Why it failed, in words (static text): "what the peer says is no TLS". */
const char *tls_stream_fault(const struct tls_stream *s);
/* Whether it failed because the peer speaks HTTP in clear; nothing has been
 * answered then. */
bool tls_stream_met_http(const struct tls_stream *s);
/* Why the peer's certificate was refused, in words (static text): "it has
 * expired"; NULL: it was not. */
const char *tls_stream_verify_fault(const struct tls_stream *s);

/* Who the client is by its verified certificate: the subject as RFC 2253 writes
 * it ("CN=scanner,O=Example"), or, of one without a subject, its first
 * alternative name ("URI:spiffe://…"). At most TLS_SUBJECT_MAX bytes; fresh
 * memory. NULL: no certificate, or out of memory. */
enum {
	TLS_SUBJECT_MAX = 255
};
char *tls_stream_subject(const struct tls_stream *s) MUST_CHECK;

#endif
