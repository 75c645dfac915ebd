/* SPDX-License-Identifier: Apache-2.0 */
#include "probe_text.h"

void
copy_text(char *out, size_t size, struct span text)
{
	size_t n = text.len < size - 1 ? text.len : size - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = (char)(text.ptr[i] != '\0' ? text.ptr[i] : '?');
	out[n] = '\0';
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span
text_trim(struct span s)
{
	while (s.len > 0 && is_blank(s.ptr[0]))
		s = span_of(s.ptr + 1, s.len - 1);
	while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

bool
text_next_line(struct span *text, struct span *line)
{
	const char *end;
	size_t n;

	if (text->len == 0)
		return false;
	end = memchr(text->ptr, '\n', text->len);
	n = end != NULL ? (size_t)(end - text->ptr) + 1 : text->len;
	*line = text_trim(span_of(text->ptr, n));
	*text = span_of(text->ptr + n, text->len - n);
	return true;
}

bool
text_split_field(struct span line, struct span *name, struct span *value)
{
	const char *colon =
	    line.len > 0 ? memchr(line.ptr, ':', line.len) : NULL;
	size_t n;

	if (colon == NULL)
		return false;
	n = (size_t)(colon - line.ptr);
	*name = text_trim(span_of(line.ptr, n));
	*value = text_trim(span_of(colon + 1, line.len - n - 1));
	return true;
}

void
text_field_take(const struct text_field *fields, size_t count, struct span name,
    struct span value)
{
	for (size_t i = 0; i < count; i++) {
		if (span_is_nocase(name, fields[i].name) &&
		    fields[i].out[0] == '\0')
			copy_text(fields[i].out, fields[i].size, value);
	}
}

static const char *
find_tag(struct span html, const char *tag)
{
	size_t n = strlen(tag);

	for (size_t i = 0; i + n <= html.len; i++) {
		if (span_is_nocase(span_of(html.ptr + i, n), tag))
			return html.ptr + i;
	}
	return NULL;
}

void
text_title(char *out, size_t size, struct span html)
{
	const char *end = html.ptr + html.len;
	const char *at = find_tag(html, "<title");
	size_t used = 0;

	out[0] = '\0';
	if (at == NULL)
		return;
	at = memchr(at, '>', (size_t)(end - at));
	if (at == NULL)
		return;
	for (at++; at < end && *at != '<' && used + 1 < size; at++) {
		char c = (char)(is_blank(*at) || *at == '\0' ? ' ' : *at);

		if (c != ' ' || (used > 0 && out[used - 1] != ' '))
			out[used++] = c;
	}
	while (used > 0 && out[used - 1] == ' ')
		used--;
	out[used] = '\0';
}
