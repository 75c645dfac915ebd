/* SPDX-License-Identifier: Apache-2.0 */
#include "lang.h"

#include <stdlib.h>

static const struct words words[] = {
#define WORD(name, en, ja) [WORD_##name] = {{en, ja}},
#include "words.def"
#undef WORD
};

bool
lang_parse(enum lang *out, struct span name)
{
	if (name.len > 2 && name.ptr[2] != '_' && name.ptr[2] != '.' &&
	    name.ptr[2] != '-')
		return false;
	if (name.len < 2)
		return false;
	name.len = 2;
	if (span_is(name, "en"))
		*out = LANG_EN;
	else if (span_is(name, "ja"))
		*out = LANG_JA;
	else
		return false;
	return true;
}

const char *
lang_name(enum lang lang)
{
	return lang == LANG_JA ? "ja" : "en";
}

enum lang
lang_from_environment(void)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
	enum lang lang = LANG_EN;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value == NULL || value[0] == '\0')
			continue;
		if (!lang_parse(&lang, span_str(value)))
			lang = LANG_EN;
		break;
	}
	return lang;
}

const char *
word_str(enum word word, enum lang lang)
{
	return words[word].in[lang];
}
