/* SPDX-License-Identifier: Apache-2.0
 *
 * Another configuration while clients are served: read and made ready as a
 * whole, and only then handed to each worker. Tunnels go on by the one that
 * they began with. */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/log.h"
#include "core/text.h"
#include "serve_internal.h"
#include "session.h"

enum {
	REASON_MAX = 1200,
};

static void
log_reason(const char *event, const char *text)
{
	char buf[REASON_MAX];
	struct text t = text_in(buf, sizeof(buf));

	text_logfmt(&t, span_str(text));
	log_error(event, "reason=%s", text_end(&t));
}

static void
on_config_warning(void *arg, const char *text)
{
	char buf[REASON_MAX];
	struct text t = text_in(buf, sizeof(buf));

	(void)arg;
	text_logfmt(&t, span_str(text));
	log_warn("config_warning", "reason=%s", text_end(&t));
}

void
serve_warn(const struct config *c)
{
	config_warnings(c, on_config_warning, NULL);
}

static void
on_config_error(void *arg, const char *text)
{
	(void)arg;
	log_reason("reload_failed", text);
}

/* The name of a key. */
static void
on_restart_key(void *arg, const char *text)
{
	(void)arg;
	log_warn("reload_incomplete",
	    "key=%s reason=\"a change of it takes a restart; what it was at "
	    "the start stays in force\"",
	    text);
}

/* NULL after log lines. */
static struct config *
read_config(struct server *s)
{
	struct config *c = config_load(s->sources, on_config_error, NULL);

	if (c == NULL)
		return NULL;
	if (serve_sandbox_covers(s, c))
		c->policy = config_policy(c, on_config_error, NULL);
	if (c->policy != NULL && config_read_secrets(c, on_config_error, NULL))
		return c;
	config_free(c);
	return NULL;
}

static bool
slot_of_rule(void *arg, const struct allowlist_entry *e, size_t *slot)
{
	char buf[HOSTNAME_MAX + sizeof("*.:65535")];
	struct text t = text_in(buf, sizeof(buf));

	if (e->suffix)
		text_str(&t, "*.");
	text_add(&t, span_of(e->host.text, e->host.len));
	text_char(&t, ':');
	text_u64(&t, e->port);
	return slots_get(arg, span_of(buf, t.len), slot);
}

bool
serve_place_counters(struct server *s, struct config *c)
{
	bool ok = policy_set_slots(c->policy, slot_of_rule, s->rule_slots);

	for (size_t i = 0; ok && i < c->listener_count; i++)
		ok = slots_get(s->door_slots, span_str(c->listeners[i].name),
		    &c->listeners[i].slot);
	for (unsigned i = 0; ok && i < s->worker_count; i++)
		ok = worker_metrics_grow(
		    s->metrics[i], slots_count(s->rule_slots));
	if (!ok)
		log_reason("reload_failed",
		    "no memory for the counters of so many different names "
		    "since the start; restart");
	return ok;
}

/* In a worker's thread. */
static void
on_updated(void *arg)
{
	static const uint64_t one = 1;
	const struct server *s = arg;

	(void)!write(s->reload.fd, &one, sizeof(one));
}

static void
finish(struct server *s)
{
	struct reload *r = &s->reload;
	size_t endpoints;

	for (unsigned i = 0; i < s->worker_count; i++)
		doors_taken(&r->doors, i);
	doors_replace(&s->doors, &r->doors);
	s->doors = r->doors;
	r->doors = (struct doors){.config = NULL};
	config_free(s->config);
	s->config = r->next;
	r->next = NULL;
	log_set_level((enum log_level)s->config->log.level);
	s->metrics_source.reloads++;
	s->metrics_source.last_reload_unix_ns = clock_unix_ns();
	if (!serve_show_config(s))
		log_reason("metrics_failed", "out of memory");
	watch_files_set(s->watch_files, s->sources->file, s->config);
	(void)policy_rules(s->config->policy, &endpoints);
	(void)config_restart_keys(s->first, s->config, on_restart_key, NULL);
	serve_notify_reloaded(s);
	serve_warn_of_mode(s);
	serve_warn(s->config);
	log_info("reloaded", "endpoints=%zu listeners=%zu", endpoints,
	    s->config->listener_count);
}

static void
on_taken(evutil_socket_t fd, short what, void *arg)
{
	struct server *s = arg;
	struct reload *r = &s->reload;
	uint64_t count = 0;

	(void)what;
	if (read(fd, &count, sizeof(count)) != (ssize_t)sizeof(count))
		return;
	r->waiting -= count < r->waiting ? (unsigned)count : r->waiting;
	if (r->waiting > 0)
		return;
	finish(s);
	reload_if_asked(s);
}

void
reload_if_asked(struct server *s)
{
	bool again = s->reload.again;

	s->reload.again = false;
	if (again)
		reload_start(s);
}

static void
on_changed(void *arg)
{
	log_info("files_changed", "reason=\"gateway.watch_files is on\"");
	reload_start(arg);
}

bool
reload_init(struct server *s)
{
	s->reload.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->watch_files = watch_files_new(s->base, on_changed, s);
	if (s->reload.fd < 0 || s->watch_files == NULL ||
	    !serve_add_event(
		s, &s->reload.event, s->reload.fd, EV_READ, on_taken))
		return false;
	watch_files_set(s->watch_files, s->sources->file, s->config);
	return true;
}

/* Files that the configuration in force did not name were not watched when the
 * new one was read, and may have changed since: watches them, and reads again.
 */
static struct config *
read_watched(struct server *s)
{
	struct config *c;

	watch_files_mark(s->watch_files);
	c = read_config(s);
	if (c == NULL || watch_files_has(s->watch_files, s->sources->file, c))
		return c;
	watch_files_set(s->watch_files, s->sources->file, c);
	config_free(c);
	return read_config(s);
}

static bool
prepare_workers(struct server *s)
{
	struct reload *r = &s->reload;

	r->update = (struct worker_update){.config = r->next,
	    .auth = s->auth,
	    .doors = &r->doors,
	    .updated = on_updated,
	    .arg = s};
	for (unsigned i = 0; i < s->worker_count; i++) {
		if (worker_prepare_update(s->workers[i], &r->update))
			continue;
		for (unsigned n = 0; n <= i; n++)
			worker_forget_update(s->workers[n]);
		log_reason("reload_failed", "out of memory");
		return false;
	}
	return true;
}

static bool
prepare(struct server *s)
{
	struct reload *r = &s->reload;

	r->next = read_watched(s);
	if (r->next == NULL)
		return false;
	if (serve_place_counters(s, r->next) && serve_make_auth(s, r->next) &&
	    doors_reopen(&r->doors, &s->doors, r->next) && prepare_workers(s))
		return true;
	doors_close(&r->doors);
	config_free(r->next);
	r->next = NULL;
	return false;
}

void
reload_start(struct server *s)
{
	struct reload *r = &s->reload;

	/* While another process takes over, it must know all sockets. */
	if (s->draining || r->waiting > 0 || handover_is_on(s->handover)) {
		r->again = !s->draining;
		return;
	}
	serve_notify_reloading(s);
	if (!prepare(s)) {
		s->metrics_source.reload_failures++;
		/* Folders may have been swapped all the same. */
		watch_files_set(s->watch_files, s->sources->file, s->config);
		log_reason("reload_refused",
		    "the configuration in force stays, whole");
		serve_notify_reloaded(s);
		return;
	}
	r->waiting = s->worker_count;
	for (unsigned i = 0; i < s->worker_count; i++)
		worker_update(s->workers[i]);
}

void
reload_fini(struct server *s)
{
	struct reload *r = &s->reload;

	if (r->next != NULL)
		finish(s);
	watch_files_free(s->watch_files);
	if (r->event != NULL)
		event_free(r->event);
	if (r->fd >= 0)
		(void)close(r->fd);
}
