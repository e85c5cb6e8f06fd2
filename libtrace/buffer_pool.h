/* SPDX-License-Identifier: MIT */
/*
 * The bounded pool of activity buffers that CUPTI fills. Taking never fails: at the limit it gives
 * a small scratch buffer, whose records the caller counts as lost when it comes back.
 *
 * Thread: take, find and give on any thread, lock-free; create and close while nobody else uses it.
 */
#ifndef LIBTRACE_BUFFER_POOL_H
#define LIBTRACE_BUFFER_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer_pool;

struct activity_buffer {
	uint8_t *bytes;
	size_t size;
	size_t valid_bytes;	/* set when CUPTI completed it */
	bool is_scratch;
	/* the last resort: in several hands at once, its records cannot be counted exactly */
	bool is_shared;
};

/* Address space only: memory is used as buffers are. NULL when the system refuses. */
struct buffer_pool *buffer_pool_create(size_t memory_bytes, size_t buffer_bytes);
void buffer_pool_close(struct buffer_pool *pool);

/* All bytes zero, 8-aligned. Never NULL. */
struct activity_buffer *buffer_pool_take(struct buffer_pool *pool);

/* The buffer that begins at `bytes`, or NULL if it is none of ours. */
struct activity_buffer *buffer_pool_find(struct buffer_pool *pool, const uint8_t *bytes);

/* Zeroes the buffer and makes it free again. */
void buffer_pool_give(struct buffer_pool *pool, struct activity_buffer *buffer);

/* Fetches pages for the next buffers (page_ahead.h). Drain thread. */
void buffer_pool_fill_ahead(struct buffer_pool *pool);

/* Buffers that are no scratch. */
size_t buffer_pool_capacity(const struct buffer_pool *pool);

#endif
