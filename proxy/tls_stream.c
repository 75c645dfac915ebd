/* SPDX-License-Identifier: Apache-2.0 */
#include "tls_stream.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "core/hostname.h"

enum {
	/* Handshake messages that a peer may send without data: a handshake
	 * takes about ten, and new keys are due after 2^24 records (RFC 8446
	 * section 5.5). A key update is 27 bytes and costs some 20 us, and one
	 * call of OpenSSL takes in all that come. */
	MESSAGES_MAX = 256,
	/* One more for each so many bytes of data. */
	BYTES_A_MESSAGE = 16 * 1024,
};

/* What has become of the way from the peer; once it is not open, it stays so.
 */
enum incoming {
	INCOMING_OPEN,
	INCOMING_ENDED, /* close_notify */
	INCOMING_CUT,   /* FIN without it */
	INCOMING_FAILED,
};

struct tls_stream {
	SSL *ssl;
	enum incoming in;
	int error;         /* INCOMING_FAILED: errno */
	const char *fault; /* the same in words */
	bool wants_write, met_http;
	bool shut;    /* close_notify has been sent, or nothing can be */
	bool flooded; /* by handshake messages */
	uint64_t messages, received; /* of them, and bytes of data */
};

/* Of OpenSSL, for what goes out too, and for the headers of records. The
 * message in hand is dealt with, and nothing behind it is read. */
/* NOLINTBEGIN(readability-function-size): OpenSSL's type */
static void
on_message(int outgoing, int version, int type, const void *data, size_t len,
    SSL *ssl, void *arg)
{
	struct tls_stream *s = arg;

	(void)version;
	(void)data;
	(void)len;
	if (outgoing || type != SSL3_RT_HANDSHAKE)
		return;
	s->messages++;
	s->flooded = s->messages > MESSAGES_MAX + s->received / BYTES_A_MESSAGE;
	if (s->flooded)
		SSL_set_shutdown(
		    ssl, SSL_get_shutdown(ssl) | SSL_RECEIVED_SHUTDOWN);
}
/* NOLINTEND(readability-function-size): OpenSSL's type */

static struct tls_stream *
stream_new(SSL_CTX *context, int fd)
{
	struct tls_stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->ssl = SSL_new(context);
	if (s->ssl != NULL && SSL_set_fd(s->ssl, fd) == 1) {
		SSL_set_msg_callback(s->ssl, on_message);
		SSL_set_msg_callback_arg(s->ssl, s);
		return s;
	}
	tls_stream_free(s);
	ERR_clear_error();
	return NULL;
}

struct tls_stream *
tls_stream_accept(struct ssl_ctx_st *context, int fd)
{
	struct tls_stream *s = stream_new(context, fd);

	if (s != NULL)
		SSL_set_accept_state(s->ssl);
	return s;
}

/* No server name is sent for an address (RFC 6066 section 3). */
static bool
expect_name(SSL *ssl, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	char copy[HOSTNAME_MAX + 1]; /* OpenSSL's macro drops const */
	size_t len = strlen(name);

	if (len > HOSTNAME_MAX)
		return false;
	memcpy(copy, name, len + 1);
	if (X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1)
		return true;
	X509_VERIFY_PARAM_set_hostflags(
	    param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, name) == 1 &&
	       SSL_set_tlsext_host_name(ssl, copy) == 1;
}

struct tls_stream *
tls_stream_connect(struct ssl_ctx_st *context, int fd, const char *name)
{
	struct tls_stream *s = stream_new(context, fd);

	if (s == NULL)
		return NULL;
	SSL_set_connect_state(s->ssl);
	if (expect_name(s->ssl, name)) {
		ERR_clear_error(); /* of a name that is no address */
		return s;
	}
	tls_stream_free(s);
	return NULL;
}

void
tls_stream_free(struct tls_stream *s)
{
	if (s == NULL)
		return;
	SSL_free(s->ssl);
	free(s);
}

/* --- ends and errors --------------------------------------------------------
 */

static void
fail(struct tls_stream *s, int error, const char *fault)
{
	s->in = INCOMING_FAILED;
	s->error = error;
	s->fault = fault;
}

/* What operators meet, in their words; for all else OpenSSL's do. */
static const char *
words_for(unsigned long code)
{
	static const struct {
		int reason;
		const char *words;
	} known[] = {
	    {SSL_R_WRONG_VERSION_NUMBER, "what the peer says is no TLS"},
	    {SSL_R_HTTP_REQUEST, "HTTP in clear"},
	    {SSL_R_HTTPS_PROXY_REQUEST, "HTTP in clear"},
	    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE,
		"the client shows no certificate"},
	    {SSL_R_NO_SHARED_CIPHER, "no cipher in common"},
	    {SSL_R_UNSUPPORTED_PROTOCOL,
		"no TLS version in common (1.2 and 1.3 are spoken)"},
	    {SSL_R_TLSV1_ALERT_UNKNOWN_CA,
		"the peer's alert: it does not know the authority of this "
		"gateway's certificate"},
	    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,
		"the peer's alert: it does not accept this gateway's "
		"certificate"},
	    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
		"the peer's alert: this gateway's certificate has expired"},
	};
	const char *text = ERR_reason_error_string(code);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
		    ERR_GET_REASON(code) == known[i].reason)
			return known[i].words;
	}
	return text != NULL ? text : "unknown error";
}

static void
note_protocol_error(struct tls_stream *s)
{
	unsigned long code = ERR_peek_last_error();
	int reason = ERR_GET_REASON(code);

	if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		s->in = INCOMING_CUT;
		return;
	}
	s->met_http =
	    reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST;
	fail(s, EPROTO, words_for(code));
}

/* An operation has not done what it should: why? */
static void
note_stop(struct tls_stream *s, int error)
{
	s->wants_write = error == SSL_ERROR_WANT_WRITE;
	if (s->wants_write || error == SSL_ERROR_WANT_READ ||
	    s->in != INCOMING_OPEN)
		return;
	if (s->flooded)
		fail(
		    s, EPROTO, "the peer sends handshake messages and no data");
	else if (error == SSL_ERROR_ZERO_RETURN)
		s->in = INCOMING_ENDED;
	else if (error == SSL_ERROR_SSL)
		note_protocol_error(s);
	else if (errno == 0)
		s->in = INCOMING_CUT;
	else
		fail(s, errno, strerrordesc_np(errno));
}

/* As recv(2) would say it. */
static int
tell(const struct tls_stream *s)
{
	switch (s->in) {
	case INCOMING_OPEN:
		errno = EAGAIN;
		return -1;
	case INCOMING_ENDED:
		return 0;
	case INCOMING_CUT:
		errno = TLS_STREAM_CUT;
		return -1;
	case INCOMING_FAILED:
		break;
	}
	errno = s->error;
	return -1;
}

/* OpenSSL reads the thread's error queue and errno to judge what happened. */
static void
begin(void)
{
	ERR_clear_error();
	errno = 0;
}

/* --- the conversation ------------------------------------------------------
 */

int
tls_stream_handshake(struct tls_stream *s)
{
	int rc;

	if (s->in == INCOMING_OPEN) {
		begin();
		rc = SSL_do_handshake(s->ssl);
		if (rc == 1)
			return 0;
		note_stop(s, SSL_get_error(s->ssl, rc));
	}
	if (tell(s) == 0)
		errno = TLS_STREAM_CUT;
	return -1;
}

ssize_t
tls_stream_recv(struct tls_stream *s, void *buf, size_t len)
{
	char *to = buf;
	size_t got = 0, n;

	while (got < len && s->in == INCOMING_OPEN) {
		begin();
		if (SSL_read_ex(s->ssl, to + got, len - got, &n) != 1) {
			note_stop(s, SSL_get_error(s->ssl, 0));
			break;
		}
		got += n;
		s->received += n;
	}
	return got > 0 ? (ssize_t)got : tell(s);
}

ssize_t
tls_stream_peek(struct tls_stream *s, void *buf, size_t len)
{
	size_t n;

	if (s->in != INCOMING_OPEN)
		return tell(s);
	begin();
	if (SSL_peek_ex(s->ssl, buf, len, &n) == 1)
		return (ssize_t)n;
	note_stop(s, SSL_get_error(s->ssl, 0));
	return tell(s);
}

ssize_t
tls_stream_send(struct tls_stream *s, const void *buf, size_t len)
{
	const char *from = buf;
	size_t sent = 0, n;
	int error;

	if (s->in == INCOMING_FAILED || s->shut) {
		errno = EPIPE;
		return -1;
	}
	while (sent < len) {
		begin();
		if (SSL_write_ex(s->ssl, from + sent, len - sent, &n) == 1) {
			sent += n;
			continue;
		}
		error = SSL_get_error(s->ssl, 0);
		if (sent > 0 || error == SSL_ERROR_WANT_READ ||
		    error == SSL_ERROR_WANT_WRITE)
			break;  /* an error shows again */
		s->shut = true; /* nothing goes out any more */
		if (error == SSL_ERROR_SSL || errno == 0)
			errno = EPIPE;
		return -1;
	}
	if (sent > 0 || len == 0)
		return (ssize_t)sent;
	errno = EAGAIN;
	return -1;
}

int
tls_stream_shutdown(struct tls_stream *s)
{
	int rc;

	if (s->shut || s->in == INCOMING_FAILED ||
	    !SSL_is_init_finished(s->ssl))
		return 0;
	begin();
	rc = SSL_shutdown(s->ssl);
	if (rc < 0 && SSL_get_error(s->ssl, rc) == SSL_ERROR_WANT_WRITE) {
		errno = EAGAIN;
		return -1;
	}
	s->shut = true;
	return 0;
}

/* --- what is known of it ----------------------------------------------------
 */

bool
tls_stream_is_over(const struct tls_stream *s)
{
	return s->in != INCOMING_OPEN;
}

bool
tls_stream_is_open(const struct tls_stream *s)
{
	return SSL_is_init_finished(s->ssl);
}

bool
tls_stream_was_spoken_to(const struct tls_stream *s)
{
	return BIO_number_read(SSL_get_rbio(s->ssl)) > 0;
}

bool
tls_stream_has_spoken(const struct tls_stream *s)
{
	return BIO_number_written(SSL_get_wbio(s->ssl)) > 0;
}

bool
tls_stream_wants_write(const struct tls_stream *s)
{
	return s->wants_write;
}

const char *
tls_stream_fault(const struct tls_stream *s)
{
	if (s->in == INCOMING_CUT)
		return "ended without a close_notify";
	return s->fault != NULL ? s->fault : "";
}

bool
tls_stream_met_http(const struct tls_stream *s)
{
	return s->met_http;
}

const char *
tls_stream_verify_fault(const struct tls_stream *s)
{
	long code = SSL_get_verify_result(s->ssl);

	switch (code) {
	case X509_V_OK:
		return NULL;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return "it has expired";
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return "it is for another name";
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return "it is of an unknown authority";
	default:
		return X509_verify_cert_error_string(code);
	}
}

/* --- who the client is ------------------------------------------------------
 */

static void
print_first_name(BIO *out, const X509 *cert)
{
	GENERAL_NAMES *names =
	    X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

	if (sk_GENERAL_NAME_num(names) > 0)
		(void)GENERAL_NAME_print(out, sk_GENERAL_NAME_value(names, 0));
	GENERAL_NAMES_free(names);
}

/* Control characters escaped, other characters as UTF-8. */
static char *
name_of(const X509 *cert)
{
	const unsigned long how = XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB;
	X509_NAME *subject = X509_get_subject_name(cert);
	BIO *out = BIO_new(BIO_s_mem());
	const char *text;
	char *copy = NULL;
	long len;

	if (out == NULL)
		return NULL;
	if (X509_NAME_entry_count(subject) > 0)
		(void)X509_NAME_print_ex(out, subject, 0, how);
	else
		print_first_name(out, cert);
	len = BIO_get_mem_data(out, (char **)(void *)&text);
	if (len > TLS_SUBJECT_MAX)
		len = TLS_SUBJECT_MAX;
	if (len > 0)
		copy = strndup(text, (size_t)len);
	BIO_free(out);
	return copy;
}

char *
tls_stream_subject(const struct tls_stream *s)
{
	X509 *cert = SSL_get1_peer_certificate(s->ssl);
	char *name;

	if (cert == NULL)
		return NULL;
	name = name_of(cert);
	X509_free(cert);
	ERR_clear_error();
	return name;
}
