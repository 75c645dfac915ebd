/* SPDX-License-Identifier: Apache-2.0
 *
 * The listening sockets of all workers, opened together before privileges are
 * dropped, or inherited, and the addresses that they make this gateway's own.
 *
 * Each worker has a socket of its own at each address (SO_REUSEPORT), so that
 * the kernel deals connections out. Unix sockets cannot be had twice, and of
 * inherited ones there are as many as there are: with fewer than workers they
 * are shared, with more of them a worker has several. */
#ifndef SEKISHO_DOORS_H
#define SEKISHO_DOORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config.h"
#include "core/ipaddr.h"
#include "core/span.h"
#include "inherited.h"

#define DOOR_NEW SIZE_MAX

/* A socket as one worker has it. */
struct door {
	size_t listener; /* its place in the configuration */
	unsigned worker;
	int fd;
	struct ip_endpoint bound; /* unset for a Unix socket */
	bool shared; /* other workers, too, accept from this socket */
	bool copy;   /* of one that stands before it in the table */
	bool taken;  /* the worker has it, and closes it */
};

struct doors {
	const struct config *config; /* borrowed */
	unsigned workers;
	struct door *all;
	size_t count;
	bool *ours; /* per listener: its socket file is ours */
	/* Per listener: DOOR_NEW, or the place among the listeners before of
	 * the one that goes on. */
	size_t *kept;
	/* Every address and port under which a listener can be reached from
	 * this host: dialling one of them would be a loop. */
	struct ip_endpoint *own;
	size_t own_count;
};

/* Opens every listener of the configuration once per worker, but takes those
 * sockets from in (NULL: none) that are there already. False after a log line
 * that names the listener, its address and the reason. */
bool doors_open(struct doors *d, const struct config *config, unsigned workers,
    struct inherited *in) MUST_CHECK;

/* The same for a configuration that takes the place of before's: a listener at
 * the same address goes on, others are opened. False after a log line; before
 * is as it was, and next is to be closed. */
bool doors_reopen(struct doors *next, const struct doors *before,
    const struct config *config) MUST_CHECK;
/* next is in force: before gives up what goes on there, and is closed. */
void doors_replace(struct doors *before, const struct doors *next);

/* The next door of a worker that it has not taken yet, behind place *i, which
 * begins with 0; NULL: no more. The worker takes its descriptor over. */
const struct door *doors_next(
    const struct doors *d, unsigned worker, size_t *i);
/* The worker has taken all of its doors over. */
void doors_taken(struct doors *d, unsigned worker);

/* "127.0.0.1:3128,[::1]:3128,unix:/path" */
void doors_print(const struct doors *d, FILE *out);

/* Closes what nobody took, and removes the files of the Unix sockets that were
 * opened, unless somebody listens there. After the workers have gone. */
void doors_close(struct doors *d);

#endif
