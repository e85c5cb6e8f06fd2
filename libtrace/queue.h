/* SPDX-License-Identifier: MIT */
/*
 * Bounded queue of pointers: push and pop are O(1), lock-free, and allocate nothing. One waiter may
 * sleep on it.
 *
 * Thread: push and pop on any thread (many producers, many consumers); queue_wait on one thread at
 * a time; create and close while nobody else uses it.
 */
#ifndef LIBTRACE_QUEUE_H
#define LIBTRACE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue;

/* Holds at least `capacity` pointers (rounded up to a power of two). NULL when memory is short. */
struct queue *queue_create(size_t capacity);
void queue_close(struct queue *queue);

/* False when full, and nothing happened. `item` is not NULL. */
bool queue_push(struct queue *queue, void *item);

/* NULL when empty. */
void *queue_pop(struct queue *queue);

/* Sleeps until somebody called queue_wake since the last queue_wait, or `timeout_ns` went by. */
void queue_wait(struct queue *queue, int64_t timeout_ns);
void queue_wake(struct queue *queue);

#endif
