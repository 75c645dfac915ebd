/* SPDX-License-Identifier: Apache-2.0 */
#include "core/answer.h"

#include <string.h>

size_t
answer_head_length(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] != '\n')
			continue;
		if (i + 1 < text.len && text.ptr[i + 1] == '\n')
			return i + 2;
		if (i + 2 < text.len && text.ptr[i + 1] == '\r' &&
		    text.ptr[i + 2] == '\n')
			return i + 3;
	}
	return 0;
}

/* Whether s is, or begins like, "HTTP/1.x ddd". */
static bool
begins_well(struct span s)
{
	static const char shape[] = "HTTP/1.d pdd"; /* p: 1 to 9 */

	for (size_t i = 0; i < s.len && i < sizeof(shape) - 1; i++) {
		char c = s.ptr[i], want = shape[i];
		bool digit = c >= '0' && c <= '9';

		if (want == 'd'   ? !digit
		    : want == 'p' ? !digit || c == '0'
				  : c != want)
			return false;
	}
	return true;
}

static struct span
trim(struct span s)
{
	while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
		s = span_of(s.ptr + 1, s.len - 1);
	while (
	    s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t' ||
			     s.ptr[s.len - 1] == '\r'))
		s.len--;
	return s;
}

enum answer_status
answer_parse(struct answer *out, struct span data)
{
	enum {
		CODE = 9,
		REASON = 12
	};
	struct span line;

	*out = (struct answer){.head_len = answer_head_length(data)};
	if (!begins_well(data))
		return ANSWER_BAD;
	if (out->head_len == 0)
		return ANSWER_MORE;
	line = span_of(
	    data.ptr, (size_t)((const char *)memchr(data.ptr, '\n', data.len) -
			       data.ptr));
	if (line.len < REASON ||
	    (line.len > REASON && line.ptr[REASON] != ' ' &&
		line.ptr[REASON] != '\r'))
		return ANSWER_BAD;
	for (size_t i = CODE; i < REASON; i++)
		out->status = out->status * 10 + (unsigned)(line.ptr[i] - '0');
	out->reason = trim(span_of(line.ptr + REASON, line.len - REASON));
	return ANSWER_DONE;
}
