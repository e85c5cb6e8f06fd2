/* SPDX-License-Identifier: MIT */
#include "tests/unit/harness.h"
#include "tracedb/writer.h"
#include "viewer-export/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct error error;

static struct trace_writer *writer_new(const char *path, int64_t rank, int64_t epoch_ns)
{
	struct trace_writer *writer = NULL;
	struct trace_row trace = { .trace_id = 1,
				   .source = "test",
				   .host = "box",
				   .pid = 70 + rank,
				   .rank = rank,
				   .world_size = 2,
				   .local_rank = -1,
				   .epoch_ns = epoch_ns,
				   .stop_ns = -1 };
	CHECK_OK(trace_writer_create(&writer, path, NULL, &error), error);
	CHECK_OK(trace_put_trace(writer, &trace, &error), error);
	return writer;
}

static int64_t text_id(struct trace_writer *writer, const char *text)
{
	int64_t id;
	CHECK_OK(trace_writer_string(writer, text, strlen(text), &id, &error), error);
	return id;
}

static int64_t stream_id(struct trace_writer *writer, int64_t number)
{
	struct stream_row stream = { .device_id = 0, .context_id = 1, .number = number };
	CHECK_OK(trace_writer_stream(writer, &stream, &error), error);
	return stream.stream_id;
}

static int64_t kernel_id(struct trace_writer *writer, const char *name)
{
	struct kernel_symbol_row symbol = { .name_id = text_id(writer, name),
					    .grid_x = 1,
					    .grid_y = 2,
					    .grid_z = 3,
					    .block_x = 64,
					    .block_y = 1,
					    .block_z = 1,
					    .registers = 8 };
	CHECK_OK(trace_writer_kernel_symbol(writer, &symbol, &error), error);
	return symbol.kernel_id;
}

static void put_call(struct trace_writer *writer, int64_t start_ns, int64_t duration_ns,
		     int64_t correlation_id)
{
	struct api_call_row call = { .start_ns = start_ns,
				     .duration_ns = duration_ns,
				     .thread_id = 70,
				     .api = 2,
				     .name_id = text_id(writer, "cudaLaunchKernel_v7000"),
				     .correlation_id = correlation_id };
	CHECK_OK(trace_put_api_call(writer, &call, &error), error);
}

static void put_kernel(struct trace_writer *writer, int64_t start_ns, int64_t duration_ns,
		       int64_t correlation_id)
{
	struct kernel_row kernel = { .start_ns = start_ns, .duration_ns = duration_ns,
		.stream_id = stream_id(writer, 7), .kernel_id = kernel_id(writer, "void k(int)"),
		.correlation_id = correlation_id };
	CHECK_OK(trace_put_kernel(writer, &kernel, &error), error);
}

static void put_range(struct trace_writer *writer, int64_t start_ns, int64_t duration_ns,
		      const char *name)
{
	struct range_row range = { .start_ns = start_ns,
				   .duration_ns = duration_ns,
				   .thread_id = 70,
				   .end_thread_id = 70,
				   .kind = 1,
				   .name_id = text_id(writer, name) };
	CHECK_OK(trace_put_range(writer, &range, &error), error);
}

static void writer_end(struct trace_writer *writer)
{
	CHECK_OK(trace_writer_close(writer, &error), error);
}

/* The exported file as a text; freed by the end of the test's process. */
static char *exported(const struct export_options *options, struct export_summary *summary,
		      size_t trace_count)
{
	struct trace_set *set = NULL;
	struct import_options import = { .progress = NULL };
	const char *paths[2] = { test_path("0.db"), test_path("1.db") };
	struct export_options full = *options;
	full.output = test_path("out.json");
	CHECK_OK(trace_set_open(&set, paths, trace_count, &import, &error), error);
	CHECK_OK(export_traces(set, &full, summary, &error), error);
	trace_set_close(set);
	FILE *file = fopen(full.output, "rb");
	static char bytes[1 << 20];
	CHECK(file != NULL);
	bytes[fread(bytes, 1, sizeof bytes - 1, file)] = 0;
	fclose(file);
	return bytes;
}

static const struct export_options everything = { .kinds = 0 };

TEST(times_are_exact_and_count_from_the_first_event_of_all_traces)
{
	struct export_summary summary;
	struct trace_writer *writer = writer_new(test_path("0.db"), 0, 1700000000000000000);
	put_kernel(writer, 1000000007, 15, 1);
	writer_end(writer);
	writer = writer_new(test_path("1.db"), 1, 1700000000000000500);
	put_kernel(writer, 1000000007, 15, 1);
	put_kernel(writer, 86401000000008, 1, 2);
	writer_end(writer);
	const char *text = exported(&everything, &summary, 2);
	CHECK_CONTAINS(text, "\"baseTimeNanoseconds\":1700000001000000007,");
	CHECK_CONTAINS(text, "\"ts\":0.000,\"dur\":0.015,");
	CHECK_CONTAINS(text, "\"ts\":0.500,\"dur\":0.015,");
	CHECK_CONTAINS(text, "\"ts\":86400000000.501,\"dur\":0.001,");
	CHECK_CONTAINS(text, "\"rank 0 GPU 0\"");
	CHECK_CONTAINS(text, "\"rank 1 GPU 0\"");
	CHECK_INT(summary.slices, 3);
	CHECK_INT(summary.launches_unknown, 3);
}

TEST(a_slice_comes_after_the_one_that_ends_where_it_starts)
{
	struct trace_writer *writer = writer_new(test_path("0.db"), 0, 0);
	put_range(writer, 20, 10, "third");
	put_range(writer, 10, 10, "second");
	put_range(writer, 0, 10, "first");
	writer_end(writer);
	const char *text = exported(&everything, NULL, 1);
	const char *first = strstr(text, "\"first\""), *second = strstr(text, "\"second\"");
	const char *third = strstr(text, "\"third\"");
	CHECK(first != NULL && second != NULL && third != NULL);
	CHECK(first < second && second < third);
}

TEST(equal_ids_in_two_traces_are_different_names)
{
	struct trace_writer *writer = writer_new(test_path("0.db"), 0, 0);
	put_range(writer, 0, 5, "first");
	writer_end(writer);
	writer = writer_new(test_path("1.db"), 1, 0);
	put_range(writer, 0, 5, "second");
	writer_end(writer);
	const char *text = exported(&everything, NULL, 2);
	CHECK_CONTAINS(text, "\"first\"");
	CHECK_CONTAINS(text, "\"second\"");
}

TEST(a_flow_leads_from_each_launch_to_its_kernel)
{
	struct export_summary summary;
	struct trace_writer *writer = writer_new(test_path("0.db"), 0, 0);
	put_call(writer, 100, 20, 1);
	put_call(writer, 120, 20, 2);	/* touches the call before */
	put_call(writer, 150, 20, 3);	/* its kernel starts before it */
	put_call(writer, 190, 20, 4);	/* its kernel is over before it */
	put_kernel(writer, 110, 30, 1);
	put_kernel(writer, 140, 5, 2);	/* touches the kernel before */
	put_kernel(writer, 145, 10, 3);
	put_kernel(writer, 160, 10, 4);
	put_kernel(writer, 180, 10, 5);	/* launched by nobody */
	writer_end(writer);
	const char *text = exported(&everything, &summary, 1);
	CHECK_INT(summary.flows, 3);
	CHECK_INT(summary.flows_reversed, 1);
	CHECK_INT(summary.launches_unknown, 1);
	CHECK_CONTAINS(text, "\"id\":1,\"pid\":1,\"tid\":3,\"ts\":0.000}");
	CHECK_CONTAINS(text, "\"id\":1,\"pid\":2,\"tid\":4,\"ts\":0.010}");
	CHECK_CONTAINS(text, "\"id\":2,\"pid\":1,\"tid\":3,\"ts\":0.0204}");
	CHECK_CONTAINS(text, "\"id\":2,\"pid\":2,\"tid\":4,\"ts\":0.0404}");
	CHECK_CONTAINS(text, "\"id\":3,\"pid\":1,\"tid\":3,\"ts\":0.050}");
	CHECK_CONTAINS(text, "\"id\":3,\"pid\":2,\"tid\":4,\"ts\":0.0504}");
	CHECK_CONTAINS(text, "\"name\":\"k\",\"cat\":\"kernel\"");
	CHECK_CONTAINS(text, "\"grid\":[1,2,3],\"block\":[64,1,1],\"registers per thread\":8,"
			     "\"parameters\":\"(int)\",\"device\":0,\"context\":1,\"stream\":7,"
			     "\"correlation\":1}}");
	CHECK_CONTAINS(text, "\"name\":\"cudaLaunchKernel\",\"cat\":\"cuda_runtime\"");
}

TEST(an_inner_range_is_written_after_the_outer_one_that_starts_with_it)
{
	struct trace_writer *writer = writer_new(test_path("0.db"), 0, 0);
	put_range(writer, 0, 5, "inner");
	put_range(writer, 0, 7, "middle");
	put_range(writer, 0, 9, "outer");
	put_range(writer, 20, 9, "next");
	writer_end(writer);
	const char *text = exported(&everything, NULL, 1);
	const char *inner = strstr(text, "\"inner\""), *middle = strstr(text, "\"middle\"");
	const char *outer = strstr(text, "\"outer\"");
	CHECK(inner != NULL && middle != NULL && outer != NULL);
	CHECK(outer < middle && middle < inner);
	CHECK(strstr(text, "overlap") == NULL);
}

TEST(the_window_keeps_what_touches_it)
{
	struct export_summary summary;
	struct trace_writer *writer = writer_new(test_path("0.db"), 0, 0);
	put_range(writer, 1000, 10, "before");
	put_range(writer, 1090, 20, "across");
	put_range(writer, 1150, 0, "within");
	put_range(writer, 1200, 10, "after");
	writer_end(writer);
	struct export_options window = { .has_window = true, .window_start_ns = 100,
					 .window_end_ns = 200 };
	const char *text = exported(&window, &summary, 1);
	CHECK_INT(summary.slices, 2);
	CHECK(strstr(text, "before") == NULL && strstr(text, "after") == NULL);
	CHECK_CONTAINS(text, "across");
	CHECK_CONTAINS(text, "within");
}

/* As in the analysis, so that one window means one time in both. */
TEST(the_window_counts_from_the_first_gpu_activity)
{
	struct export_summary summary;
	struct export_options window = { .has_window = true, .window_start_ns = 0,
					 .window_end_ns = 50 };
	struct trace_writer *writer = writer_new(test_path("0.db"), 0, 1700000000000000000);
	put_range(writer, 100, 10, "before");
	put_range(writer, 999, 2, "across");
	put_kernel(writer, 1000, 10, 1);
	put_range(writer, 1050, 5, "after");
	writer_end(writer);
	const char *text = exported(&window, &summary, 1);
	CHECK_INT(summary.slices, 2);
	CHECK(strstr(text, "before") == NULL && strstr(text, "after") == NULL);
	CHECK_CONTAINS(text, "\"ts\":0.899,\"dur\":0.002");
	/* Of all traces, and whatever is written. */
	writer = writer_new(test_path("1.db"), 1, 1700000000000000000);
	put_range(writer, 890, 5, "early");
	put_range(writer, 990, 5, "soon");
	put_kernel(writer, 900, 10, 1);
	writer_end(writer);
	CHECK_OK(export_kinds_parse("ranges", &window.kinds, &error), error);
	window.window_end_ns = 100;
	text = exported(&window, &summary, 2);
	CHECK_INT(summary.slices, 2);
	CHECK_CONTAINS(text, "across");
	CHECK_CONTAINS(text, "soon");
}

TEST(traces_without_unix_time_have_a_line_of_their_own)
{
	struct export_summary summary;
	struct trace_writer *writer = writer_new(test_path("0.db"), 0, 1700000000000000000);
	put_kernel(writer, 1000, 10, 1);
	writer_end(writer);
	writer = writer_new(test_path("1.db"), 1, 0);
	put_kernel(writer, 5000, 20, 1);
	writer_end(writer);
	const char *text = exported(&everything, &summary, 2);
	CHECK_CONTAINS(text, "\"ts\":0.000,\"dur\":0.010");
	CHECK_CONTAINS(text, "\"ts\":0.000,\"dur\":0.020");
	CHECK_CONTAINS(text, "\"baseTimeNanoseconds\":1700000000000001000");
	struct export_options window = { .has_window = true, .window_start_ns = 15,
					 .window_end_ns = 16 };
	(void)exported(&window, &summary, 2);
	CHECK_INT(summary.slices, 1);
}

TEST(only_the_kinds_asked_for_are_written)
{
	struct export_summary summary;
	struct export_options options = { .kinds = 0 };
	struct trace_writer *writer = writer_new(test_path("0.db"), 0, 0);
	put_range(writer, 0, 10, "range");
	put_call(writer, 10, 20, 1);
	put_kernel(writer, 40, 10, 1);
	writer_end(writer);
	CHECK_OK(export_kinds_parse("kernels,flows", &options.kinds, &error), error);
	const char *text = exported(&options, &summary, 1);
	CHECK_INT(summary.slices, 1);
	CHECK_INT(summary.flows, 0);
	CHECK(strstr(text, "cudaLaunchKernel") == NULL);
	CHECK(!export_kinds_parse("kernels,,calls", &options.kinds, &error));
	CHECK(!export_kinds_parse("kernel", &options.kinds, &error));
	CHECK_INT(error.kind, ERROR_USAGE);
	CHECK_CONTAINS(error.message, "'kernel'");
}

TEST(names_of_any_bytes_stay_json)
{
	struct trace_writer *writer = writer_new(test_path("0.db"), 0, 0);
	char *long_name = malloc(10001);
	CHECK(long_name != NULL);
	memset(long_name, 'x', 10000);
	long_name[10000] = 0;
	put_range(writer, 0, 1, "quote \" slash \\ line \n nul-free \x01 </script>");
	put_range(writer, 2, 1, "bad \xff\xfe utf8 \xe2\x80\xae right to left");
	put_range(writer, 4, 1, long_name);
	put_range(writer, 6, 1, "");
	free(long_name);
	writer_end(writer);
	const char *text = exported(&everything, NULL, 1);
	CHECK_CONTAINS(text, "\"quote \\\" slash \\\\ line \\u000a nul-free \\u0001 </script>\"");
	CHECK_CONTAINS(text, "\"bad \xef\xbf\xbd\xef\xbf\xbd utf8 \xe2\x80\xae right to left\"");
	CHECK_CONTAINS(text, "{\"ph\":\"X\",\"name\":\"\",");
}

TEST(a_trace_without_rows_gives_a_file_without_events)
{
	struct export_summary summary;
	writer_end(writer_new(test_path("0.db"), 0, 5));
	const char *text = exported(&everything, &summary, 1);
	CHECK_INT(summary.slices, 0);
	CHECK_INT(summary.processes, 0);
	CHECK_CONTAINS(text, "\"traceEvents\":[\n\n]");
}

TEST(absurd_numbers_in_a_database_break_nothing)
{
	struct export_summary summary;
	struct trace_writer *writer = writer_new(test_path("0.db"), 0, INT64_MAX);
	struct kernel_row kernel = { .start_ns = INT64_MIN, .duration_ns = INT64_MAX,
		.stream_id = INT64_MIN, .kernel_id = INT64_MAX, .correlation_id = -1 };
	struct memcpy_row copy = { .start_ns = INT64_MAX, .duration_ns = INT64_MAX, .stream_id = -1,
		.direction = INT64_MIN, .source_memory = INT64_MAX, .bytes = INT64_MAX };
	struct range_row range = { .start_ns = -5, .duration_ns = INT64_MIN, .thread_id = INT64_MIN,
		.kind = 99, .domain_id = INT64_MIN, .name_id = INT64_MAX, .color = -1 };
	struct synchronization_row wait = { .kind = -1, .device_id = INT64_MAX, .context_id = -1 };
	struct allocation_row allocation = { .bytes = INT64_MIN, .device_id = INT64_MIN,
		.operation = 2, .total_bytes = -1 };
	struct collective_row collective = { .external_id = 1, .communicator_id = -9 };
	CHECK_OK(trace_put_kernel(writer, &kernel, &error), error);
	CHECK_OK(trace_put_memcpy(writer, &copy, &error), error);
	CHECK_OK(trace_put_range(writer, &range, &error), error);
	CHECK_OK(trace_put_synchronization(writer, &wait, &error), error);
	CHECK_OK(trace_put_allocation(writer, &allocation, &error), error);
	CHECK_OK(trace_put_collective(writer, &collective, &error), error);
	put_call(writer, INT64_MAX, INT64_MIN, -1);
	writer_end(writer);
	(void)exported(&everything, &summary, 1);
	CHECK_INT(summary.slices, 6);
}

TEST(an_unknown_format_is_refused_with_those_that_exist)
{
	const struct export_format *format;
	CHECK_OK(export_format_find(&format, NULL, &error), error);
	CHECK_TEXT(format->name, "chrome");
	CHECK(!export_format_find(&format, "chrom", &error));
	CHECK_INT(error.kind, ERROR_USAGE);
	CHECK_CONTAINS(error.message, "'chrom': chrome");
}

TEST(the_same_traces_give_the_same_bytes)
{
	struct trace_writer *writer = writer_new(test_path("0.db"), 0, 0);
	for (int i = 0; i < 200; i++) {
		put_call(writer, i * 50, 40, i + 1);
		put_kernel(writer, i * 50 + 30 + i % 7 * 20, 60, i + 1);
	}
	writer_end(writer);
	char *first = strdup(exported(&everything, NULL, 1));
	CHECK(first != NULL);
	CHECK_TEXT(exported(&everything, NULL, 1), first);
	CHECK_CONTAINS(first, "stream 7 (overlap 2)");
	free(first);
}
