/* SPDX-License-Identifier: Apache-2.0
 *
 * The listening sockets of all workers, opened together before privileges are
 * dropped, and the addresses that they make this gateway's own. */
#ifndef SEKISHO_DOORS_H
#define SEKISHO_DOORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config.h"
#include "core/ipaddr.h"
#include "core/span.h"

#define DOOR_NEW SIZE_MAX

struct doors {
	const struct config *config; /* borrowed */
	unsigned workers;
	int *fds; /* workers x listeners; -1 once handed out, or kept */
	struct ip_endpoint *bound; /* per listener; unset for Unix sockets */
	bool *ours; /* per listener: its address, or socket file, is ours */
	/* Per listener: DOOR_NEW, or the place among the doors before of the
	 * one that goes on. */
	size_t *kept;
	/* Every address and port under which a listener can be reached from
	 * this host: dialling one of them would be a loop. */
	struct ip_endpoint *own;
	size_t own_count;
};

/* Opens every listener of the configuration once per worker. False after a log
 * line that names the listener, its address and the reason. */
bool doors_open(
    struct doors *d, const struct config *config, unsigned workers) MUST_CHECK;

/* The same for a configuration that takes the place of before's: a listener at
 * the same address goes on, others are opened. False after a log line; before
 * is as it was, and next is to be closed. */
bool doors_reopen(struct doors *next, const struct doors *before,
    const struct config *config) MUST_CHECK;
/* next is in force: before gives up what goes on there, and is closed. */
void doors_replace(struct doors *before, const struct doors *next);

/* The descriptors of one worker, one per listener, which it takes over. */
const int *doors_of_worker(struct doors *d, unsigned worker);
/* ... and has taken over. */
void doors_taken(struct doors *d, unsigned worker);

/* "127.0.0.1:3128,[::1]:3128,unix:/path" */
void doors_print(const struct doors *d, FILE *out);

/* Closes what nobody took, and removes the files of the Unix sockets that were
 * opened, unless somebody listens there. After the workers have gone. */
void doors_close(struct doors *d);

#endif
