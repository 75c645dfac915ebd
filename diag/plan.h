/* SPDX-License-Identifier: Apache-2.0
 *
 * What a run shall do: targets and the path to each. Made from the catalog, the
 * options and the proxy setting; pure, immutable afterwards. */
#ifndef SEKISHO_DIAG_PLAN_H
#define SEKISHO_DIAG_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/allowlist.h"
#include "core/endpoint.h"
#include "core/ipaddr.h"
#include "options.h"
#include "proxy_env.h"

enum {
	PLAN_PATHS_MAX = 4,
	PLAN_TARGETS_MAX = 4096,
};

/* One way out of here. */
struct path {
	struct proxy_url proxy; /* kind PROXY_DIRECT: none */
	const char *source;     /* static: "--proxy", "HTTPS_PROXY", "--direct",
				 * "no proxy is set", "--compare" */
	char label[PROXY_URL_TEXT_MAX]; /* "direct", "http://u:***@h:3128" */
};

/* One endpoint over one path. */
struct target {
	struct endpoint at;
	bool is_address;      /* at.host is an address literal (--host) */
	const char *region;   /* borrowed from the catalog; "-" for --host */
	const char *category; /* "container" …; "extra" for --host */
	const struct allowlist_category *about; /* NULL: none */
	enum probe_kind probe;   /* how the service is recognised */
	char http_path[128];     /* of the HTTP phase; "" when it has none */
	const char *alpn;        /* comma separated: "h2,http/1.1",
				  * "x-amzn-mqtt-ca" */
	bool expect_public;      /* a listed host: its certificate must come
				  * from a public CA and be logged */
	const char *server_name; /* asked of TLS; NULL: the host */
	bool any_root;           /* no trust is asked for: the name is enough */
	bool send_key;           /* the API key may be sent here */
	size_t path;             /* index into plan.paths */
	const char *no_variable; /* NO_PROXY took it out of the proxy: name of
				  * the variable, else NULL */
	char no_token[128];      /* and the token */
	bool comparison;         /* --compare: the other way; --try-regions:
				  * another region. For the record; never
				  * decides the verdict */
	bool go_differs;         /* Go would take the other way (READER_GO) */
	char go_token[128];      /* the token that makes Go go direct, or "" */
};

struct plan {
	const struct check_options *options; /* borrowed */
	const struct allowlist *catalog;     /* borrowed */
	struct target *targets; /* sorted: path, region in the order asked,
				 * "global" last, then --host; in each the
				 * order of the categories */
	size_t target_count;
	size_t host_count; /* different host:port, over all paths */
	struct path paths[PLAN_PATHS_MAX];
	size_t path_count;
	uint64_t budget_ns; /* what the run may take at most */
};

/* Why no plan could be made: one line for stderr (exit 2). */
struct plan_error {
	char text[512];
};

/* NULL with *error set: unknown region, no region and no host, a proxy setting
 * that cannot be read, too many targets. Everything borrowed must outlive the
 * plan. */
struct plan *plan_make(const struct check_options *options,
    const struct allowlist *catalog, const struct proxy_env *env,
    struct plan_error *error) MUST_CHECK;
void plan_free(struct plan *plan); /* NULL is fine */

/* The name that TLS asks for, and that the certificate must have. */
static inline const char *
target_server_name(const struct target *t)
{
	return t->server_name != NULL ? t->server_name : t->at.host.text;
}

/* Whether a path leads through a proxy. */
static inline bool
path_has_proxy(const struct path *p)
{
	return p->proxy.kind != PROXY_DIRECT;
}

#endif
