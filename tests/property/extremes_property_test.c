/* SPDX-License-Identifier: MIT */
/*
 * Property: whatever numbers a trace holds, up to both ends of int64, the analysis takes exactly
 * the rows whose times can be true, and every nanosecond of the window is accounted for. The oracle
 * cuts the time at every bound and asks of each piece what covers it, in 128 bits.
 */
#include "tests/unit/harness.h"
#include "tests/unit/trace_fixture.h"
#include "tracedb/vocabulary.h"

#include <stdio.h>
#include <unistd.h>

enum { ROUNDS = 150, ROWS_MAX = 14 };

__extension__ typedef __int128 wide;

enum row_class { CLASS_COMPUTE, CLASS_COMM, CLASS_COPY, CLASS_COUNT };

struct made_row {
	enum row_class class;
	int64_t start_ns, duration_ns;
	bool is_true;
};

static uint64_t random_state;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static int64_t random_extreme(void)
{
	static const int64_t edges[] = {
		0,
		1,
		-1,
		1000,
		INT64_MAX,
		INT64_MIN,
		INT64_MAX - 1,
		INT64_MIN + 1,
		TIME_LIMIT_NS,
		-TIME_LIMIT_NS,
		TIME_LIMIT_NS + 1,
		-TIME_LIMIT_NS - 1,
		TIME_LIMIT_NS - 1,
		INT64_MAX / 2,
		INT64_MAX / 2 + 1,
		INT64_MIN / 2,
		UINT32_MAX,
		INT32_MIN,
		INT64_C(1) << 53,
	};
	uint64_t choice = random_next() % 40;
	if (choice < sizeof edges / sizeof edges[0])
		return edges[choice];
	if (choice < 36)
		return (int64_t)(random_next() % 5000);
	return (int64_t)random_next();
}

/* As timeline.h says it: no negative length, nothing beyond the limit. */
static bool is_true_time(int64_t start_ns, int64_t duration_ns)
{
	wide end_ns = (wide)start_ns + duration_ns;
	return duration_ns >= 0 && start_ns >= -TIME_LIMIT_NS && start_ns <= TIME_LIMIT_NS &&
	       end_ns <= TIME_LIMIT_NS;
}

static void row_put(struct trace_fixture *fixture, const struct made_row *made)
{
	struct error error;
	int64_t stream_id = fixture->stream_id[1 + random_next() % 2];
	const struct kernel_row kernel = {
		.start_ns = made->start_ns,
		.duration_ns = made->duration_ns,
		.stream_id = stream_id,
		.kernel_id = made->class == CLASS_COMM ? fixture->nccl_id : fixture->gemm_id,
		.correlation_id = random_extreme(),
	};
	const struct memcpy_row copy = {
		.start_ns = made->start_ns,
		.duration_ns = made->duration_ns,
		.stream_id = stream_id,
		.direction = random_extreme(),
		.source_memory = random_extreme(),
		.destination_memory = random_extreme(),
		.bytes = random_extreme(),
	};
	if (made->class == CLASS_COPY)
		CHECK_OK(trace_put_memcpy(fixture->writer, &copy, &error), error);
	else
		CHECK_OK(trace_put_kernel(fixture->writer, &kernel, &error), error);
}

/* What else the report reads, as extreme. */
static void rest_put(struct trace_fixture *fixture)
{
	struct error error;
	const struct trace_row trace = {
		.trace_id = 1, .source = "libtrace", .host = "box", .pid = random_extreme(),
		.rank = random_extreme(), .world_size = random_extreme(),
		.epoch_ns = random_extreme(), .stop_ns = random_extreme(),
	};
	CHECK_OK(trace_writer_replace(fixture->writer, TABLE_trace, &trace, &error), error);
	for (uint64_t i = random_next() % 4; i > 0; i--) {
		const struct overhead_row overhead = { .start_ns = random_extreme(),
						       .duration_ns = random_extreme() };
		const struct loss_row loss = { .source = "a",
					       .reason = "b",
					       .count = random_extreme(),
					       .first_ns = random_extreme(),
					       .last_ns = random_extreme() };
		const struct api_call_row call = { .start_ns = random_extreme(),
						   .duration_ns = random_extreme(),
						   .correlation_id = random_extreme() };
		const struct graph_launch_row graph = { .start_ns = random_extreme(),
							.duration_ns = random_extreme(),
							.stream_id = fixture->stream_id[1] };
		const struct memset_row memset_ = { .start_ns = INT64_MIN, .duration_ns = -1,
						    .bytes = random_extreme() };
		CHECK_OK(trace_put_overhead(fixture->writer, &overhead, &error), error);
		CHECK_OK(trace_put_loss(fixture->writer, &loss, &error), error);
		CHECK_OK(trace_put_api_call(fixture->writer, &call, &error), error);
		CHECK_OK(trace_put_graph_launch(fixture->writer, &graph, &error), error);
		CHECK_OK(trace_put_memset(fixture->writer, &memset_, &error), error);
	}
}

/*
 * Nanoseconds of the window by class: the first of its classes that covers a piece has it; [COUNT]:
 * none.
 */
static void oracle(const struct made_row *rows, size_t count, const struct time_window *window,
		   wide ns[CLASS_COUNT + 1])
{
	wide at = window->start_ns;
	for (int i = 0; i <= CLASS_COUNT; i++)
		ns[i] = 0;
	while (at < window->end_ns) {
		wide next = window->end_ns;
		int class = CLASS_COUNT;
		for (size_t i = 0; i < count; i++) {
			wide start = rows[i].start_ns, end = start + rows[i].duration_ns;
			if (!rows[i].is_true)
				continue;
			next = start > at && start < next ? start : next;
			next = end > at && end < next ? end : next;
			if (start <= at && at < end && (int)rows[i].class < class)
				class = (int)rows[i].class;
		}
		ns[class] += next - at;
		at = next;
	}
}

static void check_partition(const struct partition *part, const struct made_row *rows, size_t count,
			    uint64_t seed)
{
	wide ns[CLASS_COUNT + 1];
	oracle(rows, count, &part->window, ns);
	bool is_right = part->compute_ns == ns[CLASS_COMPUTE] && part->comm_ns == ns[CLASS_COMM] &&
			part->copy_ns == ns[CLASS_COPY] && part->idle_ns == ns[CLASS_COUNT];
	bool adds_up = (wide)part->compute_ns + part->comm_ns + part->copy_ns + part->idle_ns ==
		       part->window_ns;
	if (!is_right || !adds_up)
		test_fail(__FILE__, __LINE__,
			  "seed %llu: compute %lld comm %lld copy %lld idle %lld of %lld",
			  (unsigned long long)seed, (long long)part->compute_ns,
			  (long long)part->comm_ns, (long long)part->copy_ns,
			  (long long)part->idle_ns, (long long)part->window_ns);
}

static void check_report(const char *path, const struct made_row *rows, size_t count, int64_t taken,
			 bool has_window, uint64_t seed)
{
	const struct analyze_options options = { .window =
							 has_window ? WINDOW_EXPLICIT : WINDOW_ALL,
						 .window_start_ns = random_extreme(),
						 .window_end_ns = random_extreme(),
						 .thread_count = 1 };
	struct trace_set *set = NULL;
	struct report *report = NULL;
	struct error error = { 0 };
	CHECK_OK(trace_set_open(&set, &path, 1, NULL, &error), error);
	if (!analyze_traces(set, &options, &report, &error)) {
		/* A window that ends before it starts, or where nothing is. */
		CHECK(has_window);
		CHECK_INT(error.kind, ERROR_USAGE);
	}
	for (int format = REPORT_TEXT; report != NULL && format <= REPORT_MARKDOWN; format++) {
		const struct report_style style = { .format = (enum report_format)format };
		struct text text;
		text_begin(&text, 1 << 24);
		CHECK_OK(report_render(report, &style, &text, &error), error);
		text_end(&text);
	}
	for (size_t i = 0; report != NULL && i < report->gpu_count; i++) {
		const struct report_gpu *gpu = &report->gpus[i];
		if (gpu->device_id == 0)
			check_partition(&gpu->partition, rows, count, seed);
		if (gpu->device_id == 0 && !has_window)
			CHECK_INT(gpu->rows.gpu_rows, taken);
	}
	report_close(report);
	trace_set_close(set);
}

static void check_round(uint64_t seed)
{
	struct made_row rows[ROWS_MAX];
	struct trace_fixture fixture;
	char name[64];
	int64_t taken = 0;
	random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	(void)snprintf(name, sizeof name, "extremes%llu.db", (unsigned long long)seed);
	fixture_begin(&fixture, name, 0, 2);
	size_t count = 1 + random_next() % ROWS_MAX;
	for (size_t i = 0; i < count; i++) {
		rows[i] = (struct made_row){ (enum row_class)(random_next() % CLASS_COUNT),
					     random_extreme(), random_extreme(), false };
		rows[i].is_true = is_true_time(rows[i].start_ns, rows[i].duration_ns);
		taken += rows[i].is_true;
		row_put(&fixture, &rows[i]);
	}
	rest_put(&fixture);
	fixture_end(&fixture);
	check_report(fixture.path, rows, count, taken, false, seed);
	check_report(fixture.path, rows, count, taken, true, seed);
	(void)unlink(fixture.path);
}

TEST(every_nanosecond_is_accounted_for_at_both_ends_of_int64)
{
	for (uint64_t seed = 1; seed <= ROUNDS; seed++)
		check_round(seed);
}
