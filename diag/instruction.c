/* SPDX-License-Identifier: Apache-2.0 */
#include "instruction.h"

static bool
is_command_word(struct span word)
{
	static const char *const words[] = {"bpftool", "cat", "chronyc", "curl",
	    "dig", "env", "export", "gcloud", "getent", "helm", "ip", "kubectl",
	    "nft", "openssl", "printenv", "sekisho-diag", "sekisho-proxy", "ss",
	    "sysctl", "systemctl", "timedatectl", "tracepath", "unset",
	    "update-ca-certificates"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (span_is(word, words[i]))
			return true;
	}
	return false;
}

bool
instruction_is_command(struct span line, size_t at)
{
	size_t end = at;

	if (at > 0 && (at < 2 || line.ptr[at - 1] != ' ' ||
			  (line.ptr[at - 2] != ':' && line.ptr[at - 2] != ';')))
		return false;
	while (end < line.len && line.ptr[end] != ' ')
		end++;
	return end < line.len &&
	       is_command_word(span_of(line.ptr + at, end - at));
}

size_t
instruction_command_end(struct span line, size_t at)
{
	for (; at < line.len; at++) {
		if (line.len - at > 3 && memcmp(line.ptr + at, "   (", 4) == 0)
			break;
	}
	return at;
}
