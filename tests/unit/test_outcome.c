/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/outcome.h"

/* The documented contract, row by row, apart from outcome.def on purpose. */
static const struct {
	enum outcome o;
	unsigned status;
	const char *token, *proxy_status;
} rows[] = {
    {OUTCOME_OK, 200, "ok", ""},
    {OUTCOME_DENIED_HOST, 403, "denied_host", "http_request_denied"},
    {OUTCOME_DENIED_PORT, 403, "denied_port", "http_request_denied"},
    {OUTCOME_DENIED_ADDRESS_LITERAL, 403, "denied_address_literal",
	"http_request_denied"},
    {OUTCOME_DENIED_CLIENT, 403, "denied_client", "http_request_denied"},
    {OUTCOME_AUTH_REQUIRED, 407, "auth_required", "http_request_denied"},
    {OUTCOME_AUTH_FAILED, 407, "auth_failed", "http_request_denied"},
    {OUTCOME_BAD_REQUEST, 400, "bad_request", "http_request_error"},
    {OUTCOME_METHOD_NOT_ALLOWED, 405, "method_not_allowed",
	"http_request_error"},
    {OUTCOME_HEADER_TOO_LARGE, 431, "header_too_large", "http_request_error"},
    {OUTCOME_HEADER_TIMEOUT, 408, "header_timeout", "http_request_error"},
    {OUTCOME_RATE_LIMITED, 429, "rate_limited", "connection_limit_reached"},
    {OUTCOME_LIMIT_REACHED, 503, "limit_reached", "connection_limit_reached"},
    {OUTCOME_DRAINING, 503, "draining", "connection_limit_reached"},
    {OUTCOME_DNS_NXDOMAIN, 502, "dns_nxdomain", "dns_error"},
    {OUTCOME_DNS_ERROR, 502, "dns_error", "dns_error"},
    {OUTCOME_DNS_TIMEOUT, 504, "dns_timeout", "dns_timeout"},
    {OUTCOME_DENIED_RESOLVED_ADDRESS, 502, "denied_resolved_address",
	"destination_ip_prohibited"},
    {OUTCOME_CONNECT_REFUSED, 502, "connect_refused", "connection_refused"},
    {OUTCOME_CONNECT_RESET, 502, "connect_reset", "connection_terminated"},
    {OUTCOME_CONNECT_UNREACHABLE, 502, "connect_unreachable",
	"destination_ip_unroutable"},
    {OUTCOME_CONNECT_TIMEOUT, 504, "connect_timeout", "connection_timeout"},
    {OUTCOME_PARENT_REFUSED, 502, "parent_refused", "http_request_denied"},
    {OUTCOME_PARENT_FAILED, 502, "parent_failed", "destination_unavailable"},
    {OUTCOME_LOOP, 502, "loop", "proxy_loop_detected"},
    {OUTCOME_INTERNAL_ERROR, 500, "internal_error", "proxy_internal_error"},
    {OUTCOME_SNI_MISMATCH, 0, "sni_mismatch", ""},
    {OUTCOME_SNI_MISSING, 0, "sni_missing", ""},
    {OUTCOME_NOT_TLS, 0, "not_tls", ""},
    {OUTCOME_HELLO_TIMEOUT, 0, "hello_timeout", ""},
    {OUTCOME_HELLO_TOO_LARGE, 0, "hello_too_large", ""},
    {OUTCOME_CLIENT_CLOSED, 0, "client_closed", ""},
    {OUTCOME_UPSTREAM_CLOSED, 0, "upstream_closed", ""},
    {OUTCOME_CLIENT_RESET, 0, "client_reset", ""},
    {OUTCOME_UPSTREAM_RESET, 0, "upstream_reset", ""},
    {OUTCOME_IDLE_TIMEOUT, 0, "idle_timeout", ""},
    {OUTCOME_HALF_CLOSE_TIMEOUT, 0, "half_close_timeout", ""},
    {OUTCOME_DRAINED, 0, "drained", ""},
    {OUTCOME_SHUTDOWN, 0, "shutdown", ""},
};

static void
test_contract(void **state)
{
	(void)state;
	assert_int_equal(sizeof(rows) / sizeof(rows[0]), OUTCOME_COUNT);
	for (size_t i = 0; i < OUTCOME_COUNT; i++) {
		assert_string_equal(outcome_token(rows[i].o), rows[i].token);
		assert_int_equal(outcome_status(rows[i].o), rows[i].status);
		assert_string_equal(
		    outcome_proxy_status(rows[i].o), rows[i].proxy_status);
	}
}

static void
test_tokens_are_unique_words(void **state)
{
	(void)state;
	for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
		const char *token = outcome_token((enum outcome)i);

		assert_true(strlen(token) > 0);
		assert_int_equal(strspn(token, "abcdefghijklmnopqrstuvwxyz_"),
		    strlen(token));
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(
			    token, outcome_token((enum outcome)j));
	}
}

static void
test_sentences_fit_a_reason_phrase(void **state)
{
	(void)state;
	for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
		const char *s = outcome_sentence((enum outcome)i);

		assert_true(strlen(s) > 0);
		assert_int_not_equal(s[strlen(s) - 1], '.');
		for (; *s != '\0'; s++)
			assert_in_range(*s, 0x20, 0x7E);
	}
}

static void
test_refusals_have_an_error_type(void **state)
{
	(void)state;
	for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
		unsigned status = outcome_status((enum outcome)i);

		assert_int_equal(status >= 400,
		    outcome_proxy_status((enum outcome)i)[0] != '\0');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_contract),
	    cmocka_unit_test(test_tokens_are_unique_words),
	    cmocka_unit_test(test_sentences_fit_a_reason_phrase),
	    cmocka_unit_test(test_refusals_have_an_error_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
