/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>

#include "probe_fixture.h"

#define DAY_S 86400L

/* What the other side does. */
struct server {
	SSL_CTX *ctx;
	bool wait;
};

static void
serve_tls(int fd, unsigned number, void *arg)
{
	const struct server *s = arg;
	SSL *ssl = cert_accept(s->ctx, fd);

	(void)number;
	if (ssl == NULL)
		return;
	peer_wait(fd);
	SSL_free(ssl);
}

static struct probe_case *
against(struct peer *peer, const char *host)
{
	struct probe_case *c = case_new(host, peer_port(peer));

	case_dial(c, "127.0.0.1", peer_port(peer));
	return c;
}

static void
healthy_is_reported_in_full(void **state)
{
	struct cert ca = cert_public_ca(), leaf = cert_public_leaf(&ca);
	struct server s = {.ctx = cert_server(&leaf, &ca)};
	struct peer *peer = peer_new(serve_tls, &s);
	struct probe_case *c = against(peer, "localhost");
	const struct tls_result *tls = &c->result->tls;

	(void)state;
	case_trust(c, &ca);
	case_run_to(c, PHASE_TLS);
	assert_int_equal(tls->end, TLS_FINISHED);
	assert_int_equal(tls->time.end, PHASE_DONE);
	assert_true(tls->time.end_at_ns >= tls->time.start_at_ns);
	assert_true(tls->verified);
	assert_int_equal(tls->verify_code, 0);
	assert_true(tls->name_matches);
	assert_int_equal(tls->issuer, ISSUER_PUBLIC);
	assert_string_equal(tls->version, "TLSv1.3");
	assert_string_not_equal(tls->cipher, "");
	assert_string_not_equal(tls->group, "");
	assert_string_equal(tls->sni, "localhost");
	assert_string_equal(tls->alpn_offered, "h2,http/1.1");
	assert_int_equal(tls->chain_count, 2);
	assert_int_equal(tls->chain[0].scts, 1);
	assert_string_equal(tls->chain[0].issuer_org, "Amazon");
	assert_string_equal(tls->chain[0].names, "localhost *.test.example");
	assert_string_equal(tls->chain[0].key, "EC P-256");
	assert_int_equal(strlen(tls->chain[0].sha256), 64);
	assert_true(tls->chain[0].not_after > tls->chain[0].not_before);
	assert_false(tls->chain[0].is_ca);
	assert_true(tls->chain[1].is_ca);
	assert_non_null(strstr(tls->root, "Amazon RSA 2048 M02"));
	/* Larger than one segment, as today's clients' are. */
	assert_true(tls->hello_bytes > 1460);
	assert_true(tls->bytes_received > 500);
	case_free(c);
	peer_free(peer);
	SSL_CTX_free(s.ctx);
	cert_free(&leaf);
	cert_free(&ca);
}

/* A leaf by a CA, presented alone or not, judged with or without trust. */
struct verify_row {
	const char *host;
	struct cert_want leaf, ca;
	bool self_signed, trust, send_ca;
	int code;
	bool name_matches;
	enum issuer_class issuer;
	const char *vendor;
};

static const struct verify_row verify_rows[] = {
    /* TLS-MITM: an inspector's CA, unknown here */
    {"localhost",
	{.org = "S",
	    .cn = "localhost",
	    .san = "DNS:localhost",
	    .from_s = -DAY_S,
	    .to_s = DAY_S},
	{.org = "Zscaler Inc.",
	    .cn = "Zscaler Root CA",
	    .is_ca = true,
	    .from_s = -DAY_S,
	    .to_s = DAY_S},
	false, false, true, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, true,
	ISSUER_PRIVATE, "Zscaler"},
    /* TLS-MITM-OK: the same, but trusted */
    {"localhost",
	{.org = "S",
	    .cn = "localhost",
	    .san = "DNS:localhost",
	    .from_s = -DAY_S,
	    .to_s = DAY_S},
	{.org = "Corp",
	    .cn = "Corp Inspection CA",
	    .is_ca = true,
	    .from_s = -DAY_S,
	    .to_s = DAY_S},
	false, true, true, 0, true, ISSUER_PRIVATE, ""},
    /* TLS-NOINTER: the leaf alone */
    {"localhost",
	{.org = "S",
	    .cn = "localhost",
	    .san = "DNS:localhost",
	    .with_sct = true,
	    .from_s = -DAY_S,
	    .to_s = DAY_S},
	{.org = "Amazon",
	    .cn = "Amazon RSA 2048 M02",
	    .is_ca = true,
	    .from_s = -DAY_S,
	    .to_s = DAY_S},
	false, false, false, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, true,
	ISSUER_PUBLIC, ""},
    /* TLS-SELF */
    {"localhost",
	{.org = "Appliance",
	    .cn = "localhost",
	    .san = "DNS:localhost",
	    .from_s = -DAY_S,
	    .to_s = DAY_S},
	{.org = NULL}, true, false, false,
	X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, true, ISSUER_SELF, ""},
    /* TLS-NAME */
    {"localhost",
	{.org = "S",
	    .cn = "other.example",
	    .san = "DNS:other.example",
	    .from_s = -DAY_S,
	    .to_s = DAY_S},
	{.org = "Corp",
	    .cn = "CA",
	    .is_ca = true,
	    .from_s = -DAY_S,
	    .to_s = DAY_S},
	false, true, true, 0, false, ISSUER_PRIVATE, ""},
    /* an address needs an address in the certificate */
    {"127.0.0.1",
	{.org = "S",
	    .cn = "127.0.0.1",
	    .san = "IP:127.0.0.1",
	    .from_s = -DAY_S,
	    .to_s = DAY_S},
	{.org = "Corp",
	    .cn = "CA",
	    .is_ca = true,
	    .from_s = -DAY_S,
	    .to_s = DAY_S},
	false, true, true, 0, true, ISSUER_PRIVATE, ""},
    /* TLS-EXPIRED, the leaf */
    {"localhost",
	{.org = "S",
	    .cn = "localhost",
	    .san = "DNS:localhost",
	    .from_s = -2 * DAY_S,
	    .to_s = -DAY_S},
	{.org = "Corp",
	    .cn = "CA",
	    .is_ca = true,
	    .from_s = -DAY_S,
	    .to_s = DAY_S},
	false, true, true, X509_V_ERR_CERT_HAS_EXPIRED, true, ISSUER_PRIVATE,
	""},
    /* TLS-NOTYET */
    {"localhost",
	{.org = "S",
	    .cn = "localhost",
	    .san = "DNS:localhost",
	    .from_s = DAY_S,
	    .to_s = 2 * DAY_S},
	{.org = "Corp",
	    .cn = "CA",
	    .is_ca = true,
	    .from_s = -DAY_S,
	    .to_s = DAY_S},
	false, true, true, X509_V_ERR_CERT_NOT_YET_VALID, true, ISSUER_PRIVATE,
	""},
    /* a public CA's name without a log's proof: an imitation */
    {"localhost",
	{.org = "S",
	    .cn = "localhost",
	    .san = "DNS:localhost",
	    .from_s = -DAY_S,
	    .to_s = DAY_S},
	{.org = "Amazon",
	    .cn = "Amazon RSA 2048 M02",
	    .is_ca = true,
	    .from_s = -DAY_S,
	    .to_s = DAY_S},
	false, true, true, 0, true, ISSUER_CLAIMED, ""},
};

static void
check_verify_row(const struct verify_row *row)
{
	struct cert ca = {NULL, NULL}, leaf;
	struct server s;
	struct peer *peer;
	struct probe_case *c;
	const struct tls_result *tls;

	if (!row->self_signed)
		ca = cert_make(&row->ca, NULL);
	leaf = cert_make(&row->leaf, row->self_signed ? NULL : &ca);
	s.ctx = cert_server(&leaf, row->send_ca ? &ca : NULL);
	/* Nothing but the leaf, also where the store could complete it. */
	(void)SSL_CTX_set_mode(s.ctx, SSL_MODE_NO_AUTO_CHAIN);
	peer = peer_new(serve_tls, &s);
	c = against(peer, row->host);
	if (row->trust)
		case_trust(c, &ca);
	case_run_to(c, PHASE_TLS);
	tls = &c->result->tls;
	assert_int_equal(tls->end, TLS_FINISHED);
	assert_int_equal(tls->verify_code, row->code);
	assert_int_equal(tls->verified, row->code == 0);
	assert_int_equal(tls->name_matches, row->name_matches);
	assert_int_equal(tls->issuer, row->issuer);
	assert_string_equal(tls->vendor, row->vendor);
	assert_int_equal(tls->chain_count, row->send_ca ? 2 : 1);
	assert_int_equal(tls->verify_text[0] == '\0', row->code == 0);
	case_free(c);
	peer_free(peer);
	SSL_CTX_free(s.ctx);
	cert_free(&leaf);
	cert_free(&ca);
}

static void
faults_are_noted_and_the_handshake_goes_on(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(verify_rows) / sizeof(verify_rows[0]);
	     i++)
		check_verify_row(&verify_rows[i]);
}

/* --- raw peers ------------------------------------------------------------ */

static void
serve_reset(int fd, unsigned number, void *arg)
{
	(void)number;
	(void)arg;
	(void)peer_read_some(fd);
	peer_reset(fd);
}

static void
serve_close(int fd, unsigned number, void *arg)
{
	char head[5], body[4096];

	(void)number;
	(void)arg;
	/* All of it, lest the kernel send a reset. */
	if (peer_read(fd, head, 5))
		(void)peer_read(fd, body,
		    (size_t)((unsigned char)head[3] << 8 |
			     (unsigned char)head[4]));
}

static void
serve_silence(int fd, unsigned number, void *arg)
{
	(void)number;
	(void)arg;
	peer_wait(fd);
}

static void
serve_page(int fd, unsigned number, void *arg)
{
	(void)number;
	(void)arg;
	(void)peer_read_some(fd);
	peer_say(fd, "HTTP/1.1 403 Forbidden\r\n");
	peer_say(fd, "Content-Type: text/html\r\n\r\n<title>Blocked</title>");
}

static void
serve_alert(int fd, unsigned number, void *arg)
{
	const unsigned char *description = arg;
	unsigned char record[7] = {21, 3, 3, 0, 2, 2, 0};

	(void)number;
	record[6] = *description;
	(void)peer_read_some(fd);
	peer_write(fd, record, sizeof(record));
	(void)shutdown(fd, SHUT_WR);
	peer_wait(fd);
}

/* Well-formed records of nonsense. */
static void
serve_nonsense(int fd, unsigned number, void *arg)
{
	unsigned char record[5 + 64] = {22, 3, 3, 0, 64, 99};

	(void)number;
	(void)arg;
	(void)peer_read_some(fd);
	for (unsigned i = 0; i < 64; i++)
		peer_write(fd, record, sizeof(record));
	peer_wait(fd);
}

/* A handshake message that never ends. */
static void
serve_endless(int fd, unsigned number, void *arg)
{
	static unsigned char record[5 + 16384] = {
	    22, 3, 3, 0x40, 0, 11, 0xFF, 0xFF, 0xFF};

	(void)number;
	(void)arg;
	(void)peer_read_some(fd);
	for (unsigned i = 0; i < 1024; i++)
		peer_write(fd, record, sizeof(record));
}

static void
run_against(peer_fn serve, void *arg, struct tls_result *out, bool late)
{
	struct peer *peer = peer_new(serve, arg);
	struct probe_case *c = against(peer, "localhost");

	if (late)
		c->timeout_ms = CASE_WAIT_MS;
	case_run_to(c, PHASE_TLS);
	*out = c->result->tls;
	assert_int_not_equal(out->time.end, PHASE_NOT_RUN);
	case_free(c);
	peer_free(peer);
}

static void
reset_after_the_hello(void **state)
{
	struct tls_result tls;

	(void)state;
	run_against(serve_reset, NULL, &tls, false);
	assert_int_equal(tls.end, TLS_RESET);
	assert_int_equal(tls.err, ECONNRESET);
	assert_int_equal(tls.time.end, PHASE_FAILED);
	assert_true(tls.hello_bytes > 1460);
	assert_int_equal(tls.bytes_received, 0);
}

static void
close_after_the_hello(void **state)
{
	struct tls_result tls;

	(void)state;
	run_against(serve_close, NULL, &tls, false);
	assert_int_equal(tls.end, TLS_CLOSED);
	assert_int_equal(tls.err, 0);
	assert_true(tls.figures.known);
}

static void
silence_ends_at_the_deadline_with_figures(void **state)
{
	struct tls_result tls;

	(void)state;
	run_against(serve_silence, NULL, &tls, true);
	assert_int_equal(tls.end, TLS_SILENT);
	assert_int_equal(tls.time.end, PHASE_TIMED_OUT);
	assert_true(tls.figures.known);
	/* The peer's kernel has taken the hello: the loss is not upwards. */
	assert_int_equal(tls.figures.unacked, 0);
	assert_true(tls.figures.bytes_sent >= tls.hello_bytes);
}

static void
plain_text_is_kept(void **state)
{
	struct tls_result tls;

	(void)state;
	run_against(serve_page, NULL, &tls, false);
	assert_int_equal(tls.end, TLS_PLAINTEXT);
	assert_true(tls.first_byte_count > 30);
	assert_memory_equal(tls.first_bytes, "HTTP/1.1 403 Forbidden\r\n", 24);
	assert_non_null(
	    memmem(tls.first_bytes, tls.first_byte_count, "Blocked", 7));
}

static void
alerts_have_number_and_name(void **state)
{
	static const struct {
		unsigned char number;
		const char *name;
	} rows[] = {{112, "unrecognized_name"}, {40, "handshake_failure"},
	    {70, "protocol_version"}, {49, "access_denied"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char number = rows[i].number;
		struct tls_result tls;

		run_against(serve_alert, &number, &tls, false);
		assert_int_equal(tls.end, TLS_ALERT);
		assert_int_equal(tls.alert, rows[i].number);
		assert_string_equal(tls.alert_name, rows[i].name);
		assert_false(tls.late_alert);
		assert_true(tls.error != 0);
		assert_string_not_equal(tls.reason, "");
	}
}

static void
nonsense_is_broken_tls(void **state)
{
	struct tls_result tls;

	(void)state;
	run_against(serve_nonsense, NULL, &tls, false);
	assert_int_equal(tls.end, TLS_BROKEN);
	assert_string_not_equal(tls.reason, "");
	run_against(serve_endless, NULL, &tls, false);
	assert_int_equal(tls.end, TLS_BROKEN);
	assert_true(tls.bytes_received < 4U << 20);
}

/* --- client certificates -------------------------------------------------- */

static void
serve_mutual(int fd, unsigned number, void *arg)
{
	const struct server *s = arg;
	SSL *ssl;

	(void)number;
	SSL_CTX_set_verify(
	    s->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	ssl = cert_accept(s->ctx, fd);
	(void)shutdown(fd, SHUT_WR);
	peer_wait(fd);
	SSL_free(ssl);
}

static void
late_alert_about_a_client_certificate(void **state)
{
	struct cert ca = cert_public_ca(), leaf = cert_public_leaf(&ca);
	struct server s = {.ctx = cert_server(&leaf, &ca)};
	struct tls_result tls;

	(void)state;
	run_against(serve_mutual, &s, &tls, false);
	assert_int_equal(tls.end, TLS_FINISHED);
	assert_true(tls.wants_client_cert);
	assert_true(tls.late_alert);
	assert_int_equal(tls.alert, 116);
	assert_string_equal(tls.alert_name, "certificate_required");
	SSL_CTX_free(s.ctx);
	cert_free(&leaf);
	cert_free(&ca);
}

/* --- contract ------------------------------------------------------------- */

static struct probe_case *
prepare(void *arg)
{
	struct probe_case *c = against(arg, "localhost");

	case_run_to(c, PHASE_TCP);
	assert_true(c->job.conn.fd >= 0);
	return c;
}

static void
cancel_in_every_state(void **state)
{
	struct cert ca = cert_public_ca(), leaf = cert_public_leaf(&ca);
	struct server s = {.ctx = cert_server(&leaf, &ca)};
	struct peer *peer = peer_new(serve_tls, &s);

	(void)state;
	case_cancel_everywhere(prepare, peer, &probe_tls);
	peer_free(peer);
	peer = peer_new(serve_page, NULL);
	case_cancel_everywhere(prepare, peer, &probe_tls);
	peer_free(peer);
	peer = peer_new(serve_mutual, &s);
	case_cancel_everywhere(prepare, peer, &probe_tls);
	peer_free(peer);
	SSL_CTX_free(s.ctx);
	cert_free(&leaf);
	cert_free(&ca);
}

static void
a_chain_that_does_not_verify_is_saved_once(void **state)
{
	struct cert ca = cert_public_ca(), leaf = cert_public_leaf(&ca);
	struct server s = {.ctx = cert_server(&leaf, &ca)};
	struct peer *peer = peer_new(serve_tls, &s);
	struct probe_case *c = against(peer, "localhost");
	char first[256];
	FILE *f;
	X509 *x;

	(void)state;
	c->target.expect_public = true;
	case_run_to(c, PHASE_TLS);
	assert_string_not_equal(c->result->tls.chain_file, "");
	memcpy(first, c->result->tls.chain_file, sizeof(first));
	f = fopen(first, "re");
	assert_non_null(f);
	x = PEM_read_X509(f, NULL, NULL, NULL);
	assert_non_null(x);
	assert_int_equal(X509_cmp(x, leaf.x), 0);
	X509_free(x);
	(void)fclose(f);
	probe_conn_close(&c->job.conn, c->loop);
	memset(c->result, 0, sizeof(*c->result));
	case_run_to(c, PHASE_TLS);
	assert_string_equal(c->result->tls.chain_file, first);
	assert_int_equal(unlink(first), 0);
	case_free(c);
	peer_free(peer);
	SSL_CTX_free(s.ctx);
	cert_free(&leaf);
	cert_free(&ca);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(healthy_is_reported_in_full),
	    cmocka_unit_test(faults_are_noted_and_the_handshake_goes_on),
	    cmocka_unit_test(reset_after_the_hello),
	    cmocka_unit_test(close_after_the_hello),
	    cmocka_unit_test(silence_ends_at_the_deadline_with_figures),
	    cmocka_unit_test(plain_text_is_kept),
	    cmocka_unit_test(alerts_have_number_and_name),
	    cmocka_unit_test(nonsense_is_broken_tls),
	    cmocka_unit_test(late_alert_about_a_client_certificate),
	    cmocka_unit_test(cancel_in_every_state),
	    cmocka_unit_test(a_chain_that_does_not_verify_is_saved_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
