/* SPDX-License-Identifier: Apache-2.0
 *
 * Throw-away certificates, and a TLS server of one connection. */
#ifndef SEKISHO_TESTS_CERTS_H
#define SEKISHO_TESTS_CERTS_H

#include <stdbool.h>

#include <openssl/ssl.h>

struct cert {
	X509 *x;
	EVP_PKEY *key;
};

struct cert_want {
	const char *org, *cn; /* subject */
	const char *san;      /* "DNS:a.example,IP:127.0.0.1", or NULL */
	bool is_ca, with_sct;
	long from_s, to_s; /* validity, from now */
};

/* Signed by issuer, or by itself when that is NULL. */
struct cert cert_make(const struct cert_want *want, const struct cert *issuer);
void cert_free(struct cert *c);

/* The usual ones: a CA by the name of a public one, and a leaf of it for
 * localhost and 127.0.0.1 with an SCT. */
struct cert cert_public_ca(void);
struct cert cert_public_leaf(const struct cert *ca);

/* A server context with this leaf; further is sent behind it, or NULL. */
SSL_CTX *cert_server(const struct cert *leaf, const struct cert *further);

/* Handshake on fd; NULL when it failed. Close with SSL_free(). */
SSL *cert_accept(SSL_CTX *ctx, int fd);

#endif
