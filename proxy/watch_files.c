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
#include "net/loop.h"

enum {
	STILL_MS = 200, /* editors and kubelet take several steps */
	MOST_MS = 2000, /* a folder that is never still is looked at too */
	EVENTS_MAX = 4096,
};

struct paths { /* of files, and of folders with lists */
	char **items;
	size_t count;
};

struct watch_files {
	struct event_base *base;
	struct event *event, *still;
	int fd; /* inotify(7); -1: watches nothing */
	uint64_t seen;
	uint64_t since_ns; /* the first event since the last look */
	struct paths paths;
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

	for (size_t i = 0; i < w->paths.count; i++)
		hash = mix_path(hash, w->paths.items[i]);
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
wait_until_still(struct watch_files *w)
{
	static const struct timeval still = {.tv_usec = STILL_MS * 1000L};
	uint64_t now = clock_now_ns();

	if (evtimer_pending(w->still, NULL) == 0)
		w->since_ns = now;
	if (now - w->since_ns < MOST_MS * UINT64_C(1000000))
		(void)event_add(w->still, &still);
}

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	struct watch_files *w = arg;
	char events[EVENTS_MAX];

	(void)what;
	while (read(fd, events, sizeof(events)) > 0)
		;
	wait_until_still(w);
}

/* --- what is watched --------------------------------------------------------
 */

static void
paths_fini(struct paths *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->items[i]);
	free(p->items);
	*p = (struct paths){.count = 0};
}

static void
paths_add(struct paths *p, const char *path)
{
	char **grown = realloc(p->items, (p->count + 1) * sizeof(*grown));

	if (grown == NULL)
		return;
	p->items = grown;
	p->items[p->count] = strdup(path);
	if (p->items[p->count] != NULL)
		p->count++;
}

static bool
paths_equal(const struct paths *a, const struct paths *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++) {
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	}
	return a->count == b->count;
}

static void
paths_add_lists(struct paths *p, const char *dir)
{
	static const char *const parts[] = {"cloudone", "sets"};
	char path[PATH_MAX];

	paths_add(p, dir);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		int n = snprintf(path, sizeof(path), "%s/%s", dir, parts[i]);

		if (n > 0 && (size_t)n < sizeof(path))
			paths_add(p, path);
	}
}

static void
paths_add_named(struct paths *p, const char *path)
{
	if (path != NULL)
		paths_add(p, path);
}

/* What a configuration was made of; nothing without gateway.watch_files. */
static struct paths
paths_of(const char *file, const struct config *c)
{
	struct paths p = {.count = 0};

	if (!c->gateway.watch_files)
		return p;
	paths_add_named(&p, file);
	if (c->gateway.allowlist_dir != NULL)
		paths_add_lists(&p, c->gateway.allowlist_dir);
	for (size_t i = 0; i < c->gateway.extra.count; i++)
		paths_add(&p, c->gateway.extra.items[i]);
	for (size_t i = 0; i < c->listener_count; i++) {
		const struct config_listener *l = &c->listeners[i];

		paths_add_named(&p, l->credentials);
		paths_add_named(&p, l->tls_certificate);
		paths_add_named(&p, l->tls_key);
		paths_add_named(&p, l->tls_client_ca);
	}
	paths_add_named(&p, c->upstream.parent_password_file);
	paths_add_named(&p, c->upstream.parent_ca_file);
	return p;
}

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
}

/* The folder that holds path. A folder that is gone is no error: the one above
 * it, of another path, tells when it comes back. */
static void
watch_folder_of(const struct watch_files *w, const char *path)
{
	char folder[PATH_MAX + 2];
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

/* Where the path leads through, where it leads to, and a folder itself. */
static void
watch_path(const struct watch_files *w, const char *path)
{
	char real[PATH_MAX], self[PATH_MAX + 2];
	struct stat st;

	watch_folder_of(w, path);
	if (realpath(path, real) == NULL)
		return;
	if (strcmp(real, path) != 0)
		watch_folder_of(w, real);
	if (stat(real, &st) == 0 && S_ISDIR(st.st_mode)) {
		(void)snprintf(self, sizeof(self), "%s/.", real);
		watch_folder_of(w, self);
	}
}

static bool
arm(struct watch_files *w)
{
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->fd < 0) {
		log_error("watch_failed", "reason=\"%s\"", strerror(errno));
		return false;
	}
	for (size_t i = 0; i < w->paths.count; i++)
		watch_path(w, w->paths.items[i]);
	w->event = event_new(w->base, w->fd, EV_READ | EV_PERSIST, on_event, w);
	if (w->event != NULL && event_add(w->event, NULL) == 0)
		return true;
	log_error("watch_failed", "reason=\"out of memory\"");
	return false;
}

void
watch_files_set(struct watch_files *w, const char *file, const struct config *c)
{
	struct paths paths = paths_of(file, c);
	bool same = paths_equal(&paths, &w->paths);

	forget(w);
	paths_fini(&w->paths);
	w->paths = paths;
	if (paths.count == 0 || !arm(w))
		return;
	if (!same)
		w->seen = look(w);
	else if (look(w) != w->seen)
		wait_until_still(w); /* while nobody was watching */
}

void
watch_files_mark(struct watch_files *w)
{
	w->seen = look(w);
}

bool
watch_files_has(
    const struct watch_files *w, const char *file, const struct config *c)
{
	struct paths paths = paths_of(file, c);
	bool same = paths_equal(&paths, &w->paths);

	paths_fini(&paths);
	return same;
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
	paths_fini(&w->paths);
	event_free(w->still);
	free(w);
}
