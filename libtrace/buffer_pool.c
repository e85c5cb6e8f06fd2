/* SPDX-License-Identifier: MIT */
#include "libtrace/buffer_pool.h"
#include "libtrace/free_list.h"
#include "libtrace/page_ahead.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/*
 * Scratch buffers are small, because what they hold is lost anyway and is counted on CUPTI's own
 * thread, and many, because CUPTI gives them back late. Before API 27 it crashes when it gets no
 * buffer at all, so the very last one is handed out to everybody who asks.
 */
enum { SCRATCH_BYTES = 32 * 1024, SCRATCH_COUNT = 256, BUFFER_COUNT_MIN = 2, PAGE_BYTES = 4096 };

struct buffer_pool {
	uint8_t *memory;
	size_t memory_bytes;
	size_t buffer_bytes;
	uint32_t buffer_count;
	struct free_list *buffers;
	struct free_list *scratches;
	struct page_ahead ahead;
	struct activity_buffer slots[];	/* buffers, scratches, the last one */
};

static void pool_describe_slots(struct buffer_pool *pool)
{
	uint8_t *at = pool->memory;
	for (size_t i = 0; i < (size_t)pool->buffer_count + SCRATCH_COUNT + 1; i++) {
		bool is_scratch = i >= pool->buffer_count;
		size_t size = is_scratch ? SCRATCH_BYTES : pool->buffer_bytes;
		pool->slots[i] = (struct activity_buffer){
			.bytes = at, .size = size, .is_scratch = is_scratch,
			.is_shared = i == (size_t)pool->buffer_count + SCRATCH_COUNT,
		};
		at += size;
	}
}

struct buffer_pool *buffer_pool_create(size_t memory_bytes, size_t buffer_bytes)
{
	if (buffer_bytes > memory_bytes / BUFFER_COUNT_MIN)
		buffer_bytes = memory_bytes / BUFFER_COUNT_MIN;
	buffer_bytes = buffer_bytes / PAGE_BYTES * PAGE_BYTES;
	if (buffer_bytes == 0 || memory_bytes / buffer_bytes > UINT32_MAX / 2)
		return NULL;
	uint32_t count = (uint32_t)(memory_bytes / buffer_bytes);
	struct buffer_pool *pool = calloc(1, sizeof *pool + (count + SCRATCH_COUNT + 1) *
					  sizeof pool->slots[0]);
	if (pool == NULL)
		return NULL;
	pool->buffer_bytes = buffer_bytes;
	pool->buffer_count = count;
	pool->memory_bytes = count * buffer_bytes + (SCRATCH_COUNT + 1) * SCRATCH_BYTES;
	pool->buffers = free_list_create(count);
	pool->scratches = free_list_create(SCRATCH_COUNT);
	void *memory = mmap(NULL, pool->memory_bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory != MAP_FAILED)
		pool->memory = memory;
	if (pool->buffers == NULL || pool->scratches == NULL || pool->memory == NULL) {
		buffer_pool_close(pool);
		return NULL;
	}
	pool->ahead = (struct page_ahead){
		.memory = pool->memory, .unit_bytes = buffer_bytes, .unit_count = count,
	};
	pool_describe_slots(pool);
	return pool;
}

void buffer_pool_close(struct buffer_pool *pool)
{
	if (pool == NULL)
		return;
	if (pool->memory != NULL)
		(void)munmap(pool->memory, pool->memory_bytes);
	free_list_close(pool->buffers);
	free_list_close(pool->scratches);
	free(pool);
}

struct activity_buffer *buffer_pool_take(struct buffer_pool *pool)
{
	uint32_t index;
	if (free_list_take(pool->buffers, &index)) {
		page_ahead_note(&pool->ahead, index);
		return &pool->slots[index];
	}
	if (free_list_take(pool->scratches, &index))
		return &pool->slots[pool->buffer_count + index];
	return &pool->slots[pool->buffer_count + SCRATCH_COUNT];
}

struct activity_buffer *buffer_pool_find(struct buffer_pool *pool, const uint8_t *bytes)
{
	if (bytes < pool->memory || bytes >= pool->memory + pool->memory_bytes)
		return NULL;
	size_t offset = (size_t)(bytes - pool->memory);
	size_t buffers_bytes = pool->buffer_count * pool->buffer_bytes;
	size_t index = offset < buffers_bytes
		? offset / pool->buffer_bytes
		: pool->buffer_count + (offset - buffers_bytes) / SCRATCH_BYTES;
	return pool->slots[index].bytes == bytes ? &pool->slots[index] : NULL;
}

void buffer_pool_give(struct buffer_pool *pool, struct activity_buffer *buffer)
{
	uint32_t index = (uint32_t)(buffer - pool->slots);
	/*
	 * Only what was used, and a page more in case a record was begun behind it: zeroing the
	 * rest would touch memory that a mostly idle program never needs.
	 */
	size_t used = buffer->valid_bytes + PAGE_BYTES;
	memset(buffer->bytes, 0, used < buffer->size ? used : buffer->size);
	buffer->valid_bytes = 0;
	if (!buffer->is_scratch)
		free_list_give(pool->buffers, index);
	else if (index < pool->buffer_count + SCRATCH_COUNT)
		free_list_give(pool->scratches, index - pool->buffer_count);
}

void buffer_pool_fill_ahead(struct buffer_pool *pool)
{
	page_ahead_fill(&pool->ahead);
}

size_t buffer_pool_capacity(const struct buffer_pool *pool)
{
	return pool->buffer_count;
}
