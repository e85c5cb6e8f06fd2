/* SPDX-License-Identifier: MIT */
#include "tests/unit/trace_fixture.h"

#include "tests/unit/harness.h"
#include "tracedb/vocabulary.h"

#include <string.h>

static struct error error;

static int64_t add_symbol(struct trace_fixture *fixture, const char *name)
{
	struct kernel_symbol_row symbol = { .grid_x = 1, .block_x = 32 };
	CHECK_OK(trace_writer_string(fixture->writer, name, strlen(name), &symbol.name_id, &error),
		 error);
	CHECK_OK(trace_writer_kernel_symbol(fixture->writer, &symbol, &error), error);
	return symbol.kernel_id;
}

void fixture_begin(struct trace_fixture *fixture, const char *name, int64_t rank,
		   int64_t world_size)
{
	static const int64_t devices[FIXTURE_STREAMS + 1] = { 0, 0, 0, 1 };
	*fixture =
		(struct trace_fixture){ .path = test_path(name), .epoch_ns = 1790000000000000000 };
	CHECK_OK(trace_writer_create(&fixture->writer, fixture->path, NULL, &error), error);
	struct trace_row trace = { .trace_id = 1,
				   .source = "libtrace",
				   .host = "node1",
				   .pid = 100 + rank,
				   .rank = rank,
				   .world_size = world_size,
				   .local_rank = -1,
				   .epoch_ns = fixture->epoch_ns };
	CHECK_OK(trace_put_trace(fixture->writer, &trace, &error), error);
	for (int device = 0; device < 2; device++) {
		struct device_row row = { .device_id = device,
					  .name = "Test GPU",
					  .pcie_replays = -1 };
		CHECK_OK(trace_put_device(fixture->writer, &row, &error), error);
	}
	for (int i = 1; i <= FIXTURE_STREAMS; i++) {
		struct stream_row stream = { .device_id = devices[i],
					     .context_id = 1,
					     .number = 10 + i };
		CHECK_OK(trace_writer_stream(fixture->writer, &stream, &error), error);
		fixture->stream_id[i] = stream.stream_id;
	}
	fixture->gemm_id = add_symbol(fixture, "gemm");
	fixture->nccl_id = add_symbol(fixture, "ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)");
}

void fixture_compute(struct trace_fixture *fixture, int stream, int64_t start_ns, int64_t end_ns)
{
	struct kernel_row row = { .start_ns = start_ns, .duration_ns = end_ns - start_ns,
		.stream_id = fixture->stream_id[stream], .kernel_id = fixture->gemm_id };
	CHECK_OK(trace_put_kernel(fixture->writer, &row, &error), error);
}

void fixture_comm(struct trace_fixture *fixture, int stream, int64_t start_ns, int64_t end_ns)
{
	struct kernel_row row = { .start_ns = start_ns, .duration_ns = end_ns - start_ns,
		.stream_id = fixture->stream_id[stream], .kernel_id = fixture->nccl_id };
	CHECK_OK(trace_put_kernel(fixture->writer, &row, &error), error);
}

void fixture_copy(struct trace_fixture *fixture, int stream, int64_t start_ns, int64_t end_ns,
		  int64_t bytes)
{
	struct memcpy_row row = { .start_ns = start_ns,
				  .duration_ns = end_ns - start_ns,
				  .stream_id = fixture->stream_id[stream],
				  .direction = COPY_HTOD,
				  .source_memory = MEMORY_PINNED,
				  .destination_memory = MEMORY_DEVICE,
				  .bytes = bytes };
	CHECK_OK(trace_put_memcpy(fixture->writer, &row, &error), error);
}

void fixture_end(struct trace_fixture *fixture)
{
	CHECK_OK(trace_writer_close(fixture->writer, &error), error);
	fixture->writer = NULL;
}

struct timeline *fixture_timeline(const struct trace_fixture *fixture)
{
	static struct trace_reader *reader;
	static struct timeline *timeline;
	timeline_close(timeline);
	trace_reader_close(reader);
	timeline = NULL;
	CHECK_OK(trace_reader_open(&reader, fixture->path, &error), error);
	CHECK_OK(timeline_load(&timeline, reader, &error), error);
	return timeline;
}

struct report *fixture_report(const char *const *paths, size_t count,
			      const struct time_window *window)
{
	struct trace_set *set = NULL;
	struct report *report = NULL;
	struct analyze_options options = { .window =
						   window != NULL ? WINDOW_EXPLICIT : WINDOW_ALL };
	if (window != NULL) {
		options.window_start_ns = window->start_ns;
		options.window_end_ns = window->end_ns;
	}
	CHECK_OK(trace_set_open(&set, paths, count, NULL, &error), error);
	CHECK_OK(analyze_traces(set, &options, &report, &error), error);
	trace_set_close(set);
	return report;
}
