/* SPDX-License-Identifier: Apache-2.0 */
#include "denied_page.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/ini.h"
#include "core/json_out.h"
#include "core/text.h"

enum {
	SCHEMA_VERSION = 1,
	WHERE_MAX = 512,    /* "FILE:LINE" */
	COMMENT_LINE = 100, /* bytes of a line of comment */
	COMMENT_MAX = 2048, /* bytes of a comment as a whole */
	DATE_LEN = 10,      /* of YYYY-MM-DD */
};

static const char literal_reason[] =
    "IP address literals are not allowed: CONNECT to the host name";
static const char literal_advice[] =
    "No list admits an address. Have the client ask for the host's name; an "
    "address inside the cluster belongs in NO_PROXY.\n";

bool
denied_list_read(
    struct denied_list *list, const struct denied *const *tables, size_t count)
{
	*list = (struct denied_list){
	    .entries = calloc(DENIED_MAX, sizeof(*list->entries))};
	if (list->entries != NULL && denied_read(tables, count, list->entries,
					 &list->count, &list->forgotten))
		return true;
	denied_list_free(list);
	return false;
}

void
denied_list_free(struct denied_list *list)
{
	free(list->entries);
	*list = (struct denied_list){.entries = NULL};
}

bool
denied_judge(const struct denied_entry *entry, const struct policy *p,
    struct endpoint *e, struct policy_decision *d)
{
	if (entry->why == OUTCOME_DENIED_ADDRESS_LITERAL ||
	    hostname_parse(&e->host, span_of(entry->host, entry->host_len)) !=
		HOSTNAME_NAME)
		return false;
	e->port = entry->port;
	*d = policy_decide(p, e);
	return true;
}

/* --- JSON -------------------------------------------------------------------
 */

static void
add_clients(struct json_out *j, const struct denied_entry *entry)
{
	char text[IPADDR_TEXT_MAX + 1];
	bool exact;
	uint64_t count = denied_client_count(entry, &exact);

	json_u64(j, "client_count", count);
	json_bool(j, "client_count_is_exact", exact);
	json_open(j, "clients", '[');
	for (size_t i = 0; i < DENIED_CLIENTS; i++) {
		if (entry->clients[i].family != IP_NONE)
			json_span(j, NULL,
			    span_of(
				text, ipaddr_format(&entry->clients[i], text)));
	}
	json_close(j, ']');
}

/* The rule that admits it, or the entry that came nearest. */
static void
add_rule(struct json_out *j, const struct policy_decision *d)
{
	char where[WHERE_MAX];
	struct text t = text_in(where, sizeof(where));

	if (d->why == OUTCOME_OK) {
		json_str(j, "rule", d->rule->where);
		return;
	}
	if (d->entry == NULL) {
		json_null(j, "rule");
		return;
	}
	text_str(&t, d->entry->file);
	text_char(&t, ':');
	text_u64(&t, d->entry->line);
	json_span(j, "rule", span_of(where, t.len));
	if (d->near == NEAR_SET && policy_set_about(d->entry->set) != NULL)
		json_str(j, "about", policy_set_about(d->entry->set));
}

static void
add_judgement(struct json_out *j, const struct denied_entry *entry,
    const struct policy *p)
{
	char buf[POLICY_ADVICE_MAX > POLICY_DETAIL_MAX ? POLICY_ADVICE_MAX
						       : POLICY_DETAIL_MAX];
	char line[ENDPOINT_TEXT_MAX + 16];
	struct text t = text_in(line, sizeof(line));
	struct policy_decision d;
	struct endpoint e;

	if (!denied_judge(entry, p, &e, &d)) {
		json_bool(j, "admitted_now", false);
		json_str(j, "near", "none");
		json_null(j, "rule");
		json_str(j, "reason", literal_reason);
		json_str(j, "advice", literal_advice);
		json_null(j, "line");
		return;
	}
	json_bool(j, "admitted_now", d.why == OUTCOME_OK);
	json_str(j, "near", policy_near_token(d.near));
	add_rule(j, &d);
	json_span(j, "reason", span_of(buf, policy_detail(p, &d, &e, buf)));
	json_span(j, "advice", span_of(buf, policy_advice(p, &d, &e, buf)));
	policy_extra_line(&t, &e);
	if (d.why != OUTCOME_OK && t.len <= INI_LINE_MAX)
		json_span(j, "line", span_of(line, t.len));
	else
		json_null(j, "line");
}

static void
add_entry(struct json_out *j, const struct denied_entry *entry,
    const struct policy *p)
{
	json_open(j, NULL, '{');
	json_span(j, "host", span_of(entry->host, entry->host_len));
	if (entry->port != 0)
		json_u64(j, "port", entry->port);
	else
		json_null(j, "port");
	json_str(j, "outcome", outcome_token(entry->why));
	json_u64(j, "count", entry->count);
	json_u64(j, "let_through", entry->let_through);
	json_time(j, "first", entry->first_unix_ns);
	json_time(j, "last", entry->last_unix_ns);
	add_clients(j, entry);
	add_judgement(j, entry, p);
	json_close(j, '}');
}

void
denied_page_json(FILE *out, const struct denied_list *list,
    const struct policy *p, size_t most, uint64_t now_unix_ns)
{
	struct json_out j = {.out = out};

	json_open(&j, NULL, '{');
	json_u64(&j, "schema_version", SCHEMA_VERSION);
	json_time(&j, "time", now_unix_ns);
	json_u64(&j, "limit", DENIED_MAX);
	json_u64(&j, "kept", list->count);
	json_u64(&j, "forgotten", list->forgotten);
	json_open(&j, "denied", '[');
	for (size_t i = 0; i < list->count && i < most; i++)
		add_entry(&j, &list->entries[i], p);
	json_close(&j, ']');
	json_close(&j, '}');
	(void)fputc('\n', out);
}

/* --- INI --------------------------------------------------------------------
 */

/* How much of text goes into one line of comment: up to a line's end, or to the
 * last blank that fits. */
static size_t
comment_line_len(struct span text)
{
	const char *end =
	    text.len > 0 ? memchr(text.ptr, '\n', text.len) : NULL;
	size_t len = end != NULL ? (size_t)(end - text.ptr) : text.len;

	if (len <= COMMENT_LINE)
		return len;
	for (size_t i = COMMENT_LINE; i > 0; i--) {
		if (text.ptr[i] == ' ')
			return i;
	}
	return COMMENT_LINE;
}

/* text in lines that begin with "; " and that INI can hold. */
static void
write_comment(FILE *out, struct span text)
{
	while (text.len > 0) {
		size_t len = comment_line_len(text);

		if (len > 0)
			(void)fprintf(out, "; %.*s\n", (int)len, text.ptr);
		/* The blank or the end of line goes too. */
		if (len < text.len &&
		    (text.ptr[len] == ' ' || text.ptr[len] == '\n'))
			len++;
		text = span_of(text.ptr + len, text.len - len);
	}
}

static void
add_plural(struct text *t, uint64_t n, const char *one, const char *many)
{
	text_u64(t, n);
	text_char(t, ' ');
	text_str(t, n == 1 ? one : many);
}

/* "12 requests, 3 let through, of 2 clients (10.0.0.1, 10.0.0.2), last …" */
static void
add_figures(struct text *t, const struct denied_entry *entry)
{
	char text[IPADDR_TEXT_MAX + 1];
	const char *before = " (";
	bool exact;
	uint64_t clients = denied_client_count(entry, &exact);

	add_plural(t, entry->count, "request", "requests");
	if (entry->let_through > 0) {
		text_str(t, ", ");
		text_u64(t, entry->let_through);
		text_str(t, " let through");
	}
	text_str(t, exact ? ", of " : ", of about ");
	add_plural(t, clients, "client", "clients");
	for (size_t i = 0; i < DENIED_CLIENTS; i++) {
		if (entry->clients[i].family == IP_NONE)
			continue;
		text_str(t, before);
		before = ", ";
		text_add(
		    t, span_of(text, ipaddr_format(&entry->clients[i], text)));
	}
	text_str(t,
	    clients > 0 ? (exact ? "), last " : ", ...), last ") : ", last ");
	text_time(t, entry->last_unix_ns);
	text_str(t, ":\n");
}

/* Where something else than a line of one's own is the mend. */
static bool
has_better_mend(enum policy_near near)
{
	return near == NEAR_REGION || near == NEAR_SET ||
	       near == NEAR_FEATURE || near == NEAR_CLUSTER;
}

static void
add_words(struct text *t, const struct policy *p,
    const struct policy_decision *d, const struct endpoint *e)
{
	char buf[POLICY_ADVICE_MAX > POLICY_DETAIL_MAX ? POLICY_ADVICE_MAX
						       : POLICY_DETAIL_MAX];

	text_add(t, span_of(buf, policy_detail(p, d, e, buf)));
	text_char(t, '\n');
	if (!has_better_mend(d->near))
		return;
	text_str(t, "Better than this line: ");
	text_add(t, span_of(buf, policy_advice(p, d, e, buf)));
}

static void
write_entry(FILE *out, const struct denied_entry *entry, const struct policy *p)
{
	char comment[COMMENT_MAX], line[ENDPOINT_TEXT_MAX + 16];
	struct text t = text_in(comment, sizeof(comment));
	struct text l = text_in(line, sizeof(line));
	struct policy_decision d;
	struct endpoint e;
	bool admit = denied_judge(entry, p, &e, &d);

	add_figures(&t, entry);
	if (admit) {
		add_words(&t, p, &d, &e);
		policy_extra_line(&l, &e);
		admit = d.why != OUTCOME_OK;
	} else {
		text_line(&t, span_of(entry->host, entry->host_len));
		text_str(&t, ": ");
		text_str(&t, literal_reason);
		text_char(&t, '\n');
		text_str(&t, literal_advice);
	}
	if (l.len > INI_LINE_MAX) {
		text_str(&t, "No line of a list can hold so long a name.\n");
		admit = false;
	}
	(void)fputc('\n', out);
	write_comment(out, span_of(comment, t.len));
	if (admit)
		(void)fprintf(out, "%.*s\n", (int)l.len, line);
}

void
denied_page_ini(FILE *out, const struct denied_list *list,
    const struct policy *p, size_t most, uint64_t now_unix_ns)
{
	char buf[64];
	struct text now = text_in(buf, sizeof(buf));
	size_t shown = list->count < most ? list->count : most;

	text_time(&now, now_unix_ns);
	(void)fprintf(out,
	    "; What clients asked this gateway for and what is not on its "
	    "allowlist, the latest first,\n"
	    "; as of %.*s: %zu of %zu names. Read each line and delete what "
	    "shall\n"
	    "; stay closed: a file that gateway.extra names admits every name "
	    "in it.\n\n"
	    "[list]\n"
	    "source = /api/denied?format=ini of sekisho-proxy %s\n"
	    "observed = %.*s\n\n"
	    "[denied]\n",
	    (int)now.len, buf, shown, list->count, SEKISHO_VERSION, DATE_LEN,
	    buf);
	for (size_t i = 0; i < shown; i++)
		write_entry(out, &list->entries[i], p);
}
