/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdlib.h>

#include "checkup.h"

static int
check(const struct check_options *options)
{
	struct report_style style = checkup_style(options);
	struct checkup *c = checkup_new(options);
	int code;

	if (c == NULL)
		return checkup_complain(EXIT_CANNOT_TELL, "out of memory");
	code = checkup_prepare(c);
	if (code == 0)
		code = checkup_run(c, &style);
	if (code == 0)
		code = checkup_diagnose(c);
	if (code == 0)
		code = checkup_report(c, &style);
	checkup_free(c);
	return code;
}

int
check_main(int argc, char **argv)
{
	struct check_options *options = malloc(sizeof(*options));
	struct options_message message;
	enum options_end end;
	int code;

	if (options == NULL)
		return checkup_complain(EXIT_CANNOT_TELL, "out of memory");
	end = check_options_parse(options, argc, argv, &message);
	code =
	    end == OPTIONS_RUN ? check(options) : options_finish(end, &message);
	free(options);
	return code;
}
