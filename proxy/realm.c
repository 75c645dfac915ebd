/* SPDX-License-Identifier: Apache-2.0 */
#include "realm.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Memory of one digest: written whole before it is shown, freed with all. */
struct known {
	uint8_t digest[REALM_DIGEST_LEN];
};

struct realm {
	struct htpasswd file;
	_Atomic(struct known *) *known; /* of the user of the same place */
};

struct realm *
realm_load(const char *path, ini_error_fn error, void *arg)
{
	struct ini_place at = {.file = path, .error = error, .arg = arg};
	struct realm *r;
	size_t len;
	char *text = ini_read_file(path, &len, error, arg);

	if (text == NULL)
		return NULL;
	r = calloc(1, sizeof(*r));
	if (r == NULL) {
		ini_error_at(&at, "out of memory");
	} else if (!htpasswd_parse(
		       &r->file, path, span_of(text, len), error, arg)) {
		free(r);
		r = NULL;
	}
	explicit_bzero(text, len);
	free(text);
	if (r == NULL)
		return NULL;
	r->known = calloc(r->file.count, sizeof(*r->known));
	if (r->known != NULL)
		return r;
	ini_error_at(&at, "out of memory");
	realm_free(r);
	return NULL;
}

void
realm_free(struct realm *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; r->known != NULL && i < r->file.count; i++)
		free(atomic_load(&r->known[i]));
	free(r->known);
	htpasswd_fini(&r->file);
	free(r);
}

const struct htpasswd_user *
realm_find(const struct realm *r, struct span user)
{
	return htpasswd_find(&r->file, user);
}

const char *
realm_any_hash(const struct realm *r)
{
	return r->file.users[0].hash;
}

static _Atomic(struct known *) *
known_of(const struct realm *r, const struct htpasswd_user *user)
{
	return &r->known[user - r->file.users];
}

bool
realm_knows(const struct realm *r, const struct htpasswd_user *user,
    const uint8_t *digest)
{
	const struct known *k = atomic_load(known_of(r, user));
	unsigned differ = 0;

	if (k == NULL)
		return false;
	for (size_t i = 0; i < REALM_DIGEST_LEN; i++)
		differ |= (unsigned)(k->digest[i] ^ digest[i]);
	return differ == 0;
}

void
realm_learn(const struct realm *r, const struct htpasswd_user *user,
    const uint8_t *digest)
{
	struct known *none = NULL, *k = malloc(sizeof(*k));

	if (k == NULL)
		return; /* the next request waits for the hash again */
	memcpy(k->digest, digest, sizeof(k->digest));
	if (!atomic_compare_exchange_strong(known_of(r, user), &none, k))
		free(k);
}
