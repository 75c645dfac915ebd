/* SPDX-License-Identifier: Apache-2.0
 *
 * inih 55 as Debian builds it takes more than is good for a gate: it joins
 * indented lines to the value above, cuts long lines and section names (at 49
 * bytes), ignores what stands behind a "]", takes ":" for "=" and an empty key
 * for a key, and tells nobody the line. So each line is judged here before inih
 * sees it; a refused one reaches it as an empty line. inih then splits keys
 * from values, and strips blanks and comments. */
#include "core/ini.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

struct reader {
	const char *name;
	struct span rest;               /* not read yet */
	unsigned line;                  /* number of the line last read */
	char section[INI_LINE_MAX + 1]; /* whole, unlike inih's */
	ini_entry_fn entry;
	ini_error_fn error;
	void *arg; /* of both */
	bool ok;
};

void
ini_error_at(const struct ini_place *at, const char *fmt, ...)
{
	char text[PATH_MAX + INI_MESSAGE_MAX];
	size_t len = 0;
	va_list ap;

	if (at->line > 0)
		(void)snprintf(
		    text, PATH_MAX + 16, "%s:%u: ", at->file, at->line);
	else
		(void)snprintf(text, PATH_MAX + 16, "%s: ", at->file);
	len = strlen(text);
	va_start(ap, fmt);
	(void)vsnprintf(text + len, sizeof(text) - len, fmt, ap);
	va_end(ap);
	at->error(at->arg, text);
}

static struct ini_place
reader_place(const struct reader *r)
{
	return (struct ini_place){
	    .file = r->name, .line = r->line, .error = r->error, .arg = r->arg};
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct span
skip_blanks(struct span s)
{
	while (s.len > 0 && is_blank(s.ptr[0]))
		s = span_of(s.ptr + 1, s.len - 1);
	return s;
}

/* Bytes of the UTF-8 character (RFC 3629 section 4) that s begins with, 0 when
 * it is none. */
static size_t
utf8_step(struct span s)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	n = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
	    : p[0] >= 0xe0 && p[0] <= 0xef ? 3
	    : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
					   : 0;
	if (n == 0 || n > s.len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0; /* overlong, surrogate, beyond U+10FFFF */
	return n;
}

/* Whether the line is text of a length that inih takes whole. */
static bool
line_is_text(const struct reader *r, struct span line)
{
	struct ini_place at = reader_place(r);
	size_t step;

	if (line.len > INI_LINE_MAX) {
		ini_error_at(&at,
		    "line of %zu bytes: at most %d are read; repeat the key on "
		    "a line of its own where a list is meant",
		    line.len, INI_LINE_MAX);
		return false;
	}
	for (size_t i = 0; i < line.len; i += step) {
		unsigned char c = (unsigned char)line.ptr[i];

		step = 1;
		if (c >= 0x20 && c < 0x7f)
			continue; /* nearly every byte of nearly every file */
		step = utf8_step(span_of(line.ptr + i, line.len - i));
		if (step == 0) {
			ini_error_at(&at,
			    "byte 0x%02x at column %zu is not UTF-8", c, i + 1);
			return false;
		}
		if ((c < 0x20 && c != '\t') || c == 0x7f) {
			ini_error_at(&at,
			    "control byte 0x%02x at column %zu: only text is "
			    "read",
			    c, i + 1);
			return false;
		}
	}
	return true;
}

static void
reader_emit(struct reader *r, const char *key, const char *value)
{
	struct ini_entry e = {.section = r->section,
	    .key = key,
	    .value = value,
	    .file = r->name,
	    .line = r->line};

	if (!r->entry(r->arg, &e))
		r->ok = false;
}

/* A line that begins with "[". */
static bool
line_is_section(struct reader *r, struct span line)
{
	struct ini_place at = reader_place(r);
	const char *end = memchr(line.ptr, ']', line.len);
	struct span name, behind;

	if (end == NULL) {
		ini_error_at(&at, "section without a closing ]");
		return false;
	}
	name = span_of(line.ptr + 1, (size_t)(end - line.ptr - 1));
	behind = skip_blanks(
	    span_of(end + 1, (size_t)(line.ptr + line.len - end - 1)));
	if (name.len == 0 || is_blank(name.ptr[0]) ||
	    is_blank(name.ptr[name.len - 1]) ||
	    memchr(name.ptr, '[', name.len) != NULL ||
	    memchr(name.ptr, ';', name.len) != NULL) {
		ini_error_at(&at,
		    "bad section name [%.*s]: write [name], without blanks at "
		    "its ends, [ or ;",
		    SPAN_ARG(name));
		return false;
	}
	if (behind.len > 0 && behind.ptr[0] != ';' && behind.ptr[0] != '#') {
		ini_error_at(&at,
		    "\"%.*s\" behind [%.*s]: put it on a line of its own",
		    SPAN_ARG(behind), SPAN_ARG(name));
		return false;
	}
	memcpy(r->section, name.ptr, name.len);
	r->section[name.len] = '\0';
	reader_emit(r, NULL, NULL);
	return true;
}

/* A line that must be key = value. */
static bool
line_is_pair(const struct reader *r, struct span line)
{
	struct ini_place at = reader_place(r);
	size_t i = 0;

	while (i < line.len && line.ptr[i] != '=' && line.ptr[i] != ':' &&
	       !(line.ptr[i] == ';' && i > 0 && is_blank(line.ptr[i - 1])))
		i++;
	if (i == line.len || line.ptr[i] != '=') {
		ini_error_at(&at,
		    "\"%.*s\" is not understood: write key = value, [section] "
		    "or ; comment",
		    SPAN_ARG(line));
		return false;
	}
	if (i == 0) {
		ini_error_at(&at, "no key before the =: write key = value");
		return false;
	}
	return true;
}

/* Whether inih may see the line; what is wrong with it was reported. */
static bool
line_judge(struct reader *r, struct span line)
{
	struct span text;

	if (!line_is_text(r, line))
		return false;
	text = skip_blanks(line);
	if (text.len == 0 || text.ptr[0] == ';' || text.ptr[0] == '#')
		return true;
	if (text.len < line.len) {
		struct ini_place at = reader_place(r);

		ini_error_at(&at,
		    "line begins with a blank: values do not go on over "
		    "lines; begin keys and sections at the start of a line");
		return false;
	}
	if (text.ptr[0] == '[')
		return line_is_section(r, line);
	return line_is_pair(r, line);
}

/* Takes one line off the rest, without its end (LF or CR LF). */
static struct span
reader_next(struct reader *r)
{
	const char *end = memchr(r->rest.ptr, '\n', r->rest.len);
	struct span line = r->rest;

	if (end != NULL)
		line.len = (size_t)(end - line.ptr);
	r->rest = end != NULL ? span_of(end + 1, r->rest.len - line.len - 1)
			      : span_of(NULL, 0);
	r->line++;
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* The ini_reader: fgets(3) for inih. */
static char *
reader_gets(char *buf, int size, void *stream)
{
	struct reader *r = stream;
	struct span line;

	if (r->rest.len == 0 || size < 2)
		return NULL;
	line = reader_next(r);
	if (!line_judge(r, line)) {
		r->ok = false;
		line.len = 0;
	} else if (line.len + 2 > (size_t)size) {
		struct ini_place at = reader_place(r);

		ini_error_at(&at,
		    "line of %zu bytes: the inih library of this system reads "
		    "%d",
		    line.len, size - 2);
		r->ok = false;
		line.len = 0;
	}
	if (line.len > 0)
		memcpy(buf, line.ptr, line.len);
	buf[line.len] = '\n';
	buf[line.len + 1] = '\0';
	return buf;
}

/* The ini_handler. */
static int
reader_on_pair(
    void *user, const char *section, const char *key, const char *value)
{
	struct reader *r = user;

	(void)section; /* cut at 49 bytes */
	reader_emit(r, key, value);
	return 1;
}

bool
ini_parse_text(const char *name, struct span text, ini_entry_fn entry,
    ini_error_fn error, void *arg)
{
	struct reader r = {.name = name,
	    .rest = text,
	    .entry = entry,
	    .error = error,
	    .arg = arg,
	    .ok = true};
	int rc;

	if (text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0)
		r.rest = span_of(text.ptr + 3, text.len - 3);
	rc = ini_parse_stream(reader_gets, &r, reader_on_pair, &r);
	if (rc != 0) {
		struct ini_place at = reader_place(&r);

		at.line = rc > 0 ? (unsigned)rc : 0;
		ini_error_at(&at, rc > 0 ? "not understood" : "out of memory");
		r.ok = false;
	}
	return r.ok;
}

/* Reads f to its end; NULL with errno set. */
static char *
stream_read(FILE *f, size_t *len)
{
	size_t used = 0, cap = 0, n;
	char *data = NULL;

	do {
		if (cap - used < 2) {
			char *more;

			cap = cap == 0 ? 16384 : cap * 2;
			more = realloc(data, cap);
			if (more == NULL) {
				free(data);
				errno = ENOMEM;
				return NULL;
			}
			data = more;
		}
		n = fread(data + used, 1, cap - used - 1, f);
		used += n;
	} while (n > 0 && used <= INI_FILE_MAX);
	if (ferror(f) != 0 || used > INI_FILE_MAX) {
		int saved = used > INI_FILE_MAX ? EFBIG : errno;

		free(data);
		errno = saved;
		return NULL;
	}
	data[used] = '\0';
	*len = used;
	return data;
}

char *
ini_read_file(const char *path, size_t *len, ini_error_fn error, void *arg)
{
	struct ini_place at = {.file = path, .error = error, .arg = arg};
	FILE *f = fopen(path, "re");
	char *data;

	if (f == NULL) {
		ini_error_at(&at, "cannot read: %s", strerror(errno));
		return NULL;
	}
	errno = 0;
	data = stream_read(f, len);
	if (data == NULL)
		ini_error_at(&at, "cannot read: %s", strerror(errno));
	(void)fclose(f);
	return data;
}
