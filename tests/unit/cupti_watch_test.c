/* SPDX-License-Identifier: MIT */
/* When the watch looks whether CUPTI still calls us, and which gaps it believes at the end. */
#include "libtrace/cupti_watch.h"
#include "tests/unit/harness.h"

static int flushes_until_look(struct cupti_watch *watch, uint64_t calls, int64_t now_ns)
{
	for (int i = 1; i <= 2 * WATCH_FLUSHES; i++)
		if (cupti_watch_flushed(watch, calls, false, now_ns + i))
			return i;
	return 0;
}

TEST(the_watch_looks_only_after_a_long_silence)
{
	struct cupti_watch watch = { 0 };
	for (uint64_t calls = 0; calls < 3 * WATCH_FLUSHES; calls++)
		CHECK(!cupti_watch_flushed(&watch, calls, false, 100));
	CHECK_INT(flushes_until_look(&watch, 3 * WATCH_FLUSHES - 1, 1000), WATCH_FLUSHES);
	CHECK_INT(watch.quiet_since_ns, 100);
	CHECK_INT(flushes_until_look(&watch, 3 * WATCH_FLUSHES - 1, 2000), WATCH_FLUSHES);
}

TEST(silence_without_a_buffer_out_is_no_gap)
{
	struct cupti_watch watch = { 0 };
	CHECK(!cupti_watch_flushed(&watch, 1, false, 100));
	CHECK(!cupti_watch_suspects(&watch, 0, 500));
	CHECK_INT(cupti_watch_finish(&watch, 0), 0);
}

TEST(a_buffer_that_comes_back_late_is_no_gap)
{
	struct cupti_watch watch = { 0 };
	CHECK(!cupti_watch_flushed(&watch, 1, false, 100));
	CHECK(cupti_watch_suspects(&watch, 1, 500));
	CHECK(!cupti_watch_suspects(&watch, 1, 900));	/* the same buffer: nothing new */
	CHECK_INT(cupti_watch_finish(&watch, 0), 0);
}

TEST(a_buffer_that_never_comes_back_is_a_gap)
{
	struct cupti_watch watch = { 0 };
	CHECK(!cupti_watch_flushed(&watch, 1, false, 100));
	CHECK(cupti_watch_suspects(&watch, 1, 500));
	CHECK_INT(cupti_watch_finish(&watch, 1), 1);
	CHECK_INT(watch.gaps[0].start_ns, 100);
	CHECK_INT(watch.gaps[0].end_ns, 500);
}

TEST(a_client_that_is_still_there_at_the_end_leaves_an_open_gap)
{
	struct cupti_watch watch = { 0 };
	CHECK(!cupti_watch_flushed(&watch, 1, false, 100));
	CHECK(!cupti_watch_flushed(&watch, 1, false, 200));
	CHECK_INT(cupti_watch_finish(&watch, 2), 1);
	CHECK_INT(watch.gaps[0].start_ns, 100);
	CHECK_INT(watch.gaps[0].end_ns, -1);
}

TEST(more_gaps_than_places_become_one_long_one)
{
	struct cupti_watch watch = { 0 };
	CHECK(!cupti_watch_flushed(&watch, 1, false, 100));
	for (int i = 1; i <= WATCH_GAPS_MAX + 5; i++)
		CHECK(cupti_watch_suspects(&watch, i, 100 + 10 * i));
	CHECK_INT(cupti_watch_finish(&watch, WATCH_GAPS_MAX + 5), WATCH_GAPS_MAX);
	CHECK_INT(watch.gaps[WATCH_GAPS_MAX - 1].end_ns, 100 + 10 * (WATCH_GAPS_MAX + 5));
}

TEST(silence_while_the_host_works_is_a_gap)
{
	struct cupti_watch watch = { 0 };
	CHECK(!cupti_watch_flushed(&watch, 1, true, 100));
	CHECK(!cupti_watch_flushed(&watch, 1, true, 200));
	CHECK(cupti_watch_suspects(&watch, 0, 500));
	CHECK(!cupti_watch_flushed(&watch, 1, false, 600));
	CHECK(!cupti_watch_suspects(&watch, 0, 900));
	CHECK_INT(cupti_watch_finish(&watch, 0), 1);
	CHECK_INT(watch.gaps[0].end_ns, 500);
}
