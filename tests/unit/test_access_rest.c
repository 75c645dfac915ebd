/* SPDX-License-Identifier: Apache-2.0
 *
 * What the access log costs at rest and under load: its thread must not run
 * without work, and workers must not have to wake it for each line. The kernel
 * is the witness: /proc/self/task/TID tells the system call in which the thread
 * waits and how often it has waited (proc(5)). */
#include <dirent.h>
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>

#include <cmocka.h>

#include "access_log.h"

enum {
	WAIT_MS = 20000,
};

/* The text of a file of a thread; false when it has gone. */
static bool
read_task(const char *tid, const char *name, char *buf, size_t cap)
{
	char path[300];
	FILE *f;
	size_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%s/%s", tid, name);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	n = fread(buf, 1, cap - 1, f);
	buf[n] = '\0';
	(void)fclose(f);
	return n > 0;
}

/* The writer's thread, by its name; it is there once access_log_start() is
 * back. */
static void
find_writer(char *tid, size_t cap)
{
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *entry;
	char comm[64];
	unsigned found = 0;

	assert_non_null(tasks);
	while ((entry = readdir(tasks)) != NULL) {
		if (entry->d_name[0] == '.' ||
		    !read_task(entry->d_name, "comm", comm, sizeof(comm)) ||
		    strcmp(comm, "access-log\n") != 0)
			continue;
		(void)snprintf(tid, cap, "%s", entry->d_name);
		found++;
	}
	(void)closedir(tasks);
	assert_int_equal(found, 1);
}

/* Whether the thread waits in poll(2) without end. The file "syscall" has the
 * number and the arguments in hex; the third is the timeout, -1. (New
 * architectures have only ppoll(2), where it is a pointer, NULL.) */
static bool
sleeps_for_ever(const char *tid)
{
#ifdef SYS_poll
	const long call = SYS_poll;
	const uint32_t forever = UINT32_MAX;
#else
	const long call = SYS_ppoll;
	const uint32_t forever = 0;
#endif
	char text[256];
	char *at;
	uint64_t timeout = 0;

	if (!read_task(tid, "syscall", text, sizeof(text)))
		return false;
	if (strtol(text, &at, 10) != call)
		return false;
	for (int i = 0; i < 3; i++)
		timeout = strtoull(at, &at, 16);
	return (uint32_t)timeout == forever;
}

/* How often the thread has gone to wait by itself. */
static uint64_t
waits_of(const char *tid)
{
	static const char key[] = "\nvoluntary_ctxt_switches:";
	char text[8192];
	const char *at;

	assert_true(read_task(tid, "status", text, sizeof(text)));
	at = strstr(text, key);
	assert_non_null(at);
	return strtoull(at + sizeof(key) - 1, NULL, 10);
}

static uint64_t
now_ms(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void
wait_for_sleep(const char *tid)
{
	uint64_t end = now_ms() + WAIT_MS;

	while (!sleeps_for_ever(tid)) {
		assert_true(now_ms() < end);
		(void)poll(NULL, 0, 2);
	}
}

/* The thread has been given work: it has woken and waited again since. */
static void
wait_for_wake(const char *tid, uint64_t waits_before)
{
	uint64_t end = now_ms() + WAIT_MS;

	while (waits_of(tid) == waits_before) {
		assert_true(now_ms() < end);
		(void)poll(NULL, 0, 2);
	}
}

static void
put(struct access_log *log)
{
	static const struct access_record r = {.unix_ns = 1, .port = 443};

	access_log_write(access_log_ring(log, 0), &r);
}

static struct access_log *
start_log(char *tid, size_t cap)
{
	struct access_log *log = access_log_new("/dev/null", LOG_JSON, 2);

	assert_non_null(log);
	assert_true(access_log_start(log));
	find_writer(tid, cap);
	return log;
}

static void
test_idle_thread_never_wakes(void **state)
{
	char tid[32];
	struct access_log *log = start_log(tid, sizeof(tid));

	(void)state;
	/* Idle from the start, and again after each kind of work. */
	for (int round = 0; round < 3; round++) {
		uint64_t waits;

		wait_for_sleep(tid);
		waits = waits_of(tid);
		/* Reading counters, and time, must not wake it. */
		for (int i = 0; i < 1000; i++)
			(void)access_log_dropped(log);
		(void)poll(NULL, 0, 150); /* more than two of its pauses */
		assert_true(sleeps_for_ever(tid));
		assert_int_equal(waits_of(tid), waits);
		if (round == 0)
			put(log);
		else
			access_log_reopen(log);
		wait_for_wake(tid, waits);
	}
	access_log_free(log);
}

static void
test_busy_thread_is_not_woken_per_line(void **state)
{
	enum {
		LINES = 20000
	};
	char tid[32];
	struct access_log *log = start_log(tid, sizeof(tid));
	uint64_t waits, start_ms, pauses;

	(void)state;
	wait_for_sleep(tid);
	waits = waits_of(tid);
	start_ms = now_ms();
	for (int i = 0; i < LINES; i++)
		put(log);
	wait_for_wake(tid, waits);
	wait_for_sleep(tid);
	/* It waits once for each pause of 50 ms, which half a full ring cuts
	 * short (some twenty times here). One wake a line would be far more. */
	pauses = (now_ms() - start_ms) / 50;
	assert_in_range(waits_of(tid) - waits, 1, 2 * pauses + 60);
	access_log_free(log);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_idle_thread_never_wakes),
	    cmocka_unit_test(test_busy_thread_is_not_woken_per_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
