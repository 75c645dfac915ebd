/* SPDX-License-Identifier: Apache-2.0 */
#include "shell_word.h"

#include <string.h>

static bool
is_plain(const char *s)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789-._~/:@%+=,[]";

	return s[0] != '\0' && s[strspn(s, safe)] == '\0';
}

void
shell_word(struct text *out, const char *word)
{
	if (is_plain(word)) {
		text_line(out, span_str(word));
		return;
	}
	text_char(out, '\'');
	for (; *word != '\0'; word++) {
		if (*word == '\'')
			text_str(out, "'\\''");
		else
			text_char(out, *word);
	}
	text_char(out, '\'');
}
