/* SPDX-License-Identifier: MIT */
#include "libtrace/queue.h"
#include "tests/unit/harness.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { PRODUCERS = 4, ITEMS = 30000 };

TEST(a_queue_keeps_the_order_and_says_when_it_is_full)
{
	struct queue *queue = queue_create(4);
	int items[5];
	CHECK(queue != NULL);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 4; i++)
			CHECK(queue_push(queue, &items[i]));
		CHECK(!queue_push(queue, &items[4]));
		for (int i = 0; i < 4; i++)
			CHECK(queue_pop(queue) == &items[i]);
		CHECK(queue_pop(queue) == NULL);
	}
	queue_close(queue);
}

static int64_t now_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

TEST(waiting_on_a_queue_ends_with_the_time_or_a_wake)
{
	struct queue *queue = queue_create(2);
	CHECK(queue != NULL);
	int64_t begin = now_ns();
	queue_wait(queue, 20 * 1000 * 1000);
	CHECK(now_ns() - begin >= 15 * 1000 * 1000);
	begin = now_ns();
	queue_wake(queue);	/* before the wait: it must not be missed */
	queue_wait(queue, INT64_C(20) * 1000000000);
	CHECK(now_ns() - begin < INT64_C(10) * 1000000000);
	queue_close(queue);
}

struct work {
	struct queue *queue;
	int producer;
	int64_t *items;
};

static void *produce(void *context)
{
	struct work *work = context;
	for (int i = 0; i < ITEMS; i++) {
		int64_t *item = &work->items[i];
		*item = (int64_t)work->producer << 32 | i;
		while (!queue_push(work->queue, item))
			;
		queue_wake(work->queue);
	}
	return NULL;
}

TEST(many_producers_lose_nothing_and_each_keeps_its_order)
{
	struct queue *queue = queue_create(64);
	struct work works[PRODUCERS] = { 0 };
	pthread_t threads[PRODUCERS];
	int64_t next[PRODUCERS] = { 0 };
	CHECK(queue != NULL);
	for (int i = 0; i < PRODUCERS; i++) {
		works[i].queue = queue;
		works[i].producer = i;
		works[i].items = calloc(ITEMS, sizeof(int64_t));
		CHECK(works[i].items != NULL);
		CHECK_INT(pthread_create(&threads[i], NULL, produce, &works[i]), 0);
	}
	for (int64_t got = 0; got < (int64_t)PRODUCERS * ITEMS;) {
		const int64_t *item = queue_pop(queue);
		if (item == NULL) {
			queue_wait(queue, 1000 * 1000);
			continue;
		}
		CHECK_INT(*item & UINT32_MAX, next[*item >> 32]);
		next[*item >> 32]++;
		got++;
	}
	CHECK(queue_pop(queue) == NULL);
	for (int i = 0; i < PRODUCERS; i++) {
		CHECK_INT(pthread_join(threads[i], NULL), 0);
		free(works[i].items);
	}
	queue_close(queue);
}
