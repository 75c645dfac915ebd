/* SPDX-License-Identifier: Apache-2.0
 *
 * What endpoints show together: one cause on many hosts, two causes at once,
 * root causes that silence what follows, what is healthy though it looks odd,
 * the proxy setting, verdicts and exit codes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "diag_rows.h"

static const char *const direct[] = {"--region=us-1", DIRECT, NULL};
static const char *const proxied[] = {"--region=us-1", HTTP, NULL};

static size_t
errors_of(const struct diagnosis *d)
{
	return d->error_count;
}

static void
assert_finding(const struct diagnosis *d, const char *id, size_t endpoints)
{
	const struct finding *f = diag_finding(d, id);

	if (f == NULL)
		fail_msg("%s not found: %s", id, d->headline);
	else
		assert_int_equal(f->endpoint_count, endpoints);
}

static void
healthy_is_ready(void **state)
{
	const char *const *ways[] = {direct, proxied};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct diag_case *c = diag_case_new(ways[i], NULL);
		const struct diagnosis *d = diag_diagnose(c, LANG_EN);

		assert_int_equal(c->run->endpoint_count, 9);
		assert_int_equal(d->verdict, VERDICT_READY);
		assert_int_equal(d->exit_code, 0);
		assert_int_equal(d->error_count + d->warning_count, 0);
		assert_int_equal(d->ok_count, 9);
		assert_string_equal(d->headline,
		    "READY: 9 of 9 endpoints are reachable and have proven to "
		    "be the service.");
		for (size_t f = 0; f < d->finding_count; f++)
			assert_int_equal(
			    diag_check_texts(c->run, &d->findings[f], LANG_EN),
			    0);
		diag_case_free(c);
	}
}

static void
healthy_surprises_are_said_once(void **state)
{
	struct diag_case *c = diag_case_new(direct, NULL);
	const struct diagnosis *d = diag_diagnose(c, LANG_EN);

	(void)state;
	assert_finding(d, "HTTP-401-NOKEY", 2);
	assert_finding(d, "HTTP-403-S3", 3);
	assert_finding(d, "DNS-NO-AAAA", 9);
	assert_int_equal(d->finding_count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(d->findings[i].severity, SEVERITY_INFO);
	diag_case_free(c);
}

static void
private_link_with_the_right_certificate_is_fine(void **state)
{
	struct diag_case *c = diag_case_new(direct, NULL);
	struct endpoint_result *r = diag_endpoint(c, "sensor");
	const struct diagnosis *d;

	(void)state;
	assert_true(
	    ipaddr_parse(&r->dns.a.answers[0].addr, span_str("10.20.30.40")));
	d = diag_diagnose(c, LANG_EN);
	assert_finding(d, "DNS-PRIV", 1);
	assert_int_equal(diag_finding(d, "DNS-PRIV")->severity, SEVERITY_INFO);
	assert_int_equal(d->exit_code, 0);
	assert_int_equal(
	    diag_check_texts(c->run, diag_finding(d, "DNS-PRIV"), LANG_EN), 0);
	diag_case_free(c);
}

static void
one_cause_on_nine_hosts_is_one_finding(void **state)
{
	struct diag_case *c = diag_case_new(direct, NULL);
	const struct diagnosis *d;

	(void)state;
	for (size_t i = 0; i < c->run->endpoint_count; i++)
		diag_fail_tcp(&c->run->endpoints[i], TCP_TIMEOUT, ETIMEDOUT);
	d = diag_diagnose(c, LANG_EN);
	assert_int_equal(errors_of(d), 1);
	assert_finding(d, "TCP-DROP", 9);
	assert_int_equal(d->bad_count, 9);
	assert_int_equal(d->exit_code, 1);
	assert_non_null(strstr(d->headline, "1 cause, 9 of 9 hosts. Owner: "
					    "network team."));
	assert_int_equal(d->consequence_count, 9);
	assert_string_equal(d->consequences[0].about->name, "container");
	assert_non_null(strstr(d->headline,
	    "NOT READY: Admission reviews get no answer (and 8 more "
	    "affected)."));
	assert_non_null(
	    strstr(diag_finding(d, "TCP-DROP")->proof, "--region us-1"));
	assert_non_null(
	    strstr(diag_finding(d, "TCP-DROP")->todo, "and 8 more"));
	diag_case_free(c);
}

static void
two_causes_are_both_found(void **state)
{
	struct diag_case *c = diag_case_new(direct, NULL);
	const struct diagnosis *d;

	(void)state;
	diag_fail_dns(diag_endpoint(c, "registry"), DNS_NXDOMAIN);
	diag_fail_dns(diag_endpoint(c, "telemetry"), DNS_NXDOMAIN);
	diag_other_cert(diag_endpoint(c, "container"), "Zscaler", 20);
	d = diag_diagnose(c, LANG_EN);
	assert_int_equal(errors_of(d), 2);
	assert_finding(d, "DNS-NX", 2);
	assert_finding(d, "TLS-MITM", 1);
	assert_int_equal(d->bad_count, 3);
	assert_int_equal(d->owner_count, 2);
	assert_non_null(strstr(d->headline, "2 causes, 3 of 9 hosts"));
	diag_case_free(c);
}

/* Nothing is said about endpoints behind a proxy that is down. */
static void
proxy_down_is_the_only_cause(void **state)
{
	struct diag_case *c = diag_case_new(proxied, NULL);
	const struct diagnosis *d;

	(void)state;
	for (size_t i = 0; i < c->run->endpoint_count; i++) {
		struct endpoint_result *r = &c->run->endpoints[i];

		diag_fail_tcp(r, TCP_REFUSED, ECONNREFUSED);
		r->own_dns.a.status = DNS_NXDOMAIN;
		r->own_dns.aaaa.status = DNS_NXDOMAIN;
		r->own_dns.a.answer_count = 0;
	}
	d = diag_diagnose(c, LANG_EN);
	assert_int_equal(d->finding_count, 1);
	assert_finding(d, "PX-CONN", 9);
	assert_int_equal(d->owners[0], OWNER_PROXY);
	assert_int_equal(diag_check_texts(c->run, &d->findings[0], LANG_EN), 0);
	for (size_t i = 0; i < 9; i++) {
		assert_int_equal(d->views[i].cells[PHASE_TCP], CELL_BAD);
		assert_int_equal(d->views[i].cells[PHASE_TLS], CELL_SKIPPED);
	}
	diag_case_free(c);
}

static void
proxy_name_unknown(void **state)
{
	static const char *const args[] = {
	    "--region=us-1", "--proxy=http://gw.corp:3128", NULL};
	struct diag_case *c = diag_case_new(args, NULL);
	const struct diagnosis *d;

	(void)state;
	for (size_t i = 0; i < c->run->endpoint_count; i++)
		diag_fail_dns(&c->run->endpoints[i], DNS_NXDOMAIN);
	d = diag_diagnose(c, LANG_EN);
	assert_int_equal(d->finding_count, 1);
	assert_finding(d, "PX-NAME", 9);
	assert_non_null(strstr(d->findings[0].todo, "getent hosts gw.corp"));
	assert_int_equal(diag_check_texts(c->run, &d->findings[0], LANG_EN), 0);
	diag_case_free(c);
}

static void
port_other_than_443_is_refused(void **state)
{
	static const char *const args[] = {
	    "--region=us-1", "--host=hook.example:8443", HTTP, NULL};
	struct diag_case *c = diag_case_new(args, NULL);
	struct endpoint_result *r = diag_endpoint(c, "extra");
	const struct diagnosis *d;

	(void)state;
	diag_fail_proxy_status(r, 403, "Forbidden");
	d = diag_diagnose(c, LANG_EN);
	assert_int_equal(errors_of(d), 1);
	assert_finding(d, "PX-PORT", 1);
	assert_int_equal(
	    diag_check_texts(c->run, diag_finding(d, "PX-PORT"), LANG_EN), 0);
	diag_case_free(c);
}

/* Known issuers on all hosts, and none verifies: the bundle is at fault, once.
 */
static void
bundle_without_roots(void **state)
{
	struct diag_case *c = diag_case_new(direct, NULL);
	const struct diagnosis *d;

	(void)state;
	for (size_t i = 0; i < c->run->endpoint_count; i++) {
		c->run->endpoints[i].tls.verified = false;
		c->run->endpoints[i].tls.verify_code = 20;
	}
	d = diag_diagnose(c, LANG_EN);
	assert_int_equal(errors_of(d), 1);
	assert_finding(d, "TLS-CABUNDLE", 9);
	assert_non_null(strstr(diag_finding(d, "TLS-CABUNDLE")->seen,
	    "142 roots in /etc/ssl/certs/ca-certificates.crt; 9 of 9"));
	diag_case_free(c);
}

/* A page, a trusted interceptor, the proxy's own 401: never reachable. */
static void
impostors_never_count(void **state)
{
	static const char *const kinds[] = {"container", "iot", "sensor",
	    "asaas-upload", "artifactscan", "artifactscan-cli", "telemetry",
	    "registry"};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct diag_case *c = diag_case_new(direct, NULL);
		struct endpoint_result *r = diag_endpoint(c, kinds[i]);
		size_t index = (size_t)(r - c->run->endpoints);
		const struct diagnosis *d;

		diag_other_cert(r, "Corp Inspection", 0);
		d = diag_diagnose(c, LANG_EN);
		assert_int_equal(d->views[index].reachable, TRI_UNKNOWN);
		assert_true(d->views[index].suspect);
		assert_int_equal(d->exit_code, 5);
		assert_int_equal(d->ok_count, 8);

		diag_make_healthy(c->run, index);
		if (r->http.end != HTTP_ANSWER) {
			diag_case_free(c);
			continue;
		}
		/* Even behind a genuine certificate a page is no proof. */
		memset(
		    r->http.amz_request_id, 0, sizeof(r->http.amz_request_id));
		memset(r->http.amz_bucket_region, 0,
		    sizeof(r->http.amz_bucket_region));
		memset(r->http.www_authenticate, 0,
		    sizeof(r->http.www_authenticate));
		diag_http(r, 200, "text/html", "<html>");
		d = diag_diagnose(c, LANG_EN);
		assert_int_equal(d->views[index].reachable, TRI_NO);
		assert_int_equal(d->exit_code, 1);
		diag_http(r, 401, "text/html", "<html>");
		COPY(r->http.www_authenticate, "NTLM");
		d = diag_diagnose(c, LANG_EN);
		assert_int_equal(d->views[index].reachable, TRI_NO);
		diag_case_free(c);
	}
}

/* Blocked names lead to one address, whose certificate names a page. */
static void
many_names_one_page(void **state)
{
	struct diag_case *c = diag_case_new(direct, NULL);
	const char *const names[] = {"container", "iot"};
	const struct diagnosis *d;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct endpoint_result *r = diag_endpoint(c, names[i]);

		diag_other_cert(r, "Corp", 20);
		COPY(r->tls.chain[0].names, "block.corp.example");
		r->tls.name_matches = false;
		memset(&r->http, 0, sizeof(r->http));
		assert_true(ipaddr_parse(
		    &r->dns.a.answers[0].addr, span_str("203.0.114.7")));
	}
	d = diag_diagnose(c, LANG_EN);
	assert_int_equal(errors_of(d), 1);
	assert_finding(d, "DNS-PAGE", 2);
	assert_non_null(
	    strstr(diag_finding(d, "DNS-PAGE")->seen, "as do 1 other hosts"));
	diag_case_free(c);
}

static void
interception_is_a_warning_when_dns_lies(void **state)
{
	struct diag_case *c = diag_case_new(direct, NULL);
	const struct finding *f;

	(void)state;
	c->run->interception.found = TRI_YES;
	c->run->interception.rcode = 3;
	f = diag_finding(diag_diagnose(c, LANG_EN), "DNS-HIJACK");
	assert_non_null(f);
	assert_int_equal(f->severity, SEVERITY_INFO);
	diag_fail_dns(diag_endpoint(c, "iot"), DNS_NXDOMAIN);
	f = diag_finding(diag_diagnose(c, LANG_EN), "DNS-HIJACK");
	assert_non_null(f);
	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_non_null(strstr(f->seen, "192.0.2.1:53"));
	assert_int_equal(diag_check_texts(c->run, f, LANG_EN), 0);
	diag_case_free(c);
}

static void
in_a_pod_a_policy_is_mentioned(void **state)
{
	struct diag_case *c = diag_case_new(direct, NULL);
	const struct diagnosis *d;
	const struct finding *f;

	(void)state;
	c->run->vantage.in_pod = true;
	COPY(c->run->vantage.pod, "diag-1");
	COPY(c->run->vantage.pod_namespace, "trendmicro-system");
	for (size_t i = 0; i < c->run->endpoint_count; i++)
		diag_fail_tcp(&c->run->endpoints[i], TCP_TIMEOUT, ETIMEDOUT);
	d = diag_diagnose(c, LANG_EN);
	assert_int_equal(errors_of(d), 1);
	f = diag_finding(d, "K8S-NETPOL");
	assert_non_null(f);
	assert_int_equal(f->severity, SEVERITY_INFO);
	assert_non_null(strstr(f->todo, "{port: 443, protocol: TCP}]}]"));
	assert_int_equal(diag_check_texts(c->run, f, LANG_EN), 0);
	assert_non_null(
	    strstr(diag_finding(d, "TCP-DROP")->means, "NetworkPolicy"));
	diag_case_free(c);
}

static void
no_proxy_that_leads_nowhere(void **state)
{
	static const char *const args[] = {"--region=us-1", NULL};
	static const char *const vars[] = {"HTTPS_PROXY=http://10.0.0.5:3128",
	    "NO_PROXY=.svc,.amazonaws.com,10.0.0.0/8", NULL};
	struct diag_case *c = diag_case_new(args, vars);
	const char *const s3[] = {"sensor", "asaas-upload", "asaas-vuln"};
	const struct diagnosis *d;
	const struct finding *f;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		diag_fail_tcp(diag_endpoint(c, s3[i]), TCP_TIMEOUT, ETIMEDOUT);
	d = diag_diagnose(c, LANG_EN);
	assert_int_equal(errors_of(d), 1);
	assert_finding(d, "PX-BYPASS", 3);
	f = diag_finding(d, "PX-BYPASS");
	assert_int_equal(f->severity, SEVERITY_ERROR);
	assert_non_null(strstr(f->seen, "NO_PROXY holds \".amazonaws.com\""));
	assert_non_null(strstr(f->seen, "TCP-DROP"));
	assert_non_null(strstr(f->todo, "export NO_PROXY='.svc,10.0.0.0/8'"));
	assert_int_equal(d->owners[0], OWNER_SETTING);
	assert_int_equal(diag_check_texts(c->run, f, LANG_EN), 0);
	diag_case_free(c);
}

static void
setting_lints_become_findings(void **state)
{
	static const char *const args[] = {"--region=us-1", NULL};
	static const char *const vars[] = {
	    "HTTPS_PROXY=http://tcs:a@S3cret@10.0.0.5:3128",
	    "NO_PROXY=.cluster.local,%!s(<nil>)", NULL};
	struct diag_case *c = diag_case_new(args, vars);
	const struct diagnosis *d = diag_diagnose(c, LANG_EN);

	(void)state;
	assert_int_equal(errors_of(d), 0);
	assert_finding(d, "PX-URL", 0);
	assert_int_equal(diag_finding(d, "PX-URL")->severity, SEVERITY_WARNING);
	assert_non_null(strstr(diag_finding(d, "PX-URL")->seen,
	    "password: 8 bytes as written, 10 when percent-encoded"));
	assert_finding(d, "PX-BYPASS", 0);
	assert_int_equal(d->verdict, VERDICT_READY_WARNINGS);
	assert_int_equal(d->exit_code, 0);
	for (unsigned lang = 0; lang < LANG_COUNT; lang++) {
		d = diag_diagnose(c, (enum lang)lang);
		for (size_t i = 0; i < d->finding_count; i++)
			assert_int_equal(diag_check_texts(c->run,
					     &d->findings[i], (enum lang)lang),
			    0);
	}
	diag_case_free(c);
}

/* Each lint of the setting makes whole sentences in both languages. */
static void
every_lint_has_its_words(void **state)
{
	static const char *const args[] = {"--region=us-1", NULL};

	(void)state;
	for (unsigned kind = 0; kind < LINT_COUNT; kind++) {
		struct diag_case *c = diag_case_new(args, NULL);

		c->run->proxy_env.lint_count = 1;
		c->run->proxy_env.lints[0] = (struct proxy_lint){
		    .kind = (enum proxy_lint_kind)kind, .variable = "NO_PROXY"};
		COPY(c->run->proxy_env.lints[0].detail, "detail");
		for (unsigned lang = 0; lang < LANG_COUNT; lang++) {
			const struct diagnosis *d =
			    diag_diagnose(c, (enum lang)lang);

			assert_int_equal(d->finding_count, 4);
			for (size_t i = 0; i < 4; i++)
				assert_int_equal(
				    diag_check_texts(c->run, &d->findings[i],
					(enum lang)lang),
				    0);
			assert_true(strlen(d->findings[0].seen) > 20 ||
				    d->findings[0].severity == SEVERITY_INFO);
		}
		diag_case_free(c);
	}
}

static void
metadata_on_gke(void **state)
{
	static const char *const args[] = {"--region=us-1", NULL};
	struct diag_case *c = diag_case_new(args, NULL);
	const struct finding *f;

	(void)state;
	c->run->proxy_env.lint_count = 1;
	c->run->proxy_env.lints[0] = (struct proxy_lint){
	    .kind = LINT_NO_PROXY_METADATA, .variable = "NO_PROXY"};
	COPY(c->run->proxy_env.lints[0].detail, "169.254.169.254");
	f = diag_finding(diag_diagnose(c, LANG_EN), "GKE-META");
	assert_non_null(f);
	assert_non_null(
	    strstr(f->todo, "export NO_PROXY=\"$NO_PROXY,169.254.169.254,"));
	diag_case_free(c);
}

static void
two_regions_next_door(void **state)
{
	static const char *const args[] = {"--region=us-1,jp-1", DIRECT, NULL};
	struct diag_case *c = diag_case_new(args, NULL);
	const struct diagnosis *d;

	(void)state;
	assert_int_equal(c->run->endpoint_count, 15);
	assert_null(diag_finding(diag_diagnose(c, LANG_EN), "RTT-NEAR"));
	for (size_t i = 0; i < c->run->endpoint_count; i++)
		c->run->endpoints[i].tcp.attempts[0].time_ns = MS / 2;
	d = diag_diagnose(c, LANG_EN);
	assert_finding(d, "RTT-NEAR", 0);
	assert_int_equal(d->exit_code, 0);
	assert_int_equal(
	    diag_check_texts(c->run, diag_finding(d, "RTT-NEAR"), LANG_EN), 0);
	diag_case_free(c);
}

static void
changes_are_told(void **state)
{
	struct diag_case *c = diag_case_new(direct, NULL);
	const struct finding *f;

	(void)state;
	c->run->changes = calloc(2, sizeof(*c->run->changes));
	assert_non_null(c->run->changes);
	c->run->change_count = 2;
	COPY(c->run->changes[0].what, "issuer");
	COPY(c->run->changes[0].before, "Amazon RSA 2048 M02");
	COPY(c->run->changes[0].after, "Zscaler");
	f = diag_finding(diag_diagnose(c, LANG_EN), "BASE-CHANGED");
	assert_non_null(f);
	assert_non_null(strstr(f->seen, "issuer was \"Amazon RSA 2048 M02\", "
					"is \"Zscaler\"; 1 more changes"));
	diag_case_free(c);
}

static void
exit_codes(void **state)
{
	static const char *const strict[] = {
	    "--region=us-1", DIRECT, "--strict", NULL};
	struct diag_case *c = diag_case_new(strict, NULL);
	const struct diagnosis *d;

	(void)state;
	assert_int_equal(diag_diagnose(c, LANG_EN)->exit_code, 0);
	diag_endpoint(c, "container")->http.skew_ms = 90000;
	assert_int_equal(diag_diagnose(c, LANG_EN)->exit_code, 3);
	diag_stop_at(diag_endpoint(c, "iot"), PHASE_TCP, PHASE_INTERRUPTED);
	c->run->end = RUN_INTERRUPTED;
	d = diag_diagnose(c, LANG_EN);
	assert_int_equal(d->exit_code, 130);
	assert_int_equal(d->verdict, VERDICT_INTERRUPTED);
	assert_int_equal(d->unknown_count, 1);
	assert_finding(d, "RUN-CUT", 1);
	diag_case_free(c);
}

/* In a closed network the direct way fails; that is what a proxy is for. */
static void
comparison_never_decides(void **state)
{
	static const char *const args[] = {
	    "--region=us-1", HTTP, "--compare", NULL};
	struct diag_case *c = diag_case_new(args, NULL);
	const struct diagnosis *d;

	(void)state;
	assert_int_equal(c->run->endpoint_count, 18);
	for (size_t i = 0; i < 18; i++) {
		struct endpoint_result *r = &c->run->endpoints[i];

		assert_int_equal(r->target->comparison, i >= 9);
		if (i >= 9)
			diag_fail_tcp(r, TCP_TIMEOUT, ETIMEDOUT);
	}
	d = diag_diagnose(c, LANG_EN);
	assert_int_equal(d->exit_code, 0);
	assert_int_equal(d->ok_count, 9);
	assert_finding(d, "TCP-DROP", 9);
	assert_int_equal(diag_finding(d, "TCP-DROP")->severity, SEVERITY_INFO);
	assert_int_equal(d->views[17].cells[PHASE_TCP], CELL_BAD);
	diag_case_free(c);
}

static void
japanese_headline(void **state)
{
	struct diag_case *c = diag_case_new(direct, NULL);

	(void)state;
	diag_fail_tcp(diag_endpoint(c, "asaas-upload"), TCP_REFUSED, 111);
	assert_string_equal(diag_diagnose(c, LANG_JA)->headline,
	    "未準備: スキャンの結果を送れず、実行中イメージの脆弱性が表示され"
	    "ず、Artifact Scanner も失敗します。原因 1 件、9 ホスト中 1。担当: "
	    "ネットワーク担当");
	diag_case_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(healthy_is_ready),
	    cmocka_unit_test(healthy_surprises_are_said_once),
	    cmocka_unit_test(private_link_with_the_right_certificate_is_fine),
	    cmocka_unit_test(one_cause_on_nine_hosts_is_one_finding),
	    cmocka_unit_test(two_causes_are_both_found),
	    cmocka_unit_test(proxy_down_is_the_only_cause),
	    cmocka_unit_test(proxy_name_unknown),
	    cmocka_unit_test(port_other_than_443_is_refused),
	    cmocka_unit_test(bundle_without_roots),
	    cmocka_unit_test(impostors_never_count),
	    cmocka_unit_test(many_names_one_page),
	    cmocka_unit_test(interception_is_a_warning_when_dns_lies),
	    cmocka_unit_test(in_a_pod_a_policy_is_mentioned),
	    cmocka_unit_test(no_proxy_that_leads_nowhere),
	    cmocka_unit_test(setting_lints_become_findings),
	    cmocka_unit_test(every_lint_has_its_words),
	    cmocka_unit_test(metadata_on_gke),
	    cmocka_unit_test(two_regions_next_door),
	    cmocka_unit_test(changes_are_told),
	    cmocka_unit_test(exit_codes),
	    cmocka_unit_test(comparison_never_decides),
	    cmocka_unit_test(japanese_headline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
