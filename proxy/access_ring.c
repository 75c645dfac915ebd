/* SPDX-License-Identifier: Apache-2.0 */
#include "access_ring.h"

#include <assert.h>
#include <sys/mman.h>

static size_t
offset_of(size_t count)
{
	return count & (ACCESS_RING_BYTES - 1);
}

static size_t
min_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

bool
access_ring_init(struct access_ring *ring)
{
	void *map = mmap(NULL, ACCESS_RING_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return false;
	ring->bytes = map;
	atomic_init(&ring->head, 0);
	atomic_init(&ring->tail, 0);
	atomic_init(&ring->dropped, 0);
	return true;
}

void
access_ring_fini(struct access_ring *ring)
{
	if (ring->bytes != NULL)
		(void)munmap(ring->bytes, ACCESS_RING_BYTES);
	ring->bytes = NULL;
}

/* Lets the writer see n bytes more. Sequentially consistent, not only release:
 * the worker then looks whether the writer sleeps, and the writer, about to
 * sleep, looks here; one of the two must see the other's store. */
static void
publish(struct access_ring *ring, size_t head, size_t n)
{
	atomic_store_explicit(&ring->head, head + n, memory_order_seq_cst);
}

/* The rare line that meets the ring's end is made beside it. Apart from the
 * caller, whose frame then stays small. */
__attribute__((noinline)) static bool
add_wrapped(struct access_ring *ring, const struct access_record *r,
    size_t head, size_t room)
{
	char line[ACCESS_LINE_MAX];
	struct text t = text_in(line, min_of(sizeof(line), room));
	size_t first;

	access_line_add(&t, ring->format, r, &ring->clock);
	if (t.cut)
		return false;
	first = min_of(t.len, ACCESS_RING_BYTES - offset_of(head));
	memcpy(ring->bytes + offset_of(head), line, first);
	memcpy(ring->bytes, line + first, t.len - first);
	publish(ring, head, t.len);
	return true;
}

bool
access_ring_add(struct access_ring *ring, const struct access_record *r)
{
	size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	size_t room = ACCESS_RING_BYTES - (head - ring->tail_seen);
	size_t straight;
	struct text t;

	if (room < ACCESS_LINE_MAX) {
		/* Acquire: the writer is done with what it gave back. */
		ring->tail_seen =
		    atomic_load_explicit(&ring->tail, memory_order_acquire);
		room = ACCESS_RING_BYTES - (head - ring->tail_seen);
	}
	straight = min_of(room, ACCESS_RING_BYTES - offset_of(head));
	t = text_in(ring->bytes + offset_of(head), straight);
	access_line_add(&t, ring->format, r, &ring->clock);
	if (!t.cut) {
		publish(ring, head, t.len);
		return true;
	}
	if (straight < room && add_wrapped(ring, r, head, room))
		return true;
	atomic_store_explicit(&ring->dropped,
	    atomic_load_explicit(&ring->dropped, memory_order_relaxed) + 1,
	    memory_order_relaxed);
	return false;
}

size_t
access_ring_used(const struct access_ring *ring)
{
	/* tail first: it never passes a head that is read later. */
	size_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);

	return atomic_load_explicit(&ring->head, memory_order_seq_cst) - tail;
}

int
access_ring_peek(
    const struct access_ring *ring, size_t skip, struct iovec pieces[2])
{
	size_t start =
	    atomic_load_explicit(&ring->tail, memory_order_relaxed) + skip;
	size_t used = access_ring_used(ring);
	size_t left = used - skip;
	size_t first = min_of(left, ACCESS_RING_BYTES - offset_of(start));
	int count = 0;

	assert(skip <= used);
	if (first > 0)
		pieces[count++] =
		    (struct iovec){.iov_base = ring->bytes + offset_of(start),
			.iov_len = first};
	if (left > first)
		pieces[count++] = (struct iovec){
		    .iov_base = ring->bytes, .iov_len = left - first};
	return count;
}

size_t
access_ring_whole(const struct access_ring *ring, size_t n)
{
	size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	while (n > 0 && ring->bytes[offset_of(tail + n - 1)] != '\n')
		n--;
	return n;
}

void
access_ring_take(struct access_ring *ring, size_t n)
{
	size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	atomic_store_explicit(&ring->tail, tail + n, memory_order_release);
}

uint64_t
access_ring_lines(const struct access_ring *ring)
{
	size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	size_t used = access_ring_used(ring);
	uint64_t lines = 0;

	for (size_t i = 0; i < used; i++)
		lines += ring->bytes[offset_of(tail + i)] == '\n';
	return lines;
}
