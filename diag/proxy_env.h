/* SPDX-License-Identifier: Apache-2.0
 *
 * The proxy setting of the environment, as curl and as Go read it (they differ:
 * libcurl's url.c and noproxy.c, golang.org/x/net/http/httpproxy), which token
 * of NO_PROXY takes a host out, and what is wrong with the setting. Pure: the
 * environment is asked through a function. No function here writes a password.
 */
#ifndef SEKISHO_DIAG_PROXY_ENV_H
#define SEKISHO_DIAG_PROXY_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hostname.h"
#include "core/span.h"

enum {
	PROXY_VALUE_MAX = 2048, /* longer values are cut, with a lint */
	PROXY_LINTS_MAX = 32,
	PROXY_URL_TEXT_MAX = 512,
};

enum proxy_kind {
	PROXY_DIRECT,
	PROXY_HTTP,
	PROXY_HTTPS,
	PROXY_SOCKS5, /* the name is resolved by us in curl; here always by the
		       * proxy, as Sekisho refuses addresses */
};

struct proxy_url {
	enum proxy_kind kind;
	char host[HOSTNAME_MAX + 1]; /* name or address, without brackets */
	uint16_t port;
	bool has_user;
	char user[256], password[256]; /* decoded */
};

enum proxy_url_fault {
	PROXY_URL_OK,
	PROXY_URL_EMPTY,
	PROXY_URL_SCHEME,  /* not http, https, socks5, socks5h */
	PROXY_URL_HOST,    /* none, or not a host */
	PROXY_URL_PORT,    /* "invalid port": often a raw password */
	PROXY_URL_ESCAPE,  /* % not followed by two hex digits */
	PROXY_URL_CONTROL, /* blank or control byte */
	PROXY_URL_TOO_LONG,
};

/* Reads "[scheme://][user[:password]@]host[:port][/]"; no scheme means http,
 * no port 1080 for SOCKS5, 443 for https, else 80 for http (Go) — curl's 1080
 * for http is a lint. *out is untouched unless the answer is PROXY_URL_OK. */
enum proxy_url_fault proxy_url_parse(
    struct proxy_url *out, struct span text) MUST_CHECK;

/* "http://user:***@host:port": safe to show. buf has PROXY_URL_TEXT_MAX bytes;
 * returns the length. */
size_t proxy_url_format(const struct proxy_url *u, char *buf);

/* "http", "https", "socks5", "direct". */
const char *proxy_kind_str(enum proxy_kind kind);

/* One sentence for a fault, without the value. */
const char *proxy_url_fault_str(enum proxy_url_fault fault);

enum proxy_lint_kind {
	LINT_URL_BAD,         /* fault says why; detail is masked */
	LINT_URL_NO_SCHEME,   /* Go's ALL_PROXY then means direct */
	LINT_URL_NO_PORT,     /* curl: 1080, Go: 80 */
	LINT_URL_PASSWORD,    /* raw special characters in user or password */
	LINT_URL_HTTPS_USER,  /* the chart breaks https with credentials */
	LINT_URL_TRAILING,    /* blank, CR or LF around the value */
	LINT_ONLY_HTTP_PROXY, /* HTTP_PROXY alone: nothing for https */
	LINT_ONLY_ALL_PROXY,  /* Go's net/http does not read ALL_PROXY */
	LINT_CASES_DIFFER,    /* HTTPS_PROXY and https_proxy are not the same */
	LINT_NO_PROXY_NIL,    /* %!s(<nil>): chart value was not set */
	LINT_NO_PROXY_BRACKETS, /* a YAML list where a string belongs */
	LINT_NO_PROXY_BLANKS,   /* blanks between tokens: Go reads one token */
	LINT_NO_PROXY_SCHEME,   /* a token with http:// */
	LINT_NO_PROXY_STAR_DOT, /* *.suffix: Go knows it, curl does not */
	LINT_NO_PROXY_CIDR,     /* a token with / that is no prefix */
	LINT_NO_PROXY_CLUSTER, /* in a pod: .cluster.local or .svc is missing */
	LINT_NO_PROXY_METADATA, /* on GKE: the metadata server is missing */
	LINT_COUNT,
};

struct proxy_lint {
	enum proxy_lint_kind kind;
	const char *variable;       /* static: "HTTPS_PROXY" */
	enum proxy_url_fault fault; /* of LINT_URL_BAD */
	char detail[128];           /* a token, a length; never a secret */
};

/* One variable. */
struct proxy_var {
	const char *name; /* static; NULL: not set */
	char value[PROXY_VALUE_MAX];
};

struct proxy_env {
	/* What is set, in both cases; values hold secrets: never shown. */
	struct proxy_var https_upper, https_lower, all_upper, all_lower;
	struct proxy_var http_upper, http_lower, no_upper, no_lower;
	struct proxy_lint lints[PROXY_LINTS_MAX];
	size_t lint_count;
};

/* Where this runs, for the lints that depend on it. */
struct proxy_env_where {
	bool in_pod, in_gke;
};

typedef const char *(*getenv_fn)(void *arg, const char *name);

/* Reads and lints the environment. */
void proxy_env_read(struct proxy_env *out, getenv_fn get, void *arg,
    const struct proxy_env_where *where);

enum proxy_reader {
	READER_CURL, /* also what sekisho-diag itself does */
	READER_GO,   /* net/http's ProxyFromEnvironment: the product's programs
		      */
};

/* What a reader would do for https://host:port/. */
struct proxy_choice {
	bool via_proxy;
	struct proxy_url url;       /* when via_proxy */
	const char *variable;       /* static: where url comes from; or NULL */
	const char *no_variable;    /* "NO_PROXY" or "no_proxy" when a token of
				     * it took the host out, else NULL */
	char token[128];            /* that token */
	enum proxy_url_fault fault; /* a proxy is named, but unusable; then
				     * via_proxy is false */
};

void proxy_env_choose(struct proxy_choice *out, const struct proxy_env *env,
    enum proxy_reader reader, const char *host, uint16_t port);

/* The NO_PROXY (or no_proxy) value without the token: the corrected line. buf
 * is NUL-terminated, cut at len. */
void proxy_env_without(
    const struct proxy_env *env, const char *token, char *buf, size_t len);

#endif
