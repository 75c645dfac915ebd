/* SPDX-License-Identifier: Apache-2.0
 *
 * One endpoint and a loop, to run single probes against real peers. */
#ifndef SEKISHO_TESTS_PROBE_FIXTURE_H
#define SEKISHO_TESTS_PROBE_FIXTURE_H

#include "certs.h"
#include "peer.h"
#include "probe_io.h"

enum {
	CASE_WAIT_MS = 700, /* deadline of a phase that shall time out */
	CASE_LONG_MS = 20000,
};

struct probe_case {
	struct loop *loop;
	struct check_options options;
	struct target target;
	struct plan plan;
	struct vantage vantage;
	struct endpoint_result *result;
	struct probe_env env;
	struct probe_job job;
	struct probe *probe;
	unsigned done;
	unsigned timeout_ms;
	struct timer guard, turn;
};

/* An endpoint over the direct path; nothing is trusted yet. */
struct probe_case *case_new(const char *host, uint16_t port);
void case_free(struct probe_case *c);
void case_trust(struct probe_case *c, const struct cert *ca);
void case_proxy(struct probe_case *c, enum proxy_kind kind, uint16_t port);
void case_login(struct probe_case *c, const char *user, const char *password);
/* TCP shall dial this address. */
void case_dial(struct probe_case *c, const char *addr, uint16_t port);

/* Runs a probe to its one callback. False when start refused. */
bool case_run(struct probe_case *c, const struct probe_ops *ops);
/* The phases up to and with this one, as the runner does; stops where one is
 * not done. */
void case_run_to(struct probe_case *c, enum phase last);
/* Runs the loop for about this many milliseconds, or until done. */
void case_turns(struct probe_case *c, unsigned turns);
/* For probes started by hand: their done, and its waiting. */
void case_on_done(void *arg);
void case_wait(struct probe_case *c);

/* Starts the probe once for every number of turns and cancels it then: no
 * callback may come after that, and no descriptor may stay. prepare: brings the
 * case to where the probe begins. */
void case_cancel_everywhere(struct probe_case *(*prepare)(void *arg), void *arg,
    const struct probe_ops *ops);

#endif
