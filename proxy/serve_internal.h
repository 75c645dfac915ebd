/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of the gateway in operation, shared by serve.c (start, signals,
 * stop) and the files beside it. All of it is the main
 * thread's. */
#ifndef SEKISHO_SERVE_INTERNAL_H
#define SEKISHO_SERVE_INTERNAL_H

#include <stdatomic.h>
#include <stdio.h>

#include <event2/event.h>

#include "access_log.h"
#include "admin.h"
#include "auth.h"
#include "denied.h"
#include "doors.h"
#include "echoes.h"
#include "handover.h"
#include "inherited.h"
#include "metrics.h"
#include "notify.h"
#include "quota.h"
#include "sandbox.h"
#include "serve.h"
#include "slots.h"
#include "watch_files.h"
#include "worker.h"

/* A reload on its way through the workers. */
struct reload {
	struct config *next;
	struct doors doors;
	struct worker_update update;
	unsigned waiting; /* workers that have not taken it; 0: none */
	bool again;       /* another one was asked for meanwhile */
	int fd;           /* eventfd(2): counts the workers that have */
	struct event *event;
};

/* Of the watchdog: each worker answers from its own thread. */
struct pulse {
	unsigned asked; /* in all */
	atomic_uint answers;
	struct event *tick; /* NULL: nobody waits for a sign of life */
};

struct server {
	const struct config_sources *sources;
	struct config *config; /* in force */
	struct config *first;  /* that of the start: what takes a restart */
	struct reload reload;
	struct watch_files *watch_files;
	struct inherited inherited; /* until all have their owners */
	int path_fd; /* of gateway.handover, until handover has it; -1: none */
	bool path_is_new; /* ours to remove */
	int before; /* the gateway that runs, until it is told; -1: none */
	struct handover *handover; /* NULL: none */
	struct doors doors;
	bool sandboxed; /* wanted */
	struct sandbox sandbox;
	struct notify notify;
	struct pulse pulse;
	struct quota *quota;
	struct auth *auth; /* NULL: no listener has ever asked for it */
	struct echoes *echoes;
	struct access_log *log;
	struct worker_metrics **metrics; /* per worker */
	struct denied **denied;          /* the same; NULL without admin */
	struct worker **workers;
	unsigned worker_count;
	struct quota_budget budget;
	unsigned spares; /* warm connections per worker, at most */
	struct event_base *base;
	struct admin *admin; /* NULL: off */
	int admin_fd;        /* inherited, until admin has it; 0: none */
	/* Of the configuration in force, for the metrics. */
	const char **listener_names;
	size_t *listener_slots;
	/* Names that have counters: "host:port" of rules, listeners. */
	struct slots *rule_slots, *door_slots;
	char host_name[256];
	const char **admin_names; /* under which admin may be asked for */
	struct history *history;  /* NULL without admin */
	struct metrics_source metrics_source;
	struct event *term, *interrupt, *reopen, *hup, *drained;
	int drained_fd; /* eventfd(2): counts the workers that are drained */
	unsigned running;
	bool draining;
	bool terminated; /* by a signal; else it hands over */
};

/* serve.c */
/* Makes what judges credentials when c asks for any; auth_start() is to follow.
 * False after a log line. */
bool serve_make_auth(struct server *s, const struct config *c) MUST_CHECK;
/* A log line when the configuration in force does not enforce the list. */
void serve_warn_of_mode(const struct server *s);
/* Shows s->config to the metrics page. False when out of memory. */
bool serve_show_config(struct server *s) MUST_CHECK;
/* Adds an event of this descriptor or signal. */
bool serve_add_event(struct server *s, struct event **ev, evutil_socket_t fd,
    short what, event_callback_fn fn) MUST_CHECK;
/* "listeners=… admin=… regions=… endpoints=N" */
void serve_print_served(const struct server *s, FILE *out);

/* serve_notify.c: all for nothing when no service manager listens. */
/* Everything accepts. False when the watchdog cannot be had. */
bool serve_notify_ready(struct server *s) MUST_CHECK;
void serve_notify_reloading(struct server *s);
void serve_notify_reloaded(struct server *s); /* or refused */
void serve_notify_stopping(struct server *s);
void serve_notify_fini(struct server *s);

/* serve_handover.c: all for nothing without gateway.handover. */
/* Has the sockets of the gateway that runs, if one does. False after a log
 * line. */
bool serve_handover_take(struct server *s) MUST_CHECK;
/* Answers the next one. False after a log line. */
bool serve_handover_offer(struct server *s) MUST_CHECK;
/* Everything is served: the gateway before may go. False after a log line when
 * it does not. */
bool serve_handover_ready(struct server *s) MUST_CHECK;
void serve_handover_fini(struct server *s);

/* serve_sandbox.c */
/* Closes it around the configuration of the start, unless it is not wanted.
 * Before any other thread runs. False after a log line. */
bool serve_sandbox_enter(struct server *s) MUST_CHECK;
/* False after log lines: next needs files that cannot be opened any more. */
bool serve_sandbox_covers(
    struct server *s, const struct config *next) MUST_CHECK;

/* serve_reload.c */
/* Gives rules and listeners of c their counters: those of before where a name
 * has had some. False after a log line. */
bool serve_place_counters(struct server *s, struct config *c) MUST_CHECK;
/* Logs what is not wrong in c and yet worth a word. */
void serve_warn(const struct config *c);
bool reload_init(struct server *s) MUST_CHECK;
/* All or nothing: what is wrong with the new one is logged, and the one in
 * force stays. Goes on when the workers have taken it. */
void reload_start(struct server *s);
/* What was asked for when there was no time for it. */
void reload_if_asked(struct server *s);
/* The workers' threads have ended: what was on its way has arrived. */
void reload_fini(struct server *s);

#endif
