/* SPDX-License-Identifier: Apache-2.0
 *
 * The languages of the reports, and the fixed words of them. A table with one
 * column a language, compiled in: gettext(3) gives nothing unless the machine
 * has a fitting locale and the .mo files, and the small images in which this
 * tool runs have neither. It also lets a test hold both columns side by side.
 * Pure but for lang_from_environment(). */
#ifndef SEKISHO_DIAG_LANG_H
#define SEKISHO_DIAG_LANG_H

#include <stdbool.h>

#include "core/span.h"

enum lang {
	LANG_EN,
	LANG_JA,
	LANG_COUNT,
};

/* One text in every language; UTF-8. */
struct words {
	const char *in[LANG_COUNT];
};

/* Fixed words of the reports, from words.def. */
enum word {
#define WORD(name, en, ja) WORD_##name,
#include "words.def"
#undef WORD
	WORD_COUNT,
};

/* "en" or "ja" (also "ja_JP.UTF-8"). False leaves *out untouched. */
bool lang_parse(enum lang *out, struct span name) MUST_CHECK;

/* "en", "ja". */
const char *lang_name(enum lang lang);

/* What LC_ALL, LC_MESSAGES and LANG ask for, in this order; English when they
 * name no language of ours. */
enum lang lang_from_environment(void);

/* The word in that language; never NULL. */
const char *word_str(enum word word, enum lang lang);

#endif
