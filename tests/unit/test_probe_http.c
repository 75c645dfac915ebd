/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "http_redirect.h"
#include "probe_fixture.h"

/* An HTTP origin behind TLS. */
struct origin {
	struct cert ca, leaf;
	SSL_CTX *ctx;
	struct peer *peer;
	const char *answer;
	bool wait, reset, endless;
	char request[4096], first[4096]; /* the last GET, and the first */
	bool h2;                         /* chosen by ALPN, then broken */
};

static void
answer(struct origin *o, SSL *ssl, int fd)
{
	char line[200];

	memset(line, 'x', sizeof(line));
	if (o->answer[0] != '\0')
		(void)SSL_write(ssl, o->answer, (int)strlen(o->answer));
	for (unsigned i = 0; o->endless && i < 4096; i++) {
		if (SSL_write(ssl, "X-Header: ", 10) <= 0 ||
		    SSL_write(ssl, line, sizeof(line)) <= 0 ||
		    SSL_write(ssl, "\r\n", 2) <= 0)
			return;
	}
	if (o->wait)
		peer_wait(fd);
	else if (!o->reset)
		(void)SSL_shutdown(ssl);
}

static void
serve_http(int fd, unsigned number, void *arg)
{
	struct origin *o = arg;
	SSL *ssl = cert_accept(o->ctx, fd);
	char request[4096];
	size_t n = 0;

	(void)number;
	if (ssl == NULL)
		return;
	while (n + 1 < sizeof(request) && SSL_read(ssl, request + n, 1) == 1) {
		n++;
		if (n >= 4 && memcmp(request + n - 4, "\r\n\r\n", 4) == 0)
			break;
	}
	request[n] = '\0';
	if (n > 4 && memcmp(request, "GET ", 4) == 0) {
		memcpy(o->request, request, n + 1);
		if (o->first[0] == '\0')
			memcpy(o->first, request, n + 1);
	}
	if (o->reset)
		peer_reset(fd);
	if (n > 0)
		answer(o, ssl, fd);
	SSL_free(ssl);
}

static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *len,
    const unsigned char *in, unsigned in_len, void *arg)
{
	(void)ssl;
	(void)arg;
	for (unsigned i = 0; i < in_len; i += in[i] + 1U) {
		if (in[i] == 2 && memcmp(in + i + 1, "h2", 2) == 0) {
			*out = in + i + 1;
			*len = 2;
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_NOACK;
}

static void
origin_begin(struct origin *o)
{
	o->ca = cert_public_ca();
	o->leaf = cert_public_leaf(&o->ca);
	o->ctx = cert_server(&o->leaf, &o->ca);
	if (o->h2)
		SSL_CTX_set_alpn_select_cb(o->ctx, on_alpn, NULL);
	o->peer = peer_new(serve_http, o);
}

static void
origin_end(struct origin *o)
{
	peer_free(o->peer);
	SSL_CTX_free(o->ctx);
	cert_free(&o->leaf);
	cert_free(&o->ca);
}

static struct probe_case *
case_of(struct origin *o)
{
	struct probe_case *c = case_new("localhost", peer_port(o->peer));

	case_dial(c, "127.0.0.1", peer_port(o->peer));
	(void)snprintf(
	    c->target.http_path, sizeof(c->target.http_path), "/v2/");
	case_trust(c, &o->ca);
	return c;
}

static void
run(struct origin *o, struct http_result *out)
{
	struct probe_case *c;

	origin_begin(o);
	c = case_of(o);
	case_run_to(c, PHASE_HTTP);
	*out = c->result->http;
	assert_int_equal(c->result->tls.end, TLS_FINISHED);
	case_free(c);
	origin_end(o);
}

static void
telling_headers_are_kept(void **state)
{
	struct origin o = {
	    .answer = "HTTP/1.1 401 Unauthorized\r\n"
		      "Content-Type: application/json\r\n"
		      "Server: awselb\r\nVia: 1.1 x\r\n"
		      "WWW-Authenticate: Bearer realm=\"r\"\r\n"
		      "x-amz-request-id: A\r\nx-amz-id-2: B\r\n"
		      "x-amz-bucket-region: us-east-1\r\n"
		      "x-amzn-RequestId: C\r\n"
		      "Docker-Distribution-Api-Version: registry/2.0\r\n"
		      "Retry-After: 7\r\n"
		      "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
		      "Content-Length: 15\r\n\r\n{\"message\":\"no\"}"};
	struct http_result h;

	(void)state;
	run(&o, &h);
	assert_int_equal(h.end, HTTP_ANSWER);
	assert_int_equal(h.time.end, PHASE_DONE);
	assert_int_equal(h.status, 401);
	assert_string_equal(h.version, "1.1");
	assert_string_equal(h.method, "GET");
	assert_string_equal(h.path, "/v2/");
	assert_true(h.verified);
	assert_false(h.key_sent);
	assert_string_equal(h.content_type, "application/json");
	assert_string_equal(h.server, "awselb");
	assert_string_equal(h.via, "1.1 x");
	assert_string_equal(h.www_authenticate, "Bearer realm=\"r\"");
	assert_string_equal(h.amz_request_id, "A");
	assert_string_equal(h.amz_id_2, "B");
	assert_string_equal(h.amz_bucket_region, "us-east-1");
	assert_string_equal(h.amzn_request_id, "C");
	assert_string_equal(h.docker_api_version, "registry/2.0");
	assert_string_equal(h.retry_after, "7");
	assert_int_equal(h.date, 1767225600);
	assert_int_equal(h.body_len, 15);
	assert_memory_equal(h.body, "{\"message\":\"no\"}", 15);
	assert_non_null(strstr(o.request, "GET /v2/ HTTP/1.1\r\n"));
}

static void
our_clock_against_theirs(void **state)
{
	time_t then = time(NULL) - 3600;
	char text[256], date[64];
	struct origin o = {.answer = text};
	struct http_result h;
	struct tm tm;

	(void)state;
	assert_non_null(gmtime_r(&then, &tm));
	assert_true(
	    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0);
	(void)snprintf(text, sizeof(text),
	    "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Length: 0\r\n\r\n", date);
	run(&o, &h);
	assert_true(h.skew_ms >= 3600000 && h.skew_ms < 3660000);
}

static void
pages_have_titles(void **state)
{
	struct origin o = {
	    .answer = "HTTP/1.1 302 Found\r\nContent-Type: text/html\r\n"
		      "Location: https://login.corp.example:8443/x?y\r\n\r\n"
		      "<html><head><TITLE>\n Access  denied </TITLE>"};
	struct http_result h;

	(void)state;
	run(&o, &h);
	assert_int_equal(h.status, 302);
	assert_string_equal(h.title, "Access denied");
	assert_true(h.redirect.seen);
	assert_string_equal(h.redirect.host, "login.corp.example");
	assert_int_equal(h.redirect.port, 8443);
}

static const struct {
	const char *answer;
	bool wait, reset;
	enum http_end end;
	enum phase_end phase;
} failures[] = {
    {"", false, false, HTTP_CLOSED, PHASE_FAILED},
    {"", false, true, HTTP_RESET, PHASE_FAILED},
    {"", true, false, HTTP_SILENT, PHASE_TIMED_OUT},
    {"HTTP/1.1 200 OK\r\nX: ", true, false, HTTP_SILENT, PHASE_TIMED_OUT},
    {"SSH-2.0\r\n\r\n", false, false, HTTP_GARBAGE, PHASE_FAILED},
    /* A body that never ends does not spoil the answer. */
    {"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nx", true, false, HTTP_ANSWER,
	PHASE_DONE},
};

static void
failures_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		struct origin o = {.answer = failures[i].answer,
		    .wait = failures[i].wait,
		    .reset = failures[i].reset};
		struct probe_case *c;
		const struct http_result *h;

		origin_begin(&o);
		c = case_of(&o);
		case_run_to(c, PHASE_TLS);
		if (failures[i].wait)
			c->timeout_ms = CASE_WAIT_MS;
		assert_true(case_run(c, &probe_http));
		h = &c->result->http;
		assert_int_equal(h->end, failures[i].end);
		assert_int_equal(h->time.end, failures[i].phase);
		case_free(c);
		origin_end(&o);
	}
}

static void
endless_heads_are_cut(void **state)
{
	struct origin o = {.answer = "HTTP/1.1 200 OK\r\n", .endless = true};
	struct http_result h;

	(void)state;
	run(&o, &h);
	assert_int_equal(h.end, HTTP_GARBAGE);
}

static void
broken_http2_is_tried_again(void **state)
{
	struct origin o = {
	    .answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	    .h2 = true,
	    .wait = true};
	struct http_result h;

	(void)state;
	run(&o, &h);
	/* Which of libcurl's errors it is differs by version. */
	assert_true(h.end == HTTP_GARBAGE || h.end == HTTP_CLOSED);
	assert_int_not_equal(h.curl_code, 0);
	assert_int_equal(h.http11_works, TRI_YES);
}

#define JSON_401                                                               \
	"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\n"      \
	"Content-Length: 2\r\n\r\n{}"

/* What a host is like that may get the key. */
struct host_like {
	const char *answer;
	bool verified, send_key, listed;
};

static void
run_with_key(struct host_like like, struct origin *o, struct http_result *out)
{
	struct probe_case *c;

	*o = (struct origin){.answer = like.answer};
	origin_begin(o);
	c = case_of(o);
	c->env.api_key = "identifier:secret-part";
	c->target.send_key = like.send_key;
	c->target.probe = PROBE_JSON_API;
	case_run_to(c, PHASE_TLS);
	c->result->tls.verified = like.verified;
	if (like.listed) {
		c->target.expect_public = true;
		c->result->tls.issuer = ISSUER_PRIVATE;
	}
	assert_true(case_run(c, &probe_http));
	*out = c->result->http;
	case_free(c);
	origin_end(o);
}

static void
the_key_goes_to_the_proven_service_only(void **state)
{
	static const struct host_like others[] = {
	    {JSON_401, false, true, false}, /* not verified */
	    {JSON_401, true, false, false}, /* not this host's affair */
	    {JSON_401, true, true, true},   /* an inspector's root, trusted */
	    {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
	     "Content-Length: 7\r\n\r\n<title>",
		true, true, false}, /* a page */
	    {"HTTP/1.1 401 No\r\nContent-Type: application/json\r\n"
	     "WWW-Authenticate: Basic\r\nContent-Length: 2\r\n\r\n{}",
		true, true, false}, /* a proxy's challenge */
	};
	struct origin o;
	struct http_result h;

	(void)state;
	run_with_key((struct host_like){JSON_401, true, true, false}, &o, &h);
	assert_true(h.key_sent);
	assert_int_equal(h.bare_status, 401);
	assert_null(strstr(o.first, "secret-part"));
	assert_non_null(strstr(
	    o.request, "\r\nAuthorization: ApiKey identifier:secret-part\r\n"));
	assert_non_null(strstr(o.request, "\r\nApi-Version: v1\r\n"));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		run_with_key(others[i], &o, &h);
		assert_int_equal(h.end, HTTP_ANSWER);
		assert_false(h.key_sent);
		assert_int_equal(h.bare_status, 0);
		assert_null(strstr(o.request, "secret-part"));
	}
}

static void
a_key_sent_back_is_blanked(void **state)
{
	struct origin o;
	struct http_result h;

	(void)state;
	run_with_key((struct host_like){"HTTP/1.1 401 Unauthorized\r\n"
					"Content-Type: application/json\r\n"
					"Server: ApiKey secret-part\r\n"
					"Content-Length: 40\r\n\r\n"
					"{\"message\": \"no "
					"identifier:secret-part\"}",
			 true, true, false},
	    &o, &h);
	assert_true(h.key_sent);
	assert_memory_equal(h.body, "{\"message\": \"no ***", 19);
	assert_null(memmem(&h, sizeof(h), "secret-part", 11));
	assert_null(memmem(&h, sizeof(h), "identifier", 10));
}

static void
an_unproven_peer_is_asked_all_the_same(void **state)
{
	struct origin o = {.answer = "HTTP/1.1 403 No\r\n\r\n<title>B</title>"};
	struct cert other = cert_public_ca();
	struct probe_case *c;

	(void)state;
	origin_begin(&o);
	c = case_new("localhost", peer_port(o.peer));
	case_dial(c, "127.0.0.1", peer_port(o.peer));
	(void)snprintf(c->target.http_path, sizeof(c->target.http_path), "/");
	case_trust(c, &other);
	case_run_to(c, PHASE_HTTP);
	assert_false(c->result->tls.verified);
	assert_false(c->result->http.verified);
	assert_int_equal(c->result->http.status, 403);
	assert_string_equal(c->result->http.title, "B");
	case_free(c);
	origin_end(&o);
	cert_free(&other);
}

/* A certificate that turned bad between TLS and HTTP: libcurl checks itself. */
static void
libcurl_checks_what_was_good(void **state)
{
	struct origin o = {.answer = "HTTP/1.1 200 OK\r\n\r\n"};
	struct probe_case *c;

	(void)state;
	origin_begin(&o);
	c = case_new("localhost", peer_port(o.peer));
	case_dial(c, "127.0.0.1", peer_port(o.peer));
	(void)snprintf(c->target.http_path, sizeof(c->target.http_path), "/");
	case_run_to(c, PHASE_TLS);
	assert_false(c->result->tls.verified);
	c->result->tls.verified = true; /* but the store does not trust it */
	assert_true(case_run(c, &probe_http));
	assert_int_equal(c->result->http.end, HTTP_OTHER);
	assert_string_equal(o.request, "");
	case_free(c);
	origin_end(&o);
}

/* --- through a proxy ------------------------------------------------------ */

static void
serve_forward(int fd, unsigned number, void *arg)
{
	struct origin *o = arg;

	if (!peer_read_until(fd, "\r\n\r\n"))
		return;
	peer_say(fd, "HTTP/1.1 200 OK\r\n\r\n");
	serve_http(fd, number, o);
}

static void
through_a_proxy(void **state)
{
	struct origin o = {
	    .answer = "HTTP/1.1 204 No Content\r\nServer: far\r\n\r\n"};
	struct peer *proxy;
	struct probe_case *c;

	(void)state;
	origin_begin(&o);
	proxy = peer_new(serve_forward, &o);
	c = case_of(&o);
	c->job.conn.address_count = 0;
	(void)snprintf(c->target.at.host.text, sizeof(c->target.at.host.text),
	    "far.test.example");
	c->target.at.host.len = 16;
	case_proxy(c, PROXY_HTTP, peer_port(proxy));
	case_run_to(c, PHASE_HTTP);
	assert_int_equal(c->result->http.end, HTTP_ANSWER);
	assert_int_equal(c->result->http.status, 204);
	assert_string_equal(c->result->http.server, "far");
	assert_true(c->result->http.verified);
	case_free(c);
	peer_free(proxy);
	origin_end(&o);
}

/* --- pure parts ----------------------------------------------------------- */

static const struct {
	const char *location, *host; /* host NULL: none */
	uint16_t port;
} locations[] = {
    {"https://a.example/x", "a.example", 443},
    {"HTTPS://A.Example:8443", "a.example", 8443},
    {"http://a.example?x", "a.example", 80},
    {"//b.example#f", "b.example", 443},
    {"/login", "base.example", 443},
    {"login", NULL, 0},
    {"", NULL, 0},
    {"https://", NULL, 0},
    {"https://a.example:0/", NULL, 0},
    {"https://a.example:99999/", NULL, 0},
    {"https://192.0.2.1/", NULL, 0},
    {"https://a b/", NULL, 0},
    {"javascript:alert(1)", NULL, 0},
};

static void
locations_are_read(void **state)
{
	struct endpoint base = {
	    .host = {.len = 12, .text = "base.example"}, .port = 443};

	(void)state;
	for (size_t i = 0; i < sizeof(locations) / sizeof(locations[0]); i++) {
		struct endpoint to;
		bool known =
		    http_location_read(&to, locations[i].location, &base);

		assert_int_equal(known, locations[i].host != NULL);
		if (!known)
			continue;
		assert_string_equal(to.host.text, locations[i].host);
		assert_int_equal(to.port, locations[i].port);
	}
}

static struct probe_case *
prepare(void *arg)
{
	struct probe_case *c = case_of(arg);

	case_run_to(c, PHASE_TLS);
	return c;
}

static void
cancel_in_every_state(void **state)
{
	struct origin o = {.answer = "HTTP/1.1 200 OK\r\n\r\n", .wait = true};

	(void)state;
	origin_begin(&o);
	case_cancel_everywhere(prepare, &o, &probe_http);
	origin_end(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(telling_headers_are_kept),
	    cmocka_unit_test(our_clock_against_theirs),
	    cmocka_unit_test(pages_have_titles),
	    cmocka_unit_test(failures_are_told_apart),
	    cmocka_unit_test(endless_heads_are_cut),
	    cmocka_unit_test(broken_http2_is_tried_again),
	    cmocka_unit_test(the_key_goes_to_the_proven_service_only),
	    cmocka_unit_test(a_key_sent_back_is_blanked),

	    cmocka_unit_test(an_unproven_peer_is_asked_all_the_same),
	    cmocka_unit_test(libcurl_checks_what_was_good),
	    cmocka_unit_test(through_a_proxy),
	    cmocka_unit_test(locations_are_read),
	    cmocka_unit_test(cancel_in_every_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
