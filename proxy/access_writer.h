/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread that takes lines from the rings to the file. Idle, it sleeps for
 * as long as nothing comes; busy, it looks a few tens of times a second and
 * nobody has to wake it. */
#ifndef SEKISHO_ACCESS_WRITER_H
#define SEKISHO_ACCESS_WRITER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "access_file.h"
#include "access_ring.h"
#include "core/span.h"

/* What the thread waits for. */
enum access_writer_state {
	WRITER_AWAKE,     /* nothing, or the file: it will look by itself */
	WRITER_LINGERING, /* the end of a short pause: it will look then */
	WRITER_ASLEEP,    /* being woken */
};

/* The padding keeps apart what different threads write. */
/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) as just said */
struct access_writer {
	/* Every worker reads state at every line: it shares its cache line only
	 * with what hardly ever changes. */
	_Alignas(ACCESS_CACHE_LINE) _Atomic(enum access_writer_state) state;
	unsigned ring_count;
	struct access_ring *rings; /* borrowed */
	const char *path;          /* borrowed */
	int wake_fd;           /* eventfd(2): look at the flags and the rings */
	int done_fd;           /* eventfd(2): the thread is about to end */
	_Atomic uint64_t lost; /* lines, at the end */
	_Atomic bool stop, reopen;

	/* The thread's own. */
	_Alignas(ACCESS_CACHE_LINE) struct access_file file;
	struct iovec *iov; /* two for each ring */
	size_t *gathered;  /* bytes in iov, of each ring from first on */
	size_t partial;    /* bytes already in the file of the first line ... */
	unsigned first;    /* ... of this ring, which comes first */
	int error;         /* errno of the failure in hand; 0: none */
	unsigned retry_ms; /* until the next try after a failure */
	bool waiting;      /* the file takes no more for now */
	bool dropping;     /* an episode of lost lines has been reported */
	uint64_t drops_before, drops_seen, drops_seen_ms;
};

/* Opens the file and what the thread needs. False after a message. */
bool access_writer_init(struct access_writer *w) MUST_CHECK;
void access_writer_fini(struct access_writer *w); /* the thread has ended */

/* The body of the thread; arg is the writer. */
void *access_writer_run(void *arg);

/* Makes the thread look at the flags and the rings. Any thread. */
void access_writer_wake(struct access_writer *w);

/* A worker has put a line into ring: wakes the writer when it sleeps, and cuts
 * its pause short when the ring fills. */
void access_writer_notice(
    struct access_writer *w, const struct access_ring *ring);

/* Lines lost up to now. Any thread. */
uint64_t access_writer_dropped(const struct access_writer *w);

#endif
