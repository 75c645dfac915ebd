/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line of `sekisho-diag [check]` (design A7), and the part of it
 * that other commands that check share. Reads argv and the variables of the
 * language (C1_API_KEY's presence is check's business); opens nothing. */
#ifndef SEKISHO_DIAG_OPTIONS_H
#define SEKISHO_DIAG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command_line.h"
#include "core/endpoint.h"
#include "core/ipaddr.h"
#include "core/span.h"
#include "lang.h"
#include "proxy_env.h"

enum {
	OPTIONS_REGIONS_MAX = 16,
	OPTIONS_HOSTS_MAX = 64,
	OPTIONS_RESOLVERS_MAX = 4,
};

enum report_format {
	REPORT_TEXT,
	REPORT_JSON,
	REPORT_JUNIT,
	REPORT_HTML,
	REPORT_PROMETHEUS,
	REPORT_FORMAT_COUNT,
};

enum colour_mode {
	COLOUR_AUTO, /* on a terminal, unless NO_COLOR is set */
	COLOUR_ALWAYS,
	COLOUR_NEVER,
};

/* A further target. */
struct option_host {
	struct endpoint at;
	bool is_address; /* at.host.text is an address, without brackets */
};

/* What the command webhook asks of the one host. */
struct webhook_ask {
	const char *server_name; /* borrowed */
	bool compare;            /* with --ca-file */
	char roots[256];         /* fingerprints of the certificates in it */
};

struct check_options {
	char regions[OPTIONS_REGIONS_MAX][32]; /* "all" stays "all" */
	size_t region_count;
	unsigned features; /* bits of enum feature; FEATURE_ALL by default */
	struct option_host hosts[OPTIONS_HOSTS_MAX];
	size_t host_count;
	bool direct, compare, deep, strict, verbose, ascii;
	bool auth;        /* the command auth: only where the key goes */
	bool try_regions; /* and to the other regions' hosts */
	const struct webhook_ask *webhook; /* the command webhook; or NULL */
	bool has_proxy;
	struct proxy_url proxy;
	const char *allowlist_dir, *ca_file,
	    *api_key_file;                         /* NULL: not given */
	const char *output, *baseline, *chain_dir; /* borrowed from argv */
	struct ip_endpoint resolvers[OPTIONS_RESOLVERS_MAX];
	size_t resolver_count;
	bool ipv4, ipv6;      /* both by default */
	uint64_t timeout_ns;  /* per phase; 5 s */
	uint64_t deadline_ns; /* of the run; 0: plan computes it */
	enum report_format format;
	enum colour_mode colour;
	enum lang lang;
	bool lang_given;
};

/* "HOST", "HOST:PORT", "1.2.3.4:443", "[::1]:443"; port is the one meant when
 * none is given. */
bool option_host_parse(
    struct option_host *out, const char *value, uint16_t port) MUST_CHECK;

/* argv[0] is the subcommand's name. */
enum options_end check_options_parse(struct check_options *out, int argc,
    char **argv, struct options_message *message) MUST_CHECK;

/* Options that commands have in common, by what they are about. */
enum options_part {
	OPTIONS_WHAT,   /* region, feature, host, compare, deep */
	OPTIONS_WAY,    /* proxy, direct, allowlist-dir */
	OPTIONS_NET,    /* resolver, ca-file, ipv4, ipv6, timeout, deadline */
	OPTIONS_KEY,    /* api-key-file */
	OPTIONS_REPORT, /* chain-dir, format, output, color, ascii, verbose */
	OPTIONS_LANG,
};

/* The three steps of it, for commands that have options of their own too: the
 * defaults; the options of a part; and, once all are read, what must fit
 * together (false: *message is the usage line) and what was left out. */
void check_options_init(struct check_options *o);
struct option_table check_options_table(
    struct check_options *o, enum options_part part);
bool check_options_settle(
    struct check_options *o, struct options_message *message) MUST_CHECK;

/* Adds the features of a comma-separated list ("admission,runtime", "all") to
 * the bits in *out. */
bool features_parse(unsigned *out, const char *value) MUST_CHECK;

/* "250ms", "5s", "2m", "1h". False leaves *out untouched. */
bool duration_parse(uint64_t *out_ns, struct span text) MUST_CHECK;

/* "text", "json" … */
const char *report_format_str(enum report_format format);

#endif
