/* SPDX-License-Identifier: MIT */
#include "libtrace/queue.h"
#include "libtrace/futex.h"

#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { CACHE_LINE_BYTES = 64 };

/*
 * Each slot has a turn number. A slot at position p is free for the producer of p when turn == p,
 * and holds an item for the consumer of p when turn == p + 1; the consumer hands it on to position
 * p + capacity.
 */
struct slot {
	_Atomic size_t turn;
	void *item;
};

struct queue {
	size_t mask;
	alignas(CACHE_LINE_BYTES) _Atomic size_t push_position;
	alignas(CACHE_LINE_BYTES) _Atomic size_t pop_position;
	alignas(CACHE_LINE_BYTES) _Atomic uint32_t wakes;	/* futex word */
	uint32_t wakes_seen;	/* by the waiter */
	struct slot slots[];
};

struct queue *queue_create(size_t capacity)
{
	size_t slot_count = 2;
	while (slot_count < capacity)
		slot_count *= 2;
	size_t bytes = sizeof(struct queue) + slot_count * sizeof(struct slot);
	bytes = (bytes + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES * CACHE_LINE_BYTES;
	struct queue *queue = aligned_alloc(CACHE_LINE_BYTES, bytes);
	if (queue == NULL)
		return NULL;
	queue->mask = slot_count - 1;
	atomic_init(&queue->push_position, 0);
	atomic_init(&queue->pop_position, 0);
	atomic_init(&queue->wakes, 0);
	queue->wakes_seen = 0;
	for (size_t i = 0; i < slot_count; i++) {
		atomic_init(&queue->slots[i].turn, i);
		queue->slots[i].item = NULL;
	}
	return queue;
}

void queue_close(struct queue *queue)
{
	free(queue);
}

bool queue_push(struct queue *queue, void *item)
{
	size_t position = atomic_load_explicit(&queue->push_position, memory_order_relaxed);
	for (;;) {
		struct slot *slot = &queue->slots[position & queue->mask];
		/* Acquire pairs with the consumer's release: it is done with the slot. */
		size_t turn = atomic_load_explicit(&slot->turn, memory_order_acquire);
		if (turn == position) {
			if (atomic_compare_exchange_weak_explicit(
				    &queue->push_position, &position, position + 1,
				    memory_order_relaxed, memory_order_relaxed)) {
				slot->item = item;
				/* Release: the consumer that sees the turn sees the item. */
				atomic_store_explicit(&slot->turn, position + 1,
						      memory_order_release);
				return true;
			}
		} else if ((ptrdiff_t)(turn - position) < 0) {
			return false;
		} else {
			position =
				atomic_load_explicit(&queue->push_position, memory_order_relaxed);
		}
	}
}

void *queue_pop(struct queue *queue)
{
	size_t position = atomic_load_explicit(&queue->pop_position, memory_order_relaxed);
	for (;;) {
		struct slot *slot = &queue->slots[position & queue->mask];
		/* Acquire pairs with the producer's release: the item is there. */
		size_t turn = atomic_load_explicit(&slot->turn, memory_order_acquire);
		if (turn == position + 1) {
			if (atomic_compare_exchange_weak_explicit(
				    &queue->pop_position, &position, position + 1,
				    memory_order_relaxed, memory_order_relaxed)) {
				void *item = slot->item;
				atomic_store_explicit(&slot->turn, position + queue->mask + 1,
						      memory_order_release);
				return item;
			}
		} else if ((ptrdiff_t)(turn - (position + 1)) < 0) {
			return NULL;
		} else {
			position = atomic_load_explicit(&queue->pop_position, memory_order_relaxed);
		}
	}
}

void queue_wait(struct queue *queue, int64_t timeout_ns)
{
	uint32_t wakes = atomic_load_explicit(&queue->wakes, memory_order_acquire);
	if (wakes == queue->wakes_seen && timeout_ns > 0) {
		futex_wait(&queue->wakes, wakes, timeout_ns);
		wakes = atomic_load_explicit(&queue->wakes, memory_order_acquire);
	}
	queue->wakes_seen = wakes;
}

void queue_wake(struct queue *queue)
{
	int errno_before = errno;
	atomic_fetch_add_explicit(&queue->wakes, 1, memory_order_release);
	futex_wake(&queue->wakes);
	errno = errno_before;
}
