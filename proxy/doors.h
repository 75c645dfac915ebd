/* SPDX-License-Identifier: Apache-2.0
 *
 * The listening sockets of all workers, opened together before privileges are
 * dropped, and the addresses that they make this gateway's own. */
#ifndef SEKISHO_DOORS_H
#define SEKISHO_DOORS_H

#include <stddef.h>
#include <stdio.h>

#include "config.h"
#include "core/ipaddr.h"
#include "core/span.h"

struct doors {
	const struct config *config; /* borrowed */
	unsigned workers;
	int *fds;                  /* workers x listeners; -1 once handed out */
	struct ip_endpoint *bound; /* per listener; unset for Unix sockets */
	size_t opened; /* listeners whose address, or socket file, is ours */
	/* Every address and port under which a listener can be reached from
	 * this host: dialling one of them would be a loop. */
	struct ip_endpoint *own;
	size_t own_count;
};

/* Opens every listener of the configuration once per worker. False after a log
 * line that names the listener, its address and the reason. */
bool doors_open(
    struct doors *d, const struct config *config, unsigned workers) MUST_CHECK;

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
