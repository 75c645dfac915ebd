/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <event2/event.h>

#include "core/log.h"
#include "privileges.h"
#include "serve_internal.h"
#include "session.h"

/* --- signals
 * ------------------------------------------------------------------ */

/* The first one lets tunnels end by themselves; the second one ends them. */
static void
on_term(evutil_socket_t number, short what, void *arg)
{
	struct server *s = arg;
	uint32_t ms = s->terminated ? 0 : s->config->shutdown.drain_ms;

	(void)what;
	log_info(
	    "draining", "signal=%s for_ms=%u", sigabbrev_np((int)number), ms);
	if (!s->draining)
		serve_notify_stopping(s);
	s->draining = true;
	s->terminated = true;
	for (unsigned i = 0; i < s->worker_count; i++)
		worker_drain(s->workers[i], ms);
}

static void
on_reopen(evutil_socket_t number, short what, void *arg)
{
	struct server *s = arg;

	(void)number;
	(void)what;
	access_log_reopen(s->log);
}

static void
on_hup(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	reload_start(arg);
}

static void
on_worker_drained(evutil_socket_t fd, short what, void *arg)
{
	struct server *s = arg;
	uint64_t count = 0;

	(void)what;
	if (read(fd, &count, sizeof(count)) != (ssize_t)sizeof(count))
		return;
	s->running -= count < s->running ? (unsigned)count : s->running;
	if (s->running == 0)
		(void)event_base_loopbreak(s->base);
}

/* In the worker's thread. */
static void
tell_drained(void *arg)
{
	static const uint64_t one = 1;
	const struct server *s = arg;

	(void)!write(s->drained_fd, &one, sizeof(one));
}

bool
serve_add_event(struct server *s, struct event **ev, evutil_socket_t fd,
    short what, event_callback_fn fn)
{
	*ev = event_new(s->base, fd, (short)(what | EV_PERSIST), fn, s);
	return *ev != NULL && event_add(*ev, NULL) == 0;
}

static bool
listen_to_signals(struct server *s)
{
	(void)signal(SIGPIPE, SIG_IGN); /* splice(2) has no MSG_NOSIGNAL */
	s->drained_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->base = event_base_new();
	return s->base != NULL && s->drained_fd >= 0 &&
	       serve_add_event(s, &s->term, SIGTERM, EV_SIGNAL, on_term) &&
	       serve_add_event(s, &s->interrupt, SIGINT, EV_SIGNAL, on_term) &&
	       serve_add_event(s, &s->reopen, SIGUSR1, EV_SIGNAL, on_reopen) &&
	       serve_add_event(s, &s->hup, SIGHUP, EV_SIGNAL, on_hup) &&
	       reload_init(s) &&
	       serve_add_event(
		   s, &s->drained, s->drained_fd, EV_READ, on_worker_drained);
}

/* --- start
 * -------------------------------------------------------------------- */

/* Spare connections may have an eighth of the descriptors; returns the rest. */
static uint64_t
set_spares_aside(struct server *s, uint64_t files)
{
	uint64_t spares =
	    s->config->upstream.warm == 0 ? 0 : files / 8 / s->worker_count;

	s->spares = spares < 4096 ? (unsigned)spares : 4096;
	return files - (uint64_t)s->spares * s->worker_count;
}

static bool
share_out_files(struct server *s)
{
	/* Of these, a worker may have more than one at an address. */
	uint64_t sockets = s->inherited.count;
	uint64_t limit = privileges_raise_files();
	uint64_t files =
	    set_spares_aside(s, limit > sockets ? limit - sockets : 0);
	unsigned least;

	if (quota_share_out(&s->budget, files, s->worker_count,
		(unsigned)s->config->listener_count, s->config->limits.tunnels,
		&least)) {
		if (s->config->limits.tunnels > s->budget.tunnels)
			log_warn("tunnels_cut",
			    "key=limits.tunnels wanted=%u got=%u "
			    "reason=\"open files are limited to %ju\"",
			    s->config->limits.tunnels, s->budget.tunnels,
			    (uintmax_t)files);
		return true;
	}
	log_error("files_too_few",
	    "limit=%ju needed=%u do=\"raise RLIMIT_NOFILE (ulimit -n, "
	    "LimitNOFILE=), or set fewer gateway.workers\"",
	    (uintmax_t)files, least);
	return false;
}

static struct worker *
make_worker(struct server *s, unsigned i)
{
	const struct worker_options opt = {.config = s->config,
	    .quota = s->quota,
	    .auth = s->auth,
	    .echoes = s->echoes,
	    .ring = access_log_ring(s->log, i),
	    .metrics = s->metrics[i],
	    .denied = s->denied != NULL ? s->denied[i] : NULL,
	    .doors = &s->doors,
	    .index = i,
	    .pipes = s->budget.pipes,
	    .attempts = s->budget.attempts,
	    .spares = s->spares,
	    .drained = tell_drained,
	    .drained_arg = s};
	struct worker *w = worker_new(&opt);

	doors_taken(&s->doors, i);
	return w;
}

/* Without its threads yet. */
static bool
make_auth(struct server *s, const struct config *c)
{
	bool asks = false;

	for (size_t i = 0; i < c->listener_count; i++)
		asks = asks || c->listeners[i].auth != AUTH_NONE;
	if (asks)
		s->auth = auth_new(s->worker_count);
	return !asks || s->auth != NULL;
}

static bool
start_auth(struct server *s)
{
	if (s->auth == NULL || auth_start(s->auth))
		return true;
	/* Not half of it: the next reload tries anew. */
	auth_stop(s->auth);
	auth_free(s->auth);
	s->auth = NULL;
	return false;
}

bool
serve_make_auth(struct server *s, const struct config *c)
{
	return s->auth != NULL || (make_auth(s, c) && start_auth(s));
}

/* What nobody can ask for is not kept. */
static bool
make_denied(struct server *s)
{
	uint64_t seed = 0;

	if (!s->config->admin.on)
		return true;
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		return false;
	s->denied = calloc(s->worker_count, sizeof(struct denied *));
	for (unsigned i = 0; s->denied != NULL && i < s->worker_count; i++) {
		s->denied[i] = denied_new(seed);
		if (s->denied[i] == NULL)
			return false;
	}
	return s->denied != NULL;
}

static bool
make_metrics(struct server *s)
{
	size_t endpoints;

	(void)policy_rules(s->config->policy, &endpoints);
	s->metrics = calloc(s->worker_count, sizeof(struct worker_metrics *));
	s->rule_slots = slots_new();
	s->door_slots = slots_new();
	if (s->metrics == NULL || s->rule_slots == NULL ||
	    s->door_slots == NULL)
		return false;
	for (unsigned i = 0; i < s->worker_count; i++) {
		s->metrics[i] = worker_metrics_new(endpoints);
		if (s->metrics[i] == NULL)
			return false;
	}
	return serve_place_counters(s, s->config);
}

static bool
make_workers(struct server *s)
{
	s->quota = quota_new(&s->budget, s->config);
	s->echoes = echoes_new();
	s->workers = calloc(s->worker_count, sizeof(struct worker *));
	if (s->quota == NULL || s->echoes == NULL || s->workers == NULL ||
	    !make_metrics(s) || !make_denied(s)) {
		log_error("start_failed", "reason=\"out of memory\"");
		return false;
	}
	for (unsigned i = 0; i < s->worker_count; i++) {
		s->workers[i] = make_worker(s, i);
		if (s->workers[i] == NULL)
			return false;
	}
	return true;
}

static bool
start_workers(struct server *s)
{
	for (unsigned i = 0; i < s->worker_count; i++) {
		if (!worker_start(s->workers[i])) {
			log_error(
			    "start_failed", "reason=\"%s\"", strerror(errno));
			return false;
		}
		s->running++;
	}
	return true;
}

static const char *
not_ready(void *arg)
{
	const struct server *s = arg;

	return s->draining ? "draining" : NULL;
}

static const struct config *
config_in_force(void *arg)
{
	const struct server *s = arg;

	return s->config;
}

/* The machine's name and those of the configuration. */
static bool
show_admin_names(struct server *s)
{
	const struct config_strings *own = &s->config->admin.names;
	const char **names = calloc(own->count + 1, sizeof(const char *));

	if (names == NULL)
		return false;
	names[0] = s->host_name;
	for (size_t i = 0; i < own->count; i++)
		names[i + 1] = own->items[i];
	if (s->admin != NULL)
		admin_set_names(s->admin, names, own->count + 1);
	free(s->admin_names);
	s->admin_names = names;
	return true;
}

bool
serve_show_config(struct server *s)
{
	const struct config *c = s->config;
	struct metrics_source *m = &s->metrics_source;
	const char **names = calloc(c->listener_count, sizeof(const char *));
	size_t *slots = calloc(c->listener_count, sizeof(size_t));

	for (size_t i = 0;
	     names != NULL && slots != NULL && i < c->listener_count; i++) {
		names[i] = c->listeners[i].name;
		slots[i] = c->listeners[i].slot;
	}
	free(s->listener_names);
	free(s->listener_slots);
	s->listener_names = names;
	s->listener_slots = slots;
	m->report_mode = c->gateway.mode == MODE_REPORT;
	m->rules = policy_rules(c->policy, &m->rule_count);
	m->listeners = names;
	m->listener_slots = slots;
	m->listener_count =
	    names != NULL && slots != NULL ? c->listener_count : 0;
	if (s->history != NULL)
		history_renew(s->history);
	return m->listener_count > 0 && show_admin_names(s);
}

static bool
open_admin(struct server *s)
{
	struct admin_sources src = {.address = s->config->admin.address,
	    .fd = s->admin_fd,
	    .metrics = &s->metrics_source,
	    .denied = (const struct denied *const *)s->denied,
	    .config = config_in_force,
	    .not_ready = not_ready,
	    .arg = s};
	struct metrics_source *m = &s->metrics_source;

	m->workers = (const struct worker_metrics *const *)s->metrics;
	m->worker_count = s->worker_count;
	m->log = s->log;
	m->last_reload_unix_ns = clock_unix_ns();
	(void)gethostname(s->host_name, sizeof(s->host_name) - 1);
	if (!serve_show_config(s))
		return false;
	if (!s->config->admin.on)
		return true;
	s->history = history_new(s->base, m);
	if (s->history == NULL)
		return false;
	src.history = s->history;
	src.names = s->admin_names;
	src.name_count = s->config->admin.names.count + 1;
	s->admin_fd = 0;
	s->admin = admin_new(s->base, &src);
	return s->admin != NULL;
}

static void
print_admin(const struct server *s, FILE *out)
{
	char text[IP_ENDPOINT_TEXT_MAX + 1] = "off";
	struct ip_endpoint at;

	if (s->admin != NULL) {
		at = admin_address(s->admin);
		(void)ip_endpoint_format(&at, text);
	}
	(void)fprintf(out, " admin=%s", text);
}

void
serve_print_served(const struct server *s, FILE *out)
{
	size_t regions, endpoints;
	const char *const *region = policy_regions(s->config->policy, &regions);

	(void)policy_rules(s->config->policy, &endpoints);
	(void)fputs("listeners=", out);
	doors_print(&s->doors, out);
	print_admin(s, out);
	(void)fputs(" regions=", out);
	for (size_t i = 0; i < regions; i++)
		(void)fprintf(out, "%s%s", i > 0 ? "," : "", region[i]);
	(void)fprintf(out, " endpoints=%zu%s", endpoints,
	    s->config->gateway.mode == MODE_REPORT ? " mode=report" : "");
}

void
serve_warn_of_mode(const struct server *s)
{
	if (s->config->gateway.mode == MODE_REPORT)
		log_warn("not_enforced",
		    "key=gateway.mode reason=\"report mode: names and ports "
		    "that are on no list are let through; what would have been "
		    "denied is at /api/denied and in the access log\"");
}

/* For whoever waits for the gateway; not a matter of the log's level. */
static void
say_ready(const struct server *s)
{
	(void)fputs("event=ready ", stdout);
	serve_print_served(s, stdout);
	(void)fputc('\n', stdout);
	(void)fflush(stdout);
}

/* Opens all sockets, but for those that are there already. */
static bool
open_doors(struct server *s)
{
	if (!doors_open(&s->doors, s->config, s->worker_count, &s->inherited))
		return false;
	s->admin_fd = inherited_take_admin(&s->inherited, s->config);
	if (s->admin_fd < 0)
		s->admin_fd = 0;
	if (!inherited_is_used_up(&s->inherited))
		return false;
	inherited_fini(&s->inherited);
	return true;
}

/* Everything that takes more rights than serving does. */
static bool
open_all(struct server *s)
{
	notify_open(&s->notify);
	if (!inherited_from_environment(&s->inherited) ||
	    !serve_handover_take(s) || !share_out_files(s) || !open_doors(s))
		return false;
	if (s->sandboxed)
		privileges_drop_bounding();
	if (!privileges_drop(s->config->gateway.user))
		return false;
	if (!listen_to_signals(s)) {
		log_error("start_failed", "reason=\"%s\"", strerror(errno));
		return false;
	}
	s->log = access_log_new(
	    s->config->log.access, s->config->log.format, s->worker_count);
	return s->log != NULL && make_auth(s, s->config) && make_workers(s) &&
	       open_admin(s);
}

/* The sandbox is closed before any thread runs: they inherit it. */
static bool
start(struct server *s)
{
	log_set_level((enum log_level)s->config->log.level);
	s->worker_count = config_worker_count(s->config);
	return open_all(s) && serve_sandbox_enter(s) &&
	       access_log_start(s->log) && start_auth(s) && start_workers(s);
}

/* --- stop
 * --------------------------------------------------------------------- */

static void
free_event(struct event *ev)
{
	if (ev != NULL)
		event_free(ev);
}

/* A signal that comes now is too late to do anything, but would kill once its
 * event is gone. */
static void
ignore_signals(void)
{
	sigset_t all;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, NULL);
}

static void
stop(struct server *s)
{
	ignore_signals();
	auth_stop(s->auth);
	for (unsigned i = 0; s->workers != NULL && i < s->worker_count; i++)
		worker_free(s->workers[i]);
	reload_fini(s);
	serve_notify_fini(s);
	serve_handover_fini(s);
	admin_free(s->admin);
	history_free(s->history);
	if (s->admin_fd > 0)
		(void)close(s->admin_fd);
	inherited_fini(&s->inherited);
	sandbox_fini(&s->sandbox);
	access_log_free(s->log);
	echoes_free(s->echoes);
	for (unsigned i = 0; s->metrics != NULL && i < s->worker_count; i++)
		worker_metrics_free(s->metrics[i]);
	for (unsigned i = 0; s->denied != NULL && i < s->worker_count; i++)
		denied_free(s->denied[i]);
	free(s->workers);
	free(s->metrics);
	free(s->denied);
	free(s->listener_names);
	free(s->listener_slots);
	free(s->admin_names);
	auth_free(s->auth);
	quota_free(s->quota);
	slots_free(s->rule_slots);
	slots_free(s->door_slots);
	doors_close(&s->doors);
	free_event(s->term);
	free_event(s->interrupt);
	free_event(s->reopen);
	free_event(s->hup);
	free_event(s->drained);
	if (s->base != NULL)
		event_base_free(s->base);
	if (s->drained_fd >= 0)
		(void)close(s->drained_fd);
	config_free(s->first);
	config_free(s->config);
}

int
serve(const struct config_sources *sources, struct config *config,
    struct policy *policy, bool sandboxed)
{
	struct server s = {.sources = sources,
	    .sandboxed = sandboxed,
	    .notify = {.fd = -1},
	    .path_fd = -1,
	    .before = -1,
	    .config = config,
	    .first = config_ref(config),
	    .reload = {.fd = -1},
	    .drained_fd = -1};
	bool ok;

	config->policy = policy;
	ok = start(&s) && serve_handover_offer(&s) && serve_handover_ready(&s);
	if (ok) {
		serve_warn_of_mode(&s);
		serve_warn(s.config);
		say_ready(&s);
		ok = serve_notify_ready(&s);
	}
	if (ok)
		(void)event_base_dispatch(s.base);
	stop(&s);
	return ok ? 0 : 1;
}
