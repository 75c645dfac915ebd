/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the probes: a TLS layer that shows what OpenSSL hides (bytes on the
 * wire, the hello's size, errno), streams over a descriptor or over such a
 * layer, and small helpers. Nothing in here blocks. */
#ifndef SEKISHO_DIAG_PROBE_IO_H
#define SEKISHO_DIAG_PROBE_IO_H

#include <openssl/ssl.h>

#include "probe.h"
#include "probe_text.h"

enum io_end {
	IO_DONE,
	IO_WANT_READ,
	IO_WANT_WRITE,
	IO_HELD,  /* the first part of a split hello is out */
	IO_EOF,   /* the peer closed */
	IO_ERROR, /* errno is in the layer or stream; 0 with IO_TLS */
	IO_TLS,   /* OpenSSL gave up: ERR_get_error() has why */
	IO_PLAIN, /* what came is not TLS */
};

struct io_buf {
	void *ptr;
	size_t len, got;
	bool peek;
	int err; /* errno */
};

/* How the ClientHello is made. */
enum hello_shape {
	/* As big as today's clients send it: they offer ML-KEM-768
	 * (draft-ietf-tls-ecdhe-mlkem), which makes a hello larger than one
	 * segment. Where OpenSSL does not know it (before 3.5), a GREASE
	 * extension (RFC 8701) of the same size stands in. */
	HELLO_USUAL,
	HELLO_NEUTRAL, /* the same with another server name */
	HELLO_SMALL,   /* X25519 and P-256 only, no more than needed */
	HELLO_SPLIT,   /* as usual, the name cut across two segments */
};

struct tls_layer {
	SSL *ssl;
	BIO *in, *out;           /* owned by ssl */
	int fd;                  /* borrowed */
	struct tls_layer *under; /* borrowed: speak through this; or NULL */
	int err;                 /* errno of the last IO_ERROR */
	int send_err;            /* of sending, until reading explains it */
	unsigned long error;     /* OpenSSL's, of the last IO_TLS */
	bool plain;              /* what came is not TLS: it is in first */
	uint64_t received;
	uint8_t first[FIRST_BYTES_MAX];
	size_t first_count;
	unsigned hello_bytes;
	/* A split hello: hold_at bytes go first; 0: all at once. */
	size_t hold_at, sent;
	bool held;
	enum hello_shape shape;
	const char *name; /* borrowed */
	/* What callbacks noted. */
	int verify_code, verify_depth;
	int alert; /* the last fatal one that came; -1: none */
	bool wants_client_cert;
};

struct tls_want {
	void *context; /* SSL_CTX */
	int fd;
	struct tls_layer *under;
	const char *name; /* server name; an address sends none */
	const char *alpn; /* comma separated; NULL: none */
	enum hello_shape shape;
};

/* NULL when out of memory, or the name cannot be one. */
struct tls_layer *tls_layer_new(const struct tls_want *want) MUST_CHECK;

/* Sets name, ALPN and shape (tls_setup.c). */
bool tls_layer_configure(
    struct tls_layer *l, const struct tls_want *want) MUST_CHECK;

/* One step of the handshake: IO_DONE when it is finished. */
enum io_end tls_layer_handshake(struct tls_layer *l) MUST_CHECK;

/* Lets the second part of a split hello go. */
void tls_layer_release(struct tls_layer *l);

/* Reads to see what comes behind the handshake (an alert, tickets); data is
 * thrown away. IO_DONE: data came. */
enum io_end tls_layer_listen(struct tls_layer *l) MUST_CHECK;

/* Fills what the handshake showed: version to chain, verification, names, and
 * how it ended. host: whose certificate it should be. */
void tls_layer_report(struct tls_result *out, struct tls_layer *l,
    enum io_end end, const char *host);
void tls_chain_report(
    struct tls_result *out, struct tls_layer *l, const char *host);

/* Saves a chain that did not verify to a file of its own in dir (NULL: below
 * TMPDIR), once per issuer and run; sets out->chain_file. */
void tls_chain_save(
    struct tls_result *out, struct tls_layer *l, const char *dir);
/* Frees what tls_chain_save() remembers: for probe_tls_teardown(). */
void tls_chain_forget(SSL_CTX *ctx);

/* Reads or peeks at most len bytes from the connection: through its layer when
 * it has one. IO_DONE sets got > 0; IO_ERROR sets err. */
enum io_end conn_read(struct probe_conn *conn, struct io_buf *b) MUST_CHECK;
/* Writes; IO_DONE sets got to what went, which may be less than len. */
enum io_end conn_write(struct probe_conn *conn, struct io_buf *b) MUST_CHECK;

/* The same on a layer. */
enum io_end tls_layer_read(struct tls_layer *l, struct io_buf *b) MUST_CHECK;
enum io_end tls_layer_write(struct tls_layer *l, struct io_buf *b) MUST_CHECK;

/* TCP_INFO of a descriptor; known stays false when it cannot be had. */
void tcp_figures_read(struct tcp_figures *out, int fd);

/* Phase times. */
void phase_begin(struct phase_time *t, const struct probe_env *env);
void phase_finish(
    struct phase_time *t, const struct probe_env *env, enum phase_end end);

/* The name and port that DNS and TCP are about: the proxy's on a path with
 * one, else the endpoint's. */
const char *job_host(const struct probe_job *job);
uint16_t job_port(const struct probe_job *job);

/* Asks the A addresses once more (--deep): fills dns.again. */
extern const struct probe_ops probe_dns_again;

#define CONTAINER_OF(ptr, type, member)                                        \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
