/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors are kept in a table by number, and epoll's datum is the number
 * with a generation: an event that was already fetched when its descriptor was
 * closed (and perhaps given out anew by accept) carries an old generation and
 * is dropped, so that closing needs no call of epoll_ctl.
 *
 * Timers stand in a binary heap by the time at which they are looked at. Moving
 * a timer later leaves it where it is; when its old time comes, it is put where
 * it belongs. So a tunnel that is busy pays nothing for its idle timer. */
#include "net/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
	EVENTS_PER_TURN = 256,
	TABLE_STEP = 64, /* descriptors by which the table grows at least */
};

struct slot {
	struct watch *watch;
	uint32_t generation;
};

struct loop_message {
	loop_fn fn;
	void *arg;
	struct loop_message *next;
};

struct loop {
	int epoll_fd;
	atomic_bool stopping;
	uint64_t now_ns, turn;
	struct slot *table; /* by descriptor */
	size_t table_len;
	struct timer *timers; /* the one with the least key */
	/* Put off to the next turn, of this turn, and to this turn's end. */
	struct deferred *next_turn, *due, *dying;
	struct watch wake; /* eventfd(2) */
	pthread_mutex_t lock;
	struct loop_message *messages, **messages_tail; /* under lock */
};

uint64_t
clock_now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

uint64_t
loop_now(const struct loop *l)
{
	return l->now_ns;
}

uint64_t
loop_turn(const struct loop *l)
{
	return l->turn;
}

/* --- messages from other threads ----------------------------------------- */

static void
on_wake(struct watch *w, uint32_t events)
{
	/* The wake watch is the loop's own: the loop is found around it. */
	struct loop *l =
	    (struct loop *)(void *)((char *)w - offsetof(struct loop, wake));
	struct loop_message *m;
	uint64_t count;

	(void)events;
	(void)!read(w->fd, &count, sizeof(count));
	(void)pthread_mutex_lock(&l->lock);
	m = l->messages;
	l->messages = NULL;
	l->messages_tail = &l->messages;
	(void)pthread_mutex_unlock(&l->lock);
	while (m != NULL) {
		struct loop_message *next = m->next;

		m->fn(m->arg);
		free(m);
		m = next;
	}
}

static void
wake_up(struct loop *l)
{
	static const uint64_t one = 1;

	(void)!write(l->wake.fd, &one, sizeof(one));
}

struct loop_message *
loop_message_new(loop_fn fn, void *arg)
{
	struct loop_message *m = malloc(sizeof(*m));

	if (m != NULL)
		*m = (struct loop_message){.fn = fn, .arg = arg};
	return m;
}

void
loop_message_free(struct loop_message *m)
{
	free(m);
}

void
loop_send(struct loop *l, struct loop_message *m)
{
	(void)pthread_mutex_lock(&l->lock);
	*l->messages_tail = m;
	l->messages_tail = &m->next;
	(void)pthread_mutex_unlock(&l->lock);
	wake_up(l);
}

bool
loop_post(struct loop *l, loop_fn fn, void *arg)
{
	struct loop_message *m = loop_message_new(fn, arg);

	if (m == NULL)
		return false;
	loop_send(l, m);
	return true;
}

void
loop_stop(struct loop *l)
{
	atomic_store(&l->stopping, true);
	wake_up(l);
}

/* --- descriptors ---------------------------------------------------------- */

static bool
table_reach(struct loop *l, int fd)
{
	size_t need = (size_t)fd + 1, len = l->table_len;
	struct slot *t;

	if (need <= len)
		return true;
	len = need + need / 2 + TABLE_STEP;
	t = realloc(l->table, len * sizeof(*t));
	if (t == NULL)
		return false;
	for (size_t i = l->table_len; i < len; i++)
		t[i] = (struct slot){.watch = NULL};
	l->table = t;
	l->table_len = len;
	return true;
}

static struct epoll_event
epoll_datum(const struct loop *l, int fd, uint32_t events)
{
	uint64_t generation = l->table[fd].generation;

	return (struct epoll_event){
	    .events = events, .data.u64 = generation << 32 | (uint32_t)fd};
}

bool
loop_watch(
    struct loop *l, struct watch *w, int fd, uint32_t events, watch_fn fn)
{
	struct epoll_event ev;

	if (!table_reach(l, fd)) {
		errno = ENOMEM;
		return false;
	}
	l->table[fd].generation++;
	ev = epoll_datum(l, fd, events);
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
		return false;
	l->table[fd].watch = w;
	w->fd = fd;
	w->fn = fn;
	return true;
}

bool
loop_rewatch(struct loop *l, struct watch *w, uint32_t events)
{
	struct epoll_event ev = epoll_datum(l, w->fd, events);

	return epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, w->fd, &ev) == 0;
}

void
loop_release(struct loop *l, struct watch *w)
{
	/* A watch may hold a descriptor that was never registered. */
	if (w->fd >= 0 && (size_t)w->fd < l->table_len &&
	    l->table[w->fd].watch == w)
		l->table[w->fd].watch = NULL;
	w->fd = -1;
}

void
loop_adopt(struct loop *l, struct watch *w, int fd, watch_fn fn)
{
	assert((size_t)fd < l->table_len && l->table[fd].watch == NULL);
	l->table[fd].watch = w;
	w->fd = fd;
	w->fn = fn;
}

void
loop_unwatch(struct loop *l, struct watch *w)
{
	int fd = w->fd;

	loop_release(l, w);
	/* Fails when the owner closed it first, which ended the watch too. */
	if (fd >= 0)
		(void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

void
watch_close(struct loop *l, struct watch *w)
{
	int fd = w->fd;

	loop_release(l, w);
	if (fd >= 0)
		(void)close(fd);
}

static void
deliver(struct loop *l, const struct epoll_event *ev)
{
	size_t fd = (uint32_t)ev->data.u64;
	const struct slot *s = &l->table[fd];

	if (s->watch != NULL && s->generation == ev->data.u64 >> 32)
		s->watch->fn(s->watch, ev->events);
}

/* --- timers --------------------------------------------------------------- */

/* Joins two heaps; a NULL one is empty. The result has no link yet. */
static struct timer *
heap_meld(struct timer *a, struct timer *b)
{
	struct timer *least, *other;

	if (a == NULL || b == NULL)
		return a != NULL ? a : b;
	least = a->key_ns <= b->key_ns ? a : b;
	other = least == a ? b : a;
	other->sibling = least->child;
	if (other->sibling != NULL)
		other->sibling->link = &other->sibling;
	other->link = &least->child;
	least->child = other;
	least->sibling = NULL;
	return least;
}

/* Joins a list of siblings: by pairs from the left, then these from the right.
 */
static struct timer *
heap_meld_all(struct timer *first)
{
	struct timer *pairs = NULL, *all = NULL;

	while (first != NULL) {
		struct timer *a = first, *b = first->sibling;

		first = b != NULL ? b->sibling : NULL;
		a->sibling = NULL;
		if (b != NULL)
			b->sibling = NULL;
		a = heap_meld(a, b);
		a->sibling = pairs;
		pairs = a;
	}
	while (pairs != NULL) {
		struct timer *next = pairs->sibling;

		pairs->sibling = NULL;
		all = heap_meld(all, pairs);
		pairs = next;
	}
	return all;
}

static void
heap_set_top(struct loop *l, struct timer *top)
{
	l->timers = top;
	if (top != NULL)
		top->link = &l->timers;
}

static void
heap_insert(struct loop *l, struct timer *t)
{
	t->child = NULL;
	t->sibling = NULL;
	heap_set_top(l, heap_meld(l->timers, t));
}

static void
heap_remove(struct loop *l, struct timer *t)
{
	struct timer *below = heap_meld_all(t->child);

	*t->link = t->sibling;
	if (t->sibling != NULL)
		t->sibling->link = t->link;
	t->link = NULL;
	heap_set_top(l, heap_meld(l->timers, below));
}

void
timer_set(struct loop *l, struct timer *t, uint64_t deadline_ns, timer_fn fn)
{
	t->fn = fn;
	t->deadline_ns = deadline_ns;
	if (timer_is_set(t)) {
		if (deadline_ns >= t->key_ns)
			return;
		heap_remove(l, t);
	}
	t->key_ns = deadline_ns;
	heap_insert(l, t);
}

void
timer_clear(struct loop *l, struct timer *t)
{
	if (timer_is_set(t))
		heap_remove(l, t);
}

static void
run_timers(struct loop *l)
{
	while (l->timers != NULL && l->timers->key_ns <= l->now_ns) {
		struct timer *t = l->timers;

		heap_remove(l, t);
		if (t->deadline_ns > l->now_ns) {
			t->key_ns = t->deadline_ns;
			heap_insert(l, t);
		} else {
			t->fn(t);
		}
	}
}

/* --- put off -------------------------------------------------------------- */

static void
unlink_deferred(struct deferred *d)
{
	*d->link = d->next;
	if (d->next != NULL)
		d->next->link = d->link;
	d->link = NULL;
}

static void
enqueue(struct deferred **list, struct deferred *d, loop_fn fn, void *arg)
{
	d->fn = fn;
	d->arg = arg;
	if (d->link != NULL)
		return;
	d->next = *list;
	if (d->next != NULL)
		d->next->link = &d->next;
	d->link = list;
	*list = d;
}

void
loop_defer(struct loop *l, struct deferred *d, loop_fn fn, void *arg)
{
	enqueue(&l->next_turn, d, fn, arg);
}

void
loop_undefer(struct deferred *d)
{
	if (d->link != NULL)
		unlink_deferred(d);
}

void
loop_free_later(struct loop *l, struct deferred *d, loop_fn fn, void *arg)
{
	loop_undefer(d);
	enqueue(&l->dying, d, fn, arg);
}

static void
run_list(struct deferred **list)
{
	while (*list != NULL) {
		struct deferred *d = *list;

		assert(d->link == list);
		unlink_deferred(d);
		d->fn(d->arg);
	}
}

/* --- the loop ------------------------------------------------------------- */

/* Milliseconds that epoll may sleep: rounded up, lest it spin before a timer.
 */
static int
sleep_ms(const struct loop *l)
{
	const uint64_t longest_ns = 3600 * 1000000000ULL;
	uint64_t ns;

	if (l->due != NULL)
		return 0;
	if (l->timers == NULL)
		return -1;
	if (l->timers->key_ns <= l->now_ns)
		return 0;
	ns = l->timers->key_ns - l->now_ns;
	if (ns > longest_ns)
		ns = longest_ns;
	return (int)((ns + 999999) / 1000000);
}

/* What was put off in the last turn is set aside before the wait, so that what
 * it puts off again comes a whole turn later. */
static void
take_due(struct loop *l)
{
	l->due = l->next_turn;
	l->next_turn = NULL;
	if (l->due != NULL)
		l->due->link = &l->due;
}

static void
run_turn(struct loop *l)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int n;

	take_due(l);
	n = epoll_wait(l->epoll_fd, events, EVENTS_PER_TURN, sleep_ms(l));
	assert(n >= 0 || errno == EINTR);
	l->now_ns = clock_now_ns();
	l->turn++;
	for (int i = 0; i < n; i++)
		deliver(l, &events[i]);
	run_list(&l->due);
	run_timers(l);
	run_list(&l->dying);
}

void
loop_run(struct loop *l)
{
	l->now_ns = clock_now_ns();
	while (!atomic_load_explicit(&l->stopping, memory_order_relaxed))
		run_turn(l);
	atomic_store(&l->stopping, false);
}

struct loop *
loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));
	int wake;

	if (l == NULL)
		return NULL;
	l->wake.fd = -1;
	l->now_ns = clock_now_ns();
	l->messages_tail = &l->messages;
	(void)pthread_mutex_init(&l->lock, NULL);
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->epoll_fd >= 0 && wake >= 0 &&
	    loop_watch(l, &l->wake, wake, EPOLLIN, on_wake))
		return l;
	if (wake >= 0)
		(void)close(wake);
	loop_free(l);
	return NULL;
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	run_list(&l->dying);
	while (l->messages != NULL) {
		struct loop_message *m = l->messages;

		l->messages = m->next;
		free(m);
	}
	watch_close(l, &l->wake);
	if (l->epoll_fd >= 0)
		(void)close(l->epoll_fd);
	(void)pthread_mutex_destroy(&l->lock);
	free(l->table);
	free(l);
}
