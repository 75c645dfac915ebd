/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ipaddr.h"
#include "core/nearest.h"
#include "explain.h"
#include "hash_password.h"

enum {
	SHOWN_MAX = 80, /* of an argument in a message */
	ERROR_MAX = 512,
	OPTION_TEXT_MAX = 84,
	OPTION_CONFIG = 'c',
	OPTION_REGION = 256,
	OPTION_LISTEN,
	OPTION_ADMIN,
	OPTION_SET,
	OPTION_NO_SANDBOX,
	OPTION_CHECK,
	OPTION_DUMP_CONFIG,
	OPTION_PRINT_ALLOWLIST,
	OPTION_EXPLAIN,
	OPTION_HASH_PASSWORD,
	OPTION_HEALTHCHECK,
	OPTION_HELP,
	OPTION_VERSION,
};

static const struct option options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"region", required_argument, NULL, OPTION_REGION},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"admin", required_argument, NULL, OPTION_ADMIN},
    {"set", required_argument, NULL, OPTION_SET},
    {"no-sandbox", no_argument, NULL, OPTION_NO_SANDBOX},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"dump-config", no_argument, NULL, OPTION_DUMP_CONFIG},
    {"print-allowlist", no_argument, NULL, OPTION_PRINT_ALLOWLIST},
    {"explain", required_argument, NULL, OPTION_EXPLAIN},
    {"hash-password", optional_argument, NULL, OPTION_HASH_PASSWORD},
    {"healthcheck", no_argument, NULL, OPTION_HEALTHCHECK},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

enum {
	OPTION_COUNT = sizeof(options) / sizeof(options[0]) - 1,
};

/* While the arguments are read. */
struct request {
	int command;        /* one of the options, or 0: serve */
	const char *target; /* of --explain, or the user of --hash-password */
};

#define PROGRAM "sekisho-proxy: "
#define ACCEPTED                                                               \
	"accepted: -c, --config, --region, --listen, --admin, --set, "         \
	"--no-sandbox, --check, --dump-config, --print-allowlist, --explain, " \
	"--hash-password, --healthcheck, --help, --version"

static const char help_text[] =
    "Usage: sekisho-proxy [-c FILE] [--region R[,R...]] [OPTION...]\n"
    "Egress gateway for Trend Cloud One Container Security: lets CONNECT\n"
    "requests to the published endpoints through, and nothing else.\n"
    "\n"
    "Configuration (no file is needed; options win over the file):\n"
    "  -c, --config FILE        read FILE, see sekisho.conf(5)\n"
    "      --region R[,R...]    regions to let through, or all; may repeat\n"
    "      --listen ADDR:PORT   where clients connect to, or unix:/path; may\n"
    "                           repeat (default 127.0.0.1:3128)\n"
    "      --admin ADDR:PORT    metrics and health, or off\n"
    "                           (default 127.0.0.1:3129)\n"
    "      --set SECTION.KEY=VALUE\n"
    "                           any key of the file; may repeat\n"
    "      --no-sandbox         keep all rights while serving; to debug\n"
    "\n"
    "Commands that open no socket:\n"
    "      --check              read everything, report every error\n"
    "      --dump-config        print the configuration in force\n"
    "      --print-allowlist    print the endpoints in force: host:port,\n"
    "                           region, category, file:line\n"
    "      --explain HOST[:PORT]\n"
    "                           say whether and why it is allowed or denied\n"
    "      --hash-password[=USER]\n"
    "                           print a line for a htpasswd file; reads the\n"
    "                           password from the terminal or standard input\n"
    "\n"
    "Others:\n"
    "      --healthcheck        ask the gateway at this configuration's admin\n"
    "                           address whether it is ready: one line, and\n"
    "                           exit status 0 or 1\n"
    "      --help               print this\n"
    "      --version            print the version\n"
    "\n"
    "Exit status: 0 done, allowed, or stopped by a signal; 1 denied\n"
    "(--explain), not ready (--healthcheck) or failed; 2 wrong arguments or "
    "configuration.\n";

/* Part of a line, whatever text holds. */
static void
print_plain(FILE *out, const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		(void)fputc(c < 0x20 || c == 0x7f ? '?' : c, out);
	}
}

static void
print_error(const char *prefix, const char *text)
{
	(void)fputs(prefix, stderr);
	print_plain(stderr, text);
	(void)fputc('\n', stderr);
}

/* Errors of options get the program's name; those of files begin with the file,
 * as compilers have it. */
static void
on_config_error(void *arg, const char *text)
{
	bool *option_blamed = arg;
	bool option = strncmp(text, "--", 2) == 0;

	/* A usage error is one line; a file's errors are all told. */
	if (option && *option_blamed)
		return;
	*option_blamed = *option_blamed || option;
	print_error(option ? PROGRAM : "", text);
}

static void usage_error(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

static void
usage_error(const char *format, ...)
{
	char text[ERROR_MAX];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	print_error(PROGRAM, text);
}

/* Reading the arguments. Each function is false after an error line. */

static const char *
option_name(int value)
{
	const struct option *o = options;

	while (o->name != NULL && o->val != value)
		o++;
	return o->name != NULL ? o->name : "";
}

static const char *
option_accepts(int value)
{
	switch (value) {
	case OPTION_CONFIG:
		return "a configuration file";
	case OPTION_REGION:
		return "region codes such as us-1 or us-1,jp-1, or all";
	case OPTION_LISTEN:
		return "ADDR:PORT, [ADDR]:PORT or unix:/path";
	case OPTION_ADMIN:
		return "off, ADDR:PORT or [ADDR]:PORT";
	case OPTION_SET:
		return "SECTION.KEY=VALUE, such as tunnel.sni=require-tls";
	case OPTION_EXPLAIN:
		return "HOST or HOST:PORT";
	default:
		return "no value";
	}
}

static bool
add_setting(
    struct cli *cli, const char *key, const char *value, const char *option)
{
	size_t n = cli->sources.setting_count++;

	cli->settings[n] = (struct config_setting){
	    .key = key,
	    .value = value,
	    .option = option,
	};
	return true;
}

/* SECTION.KEY=VALUE; the section may be "listener NAME". Blanks around the =,
 * as a file has them, are no part of the key or the value. */
static bool
add_set(struct cli *cli, const char *text)
{
	const char *equals = strchr(text, '=');
	const char *end = equals, *dot = NULL;
	char *key;

	while (end != NULL && end > text && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (end != NULL)
		dot = memchr(text, '.', (size_t)(end - text));
	if (dot == NULL || dot == text || dot + 1 == end) {
		usage_error("--set: \"%.*s\": expected %s", SHOWN_MAX, text,
		    option_accepts(OPTION_SET));
		return false;
	}
	key = strndup(text, (size_t)(end - text));
	if (key == NULL) {
		usage_error("--set: out of memory");
		return false;
	}
	cli->keys[cli->key_count++] = key;
	return add_setting(cli, key, equals + 1, "--set");
}

static bool
set_command(struct request *r, int command, const char *target)
{
	if (r->command != 0 && r->command != command) {
		usage_error("--%s and --%s: only one of --check, "
			    "--dump-config, --print-allowlist, --explain, "
			    "--hash-password, --healthcheck",
		    option_name(r->command), option_name(command));
		return false;
	}
	if (command == OPTION_EXPLAIN &&
	    (r->target != NULL || (target != NULL && target[0] == '\0'))) {
		usage_error("--explain: expected one HOST or HOST:PORT");
		return false;
	}
	r->command = command;
	r->target = target;
	return true;
}

static bool
set_file(struct cli *cli, const char *file)
{
	if (file[0] == '\0') {
		usage_error(
		    "--config: expected %s", option_accepts(OPTION_CONFIG));
		return false;
	}
	if (cli->sources.file != NULL) {
		usage_error("--config: given twice, expected one file");
		return false;
	}
	cli->sources.file = file;
	return true;
}

/* What getopt_long(3) did not like about argument arg. */
static bool
report_option(int result, const char *arg)
{
	bool short_option = optopt > 0 && optopt < OPTION_REGION;
	struct nearest near;
	char name[OPTION_TEXT_MAX], known[OPTION_COUNT][OPTION_TEXT_MAX];

	if (result == ':') {
		usage_error("--%s: expected %s", option_name(optopt),
		    option_accepts(optopt));
		return false;
	}
	if (optopt >= OPTION_REGION) {
		usage_error("--%s: takes no value", option_name(optopt));
		return false;
	}
	/* arg may be another option when this one is a letter. */
	if (short_option)
		(void)snprintf(name, sizeof(name), "-%c", optopt);
	else
		(void)snprintf(name, sizeof(name), "%s", arg);
	near = nearest_to(span_of(name, strcspn(name, "=")));
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		(void)snprintf(
		    known[i], sizeof(known[i]), "--%s", options[i].name);
		nearest_try(&near, known[i]);
	}
	usage_error("%s: unknown option%s%s%s (%s)", name,
	    near.best != NULL ? "; did you mean " : "",
	    near.best != NULL ? near.best : "", near.best != NULL ? "?" : "",
	    ACCEPTED);
	return false;
}

static bool
read_option(struct cli *cli, struct request *r, int option)
{
	switch (option) {
	case OPTION_CONFIG:
		return set_file(cli, optarg);
	case OPTION_REGION:
		return add_setting(cli, "gateway.regions", optarg, "--region");
	case OPTION_LISTEN:
		cli->listen[cli->sources.listen_count++] = optarg;
		return true;
	case OPTION_ADMIN:
		return add_setting(cli, "admin.address", optarg, "--admin");
	case OPTION_SET:
		return add_set(cli, optarg);
	case OPTION_NO_SANDBOX:
		cli->sandbox = false;
		return true;
	default: /* optarg is NULL where there is none */
		return set_command(r, option, optarg);
	}
}

static bool
read_arguments(struct cli *cli, struct request *r, int argc, char **argv)
{
	optind = 0; /* glibc: from the start */
	opterr = 0;
	for (;;) {
		/* An unknown long option is behind optind or, if arguments
		 * stand before it, has been moved there. */
		int option = getopt_long(argc, argv, ":c:", options, NULL);

		if (option == -1)
			break;
		if (option == '?' || option == ':')
			return report_option(option, argv[optind - 1]);
		if (option == OPTION_HELP || option == OPTION_VERSION) {
			r->command = option;
			return true;
		}
		if (!read_option(cli, r, option))
			return false;
	}
	if (r->command == OPTION_HASH_PASSWORD && r->target == NULL &&
	    optind + 1 == argc)
		r->target = argv[optind++];
	if (optind < argc) {
		usage_error("%.*s: unexpected argument (%s)", SHOWN_MAX,
		    argv[optind], ACCEPTED);
		return false;
	}
	return true;
}

/* The commands */

static void
print_allowlist(const struct policy *p)
{
	size_t count;
	const struct rule *rules = policy_rules(p, &count);

	for (size_t i = 0; i < count; i++) {
		const struct allowlist_entry *e = rules[i].entry;

		(void)printf("%s%s:%u\t%s\t%s\t%s\n", e->suffix ? "*." : "",
		    e->host.text, e->port, e->region, e->category,
		    rules[i].where);
	}
}

static void
print_address(const struct config_listener *l)
{
	char text[IP_ENDPOINT_TEXT_MAX + 1];

	if (l->unix_path != NULL) {
		(void)printf("unix:%s", l->unix_path);
		return;
	}
	(void)ip_endpoint_format(&l->address, text);
	(void)fputs(text, stdout);
}

/* One line: what was read, and what would be served. */
static void
print_check(const struct cli *cli)
{
	const struct config *c = cli->config;
	size_t rules, regions;
	const char *const *codes = policy_regions(cli->policy, &regions);
	char admin[IP_ENDPOINT_TEXT_MAX + 1] = "off";

	(void)policy_rules(cli->policy, &rules);
	(void)fputs("ok: ", stdout);
	print_plain(
	    stdout, cli->sources.file != NULL ? cli->sources.file : "no file");
	(void)printf(": %zu endpoints of", rules);
	for (size_t i = 0; i < regions; i++)
		(void)printf("%s %s", i > 0 ? "," : "", codes[i]);
	(void)fputs("; listeners", stdout);
	for (size_t i = 0; i < c->listener_count; i++) {
		(void)printf("%s %s ", i > 0 ? "," : "", c->listeners[i].name);
		print_address(&c->listeners[i]);
	}
	if (c->admin.on)
		(void)ip_endpoint_format(&c->admin.address, admin);
	(void)printf("; admin %s\n", admin);
}

static int
run_command(const struct cli *cli, const struct request *r)
{
	switch (r->command) {
	case OPTION_CHECK:
		print_check(cli);
		return CLI_OK;
	case OPTION_DUMP_CONFIG:
		config_dump(cli->config, stdout);
		return CLI_OK;
	case OPTION_PRINT_ALLOWLIST:
		print_allowlist(cli->policy);
		return CLI_OK;
	default:
		return explain(cli->config, cli->policy, r->target, stdout)
			   ? CLI_OK
			   : CLI_DENIED;
	}
}

/* A full disk must not look like success. */
static int
flush_stdout(int exit_code)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return exit_code;
	usage_error("standard output: %s", strerrordesc_np(errno));
	return CLI_USAGE;
}

static int
run_hash_password(const char *user)
{
	const char *why;

	if (hash_password(user, stdin, stdout, &why))
		return flush_stdout(CLI_OK);
	usage_error("--hash-password: %s", why);
	return CLI_USAGE;
}

static bool
load_config(struct cli *cli)
{
	bool option_blamed = false;

	cli->config =
	    config_load(&cli->sources, on_config_error, &option_blamed);
	return cli->config != NULL;
}

static bool
load(struct cli *cli)
{
	bool option_blamed = false;

	if (!load_config(cli))
		return false;
	cli->policy =
	    config_policy(cli->config, on_config_error, &option_blamed);
	return cli->policy != NULL;
}

static bool
cli_init(struct cli *cli, int argc)
{
	size_t room = argc > 0 ? (size_t)argc : 1;

	*cli = (struct cli){.exit_code = CLI_USAGE, .sandbox = true};
	cli->settings = calloc(room, sizeof(*cli->settings));
	cli->listen = calloc(room, sizeof(*cli->listen));
	cli->keys = calloc(room, sizeof(*cli->keys));
	cli->sources.settings = cli->settings;
	cli->sources.listen = cli->listen;
	if (cli->settings != NULL && cli->listen != NULL && cli->keys != NULL)
		return true;
	usage_error("out of memory");
	return false;
}

enum cli_next
cli_run(struct cli *cli, int argc, char **argv)
{
	struct request r = {.command = 0};
	bool blamed = false;

	if (!cli_init(cli, argc) || !read_arguments(cli, &r, argc, argv))
		return CLI_NEXT_EXIT;
	if (r.command == OPTION_HELP || r.command == OPTION_VERSION) {
		if (r.command == OPTION_HELP)
			(void)fputs(help_text, stdout);
		else
			(void)puts("sekisho-proxy " SEKISHO_VERSION);
		cli->exit_code = flush_stdout(CLI_OK);
		return CLI_NEXT_EXIT;
	}
	if (r.command == OPTION_HASH_PASSWORD) {
		cli->exit_code = run_hash_password(r.target);
		return CLI_NEXT_EXIT;
	}
	if (r.command == OPTION_HEALTHCHECK) {
		/* The one that serves may have more of it from options. */
		cli->sources.partial = true;
		return load_config(cli) ? CLI_NEXT_HEALTHCHECK : CLI_NEXT_EXIT;
	}
	if (!load(cli))
		return CLI_NEXT_EXIT;
	if ((r.command == 0 || r.command == OPTION_CHECK) &&
	    !config_read_secrets(cli->config, on_config_error, &blamed))
		return CLI_NEXT_EXIT;
	if (r.command == 0)
		return CLI_NEXT_SERVE;
	if (r.command == OPTION_CHECK)
		config_warnings(cli->config, on_config_error, &blamed);
	cli->exit_code = flush_stdout(run_command(cli, &r));
	return CLI_NEXT_EXIT;
}

void
cli_fini(struct cli *cli)
{
	policy_unref(cli->policy);
	config_free(cli->config);
	for (size_t i = 0; i < cli->key_count; i++)
		free(cli->keys[i]);
	free(cli->keys);
	free(cli->listen);
	free(cli->settings);
	*cli = (struct cli){.exit_code = CLI_USAGE};
}
