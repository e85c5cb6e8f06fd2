/* SPDX-License-Identifier: MIT */
/*
 * How a sampling thread of ours hands what it saw to the drain thread, and how it is ended: a
 * bounded ring of items of one size, which drops and counts when it is full, and a state to sleep
 * on. No lock, no allocation; the memory is static and never freed, because a thread that the
 * system or a driver keeps for good may still write to it.
 *
 *	static struct item items[ITEMS_MAX];
 *	static struct sample_ring ring = SAMPLE_RING(items);
 *
 * Thread: start, wake and take on the drain thread, push, wait and end on the sampling thread, the
 * others on any.
 */
#ifndef LIBTRACE_SAMPLE_RING_H
#define LIBTRACE_SAMPLE_RING_H

#include "libtrace/drain.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum sampler_state { SAMPLER_OFF, SAMPLER_RUNNING, SAMPLER_ENDING, SAMPLER_ENDED };

struct sample_ring {
	unsigned char *items;
	size_t item_size, item_count;	/* a power of two */
	_Atomic uint32_t state;		/* enum sampler_state; a futex word */
	pid_t owner;			/* whose thread it is */
	_Atomic size_t written, taken;	/* each has one writer */
	_Atomic int64_t lost;
};

#define SAMPLE_RING(array)                                                              \
	{                                                                               \
		.items = (unsigned char *)(array), .item_size = sizeof(array)[0],       \
		.item_count = sizeof(array) / sizeof(array)[0]                          \
	}

/*
 * Starts the thread, once; false: the system refuses, and it counts as ended. A forked child has no
 * such thread, and a vfork child shares this memory: the ring keeps whose it is.
 */
bool sample_ring_start(struct sample_ring *ring, void *(*run)(void *), size_t stack_bytes);

enum sampler_state sample_ring_state(const struct sample_ring *ring);

/* Copies an item, or counts it as lost. */
void sample_ring_push(struct sample_ring *ring, const void *item);

/* Whether the thread is to go on; sleeps until `wait_ns` are over, or it is woken or to end. */
bool sample_ring_is_running(const struct sample_ring *ring);
void sample_ring_wait(struct sample_ring *ring, int64_t wait_ns);
void sample_ring_wake(struct sample_ring *ring);

/* The thread's last act: whoever waits for it goes on. */
void sample_ring_end(struct sample_ring *ring);

/* Hands out what was pushed since the last call, and says how much was lost. */
int64_t sample_ring_take(struct sample_ring *ring, struct drain *drain,
			 void (*take)(struct drain *drain, const void *item));

/*
 * Asks the thread to end and waits for it, `timeout_ns` at most. Does nothing where there was none,
 * or in a child of the process whose it is. errno is kept.
 */
void sample_ring_halt(struct sample_ring *ring, int64_t timeout_ns);

#endif
