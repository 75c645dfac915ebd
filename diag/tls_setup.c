/* SPDX-License-Identifier: Apache-2.0
 *
 * The TLS context of a run: trust store, callbacks that note and never judge,
 * and the shapes of the ClientHello. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/ct.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "core/ca_bundle.h"
#include "probe_io.h"

enum {
	GREASE_TYPE = 0x1a1a,
	ML_KEM_SHARE = 4 + 1184 + 32, /* a key share of X25519MLKEM768 */
};

static const char neutral_name[] = "www.example.com";

/* --- callbacks ------------------------------------------------------------ */

/* Notes the first fault and lets the handshake go on. */
static int
on_verify(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(
	    store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_layer *l = ssl != NULL ? SSL_get_app_data(ssl) : NULL;

	if (!ok && l != NULL && l->verify_code == X509_V_OK) {
		l->verify_code = X509_STORE_CTX_get_error(store);
		l->verify_depth = X509_STORE_CTX_get_error_depth(store);
	}
	return 1;
}

static void
on_info(const SSL *ssl, int where, int value)
{
	struct tls_layer *l = SSL_get_app_data(ssl);

	/* value: level and description (RFC 8446 section 6); a warning is a
	 * farewell (close_notify) or may be ignored. */
	if (l != NULL && where == SSL_CB_READ_ALERT &&
	    value >> 8 == SSL3_AL_FATAL)
		l->alert = value & 0xFF;
}

static int
on_client_cert(SSL *ssl, X509 **cert, EVP_PKEY **key)
{
	struct tls_layer *l = SSL_get_app_data(ssl);

	(void)cert;
	(void)key;
	if (l != NULL)
		l->wants_client_cert = true;
	return 0; /* we have none */
}

/* Asking for SCTs is what is wanted here; judging them is the diagnosis'. */
static int
on_ct(const CT_POLICY_EVAL_CTX *ctx, const STACK_OF(SCT) * scts, void *arg)
{
	(void)ctx;
	(void)scts;
	(void)arg;
	return 1;
}

/* OpenSSL's SSL_custom_ext_add_cb_ex has these parameters and these types. */
/* NOLINTBEGIN(readability-function-size): OpenSSL's parameters */
/* NOLINTBEGIN(readability-non-const-parameter): OpenSSL's types */
static int
add_filler(SSL *ssl, unsigned type, unsigned context, const unsigned char **out,
    size_t *len, X509 *x, size_t index, int *alert, void *arg)
{
	static const unsigned char zeros[ML_KEM_SHARE];
	const struct tls_layer *l = SSL_get_app_data(ssl);

	(void)type;
	(void)context;
	(void)x;
	(void)index;
	(void)alert;
	(void)arg;
	if (l == NULL || l->shape == HELLO_SMALL)
		return 0;
	*out = zeros;
	*len = sizeof(zeros);
	return 1;
}
/* NOLINTEND(readability-non-const-parameter): OpenSSL's types */
/* NOLINTEND(readability-function-size): OpenSSL's parameters */

/* --- one connection ------------------------------------------------------- */

static bool
set_alpn(SSL *ssl, const char *list)
{
	unsigned char wire[256];
	size_t used = 0;

	while (*list != '\0') {
		size_t n = strcspn(list, ",");

		if (n == 0 || n > 255 || used + 1 + n > sizeof(wire))
			return false;
		wire[used++] = (unsigned char)n;
		memcpy(wire + used, list, n);
		used += n;
		list += n + (list[n] == ',');
	}
	return used == 0 || SSL_set_alpn_protos(ssl, wire, (unsigned)used) == 0;
}

/* OpenSSL's macros drop const: they get copies. */
static bool
set_name(SSL *ssl, const char *name)
{
	char copy[HOSTNAME_MAX + 1];

	copy_text(copy, sizeof(copy), span_str(name));
	return SSL_set_tlsext_host_name(ssl, copy) == 1;
}

static bool
set_small(SSL *ssl)
{
	char groups[] = "X25519:P-256";

	return SSL_set1_groups_list(ssl, groups) == 1 &&
	       SSL_set_cipher_list(ssl, "ECDHE+AESGCM") == 1;
}

bool
tls_layer_configure(struct tls_layer *l, const struct tls_want *want)
{
	struct ipaddr addr;
	bool literal = ipaddr_parse(&addr, span_str(want->name));

	if (want->shape == HELLO_NEUTRAL)
		l->name = neutral_name;
	if ((!literal || want->shape == HELLO_NEUTRAL) &&
	    !set_name(l->ssl, l->name))
		return false;
	if (want->shape == HELLO_SMALL && !set_small(l->ssl))
		return false;
	return want->alpn == NULL || set_alpn(l->ssl, want->alpn);
}

/* --- trust ---------------------------------------------------------------- */

static size_t
count_roots(X509_STORE *store)
{
	STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(store);

	return all != NULL ? (size_t)sk_X509_OBJECT_num(all) : 0;
}

static void
load_file(
    X509_STORE *store, struct vantage *v, const char *path, const char *from)
{
	(void)snprintf(
	    v->ca_source, sizeof(v->ca_source), "%s (%s)", path, from);
	if (access(path, R_OK) != 0)
		v->ca_unreadable = true;
	else
		(void)X509_STORE_load_file(store, path);
	v->ca_count = count_roots(store);
}

/* A directory of hashed names is read by OpenSSL when it is needed; here every
 * file in it is read at once, which also counts them. */
static void
load_dir(X509_STORE *store, struct vantage *v, const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *e;

	(void)snprintf(
	    v->ca_source, sizeof(v->ca_source), "%s (SSL_CERT_DIR)", path);
	if (dir == NULL) {
		v->ca_unreadable = true;
		return;
	}
	for (unsigned i = 0; i < 4096 && (e = readdir(dir)) != NULL; i++) {
		char file[512];
		int n = snprintf(file, sizeof(file), "%s/%s", path, e->d_name);

		if (e->d_name[0] != '.' && n > 0 && (size_t)n < sizeof(file))
			(void)X509_STORE_load_file(store, file);
	}
	(void)closedir(dir);
	v->ca_count = count_roots(store);
}

static void
load_roots(
    X509_STORE *store, struct vantage *v, const struct check_options *options)
{
	const char *file = getenv("SSL_CERT_FILE");
	const char *dir = getenv("SSL_CERT_DIR");
	const char *bundle = ca_bundle_find();

	if (options->ca_file != NULL) {
		load_file(store, v, options->ca_file, "--ca-file");
		return;
	}
	if (file != NULL && file[0] != '\0') {
		load_file(store, v, file, "SSL_CERT_FILE");
		return;
	}
	if (dir != NULL && dir[0] != '\0') {
		load_dir(store, v, dir);
		return;
	}
	if (bundle != NULL) {
		load_file(store, v, bundle, "system");
		return;
	}
	(void)snprintf(v->ca_source, sizeof(v->ca_source),
	    "none found (looked for %s and others)", ca_bundle_usual());
	v->ca_unreadable = true;
}

void *
probe_tls_setup(const struct check_options *options, struct vantage *vantage)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL)
		return NULL;
	load_roots(SSL_CTX_get_cert_store(ctx), vantage, options);
	ERR_clear_error();
	(void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);
	SSL_CTX_set_info_callback(ctx, on_info);
	SSL_CTX_set_client_cert_cb(ctx, on_client_cert);
	(void)SSL_CTX_set_ct_validation_callback(ctx, on_ct, NULL);
	/* From 3.5 on OpenSSL offers ML-KEM itself. */
	if (OpenSSL_version_num() < 0x30500000UL)
		(void)SSL_CTX_add_custom_ext(ctx, GREASE_TYPE,
		    SSL_EXT_CLIENT_HELLO, add_filler, NULL, NULL, NULL, NULL);
	return ctx;
}

void
probe_tls_teardown(void *tls_context)
{
	if (tls_context == NULL)
		return;
	tls_chain_forget(tls_context);
	SSL_CTX_free(tls_context);
}
