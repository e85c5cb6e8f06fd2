/* SPDX-License-Identifier: MIT */
#include "libtrace/buffer_pool.h"
#include "tests/unit/harness.h"

#include <pthread.h>
#include <string.h>

enum { BUFFER_BYTES = 64 * 1024, THREADS = 4, ROUNDS = 20000 };

TEST(a_buffer_pool_gives_different_zeroed_buffers_up_to_its_memory)
{
	struct buffer_pool *pool = buffer_pool_create(4 * BUFFER_BYTES, BUFFER_BYTES);
	struct activity_buffer *taken[4];
	CHECK(pool != NULL);
	CHECK_INT(buffer_pool_capacity(pool), 4);
	for (int i = 0; i < 4; i++) {
		taken[i] = buffer_pool_take(pool);
		CHECK(!taken[i]->is_scratch);
		CHECK_INT(taken[i]->size, BUFFER_BYTES);
		CHECK_INT((uintptr_t)taken[i]->bytes % 8, 0);
		CHECK(buffer_pool_find(pool, taken[i]->bytes) == taken[i]);
		for (int j = 0; j < i; j++)
			CHECK(taken[j] != taken[i]);
		for (size_t at = 0; at < BUFFER_BYTES; at += 977)
			CHECK_INT(taken[i]->bytes[at], 0);
	}
	buffer_pool_close(pool);
}

TEST(a_full_buffer_pool_gives_scratch_buffers_and_never_none)
{
	struct buffer_pool *pool = buffer_pool_create(2 * BUFFER_BYTES, BUFFER_BYTES);
	CHECK(pool != NULL);
	(void)buffer_pool_take(pool);
	(void)buffer_pool_take(pool);
	bool is_shared = false;
	for (int i = 0; i < 1000; i++) {
		struct activity_buffer *buffer = buffer_pool_take(pool);
		CHECK(buffer != NULL && buffer->is_scratch && buffer->size >= 4096);
		CHECK(buffer->is_shared || !is_shared);
		is_shared = buffer->is_shared;
		CHECK(buffer_pool_find(pool, buffer->bytes) == buffer);
	}
	CHECK(is_shared);
	buffer_pool_close(pool);
}

TEST(a_buffer_that_was_given_back_is_zero_again_and_taken_first)
{
	struct buffer_pool *pool = buffer_pool_create(8 * BUFFER_BYTES, BUFFER_BYTES);
	CHECK(pool != NULL);
	struct activity_buffer *buffer = buffer_pool_take(pool);
	memset(buffer->bytes, 7, 10000);
	buffer->valid_bytes = 10000;
	buffer_pool_give(pool, buffer);
	struct activity_buffer *again = buffer_pool_take(pool);
	CHECK(again == buffer);
	CHECK_INT(again->valid_bytes, 0);
	for (size_t at = 0; at < 10000; at++)
		CHECK_INT(again->bytes[at], 0);
	buffer_pool_close(pool);
}

TEST(a_buffer_pool_knows_only_its_own_buffers)
{
	struct buffer_pool *pool = buffer_pool_create(2 * BUFFER_BYTES, BUFFER_BYTES);
	uint8_t foreign[16];
	CHECK(pool != NULL);
	struct activity_buffer *buffer = buffer_pool_take(pool);
	CHECK(buffer_pool_find(pool, foreign) == NULL);
	CHECK(buffer_pool_find(pool, NULL) == NULL);
	CHECK(buffer_pool_find(pool, buffer->bytes + 8) == NULL);
	buffer_pool_close(pool);
}

TEST(a_buffer_pool_with_huge_buffers_still_has_two)
{
	struct buffer_pool *pool = buffer_pool_create(4 << 20, (size_t)64 << 20);
	CHECK(pool != NULL);
	CHECK_INT(buffer_pool_capacity(pool), 2);
	buffer_pool_close(pool);
}

static void *take_and_give(void *context)
{
	struct buffer_pool *pool = context;
	for (int i = 0; i < ROUNDS; i++) {
		struct activity_buffer *buffer = buffer_pool_take(pool);
		if (buffer->is_scratch)
			continue;	/* the very last one is everybody's */
		CHECK_INT(buffer->bytes[0], 0);
		buffer->bytes[0] = 1;
		buffer->valid_bytes = 16;
		buffer_pool_give(pool, buffer);
	}
	return NULL;
}

TEST(a_buffer_pool_never_gives_one_buffer_to_two_threads)
{
	struct buffer_pool *pool = buffer_pool_create((THREADS - 1) * BUFFER_BYTES, BUFFER_BYTES);
	pthread_t threads[THREADS];
	CHECK(pool != NULL);
	for (int i = 0; i < THREADS; i++)
		CHECK_INT(pthread_create(&threads[i], NULL, take_and_give, pool), 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_INT(pthread_join(threads[i], NULL), 0);
	buffer_pool_close(pool);
}
