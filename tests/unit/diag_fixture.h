/* SPDX-License-Identifier: Apache-2.0
 *
 * A run of `sekisho-diag check` built by hand: the real catalog and plan, and
 * results as probes would have left them. Healthy at first; tests then break
 * what they want to see diagnosed. For the diagnosis and for the reports. */
#ifndef SEKISHO_TESTS_DIAG_FIXTURE_H
#define SEKISHO_TESTS_DIAG_FIXTURE_H

#include "diagnosis.h"
#include "result.h"

enum {
	DIAG_ARGS_MAX = 32,
};

struct diag_case {
	struct check_options options;
	struct allowlist *catalog;
	struct proxy_env env;
	struct plan *plan;
	struct run *run;
	struct diagnosis *d;           /* of the last diag_diagnose() */
	char *argv[DIAG_ARGS_MAX + 1]; /* the options point into it */
};

/* Variables: "NAME=value" strings, NULL at the end; NULL: none. */
struct diag_vars {
	const char *const *list;
};

/* For proxy_env_read(); arg is a struct diag_vars. */
const char *diag_getenv(void *arg, const char *name);

/* `sekisho-diag ARGS…` (NULL at the end; without "check") in an environment of
 * vars (NULL: empty). Every endpoint is healthy. Fails the test when options or
 * plan are refused. */
struct diag_case *diag_case_new(
    const char *const *args, const char *const *vars);
void diag_case_free(struct diag_case *c);

/* Results as of a healthy endpoint on its way, direct or through a proxy. */
void diag_make_healthy(struct run *run, size_t index);

/* The result of a category of the first region ("container", "sensor" …); fails
 * the test when there is none. */
struct endpoint_result *diag_endpoint(struct diag_case *c, const char *name);

/* Ends the endpoint at this phase: as failed (or timed out), later phases not
 * run, with their results cleared. The phase's own result is the caller's. */
void diag_stop_at(
    struct endpoint_result *r, enum phase phase, enum phase_end end);

/* Common ways to fail, complete with times and figures. */
void diag_fail_dns(struct endpoint_result *r, enum dns_status status);
void diag_fail_tcp(struct endpoint_result *r, enum tcp_end end, int err);
void diag_fail_proxy_status(
    struct endpoint_result *r, int status, const char *reason);
void diag_fail_tls(struct endpoint_result *r, enum tls_end end);
/* A finished handshake with another issuer and a verify code (0: verified). */
void diag_other_cert(
    struct endpoint_result *r, const char *issuer_org, int verify_code);
void diag_http(struct endpoint_result *r, int status, const char *content_type,
    const char *body);

/* Diagnoses anew; owned by the case. */
const struct diagnosis *diag_diagnose(struct diag_case *c, enum lang lang);

/* The finding with that id ("DNS-NX"), or NULL. */
const struct finding *diag_finding(const struct diagnosis *d, const char *id);
/* The same, and the test fails when there is none. Never NULL. */
const struct finding *diag_must_find(const struct diagnosis *d, const char *id)
    __attribute__((returns_nonnull));

#endif
