/* SPDX-License-Identifier: Apache-2.0
 *
 * Two ends of a TLS connection over a real pair of sockets, in one thread:
 * neither ever blocks. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>

#include "certs.h"
#include "tls_files.h"
#include "tls_stream.h"

enum {
	DAY_S = 86400,
	BULK = 3 * 1024 * 1024,
	ROUNDS_MAX = 100000, /* of a loop that must come to an end */
	UPDATES_MAX = 2000,
};

/* --- allocations of OpenSSL that fail ---------------------------------------
 */

static unsigned long allocations, fail_at; /* 0: none fails */

static bool
is_to_fail(void)
{
	allocations++;
	return allocations == fail_at;
}

static void *
failing_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return is_to_fail() ? NULL : malloc(size);
}

static void *
failing_realloc(void *p, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return is_to_fail() ? NULL : realloc(p, size);
}

static void
failing_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

/* --- files and contexts ------------------------------------------------------
 */

static char folder[] = "/tmp/sekisho-test-tls-XXXXXX";

struct place {
	char path[64];
};

static struct place
place(const char *name)
{
	struct place p;

	(void)snprintf(p.path, sizeof(p.path), "%s/%s", folder, name);
	return p;
}

static struct place
write_pem(const char *name, const struct cert *cert, bool with_key)
{
	struct place p = place(name);
	FILE *f = fopen(p.path, "w");

	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, cert->x), 1);
	if (with_key)
		assert_int_equal(PEM_write_PrivateKey(
				     f, cert->key, NULL, NULL, 0, NULL, NULL),
		    1);
	assert_int_equal(fclose(f), 0);
	return p;
}

static void
on_fault(void *arg, enum tls_file file, const char *text)
{
	(void)arg;
	fail_msg("file %d: %s", (int)file, text);
}

/* An authority, what it has issued, and contexts made of them. */
struct world {
	struct cert ca, leaf;
	SSL_CTX *server, *client;
};

static struct cert_want
want(const char *cn, const char *san)
{
	return (struct cert_want){.org = "Example",
	    .cn = cn,
	    .san = san,
	    .from_s = -DAY_S,
	    .to_s = 30L * DAY_S};
}

static void
world_init(struct world *w, const struct cert_want *leaf, bool mutual)
{
	const char *paths[TLS_FILES] = {NULL};
	struct place server, ca;

	w->ca = cert_public_ca();
	w->leaf = cert_make(leaf, &w->ca);
	server = write_pem("server.pem", &w->leaf, true);
	ca = write_pem("ca.pem", &w->ca, false);
	paths[TLS_CERTIFICATE] = server.path;
	if (mutual)
		paths[TLS_CLIENT_CA] = ca.path;
	w->server = tls_server_context(paths, on_fault, NULL);
	w->client = tls_client_context(ca.path, on_fault, NULL);
	assert_non_null(w->server);
	assert_non_null(w->client);
}

static void
world_fini(struct world *w)
{
	tls_context_free(w->server);
	tls_context_free(w->client);
	cert_free(&w->leaf);
	cert_free(&w->ca);
}

static void
world_begin(struct world *w, bool mutual)
{
	const struct cert_want leaf = want("gw", "DNS:gw.example,IP:10.0.0.1");

	world_init(w, &leaf, mutual);
}

/* --- a pair --------------------------------------------------------------- */

struct pair {
	int fds[2];
	struct tls_stream *server, *client;
};

static void
pair_open(struct pair *p, const struct world *w, const char *name)
{
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fds), 0);
	p->server = tls_stream_accept(w->server, p->fds[0]);
	p->client = tls_stream_connect(w->client, p->fds[1], name);
	assert_non_null(p->server);
	assert_non_null(p->client);
}

static void
pair_close(struct pair *p)
{
	tls_stream_free(p->server);
	tls_stream_free(p->client);
	(void)close(p->fds[0]);
	if (p->fds[1] >= 0)
		(void)close(p->fds[1]);
}

/* Until both are done, or one has failed. The server's part is made by reads,
 * as the gateway does. */
static bool
shake_hands(struct pair *p)
{
	char byte;

	for (int i = 0; i < ROUNDS_MAX; i++) {
		int mine = tls_stream_handshake(p->client);
		bool failed = mine != 0 && errno != EAGAIN;
		ssize_t n = tls_stream_recv(p->server, &byte, 1);

		assert_true(n < 0);
		if (failed || errno != EAGAIN)
			return false;
		if (mine == 0 && tls_stream_is_open(p->server))
			return true;
	}
	fail_msg("the handshake has no end");
	return false;
}

static void
pair_begin(struct pair *p, const struct world *w)
{
	pair_open(p, w, "gw.example");
	assert_false(tls_stream_is_open(p->server));
	assert_false(tls_stream_was_spoken_to(p->server));
	assert_true(shake_hands(p));
	assert_true(tls_stream_was_spoken_to(p->server));
	assert_null(tls_stream_verify_fault(p->client));
}

static char
pattern(size_t at)
{
	return (char)(at * 2654435761U >> 13);
}

static bool
is_quiet(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 0;
}

/* --- tests -----------------------------------------------------------------
 */

/* Sends what it can of the pattern from *sent on, from a buffer that moves. */
static void
send_some(struct tls_stream *s, size_t *sent)
{
	size_t len = BULK - *sent < 100000 ? BULK - *sent : 100000;
	char *moving = malloc(len);
	ssize_t n;

	assert_non_null(moving);
	for (size_t i = 0; i < len; i++)
		moving[i] = pattern(*sent + i);
	n = tls_stream_send(s, moving, len);
	free(moving);
	if (n < 0)
		assert_int_equal(errno, EAGAIN);
	else
		*sent += (size_t)n;
}

static void
recv_some(struct tls_stream *s, int fd, size_t *got)
{
	char buf[50000];
	ssize_t n = tls_stream_recv(s, buf, sizeof(buf));

	if (n < (ssize_t)sizeof(buf)) /* as edge-triggered callers need it */
		assert_true(is_quiet(fd) || tls_stream_is_over(s));
	if (n < 0) {
		assert_int_equal(errno, EAGAIN);
		return;
	}
	for (ssize_t i = 0; i < n; i++)
		assert_int_equal(buf[i], pattern(*got + (size_t)i));
	*got += (size_t)n;
}

static void
test_bulk_through_small_sockets(void **state)
{
	struct world w;
	struct pair p;
	size_t sent = 0, got = 0;

	(void)state;
	world_begin(&w, false);
	pair_begin(&p, &w);
	for (int i = 0; i < ROUNDS_MAX && got < BULK; i++) {
		if (sent < BULK)
			send_some(p.client, &sent);
		recv_some(p.server, p.fds[0], &got);
	}
	assert_int_equal(got, BULK);
	pair_close(&p);
	world_fini(&w);
}

static void
test_ends_of_both_kinds(void **state)
{
	struct world w;
	struct pair p;
	char buf[8];

	(void)state;
	world_begin(&w, false);
	pair_begin(&p, &w);
	assert_int_equal(tls_stream_send(p.client, "last", 4), 4);
	assert_int_equal(tls_stream_shutdown(p.client), 0);
	assert_int_equal(tls_stream_shutdown(p.client), 0);
	assert_int_equal(tls_stream_send(p.client, "more", 4), -1);
	assert_int_equal(errno, EPIPE);
	/* A short read, whose end waits to be told. */
	assert_int_equal(tls_stream_recv(p.server, buf, 8), 4);
	assert_true(tls_stream_is_over(p.server));
	for (int i = 0; i < 3; i++)
		assert_int_equal(tls_stream_recv(p.server, buf, 8), 0);
	/* The other way goes on, and is cut. */
	assert_int_equal(tls_stream_send(p.server, "words", 5), 5);
	assert_int_equal(shutdown(p.fds[0], SHUT_WR), 0);
	assert_int_equal(tls_stream_recv(p.client, buf, 8), 5);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(tls_stream_recv(p.client, buf, 8), -1);
		assert_int_equal(errno, TLS_STREAM_CUT);
	}
	assert_string_equal(
	    tls_stream_fault(p.client), "ended without a close_notify");
	pair_close(&p);
	world_fini(&w);
}

static void
test_peek_takes_nothing(void **state)
{
	struct world w;
	struct pair p;
	char buf[8];

	(void)state;
	world_begin(&w, false);
	pair_begin(&p, &w);
	assert_int_equal(tls_stream_peek(p.server, buf, 8), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(tls_stream_send(p.client, "abc", 3), 3);
	assert_int_equal(tls_stream_send(p.client, "def", 3), 3);
	assert_int_equal(tls_stream_peek(p.server, buf, 8), 3);
	assert_int_equal(tls_stream_peek(p.server, buf, 2), 2);
	assert_int_equal(tls_stream_recv(p.server, buf, 8), 6);
	assert_memory_equal(buf, "abcdef", 6);
	assert_int_equal(tls_stream_shutdown(p.client), 0);
	assert_int_equal(tls_stream_peek(p.server, buf, 8), 0);
	pair_close(&p);
	world_fini(&w);
}

/* A client of OpenSSL's own, which can do what a tls_stream does not. */
static SSL *
open_bare(struct pair *p, const struct world *w)
{
	SSL *ssl = SSL_new(w->client);
	char byte;

	assert_non_null(ssl);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fds), 0);
	p->client = NULL;
	p->server = tls_stream_accept(w->server, p->fds[0]);
	assert_non_null(p->server);
	assert_int_equal(SSL_set_fd(ssl, p->fds[1]), 1);
	for (int i = 0; i < ROUNDS_MAX && SSL_connect(ssl) != 1; i++)
		assert_int_equal(tls_stream_recv(p->server, &byte, 1), -1);
	assert_int_equal(tls_stream_recv(p->server, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	assert_true(tls_stream_is_open(p->server));
	return ssl;
}

static void
update_keys(SSL *ssl)
{
	assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
	assert_int_equal(SSL_do_handshake(ssl), 1);
}

/* Each costs much more work than bytes, and a read goes on as long as they
 * come. */
static void
test_nothing_but_new_keys(void **state)
{
	struct world w;
	struct pair p;
	SSL *client;
	char byte;
	int i = 0;

	(void)state;
	world_begin(&w, false);
	client = open_bare(&p, &w);
	do {
		update_keys(client);
		assert_int_equal(tls_stream_recv(p.server, &byte, 1), -1);
	} while (errno == EAGAIN && ++i < UPDATES_MAX);
	assert_int_equal(errno, EPROTO);
	assert_string_equal(tls_stream_fault(p.server),
	    "the peer sends handshake messages and no data");
	SSL_free(client);
	pair_close(&p);
	world_fini(&w);
}

static void
test_new_keys_between_data(void **state)
{
	static char buf[16 * 1024];
	struct world w;
	struct pair p;
	SSL *client;

	(void)state;
	world_begin(&w, false);
	client = open_bare(&p, &w);
	for (int i = 0; i < UPDATES_MAX; i++) {
		assert_int_equal(
		    SSL_write(client, buf, sizeof(buf)), sizeof(buf));
		update_keys(client);
		assert_int_equal(
		    tls_stream_recv(p.server, buf, sizeof(buf)), sizeof(buf));
	}
	SSL_free(client);
	pair_close(&p);
	world_fini(&w);
}

static void
check_junk(const char *junk, size_t len, bool http, const char *fault)
{
	struct world w;
	struct pair p;
	char byte;

	world_begin(&w, false);
	pair_open(&p, &w, "gw.example");
	assert_int_equal(write(p.fds[1], junk, len), (ssize_t)len);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(tls_stream_recv(p.server, &byte, 1), -1);
		assert_int_equal(errno, EPROTO);
	}
	assert_int_equal(tls_stream_met_http(p.server), http);
	assert_false(http && tls_stream_has_spoken(p.server));
	assert_string_equal(tls_stream_fault(p.server), fault);
	/* Nothing goes out of what has failed. */
	assert_int_equal(tls_stream_shutdown(p.server), 0);
	assert_int_equal(tls_stream_send(p.server, "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	pair_close(&p);
	world_fini(&w);
}

static void
test_junk(void **state)
{
	(void)state;
	check_junk("CONNECT a:1 HTTP/1.1\r\n", 22, true, "HTTP in clear");
	check_junk("GET http://a/ HTTP/1.1\r\n", 24, true, "HTTP in clear");
	check_junk(
	    "\x05\x01\x00\x05\x01", 5, false, "what the peer says is no TLS");
	check_junk("SSH-2.0-x\r\n", 11, false, "what the peer says is no TLS");
}

static void
check_refused(const struct cert_want *leaf, const char *name, const char *why)
{
	struct world w;
	struct pair p;

	world_init(&w, leaf, false);
	pair_open(&p, &w, name);
	assert_false(shake_hands(&p));
	assert_string_equal(tls_stream_verify_fault(p.client), why);
	assert_int_equal(tls_stream_handshake(p.client), -1);
	assert_int_equal(errno, EPROTO);
	pair_close(&p);
	world_fini(&w);
}

static void
test_certificates_that_are_refused(void **state)
{
	struct cert_want leaf = want("gw", "DNS:gw.example,DNS:w*.example");

	(void)state;
	check_refused(&leaf, "other.example", "it is for another name");
	check_refused(&leaf, "wx.example", "it is for another name");
	check_refused(&leaf, "10.0.0.1", "it is for another name");
	leaf.from_s = -3L * DAY_S;
	leaf.to_s = -DAY_S;
	check_refused(&leaf, "gw.example", "it has expired");
}

static void
test_addresses_and_unknown_authorities(void **state)
{
	struct world w, other;
	struct pair p;

	(void)state;
	world_begin(&w, false);
	pair_open(&p, &w, "10.0.0.1");
	assert_true(shake_hands(&p));
	pair_close(&p);
	world_begin(&other, false);
	tls_context_free(w.client);
	w.client = other.client;
	pair_open(&p, &w, "gw.example");
	assert_false(shake_hands(&p));
	assert_non_null(tls_stream_verify_fault(p.client));
	pair_close(&p);
	other.client = NULL;
	world_fini(&w);
	world_fini(&other);
}

/* Whom the server takes for a client of this certificate; NULL: nobody. */
static char *
subject_of(const struct cert_want *mine)
{
	struct world w;
	struct pair p;
	struct cert cert = {NULL, NULL};
	char *subject = NULL;

	world_begin(&w, true);
	if (mine != NULL) {
		cert = cert_make(mine, &w.ca);
		assert_int_equal(SSL_CTX_use_certificate(w.client, cert.x), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(w.client, cert.key), 1);
	}
	pair_open(&p, &w, "gw.example");
	if (shake_hands(&p))
		subject = tls_stream_subject(p.server);
	else
		assert_string_equal(tls_stream_fault(p.server),
		    mine == NULL ? "the client shows no certificate"
				 : "certificate verify failed");
	pair_close(&p);
	world_fini(&w);
	cert_free(&cert);
	return subject;
}

static void
check_subject(const struct cert_want *mine, const char *expected)
{
	char *subject = subject_of(mine);

	if (expected == NULL)
		assert_null(subject);
	else
		assert_string_equal(subject, expected);
	free(subject);
}

static void
test_who_the_client_is(void **state)
{
	struct cert_want mine = want("scanner", "DNS:s.example");

	(void)state;
	check_subject(&mine, "CN=scanner,O=Example");
	mine.cn = "a,b\n\xc3\xa9";
	check_subject(&mine, "CN=a\\,b\\0A\xc3\xa9,O=Example");
	mine.to_s = -1;
	check_subject(&mine, NULL);
	check_subject(NULL, NULL);
}

/* One conversation; true when all of it went as it should. */
static bool
converse(const struct world *w)
{
	struct pair p = {.fds = {-1, -1}};
	char buf[8];
	bool ok = false;

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p.fds), 0);
	p.server = tls_stream_accept(w->server, p.fds[0]);
	p.client = tls_stream_connect(w->client, p.fds[1], "gw.example");
	if (p.server != NULL && p.client != NULL && shake_hands(&p))
		ok = tls_stream_send(p.client, "hello", 5) == 5 &&
		     tls_stream_recv(p.server, buf, 8) == 5 &&
		     tls_stream_shutdown(p.client) == 0 &&
		     tls_stream_recv(p.server, buf, 8) == 0;
	pair_close(&p);
	return ok;
}

/* Whatever allocation of OpenSSL fails, the stream says so in order. */
static void
test_out_of_memory(void **state)
{
	struct world w;
	unsigned failures = 0;
	bool ok = false;

	(void)state;
	world_begin(&w, false);
	assert_true(converse(&w)); /* what is made once is made */
	for (unsigned long n = 1; n < 20000 && !ok; n += 1 + n / 64) {
		allocations = 0;
		fail_at = n;
		ok = converse(&w);
		failures += !ok;
		ok = ok && allocations < n;
	}
	fail_at = 0;
	assert_true(failures > 20);
	assert_true(ok);
	assert_true(converse(&w));
	world_fini(&w);
}

static int
set_up(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN); /* OpenSSL writes by write(2) */
	return mkdtemp(folder) == NULL;
}

static int
tear_down(void **state)
{
	static const char *const names[] = {"server.pem", "ca.pem"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(place(names[i]).path);
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bulk_through_small_sockets),
	    cmocka_unit_test(test_ends_of_both_kinds),
	    cmocka_unit_test(test_peek_takes_nothing),
	    cmocka_unit_test(test_nothing_but_new_keys),
	    cmocka_unit_test(test_new_keys_between_data),
	    cmocka_unit_test(test_junk),
	    cmocka_unit_test(test_certificates_that_are_refused),
	    cmocka_unit_test(test_addresses_and_unknown_authorities),
	    cmocka_unit_test(test_who_the_client_is),
	    cmocka_unit_test(test_out_of_memory),
	};

	if (CRYPTO_set_mem_functions(
		failing_malloc, failing_realloc, failing_free) != 1)
		return 1;
	return cmocka_run_group_tests_name(
	    "tls_stream", tests, set_up, tear_down);
}
