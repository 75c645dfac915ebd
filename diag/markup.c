/* SPDX-License-Identifier: Apache-2.0 */
#include "markup.h"

#include <inttypes.h>
#include <string.h>

#include "glyph.h"

enum {
	LINE_MAX_BYTES = 10240,
};

static void
quote(FILE *out, char c)
{
	switch (c) {
	case '&':
		(void)fputs("&amp;", out);
		break;
	case '<':
		(void)fputs("&lt;", out);
		break;
	case '>':
		(void)fputs("&gt;", out);
		break;
	case '"':
		(void)fputs("&quot;", out);
		break;
	case '\'':
		(void)fputs("&#39;", out);
		break;
	default:
		(void)fputc(c, out);
		break;
	}
}

void
markup_span(FILE *out, struct span s)
{
	char buf[LINE_MAX_BYTES];
	struct text t = text_in(buf, sizeof(buf));

	glyph_clean(&t, s, false);
	for (size_t i = 0; i < t.len; i++)
		quote(out, buf[i]);
}

void
markup_str(FILE *out, const char *s)
{
	markup_span(out, span_str(s));
}

void
markup_lines(FILE *out, const char *s)
{
	for (;;) {
		size_t len = strcspn(s, "\n");

		markup_span(out, span_of(s, len));
		if (s[len] == '\0')
			break;
		(void)fputc('\n', out);
		s += len + 1;
	}
}

void
markup_attr(FILE *out, const char *name, const char *value)
{
	(void)fprintf(out, " %s=\"", name);
	markup_str(out, value);
	(void)fputc('"', out);
}

void
markup_seconds(FILE *out, uint64_t ns)
{
	(void)fprintf(out, "%" PRIu64 ".%06" PRIu64, ns / 1000000000,
	    ns / 1000 % 1000000);
}
