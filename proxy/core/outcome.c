/* SPDX-License-Identifier: Apache-2.0 */
#include "core/outcome.h"

#include <assert.h>

struct outcome_row {
	const char *token;
	const char *proxy_status;
	const char *sentence;
	unsigned status;
};

static const struct outcome_row rows[OUTCOME_COUNT] = {
#define OUTCOME(id, tok, code, error, words)                                   \
	[OUTCOME_##id] = {.token = (tok),                                      \
	    .proxy_status = (error),                                           \
	    .sentence = (words),                                               \
	    .status = (code)},
#include "core/outcome.def"
#undef OUTCOME
};

static const struct outcome_row *
row(enum outcome o)
{
	assert((unsigned)o < OUTCOME_COUNT);
	return &rows[o];
}

const char *
outcome_token(enum outcome o)
{
	return row(o)->token;
}

unsigned
outcome_status(enum outcome o)
{
	return row(o)->status;
}

bool
outcome_is_failure(enum outcome o)
{
	return outcome_status(o) >= 500 && o > OUTCOME_DRAINING;
}

const char *
outcome_proxy_status(enum outcome o)
{
	return row(o)->proxy_status;
}

const char *
outcome_sentence(enum outcome o)
{
	return row(o)->sentence;
}
