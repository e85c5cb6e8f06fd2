/* SPDX-License-Identifier: MIT */
#include "libtrace/sample_ring.h"
#include "tests/unit/harness.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ITEMS_MAX = 8, SENT = 20000 };

struct item {
	int64_t number;
	char filler[5];
};

static struct item items[ITEMS_MAX];
static struct sample_ring ring = SAMPLE_RING(items);
static int64_t got[SENT], got_count;

static void item_take(struct drain *drain, const void *item)
{
	(void)drain;
	if (got_count < SENT)
		got[got_count++] = ((const struct item *)item)->number;
}

static void *numbers_push(void *unused)
{
	(void)unused;
	for (int64_t i = 0; i < SENT; i++)
		sample_ring_push(&ring, &(struct item){ .number = i });
	while (sample_ring_is_running(&ring))
		sample_ring_wait(&ring, INT64_C(1000000000));
	sample_ring_end(&ring);
	return NULL;
}

TEST(a_full_sample_ring_drops_the_newest_and_counts_them)
{
	for (int64_t i = 0; i < ITEMS_MAX + 3; i++)
		sample_ring_push(&ring, &(struct item){ .number = i });
	CHECK_INT(sample_ring_take(&ring, NULL, item_take), 3);
	CHECK_INT(got_count, ITEMS_MAX);
	for (int64_t i = 0; i < ITEMS_MAX; i++)
		CHECK_INT(got[i], i);
	sample_ring_push(&ring, &(struct item){ .number = 77 });
	CHECK_INT(sample_ring_take(&ring, NULL, item_take), 0);
	CHECK_INT(got_count, ITEMS_MAX + 1);
	CHECK_INT(got[ITEMS_MAX], 77);
}

/* Between two threads, of unequal pace: each item comes once, in order, or is counted. */
TEST(each_item_of_a_sample_ring_is_taken_in_order_or_counted)
{
	int64_t lost = 0;
	CHECK_INT(sample_ring_state(&ring), SAMPLER_OFF);
	sample_ring_halt(&ring, INT64_C(1000000000));	/* no thread yet: returns at once */
	CHECK(sample_ring_start(&ring, numbers_push, 65536));
	while (got_count + lost < SENT)
		lost += sample_ring_take(&ring, NULL, item_take);
	CHECK_INT(got_count + lost, SENT);
	for (int64_t i = 1; i < got_count; i++)
		CHECK(got[i] > got[i - 1]);
	errno = ERANGE;
	sample_ring_halt(&ring, INT64_C(60000000000));
	CHECK_INT(errno, ERANGE);
	CHECK_INT(sample_ring_state(&ring), SAMPLER_ENDED);
}

TEST(a_forked_child_does_not_wait_for_a_sampler_that_it_does_not_have)
{
	int status = -1;
	CHECK(sample_ring_start(&ring, numbers_push, 65536));
	pid_t child = fork();
	if (child == 0) {
		sample_ring_halt(&ring, INT64_C(60000000000));
		_exit(sample_ring_state(&ring) == SAMPLER_RUNNING ? 0 : 1);
	}
	CHECK(waitpid(child, &status, 0) == child);
	CHECK_INT(status, 0);
	CHECK_INT(sample_ring_state(&ring), SAMPLER_RUNNING);
	sample_ring_halt(&ring, INT64_C(60000000000));
	CHECK_INT(sample_ring_state(&ring), SAMPLER_ENDED);
}
