/* SPDX-License-Identifier: Apache-2.0
 *
 * Hand-over: a gateway that starts takes the listening sockets of the one that
 * runs, over a Unix socket (SCM_RIGHTS of unix(7)). Both have them then, so
 * that no connection is refused, and none that waits in a queue is lost. Only
 * when the new one serves, the old one stops accepting and lets its tunnels
 * end. Whatever happens to either before that, the other one serves.
 *
 * The socket at the path is handed over like the others: it stays at its path,
 * one process after the other, and is dead when no gateway runs.
 *
 *	new                              old
 *	HELLO  ------------------------>
 *	       <------------------------ SOCKET (with a descriptor), many times
 *	       <------------------------ END            or BUSY: ask again
 *	(opens the rest, starts, serves)
 *	READY  ------------------------>
 *	       <------------------------ DONE           or LATE: it goes on
 *itself (stops accepting, drains, exits)
 *
 * Messages have one size and a version; both sides are the same program. */
#ifndef SEKISHO_HANDOVER_H
#define SEKISHO_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "core/span.h"
#include "inherited.h"

enum handover_kind {
	HANDOVER_HELLO = 1,
	HANDOVER_SOCKET,
	HANDOVER_END,
	HANDOVER_BUSY,
	HANDOVER_READY,
	HANDOVER_DONE,
	HANDOVER_LATE,
};

enum handover_role {
	HANDOVER_DOOR = 1,
	HANDOVER_ADMIN,
	HANDOVER_PATH, /* the one at the path itself */
};

/* As it goes over the wire, in the byte order of the machine. */
struct handover_message {
	char magic[8];
	uint32_t version, kind, role, ours;
	char name[INHERITED_NAME_MAX + 1]; /* of the listener */
};

/* False with errno, EAGAIN when it must wait. fd -1: none goes with it. */
bool handover_send(int to, const struct handover_message *m, int fd) MUST_CHECK;

/* False with errno: EAGAIN, ECONNRESET at the end, EPROTO when it is nothing
 * that a gateway of this version sends. *fd is -1 or the reader's. */
bool handover_receive(int from, struct handover_message *m, int *fd) MUST_CHECK;

struct handover_message handover_message(enum handover_kind kind);

/* Whether the process at the other end is root's or of our own user. */
bool handover_trusts(int connection) MUST_CHECK;

/* --- the side that takes ----------------------------------------------------
 */

enum handover_result {
	HANDOVER_NOBODY, /* no gateway runs */
	HANDOVER_TAKEN,
	HANDOVER_FAILED, /* after a log line */
};

/* Asks the gateway at path, if there is one, for its sockets, which are added
 * to in. Blocks, for a bounded time. *path_fd: the socket at the path, which is
 * the caller's, bound anew when nobody runs. *connection: for
 * handover_confirm(). */
enum handover_result handover_take(const char *path, struct inherited *in,
    int *path_fd, int *connection) MUST_CHECK;

/* This process serves: tells the old one, and closes connection. False after a
 * log line when the old one has given up waiting and serves on. */
bool handover_confirm(int connection) MUST_CHECK;

/* --- the side that gives ----------------------------------------------------
 */

struct handover;

struct handover_socket {
	int fd;
	enum handover_role role;
	bool ours;        /* its file goes with its owner */
	const char *name; /* of the listener; NULL: none */
};

struct handover_owner {
	/* Calls add for each socket. False: not at the moment. */
	bool (*each)(void *arg,
	    bool (*add)(void *list, const struct handover_socket *s),
	    void *list);
	/* They are taken: stop accepting. The hand-over object stays. */
	void (*taken)(void *arg);
	/* They are not: go on. */
	void (*kept)(void *arg);
	void *arg;
};

/* Answers at path_fd, which it takes over, on base. NULL when out of memory. */
struct handover *handover_new(struct event_base *base, int path_fd,
    const struct handover_owner *owner) MUST_CHECK;

/* Somebody has the sockets and is not ready yet. */
bool handover_is_on(const struct handover *h);

/* path: its socket is removed, unless it was handed over. NULL is fine. */
void handover_free(struct handover *h, const char *path);

#endif
