/* SPDX-License-Identifier: MIT */
#include "libtrace/sample_ring.h"
#include "libtrace/futex.h"
#include "libtrace/host_facts.h"
#include "libtrace/own_thread.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static unsigned char *item_at(const struct sample_ring *ring, size_t number)
{
	return ring->items + (number & (ring->item_count - 1)) * ring->item_size;
}

bool sample_ring_start(struct sample_ring *ring, void *(*run)(void *), size_t stack_bytes)
{
	ring->owner = getpid();
	atomic_store_explicit(&ring->state, SAMPLER_RUNNING, memory_order_release);
	if (own_thread_start(run, NULL, stack_bytes))
		return true;
	atomic_store_explicit(&ring->state, SAMPLER_ENDED, memory_order_release);
	return false;
}

enum sampler_state sample_ring_state(const struct sample_ring *ring)
{
	return (enum sampler_state)atomic_load_explicit(&ring->state, memory_order_acquire);
}

void sample_ring_push(struct sample_ring *ring, const void *item)
{
	size_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);
	/* Acquire pairs with the drain's release: it is done with the slot. */
	size_t taken = atomic_load_explicit(&ring->taken, memory_order_acquire);
	if (written - taken == ring->item_count) {
		atomic_fetch_add_explicit(&ring->lost, 1, memory_order_relaxed);
		return;
	}
	memcpy(item_at(ring, written), item, ring->item_size);
	/* Release: the drain that sees the count sees the item. */
	atomic_store_explicit(&ring->written, written + 1, memory_order_release);
}

bool sample_ring_is_running(const struct sample_ring *ring)
{
	return sample_ring_state(ring) == SAMPLER_RUNNING;
}

void sample_ring_wait(struct sample_ring *ring, int64_t wait_ns)
{
	futex_wait(&ring->state, SAMPLER_RUNNING, wait_ns);
}

void sample_ring_wake(struct sample_ring *ring)
{
	futex_wake(&ring->state);
}

void sample_ring_end(struct sample_ring *ring)
{
	atomic_store_explicit(&ring->state, SAMPLER_ENDED, memory_order_release);
	futex_wake(&ring->state);
}

int64_t sample_ring_take(struct sample_ring *ring, struct drain *drain,
			 void (*take)(struct drain *drain, const void *item))
{
	size_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed);
	/* Acquire pairs with sample_ring_push: the items are there. */
	size_t written = atomic_load_explicit(&ring->written, memory_order_acquire);
	for (; taken != written; taken++)
		take(drain, item_at(ring, taken));
	/* Release: the sampler that sees the count may fill the slots again. */
	atomic_store_explicit(&ring->taken, taken, memory_order_release);
	return atomic_exchange_explicit(&ring->lost, 0, memory_order_relaxed);
}

void sample_ring_halt(struct sample_ring *ring, int64_t timeout_ns)
{
	int errno_before = errno;
	if (sample_ring_state(ring) == SAMPLER_OFF || getpid() != ring->owner)
		return;
	uint32_t state = SAMPLER_RUNNING;
	if (atomic_compare_exchange_strong_explicit(&ring->state, &state, SAMPLER_ENDING,
						    memory_order_acq_rel, memory_order_acquire))
		futex_wake(&ring->state);
	int64_t deadline_ns = monotonic_ns() + timeout_ns;
	int64_t left_ns;
	while (sample_ring_state(ring) == SAMPLER_ENDING &&
	       (left_ns = deadline_ns - monotonic_ns()) > 0)
		futex_wait(&ring->state, SAMPLER_ENDING, left_ns);
	errno = errno_before;
}
