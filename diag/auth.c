/* SPDX-License-Identifier: Apache-2.0 */
#include "auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkup.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool
apply_region(void *target, const char *value)
{
	struct check_options *o = target;

	if (strcmp(value, "all") == 0 || strchr(value, ',') != NULL ||
	    value[0] == '\0' || strlen(value) >= sizeof(o->regions[0]))
		return false;
	(void)snprintf(o->regions[0], sizeof(o->regions[0]), "%s", value);
	o->region_count = 1;
	return true;
}

static bool
apply_try_regions(void *target, const char *value)
{
	struct check_options *o = target;

	(void)value;
	return o->try_regions = true;
}

static const struct option_row rows[] = {
    {"region", "R", "one region code such as us-1",
	"the region that the key is for", apply_region, 0, false},
    {"try-regions", NULL, NULL,
	"if it is refused, send the key to every other region's API too",
	apply_try_regions, 0, false},
};

static enum options_end
parse(struct check_options *o, int argc, char **argv,
    struct options_message *message)
{
	const struct command_line line = {
	    .head = "Usage: sekisho-diag auth --region R --api-key-file FILE "
		    "[OPTION]…\n"
		    "Is the API key accepted, and if not, who refuses it, and "
		    "why?\n\n",
	    .tail = "\nThe key comes from a file, the directory of a mounted "
		    "Kubernetes Secret, a Secret\nin JSON, or variable "
		    "C1_API_KEY; never from the command line.\n"
		    "Exit codes: 0 accepted, 1 something before the service "
		    "answered or failed,\n2 usage, 4 refused by the service or "
		    "malformed, 5 cannot tell, 130 interrupted.\n",
	    .tables = {{rows, COUNT(rows), o},
		check_options_table(o, OPTIONS_KEY),
		check_options_table(o, OPTIONS_WAY),
		check_options_table(o, OPTIONS_NET),
		check_options_table(o, OPTIONS_REPORT),
		check_options_table(o, OPTIONS_LANG)},
	    .table_count = 6,
	};
	const char *variable = getenv("C1_API_KEY");
	enum options_end end;

	check_options_init(o);
	o->auth = true;
	end = command_line_parse(&line, argc, argv, message);
	if (end != OPTIONS_RUN)
		return end;
	if (o->region_count == 0)
		options_usage(message,
		    "--region is missing: one region code such as us-1");
	else if (o->api_key_file == NULL &&
		 (variable == NULL || variable[0] == '\0'))
		options_usage(message, "--api-key-file is missing: a file that "
				       "holds the API key (or variable "
				       "C1_API_KEY)");
	else if (check_options_settle(o, message))
		return OPTIONS_RUN;
	return OPTIONS_USAGE;
}

static bool
was_refused(const struct checkup *c)
{
	const struct diagnosis *d = checkup_diagnosis(c);

	for (size_t i = 0; i < d->finding_count; i++) {
		if (d->findings[i].id == FINDING_HTTP_401_KEY ||
		    d->findings[i].id == FINDING_HTTP_403_KEY)
			return true;
	}
	return false;
}

static int
look(struct checkup *c, const struct report_style *style)
{
	int code = checkup_prepare(c);

	if (code == 0)
		code = checkup_run(c, style);
	return code == 0 ? checkup_diagnose(c) : code;
}

/* Other regions see the key only once its own has refused it. */
static int
auth(struct check_options *options)
{
	struct report_style style = checkup_style(options);
	struct checkup *c = checkup_new(options);
	bool try_regions = options->try_regions;
	int code;

	if (c == NULL)
		return checkup_complain(EXIT_CANNOT_TELL, "out of memory");
	options->try_regions = false;
	code = look(c, &style);
	if (code == 0 && try_regions && was_refused(c)) {
		options->try_regions = true;
		code = look(c, &style);
	}
	if (code == 0)
		code = checkup_report(c, &style);
	checkup_free(c);
	return code;
}

int
auth_main(int argc, char **argv)
{
	struct check_options *options = malloc(sizeof(*options));
	struct options_message message;
	enum options_end end;
	int code;

	if (options == NULL)
		return checkup_complain(EXIT_CANNOT_TELL, "out of memory");
	end = parse(options, argc, argv, &message);
	code =
	    end == OPTIONS_RUN ? auth(options) : options_finish(end, &message);
	free(options);
	return code;
}
