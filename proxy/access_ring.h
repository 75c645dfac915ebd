/* SPDX-License-Identifier: Apache-2.0
 *
 * A ring of bytes that holds whole lines: one thread puts lines in, one other
 * takes bytes out, and neither ever waits. */
#ifndef SEKISHO_ACCESS_RING_H
#define SEKISHO_ACCESS_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "access_line.h"
#include "access_log.h"
#include "core/span.h"

struct access_writer;

enum {
	ACCESS_RING_BYTES = 1 << 20, /* a power of two */
	ACCESS_CACHE_LINE = 64,
};

/* head and tail count bytes for ever; their difference is what is inside. */
struct access_ring {
	/* The worker's side. */
	_Alignas(ACCESS_CACHE_LINE) _Atomic size_t head;
	size_t tail_seen; /* what tail was when it was last looked at */
	_Atomic uint64_t dropped;
	struct access_line_clock clock;
	enum config_log_format format;
	char *bytes;                  /* mapped: touched as it is used */
	struct access_writer *writer; /* borrowed */

	/* The writer's side. */
	_Alignas(ACCESS_CACHE_LINE) _Atomic size_t tail;
};

/* False with errno when there is no memory. */
bool access_ring_init(struct access_ring *ring) MUST_CHECK;
void access_ring_fini(struct access_ring *ring);

/* Worker: appends the line; false, and counted, when the ring is full. */
bool access_ring_add(
    struct access_ring *ring, const struct access_record *r) MUST_CHECK;

/* Bytes inside, as the calling side sees it. */
size_t access_ring_used(const struct access_ring *ring);

/* Writer: the bytes inside behind the first skip ones, in 0 to 2 pieces;
 * returns how many pieces. */
int access_ring_peek(
    const struct access_ring *ring, size_t skip, struct iovec pieces[2]);

/* Writer: how many of the first n bytes are whole lines. */
size_t access_ring_whole(const struct access_ring *ring, size_t n);

/* Writer: forgets the first n bytes. */
void access_ring_take(struct access_ring *ring, size_t n);

/* Writer: lines inside. */
uint64_t access_ring_lines(const struct access_ring *ring);

#endif
