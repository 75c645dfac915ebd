/* SPDX-License-Identifier: Apache-2.0 */
#include "finding.h"

#include <stdarg.h>
#include <stdio.h>

#define T(...)                                                                 \
	{                                                                      \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}
static const struct finding_text texts[] = {
#define FINDING(name, id, severity, owner, title, seen, means, todo)           \
	[FINDING_##name] = {                                                   \
	    id, SEVERITY_##severity, OWNER_##owner, title, seen, means, todo},
#include "findings.def"
#undef FINDING
};
#undef T

static const struct {
	const char *token;
	enum word word;
} owners[] = {
    [OWNER_NONE] = {"nobody", WORD_OWNER_NONE},
    [OWNER_NETWORK] = {"network-team", WORD_OWNER_NETWORK},
    [OWNER_PROXY] = {"proxy-team", WORD_OWNER_PROXY},
    [OWNER_DNS] = {"dns-team", WORD_OWNER_DNS},
    [OWNER_SECURITY] = {"security-team", WORD_OWNER_SECURITY},
    [OWNER_PLATFORM] = {"platform-team", WORD_OWNER_PLATFORM},
    [OWNER_NODE] = {"node-owner", WORD_OWNER_NODE},
    [OWNER_SETTING] = {"proxy-setting", WORD_OWNER_SETTING},
    [OWNER_KEY] = {"api-key-owner", WORD_OWNER_KEY},
    [OWNER_SERVICE] = {"service-vendor", WORD_OWNER_SERVICE},
};

const struct finding_text *
finding_text(enum finding_id id)
{
	return &texts[id];
}

bool
finding_from_str(enum finding_id *out, struct span id)
{
	for (unsigned i = 0; i < FINDING_COUNT; i++) {
		if (span_is_nocase(id, texts[i].id)) {
			*out = (enum finding_id)i;
			return true;
		}
	}
	return false;
}

const char *
severity_str(enum severity s)
{
	switch (s) {
	case SEVERITY_ERROR:
		return "error";
	case SEVERITY_WARNING:
		return "warning";
	case SEVERITY_INFO:
		return "info";
	}
	return "unknown";
}

const char *
owner_str(enum owner owner, enum lang lang)
{
	return word_str(owners[owner].word, lang);
}

const char *
owner_token(enum owner owner)
{
	return owners[owner].token;
}

static struct fact *
fact_find(struct facts *f, const char *key)
{
	for (size_t i = 0; i < f->count; i++) {
		if (strcmp(f->items[i].key, key) == 0)
			return &f->items[i];
	}
	return NULL;
}

void
fact_set(struct facts *f, const char *key, const char *value)
{
	struct fact *fact = fact_find(f, key);
	struct text out;

	if (value[0] == '\0') {
		if (fact != NULL)
			*fact = f->items[--f->count];
		return;
	}
	if (fact == NULL) {
		if (f->count == FACTS_MAX)
			return;
		fact = &f->items[f->count++];
		fact->key = key;
	}
	out = text_in(fact->value, sizeof(fact->value));
	text_line(&out, span_str(value));
	(void)text_end(&out);
}

void
fact_setf(struct facts *f, const char *key, const char *fmt, ...)
{
	char value[4 * FACT_MAX];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(value, sizeof(value), fmt, ap) < 0)
		value[0] = '\0';
	va_end(ap);
	fact_set(f, key, value);
}

const char *
fact_get(const struct facts *f, const char *key)
{
	for (size_t i = 0; i < f->count; i++) {
		if (strcmp(f->items[i].key, key) == 0)
			return f->items[i].value;
	}
	return NULL;
}

static const char *
fact_of(const struct facts *f, struct span key)
{
	for (size_t i = 0; i < f->count; i++) {
		if (span_is(key, f->items[i].key))
			return f->items[i].value;
	}
	return NULL;
}

/* The end of what begins behind a "{": the "}" that closes it, or the end. */
static size_t
brace_end(struct span t, size_t at)
{
	unsigned depth = 1;

	for (; at < t.len; at++) {
		if (t.ptr[at] == '{')
			depth++;
		else if (t.ptr[at] == '}' && --depth == 0)
			break;
	}
	return at;
}

static bool fill(struct text *out, struct span t, const struct facts *facts);

/* What stands between braces. */
static bool
fill_braced(struct text *out, struct span inner, const struct facts *facts)
{
	bool negated = inner.len > 0 && inner.ptr[0] == '!';
	const char *colon;
	const char *value;
	struct span key;

	if (negated)
		inner = span_of(inner.ptr + 1, inner.len - 1);
	colon = inner.len ? memchr(inner.ptr, ':', inner.len) : NULL;
	key = colon ? span_of(inner.ptr, (size_t)(colon - inner.ptr)) : inner;
	value = fact_of(facts, key);
	if (colon == NULL) {
		text_str(out, value ? value : "?");
		return value != NULL;
	}
	if ((value != NULL) == negated)
		return true;
	return fill(out, span_of(colon + 1, inner.len - key.len - 1), facts);
}

/* Recursion is as deep as templates nest, which are constants of ours. */
static bool
fill(struct text *out, struct span t, const struct facts *facts)
{
	bool ok = true;

	for (size_t i = 0; i < t.len; i++) {
		bool doubled = i + 1 < t.len && t.ptr[i + 1] == t.ptr[i];
		size_t end;

		if ((t.ptr[i] != '{' && t.ptr[i] != '}') || doubled) {
			text_char(out, t.ptr[i]);
			i += (t.ptr[i] == '{' || t.ptr[i] == '}') && doubled;
			continue;
		}
		end = brace_end(t, i + 1);
		ok &= fill_braced(
		    out, span_of(t.ptr + i + 1, end - i - 1), facts);
		i = end;
	}
	return ok;
}

bool
template_fill(struct text *out, const char *template, const struct facts *facts)
{
	return fill(out, span_str(template), facts);
}

/* ---- without a case at hand ---- */

static void show(struct text *out, struct span t);

/* {host_port} as HOST-PORT; a few read better otherwise. */
static void
show_key(struct text *out, struct span key)
{
	static const char *const words[][2] = {
	    {"at", "HOST:PORT"},
	    {"addr", "ADDRESS"},
	    {"addr_only", "ADDRESS"},
	    {"ms", "N"},
	    {"hosts_blank", "HOSTS"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (span_is(key, words[i][0])) {
			text_str(out, words[i][1]);
			return;
		}
	}
	for (size_t i = 0; i < key.len; i++)
		text_char(out,
		    (char)(key.ptr[i] == '_' ? '-' : ascii_upper(key.ptr[i])));
}

static bool
is_sentence(struct span s)
{
	static const char stop[] = "。";
	size_t len = sizeof(stop) - 1;

	return s.len > 0 && (s.ptr[s.len - 1] == '.' ||
				(s.len >= len && memcmp(s.ptr + s.len - len,
						     stop, len) == 0));
}

static bool
is_line_begin(const struct text *out)
{
	return out->len == 0 || out->buf[out->len - 1] == '\n';
}

/* What stands between the braces that open at t.ptr[at]. */
static struct span
braced(struct span t, size_t at)
{
	return span_of(t.ptr + at + 1, brace_end(t, at + 1) - at - 1);
}

/* Whether a group {key:text} begins at `at`: not {{, {key} or {!key:text}. */
static bool
is_positive(struct span t, size_t at)
{
	struct span inner;

	if (at + 1 >= t.len || t.ptr[at] != '{' || t.ptr[at + 1] == '{' ||
	    t.ptr[at + 1] == '!')
		return false;
	inner = braced(t, at);
	return memchr(inner.ptr, ':', inner.len) != NULL;
}

/* A group {key:text}, at t.ptr[at]; joined: others like it stand beside it. */
static void
show_positive(struct text *out, struct span t, size_t at, bool joined)
{
	struct span inner = braced(t, at);
	const char *colon = memchr(inner.ptr, ':', inner.len);
	struct span text =
	    span_of(colon + 1, inner.len - (size_t)(colon + 1 - inner.ptr));
	bool begins = is_line_begin(out);
	bool bare = text.len > 0 && text.ptr[0] == '{' &&
		    brace_end(text, 1) == text.len - 1 &&
		    memchr(text.ptr, ':', text.len) == NULL;

	if (joined && !begins && !is_sentence(text)) {
		show(out, text);
		if (is_positive(t, at + inner.len + 2))
			text_str(out, " / ");
	} else if (is_sentence(text) || (begins && !bare)) {
		show(out, text);
		if (begins && !is_line_begin(out))
			text_char(out, '\n');
	}
}

/* The group that opens at t.ptr[at]. */
static void
show_group(struct text *out, struct span t, size_t at, bool joined)
{
	struct span inner = braced(t, at);
	const char *colon =
	    inner.len ? memchr(inner.ptr, ':', inner.len) : NULL;

	if (is_positive(t, at))
		show_positive(out, t, at, joined);
	else if (colon == NULL)
		show_key(out, inner);
	else
		show(out, span_of(colon + 1,
			      inner.len - (size_t)(colon + 1 - inner.ptr)));
}

/* Recursion is as deep as templates nest, which are constants of ours. */
static void
show(struct text *out, struct span t)
{
	size_t after = SIZE_MAX; /* behind the last group {key:text} */

	for (size_t i = 0; i < t.len; i++) {
		bool doubled = i + 1 < t.len && t.ptr[i + 1] == t.ptr[i];
		bool brace = t.ptr[i] == '{' || t.ptr[i] == '}';
		size_t end;

		if (!brace || doubled) {
			text_char(out, t.ptr[i]);
			i += brace && doubled;
			continue;
		}
		end = brace_end(t, i + 1);
		show_group(out, t, i, after == i || is_positive(t, end + 1));
		after = is_positive(t, i) ? end + 1 : SIZE_MAX;
		i = end;
	}
}

void
template_show(struct text *out, const char *template)
{
	show(out, span_str(template));
	while (out->len > 0 && out->buf[out->len - 1] == '\n')
		out->len--;
}
