/* SPDX-License-Identifier: Apache-2.0
 *
 * Which files the gateway may open for the rest of its life: what a reload
 * reads, what the log and Unix listeners write. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "core/log.h"
#include "serve_internal.h"

enum {
	KEY_MAX = 80,
};

/* A place of the configuration and how it is used. */
typedef bool (*place_fn)(
    struct server *s, const char *key, const char *path, enum sandbox_use use);

struct walk {
	struct server *server;
	place_fn fn;
	bool ok;
};

static void
on_path(void *arg, const char *key, const char *path)
{
	struct walk *w = arg;

	w->ok = w->fn(w->server, key, path, SANDBOX_READ) && w->ok;
}

static bool
is_file(const char *log)
{
	return strcmp(log, "stdout") != 0 && strcmp(log, "off") != 0;
}

/* Everything that a reload may open. */
static bool
walk_config(struct server *s, const struct config *c, place_fn fn)
{
	struct walk w = {.server = s, .fn = fn, .ok = true};

	if (s->sources->file != NULL)
		on_path(&w, "--config", s->sources->file);
	config_show_paths(c, on_path, &w);
	for (size_t i = 0; i < c->listener_count; i++) {
		const struct config_listener *l = &c->listeners[i];
		char key[KEY_MAX];

		if (l->unix_path == NULL)
			continue;
		(void)snprintf(
		    key, sizeof(key), "listener %s.address", l->name);
		w.ok = fn(s, key, l->unix_path, SANDBOX_SOCKET) && w.ok;
	}
	return w.ok;
}

/* --- at the start ------------------------------------------------------------
 */

static bool
allow(struct server *s, const char *key, const char *path, enum sandbox_use use)
{
	(void)key;
	return sandbox_allow(&s->sandbox, path, use);
}

/* The capabilities that could open any file are gone. */
static bool
try_to_read(
    struct server *s, const char *key, const char *path, enum sandbox_use use)
{
	int fd = -1;

	(void)s;
	if (use != SANDBOX_READ)
		return true;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		return close(fd) == 0;
	log_warn("reload_impossible",
	    "key=\"%s\" path=\"%s\" reason=\"%s\" do=\"let the user that the "
	    "gateway runs as read it: no capability is left that would\"",
	    key, path, strerror(errno));
	return true;
}

/* What the libraries read, now or later. */
static bool
allow_system(struct sandbox *sb)
{
	static const char *const paths[] = {
		"/etc/hosts", /* asked at each lookup */
#if SANDBOX_SANITIZED
		"/proc",
		"/usr",
		"/lib",
		"/lib64",
		"/proc/self/exe",
#endif
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (!sandbox_allow(sb, paths[i], SANDBOX_READ))
			return false;
	}
#ifdef SEKISHO_SANDBOX_GCOV
	if (!sandbox_allow(sb, SEKISHO_SANDBOX_GCOV, SANDBOX_WRITE))
		return false;
#endif
	return true;
}

bool
serve_sandbox_enter(struct server *s)
{
	const char *log = s->config->log.access;
	const char *path = s->config->gateway.handover;

	if (!s->sandboxed) {
		log_warn("sandbox",
		    "no_new_privs=on capabilities=kept seccomp=off "
		    "landlock=off reason=\"--no-sandbox\"");
		return true;
	}
	/* It reads its own configuration at its first use, which may be late.
	 */
	(void)OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
	if (!allow_system(&s->sandbox) || !walk_config(s, s->config, allow) ||
	    (is_file(log) && !sandbox_allow(&s->sandbox, log, SANDBOX_WRITE)) ||
	    (path != NULL &&
		!sandbox_allow(&s->sandbox, path, SANDBOX_SOCKET))) {
		log_error("start_failed", "reason=\"out of memory\"");
		return false;
	}
	sandbox_enter(&s->sandbox);
	return walk_config(s, s->config, try_to_read);
}

/* --- at a reload -------------------------------------------------------------
 */

static bool
is_covered(
    struct server *s, const char *key, const char *path, enum sandbox_use use)
{
	if (sandbox_covers(&s->sandbox, path, use))
		return true;
	log_error("reload_failed",
	    "key=\"%s\" path=\"%s\" reason=\"the sandbox was closed around "
	    "other folders at the start\" do=\"restart, or keep files where "
	    "those of the start are: in a folder of their own\"",
	    key, path);
	return false;
}

bool
serve_sandbox_covers(struct server *s, const struct config *next)
{
	return walk_config(s, next, is_covered);
}
