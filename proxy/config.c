/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading: options first, then the file, then defaults for what neither has
 * set. A value of the file that an option overrides must be right all the same;
 * it goes into a shadow configuration that nobody reads. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_table.h"
#include "core/ini.h"
#include "core/nearest.h"
#include "cpus.h"
#include "realm.h"

enum {
	WHERE_EXTRA = 16,
};

struct config_loader {
	const struct config_sources *src;
	struct config *config, *shadow;
	struct config_memory memory;
	struct config_report report;
	bool in_file; /* else options are being read */
	/* The section being read, as its first row; NULL: a bad one, which has
	 * been reported. */
	const struct config_key *section;
	char name[CONFIG_NAMED_MAX + 1];     /* its own, if it has one */
	bool declared[CONFIG_LISTENERS_MAX]; /* has a section in the file */
};

/* Found or made; NULL when out of memory or there are too many. */
static struct config_named *
named_get(struct config_loader *l, struct config *c,
    const struct config_kind *kind, const char *name, const char *where)
{
	struct config_named *found = config_kind_find(kind, c, name);
	size_t count = config_kind_count(kind, c);
	struct config_named made = {.where = where};
	char *base = (char *)(void *)c;
	void *items;

	if (found != NULL || count == kind->most)
		return found;
	made.name = config_memory_text(&l->memory, span_str(name));
	made.slots = config_memory_alloc(
	    &l->memory, config_table_count * sizeof(*made.slots));
	memcpy(&items, base + kind->items, sizeof(items));
	items = config_memory_grow(&l->memory, items, count, kind->size);
	if (l->memory.failed)
		return NULL;
	memcpy(base + kind->items, &items, sizeof(items));
	count++;
	memcpy(base + kind->count, &count, sizeof(count));
	found = config_kind_at(kind, c, count - 1);
	*found = made;
	return found;
}

/* One place where a value comes from and goes to. */
struct assignment {
	const struct config_key *key;
	struct config *config;
	struct config_named *named; /* NULL unless its section has a name */
	const char *where;          /* lives as long as the config */
	struct span value;
};

static void
report_value(struct config_loader *l, const struct assignment *a,
    const struct config_record *at, struct span wrong)
{
	char key[CONFIG_KEY_TEXT_MAX + 1], expected[CONFIG_EXPECT_MAX + 1];

	if (a->key->type->secret) {
		config_report_key(&l->report, at,
		    config_key_text(a->key, a->named, key), "expected %s",
		    config_expect(a->key, expected));
		return;
	}
	config_report_key(&l->report, at,
	    config_key_text(a->key, a->named, key), "\"%.*s\"%s: expected %s",
	    config_shown(wrong), wrong.len > 0 ? wrong.ptr : "",
	    wrong.len > CONFIG_SHOWN_MAX ? "..." : "",
	    config_expect(a->key, expected));
}

/* The word ("none", "all") stands alone, also over repeated keys. */
static bool
word_stands_alone(struct config_loader *l, const struct assignment *a,
    const struct config_slot *slot)
{
	const char *word = a->key->word;
	struct span item, rest = a->value;
	bool has_word, many = slot->first != slot->last;
	char key[CONFIG_KEY_TEXT_MAX + 1];

	/* Judged at each record: of those before, the first alone may have it.
	 */
	if (word == NULL)
		return true;
	has_word = strcmp(slot->first->value, word) == 0;
	for (size_t i = 0; config_item_next(&rest, &item); i++) {
		has_word = has_word || span_is(item, word);
		many = many || i > 0;
	}
	if (!has_word || !many)
		return true;
	config_report_key(&l->report, slot->last,
	    config_key_text(a->key, a->named, key),
	    "\"%s\" stands alone, without other values", word);
	return false;
}

static void
assign_list(struct config_loader *l, const struct assignment *a,
    const struct config_slot *slot)
{
	void *field = config_field(a->key, a->config, a->named);
	struct span item, rest = a->value;

	if (!word_stands_alone(l, a, slot))
		return;
	while (config_item_next(&rest, &item)) {
		bool word = a->key->word != NULL && span_is(item, a->key->word);

		if (word && !a->key->type->word_is_item)
			continue;
		if (!a->key->type->parse(a->key, item, field, &l->memory))
			report_value(l, a, slot->last, item);
	}
}

/* Sets a key, after noting where; reports what is wrong with it. */
static void
assign(struct config_loader *l, const struct assignment *a)
{
	const struct config_type *type = a->key->type;
	struct config_slot *slots =
	    a->named != NULL ? a->named->slots : a->config->slots;
	struct config_slot *slot = &slots[a->key - config_table];
	struct config_record *r = config_memory_alloc(&l->memory, sizeof(*r));
	char key[CONFIG_KEY_TEXT_MAX + 1];

	if (r == NULL)
		return;
	r->where = a->where;
	r->option = !l->in_file;
	r->value = config_memory_text(&l->memory, a->value);
	if (r->value == NULL)
		return;
	if (!type->list && slot->first != NULL) {
		config_report_key(&l->report, r,
		    config_key_text(a->key, a->named, key),
		    "given twice, first at %s", slot->first->where);
		return;
	}
	if (slot->first == NULL)
		slot->first = r;
	else
		slot->last->next = r;
	slot->last = r;
	if (a->value.len > 0 && type->list)
		assign_list(l, a, slot);
	else if (a->value.len == 0 ||
		 !type->parse(a->key, a->value,
		     config_field(a->key, a->config, a->named), &l->memory))
		report_value(l, a, r, a->value);
}

static struct config_place
place_at(struct config_loader *l, const char *where)
{
	return (struct config_place){
	    .report = &l->report,
	    .where = where,
	    .option = !l->in_file,
	};
}

/* False after a report. */
static bool
section_enter(struct config_loader *l, const char *where, struct span text)
{
	struct config_place at = place_at(l, where);

	l->section = config_section_get(&at, text, l->name);
	return l->section != NULL;
}

/* A key of the section being read; NULL after a report. */
static const struct config_key *
key_get(struct config_loader *l, const char *where, const char *name)
{
	struct config_place at = place_at(l, where);

	return config_key_get(&at, l->section, span_str(name));
}

/* What has the name of the section being read, or NULL after a report. */
static struct config_named *
named_here(struct config_loader *l, struct config *c,
    const struct config_kind *kind, const char *where)
{
	struct config_named *found = named_get(l, c, kind, l->name, where);

	if (found == NULL && !l->memory.failed)
		config_report(&l->report, "%s: more than %u sections [%s NAME]",
		    where, kind->most, kind->section);
	return found;
}

/* Whether a section of the file is replaced as a whole by options. */
static bool
is_replaced(const struct config_loader *l, const struct config_kind *kind)
{
	return kind == &config_listener_kind && l->src->listen_count > 0;
}

/* Options */

static void
load_setting(struct config_loader *l, const struct config_setting *s)
{
	struct assignment a = {.config = l->config, .where = s->option};
	const struct config_kind *kind;
	const char *dot = strrchr(s->key, '.');
	struct span section = dot == NULL
				  ? span_str(s->key)
				  : span_of(s->key, (size_t)(dot - s->key));

	if (!section_enter(l, s->option, section))
		return;
	a.key = key_get(l, s->option, dot == NULL ? "" : dot + 1);
	if (a.key == NULL)
		return;
	kind = config_kind_of(a.key);
	if (kind != NULL && is_replaced(l, kind) &&
	    config_kind_find(kind, l->config, l->name) == NULL) {
		config_report(&l->report,
		    "%s listener %s.%s: no such listener: with --listen they "
		    "are main, main-2 and so on",
		    s->option, l->name, a.key->name);
		return;
	}
	if (kind != NULL) {
		a.named = named_here(l, l->config, kind, s->option);
		if (a.named == NULL)
			return;
	}
	a.value = config_trim(span_str(s->value));
	assign(l, &a);
}

static void
load_listen(struct config_loader *l, size_t i)
{
	struct assignment a = {
	    .key = config_key_find(span_str("listener"), span_str("address")),
	    .config = l->config,
	    .where = "--listen",
	    .value = config_trim(span_str(l->src->listen[i])),
	};

	(void)snprintf(
	    l->name, sizeof(l->name), i == 0 ? "main" : "main-%zu", i + 1);
	a.named = named_here(l, l->config, &config_listener_kind, "--listen");
	if (a.named != NULL)
		assign(l, &a);
}

/* False when anything is wrong; then it is the first error. */
static bool
load_options(struct config_loader *l)
{
	const struct config_sources *s = l->src;

	for (size_t i = 0; i < s->listen_count && l->report.count == 0; i++)
		load_listen(l, i);
	for (size_t i = 0; i < s->setting_count && l->report.count == 0; i++)
		load_setting(l, &s->settings[i]);
	return l->report.count == 0 && !l->memory.failed;
}

/* The file */

/* Whether an option has set the key of the section being read. */
static bool
is_overridden(struct config_loader *l, const struct config_key *key)
{
	const struct config_kind *kind = config_kind_of(key);
	const struct config_named *named = NULL;
	const struct config_record *first;

	if (kind != NULL) {
		if (is_replaced(l, kind))
			return true;
		named = config_kind_find(kind, l->config, l->name);
		if (named == NULL)
			return false;
	}
	first = config_slot_of(key, l->config, named)->first;
	return first != NULL && first->option;
}

static void
file_section(struct config_loader *l, const char *where, const char *text)
{
	const struct config_kind *kind;
	struct config_named *named;
	struct config *c;

	if (!section_enter(l, where, span_str(text)))
		return;
	kind = config_kind_of(l->section);
	if (kind == NULL)
		return;
	c = is_replaced(l, kind) ? l->shadow : l->config;
	named = named_here(l, c, kind, where);
	if (named != NULL && kind == &config_listener_kind && c == l->config)
		l->declared[(struct config_listener *)(void *)named -
			    c->listeners] = true;
}

static void
file_key(struct config_loader *l, const struct ini_entry *e, char *where)
{
	struct assignment a = {
	    .config = l->config,
	    .where = where,
	    .value = config_trim(span_str(e->value)),
	};

	if (e->section[0] == '\0') {
		config_report(&l->report,
		    "%s: %s: stands before the first [section]", where, e->key);
		return;
	}
	if (l->section == NULL)
		return; /* its section line has been reported */
	a.key = key_get(l, where, e->key);
	if (a.key == NULL)
		return;
	if (is_overridden(l, a.key))
		a.config = l->shadow;
	if (config_key_is_named(a.key)) {
		a.named = named_here(l, a.config, config_kind_of(a.key), where);
		if (a.named == NULL)
			return;
	}
	assign(l, &a);
}

static bool
file_entry(void *arg, const struct ini_entry *e)
{
	struct config_loader *l = arg;
	size_t before = l->report.count;
	size_t size = strlen(e->file) + WHERE_EXTRA;
	char *where;

	if (l->memory.failed)
		return false; /* nothing that follows can be trusted */
	where = config_memory_alloc(&l->memory, size);
	if (where == NULL)
		return false;
	(void)snprintf(where, size, "%s:%u", e->file, e->line);
	if (e->key == NULL)
		file_section(l, where, e->section);
	else
		file_key(l, e, where);
	return l->report.count == before;
}

static void
file_error(void *arg, const char *text)
{
	struct config_loader *l = arg;

	config_report(&l->report, "%s", text);
}

/* False when it cannot be read. What is wrong in it is counted as errors. */
static bool
load_file(struct config_loader *l)
{
	struct span text = l->src->text;
	char *own = NULL;

	if (text.ptr == NULL) {
		own = ini_read_file(l->src->file, &text.len, file_error, l);
		if (own == NULL)
			return false;
		text.ptr = own;
	}
	l->in_file = true;
	if (!ini_parse_text(l->src->file, text, file_entry, file_error, l) &&
	    l->report.count == 0)
		l->memory.failed = true; /* nothing else goes unreported */
	free(own);
	return true;
}

/* A listener that only options speak of has a mistyped name, unless it is the
 * one that there is without any, or an option gives its address too. */
static void
check_undeclared(struct config_loader *l)
{
	const struct config_key *address =
	    config_key_find(span_str("listener"), span_str("address"));
	struct config *c = l->config;

	for (size_t i = 0; i < c->listener_count; i++) {
		const struct config_listener *at = &c->listeners[i];
		struct nearest near = nearest_to(span_str(at->name));
		char hint[CONFIG_SHOWN_MAX];

		if (l->declared[i] ||
		    config_slot_of(address, c, &at->named)->first != NULL ||
		    (c->listener_count == 1 && strcmp(at->name, "main") == 0))
			continue;
		for (size_t n = 0; n < c->listener_count; n++) {
			if (l->declared[n])
				nearest_try(&near, c->listeners[n].name);
		}
		config_report(&l->report,
		    "--set listener %s: no such listener%s (a further one "
		    "needs \"listener %s.address\")",
		    at->name, config_suggest(&near, hint), at->name);
	}
}

/* Defaults */

static void
fall_back(struct config_loader *l, const struct config_key *key,
    struct config_named *named)
{
	void *field = config_field(key, l->config, named);
	struct span item, rest;

	if (config_slot_of(key, l->config, named)->first != NULL)
		return;
	if (key->fallback == NULL && l->src->partial)
		return;
	if (key->fallback == NULL) {
		config_report(&l->report,
		    "%s.%s: missing; give --region R[,R...] or set it in the "
		    "configuration file: %s, or region codes such as us-1",
		    key->section, key->name, key->word);
		return;
	}
	rest = span_str(key->fallback);
	if (!key->type->list) {
		if (!key->type->parse(key, rest, field, &l->memory))
			abort(); /* the table is wrong */
		return;
	}
	while (config_item_next(&rest, &item)) {
		if (key->word != NULL && span_is(item, key->word) &&
		    !key->type->word_is_item)
			continue;
		if (!key->type->parse(key, item, field, &l->memory))
			abort();
	}
}

static void
load_defaults(struct config_loader *l)
{
	struct config *c = l->config;

	if (c->listener_count == 0 &&
	    named_get(l, c, &config_listener_kind, "main", NULL) == NULL)
		return;
	for (const struct config_key *k = config_table;
	     k < config_table + config_table_count; k++) {
		const struct config_kind *kind = config_kind_of(k);

		if (kind == NULL) {
			fall_back(l, k, NULL);
			continue;
		}
		for (size_t i = 0; i < config_kind_count(kind, c); i++)
			fall_back(l, k, config_kind_at(kind, c, i));
	}
}

static struct config *
config_new(struct config_memory *m)
{
	struct config *c = config_memory_alloc(m, sizeof(*c));

	if (c != NULL)
		c->slots = config_memory_alloc(
		    m, config_table_count * sizeof(*c->slots));
	return c;
}

struct config *
config_load(const struct config_sources *src, config_error_fn error, void *arg)
{
	struct config_loader l = {
	    .src = src,
	    .report = {.fn = error, .arg = arg},
	};

	l.config = config_new(&l.memory);
	l.shadow = config_new(&l.memory);
	if (!l.memory.failed && load_options(&l)) {
		bool is_read = src->file == NULL || load_file(&l);

		if (is_read && !l.memory.failed) {
			check_undeclared(&l);
			load_defaults(&l);
		}
		if (l.report.count == 0 && !l.memory.failed)
			config_check(l.config, &l.report);
		if (l.report.count == 0 && !l.memory.failed &&
		    !config_hosts_finish(l.config, &l.memory))
			l.memory.failed = true;
	}
	if (l.memory.failed)
		config_report(&l.report, "out of memory");
	if (l.report.count > 0) {
		if (l.config != NULL)
			name_table_fini(&l.config->host_table);
		config_memory_free(l.memory.blocks);
		return NULL;
	}
	l.config->memory = l.memory.blocks;
	return l.config;
}

struct config *
config_ref(struct config *c)
{
	(void)atomic_fetch_add(&c->holders, 1);
	return c;
}

void
config_free(struct config *c)
{
	if (c == NULL || atomic_fetch_sub(&c->holders, 1) > 0)
		return;
	policy_unref(c->policy);
	for (size_t i = 0; i < c->listener_count; i++)
		realm_free(c->listeners[i].realm);
	name_table_fini(&c->host_table);
	config_tls_free(c);
	config_memory_free(c->memory);
}

bool
config_read_secrets(struct config *c, config_error_fn error, void *arg)
{
	struct config_memory m = {.blocks = c->memory};
	bool ok = config_parent_finish(&c->upstream.parent,
	    c->upstream.parent_password_file, &m, error, arg);

	c->memory = m.blocks;
	for (size_t i = 0; i < c->listener_count; i++) {
		struct config_listener *l = &c->listeners[i];

		if (l->auth == AUTH_NONE)
			continue;
		l->realm = realm_load(l->credentials, error, arg);
		ok = ok && l->realm != NULL;
	}
	return config_tls_load(c, error, arg) && ok;
}

unsigned
config_worker_count(const struct config *c)
{
	unsigned count = c->gateway.workers;

	if (count == 0)
		count = cpus_usable();
	return count < CONFIG_WORKERS_MAX ? count : CONFIG_WORKERS_MAX;
}
