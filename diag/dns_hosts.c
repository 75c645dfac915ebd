/* SPDX-License-Identifier: Apache-2.0 */
#include "dns_hosts.h"

#include <stdio.h>

enum {
	LINE_BYTES = 4096, /* longer lines are cut */
	LINES_MAX = 100000,
};

static void
add(struct dns_result *out, const struct ipaddr *addr)
{
	struct dns_query *q = addr->family == IP_V4 ? &out->a : &out->aaaa;

	if (q->answer_count == DNS_ANSWERS_MAX)
		return;
	q->answers[q->answer_count++] = (struct dns_answer){.addr = *addr};
	q->status = DNS_ANSWER;
}

/* One line: an address and names. Cuts it up. */
static void
read_line(struct dns_result *out, char *line, const char *name)
{
	static const char blanks[] = " \t\r\n";
	struct ipaddr addr;
	char *rest, *word;

	line[strcspn(line, "#")] = '\0';
	word = strtok_r(line, blanks, &rest);
	if (word == NULL || !ipaddr_parse(&addr, span_str(word)))
		return;
	while ((word = strtok_r(NULL, blanks, &rest)) != NULL) {
		if (span_is_nocase(span_str(word), name)) {
			add(out, &addr);
			return;
		}
	}
}

bool
dns_hosts_find(struct dns_result *out, const char *path, const char *name)
{
	char line[LINE_BYTES];
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return false;
	for (unsigned i = 0;
	     i < LINES_MAX && fgets(line, sizeof(line), f) != NULL; i++)
		read_line(out, line, name);
	(void)fclose(f);
	return out->a.answer_count + out->aaaa.answer_count > 0;
}
