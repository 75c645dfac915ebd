/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the configuration (config*.c alone): the key table, the types of
 * values, the memory that a configuration lives in, and where keys were set. */
#ifndef SEKISHO_CONFIG_TABLE_H
#define SEKISHO_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "core/ini.h"
#include "core/nearest.h"
#include "core/span.h"
#include "core/text.h"

enum {
	CONFIG_TEXT_MAX = 160, /* of a path: what a line of INI can hold */
	CONFIG_NAME_MAX = 32,  /* of a listener, a set, a region, a user */
	CONFIG_LISTENERS_MAX = 64,
	CONFIG_HOSTS_MAX = 1024,
	CONFIG_NAMED_MAX = INI_LINE_MAX - 7, /* of a host: "[host NAME]" */
	CONFIG_KEY_TEXT_MAX = 232,           /* "host NAME.allow_addresses" */
	CONFIG_EXPECT_MAX = 256,
	CONFIG_SHOWN_MAX = 80, /* of what somebody wrote, in a message */
};

/* Memory that is freed as a whole. */
struct config_block;
struct config_memory {
	struct config_block *blocks;
	bool failed; /* an allocation came back empty */
};

/* Zeroed; NULL when out of memory. */
void *config_memory_alloc(struct config_memory *m, size_t size) MUST_CHECK;
/* A copy with a NUL behind it. */
char *config_memory_text(struct config_memory *m, struct span text) MUST_CHECK;
/* An array with room for one more than count items: items itself, or a copy of
 * twice the size when count is 0 or a power of two. */
void *config_memory_grow(
    struct config_memory *m, void *items, size_t count, size_t size) MUST_CHECK;
void config_memory_free(void *blocks);

struct config_key;

/* A type of values. */
struct config_type {
	bool list;         /* comma separated, and repeated keys add up */
	bool secret;       /* a wrong value is not shown */
	bool word_is_item; /* of a list: the key's word ("all") is kept as an
			    * item; else it stands for the empty list */

	/* Reads one value, of a list one item, and stores or appends it. False
	 * when it is none; the field is then untouched. */
	bool (*parse)(const struct config_key *key, struct span text,
	    void *field, struct config_memory *m);

	/* Writes the value, of a list item i, as parse reads it. False: there
	 * is none, the key's word stands for that. */
	bool (*format)(const struct config_key *key, const void *field,
	    size_t i, struct text *out);

	/* Writes which values are accepted: "a duration from 1s to 5m". */
	void (*expect)(const struct config_key *key, struct text *out);
};

extern const struct config_type config_flag, config_count, config_millis,
    config_seconds, config_size, config_choice, config_bits, config_path,
    config_user, config_socket, config_log_target, config_names, config_hosts,
    config_paths, config_regions, config_features, config_prefix_list,
    config_address_list, config_servers, config_admin_address,
    config_listen_address, config_parent_url;

/* A value of config_choice or a bit of config_bits; a table ends with a NULL
 * name. */
struct config_word {
	const char *name;
	unsigned value;
};

struct config_key {
	const char *section, *name;
	const struct config_type *type;
	size_t offset; /* of the field in struct config, or of a section with a
			* name in its own struct */
	uint64_t min, max;               /* durations: ms; sizes: bytes */
	const struct config_word *words; /* of config_choice, config_bits */
	const char *word;     /* what stands for zero, nothing or all */
	const char *fallback; /* the default, as text; NULL: required */
	const char *help;     /* one line */
	bool restart;         /* a change takes a restart */
};

/* The one table, in the order of --dump-config; keys of a section stand
 * together. */
extern const struct config_key config_table[];
extern const size_t config_table_count;

/* Sections that have a name of their own, and of which there may be several:
 * [listener NAME]. */
struct config_kind {
	const char *section;
	const char *names;   /* which ones are accepted, for messages */
	size_t size;         /* of its struct, which begins with a
			      * struct config_named */
	size_t items, count; /* offsets in struct config: array, length */
	unsigned most;
	/* Writes the name as it is kept to out, which has CONFIG_NAMED_MAX + 1
	 * bytes. False: it is none. */
	bool (*read_name)(struct span text, char *out);
};

extern const struct config_kind config_listener_kind, config_host_kind;

/* NULL: the key's section has no name. */
const struct config_kind *config_kind_of(const struct config_key *key);
static inline bool
config_key_is_named(const struct config_key *key)
{
	return config_kind_of(key) != NULL;
}

size_t config_kind_count(
    const struct config_kind *kind, const struct config *c);
/* The section at place i, below the count. */
struct config_named *config_kind_at(
    const struct config_kind *kind, const struct config *c, size_t i);
/* The section of that name, or NULL. */
struct config_named *config_kind_find(
    const struct config_kind *kind, const struct config *c, const char *name);

/* The key's field. named is NULL unless its section has a name. */
void *config_field(
    const struct config_key *key, struct config *c, struct config_named *named);

/* NULL when there is no such key. */
const struct config_key *config_key_find(struct span section, struct span name);

/* "tunnel.sni", or "listener main.clients"; text in buf, which has
 * CONFIG_KEY_TEXT_MAX + 1 bytes. */
const char *config_key_text(
    const struct config_key *key, const struct config_named *named, char *buf);

/* Text in buf, which has CONFIG_EXPECT_MAX + 1 bytes. */
const char *config_expect(const struct config_key *key, char *buf);

/* One place where a key was set. */
struct config_record {
	const char *where; /* "FILE:LINE", or the option */
	bool option;
	const char *value;
	struct config_record *next;
};

/* All places of one key in force, in order; one slot for each row of the table,
 * in the configuration and in each section with a name. None: the default
 * holds. */
struct config_slot {
	struct config_record *first, *last;
};

const struct config_slot *config_slot_of(const struct config_key *key,
    const struct config *c, const struct config_named *named);

/* Where errors go. */
struct config_report {
	config_error_fn fn;
	void *arg;
	size_t count;
};

/* One error; control characters become '?'. */
void config_report(struct config_report *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One error about a key: "FILE:LINE: KEY: …", "--set KEY: …", "--region: …" or
 * "KEY: …". at may be NULL. */
void config_report_key(struct config_report *r, const struct config_record *at,
    const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Where names are being read. */
struct config_place {
	struct config_report *report;
	const char *where; /* "FILE:LINE", or the option */
	bool option;
};

/* The first row of the section that text ("dns", "listener NAME") names, or
 * NULL after a report. Its name goes to name, which has CONFIG_NAMED_MAX + 1
 * bytes. */
const struct config_key *config_section_get(
    const struct config_place *at, struct span text, char *name);

/* A key of the section, or NULL after a report. */
const struct config_key *config_key_get(const struct config_place *at,
    const struct config_key *section, struct span name);

/* "; did you mean X?" or nothing. buf has CONFIG_SHOWN_MAX bytes. */
const char *config_suggest(const struct nearest *n, char *buf);

/* How much of text to show in a message, for "%.*s". */
int config_shown(struct span text);

/* Cuts the next item from a comma separated list, without the blanks around it.
 * False at the end. An empty item has length 0. Begins with *rest = the list,
 * which must not have a NULL ptr. */
bool config_item_next(struct span *rest, struct span *item);
struct span config_trim(struct span text);

/* Whether INI can hold text as a value, and gives the same back. */
bool config_text_is_plain(struct span text);

/* Works out what is sent to the parent. False after an error call, or when out
 * of memory. */
bool config_parent_finish(struct config_parent *p, const char *password_file,
    struct config_memory *m, config_error_fn error, void *arg) MUST_CHECK;

/* Makes ready what the keys of certificates name, and frees it. False after
 * error calls. */
bool config_tls_load(
    struct config *c, config_error_fn error, void *arg) MUST_CHECK;
void config_tls_free(struct config *c);

/* What needs more than one key to be judged. */
void config_check(const struct config *c, struct config_report *r);

/* Makes what is looked up while serving: a table of the hosts, and their fixed
 * addresses. False when out of memory. */
bool config_hosts_finish(struct config *c, struct config_memory *m) MUST_CHECK;
/* Each [host NAME] is on the list in force. */
void config_hosts_check(
    const struct config *c, const struct policy *p, struct config_report *r);

#endif
