/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration: one table of keys (name, type, range, default, reloadable,
 * help) over INI files and the command line. The table is the only source for
 * the parser, --dump-config, the manual page and the sample file. Errors name
 * FILE:LINE (or the option) and the accepted values. */
#ifndef SEKISHO_CONFIG_H
#define SEKISHO_CONFIG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/hostname.h"
#include "core/ipaddr.h"
#include "core/name_table.h"
#include "core/policy.h"
#include "core/span.h"
#include "net/resolver.h"

enum config_family {
	FAMILY_ANY,
	FAMILY_IPV4,
	FAMILY_IPV6
};
enum config_sni {
	SNI_VERIFY,
	SNI_REQUIRE_TLS,
	SNI_OFF,
	SNI_AS_TUNNEL /* of a host: tunnel.sni holds */
};
enum config_mode {
	MODE_ENFORCE,
	MODE_REPORT
};
enum config_log_format {
	LOG_JSON,
	LOG_LOGFMT
};

/* Owned text lists and prefix lists. */
struct config_strings {
	char **items;
	size_t count;
};

struct config_prefixes {
	struct ip_prefix *items;
	size_t count;
};

struct config_addresses {
	struct ipaddr *items;
	size_t count;
};

struct config_endpoints {
	struct ip_endpoint *items;
	size_t count;
};

struct config_slot; /* where a key was set: config_dump's own */

/* Bits: what clients may speak at a listener. */
enum config_protocol {
	PROTOCOL_CONNECT = 1,
	PROTOCOL_SOCKS5 = 2,
	PROTOCOL_SNI = 4, /* alone */
};

enum config_auth {
	AUTH_NONE,
	AUTH_BASIC
};

struct realm;
struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

/* What sections with a name of their own begin with. */
struct config_named {
	char *name;
	const char *where; /* "FILE:LINE" or the option that first names it */
	struct config_slot *slots;
};

/* [listener NAME] */
struct config_listener {
	union {
		struct config_named named;
		struct {
			char *name;
			const char *where;
			struct config_slot *slots;
		};
	};
	char
	    *unix_path; /* address = unix:/path; else NULL and address is set */
	struct ip_endpoint address;
	unsigned protocols;             /* bits of enum config_protocol */
	struct config_prefixes clients; /* none with unix_path */
	enum config_auth auth;
	char *credentials;   /* path; NULL without auth */
	struct realm *realm; /* of credentials; NULL without auth */
	/* Paths; NULL: none, and TLS is spoken with a certificate only. */
	char *tls_certificate, *tls_key, *tls_client_ca;
	struct ssl_ctx_st *tls; /* of these, by config_read_secrets() */
	bool proxy_protocol;    /* a PROXY header is required */
	size_t slot; /* where its tunnels are counted; set by serve */
};

/* [host NAME]: what one name of the list has of its own. NAME is its name in
 * lower case. */
struct config_host {
	struct config_named named;
	struct hostname name;
	struct config_addresses addresses; /* none: DNS knows them */
	struct config_prefixes allow_addresses;
	enum config_sni sni;
	uint32_t idle_timeout_ms; /* 0: tunnel.idle_timeout holds */
	/* Those of addresses that upstream.family leaves, in their order; NULL
	 * without addresses. */
	const struct addr_list *fixed;
};

/* A proxy to go through. */
struct config_parent {
	bool on, tls;
	const char *text;            /* "proxy.corp.example:3128" */
	const struct hostname *name; /* NULL: address holds its address */
	struct ip_endpoint address;  /* its port in both cases */
	char *user, *password;       /* NULL: none */
	/* Of config_read_secrets(): Basic credentials in base64, or NULL. */
	const char *authorization;
};

struct config_admin {
	bool on; /* else address is unset */
	struct ip_endpoint address;
	struct config_strings names; /* hostnames; beside the machine's own */
};

/* Owns all that it points to. Immutable once it is in use: a reload makes a new
 * one, and sessions keep the one that they began with. */
struct config {
	atomic_int holders;    /* beside the first one */
	struct policy *policy; /* what it admits; set by its first owner, whose
				* reference it takes over */
	struct {
		struct config_strings regions;
		unsigned features;   /* bits of enum feature */
		char *allowlist_dir; /* NULL: built in */
		struct config_strings sets, extra;
		enum config_mode mode;
		unsigned workers; /* 0: auto */
		char *user;       /* NULL: stay */
		char *handover;   /* path of a socket; NULL: none */
		bool watch_files;
	} gateway;
	struct config_listener *listeners; /* at least one */
	size_t listener_count;
	struct config_host *hosts;
	size_t host_count;
	struct name_table host_table; /* their places, by name */
	struct {
		struct config_endpoints servers; /* none: resolv.conf */
		uint32_t timeout_ms;
		unsigned attempts;
		uint32_t min_ttl_s, max_ttl_s, negative_ttl_s, serve_stale_s;
		bool prefetch;
	} dns;
	struct {
		uint32_t connect_timeout_ms, attempt_delay_ms;
		enum config_family family;
		struct config_parent parent;
		char *parent_password_file;    /* NULL: none */
		char *parent_ca_file;          /* NULL: the system's */
		struct ssl_ctx_st *parent_tls; /* by config_read_secrets() */
		unsigned warm; /* spares per endpoint and worker; 0: off */
		struct config_prefixes allow_addresses, deny_addresses;
	} upstream;
	struct {
		enum config_sni sni;
		uint32_t hello_timeout_ms, idle_timeout_ms,
		    half_close_timeout_ms;
	} tunnel;
	struct {
		unsigned tunnels;             /* 0: auto */
		unsigned tunnels_per_client;  /* 0: none */
		unsigned connects_per_client; /* a second; 0: none */
		uint32_t header_bytes, header_timeout_ms;
	} limits;
	struct {
		char *access; /* path, "stdout" or "off" */
		enum config_log_format format;
		unsigned level; /* enum log_level */
	} log;
	struct config_admin admin;
	struct {
		uint32_t drain_ms;
	} shutdown;
	struct config_slot *slots;
	void *memory; /* everything that hangs from here */
};

/* One setting from the command line: "gateway.regions", its value, and the
 * option as errors shall name it ("--region", "--set"). */
struct config_setting {
	const char *key, *value, *option;
};

struct config_sources {
	const char *file; /* NULL: none */
	struct span text; /* with a ptr: read instead of the file, whose name is
			   * used in messages alone (tests, fuzzing) */
	const struct config_setting *settings; /* these win over the file; of a
						* list key they add up */
	size_t setting_count;
	/* --listen: when any is given, these addresses replace the listeners of
	 * the file. They are named main, main-2, main-3 …, and take the
	 * defaults or the settings for the rest. */
	const char *const *listen;
	size_t listen_count;
	bool partial; /* keys without a default may be missing: their fields
		       * are then empty. For who does not serve. */
};

/* One call per error, without a newline or another control character; text
 * valid only during the call. It begins with "FILE:LINE: ", with the option
 * ("--set tunnel.sni: "), or with the key when it is missing. */
typedef void (*config_error_fn)(void *arg, const char *text);

/* Reads and checks everything, and reports every error found; but of the
 * options, which are read first, only the first error, and then the file is not
 * read at all, since a usage error is one line. NULL when there was any. */
struct config *config_load(const struct config_sources *src,
    config_error_fn error, void *arg) MUST_CHECK;
/* One more holder, and one less: the last one frees it. Any thread. */
struct config *config_ref(struct config *c);
void config_free(struct config *c); /* NULL is fine */

/* What [host NAME] says of this name, or NULL: one look into a table. */
const struct config_host *config_host_find(
    const struct config *c, const struct hostname *name);

/* Whether upstream.family lets a fixed address be dialled. */
bool config_host_uses(const struct config *c, const struct ipaddr *address);

/* Reports each key that takes a restart and differs between running and next:
 * its name, by fn. Returns how many. */
size_t config_restart_keys(const struct config *running,
    const struct config *next, config_error_fn fn, void *arg);

/* Reads the files with secrets that the configuration names (credentials,
 * certificates and keys): not a part of config_load(), as who asks for a list
 * need not be able to read them. False after error calls ("PATH:LINE: …"). */
bool config_read_secrets(
    struct config *c, config_error_fn error, void *arg) MUST_CHECK;

/* What is not wrong and yet worth a word, once the secrets are read: a
 * certificate that has expired. "FILE:LINE: KEY: warning: …" */
void config_warnings(const struct config *c, config_error_fn warn, void *arg);

/* The effective configuration: each key with its value, default, source
 * ("default", "FILE:LINE", "--set") and help, as a file that config_load reads
 * back to the same. Secrets are masked. */
void config_dump(const struct config *c, FILE *out);

/* One key in force; text valid only during the call. */
struct config_shown {
	const char *key;      /* "tunnel.sni", "listener main.clients" */
	const char *value;    /* of a list its items; secrets are masked; cut
			       * with "..." when very long */
	const char *fallback; /* the default */
	const char *source;   /* "default", "FILE:LINE", "--set" */
	const char *help;     /* one line */
	bool restart;         /* a change takes a restart */
};
typedef void (*config_shown_fn)(void *arg, const struct config_shown *key);

/* The same key by key. */
void config_show(const struct config *c, config_shown_fn fn, void *arg);

/* A file or folder that the configuration names: the key, and its path, valid
 * only during the call. */
typedef void (*config_path_fn)(void *arg, const char *key, const char *path);

/* All that are read, by the loading and later. */
void config_show_paths(const struct config *c, config_path_fn fn, void *arg);

/* Every key, one "key<TAB>default<TAB>reloadable or restart<TAB>accepted
 * values<TAB>help" a line: for the manual page and its lint. */
void config_keys(FILE *out);

/* Loads the lists that the configuration names and makes the policy. NULL after
 * error calls; an unknown region or set, or a [host NAME] that no list in force
 * knows, is reported where it was given. */
struct policy *config_policy(
    const struct config *c, config_error_fn error, void *arg) MUST_CHECK;

/* Workers to start: gateway.workers, or with auto the CPUs that this process
 * may use (cpus.h), at most CONFIG_WORKERS_MAX. At least 1. */
enum {
	CONFIG_WORKERS_MAX = 256
};
unsigned config_worker_count(const struct config *c);

#endif
