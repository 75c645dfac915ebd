/* SPDX-License-Identifier: Apache-2.0 */
#include "auth.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "core/log.h"
#include "hasher.h"

struct auth {
	struct hasher *hasher;
	struct penalties *penalties;
	uint8_t key[REALM_DIGEST_LEN]; /* of the digests; of this process */
};

struct auth_check {
	struct hash_job *job;
	const struct realm *realm;
	const struct htpasswd_user *user; /* NULL: there is none */
	auth_fn fn;
	void *arg;
	uint8_t digest[REALM_DIGEST_LEN];
	bool has_digest;
};

struct auth *
auth_new(unsigned workers)
{
	unsigned threads = 1 + workers / 4;
	struct auth *a = calloc(1, sizeof(*a));

	if (threads > HASHER_THREADS_MAX)
		threads = HASHER_THREADS_MAX;
	if (a != NULL) {
		a->hasher = hasher_new(threads);
		a->penalties = penalties_new();
		if (a->hasher != NULL && a->penalties != NULL &&
		    RAND_bytes(a->key, sizeof(a->key)) == 1)
			return a;
	}
	log_error("start_failed",
	    "reason=\"cannot prepare the check of credentials\"");
	auth_free(a);
	return NULL;
}

bool
auth_start(struct auth *a)
{
	if (hasher_start(a->hasher))
		return true;
	log_error("start_failed",
	    "reason=\"cannot start a thread for credentials: %s\"",
	    strerrordesc_np(errno));
	return false;
}

void
auth_stop(struct auth *a)
{
	if (a != NULL)
		hasher_stop(a->hasher);
}

void
auth_free(struct auth *a)
{
	if (a == NULL)
		return;
	hasher_free(a->hasher);
	penalties_free(a->penalties);
	explicit_bzero(a->key, sizeof(a->key));
	free(a);
}

/* Over user and password with their lengths, so that no two pairs are the same
 * bytes. */
static bool
digest_of(const struct auth *a, const struct credentials *c, uint8_t *out)
{
	unsigned char all[2 * CREDENTIAL_MAX + 2];
	unsigned len = REALM_DIGEST_LEN;
	size_t n = 0;
	bool ok;

	all[n++] = (unsigned char)c->user_len;
	memcpy(all + n, c->user, c->user_len);
	n += c->user_len;
	all[n++] = (unsigned char)c->password_len;
	memcpy(all + n, c->password, c->password_len);
	n += c->password_len;
	ok = HMAC(EVP_sha256(), a->key, sizeof(a->key), all, n, out, &len) !=
		 NULL &&
	     len == REALM_DIGEST_LEN;
	explicit_bzero(all, sizeof(all));
	return ok;
}

static void
on_hashed(void *arg, bool good)
{
	struct auth_check *check = arg;
	const struct htpasswd_user *user = good ? check->user : NULL;
	auth_fn fn = check->fn;
	void *fn_arg = check->arg;

	if (user != NULL && check->has_digest)
		realm_learn(check->realm, user, check->digest);
	free(check);
	fn(fn_arg, user);
}

enum auth_result
auth_start_check(struct auth_check **out, const struct htpasswd_user **user,
    struct auth *a, const struct auth_request *r)
{
	const struct credentials *c = r->credentials;
	struct auth_check *check = calloc(1, sizeof(*check));
	struct hash_request job = {.hash = realm_any_hash(r->realm),
	    .credentials = c,
	    .client = r->client,
	    .loop = r->loop,
	    .fn = on_hashed,
	    .arg = check};

	if (check == NULL)
		return AUTH_BUSY;
	*check = (struct auth_check){.realm = r->realm,
	    .user = realm_find(r->realm, span_of(c->user, c->user_len)),
	    .fn = r->fn,
	    .arg = r->arg};
	check->has_digest = digest_of(a, c, check->digest);
	*user = check->user;
	if (check->user != NULL && check->has_digest &&
	    realm_knows(r->realm, check->user, check->digest)) {
		free(check);
		return AUTH_GOOD;
	}
	if (check->user != NULL)
		job.hash = check->user->hash;
	if (penalty_is_full(a->penalties, &r->client) ||
	    !hash_start(&check->job, a->hasher, &job)) {
		free(check);
		return AUTH_BUSY;
	}
	*out = check;
	return AUTH_LATER;
}

void
auth_cancel(struct auth_check **check)
{
	if (*check == NULL)
		return;
	hash_cancel(&(*check)->job);
	free(*check);
	*check = NULL;
}

struct penalties *
auth_penalties(struct auth *a)
{
	return a->penalties;
}
