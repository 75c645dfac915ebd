/* SPDX-License-Identifier: Apache-2.0 */
#include "command_line.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/text.h"
#include "key.h"

enum {
	EXIT_USAGE = 2,
	OPT_HELP = 'h',
	OPT_VERSION = 'V',
	OPT_FIRST_LONG = 256,
};

static const struct option_row common[] = {
    {.name = "help", .letter = OPT_HELP, .help = "show this help"},
    {.name = "version", .letter = OPT_VERSION, .help = "show the version"},
};

enum {
	COMMON_COUNT = sizeof(common) / sizeof(common[0]),
};

void
options_usage(struct options_message *message, const char *fmt, ...)
{
	char line[512];
	struct text out = text_in(message->text, sizeof(message->text));
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(line, sizeof(line), fmt, ap) < 0)
		line[0] = '\0';
	va_end(ap);
	/* An argument may hold newlines; the message is one line. */
	text_str(&out, "sekisho-diag: ");
	text_line(&out, span_str(line));
	(void)text_end(&out);
}

bool
option_parts(void *target, const char *value,
    bool (*one)(void *target, struct span part))
{
	for (;;) {
		size_t len = strcspn(value, ",");

		if (len == 0 || !one(target, span_of(value, len)))
			return false;
		if (value[len] == '\0')
			return true;
		value += len + 1;
	}
}

int
options_finish(enum options_end end, const struct options_message *message)
{
	if (end == OPTIONS_EXIT_OK) {
		(void)fputs(message->text, stdout);
		return 0;
	}
	(void)fprintf(stderr, "%s\n", message->text);
	return EXIT_USAGE;
}

/* ---- the rows of all tables, counted through ---- */

static size_t
row_count(const struct command_line *line)
{
	size_t count = COMMON_COUNT;

	for (size_t i = 0; i < line->table_count; i++)
		count += line->tables[i].count;
	return count;
}

static const struct option_row *
row_at(const struct command_line *line, size_t index, void **target)
{
	for (size_t i = 0; i < line->table_count; i++) {
		const struct option_table *t = &line->tables[i];

		*target = t->target;
		if (index < t->count)
			return &t->rows[index];
		index -= t->count;
	}
	*target = NULL;
	return &common[index];
}

/* The row of what getopt_long() returned, or set optopt to. */
static const struct option_row *
row_of(const struct command_line *line, int value, void **target)
{
	size_t count = row_count(line);

	for (size_t i = 0; i < count; i++) {
		const struct option_row *row = row_at(line, i, target);

		if (value == OPT_FIRST_LONG + (int)i ||
		    (row->letter != 0 && value == row->letter))
			return row;
	}
	return NULL;
}

/* ---- help ---- */

static void
help_row(struct text *out, const struct option_row *r)
{
	char left[64], row[320];

	(void)snprintf(left, sizeof(left), "%s%c%s --%s%s%s",
	    r->letter ? "-" : " ", r->letter ? r->letter : ' ',
	    r->letter ? "," : " ", r->name, r->argument ? "=" : "",
	    r->argument ? r->argument : "");
	(void)snprintf(row, sizeof(row), "  %-28s %s\n", left, r->help);
	text_str(out, row);
}

static void
write_help(const struct command_line *line, struct options_message *message)
{
	struct text out = text_in(message->text, sizeof(message->text));
	size_t count = row_count(line);
	void *target;

	text_str(&out, line->head);
	for (size_t i = 0; i < count; i++)
		help_row(&out, row_at(line, i, &target));
	if (line->tail != NULL)
		text_str(&out, line->tail);
	(void)text_end(&out);
}

/* ---- parsing ---- */

/* What getopt_long() reads: longs has row_count() + 1 elements, shorts twice
 * as many bytes and 2. */
static void
fill(const struct command_line *line, struct option *longs, char *shorts)
{
	size_t count = row_count(line);
	void *target;

	*shorts++ = ':'; /* getopt then says which argument is missing */
	for (size_t i = 0; i < count; i++) {
		const struct option_row *row = row_at(line, i, &target);

		longs[i] = (struct option){
		    .name = row->name,
		    .has_arg = row->argument ? required_argument : no_argument,
		    .val = OPT_FIRST_LONG + (int)i,
		};
		if (row->letter == 0)
			continue;
		*shorts++ = (char)row->letter;
		if (row->argument)
			*shorts++ = ':';
	}
	*shorts = '\0';
}

static enum options_end
apply_row(const struct command_line *line, const struct option_row *row,
    void *target, struct options_message *message)
{
	if (row == &common[0]) {
		write_help(line, message);
		return OPTIONS_EXIT_OK;
	}
	if (row == &common[1]) {
		(void)snprintf(message->text, sizeof(message->text),
		    "sekisho-diag %s\n", SEKISHO_VERSION);
		return OPTIONS_EXIT_OK;
	}
	if (row->apply(target, row->argument ? optarg : ""))
		return OPTIONS_RUN;
	if (row->argument == NULL)
		options_usage(message, "--%s: once is enough", row->name);
	else if (row->secret)
		options_usage(message, "--%s: not accepted; it takes %s",
		    row->name, row->accepts);
	else
		options_usage(message, "--%s %s: not accepted; it takes %s",
		    row->name, optarg, row->accepts);
	return OPTIONS_USAGE;
}

static enum options_end
bad_option(const struct command_line *line, char **argv, int value,
    struct options_message *message)
{
	void *target;
	const struct option_row *row = row_of(line, optopt, &target);

	if (value == ':' && row != NULL)
		options_usage(message, "--%s needs an argument: %s", row->name,
		    row->accepts);
	else if (row != NULL)
		options_usage(message, "--%s takes no argument", row->name);
	else if (optopt != 0)
		options_usage(
		    message, "unknown option -%c: see --help", optopt);
	else
		options_usage(message, "unknown option %.*s: see --help",
		    (int)strcspn(argv[optind - 1], "="), argv[optind - 1]);
	return OPTIONS_USAGE;
}

static enum options_end
parse_options(const struct command_line *line, int argc, char **argv,
    const struct option *longs, const char *shorts,
    struct options_message *message)
{
	int value;

	opterr = 0;
	optind = 0; /* glibc: begin anew */
	while ((value = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		void *target;
		const struct option_row *row = row_of(line, value, &target);
		enum options_end end;

		if (value == '?' || value == ':' || row == NULL)
			return bad_option(line, argv, value, message);
		end = apply_row(line, row, target, message);
		if (end != OPTIONS_RUN)
			return end;
	}
	return OPTIONS_RUN;
}

static enum options_end
parse_operands(const struct command_line *line, int argc, char **argv,
    struct options_message *message)
{
	for (; optind < argc; optind++) {
		const char *value = argv[optind];

		if (line->operand == NULL)
			options_usage(message,
			    "unexpected argument %s: see --help",
			    key_is_likely(value)
				? "(not shown, it may be a key)"
				: value);
		else if (!line->operand(line->operand_target, value))
			options_usage(message,
			    "argument %s: not accepted; it takes %s", value,
			    line->operand_accepts);
		else
			continue;
		return OPTIONS_USAGE;
	}
	return OPTIONS_RUN;
}

enum options_end
command_line_parse(const struct command_line *line, int argc, char **argv,
    struct options_message *message)
{
	size_t count = row_count(line);
	struct option *longs = calloc(count + 1, sizeof(*longs));
	char *shorts = malloc(2 * count + 2);
	enum options_end end = OPTIONS_USAGE;

	message->text[0] = '\0';
	if (longs == NULL || shorts == NULL) {
		options_usage(message, "out of memory");
	} else {
		fill(line, longs, shorts);
		end = parse_options(line, argc, argv, longs, shorts, message);
		if (end == OPTIONS_RUN)
			end = parse_operands(line, argc, argv, message);
	}
	free(longs);
	free(shorts);
	return end;
}
