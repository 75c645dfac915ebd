/* SPDX-License-Identifier: Apache-2.0 */
#include "certs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

enum {
	DAY_S = 86400,
};

static void
add_extension(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);

	assert_non_null(e);
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

/* A list with one SCT of version 1 (RFC 6962 section 3.3); its signature is
 * well-formed and nobody's. */
static void
add_sct(X509 *x)
{
	static const unsigned char tail[] = {
	    4, 3, 0, 8, 0x30, 6, 2, 1, 1, 2, 1, 1};
	unsigned char list[2 + 2 + 1 + 32 + 8 + 2 + sizeof(tail)] = {0};
	const unsigned sct = sizeof(list) - 4;
	ASN1_OCTET_STRING *inner = ASN1_OCTET_STRING_new();
	ASN1_OCTET_STRING *outer = ASN1_OCTET_STRING_new();
	unsigned char *der = NULL;
	X509_EXTENSION *e;
	int len;

	list[1] = (unsigned char)(sct + 2);
	list[3] = (unsigned char)sct;
	memcpy(list + sizeof(list) - sizeof(tail), tail, sizeof(tail));
	assert_int_equal(
	    ASN1_OCTET_STRING_set(inner, list, (int)sizeof(list)), 1);
	len = i2d_ASN1_OCTET_STRING(inner, &der);
	assert_true(len > 0);
	assert_int_equal(ASN1_OCTET_STRING_set(outer, der, len), 1);
	e = X509_EXTENSION_create_by_NID(NULL, NID_ct_precert_scts, 0, outer);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
	ASN1_OCTET_STRING_free(inner);
	ASN1_OCTET_STRING_free(outer);
	OPENSSL_free(der);
}

static void
set_subject(X509 *x, const struct cert_want *want)
{
	X509_NAME *name = X509_get_subject_name(x);

	assert_int_equal(X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
			     (const unsigned char *)want->org, -1, -1, 0),
	    1);
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
			     (const unsigned char *)want->cn, -1, -1, 0),
	    1);
}

struct cert
cert_make(const struct cert_want *want, const struct cert *issuer)
{
	struct cert c = {X509_new(), EVP_EC_gen("P-256")};
	const struct cert *by = issuer != NULL ? issuer : &c;
	X509V3_CTX ctx;

	assert_non_null(c.x);
	assert_non_null(c.key);
	assert_int_equal(X509_set_version(c.x, X509_VERSION_3), 1);
	assert_int_equal(
	    ASN1_INTEGER_set(X509_get_serialNumber(c.x), issuer ? 2 : 1), 1);
	assert_non_null(
	    X509_gmtime_adj(X509_getm_notBefore(c.x), want->from_s));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(c.x), want->to_s));
	assert_int_equal(X509_set_pubkey(c.x, c.key), 1);
	set_subject(c.x, want);
	assert_int_equal(
	    X509_set_issuer_name(c.x, X509_get_subject_name(by->x)), 1);
	X509V3_set_ctx(&ctx, by->x, c.x, NULL, NULL, 0);
	add_extension(c.x, &ctx, NID_basic_constraints,
	    want->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
	if (want->san != NULL)
		add_extension(c.x, &ctx, NID_subject_alt_name, want->san);
	if (want->with_sct)
		add_sct(c.x);
	assert_true(X509_sign(c.x, by->key, EVP_sha256()) > 0);
	return c;
}

void
cert_free(struct cert *c)
{
	X509_free(c->x);
	EVP_PKEY_free(c->key);
	*c = (struct cert){NULL, NULL};
}

struct cert
cert_public_ca(void)
{
	const struct cert_want want = {
	    .org = "Amazon",
	    .cn = "Amazon RSA 2048 M02",
	    .is_ca = true,
	    .from_s = -DAY_S,
	    .to_s = 30L * DAY_S,
	};

	return cert_make(&want, NULL);
}

struct cert
cert_public_leaf(const struct cert *ca)
{
	const struct cert_want want = {
	    .org = "Service",
	    .cn = "localhost",
	    .san = "DNS:localhost,DNS:*.test.example,IP:127.0.0.1",
	    .with_sct = true,
	    .from_s = -DAY_S,
	    .to_s = 30L * DAY_S,
	};

	return cert_make(&want, ca);
}

SSL_CTX *
cert_server(const struct cert *leaf, const struct cert *further)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	assert_non_null(ctx);
	assert_int_equal(SSL_CTX_use_certificate(ctx, leaf->x), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, leaf->key), 1);
	if (further != NULL)
		assert_int_equal(SSL_CTX_add1_chain_cert(ctx, further->x), 1);
	return ctx;
}

SSL *
cert_accept(SSL_CTX *ctx, int fd)
{
	SSL *ssl = SSL_new(ctx);

	assert_non_null(ssl);
	assert_int_equal(SSL_set_fd(ssl, fd), 1);
	if (SSL_accept(ssl) == 1)
		return ssl;
	ERR_clear_error();
	SSL_free(ssl);
	return NULL;
}
