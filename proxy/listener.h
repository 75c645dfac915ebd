/* SPDX-License-Identifier: Apache-2.0
 *
 * A listening socket of one worker (doors.h says which worker has which). When
 * descriptors run out, accepting pauses, and goes on when one is free or after
 * a moment. */
#ifndef SEKISHO_LISTENER_H
#define SEKISHO_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "core/ipaddr.h"
#include "net/loop.h"

struct door;
struct listener;

/* A new connection: fd is now the owner's; it is non-blocking, close-on-exec
 * and has TCP_NODELAY. peer is unset (IP_NONE) for a Unix socket. */
typedef void (*listener_accept_fn)(
    void *arg, struct listener *l, int fd, const struct ip_endpoint *peer);

struct listener {
	struct watch watch; /* of fd, unless paused */
	int fd;
	bool shared;  /* with other workers */
	size_t place; /* among the listeners of the configuration */
	struct timer pause;
	struct loop *loop;
	const struct config_listener *config; /* borrowed */
	listener_accept_fn accept;
	void *arg;
	unsigned burst;     /* connections to take at the next event */
	uint64_t last_turn; /* the loop turn of the last event */
	bool paused;
};

/* Makes a listening socket for the configured address, which nobody may listen
 * on yet (EADDRINUSE), or, for a further worker, one that shares the address
 * again with the socket that was bound to it first. On success *bound (its port
 * filled in where 0 was asked for; unset for a Unix socket) and the descriptor;
 * -1 with errno else. */
int listener_open(const struct config_listener *config,
    const struct ip_endpoint *again, struct ip_endpoint *bound) MUST_CHECK;

/* Removes the Unix socket of this type (SOCK_STREAM) at path on which nobody
 * listens any more. False with
 * errno when there is another file (EEXIST), or somebody listens (EADDRINUSE).
 */
bool listener_clear_path(const char *path, int type);

/* Sets what listener_open() would have set on a socket that listens already. */
void listener_adopt(int fd, const struct ip_endpoint *bound);

/* Starts to accept from door, whose descriptor it takes over. */
bool listener_start(struct listener *l, struct loop *loop,
    const struct config_listener *config, const struct door *door,
    listener_accept_fn accept, void *arg) MUST_CHECK;

/* A descriptor has been freed: goes on when accepting was paused. */
void listener_resume(struct listener *l);

/* Takes the connections that wait, and stops: for a listener that goes while
 * others stay. */
void listener_finish(struct listener *l);

void listener_stop(struct listener *l);

#endif
