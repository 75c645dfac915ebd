/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of lines from workers to the output. Each line carries its number as
 * client port and bytes_up, and its ring's as bytes_down, so that what is read
 * back proves which lines arrived, whole and in order. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "access_log.h"
#include "access_ring.h"
#include "capture.h"

enum {
	WAIT_MS = 20000, /* for what must come; never reached when it does */
	RINGS_MAX = 4,
};

/* A folder of the test's own, with the log in it. */
struct place {
	char folder[64];
	char log[96];
	char old[96];
	struct capture c;
};

static int
make_place(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	(void)snprintf(
	    p->folder, sizeof(p->folder), "/tmp/sekisho-access-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	(void)snprintf(p->log, sizeof(p->log), "%s/access.log", p->folder);
	(void)snprintf(p->old, sizeof(p->old), "%s/access.old", p->folder);
	p->c = capture_start();
	*state = p;
	return 0;
}

static int
remove_place(void **state)
{
	struct place *p = *state;

	capture_end(&p->c);
	(void)unlink(p->log);
	(void)unlink(p->old);
	assert_int_equal(rmdir(p->folder), 0);
	free(p);
	return 0;
}

static uint64_t
now_ms(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

typedef bool (*condition_fn)(const void *arg);

/* Looks every few milliseconds; the test fails when it never comes true. */
static void
wait_until(condition_fn is_true, const void *arg)
{
	uint64_t end = now_ms() + WAIT_MS;

	while (!is_true(arg)) {
		assert_true(now_ms() < end);
		(void)poll(NULL, 0, 2);
	}
}

static void
put(struct access_log *log, unsigned ring, uint64_t number)
{
	struct access_record r = {
	    .unix_ns = UINT64_C(1769846950123456789),
	    .tunnel = true,
	    .why = OUTCOME_CLIENT_CLOSED,
	    .status = 200,
	    .client = {.addr = {.family = IP_V4, .bytes = {10, 0, 0, 1}},
		.port = (uint16_t)number},
	    .protocol = "connect",
	    .host = span_str("container.us-1.cloudone.trendmicro.com"),
	    .port = 443,
	    .dns_ns = ACCESS_ABSENT,
	    .connect_ns = 1500000,
	    .first_byte_ns = ACCESS_ABSENT,
	    .duration_ns = 250000000,
	    .bytes_up = number,
	    .bytes_down = ring,
	};

	access_log_write(access_log_ring(log, ring), &r);
}

static struct access_log *
start_log(const char *path, unsigned rings)
{
	struct access_log *log = access_log_new(path, LOG_JSON, rings);

	assert_non_null(log);
	assert_true(access_log_start(log));
	return log;
}

/* What was read back: per ring the count and the last number. */
struct tally {
	uint64_t lines[RINGS_MAX];
	uint64_t next[RINGS_MAX]; /* behind the last number seen */
};

/* The number behind key, which must end as told. */
static uint64_t
number_of(const char *line, const char *key, char end)
{
	const char *at = strstr(line, key);
	char *stop;
	uint64_t n;

	assert_non_null(at);
	n = strtoull(at + strlen(key), &stop, 10);
	assert_int_equal(*stop, end);
	return n;
}

static void
tally_line(struct tally *t, const char *line)
{
	static const char head[] = "{\"time\":\"2026-01-31T08:09:10.123Z\","
				   "\"event\":\"tunnel\",";
	uint64_t number = number_of(line, "\"bytes_up\":", ',');
	uint64_t ring = number_of(line, "\"bytes_down\":", '}');

	assert_memory_equal(line, head, sizeof(head) - 1);
	/* Its front and its end belong together. */
	assert_int_equal(
	    number_of(line, "\"client\":\"10.0.0.1:", '"'), number & 0xFFFF);
	assert_ptr_equal(strrchr(line, '{'), line); /* nothing else in it */
	assert_string_equal(strchr(line, '}'), "}\n");
	assert_true(ring < RINGS_MAX);
	assert_true(number >= t->next[ring]); /* in order, none twice */
	t->next[ring] = number + 1;
	t->lines[ring]++;
}

static struct tally
tally_file(FILE *f)
{
	struct tally t = {{0}, {0}};
	char *line = NULL;
	size_t cap = 0;

	assert_non_null(f);
	while (getline(&line, &cap, f) > 0)
		tally_line(&t, line);
	free(line);
	(void)fclose(f);
	return t;
}

static struct tally
tally_path(const char *path)
{
	return tally_file(fopen(path, "re"));
}

static void
test_lines_arrive_whole_and_in_order(void **state)
{
	const struct place *p = *state;
	struct access_log *log = start_log(p->log, 1);
	const struct access_ring *ring = access_log_ring(log, 0);
	struct tally t;
	uint64_t n = 0;

	/* Several times round the ring, never over it. */
	while (n < 5000) {
		if (access_ring_used(ring) < ACCESS_RING_BYTES / 2)
			put(log, 0, n++);
		else
			(void)poll(NULL, 0, 1);
	}
	assert_int_equal(access_log_dropped(log), 0);
	access_log_free(log);
	t = tally_path(p->log);
	assert_int_equal(t.lines[0], n);
}

static void
test_new_file_is_not_for_all(void **state)
{
	const struct place *p = *state;
	mode_t before = umask(0);
	struct access_log *log = start_log(p->log, 1);
	struct stat st;

	access_log_free(log);
	(void)umask(before);
	assert_int_equal(stat(p->log, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void
test_off_writes_nothing(void **state)
{
	struct access_log *log = start_log("off", 3);

	(void)state;
	assert_null(access_log_ring(log, 0));
	put(log, 0, 1);
	access_log_reopen(log);
	assert_int_equal(access_log_dropped(log), 0);
	access_log_free(log);
	access_log_free(NULL);
}

static void
test_unopenable_path_is_said(void **state)
{
	const struct place *p = *state;
	struct access_log *log =
	    access_log_new("/nonexistent/access.log", LOG_JSON, 1);

	assert_null(log);
	assert_int_equal(
	    capture_count(&p->c, "path=\"/nonexistent/access.log\""), 1);
	assert_int_equal(capture_count(&p->c, strerror(ENOENT)), 1);
}

static void
test_torn_line_of_an_earlier_process_is_ended(void **state)
{
	const struct place *p = *state;
	FILE *f = fopen(p->log, "we");
	struct access_log *log;
	char text[64] = {0};

	assert_non_null(f);
	assert_true(fputs("{\"time\":\"20", f) >= 0);
	(void)fclose(f);
	log = start_log(p->log, 1);
	put(log, 0, 0);
	access_log_free(log);
	f = fopen(p->log, "re");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	assert_string_equal(text, "{\"time\":\"20\n");
	assert_int_equal(tally_file(f).lines[0], 1);
}

static bool
is_not_empty(const void *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_size > 0;
}

static bool
exists(const void *path)
{
	return access(path, F_OK) == 0;
}

static void
test_reopen_after_rotation(void **state)
{
	const struct place *p = *state;
	struct access_log *log = start_log(p->log, 1);

	put(log, 0, 0);
	wait_until(is_not_empty, p->log);
	assert_int_equal(rename(p->log, p->old), 0);
	put(log, 0, 1); /* belongs to the old file: nobody said otherwise */
	access_log_reopen(log);
	wait_until(exists, p->log);
	put(log, 0, 2);
	wait_until(is_not_empty, p->log);
	access_log_free(log);
	assert_true(
	    tally_path(p->old).lines[0] + tally_path(p->log).lines[0] == 3);
	assert_true(tally_path(p->log).next[0] == 3);
}

static void
test_failed_reopen_keeps_the_old_file(void **state)
{
	const struct place *p = *state;
	struct access_log *log = start_log(p->log, 1);
	uint64_t end = now_ms() + WAIT_MS;

	put(log, 0, 0);
	wait_until(is_not_empty, p->log);
	assert_int_equal(rename(p->log, p->old), 0);
	assert_int_equal(mkdir(p->log, 0700), 0); /* in the way */
	access_log_reopen(log);
	while (capture_count(&p->c, "event=access_log_open") == 0) {
		assert_true(now_ms() < end);
		(void)poll(NULL, 0, 2);
	}
	put(log, 0, 1);
	access_log_free(log);
	assert_int_equal(rmdir(p->log), 0);
	assert_int_equal(tally_path(p->old).lines[0], 2);
}

static bool
has_dropped(const void *log)
{
	return access_log_dropped(log) > 0;
}

/* Puts lines until one is lost; returns how many were put. */
static uint64_t
put_until_lost(struct access_log *log)
{
	uint64_t n = 0;

	while (!has_dropped(log))
		put(log, 0, n++);
	return n;
}

static void
wait_for_message(const struct capture *c, const char *text)
{
	uint64_t end = now_ms() + WAIT_MS;

	while (capture_count(c, text) == 0) {
		assert_true(now_ms() < end);
		(void)poll(NULL, 0, 2);
	}
}

struct reader {
	int fd;
	pthread_t thread;
	struct tally tally;
};

static void *
read_to_end(void *arg)
{
	struct reader *r = arg;

	r->tally = tally_file(fdopen(r->fd, "r"));
	return NULL;
}

static void
reader_start(struct reader *r, int fd)
{
	assert_true(fd >= 0);
	r->fd = fd;
	assert_int_equal(pthread_create(&r->thread, NULL, read_to_end, r), 0);
}

static void
test_fifo_that_is_read_late(void **state)
{
	const struct place *p = *state;
	struct access_log *log;
	struct reader r;
	uint64_t put_count, dropped;

	assert_int_equal(mkfifo(p->log, 0600), 0);
	log = start_log(p->log, 1); /* does not wait for a reader either */
	put_count = put_until_lost(log);
	wait_for_message(&p->c, "event=access_log_dropped");
	dropped = access_log_dropped(log);
	reader_start(&r, open(p->log, O_RDONLY | O_CLOEXEC));
	wait_for_message(&p->c, "event=access_log_recovered");
	put(log, 0, put_count);
	access_log_free(log);
	assert_int_equal(pthread_join(r.thread, NULL), 0);
	assert_int_equal(r.tally.lines[0], put_count - dropped + 1);
	assert_int_equal(r.tally.next[0], put_count + 1);
	assert_int_equal(capture_count(&p->c, "event=access_log_dropped"), 1);
	assert_int_equal(
	    capture_count(&p->c, "the output is not being read"), 1);
}

static void
test_stop_does_not_wait_for_a_reader(void **state)
{
	const struct place *p = *state;
	struct access_log *log;

	assert_int_equal(mkfifo(p->log, 0600), 0);
	log = start_log(p->log, 1);
	(void)put_until_lost(log);
	access_log_free(log);
	assert_int_equal(capture_count(&p->c, " at=stop"), 1);
}

/* fd 1 becomes fd until stdout_restore(). */
static int
stdout_replace(int fd)
{
	int saved = dup(STDOUT_FILENO);

	(void)fflush(stdout);
	assert_true(saved >= 0);
	assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	(void)close(fd);
	return saved;
}

static void
stdout_restore(int saved)
{
	assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	(void)close(saved);
}

static void
test_stdout_pipe_stays_blocking_for_others(void **state)
{
	struct access_log *log;
	struct reader r;
	int fds[2], saved;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	saved = stdout_replace(fds[1]);
	log = start_log("stdout", 1);
	assert_int_equal(fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK, 0);
	reader_start(&r, fds[0]);
	put(log, 0, 7);
	access_log_reopen(log); /* nothing to open anew */
	put(log, 0, 8);
	access_log_free(log);
	stdout_restore(saved);
	assert_int_equal(pthread_join(r.thread, NULL), 0);
	assert_int_equal(r.tally.lines[0], 2);
	assert_int_equal(r.tally.next[0], 9);
}

static void
test_stdout_socket(void **state)
{
	struct access_log *log;
	struct reader r;
	int fds[2], saved;

	(void)state;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	saved = stdout_replace(fds[1]);
	log = start_log("stdout", RINGS_MAX);
	reader_start(&r, fds[0]);
	for (uint64_t n = 0; n < 100; n++)
		put(log, n % RINGS_MAX, n);
	access_log_free(log);
	stdout_restore(saved);
	assert_int_equal(pthread_join(r.thread, NULL), 0);
	for (unsigned i = 0; i < RINGS_MAX; i++)
		assert_int_equal(r.tally.lines[i], 100 / RINGS_MAX);
}

static void
test_reader_gone_is_no_signal(void **state)
{
	const struct place *p = *state;
	struct access_log *log;
	int fds[2], saved;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	saved = stdout_replace(fds[1]);
	log = start_log("stdout", 1);
	(void)close(fds[0]);
	put(log, 0, 0);
	wait_for_message(&p->c, "event=access_log_failed");
	assert_int_equal(capture_count(&p->c, strerror(EPIPE)), 1);
	access_log_free(log);
	stdout_restore(saved);
	assert_int_equal(capture_count(&p->c, "count=1 "), 1);
}

static void
test_full_device_is_said_once(void **state)
{
	const struct place *p = *state;
	struct access_log *log = start_log("/dev/full", 1);
	uint64_t dropped;

	(void)put_until_lost(log);
	wait_for_message(&p->c, "event=access_log_dropped");
	dropped = access_log_dropped(log);
	put(log, 0, 1);
	assert_int_equal(access_log_dropped(log), dropped + 1);
	assert_int_equal(capture_count(&p->c, "event=access_log_failed"), 1);
	assert_int_equal(capture_count(&p->c, "event=access_log_dropped"), 1);
	assert_true(capture_count(&p->c, strerror(ENOSPC)) >= 2);
	access_log_free(log);
	assert_int_equal(capture_count(&p->c, " at=stop"), 1);
}

/* A limit on file size gives what a full disk gives: a short write, then
 * failures, then room again. */
static void
test_line_cut_by_a_full_disk_is_finished(void **state)
{
	const struct place *p = *state;
	struct access_log *log = start_log(p->log, 1);
	struct rlimit before, limit;
	struct stat st;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 1000; /* amid the fourth line or so */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (uint64_t n = 0; n < 10; n++)
		put(log, 0, n);
	wait_for_message(&p->c, "event=access_log_failed");
	assert_int_equal(stat(p->log, &st), 0);
	assert_int_equal(st.st_size, 1000);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	wait_for_message(&p->c, "event=access_log_recovered");
	access_log_free(log);
	assert_int_equal(tally_path(p->log).lines[0], 10);
	assert_int_equal(capture_count(&p->c, "event=access_log_dropped"), 0);
}

static void
test_cut_line_is_finished_before_other_rings(void **state)
{
	const struct place *p = *state;
	struct access_log *log = start_log(p->log, RINGS_MAX);
	struct rlimit before, limit;
	struct tally t;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 1000; /* behind the two lines of the first ring */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (uint64_t n = 0; n < RINGS_MAX + RINGS_MAX; n++)
		put(log, (unsigned)n / 2, n);
	wait_for_message(&p->c, "event=access_log_failed");
	put(log, 0, 100);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	wait_for_message(&p->c, "event=access_log_recovered");
	access_log_free(log);
	t = tally_path(p->log);
	assert_int_equal(t.lines[0], 3);
	for (unsigned i = 1; i < RINGS_MAX; i++)
		assert_int_equal(t.lines[i], 2);
}

static void
test_line_cut_by_a_full_disk_begins_again_after_rotation(void **state)
{
	const struct place *p = *state;
	struct access_log *log = start_log(p->log, 1);
	struct rlimit before, limit;
	struct tally t;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 1000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (uint64_t n = 0; n < 4; n++)
		put(log, 0, n);
	wait_for_message(&p->c, "event=access_log_failed");
	assert_int_equal(rename(p->log, p->old), 0);
	access_log_reopen(log);
	wait_for_message(&p->c, "event=access_log_recovered");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	access_log_free(log);
	t = tally_path(p->log);
	assert_true(t.lines[0] > 0);
	assert_int_equal(t.next[0], 4);
}

struct worker {
	struct access_log *log;
	unsigned ring;
	uint64_t count;
	pthread_t thread;
};

static void *
worker_run(void *arg)
{
	const struct worker *w = arg;

	for (uint64_t n = 0; n < w->count; n++)
		put(w->log, w->ring, n);
	return NULL;
}

static void
test_many_workers_and_rotations(void **state)
{
	const struct place *p = *state;
	struct access_log *log = start_log(p->log, RINGS_MAX);
	struct worker workers[RINGS_MAX];
	uint64_t dropped, lines = 0;
	struct tally t;

	for (unsigned i = 0; i < RINGS_MAX; i++) {
		workers[i] =
		    (struct worker){.log = log, .ring = i, .count = 10000};
		assert_int_equal(pthread_create(&workers[i].thread, NULL,
				     worker_run, &workers[i]),
		    0);
	}
	for (int i = 0; i < 50; i++) {
		access_log_reopen(log); /* the same file: nothing is lost */
		(void)access_log_dropped(log);
		(void)poll(NULL, 0, 1);
	}
	for (unsigned i = 0; i < RINGS_MAX; i++)
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
	dropped = access_log_dropped(log);
	access_log_free(log);
	t = tally_path(p->log);
	for (unsigned i = 0; i < RINGS_MAX; i++)
		lines += t.lines[i];
	assert_int_equal(lines + dropped, 10000 * RINGS_MAX);
}

int
main(void)
{
#define IN_PLACE(test)                                                         \
	cmocka_unit_test_setup_teardown(test, make_place, remove_place)
	const struct CMUnitTest tests[] = {
	    IN_PLACE(test_lines_arrive_whole_and_in_order),
	    IN_PLACE(test_new_file_is_not_for_all),
	    IN_PLACE(test_off_writes_nothing),
	    IN_PLACE(test_unopenable_path_is_said),
	    IN_PLACE(test_torn_line_of_an_earlier_process_is_ended),
	    IN_PLACE(test_reopen_after_rotation),
	    IN_PLACE(test_failed_reopen_keeps_the_old_file),
	    IN_PLACE(test_fifo_that_is_read_late),
	    IN_PLACE(test_stop_does_not_wait_for_a_reader),
	    IN_PLACE(test_stdout_pipe_stays_blocking_for_others),
	    IN_PLACE(test_stdout_socket),
	    IN_PLACE(test_reader_gone_is_no_signal),
	    IN_PLACE(test_full_device_is_said_once),
	    IN_PLACE(test_line_cut_by_a_full_disk_is_finished),
	    IN_PLACE(test_cut_line_is_finished_before_other_rings),
	    IN_PLACE(test_line_cut_by_a_full_disk_begins_again_after_rotation),
	    IN_PLACE(test_many_workers_and_rotations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
