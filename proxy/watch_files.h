/* SPDX-License-Identifier: Apache-2.0
 *
 * Tells when a file that the configuration was made of has changed: by
 * inotify(7) on the folders that hold them, so that a file that is replaced,
 * and Kubernetes' swap of a symbolic link above it, count too. What else
 * happens in these folders does not. */
#ifndef SEKISHO_WATCH_FILES_H
#define SEKISHO_WATCH_FILES_H

#include <event2/event.h>

#include "config.h"
#include "core/span.h"

struct watch_files;

/* Called on the base's thread, once things have been still for a moment. */
typedef void (*watch_files_fn)(void *arg);

/* Watches nothing yet. NULL with errno. */
struct watch_files *watch_files_new(
    struct event_base *base, watch_files_fn changed, void *arg) MUST_CHECK;
void watch_files_free(struct watch_files *w); /* NULL is fine */

/* Watches file (NULL: none) and those that c names; nothing when
 * gateway.watch_files is off. Of files that were watched before, a change since
 * the last mark counts; of others, from now on. */
void watch_files_set(
    struct watch_files *w, const char *file, const struct config *c);

/* The files are about to be read: what they are now is known. */
void watch_files_mark(struct watch_files *w);

/* Whether exactly these are watched: then no change is missed between mark and
 * set. */
bool watch_files_has(const struct watch_files *w, const char *file,
    const struct config *c) MUST_CHECK;

#endif
