/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of a decision: what Go clients log, and what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/policy.h"
#include "small_catalog.h"

/* What the small policy (region us-1; features admission and runtime; no set)
 * says. */
static const struct {
	const char *target;
	enum outcome why;
	enum policy_near near;
	const char *detail; /* whole */
	const char *advice; /* a part */
} decisions[] = {
    {"us.example.com:443", OUTCOME_OK, NEAR_NONE,
	"allowed by cloudone/us-1.ini:5", ""},
    {"global.example.com:443", OUTCOME_OK, NEAR_NONE,
	"allowed by cloudone/global.ini:5", ""},
    {"US.Example.COM.:443", OUTCOME_OK, NEAR_NONE,
	"allowed by cloudone/us-1.ini:5", ""},
    {"port.example.org:22", OUTCOME_OK, NEAR_NONE, "allowed by mine.ini:3", ""},
    {"a.wide.example.org:443", OUTCOME_OK, NEAR_NONE, "allowed by mine.ini:4",
	""},
    {"a.b.c.wide.example.org:500", OUTCOME_OK, NEAR_NONE,
	"allowed by mine.ini:8", ""},
    {"a.deep.wide.example.org:99", OUTCOME_OK, NEAR_NONE,
	"allowed by mine.ini:5", ""},
    {"a.deep.wide.example.org:443", OUTCOME_OK, NEAR_NONE,
	"allowed by mine.ini:4", ""},
    {"deep.wide.example.org:443", OUTCOME_OK, NEAR_NONE,
	"allowed by mine.ini:4", ""},
    {"exact.wide.example.org:7", OUTCOME_OK, NEAR_NONE, "allowed by mine.ini:6",
	""},
    {"exact.wide.example.org:443", OUTCOME_OK, NEAR_NONE,
	"allowed by mine.ini:4", ""},

    {"us.example.com:80", OUTCOME_DENIED_PORT, NEAR_PORT,
	"port not on allowlist: us.example.com:80 (443 is)",
	"[extra]\nhost = us.example.com:80\n"},
    {"port.example.org:443", OUTCOME_DENIED_PORT, NEAR_PORT,
	"port not on allowlist: port.example.org:443 (22, 8443 are)",
	"[extra]\nhost = port.example.org\n"},
    {"many.example.org:6", OUTCOME_DENIED_PORT, NEAR_PORT,
	"port not on allowlist: many.example.org:6 (1, 2, 3, 4, ... are)",
	"host = many.example.org:6\n"},
    {"a.wide.example.org:99", OUTCOME_DENIED_PORT, NEAR_PORT,
	"port not on allowlist: a.wide.example.org:99 (443, 500 are, by "
	"*.wide.example.org)",
	"host = a.wide.example.org:99\n"},
    {"exact.wide.example.org:8", OUTCOME_DENIED_PORT, NEAR_PORT,
	"port not on allowlist: exact.wide.example.org:8 (7 is)", ""},

    {"jp.example.com:443", OUTCOME_DENIED_HOST, NEAR_REGION,
	"host not on allowlist: jp.example.com is of region jp-1, this "
	"gateway serves us-1",
	"gateway.regions = us-1, jp-1\nOr the client is set to the wrong "
	"region; in us-1 it is:\nus.example.com\n"},
    {"jp.example.com:80", OUTCOME_DENIED_HOST, NEAR_REGION,
	"host not on allowlist: jp.example.com is of region jp-1, this "
	"gateway serves us-1",
	"gateway.regions = us-1, jp-1\n"},
    {"scan.jp.example.com:443", OUTCOME_DENIED_HOST, NEAR_REGION,
	"host not on allowlist: scan.jp.example.com is of region jp-1, this "
	"gateway serves us-1",
	"gateway.regions = us-1, jp-1\ngateway.features = admission, "
	"runtime, vulnerability-scan\nOr the client"},
    {"cdn.example.net:443", OUTCOME_DENIED_HOST, NEAR_SET,
	"host not on allowlist: cdn.example.net is in the set cdn, which is "
	"not open here",
	"gateway.sets = cdn\n"},
    /* In a set too: what is nearer is said. */
    {"scan.us.example.com:443", OUTCOME_DENIED_HOST, NEAR_SET,
	"host not on allowlist: scan.us.example.com is in the set cdn, which "
	"is not open here",
	"gateway.sets = cdn\n"},
    {"wide.example.org:443", OUTCOME_DENIED_HOST, NEAR_APEX,
	"host not on allowlist: wide.example.org itself; names below it are",
	"[extra]\nhost = wide.example.org\n"},
    {"api.ns.svc:443", OUTCOME_DENIED_HOST, NEAR_CLUSTER,
	"host not on allowlist: api.ns.svc looks like a name inside the "
	"cluster, which belongs in NO_PROXY",
	"NO_PROXY=.svc,.cluster.local\nIn the Container Security chart: "
	"proxy.noProxy: \".svc\"\n"},
    {"api:6443", OUTCOME_DENIED_HOST, NEAR_CLUSTER,
	"host not on allowlist: api looks like a name inside the cluster, "
	"which belongs in NO_PROXY",
	"NO_PROXY=.svc,.cluster.local,api\n"},
    {"upload.artifactscan.us-1.cloudone.trendmicro.com:443",
	OUTCOME_DENIED_HOST, NEAR_LOOKALIKE,
	"host not on allowlist: "
	"upload.artifactscan.us-1.cloudone.trendmicro.com is a Trend Micro "
	"name, maybe newer than this list",
	"New endpoint? The list is of 2024-02-03. If you trust the name, a "
	"file that gateway.extra names may hold:\n[extra]\nhost = "
	"upload.artifactscan.us-1.cloudone.trendmicro.com\n"},
    {"api.xdr.trendmicro.co.jp:443", OUTCOME_DENIED_HOST, NEAR_LOOKALIKE,
	"host not on allowlist: api.xdr.trendmicro.co.jp is a Trend Micro "
	"name, maybe newer than this list",
	"New endpoint?"},
    {"some-bucket.s3.amazonaws.com:443", OUTCOME_DENIED_HOST, NEAR_LOOKALIKE,
	"host not on allowlist: some-bucket.s3.amazonaws.com is an S3 name, "
	"maybe newer than this list",
	"New endpoint?"},
    {"b.s3-eu-west-1.amazonaws.com:443", OUTCOME_DENIED_HOST, NEAR_LOOKALIKE,
	"host not on allowlist: b.s3-eu-west-1.amazonaws.com is an S3 name, "
	"maybe newer than this list",
	"New endpoint?"},
    {"d111111abcdef8.cloudfront.net:443", OUTCOME_DENIED_HOST, NEAR_LOOKALIKE,
	"host not on allowlist: d111111abcdef8.cloudfront.net is a "
	"CloudFront name, maybe where a registry keeps image layers",
	"New endpoint?"},
    {"1.dkr.ecr.us-east-1.amazonaws.com:443", OUTCOME_DENIED_HOST,
	NEAR_LOOKALIKE,
	"host not on allowlist: 1.dkr.ecr.us-east-1.amazonaws.com is an "
	"Amazon ECR name, maybe a mirror",
	"New endpoint?"},

    {"example.org:443", OUTCOME_DENIED_HOST, NEAR_NONE,
	"host not on allowlist: example.org",
	"If it shall be reached, a file that gateway.extra names may "
	"hold:\n[extra]\nhost = example.org\n"},
    {"example.com:8443", OUTCOME_DENIED_HOST, NEAR_NONE,
	"host not on allowlist: example.com", "host = example.com:8443\n"},
    /* What only looks alike from the front or the end. */
    {"us.example.com.evil.test:443", OUTCOME_DENIED_HOST, NEAR_NONE,
	"host not on allowlist: us.example.com.evil.test", ""},
    {"xus.example.com:443", OUTCOME_DENIED_HOST, NEAR_NONE,
	"host not on allowlist: xus.example.com", ""},
    {"xwide.example.org:443", OUTCOME_DENIED_HOST, NEAR_NONE,
	"host not on allowlist: xwide.example.org", ""},
    {"wide.example.org.evil.test:443", OUTCOME_DENIED_HOST, NEAR_NONE,
	"host not on allowlist: wide.example.org.evil.test", ""},
    {"sub.us.example.com:443", OUTCOME_DENIED_HOST, NEAR_NONE,
	"host not on allowlist: sub.us.example.com", ""},
    {"trendmicro.com:443", OUTCOME_DENIED_HOST, NEAR_NONE,
	"host not on allowlist: trendmicro.com", ""},
    {"nottrendmicro.com:443", OUTCOME_DENIED_HOST, NEAR_NONE,
	"host not on allowlist: nottrendmicro.com", ""},
    {"ec2.us-east-1.amazonaws.com:443", OUTCOME_DENIED_HOST, NEAR_NONE,
	"host not on allowlist: ec2.us-east-1.amazonaws.com", ""},
};

static void
a_decision_says_what_came_nearest(void **state)
{
	struct policy *p = small_policy();

	(void)state;
	for (size_t i = 0; i < COUNT(decisions); i++) {
		struct endpoint e = endpoint_of(decisions[i].target);
		struct policy_decision d = policy_decide(p, &e);
		char detail[POLICY_DETAIL_MAX], advice[POLICY_ADVICE_MAX];
		size_t len;

		if (d.why != decisions[i].why || d.near != decisions[i].near)
			fail_msg("%s: %s, near %d", decisions[i].target,
			    outcome_token(d.why), (int)d.near);
		assert_int_equal(d.why == OUTCOME_OK, d.rule != NULL);
		len = policy_detail(p, &d, &e, detail);
		assert_int_equal(len, strlen(detail));
		assert_string_equal(detail, decisions[i].detail);
		len = policy_advice(p, &d, &e, advice);
		assert_int_equal(len, strlen(advice));
		if (strstr(advice, decisions[i].advice) == NULL)
			fail_msg("%s: %s", decisions[i].target, advice);
		assert_int_equal(d.why == OUTCOME_OK, advice[0] == '\0');
		if (advice[0] != '\0')
			assert_int_equal(advice[strlen(advice) - 1], '\n');
	}
	policy_unref(p);
}

static void
a_feature_that_is_off_is_named(void **state)
{
	struct policy *p = builtin_policy("us-1", FEATURE_RUNTIME);
	struct endpoint e =
	    endpoint_of("artifactscan.us-1.cloudone.trendmicro.com:443");
	struct policy_decision d = policy_decide(p, &e);
	char text[POLICY_ADVICE_MAX];

	(void)state;
	assert_int_equal(d.why, OUTCOME_DENIED_HOST);
	assert_int_equal(d.near, NEAR_FEATURE);
	(void)policy_detail(p, &d, &e, text);
	assert_string_equal(text,
	    "host not on allowlist: "
	    "artifactscan.us-1.cloudone.trendmicro.com is for "
	    "artifact-scanner, which is off here");
	(void)policy_advice(p, &d, &e, text);
	assert_string_equal(text,
	    "To open it, set:\n"
	    "gateway.features = admission, runtime, artifact-scanner\n");
	policy_unref(p);
}

/* The sentence that the documentation quotes, from the lists compiled in. */
static void
a_sibling_region_is_named(void **state)
{
	struct policy *p = builtin_policy("us-1", FEATURE_ALL);
	struct endpoint e =
	    endpoint_of("container.jp-1.cloudone.trendmicro.com:443");
	struct policy_decision d = policy_decide(p, &e);
	char text[POLICY_ADVICE_MAX];

	(void)state;
	(void)policy_detail(p, &d, &e, text);
	assert_string_equal(text,
	    "host not on allowlist: container.jp-1.cloudone.trendmicro.com is "
	    "of region jp-1, this gateway serves us-1");
	(void)policy_advice(p, &d, &e, text);
	assert_non_null(
	    strstr(text, "\ncontainer.us-1.cloudone.trendmicro.com\n"));
	policy_unref(p);
}

/* The longest name and the most regions there are must still give text that
 * ends in its buffer and says the name. */
static void
texts_fit_whatever_the_name(void **state)
{
	struct policy *p = small_policy();
	struct endpoint e = {.port = 65535};
	const char *const ends[] = {
	    ".example.test", ".svc", ".trendmicro.com", ".wide.example.org"};

	(void)state;
	for (size_t i = 0; i < COUNT(ends); i++) {
		char name[HOSTNAME_MAX + 7], detail[POLICY_DETAIL_MAX],
		    advice[POLICY_ADVICE_MAX];
		size_t room = HOSTNAME_MAX - strlen(ends[i]);
		struct policy_decision d;

		for (size_t k = 0; k < room; k++)
			name[k] = k % 64 == 63 && k + 1 < room ? '.' : 'a';
		(void)snprintf(
		    name + room, sizeof(name) - room, "%s:65535", ends[i]);
		e = endpoint_of(name);
		assert_int_equal(e.host.len, HOSTNAME_MAX);
		d = policy_decide(p, &e);
		assert_true(d.why != OUTCOME_OK);
		assert_true(policy_detail(p, &d, &e, detail) < sizeof(detail));
		assert_non_null(strstr(detail, e.host.text));
		assert_true(policy_advice(p, &d, &e, advice) < sizeof(advice));
		assert_non_null(memchr(advice, '\0', sizeof(advice)));
	}
	policy_unref(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_decision_says_what_came_nearest),
	    cmocka_unit_test(a_feature_that_is_off_is_named),
	    cmocka_unit_test(a_sibling_region_is_named),
	    cmocka_unit_test(texts_fit_whatever_the_name),
	};

	return cmocka_run_group_tests_name("policy_text", tests, NULL, NULL);
}
