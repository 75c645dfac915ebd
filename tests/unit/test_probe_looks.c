/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net_fixture.h"
#include "probe_fixture.h"

/* A middlebox in front of a healthy server. */
struct box {
	SSL_CTX *ctx;
	const char *dislikes; /* a name: reset when the first segment has it */
	size_t size_limit;    /* reset when a hello is larger */
};

static void
serve_box(int fd, unsigned number, void *arg)
{
	const struct box *b = arg;
	char first[8192];
	ssize_t n = recv(fd, first, sizeof(first), MSG_PEEK);
	SSL *ssl;

	(void)number;
	if (n <= 0)
		return;
	if ((b->dislikes != NULL && memmem(first, (size_t)n, b->dislikes,
					strlen(b->dislikes)) != NULL) ||
	    (b->size_limit > 0 && (size_t)n > b->size_limit)) {
		peer_reset(fd);
		return;
	}
	ssl = cert_accept(b->ctx, fd);
	if (ssl != NULL)
		peer_wait(fd);
	SSL_free(ssl);
}

static void
run_bisect(struct box *b, struct bisect_result *out)
{
	struct cert ca = cert_public_ca(), leaf = cert_public_leaf(&ca);
	struct peer *peer;
	struct probe_case *c;

	b->ctx = cert_server(&leaf, &ca);
	peer = peer_new(serve_box, b);
	c = case_new("blocked.test.example", peer_port(peer));
	case_dial(c, "127.0.0.1", peer_port(peer));
	case_run_to(c, PHASE_TLS);
	assert_int_equal(c->result->tls.end, TLS_RESET);
	probe_conn_close(&c->job.conn, c->loop);
	assert_true(case_run(c, &probe_bisect));
	*out = c->result->bisect;
	case_free(c);
	peer_free(peer);
	SSL_CTX_free(b->ctx);
	cert_free(&leaf);
	cert_free(&ca);
}

static void
a_name_is_disliked(void **state)
{
	struct box b = {.dislikes = "blocked.test.example"};
	struct bisect_result r;

	(void)state;
	run_bisect(&b, &r);
	assert_int_equal(r.neutral_name, LOOK_PASSED);
	assert_int_equal(r.small_hello, LOOK_FAILED);
	assert_int_equal(r.split_hello, LOOK_PASSED);
}

static void
a_size_is_disliked(void **state)
{
	struct box b = {.size_limit = 1400};
	struct bisect_result r;

	(void)state;
	run_bisect(&b, &r);
	assert_int_equal(r.neutral_name, LOOK_FAILED);
	assert_int_equal(r.small_hello, LOOK_PASSED);
	assert_true(r.small_bytes > 100 && r.small_bytes < 400);
}

static void
everything_is_disliked(void **state)
{
	struct box b = {.size_limit = 1};
	struct bisect_result r;

	(void)state;
	run_bisect(&b, &r);
	assert_int_equal(r.neutral_name, LOOK_FAILED);
	assert_int_equal(r.small_hello, LOOK_FAILED);
	assert_int_equal(r.split_hello, LOOK_FAILED);
}

/* The hellos that we send are well-formed: our own parser reads the name. */
static void
serve_keep(int fd, unsigned number, void *arg)
{
	char *kept = arg;

	if (number == 0)
		(void)peer_read(fd, kept, 1500);
}

static void
the_usual_hello_is_well_formed(void **state)
{
	static char kept[1500];
	struct peer *peer = peer_new(serve_keep, kept);
	struct probe_case *c = case_new("a.test.example", peer_port(peer));

	(void)state;
	case_dial(c, "127.0.0.1", peer_port(peer));
	case_run_to(c, PHASE_TLS);
	peer_free(peer);
	assert_int_equal(kept[0], 22);
	assert_non_null(memmem(kept, sizeof(kept), "a.test.example", 14));
	assert_true(c->result->tls.hello_bytes > 1500);
	case_free(c);
}

/* --- round trips ---------------------------------------------------------- */

static void
round_trips_are_counted(void **state)
{
	struct cert ca = cert_public_ca(), leaf = cert_public_leaf(&ca);
	struct box b = {.ctx = cert_server(&leaf, &ca)};
	struct peer *peer = peer_new(serve_box, &b);
	struct probe_case *c = case_new("localhost", peer_port(peer));
	const struct roundtrips *t = &c->result->trips;

	(void)state;
	case_dial(c, "127.0.0.1", peer_port(peer));
	case_run_to(c, PHASE_TLS);
	assert_true(case_run(c, &probe_trips));
	assert_int_equal(t->count, 20);
	assert_int_equal(t->failed, 0);
	assert_true(t->p50_ns > 0);
	assert_true(t->p50_ns <= t->p95_ns && t->p95_ns <= t->max_ns);
	case_free(c);
	peer_free(peer);
	SSL_CTX_free(b.ctx);
	cert_free(&leaf);
	cert_free(&ca);
}

/* --- redirects ------------------------------------------------------------ */

static void
run_redirect(const char *host, bool trusted, struct http_redirect *out)
{
	struct cert ca = cert_public_ca(), leaf = cert_public_leaf(&ca);
	struct box b = {.ctx = cert_server(&leaf, &ca)};
	struct peer *peer = peer_new(serve_box, &b);
	struct probe_case *c = case_new("origin.test.example", 443);
	struct http_redirect *to = &c->result->http.redirect;

	if (trusted)
		case_trust(c, &ca);
	/* localhost is in every hosts file. */
	to->seen = true;
	to->port = peer_port(peer);
	(void)snprintf(to->host, sizeof(to->host), "%s", host);
	if (case_run(c, &probe_redirect))
		*out = *to;
	else
		out->reached = TRI_UNKNOWN;
	case_free(c);
	peer_free(peer);
	SSL_CTX_free(b.ctx);
	cert_free(&leaf);
	cert_free(&ca);
}

static void
redirects_are_followed(void **state)
{
	struct http_redirect to;

	(void)state;
	run_redirect("localhost", true, &to);
	assert_int_equal(to.reached, TRI_YES);
	assert_string_equal(to.refusal, "");
	run_redirect("localhost", false, &to);
	assert_int_equal(to.reached, TRI_NO);
	assert_string_not_equal(to.refusal, "");
	run_redirect("", true, &to);
	assert_int_equal(to.reached, TRI_UNKNOWN);
}

/* --- contract ------------------------------------------------------------- */

static struct probe_case *
prepare(void *arg)
{
	struct probe_case *c = case_new("localhost", peer_port(arg));

	case_dial(c, "127.0.0.1", peer_port(arg));
	case_run_to(c, PHASE_TLS);
	probe_conn_close(&c->job.conn, c->loop);
	return c;
}

static void
cancel_in_every_state(void **state)
{
	struct cert ca = cert_public_ca(), leaf = cert_public_leaf(&ca);
	struct box b = {.ctx = cert_server(&leaf, &ca)};
	struct peer *peer = peer_new(serve_box, &b);

	(void)state;
	case_cancel_everywhere(prepare, peer, &probe_bisect);
	peer_free(peer);
	peer = peer_new(serve_box, &b);
	case_cancel_everywhere(prepare, peer, &probe_trips);
	peer_free(peer);
	SSL_CTX_free(b.ctx);
	cert_free(&leaf);
	cert_free(&ca);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_name_is_disliked),
	    cmocka_unit_test(a_size_is_disliked),
	    cmocka_unit_test(everything_is_disliked),
	    cmocka_unit_test(the_usual_hello_is_well_formed),
	    cmocka_unit_test(round_trips_are_counted),
	    cmocka_unit_test(redirects_are_followed),
	    cmocka_unit_test(cancel_in_every_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
