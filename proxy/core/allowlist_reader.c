/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/allowlist_internal.h"
#include "core/endpoint.h"
#include "core/nearest.h"

enum {
	PORT_HTTPS = 443,
};

enum section_kind {
	SECTION_NONE,  /* before the first one, or in one that is wrong */
	SECTION_LIST,  /* [list]: source and date */
	SECTION_HOSTS, /* a category, or an operator's section */
};

static const char *const list_keys[] = {"source", "published", "observed"};

enum list_key {
	KEY_SOURCE,
	KEY_PUBLISHED,
	KEY_OBSERVED,
	LIST_KEYS
};

struct list_reader {
	struct allowlist *list;
	const struct list_source *src;
	allowlist_error_fn error;
	void *arg;
	const char *file, *label; /* kept */
	enum section_kind in;
	const char *section; /* kept; of SECTION_HOSTS */
	const struct allowlist_category *about;
	unsigned line;               /* of the section line */
	size_t first;                /* entry of the section */
	size_t file_first;           /* entry of the file */
	const char *meta[LIST_KEYS]; /* kept; what [list] says */
	bool ok;
};

static void
reader_error(void *arg, const char *text)
{
	struct list_reader *r = arg;

	r->ok = false;
	r->error(r->arg, text);
}

static struct ini_place
reader_place(struct list_reader *r, unsigned line)
{
	return (struct ini_place){.file = r->src->file.name,
	    .line = line,
	    .error = reader_error,
	    .arg = r};
}

static bool
is_operators(const struct list_reader *r)
{
	return r->src->kind == LIST_EXTRA;
}

/* A section of a shipped list without hosts is a slip of the pen; an operator
 * may have commented them out. */
static void
section_end(struct list_reader *r)
{
	if (r->in == SECTION_HOSTS && !is_operators(r) &&
	    r->first == r->list->entry_count && r->ok) {
		struct ini_place at = reader_place(r, r->line);

		ini_error_at(&at, "[%s] holds no host", r->section);
	}
	r->in = SECTION_NONE;
}

static void
category_unknown(const struct list_reader *r, const struct ini_place *at,
    const char *section)
{
	struct nearest n = nearest_to(span_str(section));

	for (size_t i = 0; i < r->list->category_count; i++)
		nearest_try(&n, r->list->categories[i].name);
	ini_error_at(at,
	    "unknown category [%s]%s%s%s: categories.ini has none of that name",
	    section, n.best ? " (did you mean [" : "", n.best ? n.best : "",
	    n.best ? "]?)" : "");
}

/* Where the section stood before in this file, or 0. */
static unsigned
section_before(const struct list_reader *r, const char *section)
{
	for (size_t i = r->file_first; i < r->list->entry_count; i++) {
		if (strcmp(r->list->entries[i].category, section) == 0)
			return r->list->entries[i].line;
	}
	return 0;
}

static void
section_begin(struct list_reader *r, const struct ini_entry *e)
{
	struct ini_place at = reader_place(r, e->line);
	const struct allowlist *a = r->list;
	unsigned before;

	section_end(r);
	r->line = e->line;
	if (strcmp(e->section, "list") == 0) {
		r->in = SECTION_LIST;
		return;
	}
	r->about = NULL;
	for (size_t i = 0; !is_operators(r) && i < a->category_count; i++) {
		if (strcmp(a->categories[i].name, e->section) == 0)
			r->about = &a->categories[i];
	}
	if (r->src->kind == LIST_REGION && r->about == NULL) {
		category_unknown(r, &at, e->section);
		return;
	}
	before = is_operators(r) ? 0 : section_before(r, e->section);
	if (before != 0) {
		ini_error_at(&at,
		    "[%s] is here twice: it has a host on line %u", e->section,
		    before);
		return;
	}
	r->section = r->about != NULL
			 ? r->about->name
			 : allowlist_keep(r->list, span_str(e->section));
	if (r->section == NULL) {
		ini_error_at(&at, "out of memory");
		return;
	}
	r->first = a->entry_count;
	r->in = SECTION_HOSTS;
}

/* YYYY-MM or YYYY-MM-DD: some sources tell no day. */
static bool
is_date(const char *s)
{
	static const char shape[] = "dddd-dd-dd";
	size_t len = strlen(s);
	unsigned month, day = 1;

	if (len != 7 && len != 10)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool digit = s[i] >= '0' && s[i] <= '9';

		if (shape[i] == 'd' ? !digit : s[i] != '-')
			return false;
	}
	month = (unsigned)(s[5] - '0') * 10 + (unsigned)(s[6] - '0');
	if (len == 10)
		day = (unsigned)(s[8] - '0') * 10 + (unsigned)(s[9] - '0');
	return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

static void
read_meta(struct list_reader *r, const struct ini_entry *e)
{
	struct ini_place at = reader_place(r, e->line);
	struct nearest n = nearest_to(span_str(e->key));
	size_t key = 0;

	while (key < LIST_KEYS && strcmp(e->key, list_keys[key]) != 0)
		nearest_try(&n, list_keys[key++]);
	if (key == LIST_KEYS) {
		ini_error_at(&at,
		    "unknown key %s%s%s%s: [list] has source, published and "
		    "observed",
		    e->key, n.best ? " (did you mean " : "",
		    n.best ? n.best : "", n.best ? "?)" : "");
		return;
	}
	if (r->meta[key] != NULL) {
		ini_error_at(&at, "%s is here twice", e->key);
		return;
	}
	if (key == KEY_SOURCE && e->value[0] == '\0')
		ini_error_at(&at, "source has no value: say where the list "
				  "comes from");
	if (key != KEY_SOURCE && !is_date(e->value))
		ini_error_at(&at, "%s = %s is no date: YYYY-MM-DD or YYYY-MM",
		    e->key, e->value);
	r->meta[key] = allowlist_keep(r->list, span_str(e->value));
	if (r->meta[key] == NULL)
		ini_error_at(&at, "out of memory");
}

/* What a name must be, whoever wrote it. */
static bool
read_name(const struct ini_place *at, struct hostname *out, struct span text)
{
	switch (hostname_parse(out, text)) {
	case HOSTNAME_NAME:
		return true;
	case HOSTNAME_ADDRESS:
		ini_error_at(at,
		    "\"%.*s\" is an address: lists hold names, and CONNECT to "
		    "an address is never allowed",
		    SPAN_ARG(text));
		return false;
	case HOSTNAME_INVALID:
		break;
	}
	if (text.len >= 3 && memmem(text.ptr, text.len, "://", 3) != NULL)
		ini_error_at(at,
		    "\"%.*s\" is a URL: write the host name alone, without "
		    "https:// and path",
		    SPAN_ARG(text));
	else if (text.len > 0 && memchr(text.ptr, ',', text.len) != NULL)
		ini_error_at(at,
		    "\"%.*s\" is not a host name: write one host = line for "
		    "each",
		    SPAN_ARG(text));
	else
		ini_error_at(at,
		    "\"%.*s\" is not a host name: letters, digits and hyphens "
		    "between dots (other scripts as xn--…)",
		    SPAN_ARG(text));
	return false;
}

/* Published lists and sets: exact names in one spelling, port 443. */
static bool
read_exact(
    const struct ini_place *at, struct allowlist_entry *out, struct span text)
{
	if (text.len > 0 && memchr(text.ptr, '*', text.len) != NULL) {
		ini_error_at(at,
		    "\"%.*s\": published lists hold exact names; an "
		    "operator's own file (gateway.extra) may hold *.suffix",
		    SPAN_ARG(text));
		return false;
	}
	if (!read_name(at, &out->host, text))
		return false;
	if (!span_is(text, out->host.text)) {
		ini_error_at(at, "write %s: lower case, no dot at the end",
		    out->host.text);
		return false;
	}
	if (strchr(out->host.text, '.') == NULL) {
		ini_error_at(at,
		    "\"%s\" is one label: published lists hold whole names",
		    out->host.text);
		return false;
	}
	out->port = PORT_HTTPS;
	return true;
}

/* Cuts ":port" off text; 443 without one. */
static bool
read_port(const struct ini_place *at, uint16_t *port, struct span *text)
{
	const char *colon =
	    text->len > 0 ? memchr(text->ptr, ':', text->len) : NULL;
	struct span digits;

	*port = PORT_HTTPS;
	if (colon == NULL || colon != memrchr(text->ptr, ':', text->len))
		return true; /* none, or the many of an IPv6 address */
	digits =
	    span_of(colon + 1, (size_t)(text->ptr + text->len - colon - 1));
	if (digits.len > 0 && digits.ptr[0] == '/')
		return true; /* a URL: read_name says it better */
	if (!port_parse(port, digits)) {
		ini_error_at(at,
		    "\"%.*s\" is not a port: 1 to 65535, as in name:8443",
		    SPAN_ARG(digits));
		return false;
	}
	text->len = (size_t)(colon - text->ptr);
	return true;
}

/* Operators' files: name[:port] and *.suffix[:port]. */
static bool
read_operators(
    const struct ini_place *at, struct allowlist_entry *out, struct span text)
{
	struct span whole = text;

	if (!read_port(at, &out->port, &text))
		return false;
	if (span_is(text, "*")) {
		ini_error_at(
		    at, "* would open every name: write names or *.suffix");
		return false;
	}
	out->suffix = text.len >= 2 && text.ptr[0] == '*' && text.ptr[1] == '.';
	if (out->suffix)
		text = span_of(text.ptr + 2, text.len - 2);
	if (text.len > 0 && memchr(text.ptr, '*', text.len) != NULL) {
		ini_error_at(at,
		    "\"%.*s\": a * stands only at the front and for whole "
		    "labels, as in *.example.com",
		    SPAN_ARG(whole));
		return false;
	}
	if (!read_name(at, &out->host, text))
		return false;
	if (out->suffix && strchr(out->host.text, '.') == NULL) {
		ini_error_at(at,
		    "*.%s would open a whole top-level domain: a suffix has "
		    "two labels or more",
		    out->host.text);
		return false;
	}
	return true;
}

/* What an entry says besides its name and port. Field by field: a whole struct
 * of zeros, with room for the longest name, is much for each of many lines. */
static void
describe(const struct list_reader *r, struct allowlist_entry *entry)
{
	entry->suffix = false;
	entry->set = NULL;
	entry->region = "-";
	switch (r->src->kind) {
	case LIST_REGION:
		entry->origin = ORIGIN_PUBLISHED;
		entry->region = r->label;
		break;
	case LIST_SET:
		entry->origin = ORIGIN_SET;
		entry->set = r->label;
		break;
	case LIST_EXTRA:
	case LIST_CATEGORIES: /* category_reader reads these */
		entry->origin = ORIGIN_EXTRA;
		break;
	}
	entry->category = r->section;
	entry->about = r->about;
	entry->file = r->file;
}

static void
read_host(struct list_reader *r, const struct ini_entry *e)
{
	struct ini_place at = reader_place(r, e->line);
	struct allowlist *a = r->list;
	struct span text = span_str(e->value);
	struct allowlist_entry *entry = array_grow(
	    a->entries, a->entry_count, &a->entry_cap, sizeof(*a->entries));

	if (entry == NULL) {
		ini_error_at(&at, "out of memory");
		return;
	}
	a->entries = entry;
	entry += a->entry_count;
	describe(r, entry);
	entry->line = e->line;
	if (is_operators(r) ? read_operators(&at, entry, text)
			    : read_exact(&at, entry, text))
		a->entry_count++;
}

static bool
on_entry(void *arg, const struct ini_entry *e)
{
	struct list_reader *r = arg;
	struct ini_place at = reader_place(r, e->line);

	if (e->key == NULL)
		section_begin(r, e);
	else if (e->section[0] == '\0')
		ini_error_at(
		    &at, "%s stands before the first [section]", e->key);
	else if (r->in == SECTION_LIST)
		read_meta(r, e);
	else if (r->in == SECTION_HOSTS && strcmp(e->key, "host") == 0)
		read_host(r, e);
	else if (r->in == SECTION_HOSTS)
		ini_error_at(&at,
		    "unknown key %s: a section holds host = name lines",
		    e->key);
	return true; /* errors are counted where they are told */
}

/* A list that others shall trust says where it comes from and how old it is. */
static void
file_end(struct list_reader *r)
{
	struct ini_place at = reader_place(r, 0);

	section_end(r);
	if (is_operators(r))
		return;
	if (r->meta[KEY_SOURCE] == NULL)
		ini_error_at(&at, "[list] has no source");
	if (r->meta[KEY_PUBLISHED] == NULL && r->meta[KEY_OBSERVED] == NULL)
		ini_error_at(&at,
		    "[list] has no date: published = YYYY-MM-DD, or observed "
		    "= YYYY-MM-DD where the source has none");
	if (r->ok && r->file_first == r->list->entry_count)
		ini_error_at(&at, "holds no host");
}

bool
allowlist_read(struct allowlist *a, const struct list_source *src,
    allowlist_error_fn error, void *arg)
{
	struct list_reader r = {.list = a,
	    .src = src,
	    .error = error,
	    .arg = arg,
	    .file = allowlist_keep(a, span_str(src->file.name)),
	    .label = allowlist_keep(a, src->label),
	    .file_first = a->entry_count,
	    .ok = true};
	struct ini_place at = reader_place(&r, 0);
	bool text_ok;
	const char *date;

	if (r.file == NULL || r.label == NULL) {
		ini_error_at(&at, "out of memory");
		return false;
	}
	text_ok = ini_parse_text(src->file.name,
	    span_of(src->file.text, src->file.len), on_entry, reader_error, &r);
	file_end(&r);
	date = r.meta[KEY_PUBLISHED] != NULL ? r.meta[KEY_PUBLISHED]
					     : r.meta[KEY_OBSERVED];
	if (src->kind == LIST_REGION && date != NULL &&
	    (a->date == NULL || strcmp(date, a->date) > 0))
		a->date = date;
	for (size_t i = r.file_first; i < a->entry_count; i++) {
		a->entries[i].source = r.meta[KEY_SOURCE];
		a->entries[i].date = date;
	}
	return text_ok && r.ok;
}
