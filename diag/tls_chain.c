/* SPDX-License-Identifier: Apache-2.0
 *
 * What a peer presented: every certificate of the chain, whether or not it
 * verified. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ct.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "issuer.h"
#include "probe_io.h"

static void
name_line(char *out, size_t size, const X509_NAME *name)
{
	/* Bytes beyond ASCII stay as they are; control characters are escaped,
	 * as RFC 2253 has it. */
	unsigned long flags =
	    XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
	BIO *b = BIO_new(BIO_s_mem());
	char *ptr;
	long len;

	out[0] = '\0';
	if (b == NULL)
		return;
	if (X509_NAME_print_ex(b, name, 0, flags) >= 0) {
		len = BIO_get_mem_data(b, &ptr);
		copy_text(out, size, span_of(ptr, len > 0 ? (size_t)len : 0));
	}
	BIO_free(b);
}

static void
name_part(char *out, size_t size, const X509_NAME *name, int nid)
{
	int at = X509_NAME_get_index_by_NID(name, nid, -1), len;
	const X509_NAME_ENTRY *entry;
	unsigned char *utf8 = NULL;

	out[0] = '\0';
	if (at < 0)
		return;
	entry = X509_NAME_get_entry(name, at);
	len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
	if (len >= 0)
		copy_text(out, size, span_of((char *)utf8, (size_t)len));
	OPENSSL_free(utf8);
}

/* Appends word behind a blank, whole or not at all. */
static void
add_word(char *out, size_t size, struct span word)
{
	size_t used = strlen(out), blank = used > 0;

	if (word.len == 0 || used + blank + word.len + 1 > size)
		return;
	if (blank)
		out[used++] = ' ';
	copy_text(out + used, size - used, word);
}

static void
alt_names(struct cert_summary *out, const X509 *x)
{
	GENERAL_NAMES *names =
	    X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);

		if (n->type != GEN_DNS)
			continue;
		add_word(out->names, sizeof(out->names),
		    span_of((const char *)ASN1_STRING_get0_data(n->d.dNSName),
			(size_t)ASN1_STRING_length(n->d.dNSName)));
	}
	GENERAL_NAMES_free(names);
	if (out->names[0] == '\0') {
		char cn[HEADER_MAX];

		name_part(
		    cn, sizeof(cn), X509_get_subject_name(x), NID_commonName);
		add_word(out->names, sizeof(out->names), span_str(cn));
	}
}

static void
issuer_url(struct cert_summary *out, const X509 *x)
{
	AUTHORITY_INFO_ACCESS *aia =
	    X509_get_ext_d2i(x, NID_info_access, NULL, NULL);

	for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(aia); i++) {
		const ACCESS_DESCRIPTION *d =
		    sk_ACCESS_DESCRIPTION_value(aia, i);
		const ASN1_STRING *uri;

		if (OBJ_obj2nid(d->method) != NID_ad_ca_issuers ||
		    d->location->type != GEN_URI)
			continue;
		uri = d->location->d.uniformResourceIdentifier;
		copy_text(out->aia, sizeof(out->aia),
		    span_of((const char *)ASN1_STRING_get0_data(uri),
			(size_t)ASN1_STRING_length(uri)));
		break;
	}
	AUTHORITY_INFO_ACCESS_free(aia);
}

static unsigned
embedded_scts(const X509 *x)
{
	STACK_OF(SCT) *scts =
	    X509_get_ext_d2i(x, NID_ct_precert_scts, NULL, NULL);
	int n = scts != NULL ? sk_SCT_num(scts) : 0;

	SCT_LIST_free(scts);
	return n > 0 ? (unsigned)n : 0;
}

static int64_t
unix_time(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static void
key_text(char *out, size_t size, const X509 *x)
{
	const EVP_PKEY *key = X509_get0_pubkey(x);
	char group[32] = "";

	if (key == NULL)
		return;
	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) {
		const char *type = EVP_PKEY_get0_type_name(key);

		(void)snprintf(out, size, "%.16s %d", type ? type : "?",
		    EVP_PKEY_get_bits(key));
		return;
	}
	(void)EVP_PKEY_get_utf8_string_param(
	    key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), NULL);
	(void)snprintf(out, size, "EC %.24s",
	    strcmp(group, "prime256v1") == 0  ? "P-256"
	    : strcmp(group, "secp384r1") == 0 ? "P-384"
	    : strcmp(group, "secp521r1") == 0 ? "P-521"
					      : group);
}

static void
fingerprint(char *out, const X509 *x)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (X509_digest(x, EVP_sha256(), md, &len) != 1)
		return;
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = hex[md[i] >> 4];
		out[2 * i + 1] = hex[md[i] & 15];
	}
	out[2 * (size_t)len] = '\0';
}

static void
summarise(struct cert_summary *out, X509 *x)
{
	const X509_NAME *issuer = X509_get_issuer_name(x);
	const char *signature = OBJ_nid2ln(X509_get_signature_nid(x));

	name_line(out->subject, sizeof(out->subject), X509_get_subject_name(x));
	name_line(out->issuer, sizeof(out->issuer), issuer);
	name_part(out->issuer_org, sizeof(out->issuer_org), issuer,
	    NID_organizationName);
	name_part(
	    out->issuer_cn, sizeof(out->issuer_cn), issuer, NID_commonName);
	alt_names(out, x);
	out->not_before = unix_time(X509_get0_notBefore(x));
	out->not_after = unix_time(X509_get0_notAfter(x));
	key_text(out->key, sizeof(out->key), x);
	(void)snprintf(out->signature, sizeof(out->signature), "%s",
	    signature ? signature : "");
	fingerprint(out->sha256, x);
	out->scts = embedded_scts(x);
	out->self_issued = X509_NAME_cmp(X509_get_subject_name(x), issuer) == 0;
	out->is_ca = X509_check_ca(x) > 0;
	issuer_url(out, x);
}

/* SCTs that came besides those in the certificate (RFC 6962 section 3.3). */
static unsigned
stapled_scts(SSL *ssl)
{
	const STACK_OF(SCT) *scts = SSL_get0_peer_scts(ssl);
	unsigned n = 0;

	for (int i = 0; scts != NULL && i < sk_SCT_num(scts); i++)
		n += SCT_get_source(sk_SCT_value(scts, i)) !=
		     SCT_SOURCE_X509V3_EXTENSION;
	return n;
}

static bool
matches(X509 *leaf, const char *host)
{
	struct ipaddr addr;

	if (ipaddr_parse(&addr, span_str(host)))
		return X509_check_ip_asc(leaf, host, 0) == 1;
	return X509_check_host(leaf, host, strlen(host), 0, NULL) == 1;
}

void
tls_chain_report(struct tls_result *out, struct tls_layer *l, const char *host)
{
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(l->ssl);
	STACK_OF(X509) *verified = SSL_get0_verified_chain(l->ssl);
	int count = chain != NULL ? sk_X509_num(chain) : 0;
	const char *vendor;

	for (int i = 0; i < count && i < CHAIN_MAX; i++)
		summarise(
		    &out->chain[out->chain_count++], sk_X509_value(chain, i));
	if (count <= 0)
		return;
	out->stapled_scts = stapled_scts(l->ssl);
	out->verified = l->verify_code == X509_V_OK;
	out->verify_code = l->verify_code;
	out->verify_depth = l->verify_depth;
	if (!out->verified)
		copy_text(out->verify_text, sizeof(out->verify_text),
		    span_str(X509_verify_cert_error_string(l->verify_code)));
	out->name_matches = matches(sk_X509_value(chain, 0), host);
	out->issuer =
	    issuer_classify(out->chain, out->chain_count, out->stapled_scts);
	vendor = issuer_vendor(out->chain, out->chain_count);
	if (vendor != NULL)
		copy_text(out->vendor, sizeof(out->vendor), span_str(vendor));
	if (out->verified && verified != NULL && sk_X509_num(verified) > 0)
		name_line(out->root, sizeof(out->root),
		    X509_get_subject_name(
			sk_X509_value(verified, sk_X509_num(verified) - 1)));
	ERR_clear_error();
}

/* --- saving --------------------------------------------------------------- */

enum {
	SAVED_MAX = 16
}; /* different issuers in one run; more are not saved */

/* Files written in this run, by the issuer at the top of the chain. */
struct saved {
	size_t count;
	struct {
		char issuer[HEADER_MAX], file[256];
	} files[SAVED_MAX];
};

/* dir NULL: below TMPDIR, else /tmp. */
static bool
write_chain(char *file, size_t size, const char *dir, STACK_OF(X509) * chain)
{
	bool fine = true;
	FILE *f;
	int fd, n;

	if (dir == NULL)
		dir = getenv("TMPDIR");
	n = snprintf(file, size, "%s/sekisho-chain-XXXXXX.pem",
	    dir != NULL && dir[0] != '\0' ? dir : "/tmp");
	if (n <= 0 || (size_t)n >= size)
		return false;
	fd = mkstemps(file, 4);
	if (fd < 0)
		return false;
	f = fdopen(fd, "w");
	if (f == NULL) {
		(void)close(fd);
		(void)unlink(file);
		return false;
	}
	for (int i = 0; i < sk_X509_num(chain); i++)
		fine &= PEM_write_X509(f, sk_X509_value(chain, i)) == 1;
	fine &= fclose(f) == 0;
	if (!fine)
		(void)unlink(file);
	return fine;
}

void
tls_chain_save(struct tls_result *out, struct tls_layer *l, const char *dir)
{
	SSL_CTX *ctx = SSL_get_SSL_CTX(l->ssl);
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(l->ssl);
	struct saved *saved = SSL_CTX_get_app_data(ctx);
	const char *issuer;

	if (chain == NULL || out->chain_count == 0)
		return;
	if (saved == NULL) {
		saved = calloc(1, sizeof(*saved));
		if (saved == NULL || SSL_CTX_set_app_data(ctx, saved) != 1) {
			free(saved);
			return;
		}
	}
	issuer = out->chain[out->chain_count - 1].issuer;
	for (size_t i = 0; i < saved->count; i++) {
		if (strcmp(saved->files[i].issuer, issuer) == 0) {
			copy_text(out->chain_file, sizeof(out->chain_file),
			    span_str(saved->files[i].file));
			return;
		}
	}
	if (saved->count == SAVED_MAX ||
	    !write_chain(
		out->chain_file, sizeof(out->chain_file), dir, chain)) {
		out->chain_file[0] = '\0';
		return;
	}
	copy_text(
	    saved->files[saved->count].issuer, HEADER_MAX, span_str(issuer));
	copy_text(saved->files[saved->count++].file,
	    sizeof(saved->files[0].file), span_str(out->chain_file));
}

void
tls_chain_forget(SSL_CTX *ctx)
{
	free(SSL_CTX_get_app_data(ctx));
	(void)SSL_CTX_set_app_data(ctx, NULL);
}
