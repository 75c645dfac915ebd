/* SPDX-License-Identifier: Apache-2.0 */
#include "watch_files.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"

enum {
	STILL_MS = 200, /* editors and kubelet take several steps */
	EVENTS_MAX = 4096,
};

struct watch_files {
	struct event_base *base;
	struct event *event, *still;
	int fd; /* inotify(7); -1: watches nothing */
	uint64_t seen;
	char **paths; /* of files, and of folders with lists */
	size_t count;
	watch_files_fn changed;
	void *arg;
};

/* --- what the files are now -------------------------------------------------
 */

/* FNV-1a. */
static uint64_t
mix(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static uint64_t
mix_file(uint64_t hash, const char *path)
{
	struct stat st;
	uint64_t facts[5] = {0};

	if (stat(path, &st) == 0) {
		facts[0] = st.st_dev;
		facts[1] = st.st_ino;
		facts[2] = (uint64_t)st.st_size;
		facts[3] = (uint64_t)st.st_mtim.tv_sec;
		facts[4] = (uint64_t)st.st_mtim.tv_nsec;
	}
	return mix(hash, facts, sizeof(facts));
}

/* The order in which a folder gives its files is not theirs: sums are. */
static uint64_t
mix_path(uint64_t hash, const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	char name[PATH_MAX];
	uint64_t sum = 0;

	if (dir == NULL)
		return mix_file(hash, path);
	while ((entry = readdir(dir)) != NULL) {
		int n =
		    snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);

		if (entry->d_name[0] != '.' && n > 0 &&
		    (size_t)n < sizeof(name))
			sum += mix_file(
			    mix(0, entry->d_name, strlen(entry->d_name)), name);
	}
	(void)closedir(dir);
	return mix(hash, &sum, sizeof(sum));
}

static uint64_t
look(const struct watch_files *w)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < w->count; i++)
		hash = mix_path(hash, w->paths[i]);
	return hash;
}

/* --- events -----------------------------------------------------------------
 */

static void
on_still(evutil_socket_t fd, short what, void *arg)
{
	struct watch_files *w = arg;
	uint64_t now = look(w);

	(void)fd;
	(void)what;
	if (now == w->seen)
		return;
	w->seen = now;
	w->changed(w->arg);
}

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval still = {.tv_usec = STILL_MS * 1000L};
	struct watch_files *w = arg;
	char events[EVENTS_MAX];

	(void)what;
	while (read(fd, events, sizeof(events)) > 0)
		;
	(void)event_add(w->still, &still);
}

/* --- what is watched --------------------------------------------------------
 */

static void
forget(struct watch_files *w)
{
	(void)event_del(w->still);
	if (w->event != NULL)
		event_free(w->event);
	w->event = NULL;
	if (w->fd >= 0)
		(void)close(w->fd);
	w->fd = -1;
	for (size_t i = 0; i < w->count; i++)
		free(w->paths[i]);
	free(w->paths);
	w->paths = NULL;
	w->count = 0;
}

/* The folder that holds path. A folder that is gone is no error: the one above
 * it, of another path, tells when it comes back. */
static void
watch_folder_of(const struct watch_files *w, const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int len = slash == NULL ? 0 : (int)(slash - path);

	if (slash == NULL)
		(void)snprintf(folder, sizeof(folder), ".");
	else if (slash == path)
		(void)snprintf(folder, sizeof(folder), "/");
	else
		(void)snprintf(folder, sizeof(folder), "%.*s", len, path);
	if (inotify_add_watch(w->fd, folder,
		IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_TO |
		    IN_MOVED_FROM | IN_DELETE_SELF) < 0 &&
	    errno != ENOENT)
		log_warn("watch_failed", "folder=%s reason=\"%s\"", folder,
		    strerror(errno));
}

/* Both where the path leads through, and where it leads to. */
static void
add(struct watch_files *w, const char *path)
{
	char **grown = realloc(w->paths, (w->count + 1) * sizeof(*grown));
	char real[PATH_MAX];

	if (grown == NULL)
		return;
	w->paths = grown;
	w->paths[w->count] = strdup(path);
	if (w->paths[w->count] == NULL)
		return;
	w->count++;
	watch_folder_of(w, path);
	if (realpath(path, real) != NULL && strcmp(real, path) != 0)
		watch_folder_of(w, real);
}

static void
add_lists(struct watch_files *w, const char *dir)
{
	static const char *const parts[] = {"cloudone", "sets"};
	char path[PATH_MAX];

	add(w, dir);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		int n = snprintf(path, sizeof(path), "%s/%s", dir, parts[i]);

		if (n < 0 || (size_t)n >= sizeof(path) - 2)
			continue;
		add(w, path);
		(void)snprintf(path + n, sizeof(path) - (size_t)n, "/.");
		watch_folder_of(w, path);
	}
}

void
watch_files_set(struct watch_files *w, const char *file, const struct config *c)
{
	forget(w);
	if (!c->gateway.watch_files)
		return;
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->fd < 0) {
		log_error("watch_failed", "reason=\"%s\"", strerror(errno));
		return;
	}
	if (file != NULL)
		add(w, file);
	if (c->gateway.allowlist_dir != NULL)
		add_lists(w, c->gateway.allowlist_dir);
	for (size_t i = 0; i < c->gateway.extra.count; i++)
		add(w, c->gateway.extra.items[i]);
	for (size_t i = 0; i < c->listener_count; i++) {
		if (c->listeners[i].credentials != NULL)
			add(w, c->listeners[i].credentials);
	}
	if (c->upstream.parent_password_file != NULL)
		add(w, c->upstream.parent_password_file);
	w->seen = look(w);
	w->event = event_new(w->base, w->fd, EV_READ | EV_PERSIST, on_event, w);
	if (w->event == NULL || event_add(w->event, NULL) != 0)
		log_error("watch_failed", "reason=\"out of memory\"");
}

struct watch_files *
watch_files_new(struct event_base *base, watch_files_fn changed, void *arg)
{
	struct watch_files *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->base = base;
	w->fd = -1;
	w->changed = changed;
	w->arg = arg;
	w->still = evtimer_new(base, on_still, w);
	if (w->still != NULL)
		return w;
	free(w);
	return NULL;
}

void
watch_files_free(struct watch_files *w)
{
	if (w == NULL)
		return;
	forget(w);
	event_free(w->still);
	free(w);
}
