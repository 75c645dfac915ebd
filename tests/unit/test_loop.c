/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/loop.h"

enum {
	MS = 1000000
};

struct probe {
	struct watch watch;
	struct timer timer;
	struct deferred deferred;
	struct loop *loop;
	struct probe *victim;
	unsigned calls;
	uint32_t events;
	int pipe[2];
};

static void
pair(int fds[2])
{
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
}

static struct probe *
probe_of_watch(struct watch *w)
{
	return (struct probe *)(void *)w; /* the first member */
}

static struct probe *
probe_of_timer(struct timer *t)
{
	return (
	    struct probe *)(void *)((char *)t - offsetof(struct probe, timer));
}

static void
count_and_stop(struct watch *w, uint32_t events)
{
	struct probe *p = probe_of_watch(w);

	p->calls++;
	p->events |= events;
	loop_stop(p->loop);
}

static void
close_victim(struct watch *w, uint32_t events)
{
	struct probe *p = probe_of_watch(w);

	(void)events;
	p->calls++;
	watch_close(p->loop, &p->victim->watch);
	loop_stop(p->loop);
}

static void
test_events_reach_the_watch(void **state)
{
	struct loop *l = loop_new();
	struct probe p = {.loop = l};
	int fds[2];

	(void)state;
	assert_non_null(l);
	pair(fds);
	assert_true(
	    loop_watch(l, &p.watch, fds[0], EPOLLIN | EPOLLET, count_and_stop));
	assert_int_equal(write(fds[1], "x", 1), 1);
	loop_run(l);
	assert_int_equal(p.calls, 1);
	assert_true(p.events & EPOLLIN);
	watch_close(l, &p.watch);
	assert_int_equal(p.watch.fd, -1);
	(void)close(fds[1]);
	loop_free(l);
}

/* Both are ready in one turn; whichever comes first closes the other, whose
 * event was fetched already and must not be delivered, although its number may
 * be given out anew. */
static void
test_no_event_after_close(void **state)
{
	struct loop *l = loop_new();
	struct probe a = {.loop = l}, b = {.loop = l};
	int one[2], two[2];

	(void)state;
	a.victim = &b;
	b.victim = &a;
	pair(one);
	pair(two);
	assert_true(
	    loop_watch(l, &a.watch, one[0], EPOLLIN | EPOLLET, close_victim));
	assert_true(
	    loop_watch(l, &b.watch, two[0], EPOLLIN | EPOLLET, close_victim));
	assert_int_equal(write(one[1], "x", 1), 1);
	assert_int_equal(write(two[1], "x", 1), 1);
	loop_run(l);
	assert_int_equal(a.calls + b.calls, 1);
	watch_close(l, &a.watch);
	watch_close(l, &b.watch);
	(void)close(one[1]);
	(void)close(two[1]);
	loop_free(l);
}

static void
replace_second(struct watch *w, uint32_t events)
{
	struct probe *p = probe_of_watch(w);
	struct probe *old = p->victim, *fresh = old->victim;
	int number = old->watch.fd, fd;

	(void)events;
	p->calls++;
	watch_close(p->loop, &old->watch);
	/* A pipe's read end with nothing in it: no event of its own. */
	assert_int_equal(pipe2(p->pipe, O_NONBLOCK), 0);
	fd = p->pipe[0];
	assert_int_equal(fd, number); /* the lowest free number is given out */
	assert_true(loop_watch(
	    p->loop, &fresh->watch, fd, EPOLLIN | EPOLLET, count_and_stop));
	loop_stop(p->loop);
}

static void
test_old_event_is_not_delivered_to_a_reused_number(void **state)
{
	struct loop *l = loop_new();
	struct probe a = {.loop = l}, b = {.loop = l}, fresh = {.loop = l};
	int one[2], two[2];

	(void)state;
	a.victim = &b;
	b.victim = &fresh;
	pair(one);
	pair(two);
	assert_true(
	    loop_watch(l, &a.watch, one[0], EPOLLIN | EPOLLET, replace_second));
	assert_true(
	    loop_watch(l, &b.watch, two[0], EPOLLIN | EPOLLET, count_and_stop));
	/* epoll hands out ready descriptors in the order they became so. */
	assert_int_equal(write(one[1], "x", 1), 1);
	assert_int_equal(write(two[1], "x", 1), 1);
	loop_run(l);
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 0);
	assert_int_equal(fresh.calls, 0);
	watch_close(l, &a.watch);
	watch_close(l, &fresh.watch);
	(void)close(a.pipe[1]);
	(void)close(one[1]);
	(void)close(two[1]);
	loop_free(l);
}

static void
ignore(struct watch *w, uint32_t events)
{
	(void)events;
	probe_of_watch(w)->calls++;
}

static void
test_hand_over_without_a_new_registration(void **state)
{
	struct loop *l = loop_new();
	struct probe a = {.loop = l}, b = {.loop = l};
	int fds[2];

	(void)state;
	pair(fds);
	assert_true(loop_watch(l, &a.watch, fds[0], EPOLLIN | EPOLLET, ignore));
	loop_release(l, &a.watch);
	loop_adopt(l, &b.watch, fds[0], count_and_stop);
	assert_int_equal(write(fds[1], "x", 1), 1);
	loop_run(l);
	assert_int_equal(a.calls, 0);
	assert_int_equal(b.calls, 1);
	watch_close(l, &b.watch);
	(void)close(fds[1]);
	loop_free(l);
}

/* --- timers --------------------------------------------------------------- */

enum {
	TIMERS = 500
};

struct clockwork {
	struct probe probes[TIMERS];
	uint64_t due[TIMERS]; /* the model: 0 is "not set" */
	unsigned left;
	uint64_t last;
};

static void
on_tick(struct timer *t)
{
	struct probe *p = probe_of_timer(t);
	struct clockwork *c = (struct clockwork *)(void *)p->victim;
	size_t i = (size_t)(p - c->probes);

	assert_int_equal(t->deadline_ns, c->due[i]);
	assert_true(loop_now(p->loop) >= c->due[i]);
	assert_false(timer_is_set(t));
	c->due[i] = 0;
	p->calls++;
	if (--c->left == 0)
		loop_stop(p->loop);
}

/* Timers set, moved both ways and cleared at random all fire once, when they
 * are due, and never when cleared. */
static void
test_timers_fire_as_a_model_says(void **state)
{
	struct loop *l = loop_new();
	struct clockwork *c = calloc(1, sizeof(*c));
	uint64_t now = clock_now_ns();
	unsigned seed = 7;

	(void)state;
	assert_non_null(c);
	for (unsigned n = 0; n < TIMERS * 20; n++) {
		size_t i = (size_t)rand_r(&seed) % TIMERS;
		uint64_t due = now + (uint64_t)(rand_r(&seed) % 30 + 1) * MS;

		c->probes[i].loop = l;
		c->probes[i].victim = (struct probe *)(void *)c;
		if (rand_r(&seed) % 4 == 0) {
			timer_clear(l, &c->probes[i].timer);
			c->due[i] = 0;
		} else {
			timer_set(l, &c->probes[i].timer, due, on_tick);
			c->due[i] = due;
		}
	}
	for (size_t i = 0; i < TIMERS; i++) {
		assert_int_equal(
		    timer_is_set(&c->probes[i].timer), c->due[i] != 0);
		c->left += c->due[i] != 0;
	}
	assert_true(c->left > 0);
	loop_run(l);
	for (size_t i = 0; i < TIMERS; i++) {
		assert_true(c->probes[i].calls <= 1);
		assert_int_equal(c->due[i], 0);
	}
	loop_free(l);
	free(c);
}

static void
on_second(struct timer *t)
{
	loop_stop(probe_of_timer(t)->loop);
}

static void
on_first(struct timer *t)
{
	struct probe *p = probe_of_timer(t);

	p->calls++;
	timer_set(p->loop, t, loop_now(p->loop), on_second);
}

static void
test_timer_may_be_set_anew_in_its_callback(void **state)
{
	struct loop *l = loop_new();
	struct probe p = {.loop = l};

	(void)state;
	timer_set(l, &p.timer, clock_now_ns() + MS, on_first);
	loop_run(l);
	assert_int_equal(p.calls, 1);
	loop_free(l);
}

/* --- put off, messages -----------------------------------------------------
 */

static void
again(void *arg)
{
	struct probe *p = arg;

	if (++p->calls == 3)
		loop_stop(p->loop);
	else
		loop_defer(p->loop, &p->deferred, again, p);
}

static void
never(void *arg)
{
	(void)arg;
	fail_msg("called although taken back");
}

static void
test_deferred_work_comes_in_later_turns(void **state)
{
	struct loop *l = loop_new();
	struct probe p = {.loop = l}, q = {.loop = l};

	(void)state;
	loop_defer(l, &q.deferred, never, &q);
	loop_defer(l, &p.deferred, again, &p);
	loop_undefer(&q.deferred);
	loop_undefer(&q.deferred);
	loop_run(l);
	assert_int_equal(p.calls, 3);
	loop_free(l);
}

static void
free_it(void *arg)
{
	free(arg);
}

static void
doomed(void *arg)
{
	struct probe *p = arg;

	loop_free_later(p->loop, &p->deferred, free_it, p);
	loop_stop(p->loop);
}

static void
test_object_may_end_inside_its_callback(void **state)
{
	struct loop *l = loop_new();
	struct probe *p = calloc(1, sizeof(*p));

	(void)state;
	assert_non_null(p);
	p->loop = l;
	loop_defer(l, &p->deferred, doomed, p);
	loop_run(l);
	loop_free(l);
}

static void
on_message(void *arg)
{
	struct probe *p = arg;

	if (++p->calls == 1000)
		loop_stop(p->loop);
}

static void *
post_many(void *arg)
{
	struct probe *p = arg;

	for (int i = 0; i < 500; i++)
		assert_true(loop_post(p->loop, on_message, p));
	return NULL;
}

static void
test_messages_from_two_threads_all_arrive(void **state)
{
	struct loop *l = loop_new();
	struct probe p = {.loop = l};
	pthread_t one, two;

	(void)state;
	assert_int_equal(pthread_create(&one, NULL, post_many, &p), 0);
	assert_int_equal(pthread_create(&two, NULL, post_many, &p), 0);
	loop_run(l);
	assert_int_equal(pthread_join(one, NULL), 0);
	assert_int_equal(pthread_join(two, NULL), 0);
	assert_int_equal(p.calls, 1000);
	loop_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_events_reach_the_watch),
	    cmocka_unit_test(test_no_event_after_close),
	    cmocka_unit_test(
		test_old_event_is_not_delivered_to_a_reused_number),
	    cmocka_unit_test(test_hand_over_without_a_new_registration),
	    cmocka_unit_test(test_timers_fire_as_a_model_says),
	    cmocka_unit_test(test_timer_may_be_set_anew_in_its_callback),
	    cmocka_unit_test(test_deferred_work_comes_in_later_turns),
	    cmocka_unit_test(test_object_may_end_inside_its_callback),
	    cmocka_unit_test(test_messages_from_two_threads_all_arrive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
