/* SPDX-License-Identifier: Apache-2.0
 *
 * The closed list of findings, their texts in each language, and how texts are
 * filled with facts. Pure.
 *
 * Templates name facts, so that languages may order them as they need:
 *	{key}        the fact's value
 *	{key:text}   text, filled likewise, if there is such a fact; else
 *nothing
 *	{!key:text}  text, filled likewise, if there is none
 *	{{ and }}    braces
 * A newline ends a line of the report; renderers wrap the rest. */
#ifndef SEKISHO_DIAG_FINDING_H
#define SEKISHO_DIAG_FINDING_H

#include <stdbool.h>
#include <stddef.h>

#include "core/span.h"
#include "core/text.h"
#include "lang.h"

enum {
	FACTS_MAX = 40,
	FACT_MAX = 256, /* bytes of a value with its NUL */
};

/* Order is order of appearance within a severity. */
enum finding_id {
#define FINDING(name, id, severity, owner, title, seen, means, todo)           \
	FINDING_##name,
#include "findings.def"
#undef FINDING
	FINDING_COUNT,
};

enum severity {
	SEVERITY_ERROR,
	SEVERITY_WARNING,
	SEVERITY_INFO,
};

/* Who has to act. Same order as the words OWNER_*. */
enum owner {
	OWNER_NONE,
	OWNER_NETWORK,
	OWNER_PROXY,
	OWNER_DNS,
	OWNER_SECURITY,
	OWNER_PLATFORM,
	OWNER_NODE,
	OWNER_SETTING,
	OWNER_KEY,
	OWNER_SERVICE,
	OWNER_COUNT,
};

struct finding_text {
	const char *id; /* "DNS-NX" */
	enum severity severity;
	enum owner owner;
	struct words title, seen, means, todo; /* templates */
};

/* Never NULL; static. */
const struct finding_text *finding_text(enum finding_id id);

/* "DNS-NX", without regard to case. False leaves *out untouched. */
bool finding_from_str(enum finding_id *out, struct span id) MUST_CHECK;

const char *severity_str(enum severity s); /* "error", "warning", "info" */
const char *owner_str(enum owner owner, enum lang lang);
const char *owner_token(enum owner owner); /* "network-team" … for machines */

/* Evidence: keys are static text, values NUL-terminated. */
struct fact {
	const char *key;
	char value[FACT_MAX];
};

struct facts {
	struct fact items[FACTS_MAX];
	size_t count;
};

/* Sets or replaces; value may come from a peer: it is put on one line
 * (text_line()). Empty removes. */
void fact_set(struct facts *f, const char *key, const char *value);
void fact_setf(struct facts *f, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
const char *fact_get(const struct facts *f, const char *key); /* or NULL */

/* Appends the filled template. An unknown {key} becomes "?" and makes it
 * return false: a defect, which the tests look for. */
bool template_fill(
    struct text *out, const char *template, const struct facts *facts);

/* Appends the template as it reads without a case at hand: {key} as a word in
 * capitals, {!key:text} as text; {key:text} as text of its own where it begins
 * a line or is a whole sentence, as one of several where others like it stand
 * beside it ("x / y"), else left out. */
void template_show(struct text *out, const char *template);

#endif
