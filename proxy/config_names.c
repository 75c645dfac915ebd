/* SPDX-License-Identifier: Apache-2.0
 *
 * From the names in a file or an option to rows of the table, with errors that
 * say what was probably meant. */
#include <stdio.h>
#include <string.h>

#include "config_table.h"
#include "core/nearest.h"

enum {
	NAMES_MAX = 256,
};

int
config_shown(struct span text)
{
	return text.len > CONFIG_SHOWN_MAX ? CONFIG_SHOWN_MAX : (int)text.len;
}

const char *
config_suggest(const struct nearest *n, char *buf)
{
	buf[0] = '\0';
	if (n->best != NULL)
		(void)snprintf(
		    buf, CONFIG_SHOWN_MAX, "; did you mean %s?", n->best);
	return buf;
}

/* Between where and key: "FILE:1: key", "--set key". */
static const char *
separator(const struct config_place *at)
{
	return at->option ? " " : ": ";
}

static bool
read_listener_name(struct span name, char *out)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

	if (name.len == 0 || name.len > CONFIG_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		if (memchr(chars, name.ptr[i], sizeof(chars) - 1) == NULL)
			return false;
	}
	memcpy(out, name.ptr, name.len);
	out[name.len] = '\0';
	return true;
}

static bool
read_host_name(struct span name, char *out)
{
	struct hostname host;

	if (name.len > CONFIG_NAMED_MAX ||
	    hostname_parse(&host, name) != HOSTNAME_NAME)
		return false;
	memcpy(out, host.text, (size_t)host.len + 1);
	return true;
}

const struct config_kind config_listener_kind = {
    .section = "listener",
    .names = "of 1 to 32 lower-case letters, digits, - and _",
    .size = sizeof(struct config_listener),
    .items = offsetof(struct config, listeners),
    .count = offsetof(struct config, listener_count),
    .most = CONFIG_LISTENERS_MAX,
    .read_name = read_listener_name,
};

const struct config_kind config_host_kind = {
    .section = "host",
    .names = "a host as the list has it",
    .size = sizeof(struct config_host),
    .items = offsetof(struct config, hosts),
    .count = offsetof(struct config, host_count),
    .most = CONFIG_HOSTS_MAX,
    .read_name = read_host_name,
};

/* The section's rows; a name in more than one section is its first row's. */
static const struct config_key *
section_find(struct span section)
{
	for (size_t i = 0; i < config_table_count; i++) {
		if (span_is(section, config_table[i].section))
			return &config_table[i];
	}
	return NULL;
}

static void
report_section(
    const struct config_place *at, struct span section, struct span word)
{
	struct nearest near = nearest_to(word);
	char hint[CONFIG_SHOWN_MAX], names[NAMES_MAX];
	struct text t = text_in(names, sizeof(names));
	const char *before = "";

	for (size_t i = 0; i < config_table_count; i++) {
		const char *name = config_table[i].section;

		if (strcmp(name, before) == 0)
			continue;
		nearest_try(&near, name);
		text_str(&t, before[0] == '\0' ? "" : ", ");
		text_str(&t, name);
		if (config_key_is_named(&config_table[i]))
			text_str(&t, " NAME");
		before = name;
	}
	config_report(at->report,
	    "%s: [%.*s]: unknown section%s (sections: %s)", at->where,
	    config_shown(section), section.len > 0 ? section.ptr : "",
	    config_suggest(&near, hint), text_end(&t));
}

/* The section whose keys include name, if only one has it. A host may have some
 * keys of its own that are also everybody's: those are meant. */
static const char *
section_of_key(struct span name)
{
	const char *found = NULL, *host = config_host_kind.section;

	for (size_t i = 0; i < config_table_count; i++) {
		if (!span_is(name, config_table[i].name))
			continue;
		if (found != NULL && strcmp(config_table[i].section, host) == 0)
			continue;
		if (found != NULL)
			return NULL;
		found = config_table[i].section;
	}
	return found;
}

static void
report_unknown_key(const struct config_place *at,
    const struct config_key *section, struct span name)
{
	const char *home = section_of_key(name);
	struct nearest near = nearest_to(name);
	char hint[CONFIG_SHOWN_MAX];

	for (size_t i = 0; i < config_table_count; i++) {
		if (strcmp(config_table[i].section, section->section) == 0)
			nearest_try(&near, config_table[i].name);
	}
	(void)config_suggest(&near, hint);
	if (home != NULL)
		(void)snprintf(hint, sizeof(hint), "; it belongs in [%s%s]",
		    home,
		    config_key_is_named(section_find(span_str(home))) ? " NAME"
								      : "");
	config_report(at->report, "%s%s%s.%.*s: unknown key%s", at->where,
	    separator(at), section->section, config_shown(name),
	    name.len > 0 ? name.ptr : "", hint);
}

const struct config_key *
config_key_get(const struct config_place *at, const struct config_key *section,
    struct span name)
{
	const struct config_key *key =
	    config_key_find(span_str(section->section), name);

	if (key == NULL)
		report_unknown_key(at, section, name);
	return key;
}

/* Splits "listener NAME" at its first blank. */
static struct span
section_split(struct span text, struct span *name)
{
	size_t i = 0;

	text = config_trim(text);
	while (i < text.len && text.ptr[i] != ' ' && text.ptr[i] != '\t')
		i++;
	*name = config_trim(span_of(text.ptr + i, text.len - i));
	return span_of(text.ptr, i);
}

const struct config_key *
config_section_get(const struct config_place *at, struct span text, char *name)
{
	struct span own, word = section_split(text, &own);
	const struct config_key *section = section_find(word);
	const struct config_kind *kind;

	if (section == NULL) {
		report_section(at, text, word);
		return NULL;
	}
	kind = config_kind_of(section);
	if (kind != NULL ? kind->read_name(own, name) : own.len == 0)
		return section;
	config_report(at->report, "%s: [%.*s]: expected [%s%s]%s%s", at->where,
	    config_shown(text), text.ptr, section->section,
	    kind != NULL ? " NAME" : "", kind != NULL ? ", NAME " : "",
	    kind != NULL ? kind->names : "");
	return NULL;
}
