/* SPDX-License-Identifier: Apache-2.0 */
#include "net/hosts.h"

#include <stdio.h>
#include <stdlib.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Takes the next word off *line; empty at the end or before a comment. */
static struct span
next_word(struct span *line)
{
	struct span word;
	size_t len = 0;

	while (line->len > 0 && is_blank(line->ptr[0]))
		*line = span_of(line->ptr + 1, line->len - 1);
	while (len < line->len && !is_blank(line->ptr[len]) &&
	       line->ptr[len] != '#')
		len++;
	word = span_of(line->ptr, len);
	*line = span_of(line->ptr + len, line->len - len);
	return word;
}

bool
hosts_line_match(
    struct ipaddr *addr, struct span line, const struct hostname *name)
{
	struct span first = next_word(&line), word = next_word(&line);

	while (word.len > 0) {
		if (word.ptr[word.len - 1] == '.')
			word.len--;
		if (span_is_nocase(word, name->text))
			return ipaddr_parse(addr, first);
		word = next_word(&line);
	}
	return false;
}

static void
add(struct addr_list *list, const struct ipaddr *a)
{
	if (list->count < ADDR_LIST_MAX)
		list->addrs[list->count++] = *a;
}

void
hosts_find(struct addr_list *v6, struct addr_list *v4, const char *path,
    const struct hostname *name)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	struct ipaddr a;

	if (f == NULL)
		return;
	while ((len = getline(&line, &cap, f)) >= 0) {
		if (hosts_line_match(&a, span_of(line, (size_t)len), name))
			add(a.family == IP_V6 ? v6 : v4, &a);
	}
	free(line);
	(void)fclose(f);
}
