/* SPDX-License-Identifier: Apache-2.0
 *
 * report_samples                       names of the built-in runs
 * report_samples NAME FORMAT [LANG [WIDTH [FLAGS]]]
 *                                      that run as a report on stdout; FLAGS
 *                                      of the letters a (ASCII), c (colour),
 *                                      v (verbose)
 * For tests that judge reports from outside: schema, XML, promtool, browser. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "report_sample.h"

static bool
format_of(const char *name, enum report_format *format)
{
	for (unsigned f = 0; f < REPORT_FORMAT_COUNT; f++) {
		if (strcmp(report_format_str((enum report_format)f), name) ==
		    0) {
			*format = (enum report_format)f;
			return true;
		}
	}
	return false;
}

int
main(int argc, char **argv)
{
	const char *flags = argc > 5 ? argv[5] : "";
	enum lang lang = LANG_EN;
	enum report_format format;
	struct report_input in = {.run = NULL};
	struct diag_case *c;
	bool ok;

	for (size_t i = 0; argc == 1 && report_sample_names[i] != NULL; i++)
		(void)puts(report_sample_names[i]);
	if (argc == 1)
		return 0;
	if (argc < 3 || !format_of(argv[2], &format) ||
	    (argc > 3 && !lang_parse(&lang, span_str(argv[3]))))
		return 2;
	c = report_sample_new(argv[1], lang);
	if (c == NULL)
		return 2;
	in.run = c->run;
	in.diagnosis = c->d;
	in.style.width = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 0;
	in.style.ascii = strchr(flags, 'a') != NULL;
	in.style.colour = strchr(flags, 'c') != NULL;
	in.style.verbose = strchr(flags, 'v') != NULL;
	ok = report_for(format)(stdout, &in);
	diag_case_free(c);
	return ok ? 0 : 1;
}
