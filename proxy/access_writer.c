/* SPDX-License-Identifier: Apache-2.0
 *
 * How little is signalled. A worker makes no system call per line: it stores
 * its ring's head, then loads the writer's state, and writes to the eventfd
 * only if that is WRITER_ASLEEP. The writer stores WRITER_ASLEEP, then loads
 * every head, and sleeps only if all are empty. All four are sequentially
 * consistent, so at least one of the two sees the other. After each piece
 * written the writer pauses for LINGER_MS without telling anybody, so that a
 * busy process costs a few tens of writes a second and an idle one nothing.
 *
 * When the file takes no more (full disk, full pipe), lines wait in their
 * rings: a short trouble loses nothing, and a line that was cut is finished
 * when it is over. Only a full ring loses lines. */
#include "access_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"

enum {
	LINGER_MS = 50,
	RETRY_FIRST_MS = 100, /* after a failed write; doubles */
	RETRY_MAX_MS = 5000,
	FLUSH_MS = 2000,     /* at the end, for what is left */
	QUIET_MS = 1000,     /* without a loss, until an episode is over */
	FULL_LOOK_MS = 1000, /* looks for losses while the file is full */
	FOREVER = -1,
};

enum pass {
	PASS_EMPTY,  /* nothing to write */
	PASS_WROTE,  /* all that was there */
	PASS_PART,   /* some of it: go on */
	PASS_FULL,   /* wait until the file takes more */
	PASS_FAILED, /* wait, and try again */
};

static uint64_t
now_ms(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
		abort(); /* it exists on every Linux */
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

bool
access_writer_init(struct access_writer *w)
{
	w->file.fd = -1;
	w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->iov = calloc((size_t)w->ring_count * 2, sizeof(*w->iov));
	w->gathered = calloc(w->ring_count, sizeof(*w->gathered));
	if (w->wake_fd < 0 || w->done_fd < 0 || w->iov == NULL ||
	    w->gathered == NULL) {
		log_error("access_log_open", "error=\"%s\"", strerror(errno));
		access_writer_fini(w);
		return false;
	}
	if (!access_file_open(&w->file, w->path)) {
		access_writer_fini(w);
		return false;
	}
	return true;
}

void
access_writer_fini(struct access_writer *w)
{
	access_file_close(&w->file);
	if (w->wake_fd >= 0)
		(void)close(w->wake_fd);
	if (w->done_fd >= 0)
		(void)close(w->done_fd);
	free(w->iov);
	free(w->gathered);
}

void
access_writer_wake(struct access_writer *w)
{
	/* Fails only when 2^64 - 2 wakes are already pending. */
	(void)eventfd_write(w->wake_fd, 1);
}

void
access_writer_notice(struct access_writer *w, const struct access_ring *ring)
{
	enum access_writer_state state =
	    atomic_load_explicit(&w->state, memory_order_seq_cst);

	if (state == WRITER_AWAKE)
		return;
	if (state == WRITER_LINGERING &&
	    access_ring_used(ring) < ACCESS_RING_BYTES / 8)
		return;
	/* Whoever makes it AWAKE signals; all others need not. */
	if (atomic_exchange_explicit(
		&w->state, WRITER_AWAKE, memory_order_seq_cst) != WRITER_AWAKE)
		access_writer_wake(w);
}

static uint64_t
ring_drops(const struct access_writer *w)
{
	uint64_t drops = 0;

	for (unsigned i = 0; i < w->ring_count; i++)
		drops += atomic_load_explicit(
		    &w->rings[i].dropped, memory_order_relaxed);
	return drops;
}

uint64_t
access_writer_dropped(const struct access_writer *w)
{
	return ring_drops(w) +
	       atomic_load_explicit(&w->lost, memory_order_relaxed);
}

static bool
is_stopping(const struct access_writer *w)
{
	return atomic_load_explicit(&w->stop, memory_order_acquire);
}

static bool
is_empty(const struct access_writer *w)
{
	for (unsigned i = 0; i < w->ring_count; i++) {
		if (access_ring_used(&w->rings[i]) > 0)
			return false;
	}
	return true;
}

/* Waits for a signal, for the file to take more if with_file, or for the time
 * to pass. */
static void
wait_for(struct access_writer *w, bool with_file, int timeout_ms)
{
	struct pollfd fds[] = {
	    {.fd = w->wake_fd, .events = POLLIN},
	    {.fd = w->file.fd, .events = POLLOUT},
	};
	eventfd_t count;

	/* The rest of a failure (EINTR) is to look again. */
	if (poll(fds, with_file ? 2 : 1, timeout_ms) > 0 && fds[0].revents != 0)
		(void)eventfd_read(w->wake_fd, &count);
}

static const char *
loss_reason(const struct access_writer *w)
{
	if (w->error != 0)
		return strerror(w->error);
	return w->waiting ? "the output is not being read"
			  : "more lines than the output takes";
}

/* An episode of losses begins with the first one and ends when for QUIET_MS
 * there was none: each end is said once. */
static void
note_drops(struct access_writer *w)
{
	uint64_t drops = ring_drops(w);

	if (drops != w->drops_seen) {
		if (!w->dropping) {
			w->drops_before = w->drops_seen;
			log_warn("access_log_dropped",
			    "path=\"%s\" count=%" PRIu64 " reason=\"%s\"",
			    w->path, drops - w->drops_before, loss_reason(w));
		}
		w->dropping = true;
		w->drops_seen = drops;
		w->drops_seen_ms = now_ms();
		return;
	}
	if (!w->dropping || w->error != 0 || w->waiting ||
	    now_ms() - w->drops_seen_ms < QUIET_MS)
		return;
	w->dropping = false;
	log_warn("access_log_recovered", "path=\"%s\" dropped=%" PRIu64,
	    w->path, drops - w->drops_before);
}

static void
note_failure(struct access_writer *w, int error)
{
	if (w->error == 0) {
		w->retry_ms = RETRY_FIRST_MS;
		log_error("access_log_failed",
		    "path=\"%s\" error=\"%s\" do=\"lines wait in memory and "
		    "are dropped when that is full: make room, or repair the "
		    "output\"",
		    w->path, strerror(error));
	} else if (w->retry_ms < RETRY_MAX_MS) {
		w->retry_ms *= 2;
	}
	w->error = error;
}

static void
note_success(struct access_writer *w)
{
	if (w->error != 0 && !w->dropping)
		log_warn(
		    "access_log_recovered", "path=\"%s\" dropped=0", w->path);
	w->error = 0;
}

/* Gathers all that is in the rings, the ring with a cut line first; returns the
 * number of pieces. */
static int
gather(struct access_writer *w)
{
	int count = 0;

	for (unsigned i = 0; i < w->ring_count; i++) {
		unsigned at = (w->first + i) % w->ring_count;
		int pieces = access_ring_peek(
		    &w->rings[at], i == 0 ? w->partial : 0, &w->iov[count]);

		w->gathered[i] = 0;
		for (int p = 0; p < pieces; p++)
			w->gathered[i] += w->iov[count + p].iov_len;
		count += pieces;
	}
	return count < IOV_MAX ? count : IOV_MAX;
}

/* Takes what was written, n bytes, out of the rings that it was gathered from;
 * of a cut line nothing, so that it can be written again whole to a new file.
 */
static void
take_written(struct access_writer *w, size_t n)
{
	unsigned first = w->first;
	size_t partial = w->partial;

	w->partial = 0;
	for (unsigned i = 0; i < w->ring_count && n > 0; i++) {
		unsigned at = (first + i) % w->ring_count;
		size_t got = n < w->gathered[i] ? n : w->gathered[i];
		size_t have = got + (i == 0 ? partial : 0);
		size_t whole = access_ring_whole(&w->rings[at], have);

		n -= got;
		access_ring_take(&w->rings[at], whole);
		if (whole < have) {
			w->first = at;
			w->partial = have - whole;
		}
	}
}

/* One write of all there is. */
static enum pass
pass_once(struct access_writer *w)
{
	int count = gather(w);
	size_t n, all = 0;

	w->waiting = false;
	if (count == 0)
		return PASS_EMPTY;
	for (int i = 0; i < count; i++)
		all += w->iov[i].iov_len;
	switch (access_file_write(&w->file, w->iov, count, &n)) {
	case ACCESS_FILE_FULL:
		w->waiting = true;
		return PASS_FULL;
	case ACCESS_FILE_FAILED:
		note_failure(w, errno);
		return PASS_FAILED;
	case ACCESS_FILE_WROTE:
		break;
	}
	take_written(w, n);
	note_success(w);
	return n < all ? PASS_PART : PASS_WROTE;
}

/* After rotation. The old file stays when the new one cannot be opened. */
static void
reopen_file(struct access_writer *w)
{
	struct access_file file = {.fd = -1};

	if (!atomic_exchange_explicit(
		&w->reopen, false, memory_order_acquire) ||
	    strcmp(w->path, "stdout") == 0)
		return;
	if (!access_file_open(&file, w->path))
		return;
	if (w->partial > 0) {
		char newline[] = "\n";
		struct iovec end = {.iov_base = newline, .iov_len = 1};
		size_t n;

		/* The cut line begins again in the new file. */
		(void)access_file_write(&w->file, &end, 1, &n);
		w->partial = 0;
	}
	access_file_close(&w->file);
	w->file = file;
	note_success(w);
}

static void
linger(struct access_writer *w)
{
	atomic_store_explicit(
	    &w->state, WRITER_LINGERING, memory_order_seq_cst);
	wait_for(w, false, LINGER_MS);
	atomic_store_explicit(&w->state, WRITER_AWAKE, memory_order_seq_cst);
}

/* Until a line or a request comes; an episode of losses that is not over yet
 * has its own time. */
static void
go_to_sleep(struct access_writer *w)
{
	atomic_store_explicit(&w->state, WRITER_ASLEEP, memory_order_seq_cst);
	/* The flags need no look: who sets one signals always. */
	if (is_empty(w))
		wait_for(w, false, w->dropping ? QUIET_MS : FOREVER);
	atomic_store_explicit(&w->state, WRITER_AWAKE, memory_order_seq_cst);
}

/* Writes what is left, in FLUSH_MS at most; a file that fails now is not
 * waited for. What is still there then is lost. */
static void
flush(struct access_writer *w)
{
	uint64_t end_ms = now_ms() + FLUSH_MS;
	uint64_t lost = 0, now;
	enum pass pass;

	for (;;) {
		pass = pass_once(w);
		now = now_ms();
		if (pass == PASS_EMPTY || pass == PASS_FAILED || now >= end_ms)
			break;
		if (pass == PASS_FULL)
			wait_for(w, true, (int)(end_ms - now));
	}
	for (unsigned i = 0; i < w->ring_count; i++)
		lost += access_ring_lines(&w->rings[i]);
	if (lost == 0)
		return;
	atomic_fetch_add_explicit(&w->lost, lost, memory_order_relaxed);
	log_warn("access_log_dropped",
	    "path=\"%s\" count=%" PRIu64 " reason=\"%s\" at=stop", w->path,
	    access_writer_dropped(w) -
		(w->dropping ? w->drops_before : w->drops_seen),
	    loss_reason(w));
}

static void
turn(struct access_writer *w)
{
	enum pass pass;

	reopen_file(w);
	pass = pass_once(w);
	if (pass != PASS_PART) /* the next pass knows the reason better */
		note_drops(w);
	switch (pass) {
	case PASS_EMPTY:
		go_to_sleep(w);
		break;
	case PASS_WROTE:
		linger(w);
		break;
	case PASS_PART:
		break;
	case PASS_FULL:
		wait_for(w, true, FULL_LOOK_MS);
		break;
	case PASS_FAILED:
		wait_for(w, false, (int)w->retry_ms);
		break;
	}
}

void *
access_writer_run(void *arg)
{
	struct access_writer *w = arg;

	while (!is_stopping(w))
		turn(w);
	flush(w);
	(void)eventfd_write(w->done_fd, 1);
	return NULL;
}
