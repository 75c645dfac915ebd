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

/* Watches, from what they are now on, file (NULL: none) and those that c names;
 * nothing when gateway.watch_files is off. */
void watch_files_set(
    struct watch_files *w, const char *file, const struct config *c);

#endif
