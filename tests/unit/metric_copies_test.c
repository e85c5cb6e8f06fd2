/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_copies.h"
#include "tests/unit/harness.h"
#include "tests/unit/trace_fixture.h"

#include <string.h>

enum { MIB = 1024 * 1024, MS = 1000 * 1000 };

static struct error error;
static struct trace_fixture fixture;
static int64_t next_correlation;

static const struct time_window everything = { -TIME_LIMIT_NS, TIME_LIMIT_NS };

static void put_call(const char *name, int64_t thread_id, int64_t start_ns, int64_t end_ns,
		     int64_t correlation_id)
{
	struct api_call_row row = { .start_ns = start_ns,
				    .duration_ns = end_ns - start_ns,
				    .thread_id = thread_id,
				    .api = API_RUNTIME,
				    .correlation_id = correlation_id };
	CHECK_OK(trace_writer_string(fixture.writer, name, strlen(name), &row.name_id, &error),
		 error);
	CHECK_OK(trace_put_api_call(fixture.writer, &row, &error), error);
}

/* A copy on a stream, and its correlation id. `host`: kind of memory at the host's end. */
static int64_t put_copy(int stream, enum copy_way way, enum memory_kind host, int64_t start_ns,
			int64_t duration_ns, int64_t bytes)
{
	bool is_to_device = way == COPY_WAY_TO_DEVICE;
	struct memcpy_row row = { .start_ns = start_ns,
				  .duration_ns = duration_ns,
				  .stream_id = fixture.stream_id[stream],
				  .direction = is_to_device ? COPY_HTOD : COPY_DTOH,
				  .source_memory = is_to_device ? host : MEMORY_DEVICE,
				  .destination_memory = is_to_device ? MEMORY_DEVICE : host,
				  .bytes = bytes,
				  .is_async = 1,
				  .correlation_id = ++next_correlation };
	CHECK_OK(trace_put_memcpy(fixture.writer, &row, &error), error);
	return next_correlation;
}

static struct copy_problems measure(const struct time_window *window, int64_t ceiling)
{
	struct copy_problems problems;
	fixture_end(&fixture);
	struct timeline *timeline = fixture_timeline(&fixture);
	const int64_t pinned[COPY_WAY_COUNT] = { ceiling / 100 * 95, ceiling / 100 * 95 };
	CHECK(copy_problems_measure(&problems, timeline, &timeline->gpus[0], window, pinned));
	return problems;
}

TEST(pageable_copies_recover_what_pinned_ones_of_the_same_trace_would_save)
{
	fixture_begin(&fixture, "pageable.db", 0, 1);
	/* Three pinned MiB at 10 bytes/ns; a pageable one takes ten times as long. */
	for (int i = 0; i < 3; i++)
		(void)put_copy(2, COPY_WAY_TO_DEVICE, MEMORY_PINNED, i * MS, 104858, MIB);
	int64_t id = put_copy(2, COPY_WAY_TO_DEVICE, MEMORY_PAGEABLE, 10 * MS, 1048576, MIB);
	put_call("cudaMemcpyAsync_v3020", 7, 10 * MS - 1000, 12 * MS, id);
	/* Half of it is hidden by a kernel on another stream, a quarter by communication. */
	fixture_compute(&fixture, 1, 10 * MS, 10 * MS + 524288);
	fixture_comm(&fixture, 1, 10 * MS + 524288, 10 * MS + 786432);
	struct copy_problems problems = measure(&everything, 0);
	const struct pageable_copies *to_device = &problems.pageable[COPY_WAY_TO_DEVICE];
	CHECK_INT(to_device->sum.count, 1);
	CHECK_INT(to_device->sum.bytes, MIB);
	CHECK_INT(to_device->sum.busy_ns, 1048576);
	CHECK_INT(to_device->sum.exposed_ns, 262144);
	CHECK_INT(to_device->blocking_count, 1);
	CHECK_INT(to_device->blocking_ns, 2 * MS + 1000);
	CHECK_INT(to_device->rate_source, PINNED_RATE_MEASURED);
	CHECK_INT(to_device->pinned_bytes_per_s, 9999961853);
	CHECK_INT(to_device->recoverable_ns, 262144 - 104858);
	CHECK_INT(problems.large[COPY_WAY_TO_DEVICE].count, 3);
	CHECK_INT(problems.pageable[COPY_WAY_TO_HOST].sum.count, 0);
	CHECK_INT(problems.pageable[COPY_WAY_TO_HOST].recoverable_ns, -1);
}

TEST(without_pinned_copies_the_link_says_what_pageable_ones_cost)
{
	fixture_begin(&fixture, "ceiling.db", 0, 1);
	int64_t id = put_copy(2, COPY_WAY_TO_HOST, MEMORY_PAGEABLE, 0, 1000000, 2600000);
	put_call("cudaMemcpyAsync", 7, -1000, 500, id);	/* came back at once */
	struct copy_problems problems = measure(&everything, INT64_C(26000000000));
	const struct pageable_copies *to_host = &problems.pageable[COPY_WAY_TO_HOST];
	CHECK_INT(to_host->rate_source, PINNED_RATE_CEILING);
	CHECK_INT(to_host->pinned_bytes_per_s, INT64_C(24700000000));
	CHECK_INT(to_host->recoverable_ns, 1000000 - 105263);
	CHECK_INT(to_host->blocking_count, 0);
}

TEST(a_pageable_copy_that_is_hidden_or_fast_has_nothing_to_recover)
{
	fixture_begin(&fixture, "hidden.db", 0, 1);
	(void)put_copy(2, COPY_WAY_TO_DEVICE, MEMORY_PAGEABLE, 0, 1000, MIB);
	struct copy_problems problems = measure(&everything, INT64_C(26000000000));
	CHECK_INT(problems.pageable[COPY_WAY_TO_DEVICE].sum.exposed_ns, 1000);
	CHECK_INT(problems.pageable[COPY_WAY_TO_DEVICE].recoverable_ns, 0);
}

TEST(read_backs_are_tiny_copies_that_the_same_thread_waits_for)
{
	fixture_begin(&fixture, "item.db", 0, 1);
	int64_t item = put_copy(1, COPY_WAY_TO_HOST, MEMORY_PAGEABLE, 2000, 1000, 4);
	put_call("cudaMemcpyAsync", 7, 1000, 1500, item);
	put_call("cudaGetLastError", 7, 1600, 1610, 0);
	put_call("cudaStreamSynchronize", 7, 1700, 3200, 0);
	/* A launch before the wait: the host went on. */
	int64_t early = put_copy(1, COPY_WAY_TO_HOST, MEMORY_PINNED, 12000, 1000, 8);
	put_call("cudaMemcpyAsync", 7, 11000, 11500, early);
	put_call("cudaLaunchKernel", 7, 11600, 11700, 0);
	put_call("cudaStreamSynchronize", 7, 11800, 13200, 0);
	/* Another thread's wait does not count. */
	int64_t other = put_copy(1, COPY_WAY_TO_HOST, MEMORY_PINNED, 22000, 1000, 8);
	put_call("cudaMemcpyAsync", 8, 21000, 21500, other);
	put_call("cudaStreamSynchronize", 9, 21600, 23200, 0);
	/* A synchronous copy waits by itself. */
	int64_t plain = put_copy(1, COPY_WAY_TO_HOST, MEMORY_PAGEABLE, 32000, 1000, 16);
	put_call("cudaMemcpy_v3020", 7, 31000, 33100, plain);
	(void)put_copy(1, COPY_WAY_TO_HOST, MEMORY_PAGEABLE, 42000, 1000, 17);
	struct copy_problems problems = measure(&everything, 0);
	CHECK(problems.readbacks.is_known);
	CHECK_INT(problems.readbacks.small_count, 4);
	CHECK_INT(problems.readbacks.count, 2);
	CHECK_INT(problems.readbacks.wait_ns, 1500 + 2100);
	CHECK_INT(problems.small.count, 5);
	CHECK_INT(problems.small.exposed_ns, 5000);
}

TEST(copies_in_line_with_kernels_and_cut_by_the_window_are_summed)
{
	fixture_begin(&fixture, "line.db", 0, 1);
	fixture_compute(&fixture, 1, 0, 100);
	fixture_comm(&fixture, 2, 500, 600);
	(void)put_copy(1, COPY_WAY_TO_DEVICE, MEMORY_PINNED, 100, 200, 2000);
	(void)put_copy(2, COPY_WAY_TO_DEVICE, MEMORY_PINNED, 550, 100, 1000);
	const struct time_window window = { 200, 1000 };
	struct copy_problems problems = measure(&window, 0);
	CHECK_INT(problems.in_line[COPY_WAY_TO_DEVICE].count, 1);
	CHECK_INT(problems.in_line[COPY_WAY_TO_DEVICE].bytes, 1000);
	CHECK_INT(problems.in_line[COPY_WAY_TO_DEVICE].exposed_ns, 100);
	CHECK_INT(problems.small.count, 2);
	CHECK_INT(problems.small.busy_ns, 200);
	CHECK_INT(problems.small.exposed_ns, 150);
	CHECK(!problems.readbacks.is_known);
}

/* Hand-made samples. */
static void sample_add(struct copy_samples *samples, enum copy_way way, int64_t start_ns,
		       int64_t duration_ns, int64_t bytes)
{
	samples->items[samples->count++] = (struct copy_sample){
		.start_ns = start_ns, .end_ns = start_ns + duration_ns, .bytes = bytes,
		.way = (uint8_t)way,
	};
}

TEST(copies_of_other_gpus_at_the_same_time_show_in_the_rates)
{
	struct copy_sample items[2][32];
	struct copy_samples a = { .items = items[0] }, b = { .items = items[1], .offset_ns = 1000 };
	const struct copy_samples *gpus[] = { &a, &b };
	struct root_contention found[2 * COPY_WAY_COUNT];
	for (int i = 0; i < 5; i++)	/* alone: 10 bytes/ns */
		sample_add(&a, COPY_WAY_TO_DEVICE, i * 2 * MS, MS, 10 * MS);
	for (int i = 10; i < 15; i++) {	/* together: half of that */
		sample_add(&a, COPY_WAY_TO_DEVICE, i * 4 * MS, 2 * MS, 10 * MS);
		sample_add(&b, COPY_WAY_TO_HOST, i * 4 * MS - 1000, 2 * MS, 10 * MS);
	}
	/* Touches the other one for less than half of its time: neither. */
	sample_add(&a, COPY_WAY_TO_DEVICE, 15 * 4 * MS, 2 * MS, MS);
	sample_add(&b, COPY_WAY_TO_HOST, 15 * 4 * MS + 3 * MS / 2, 2 * MS, MS);
	CHECK(root_contention_measure(gpus, 2, found));
	const struct root_contention *first = &found[COPY_WAY_TO_DEVICE];
	CHECK_INT(first->alone_count, 5);
	CHECK_INT(first->together_count, 5);
	CHECK(first->is_comparable);
	CHECK_INT(first->alone_bytes_per_s, INT64_C(10000000000));
	CHECK_INT(first->together_bytes_per_s, INT64_C(5000000000));
	CHECK_INT(first->lost_ns, 5 * MS);
	CHECK(!found[COPY_WAY_COUNT + COPY_WAY_TO_HOST].is_comparable);
	CHECK_INT(found[COPY_WAY_COUNT + COPY_WAY_TO_HOST].alone_count, 0);
	CHECK_INT(found[COPY_WAY_TO_HOST].together_count, 0);
}

TEST(copies_that_are_never_alone_are_compared_with_what_was_measured_before)
{
	struct copy_sample items[2][32];
	struct copy_samples a = { .items = items[0] }, b = { .items = items[1] };
	const struct copy_samples *gpus[] = { &a, &b };
	struct root_contention found[2 * COPY_WAY_COUNT];
	for (int i = 0; i < 5; i++) {	/* 5 bytes/ns each */
		sample_add(&a, COPY_WAY_TO_DEVICE, i * 4 * MS, 2 * MS, 10 * MS);
		sample_add(&b, COPY_WAY_TO_DEVICE, i * 4 * MS, 2 * MS, 10 * MS);
	}
	a.alone_bytes_per_s[COPY_WAY_TO_DEVICE] = INT64_C(10000000000);
	CHECK(root_contention_measure(gpus, 2, found));
	CHECK(found[COPY_WAY_TO_DEVICE].is_comparable);
	CHECK(found[COPY_WAY_TO_DEVICE].is_alone_known);
	CHECK_INT(found[COPY_WAY_TO_DEVICE].alone_bytes_per_s, INT64_C(10000000000));
	CHECK_INT(found[COPY_WAY_TO_DEVICE].together_bytes_per_s, INT64_C(5000000000));
	CHECK_INT(found[COPY_WAY_TO_DEVICE].lost_ns, 5 * MS);
	CHECK(!found[COPY_WAY_COUNT + COPY_WAY_TO_DEVICE].is_comparable);
}

TEST(copies_by_way_of_the_host_are_matched_one_to_one)
{
	struct copy_sample items[3][32];
	struct copy_samples a = { .items = items[0] }, b = { .items = items[1] },
			    c = { .items = items[2] };
	const struct copy_samples *gpus[] = { &a, &b, &c };
	struct staged_copies pairs[4];
	size_t count = 0;
	for (int i = 0; i < 3; i++) {
		sample_add(&a, COPY_WAY_TO_HOST, i * 10 * MS, MS, 4 * MIB + i);
		sample_add(&b, COPY_WAY_TO_DEVICE, i * 10 * MS + MS + 500, MS, 4 * MIB + i);
	}
	/* Other sizes, too late, too early, the same GPU, only two: not staged. */
	sample_add(&a, COPY_WAY_TO_HOST, 100 * MS, MS, 5 * MIB);
	sample_add(&b, COPY_WAY_TO_DEVICE, 101 * MS, MS, 6 * MIB);
	sample_add(&a, COPY_WAY_TO_HOST, 200 * MS, MS, 7 * MIB);
	sample_add(&b, COPY_WAY_TO_DEVICE, 202 * MS + 1, MS, 7 * MIB);
	sample_add(&c, COPY_WAY_TO_DEVICE, 199 * MS, MS, 7 * MIB);
	sample_add(&a, COPY_WAY_TO_DEVICE, 201 * MS, MS, 7 * MIB);
	for (int i = 0; i < 2; i++) {
		sample_add(&b, COPY_WAY_TO_HOST, (300 + i) * MS, MS / 2, 8 * MIB);
		sample_add(&c, COPY_WAY_TO_DEVICE, (300 + i) * MS + 100, MS / 2, 8 * MIB);
	}
	CHECK(staged_copies_find(gpus, 3, pairs, 4, &count));
	CHECK_INT(count, 1);
	CHECK_INT(pairs[0].from, 0);
	CHECK_INT(pairs[0].to, 1);
	CHECK_INT(pairs[0].count, 3);
	CHECK_INT(pairs[0].bytes, 3 * 4 * MIB + 3);
	CHECK_INT(pairs[0].sum_ns, 6 * MS);
}

TEST(only_large_whole_copies_become_samples)
{
	fixture_begin(&fixture, "samples.db", 0, 1);
	(void)put_copy(1, COPY_WAY_TO_DEVICE, MEMORY_PAGEABLE, 100, 200, MIB);
	(void)put_copy(1, COPY_WAY_TO_HOST, MEMORY_PINNED, 300, 200, MIB + 1);
	(void)put_copy(1, COPY_WAY_TO_HOST, MEMORY_PINNED, 600, 200, MIB - 1);
	(void)put_copy(1, COPY_WAY_TO_HOST, MEMORY_PINNED, 900, 200, MIB);
	fixture_end(&fixture);
	struct timeline *timeline = fixture_timeline(&fixture);
	const struct time_window window = { 0, 1000 };
	struct copy_samples samples;
	CHECK(copy_samples_take(&samples, &timeline->gpus[0], &window));
	CHECK_INT(samples.count, 2);
	CHECK_INT(samples.left_out, 0);
	CHECK_INT(samples.items[0].way, COPY_WAY_TO_DEVICE);
	CHECK(samples.items[0].is_pageable);
	CHECK(!samples.items[1].is_pageable);
	CHECK_INT(samples.items[1].bytes, MIB + 1);
	copy_samples_end(&samples);
}
