/* SPDX-License-Identifier: Apache-2.0
 *
 * sekisho-diag: one table of commands, which is the help text too. A further
 * command is a row here and a file. */
#include <stdio.h>
#include <string.h>

#include "auth.h"
#include "bundle.h"
#include "check.h"
#include "explain_topics.h"
#include "gke.h"
#include "helm.h"
#include "list.h"
#include "watch.h"
#include "webhook.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct command {
	const char *name;
	const char *summary;
	/* argv[0] is the command's name; returns the exit code. */
	int (*run)(int argc, char **argv);
} commands[] = {
    {"check", "is every endpoint reachable from here, and if not, why",
	check_main},
    {"bundle", "what a support case needs, in one file, without secrets",
	bundle_main},
    {"gke", "the firewall rule for the webhook, and whether it is there",
	gke_main},
    {"explain", "short pages on what is asked and seen most", explain_main},
    {"helm", "the chart's values for a proxy, or what is wrong with yours",
	helm_main},
    {"auth", "is the API key accepted, and if not, who refuses it and why",
	auth_main},
    {"list", "the endpoints, in the form that other systems take", list_main},
    {"webhook", "does the admission webhook answer as the API server wants",
	webhook_main},
    {"watch", "check for ever, with metrics and reports over HTTP", watch_main},
};

static void
print_help(void)
{
	(void)printf("Usage: sekisho-diag [COMMAND] [OPTION]…\n\nCommands:\n");
	for (size_t i = 0; i < COUNT(commands); i++)
		(void)printf(
		    "  %-10s %s\n", commands[i].name, commands[i].summary);
	(void)printf("\nWithout a command: check. "
		     "`sekisho-diag COMMAND --help` tells more.\n");
}

static int
unknown_command(const char *name)
{
	(void)fprintf(
	    stderr, "sekisho-diag: unknown command \"%s\": one of", name);
	for (size_t i = 0; i < COUNT(commands); i++)
		(void)fprintf(stderr, "%s %s", i ? "," : "", commands[i].name);
	(void)fputc('\n', stderr);
	return 2;
}

int
main(int argc, char **argv)
{
	static char first[] = "check";

	if (argc >= 2 &&
	    (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		print_help();
		return 0;
	}
	if (argc < 2 || argv[1][0] == '-') {
		if (argc >= 1)
			argv[0] = first;
		return check_main(argc, argv);
	}
	for (size_t i = 0; i < COUNT(commands); i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	return unknown_command(argv[1]);
}
