/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes of watched files, also those that come while they are being read. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "watch_files.h"

struct rig {
	struct event_base *base;
	struct watch_files *watch;
	struct config config;
	char folder[32];
	char file[64];
	unsigned changes;
};

static void
on_changed(void *arg)
{
	struct rig *r = arg;

	r->changes++;
	(void)event_base_loopbreak(r->base);
}

static void
put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
rig_init(struct rig *r)
{
	*r = (struct rig){.folder = "/tmp/test_watch_XXXXXX"};
	assert_non_null(mkdtemp(r->folder));
	(void)snprintf(r->file, sizeof(r->file), "%s/conf", r->folder);
	put(r->file, "one");
	r->config.gateway.watch_files = true;
	r->base = event_base_new();
	r->watch = watch_files_new(r->base, on_changed, r);
	assert_non_null(r->watch);
	watch_files_set(r->watch, r->file, &r->config);
}

static void
rig_fini(struct rig *r)
{
	char command[128];

	watch_files_free(r->watch);
	event_base_free(r->base);
	(void)snprintf(command, sizeof(command), "%s/other", r->folder);
	(void)unlink(command);
	(void)unlink(r->file);
	assert_int_equal(rmdir(r->folder), 0);
}

/* Runs until the change is told of; ctest bounds the wait. */
static void
await_change(struct rig *r)
{
	unsigned before = r->changes;

	while (r->changes == before)
		assert_int_equal(event_base_loop(r->base, EVLOOP_ONCE), 0);
	assert_int_equal(r->changes, before + 1);
}

static void
test_a_change(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	put(r.file, "another");
	await_change(&r);
	rig_fini(&r);
}

/* Between mark and set: after the file was read, before it is watched again. */
static void
test_a_change_while_it_was_read(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	watch_files_mark(r.watch);
	put(r.file, "another");
	assert_true(watch_files_has(r.watch, r.file, &r.config));
	watch_files_set(r.watch, r.file, &r.config);
	await_change(&r);
	rig_fini(&r);
}

static void
test_what_was_not_watched(void **state)
{
	struct rig r;
	char other[64];

	(void)state;
	rig_init(&r);
	(void)snprintf(other, sizeof(other), "%s/other", r.folder);
	r.config.upstream.parent_password_file = other;
	assert_false(watch_files_has(r.watch, r.file, &r.config));
	watch_files_set(r.watch, r.file, &r.config);
	put(other, "secret");
	await_change(&r);
	rig_fini(&r);
}

static void
make_noise(evutil_socket_t fd, short what, void *arg)
{
	struct rig *r = arg;
	char other[64];

	(void)fd;
	(void)what;
	(void)snprintf(other, sizeof(other), "%s/other", r->folder);
	put(other, "noise");
}

/* Somebody writes beside it all the time. */
static void
test_a_folder_that_is_never_still(void **state)
{
	static const struct timeval often = {.tv_usec = 20000};
	struct event *noise;
	struct rig r;

	(void)state;
	rig_init(&r);
	noise = event_new(r.base, -1, EV_PERSIST, make_noise, &r);
	assert_non_null(noise);
	assert_int_equal(event_add(noise, &often), 0);
	put(r.file, "another");
	await_change(&r);
	event_free(noise);
	rig_fini(&r);
}

static void
test_watches_nothing_when_off(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.config.gateway.watch_files = false;
	watch_files_set(r.watch, r.file, &r.config);
	put(r.file, "another");
	/* Nothing is left to wait for. */
	assert_int_equal(event_base_loop(r.base, 0), 1);
	assert_int_equal(r.changes, 0);
	rig_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_change),
	    cmocka_unit_test(test_a_change_while_it_was_read),
	    cmocka_unit_test(test_what_was_not_watched),
	    cmocka_unit_test(test_a_folder_that_is_never_still),
	    cmocka_unit_test(test_watches_nothing_when_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
