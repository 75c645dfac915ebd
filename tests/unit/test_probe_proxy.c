/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net_fixture.h"
#include "probe_fixture.h"

/* A CONNECT stub: what it saw, what it says. */
struct stub {
	const char *answer; /* behind the request's head */
	bool close;         /* at once afterwards, else it waits */
	bool reset, byte_wise;
	char request[2048];
	SSL_CTX *tls;
};

static void
read_head(int fd, char *buf, size_t size)
{
	size_t n = 0;

	while (n + 1 < size && recv(fd, buf + n, 1, 0) == 1) {
		n++;
		if (n >= 4 && memcmp(buf + n - 4, "\r\n\r\n", 4) == 0)
			break;
	}
	buf[n] = '\0';
}

static void
serve_connect(int fd, unsigned number, void *arg)
{
	struct stub *s = arg;

	(void)number;
	read_head(fd, s->request, sizeof(s->request));
	if (s->reset)
		peer_reset(fd);
	for (const char *c = s->answer; s->byte_wise && *c != '\0'; c++)
		peer_write(fd, c, 1);
	if (!s->byte_wise && s->answer != NULL)
		peer_say(fd, s->answer);
	if (!s->close && !s->reset)
		peer_wait(fd);
}

static struct probe_case *
behind(struct peer *peer, enum proxy_kind kind)
{
	struct probe_case *c = case_new("service.test.example", 443);

	case_proxy(c, kind, peer_port(peer));
	return c;
}

static void
run_connect(struct stub *s, struct proxy_result *out)
{
	struct peer *peer = peer_new(serve_connect, s);
	struct probe_case *c = behind(peer, PROXY_HTTP);

	case_run_to(c, PHASE_PROXY);
	*out = c->result->proxy;
	case_free(c);
	peer_free(peer);
}

struct row {
	const char *answer;
	bool close;
	enum proxy_end end;
	int status;
	const char *reason;
};

static const struct row rows[] = {
    {"HTTP/1.1 200 Connection established\r\n\r\n", false, PROXY_TUNNEL, 200,
	"Connection established"},
    {"HTTP/1.0 200 OK\r\nVia: x\r\n\r\n", false, PROXY_TUNNEL, 200, "OK"},
    {"HTTP/1.1 200\r\n\r\n", false, PROXY_TUNNEL, 200, ""},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", false,
	PROXY_TUNNEL, 200, "OK"},
    /* PX-407, PX-403, PX-401, PX-5XX, PX-NOTUNNEL */
    {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", true, PROXY_STATUS,
	407, "Proxy Authentication Required"},
    {"HTTP/1.1 403 host not on allowlist: x\r\n\r\n<html>", true, PROXY_STATUS,
	403, "host not on allowlist: x"},
    {"HTTP/1.1 401 Unauthorized\r\n\r\n", true, PROXY_STATUS, 401,
	"Unauthorized"},
    {"HTTP/1.1 502 Bad Gateway\r\n\r\n", false, PROXY_STATUS, 502,
	"Bad Gateway"},
    {"HTTP/1.1 405 Method Not Allowed\nServer: x\n\n", true, PROXY_STATUS, 405,
	"Method Not Allowed"},
    /* PX-ABORT, and an answer cut short */
    {"", true, PROXY_CLOSED, 0, ""},
    {"HTTP/1.1 403 Forb", true, PROXY_CLOSED, 0, ""},
    /* not HTTP */
    {"SSH-2.0-OpenSSH\r\n", false, PROXY_GARBAGE, 0, ""},
    {"HTTP/1.1 abc\r\n\r\n", false, PROXY_GARBAGE, 0, ""},
    {"HTTP/1.1\r\n\r\n", false, PROXY_GARBAGE, 0, ""},
};

static void
answers_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i / 2];
		struct stub s = {.answer = row->answer,
		    .close = row->close,
		    .byte_wise = i % 2 == 1};
		struct proxy_result p;

		run_connect(&s, &p);
		assert_int_equal(p.end, row->end);
		assert_int_equal(p.status, row->status);
		assert_string_equal(p.reason, row->reason);
		assert_int_equal(p.time.end,
		    row->end == PROXY_TUNNEL ? PHASE_DONE : PHASE_FAILED);
		assert_int_equal(strncmp(s.request,
				     "CONNECT service.test.example:443 "
				     "HTTP/1.1\r\n"
				     "Host: service.test.example:443\r\n",
				     66),
		    0);
	}
}

static void
telling_headers_are_kept(void **state)
{
	struct stub s = {.answer = "HTTP/1.1 407 No\r\n"
				   "Proxy-Authenticate: NTLM\r\n"
				   "proxy-authenticate: Basic realm=\"x\"\r\n"
				   "Via: 1.1 proxy\r\nServer: squid/5.7\r\n"
				   "X-Squid-Error: ERR_ACCESS_DENIED 0\r\n"
				   "Retry-After: 5\r\n"
				   "Proxy-Status: p; error=x\r\n"
				   "X-Request-Id: 42\r\n"
				   "WWW-Authenticate: Basic\r\n"
				   "Content-Type: text/html\r\n\r\n"
				   "<title>Denied</title>",
	    .close = true};
	struct proxy_result p;

	(void)state;
	run_connect(&s, &p);
	assert_string_equal(p.schemes, "NTLM, Basic");
	assert_string_equal(p.via, "1.1 proxy");
	assert_string_equal(p.server, "squid/5.7");
	assert_string_equal(p.squid_error, "ERR_ACCESS_DENIED 0");
	assert_string_equal(p.retry_after, "5");
	assert_string_equal(p.proxy_status, "p; error=x");
	assert_string_equal(p.request_id, "42");
	assert_string_equal(p.content_type, "text/html");
	assert_true(p.www_authenticate);
	assert_int_equal(p.first_byte_count, 21);
	assert_memory_equal(p.first_bytes, "<title>Denied</title>", 21);
	assert_false(p.authenticated);
}

static void
a_reset_is_no_close(void **state)
{
	struct stub s = {.reset = true};
	struct proxy_result p;

	(void)state;
	run_connect(&s, &p);
	assert_int_equal(p.end, PROXY_RESET);
	assert_int_equal(p.err, ECONNRESET);
}

static void
silence_ends_at_the_deadline(void **state)
{
	static const char *const answers[] = {"", "HTTP/1.1 200 OK\r\nX: "};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct stub s = {.answer = answers[i]};
		struct peer *peer = peer_new(serve_connect, &s);
		struct probe_case *c = behind(peer, PROXY_HTTP);

		c->timeout_ms = CASE_WAIT_MS;
		case_run_to(c, PHASE_PROXY);
		assert_int_equal(c->result->proxy.end, PROXY_SILENT);
		assert_int_equal(c->result->proxy.time.end, PHASE_TIMED_OUT);
		assert_int_equal(
		    c->result->proxy.first_byte_count, strlen(answers[i]));
		case_free(c);
		peer_free(peer);
	}
}

static void
serve_endless(int fd, unsigned number, void *arg)
{
	(void)number;
	(void)arg;
	(void)peer_read_until(fd, "\r\n\r\n");
	peer_say(fd, "HTTP/1.1 200 OK\r\n");
	for (unsigned i = 0; i < 4096; i++)
		peer_say(fd, "X-Header: and one more, and one more\r\n");
}

static void
endless_heads_are_cut(void **state)
{
	struct peer *peer = peer_new(serve_endless, NULL);
	struct probe_case *c = behind(peer, PROXY_HTTP);

	(void)state;
	case_run_to(c, PHASE_PROXY);
	assert_int_equal(c->result->proxy.end, PROXY_GARBAGE);
	case_free(c);
	peer_free(peer);
}

static void
bytes_behind_the_head_stay_in_the_tunnel(void **state)
{
	struct stub s = {
	    .answer = "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 403 Forbidden\r\n"};
	struct peer *peer = peer_new(serve_connect, &s);
	struct probe_case *c = behind(peer, PROXY_HTTP);

	(void)state;
	case_run_to(c, PHASE_TLS); /* PX-PAGE */
	assert_int_equal(c->result->proxy.end, PROXY_TUNNEL);
	assert_int_equal(c->result->tls.end, TLS_PLAINTEXT);
	assert_int_equal(c->result->tls.first_byte_count, 24);
	assert_memory_equal(
	    c->result->tls.first_bytes, "HTTP/1.1 403 Forbidden\r\n", 24);
	case_free(c);
	peer_free(peer);
}

static void
credentials_are_sent_when_given(void **state)
{
	struct stub s = {.answer = "HTTP/1.1 200 OK\r\n\r\n"};
	struct peer *peer = peer_new(serve_connect, &s);
	struct probe_case *c = behind(peer, PROXY_HTTP);

	(void)state;
	case_login(c, "Aladdin", "open sesame");
	case_run_to(c, PHASE_PROXY);
	assert_true(c->result->proxy.authenticated);
	/* RFC 7617 section 2 */
	assert_non_null(strstr(s.request,
	    "\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
	case_free(c);
	peer_free(peer);
}

/* --- https proxies -------------------------------------------------------- */

static void
serve_tls_connect(int fd, unsigned number, void *arg)
{
	struct stub *s = arg;
	SSL *ssl = cert_accept(s->tls, fd);
	size_t n = 0;

	(void)number;
	if (ssl == NULL)
		return;
	while (n + 1 < sizeof(s->request) &&
	       SSL_read(ssl, s->request + n, 1) == 1) {
		n++;
		if (n >= 4 && memcmp(s->request + n - 4, "\r\n\r\n", 4) == 0)
			break;
	}
	s->request[n] = '\0';
	(void)SSL_write(ssl, s->answer, (int)strlen(s->answer));
	if (!s->close)
		peer_wait(fd);
	SSL_free(ssl);
}

static void
run_https(bool trusted, struct stub *s, struct proxy_result *out)
{
	struct cert ca = cert_public_ca(), leaf = cert_public_leaf(&ca);
	struct peer *peer;
	struct probe_case *c;

	s->tls = cert_server(&leaf, &ca);
	peer = peer_new(serve_tls_connect, s);
	c = behind(peer, PROXY_HTTPS);
	case_login(c, "u", "p");
	if (trusted)
		case_trust(c, &ca);
	case_run_to(c, PHASE_PROXY);
	*out = c->result->proxy;
	case_free(c);
	peer_free(peer);
	SSL_CTX_free(s->tls);
	cert_free(&leaf);
	cert_free(&ca);
}

static void
https_proxies_are_spoken_to_in_tls(void **state)
{
	struct stub s = {.answer = "HTTP/1.1 200 OK\r\n\r\n"};
	struct proxy_result p;

	(void)state;
	run_https(true, &s, &p);
	assert_int_equal(p.end, PROXY_TUNNEL);
	assert_int_equal(p.tls.end, TLS_FINISHED);
	assert_true(p.tls.verified);
	assert_true(p.tls.name_matches);
	assert_true(p.authenticated);
	s.answer = "HTTP/1.1 403 No\r\nVia: x\r\n\r\nbody";
	s.close = true;
	run_https(true, &s, &p);
	assert_int_equal(p.end, PROXY_STATUS);
	assert_int_equal(p.status, 403);
	assert_int_equal(p.first_byte_count, 4);
}

static void
no_password_for_an_unproven_proxy(void **state)
{
	struct stub s = {.answer = "HTTP/1.1 200 OK\r\n\r\n"};
	struct proxy_result p;

	(void)state;
	run_https(false, &s, &p);
	assert_int_equal(p.end, PROXY_TUNNEL);
	assert_false(p.tls.verified);
	assert_false(p.authenticated);
	assert_null(strstr(s.request, "Authorization"));
}

static void
plain_proxy_given_as_https(void **state)
{
	struct stub s = {
	    .answer = "HTTP/1.1 400 Bad Request\r\n\r\n", .close = true};
	struct peer *peer = peer_new(serve_connect, &s);
	struct probe_case *c = behind(peer, PROXY_HTTPS);

	(void)state;
	/* The stub waits for a head that never comes whole: cut it short. */
	c->timeout_ms = CASE_WAIT_MS;
	case_run_to(c, PHASE_PROXY);
	assert_int_equal(c->result->proxy.end, PROXY_TLS_FAILED);
	assert_int_equal(c->result->proxy.tls.end, TLS_SILENT);
	case_free(c);
	peer_free(peer);
}

static void
serve_bad_request(int fd, unsigned number, void *arg)
{
	(void)number;
	(void)arg;
	(void)peer_read_some(fd);
	peer_say(fd, "HTTP/1.1 400 Bad Request\r\n\r\n");
}

static void
plain_answer_on_the_proxy_leg(void **state)
{
	struct peer *peer = peer_new(serve_bad_request, NULL);
	struct probe_case *c = behind(peer, PROXY_HTTPS);

	(void)state; /* PX-SCHEME */
	case_run_to(c, PHASE_PROXY);
	assert_int_equal(c->result->proxy.end, PROXY_TLS_FAILED);
	assert_int_equal(c->result->proxy.tls.end, TLS_PLAINTEXT);
	case_free(c);
	peer_free(peer);
}

/* TLS inside TLS. */
static void
serve_both(int fd, unsigned number, void *arg)
{
	struct stub *s = arg;
	SSL *outer = cert_accept(s->tls, fd), *inner;
	char sink[4096];
	BIO *bio;

	(void)number;
	if (outer == NULL)
		return;
	if (SSL_read(outer, sink, sizeof(sink)) > 0 &&
	    SSL_write(outer, s->answer, (int)strlen(s->answer)) > 0) {
		inner = SSL_new(s->tls);
		bio = BIO_new(BIO_f_ssl());
		(void)BIO_set_ssl(bio, outer, BIO_NOCLOSE);
		SSL_set_bio(inner, bio, bio);
		if (SSL_accept(inner) == 1)
			peer_wait(fd);
		SSL_free(inner);
	}
	SSL_free(outer);
}

static void
tls_through_an_https_proxy(void **state)
{
	struct cert ca = cert_public_ca(), leaf = cert_public_leaf(&ca);
	struct stub s = {.answer = "HTTP/1.1 200 OK\r\n\r\n",
	    .tls = cert_server(&leaf, &ca)};
	struct peer *peer = peer_new(serve_both, &s);
	struct probe_case *c = behind(peer, PROXY_HTTPS);

	(void)state;
	case_trust(c, &ca);
	case_run_to(c, PHASE_TLS);
	assert_int_equal(c->result->proxy.end, PROXY_TUNNEL);
	assert_int_equal(c->result->tls.end, TLS_FINISHED);
	assert_true(c->result->tls.verified);
	assert_true(c->result->tls.name_matches); /* *.test.example */
	case_free(c);
	peer_free(peer);
	SSL_CTX_free(s.tls);
	cert_free(&leaf);
	cert_free(&ca);
}

/* --- SOCKS5 --------------------------------------------------------------- */

struct socks {
	unsigned char method;
	unsigned char login_status;
	const unsigned char *reply;
	size_t reply_len;
	unsigned char request[300];
	size_t request_len;
	char login[64];
};

static void
serve_socks(int fd, unsigned number, void *arg)
{
	struct socks *s = arg;
	unsigned char head[4], list[255], n;
	const unsigned char method[2] = {5, s->method};
	const unsigned char login[2] = {1, s->login_status};

	(void)number;
	if (!peer_read(fd, head, 2) || !peer_read(fd, list, head[1]))
		return;
	peer_write(fd, method, 2);
	if (s->method == 2) {
		if (!peer_read(fd, head, 2) ||
		    !peer_read(fd, s->login, head[1]) || !peer_read(fd, &n, 1))
			return;
		s->login[head[1]] = ':';
		if (!peer_read(fd, s->login + head[1] + 1, n))
			return;
		peer_write(fd, login, 2);
	}
	if (!peer_read(fd, s->request, 5))
		return;
	s->request_len = 5;
	if (s->request[3] == 3) {
		s->request_len += s->request[4] + 2U;
		if (!peer_read(fd, s->request + 5, s->request[4] + 2U))
			return;
	}
	for (size_t i = 0; i < s->reply_len; i++)
		peer_write(fd, s->reply + i, 1);
	if (s->reply_len == 10 && s->reply[1] == 0)
		peer_wait(fd);
}

static void
run_socks(struct socks *s, bool login, struct proxy_result *out)
{
	struct peer *peer = peer_new(serve_socks, s);
	struct probe_case *c = behind(peer, PROXY_SOCKS5);

	if (login)
		case_login(c, "user", "secret");
	case_run_to(c, PHASE_PROXY);
	*out = c->result->proxy;
	case_free(c);
	peer_free(peer);
}

static const unsigned char socks_ok[10] = {5, 0, 0, 1, 0, 0, 0, 0, 0, 0};
static const unsigned char socks_denied[10] = {5, 2, 0, 1, 0, 0, 0, 0, 0, 0};
static const unsigned char socks_named[11] = {
    5, 0, 0, 3, 4, 'n', 'a', 'm', 'e', 0, 80};

static void
socks_opens_a_tunnel_by_name(void **state)
{
	struct socks s = {.reply = socks_ok, .reply_len = sizeof(socks_ok)};
	struct proxy_result p;

	(void)state;
	run_socks(&s, false, &p);
	assert_int_equal(p.end, PROXY_TUNNEL);
	assert_int_equal(p.socks_method, 0);
	assert_int_equal(p.socks_reply, 0);
	assert_int_equal(s.request_len, 5 + 20 + 2);
	assert_memory_equal(
	    s.request, "\5\1\0\3\24service.test.example\1\273", 27);
	s.reply = socks_named;
	s.reply_len = sizeof(socks_named);
	run_socks(&s, false, &p);
	assert_int_equal(p.end, PROXY_TUNNEL);
}

static void
socks_with_a_password(void **state)
{
	struct socks s = {
	    .method = 2, .reply = socks_ok, .reply_len = sizeof(socks_ok)};
	struct proxy_result p;

	(void)state;
	run_socks(&s, true, &p);
	assert_int_equal(p.end, PROXY_TUNNEL);
	assert_true(p.authenticated);
	assert_string_equal(s.login, "user:secret");
	s.login_status = 1;
	run_socks(&s, true, &p);
	assert_int_equal(p.end, PROXY_SOCKS_AUTH);
	assert_int_equal(p.socks_method, 2);
}

static void
socks_refusals(void **state)
{
	struct socks s = {
	    .reply = socks_denied, .reply_len = sizeof(socks_denied)};
	struct proxy_result p;

	(void)state;
	run_socks(&s, false, &p);
	assert_int_equal(p.end, PROXY_SOCKS_REFUSED);
	assert_int_equal(p.socks_reply, 2);
	/* cut behind the code */
	s.reply_len = 2;
	run_socks(&s, false, &p);
	assert_int_equal(p.end, PROXY_SOCKS_REFUSED);
	s.reply_len = 1;
	run_socks(&s, false, &p);
	assert_int_equal(p.end, PROXY_CLOSED);
	s.method = 0xFF;
	run_socks(&s, false, &p);
	assert_int_equal(p.end, PROXY_SOCKS_AUTH);
	assert_int_equal(p.socks_method, 0xFF);
}

static void
socks_spoken_to_a_web_server(void **state)
{
	struct peer *peer = peer_new(serve_bad_request, NULL);
	struct probe_case *c = behind(peer, PROXY_SOCKS5);

	(void)state;
	case_run_to(c, PHASE_PROXY);
	assert_int_equal(c->result->proxy.end, PROXY_GARBAGE);
	assert_int_equal(c->result->proxy.first_byte_count, 28);
	assert_memory_equal(c->result->proxy.first_bytes,
	    "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
	case_free(c);
	peer_free(peer);
}

/* --- contract ------------------------------------------------------------- */

static struct probe_case *
prepare_http(void *arg)
{
	struct probe_case *c = behind(arg, PROXY_HTTP);

	case_run_to(c, PHASE_TCP);
	return c;
}

static struct probe_case *
prepare_https(void *arg)
{
	struct probe_case *c = behind(arg, PROXY_HTTPS);

	case_run_to(c, PHASE_TCP);
	return c;
}

static struct probe_case *
prepare_socks(void *arg)
{
	struct probe_case *c = behind(arg, PROXY_SOCKS5);

	case_login(c, "user", "secret");
	case_run_to(c, PHASE_TCP);
	return c;
}

static void
cancel_in_every_state(void **state)
{
	struct cert ca = cert_public_ca(), leaf = cert_public_leaf(&ca);
	struct stub s = {.answer = "HTTP/1.1 403 No\r\n\r\nbody"};
	struct socks k = {.method = 2, .reply = socks_ok, .reply_len = 9};
	struct peer *peer = peer_new(serve_connect, &s);

	(void)state;
	case_cancel_everywhere(prepare_http, peer, &probe_proxy);
	peer_free(peer);
	s.tls = cert_server(&leaf, &ca);
	peer = peer_new(serve_tls_connect, &s);
	case_cancel_everywhere(prepare_https, peer, &probe_proxy);
	peer_free(peer);
	peer = peer_new(serve_socks, &k);
	case_cancel_everywhere(prepare_socks, peer, &probe_proxy);
	peer_free(peer);
	SSL_CTX_free(s.tls);
	cert_free(&leaf);
	cert_free(&ca);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_are_told_apart),
	    cmocka_unit_test(telling_headers_are_kept),
	    cmocka_unit_test(a_reset_is_no_close),
	    cmocka_unit_test(silence_ends_at_the_deadline),
	    cmocka_unit_test(endless_heads_are_cut),
	    cmocka_unit_test(bytes_behind_the_head_stay_in_the_tunnel),
	    cmocka_unit_test(credentials_are_sent_when_given),
	    cmocka_unit_test(https_proxies_are_spoken_to_in_tls),
	    cmocka_unit_test(no_password_for_an_unproven_proxy),
	    cmocka_unit_test(plain_proxy_given_as_https),
	    cmocka_unit_test(plain_answer_on_the_proxy_leg),
	    cmocka_unit_test(tls_through_an_https_proxy),
	    cmocka_unit_test(socks_opens_a_tunnel_by_name),
	    cmocka_unit_test(socks_with_a_password),
	    cmocka_unit_test(socks_refusals),
	    cmocka_unit_test(socks_spoken_to_a_web_server),
	    cmocka_unit_test(cancel_in_every_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
