/* SPDX-License-Identifier: Apache-2.0 */
#include "access_log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "access_ring.h"
#include "access_writer.h"
#include "core/log.h"

enum {
	/* access_log_free() waits this long for the thread, which itself takes
	 * two seconds at most unless the kernel holds it (a dead NFS server).
	 */
	STOP_MS = 3000,
};

struct access_log {
	struct access_writer writer;
	struct access_ring *rings; /* ring_count; 0 when the log is off */
	char *path;
	pthread_t thread;
	unsigned ring_count;
	bool started;
};

static void
destroy(struct access_log *log)
{
	for (unsigned i = 0; i < log->ring_count; i++)
		access_ring_fini(&log->rings[i]);
	free(log->rings);
	free(log->path);
	free(log);
}

/* Aligned, as rings and writer keep what two threads write apart. */
static void *
zeroed(size_t align, size_t size)
{
	void *p = NULL;

	if (posix_memalign(&p, align, size) != 0)
		return NULL;
	return memset(p, 0, size);
}

static bool
make_rings(
    struct access_log *log, unsigned count, enum config_log_format format)
{
	log->rings =
	    zeroed(_Alignof(struct access_ring), count * sizeof(*log->rings));
	if (log->rings == NULL)
		return false;
	for (; log->ring_count < count; log->ring_count++) {
		struct access_ring *ring = &log->rings[log->ring_count];

		if (!access_ring_init(ring))
			return false;
		ring->format = format;
		ring->writer = &log->writer;
	}
	return true;
}

struct access_log *
access_log_new(const char *path, enum config_log_format format, unsigned rings)
{
	struct access_log *log =
	    zeroed(_Alignof(struct access_log), sizeof(*log));

	if (log == NULL)
		return NULL;
	if (strcmp(path, "off") == 0 || rings == 0)
		return log;
	log->path = strdup(path);
	if (log->path == NULL || !make_rings(log, rings, format)) {
		log_error("access_log_open", "error=\"%s\"", strerror(ENOMEM));
		destroy(log);
		return NULL;
	}
	log->writer.rings = log->rings;
	log->writer.ring_count = rings;
	log->writer.path = log->path;
	if (!access_writer_init(&log->writer)) {
		destroy(log);
		return NULL;
	}
	return log;
}

/* The thread takes no signals: they are main's, and SIGPIPE is an errno. */
static int
create_thread(struct access_log *log)
{
	sigset_t all, before;
	int error;

	(void)sigfillset(&all);
	error = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (error != 0)
		return error;
	error =
	    pthread_create(&log->thread, NULL, access_writer_run, &log->writer);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

bool
access_log_start(struct access_log *log)
{
	int error;

	if (log->ring_count == 0)
		return true;
	error = create_thread(log);
	if (error != 0) {
		log_error("access_log_start",
		    "error=\"%s\" do=\"check the "
		    "limit of processes and threads\"",
		    strerror(error));
		return false;
	}
	/* A name is a comfort for ps(1), no more. */
	(void)pthread_setname_np(log->thread, "access-log");
	log->started = true;
	return true;
}

/* Whether the thread has ended in time. */
static bool
stop_thread(struct access_log *log)
{
	struct access_writer *w = &log->writer;
	struct pollfd done = {.fd = w->done_fd, .events = POLLIN};
	int n;

	atomic_store_explicit(&w->stop, true, memory_order_release);
	access_writer_wake(w);
	do {
		n = poll(&done, 1, STOP_MS);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return pthread_join(log->thread, NULL) == 0;
	log_error("access_log_stuck",
	    "path=\"%s\" do=\"the output holds the process: check its file "
	    "system\"",
	    log->path);
	(void)pthread_detach(log->thread);
	return false;
}

void
access_log_free(struct access_log *log)
{
	if (log == NULL)
		return;
	if (log->ring_count > 0) {
		/* A thread that hangs in the kernel still uses its memory,
		 * which is then left to the end of the process. */
		if (log->started && !stop_thread(log))
			return;
		access_writer_fini(&log->writer);
	}
	destroy(log);
}

struct access_ring *
access_log_ring(struct access_log *log, unsigned i)
{
	return i < log->ring_count ? &log->rings[i] : NULL;
}

void
access_log_write(struct access_ring *ring, const struct access_record *r)
{
	if (ring != NULL && access_ring_add(ring, r))
		access_writer_notice(ring->writer, ring);
}

void
access_log_reopen(struct access_log *log)
{
	if (log->ring_count == 0)
		return;
	atomic_store_explicit(&log->writer.reopen, true, memory_order_release);
	access_writer_wake(&log->writer);
}

uint64_t
access_log_dropped(const struct access_log *log)
{
	if (log->ring_count == 0)
		return 0;
	return access_writer_dropped(&log->writer);
}
