/* SPDX-License-Identifier: Apache-2.0 */
#include "tls_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "core/ca_bundle.h"
#include "core/ini.h"

enum {
	FAULT_MAX = 512,
	DATE_MAX = 32,
	SOON_DAYS = 7,
	/* One record and the beginning of the next in one read(2); held only
	 * while bytes wait in it. */
	READ_BUFFER = 32 * 1024,
};

/* Forward secrecy and authenticated encryption; of TLS 1.3 all are. */
static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

/* --- reading PEM ------------------------------------------------------------
 */

/* One file being read. */
struct source {
	enum tls_file file;
	const char *path;
	tls_file_error_fn error;
	void *arg;
	char *text;
	size_t len;
	BIO *pem; /* of text */
	bool encrypted;
};

static bool source_fault(struct source *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool
source_fault(struct source *s, const char *format, ...)
{
	char text[FAULT_MAX];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	s->error(s->arg, s->file, text);
	ERR_clear_error();
	return false;
}

/* "PATH: cannot read: …" */
static void
on_unreadable(void *arg, const char *text)
{
	struct source *s = arg;
	size_t skip = strlen(s->path) + 2;

	(void)source_fault(s,
	    "%s; check the path, and that the gateway's user may read it",
	    strlen(text) > skip ? text + skip : text);
}

static bool
source_open(struct source *s)
{
	s->text = ini_read_file(s->path, &s->len, on_unreadable, s);
	if (s->text == NULL)
		return false;
	if (s->len > 0 && s->text[0] == '\x30')
		return source_fault(s,
		    "is DER, and PEM is wanted: convert it with openssl %s "
		    "-inform der",
		    s->file == TLS_KEY ? "pkey" : "x509");
	s->pem = BIO_new_mem_buf(s->text, (int)s->len);
	return s->pem != NULL || source_fault(s, "out of memory");
}

static void
source_close(struct source *s)
{
	BIO_free(s->pem);
	if (s->text != NULL)
		explicit_bzero(s->text, s->len);
	free(s->text);
}

static const char *
last_reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text != NULL ? text : "unknown error";
}

/* The end of a file is an error to PEM_read_bio. */
static bool
at_end(void)
{
	unsigned long code = ERR_peek_last_error();

	return ERR_GET_LIB(code) == ERR_LIB_PEM &&
	       ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

/* NULL at the end, or after a report: *ok tells which. */
static X509 *
next_certificate(struct source *s, bool *ok)
{
	X509 *cert;

	ERR_clear_error();
	cert = PEM_read_bio_X509(s->pem, NULL, NULL, NULL);
	*ok = cert != NULL || at_end();
	if (!*ok)
		(void)source_fault(
		    s, "a certificate in it is damaged: %s", last_reason());
	return cert;
}

static bool
no_certificate(struct source *s)
{
	return source_fault(s,
	    "holds no certificate in PEM form (no line -----BEGIN "
	    "CERTIFICATE-----)");
}

/* --- what goes into a context ------------------------------------------------
 */

static bool
take_chain(struct source *s, SSL_CTX *ctx)
{
	X509 *cert;
	bool ok;

	while ((cert = next_certificate(s, &ok)) != NULL) {
		if (SSL_CTX_add0_chain_cert(ctx, cert) == 1)
			continue;
		X509_free(cert);
		return source_fault(
		    s, "a certificate in it is refused: %s", last_reason());
	}
	return ok;
}

static bool
take_certificate(struct source *s, SSL_CTX *ctx)
{
	bool ok, used;
	X509 *leaf = next_certificate(s, &ok);

	if (leaf == NULL)
		return ok && no_certificate(s);
	used = SSL_CTX_use_certificate(ctx, leaf) == 1;
	X509_free(leaf);
	if (!used)
		return source_fault(s,
		    "its first certificate is refused: %s; use a key of 2048 "
		    "bits RSA or 256 bits EC, and SHA-256",
		    last_reason());
	return take_chain(s, ctx);
}

/* A gateway has nobody to ask for a passphrase. */
/* NOLINTBEGIN(readability-non-const-parameter): OpenSSL's type */
static int
no_passphrase(char *buf, int size, int writing, void *arg)
{
	struct source *s = arg;

	(void)buf;
	(void)size;
	(void)writing;
	s->encrypted = true;
	return -1;
}
/* NOLINTEND(readability-non-const-parameter): OpenSSL's type */

static bool
take_key(struct source *s, SSL_CTX *ctx)
{
	EVP_PKEY *key = PEM_read_bio_PrivateKey(s->pem, NULL, no_passphrase, s);
	static const char mark[] = "PRIVATE KEY-----";
	bool used;

	if (s->encrypted)
		return source_fault(s,
		    "the private key is encrypted, and there is nobody to ask "
		    "for its passphrase: decrypt it with openssl pkey");
	if (key == NULL)
		return memmem(s->text, s->len, mark, strlen(mark)) == NULL
			   ? source_fault(s,
				 "holds no private key in PEM form (no "
				 "line -----BEGIN PRIVATE KEY-----)")
			   : source_fault(s, "the private key is damaged: %s",
				 last_reason());
	/* A key of another kind than the certificate's would be taken, and find
	 * no certificate at each handshake. */
	used = SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
	       SSL_CTX_check_private_key(ctx) == 1;
	EVP_PKEY_free(key);
	return used ||
	       source_fault(s,
		   "the private key does not belong to the first certificate "
		   "of tls_certificate (%s): use the two that were made "
		   "together, the server's certificate first",
		   last_reason());
}

static bool
take_authorities(struct source *s, SSL_CTX *ctx)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	bool ok, any = false;
	X509 *cert;

	while ((cert = next_certificate(s, &ok)) != NULL) {
		bool added = X509_STORE_add_cert(store, cert) == 1 &&
			     (s->file != TLS_CLIENT_CA ||
				 SSL_CTX_add_client_CA(ctx, cert) == 1);

		any = true;
		X509_free(cert);
		if (!added)
			return source_fault(s,
			    "a certificate in it is refused: %s",
			    last_reason());
	}
	/* Any certificate in the file is trusted, be it a root or not. */
	(void)X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
	return ok && (any || no_certificate(s));
}

typedef bool (*take_fn)(struct source *s, SSL_CTX *ctx);

static bool
take_file(struct source s, SSL_CTX *ctx, take_fn take)
{
	bool ok = source_open(&s) && take(&s, ctx);

	source_close(&s);
	return ok;
}

/* --- contexts --------------------------------------------------------------
 */

/* RFC 7301: HTTP/1.1 is the one protocol here that has a name. */
static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *len,
    const unsigned char *in, unsigned in_len, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, len, ours, sizeof(ours) - 1, in,
		in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *
context_new(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (ctx == NULL)
		return NULL;
	(void)SSL_CTX_set_options(ctx,
	    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
		SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
					SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					SSL_MODE_RELEASE_BUFFERS);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_read_buffer_len(ctx, READ_BUFFER);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	    SSL_CTX_set_cipher_list(ctx, ciphers) == 1)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

static bool
want_client_certificates(struct source ca, SSL_CTX *ctx)
{
	SSL_CTX_set_verify(
	    ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	(void)SSL_CTX_set_num_tickets(ctx, 0);
	return take_file(ca, ctx, take_authorities);
}

static bool
fill_server(SSL_CTX *ctx, const char *const *paths, struct source s)
{
	struct source key = s, ca = s;
	bool ok;

	s.path = paths[TLS_CERTIFICATE];
	key.file = TLS_KEY;
	key.path = paths[TLS_KEY];
	if (key.path == NULL) {
		key.file = TLS_CERTIFICATE;
		key.path = s.path;
	}
	ca.file = TLS_CLIENT_CA;
	ca.path = paths[TLS_CLIENT_CA];
	ok = take_file(s, ctx, take_certificate) &&
	     take_file(key, ctx, take_key);
	/* Faults of the authorities are told along with others. */
	if (ca.path != NULL)
		ok = want_client_certificates(ca, ctx) && ok;
	return ok;
}

struct ssl_ctx_st *
tls_server_context(const char *const *paths, tls_file_error_fn error, void *arg)
{
	SSL_CTX *ctx = context_new(TLS_server_method());
	struct source s = {.file = TLS_CERTIFICATE, .error = error, .arg = arg};

	if (ctx == NULL) {
		(void)source_fault(&s, "no TLS: %s", last_reason());
		return NULL;
	}
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	(void)SSL_CTX_set_num_tickets(ctx, 1);
	if (fill_server(ctx, paths, s))
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

struct ssl_ctx_st *
tls_client_context(const char *path, tls_file_error_fn error, void *arg)
{
	SSL_CTX *ctx = context_new(TLS_client_method());
	struct source s = {.file = TLS_PARENT_CA, .error = error, .arg = arg};

	s.path = path != NULL ? path : ca_bundle_find();
	if (ctx == NULL) {
		(void)source_fault(&s, "no TLS: %s", last_reason());
		return NULL;
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (s.path == NULL)
		(void)source_fault(&s,
		    "this system has no bundle of authorities (looked for %s "
		    "and others): install ca-certificates, or set "
		    "parent_ca_file",
		    ca_bundle_usual());
	else if (take_file(s, ctx, take_authorities))
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

void
tls_context_free(struct ssl_ctx_st *context)
{
	SSL_CTX_free(context);
}

/* --- warnings ---------------------------------------------------------------
 */

/* "the certificate BEFORE DATE AFTER" */
struct date_warning {
	const char *before, *after;
	const ASN1_TIME *date;
};

static bool
find_warning(const X509 *leaf, struct date_warning *w)
{
	const ASN1_TIME *since = X509_get0_notBefore(leaf);
	const ASN1_TIME *until = X509_get0_notAfter(leaf);
	time_t soon = time(NULL) + (time_t)SOON_DAYS * 24 * 60 * 60;

	if (X509_cmp_current_time(since) > 0)
		*w = (struct date_warning){"is not valid before",
		    "and clients refuse it: check the clock", since};
	else if (X509_cmp_current_time(until) < 0)
		*w = (struct date_warning){
		    "expired at", "and clients refuse it: renew it", until};
	else if (X509_cmp_time(until, &soon) < 0)
		*w = (struct date_warning){
		    "expires at", "clients will refuse it: renew it", until};
	else
		return false;
	return true;
}

void
tls_context_warn(
    const struct ssl_ctx_st *context, tls_file_error_fn warn, void *arg)
{
	const X509 *leaf = SSL_CTX_get0_certificate(context);
	char date[DATE_MAX] = "", text[FAULT_MAX];
	struct date_warning w;
	struct tm tm;

	if (leaf == NULL || !find_warning(leaf, &w))
		return;
	if (ASN1_TIME_to_tm(w.date, &tm) == 1)
		(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	(void)snprintf(text, sizeof(text), "the certificate %s %s, %s",
	    w.before, date, w.after);
	warn(arg, TLS_CERTIFICATE, text);
}
