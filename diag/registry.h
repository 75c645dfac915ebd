/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of an image pull up to its first layer, as a client without an
 * account goes it (OCI Distribution Specification, "Pulling manifests" and
 * "Pulling blobs"; public.ecr.aws gives a token to anybody): token, manifest
 * (through an index of platforms where there is one), layer. Pure: the caller
 * sends and receives. */
#ifndef SEKISHO_DIAG_REGISTRY_H
#define SEKISHO_DIAG_REGISTRY_H

#include <stdbool.h>

#include "core/span.h"

enum {
	REGISTRY_PATH_MAX = 400, /* with its NUL */
};

struct registry_walk;

/* A walk through the registry at host, at its first request. NULL: out of
 * memory. Ended by registry_free(), which wipes the token; NULL is fine. */
struct registry_walk *registry_new(const char *host) MUST_CHECK;
void registry_free(struct registry_walk *w);

/* What is to be asked now, and the bearer token for it ("": none yet). Theirs
 * until the next registry_next(). */
const char *registry_path(const struct registry_walk *w);
const char *registry_token(const struct registry_walk *w);

/* Whether the layer is asked for now: what that is redirected to serves it. */
bool registry_at_layer(const struct registry_walk *w);

/* The header line with the kinds of manifest that are understood. */
const char *registry_accept(void);

/* A piece of the answer's body. False: it is longer than any such document. */
bool registry_take(struct registry_walk *w, struct span piece) MUST_CHECK;

/* The answer is complete, with this HTTP status. True: there is a next request.
 * False: the walk is over, at the layer or at an answer that leads nowhere. */
bool registry_next(struct registry_walk *w, int status) MUST_CHECK;

#endif
