/* SPDX-License-Identifier: Apache-2.0 */
#include "core/htpasswd.h"

#include <stdlib.h>

/* The alphabet of crypt(5), in which hashes and salts are written. */
static const char hash64[] = "./0123456789"
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz";

enum {
	BCRYPT_LEN = 53, /* salt and hash behind "$2b$NN$" */
	SHA512_SALT_MAX = 16,
	SHA512_LEN = 86,
	YESCRYPT_LEN = 43,
	YESCRYPT_PART_MAX = 86, /* parameters, and salt */
	NUMBER_DIGITS_MAX = 9,
};

static bool
cut_prefix(struct span *s, const char *prefix)
{
	size_t len = strlen(prefix);

	if (s->len < len || memcmp(s->ptr, prefix, len) != 0)
		return false;
	*s = span_of(s->ptr + len, s->len - len);
	return true;
}

/* Cuts what stands before the next end, which goes too. */
static bool
cut_part(struct span *s, char end, struct span *part)
{
	const char *at = s->len > 0 ? memchr(s->ptr, end, s->len) : NULL;

	if (at == NULL)
		return false;
	*part = span_of(s->ptr, (size_t)(at - s->ptr));
	*s = span_of(at + 1, s->len - part->len - 1);
	return true;
}

static bool
is_hash64(struct span s, size_t min, size_t max)
{
	if (s.len < min || s.len > max)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (memchr(hash64, s.ptr[i], sizeof(hash64) - 1) == NULL)
			return false;
	}
	return true;
}

static bool
number(struct span s, unsigned *out)
{
	*out = 0;
	if (s.len == 0 || s.len > NUMBER_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		*out = *out * 10 + (unsigned)(s.ptr[i] - '0');
	}
	return true;
}

/* The functions below get what stands behind the prefix. NULL: fine; else what
 * is wrong. */

static const char *
judge_bcrypt(struct span s)
{
	struct span part;
	unsigned cost;

	if (!cut_part(&s, '$', &part) || part.len != 2 ||
	    !number(part, &cost) || cost < 4 ||
	    !is_hash64(s, BCRYPT_LEN, BCRYPT_LEN))
		return "malformed bcrypt hash";
	return cost > HTPASSWD_BCRYPT_COST_MAX
		   ? "bcrypt cost above 14: a check would take seconds"
		   : NULL;
}

static const char *
judge_sha512(struct span s)
{
	static const char malformed[] = "malformed SHA-512 hash";
	struct span part;
	unsigned rounds = 5000;

	if (cut_prefix(&s, "rounds=") &&
	    (!cut_part(&s, '$', &part) || !number(part, &rounds) ||
		rounds < 1000))
		return malformed;
	if (!cut_part(&s, '$', &part) || !is_hash64(part, 1, SHA512_SALT_MAX) ||
	    !is_hash64(s, SHA512_LEN, SHA512_LEN))
		return malformed;
	return rounds > HTPASSWD_SHA512_ROUNDS_MAX
		   ? "more than 1000000 rounds: a check would take seconds"
		   : NULL;
}

static const char *
judge_yescrypt(struct span s)
{
	struct span settings, salt;

	return cut_part(&s, '$', &settings) && cut_part(&s, '$', &salt) &&
		       is_hash64(settings, 1, YESCRYPT_PART_MAX) &&
		       is_hash64(salt, 1, YESCRYPT_PART_MAX) &&
		       is_hash64(s, YESCRYPT_LEN, YESCRYPT_LEN)
		   ? NULL
		   : "malformed yescrypt hash";
}

static const char *
judge_hash(struct span hash)
{
	struct span rest = hash;

	if (hash.len == 0)
		return "no hash behind the user";
	if (hash.len > HTPASSWD_HASH_MAX)
		return "hash is too long";
	if (cut_prefix(&rest, "$2a$") || cut_prefix(&rest, "$2b$") ||
	    cut_prefix(&rest, "$2y$"))
		return judge_bcrypt(rest);
	if (cut_prefix(&rest, "$6$"))
		return judge_sha512(rest);
	if (cut_prefix(&rest, "$y$"))
		return judge_yescrypt(rest);
	return "not a bcrypt ($2y$), yescrypt ($y$) or SHA-512 ($6$) hash: "
	       "make one with sekisho-proxy --hash-password";
}

/* UTF-8 is not looked into: clients send what they like, and bytes either
 * match or do not. */
static const char *
judge_name(struct span name)
{
	if (name.len == 0)
		return "no user before the colon";
	if (name.len > HTPASSWD_USER_MAX)
		return "user name of more than 255 bytes";
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.ptr[i];

		if (c < 0x20 || c == 0x7f)
			return "control character in the user name";
	}
	return NULL;
}

static const char *
judge_line(struct span line, struct span *name, struct span *hash)
{
	const char *wrong;

	if (!cut_part(&line, ':', name))
		return "expected user:hash";
	*hash = line;
	if (line.len > 0 && memchr(line.ptr, ':', line.len) != NULL)
		return "more than one colon: expected user:hash";
	wrong = judge_name(*name);
	return wrong != NULL ? wrong : judge_hash(*hash);
}

/* Room for one more; the array doubles. */
static bool
grow(struct htpasswd *h)
{
	struct htpasswd_user *grown;
	size_t n = h->count;

	if (n > 0 && (n & (n - 1)) != 0)
		return true;
	grown = realloc(h->users, (n == 0 ? 1 : 2 * n) * sizeof(*grown));
	if (grown == NULL)
		return false;
	h->users = grown;
	return true;
}

/* line lies in h->text, whose byte behind it may be written. */
static bool
take_line(struct htpasswd *h, struct span line, const struct ini_place *at)
{
	struct span name = {.len = 0}, hash = {.len = 0};
	const char *wrong;
	size_t from = (size_t)(line.ptr - h->text);

	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (line.len == 0 || line.ptr[0] == '#')
		return true;
	wrong = judge_line(line, &name, &hash);
	if (wrong == NULL && !grow(h))
		wrong = "out of memory";
	if (wrong != NULL) {
		ini_error_at(at, "%s", wrong);
		return false;
	}
	h->text[from + name.len] = '\0';
	h->text[from + line.len] = '\0';
	h->users[h->count++] = (struct htpasswd_user){
	    .name = h->text + from,
	    .hash = h->text + from + name.len + 1,
	    .line = at->line,
	};
	return true;
}

static int
compare_users(const void *a, const void *b)
{
	const struct htpasswd_user *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (order != 0)
		return order;
	return x->line < y->line ? -1 : 1;
}

/* Sorts, after which a name given twice stands beside itself. */
static bool
put_in_order(struct htpasswd *h, struct ini_place *at)
{
	bool ok = true;

	qsort(h->users, h->count, sizeof(*h->users), compare_users);
	for (size_t i = 1; i < h->count; i++) {
		if (strcmp(h->users[i - 1].name, h->users[i].name) != 0)
			continue;
		at->line = h->users[i].line;
		ini_error_at(at, "user %s: given twice, first in line %u",
		    h->users[i].name, h->users[i - 1].line);
		ok = false;
	}
	return ok;
}

static bool
take_lines(struct htpasswd *h, struct span rest, struct ini_place *at)
{
	bool ok = true;

	while (rest.len > 0) {
		const char *end = memchr(rest.ptr, '\n', rest.len);
		size_t len = end != NULL ? (size_t)(end - rest.ptr) : rest.len;
		size_t skip = end != NULL ? len + 1 : len;

		at->line++;
		ok = take_line(h, span_of(rest.ptr, len), at) && ok;
		rest = span_of(rest.ptr + skip, rest.len - skip);
	}
	return ok;
}

bool
htpasswd_parse(struct htpasswd *out, const char *name, struct span text,
    ini_error_fn error, void *arg)
{
	struct ini_place at = {.file = name, .error = error, .arg = arg};
	bool ok;

	*out = (struct htpasswd){.text = malloc(text.len + 1)};
	if (out->text == NULL) {
		ini_error_at(&at, "out of memory");
		return false;
	}
	if (text.len > 0)
		memcpy(out->text, text.ptr, text.len);
	out->text[text.len] = '\0';
	ok = take_lines(out, span_of(out->text, text.len), &at);
	if (out->count > 0) {
		ok = put_in_order(out, &at) && ok;
	} else if (ok) {
		at.line = 0;
		ini_error_at(&at, "holds no user");
		ok = false;
	}
	if (!ok)
		htpasswd_fini(out);
	return ok;
}

void
htpasswd_fini(struct htpasswd *h)
{
	free(h->users);
	free(h->text);
	*h = (struct htpasswd){.count = 0};
}

const struct htpasswd_user *
htpasswd_find(const struct htpasswd *h, struct span name)
{
	size_t low = 0, high = h->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		size_t len = strlen(h->users[mid].name);
		size_t common = len < name.len ? len : name.len;
		int order = memcmp(h->users[mid].name, name.ptr, common);

		if (order == 0 && len == name.len)
			return &h->users[mid];
		if (order < 0 || (order == 0 && len < name.len))
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}
