/* SPDX-License-Identifier: Apache-2.0
 *
 * What a service manager is told, and when. */
#include <stdio.h>

#include "core/log.h"
#include "serve_internal.h"

enum {
	STATUS_MAX = 400,
};

/* In a worker's thread. */
static void
on_pulse(void *arg)
{
	struct pulse *p = arg;

	(void)atomic_fetch_add(&p->answers, 1);
}

static void
ask_workers(struct server *s)
{
	struct pulse *p = &s->pulse;

	for (unsigned i = 0; i < s->worker_count; i++) {
		if (worker_post(s->workers[i], on_pulse, p))
			p->asked++;
	}
}

/* Only when every worker's loop has turned since the last time: a thread that
 * hangs is what a watchdog is for. */
static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct server *s = arg;

	(void)fd;
	(void)what;
	if (atomic_load(&s->pulse.answers) != s->pulse.asked) {
		log_error("watchdog", "reason=\"a worker is stuck\"");
		return;
	}
	notify_send(&s->notify, "WATCHDOG=1", "", "");
	ask_workers(s);
}

static bool
start_watchdog(struct server *s)
{
	uint64_t half_us = s->notify.watchdog_us / 2;
	struct timeval every = {.tv_sec = (time_t)(half_us / 1000000),
	    .tv_usec = (suseconds_t)(half_us % 1000000)};

	if (half_us == 0)
		return true;
	s->pulse.tick = event_new(s->base, -1, EV_PERSIST, on_tick, s);
	if (s->pulse.tick == NULL || event_add(s->pulse.tick, &every) != 0)
		return false;
	ask_workers(s);
	return true;
}

static void
say_ready(struct server *s)
{
	char status[STATUS_MAX] = "";
	FILE *f = NULL;

	if (s->notify.fd >= 0)
		f = fmemopen(status, sizeof(status), "w");
	if (f != NULL) {
		serve_print_served(s, f);
		(void)fclose(f);
	}
	notify_send(&s->notify, "READY=1", "STATUS=", status);
}

bool
serve_notify_ready(struct server *s)
{
	say_ready(s);
	return start_watchdog(s);
}

void
serve_notify_reloading(struct server *s)
{
	notify_reloading(&s->notify);
}

void
serve_notify_reloaded(struct server *s)
{
	say_ready(s);
}

void
serve_notify_stopping(struct server *s)
{
	notify_send(&s->notify, "STOPPING=1",
	    "STATUS=", "lets tunnels end, takes no new ones");
}

void
serve_notify_fini(struct server *s)
{
	if (s->pulse.tick != NULL)
		event_free(s->pulse.tick);
	notify_close(&s->notify);
}
