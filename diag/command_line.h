/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line of any command of sekisho-diag: tables of options, which are
 * the help text and the error messages too. Opens nothing. One usage error is
 * one line that names the option and what it takes. --help and --version need
 * no row. */
#ifndef SEKISHO_DIAG_COMMAND_LINE_H
#define SEKISHO_DIAG_COMMAND_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/span.h"

enum {
	COMMAND_LINE_TABLES_MAX = 7,
};

enum options_end {
	OPTIONS_RUN,
	OPTIONS_EXIT_OK, /* --help or --version: text is in message */
	OPTIONS_USAGE,   /* message is the one line for stderr; exit 2 */
};

struct options_message {
	char text[8192];
};

/* Takes the argument ("" for flags) into target, the value borrowed from argv;
 * false when it is not accepted. */
typedef bool (*option_apply_fn)(void *target, const char *value);

struct option_row {
	const char *name;
	const char *argument; /* NULL: a flag */
	const char *accepts;  /* for the error line; NULL for flags */
	const char *help;
	option_apply_fn apply;
	int letter;  /* 0: long only; not h or V */
	bool secret; /* the argument may hold a password: never repeated */
};

struct option_table {
	const struct option_row *rows;
	size_t count;
	void *target; /* of apply */
};

struct command_line {
	const char *head; /* of the help: usage and what it is for */
	const char *tail; /* of the help: exit codes; may be NULL */
	struct option_table tables[COMMAND_LINE_TABLES_MAX];
	size_t table_count;
	/* Takes an argument that is no option; NULL: there are none. */
	option_apply_fn operand;
	void *operand_target;
	const char *operand_accepts; /* for the error line */
};

/* argv[0] is the command's name. Applies options in their order. */
enum options_end command_line_parse(const struct command_line *line, int argc,
    char **argv, struct options_message *message) MUST_CHECK;

/* Writes one usage line, "sekisho-diag: " before it, and no control character
 * in it. */
void options_usage(struct options_message *message, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Calls one() for each comma-separated part of value; false as soon as one()
 * is, or a part is empty. */
bool option_parts(void *target, const char *value,
    bool (*one)(void *target, struct span part)) MUST_CHECK;

/* For a command that ends before it runs: writes the message where it belongs
 * and returns the exit code. */
int options_finish(enum options_end end, const struct options_message *message);

#endif
