/* SPDX-License-Identifier: Apache-2.0
 *
 * What the runner knows of a probe: one phase of one endpoint, behind a const
 * table. Each probe works on its own sockets (so that errno, TCP_INFO, alerts
 * and whole chains are at hand), fills its part of the endpoint's result, and
 * hands what it opened to the next phase through struct probe_conn.
 *
 * Contract, the same as everywhere: start returns false when it could not even
 * begin (then no callback comes, and the phase's time.end is PHASE_FAILED);
 * else done comes exactly once, never before start has returned; after cancel
 * none comes. Before done, the probe has set time.start_at_ns, time.end_at_ns
 * and time.end of its phase; cancel leaves what was found so far and sets
 * PHASE_INTERRUPTED. A probe keeps to job->deadline_ns by a timer of its own
 * and then ends as PHASE_TIMED_OUT. No probe judges: that is the diagnosis'. */
#ifndef SEKISHO_DIAG_PROBE_H
#define SEKISHO_DIAG_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/span.h"
#include "net/loop.h"
#include "plan.h"
#include "result.h"

struct probe;     /* one phase at work; each probe's own type inside */
struct tls_layer; /* probe_tls.c: an SSL object on a descriptor or on another
		   * layer */

/* What the whole run shares. Filled by the runner; probes only read it. */
struct probe_env {
	struct loop *loop;
	const struct plan *plan;
	const struct vantage *vantage; /* resolvers, search list, CA file */
	uint64_t run_start_ns;         /* loop clock; *_at_ns count from here */
	uint64_t run_start_unix_ns;    /* wall clock of the same moment */
	void *tls_context; /* SSL_CTX with the trust store; probe_tls_setup() */
	const char *api_key; /* NULL: none. Only for targets with send_key, and
			      * only after a verified handshake */
};

/* What goes from phase to phase. The runner closes it at the end (with
 * probe_conn_close). */
struct probe_conn {
	int fd;                      /* -1: none */
	struct tls_layer *proxy_tls; /* https proxy: speak through this */
	struct ip_endpoint addresses[2 * DNS_ANSWERS_MAX]; /* DNS -> TCP */
	size_t address_count;
};

/* One endpoint's work; outlives every probe of it. */
struct probe_job {
	const struct probe_env *env;
	const struct target *target;
	const struct path *path;
	struct endpoint_result *result;
	struct probe_conn conn;
	uint64_t deadline_ns; /* loop clock: of the phase now at work */
};

typedef void (*probe_done_fn)(void *arg);

struct probe_ops {
	const char *name;
	enum phase phase;
	bool (*start)(struct probe **out, struct probe_job *job,
	    probe_done_fn done, void *arg);
	void (*cancel)(struct probe **p); /* NULL is fine; sets NULL */
};

extern const struct probe_ops probe_dns, probe_tcp, probe_proxy, probe_tls,
    probe_http;

/* Deeper looks, run by the runner after the phase they explain; they have no
 * phase of their own (their .phase names the one they belong to). */
extern const struct probe_ops probe_own_dns; /* through a proxy: own_dns */
extern const struct probe_ops probe_bisect;  /* after a failed handshake */
extern const struct probe_ops probe_trips;   /* --deep: repeated round trips */
extern const struct probe_ops
    probe_registry;                         /* --deep: token, manifest, layer */
extern const struct probe_ops probe_upload; /* --deep: a large body */
extern const struct probe_ops probe_redirect; /* --deep: follows Location */

/* Asks 192.0.2.1:53 (RFC 5737) and waits at most until deadline_ns; the
 * contract of start and cancel as above. */
bool probe_interception_start(struct probe **out, const struct probe_env *env,
    struct dns_interception *into, uint64_t deadline_ns, probe_done_fn done,
    void *arg) MUST_CHECK;
void probe_interception_cancel(struct probe **p);

/* Trust store from --ca-file, SSL_CERT_FILE or the system's; fills ca_* of the
 * vantage. NULL when not even an empty context could be made. */
void *probe_tls_setup(
    const struct check_options *options, struct vantage *vantage) MUST_CHECK;
void probe_tls_teardown(void *tls_context);
void tls_layer_free(struct tls_layer *layer); /* NULL is fine */

/* Closes the descriptor and the layer on it. */
void probe_conn_close(struct probe_conn *conn, struct loop *loop);

/* Nanoseconds since the run began, from the loop's clock read now. */
uint64_t probe_now(const struct probe_env *env);

#endif
