/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "report.h"

enum {
	COLUMNS_MAX = 1000,
};

static const char *
variable(getenv_fn get, void *arg, const char *name)
{
	const char *value = get(arg, name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

/* What setlocale(3) would go by; the name alone tells the character set, and
 * needs no locale installed. */
static bool
shows_utf8(getenv_fn get, void *arg)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = variable(get, arg, names[i]);

		if (value != NULL)
			return strcasestr(value, "utf-8") != NULL ||
			       strcasestr(value, "utf8") != NULL;
	}
	return false;
}

static unsigned
read_columns(const char *text)
{
	unsigned n = 0;

	if (text == NULL)
		return 0;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9' || n > COLUMNS_MAX)
			return 0;
		n = n * 10 + (unsigned)(*text - '0');
	}
	return n > COLUMNS_MAX ? COLUMNS_MAX : n;
}

bool
report_can_redraw(FILE *out, getenv_fn get, void *arg)
{
	const char *term = variable(get, arg, "TERM");

	return out != NULL && isatty(fileno(out)) == 1 && term != NULL &&
	       strcmp(term, "dumb") != 0;
}

struct report_style
report_style_for(
    FILE *out, const struct check_options *options, getenv_fn get, void *arg)
{
	struct winsize size = {.ws_col = 0};
	int fd = out ? fileno(out) : -1;
	bool terminal = fd >= 0 && isatty(fd) == 1;
	struct report_style s = {
	    .ascii = options->ascii || !shows_utf8(get, arg),
	    .verbose = options->verbose,
	    .width = read_columns(variable(get, arg, "COLUMNS")),
	};

	s.colour = options->colour == COLOUR_ALWAYS ||
		   (options->colour == COLOUR_AUTO &&
		       report_can_redraw(out, get, arg) &&
		       variable(get, arg, "NO_COLOR") == NULL);
	if (s.width == 0 && terminal && ioctl(fd, TIOCGWINSZ, &size) == 0)
		s.width = size.ws_col;
	return s;
}
