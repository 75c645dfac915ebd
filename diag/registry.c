/* SPDX-License-Identifier: Apache-2.0 */
#include "registry.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

enum {
	DOCUMENT_MAX = 256 * 1024,
	TOKEN_MAX = 16 * 1024,
	DIGEST_LEN = 7 + 64, /* "sha256:" and hex digits */
};

/* One of Docker's official images, a few megabytes, at the registry since it
 * was opened; only its manifest is loaded. */
#define REPOSITORY "docker/library/busybox"
#define TAG        "latest"

enum step {
	STEP_TOKEN,
	STEP_MANIFEST,
	STEP_PLATFORM, /* the manifest that an index points to */
	STEP_LAYER,
};

struct registry_walk {
	enum step step;
	char path[REGISTRY_PATH_MAX];
	char *token;
	char *document;
	size_t len;
};

struct registry_walk *
registry_new(const char *host)
{
	struct registry_walk *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->document = malloc(DOCUMENT_MAX);
	w->token = calloc(1, TOKEN_MAX);
	if (w->document == NULL || w->token == NULL) {
		registry_free(w);
		return NULL;
	}
	(void)snprintf(w->path, sizeof(w->path),
	    "/token/?service=%s&scope=repository:" REPOSITORY ":pull", host);
	return w;
}

void
registry_free(struct registry_walk *w)
{
	if (w == NULL)
		return;
	if (w->token != NULL)
		OPENSSL_cleanse(w->token, TOKEN_MAX);
	if (w->document != NULL)
		OPENSSL_cleanse(w->document, w->len);
	free(w->token);
	free(w->document);
	free(w);
}

const char *
registry_path(const struct registry_walk *w)
{
	return w->path;
}

const char *
registry_token(const struct registry_walk *w)
{
	return w->token;
}

bool
registry_at_layer(const struct registry_walk *w)
{
	return w->step == STEP_LAYER;
}

const char *
registry_accept(void)
{
	return "Accept: application/vnd.oci.image.manifest.v1+json, "
	       "application/vnd.docker.distribution.manifest.v2+json, "
	       "application/vnd.oci.image.index.v1+json, "
	       "application/vnd.docker.distribution.manifest.list.v2+json, "
	       "application/json";
}

bool
registry_take(struct registry_walk *w, struct span piece)
{
	if (piece.len > DOCUMENT_MAX - w->len)
		return false;
	memcpy(w->document + w->len, piece.ptr, piece.len);
	w->len += piece.len;
	return true;
}

/* What goes into a header line must not end it. */
static bool
is_token(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n >= TOKEN_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] <= ' ' || s[i] >= 0x7F)
			return false;
	}
	return true;
}

static bool
is_digest(const char *s)
{
	return s != NULL && strlen(s) == DIGEST_LEN &&
	       memcmp(s, "sha256:", 7) == 0 &&
	       strspn(s + 7, "0123456789abcdef") == 64;
}

static bool
take_token(struct registry_walk *w, const json_t *answer)
{
	const char *token = json_string_value(json_object_get(answer, "token"));

	if (token == NULL || !is_token(token))
		return false;
	memcpy(w->token, token, strlen(token) + 1);
	(void)snprintf(
	    w->path, sizeof(w->path), "/v2/" REPOSITORY "/manifests/" TAG);
	w->step = STEP_MANIFEST;
	return true;
}

/* The digest of the first of a list of descriptors. NULL: none. */
static const char *
first_digest(const json_t *document, const char *list)
{
	const json_t *first =
	    json_array_get(json_object_get(document, list), 0);
	const char *digest =
	    json_string_value(json_object_get(first, "digest"));

	return is_digest(digest) ? digest : NULL;
}

static bool
take_manifest(struct registry_walk *w, const json_t *document)
{
	const char *digest = first_digest(document, "layers");
	const char *kind = "blobs";
	enum step next = STEP_LAYER;

	if (digest == NULL && w->step == STEP_MANIFEST) {
		digest = first_digest(document, "manifests");
		kind = "manifests";
		next = STEP_PLATFORM;
	}
	if (digest == NULL)
		return false;
	(void)snprintf(
	    w->path, sizeof(w->path), "/v2/" REPOSITORY "/%s/%s", kind, digest);
	w->step = next;
	return true;
}

bool
registry_next(struct registry_walk *w, int status)
{
	json_t *document;
	bool more;

	if (status != 200 || w->step == STEP_LAYER)
		return false;
	document = json_loadb(w->document, w->len, 0, NULL);
	more = w->step == STEP_TOKEN ? take_token(w, document)
				     : take_manifest(w, document);
	json_decref(document);
	OPENSSL_cleanse(w->document, w->len);
	w->len = 0;
	return more;
}
