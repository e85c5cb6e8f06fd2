/* SPDX-License-Identifier: MIT */
/* Operations without an id find the kernels that ran them. */
#include "tests/unit/harness.h"
#include "tests/unit/trace_fixture.h"
#include "tracedb/collective_launch.h"
#include "tracedb/vocabulary.h"

#include <string.h>

enum { THREAD = 7, OTHER = 8 };

static struct error error;
static struct trace_fixture fixture;
static struct trace_reader *reader;
static struct collective_set set;

static int64_t text(const char *value)
{
	int64_t string_id = 0;
	CHECK_OK(trace_writer_string(fixture.writer, value, strlen(value), &string_id, &error),
		 error);
	return string_id;
}

/* Communicators 1 and 2 are those of GPU 0 and 1, 3 is of an unknown GPU, 4 has one rank. */
static void begin(void)
{
	static const int64_t devices[] = { 0, 1, -1, 0 };
	fixture_begin(&fixture, "a.db", 0, 1);
	for (int64_t i = 0; i < 4; i++) {
		const struct communicator_row row = {
			.communicator_id = i + 1, .hash = 100 + i, .name = "", .rank = 0,
			.rank_count = i == 3 ? 1 : 2, .node_count = 1, .device_id = devices[i],
		};
		CHECK_OK(trace_put_communicator(fixture.writer, &row, &error), error);
	}
}

/* Rows are told apart by their bytes. */
static void put(int64_t witness, int64_t communicator_id, const char *operation, int64_t start_ns,
		int64_t end_ns, int64_t bytes)
{
	const struct collective_row row = {
		.start_ns = start_ns, .duration_ns = end_ns - start_ns, .thread_id = THREAD,
		.witness = witness, .communicator_id = communicator_id,
		.operation_id = text(operation), .bytes = bytes,
	};
	CHECK_OK(trace_put_collective(fixture.writer, &row, &error), error);
}

static void range(const char *name, int64_t start_ns, int64_t end_ns)
{
	const struct range_row row = {
		.start_ns = start_ns, .duration_ns = end_ns - start_ns, .thread_id = THREAD,
		.end_thread_id = THREAD, .kind = RANGE_PUSH_POP, .domain_id = text("NCCL"),
		.name_id = text(name),
	};
	CHECK_OK(trace_put_range(fixture.writer, &row, &error), error);
}

static void join(struct collective_launch *launches, size_t count)
{
	fixture_end(&fixture);
	CHECK_OK(trace_reader_open(&reader, fixture.path, &error), error);
	CHECK_OK(trace_reader_load_strings(reader, &error), error);
	CHECK_OK(collective_set_read(&set, reader, &error), error);
	CHECK_OK(collective_set_join_launches(&set, launches, count, &error), error);
}

static struct collective_launch launch(int64_t correlation_id, int64_t start_ns, int64_t device_id,
				       const char *operation)
{
	return (struct collective_launch){ correlation_id, THREAD, start_ns, device_id, operation };
}

/* 0: not joined. */
static int64_t operations_of(int64_t correlation_id)
{
	int64_t operations = 0;
	(void)collective_set_find(&set, correlation_id, &operations);
	return operations;
}

static int64_t bytes_of(int64_t correlation_id)
{
	int64_t operations;
	const struct collective_row *row = collective_set_find(&set, correlation_id, &operations);
	return row == NULL ? -1 : row->bytes;
}

TEST(a_call_around_its_launch_ran_it)
{
	begin();
	put(WITNESS_NVTX, 1, "AllReduce", 100, 150, 1);
	put(WITNESS_NVTX, 1, "Reduce", 110, 120, 2);
	put(WITNESS_NVTX, 1, "AllReduce", 200, 250, 3);
	struct collective_launch launches[] = {
		launch(1, 99, 0, "AllReduce"), launch(2, 100, 0, "AllReduce"),
		launch(3, 115, 0, "Reduce"), launch(4, 150, 0, "AllReduce"),
		launch(5, 151, 0, "AllReduce"), launch(6, 225, 0, ""), launch(7, 226, 1, ""),
		{ 8, OTHER, 125, 0, "AllReduce" },
	};
	join(launches, 8);
	CHECK_INT(bytes_of(1), -1);
	CHECK_INT(bytes_of(2), 1);
	CHECK_INT(bytes_of(3), 2);
	CHECK_INT(bytes_of(4), 1);
	CHECK_INT(bytes_of(5), -1);
	CHECK_INT(bytes_of(6), 3);
	CHECK_INT(bytes_of(7), -1);	/* another GPU's */
	CHECK_INT(bytes_of(8), -1);
}

TEST(events_of_the_plugin_after_a_launch_are_what_it_ran)
{
	begin();
	put(WITNESS_PLUGIN, 3, "AllReduce", 110, 140, 1);	/* three fused */
	put(WITNESS_PLUGIN, 3, "AllReduce", 120, 141, 2);
	put(WITNESS_PLUGIN, 3, "AllReduce", 130, 142, 3);
	put(WITNESS_PLUGIN, 3, "AllReduce", 150, 160, 4);	/* whose launch was not recorded */
	put(WITNESS_PLUGIN, 3, "Send", 210, 230, 5);
	put(WITNESS_PLUGIN, 3, "Recv", 220, 231, 6);
	put(WITNESS_PLUGIN, 3, "AllGather", 310, 320, 7);
	struct collective_launch launches[] = {
		launch(1, 100, 0, "AllReduce"), launch(2, 200, 0, "SendRecv"),
		launch(3, 300, 0, "AllReduce"),	/* whose event was not recorded */
	};
	join(launches, 3);
	CHECK_INT(bytes_of(1), 1);
	CHECK_INT(operations_of(1), 3);
	CHECK_INT(bytes_of(2), 5);
	CHECK_INT(operations_of(2), 2);
	CHECK_INT(bytes_of(3), -1);
}

TEST(events_of_several_gpus_on_one_thread_are_kept_apart)
{
	begin();
	range("ncclGroupEnd", 90, 300);
	put(WITNESS_PLUGIN, 1, "AllReduce", 110, 120, 1);
	put(WITNESS_PLUGIN, 2, "AllReduce", 140, 150, 2);
	put(WITNESS_PLUGIN, 1, "AllReduce", 310, 320, 3);	/* behind the fence */
	struct collective_launch launches[] = {
		launch(1, 100, 0, "AllReduce"), launch(2, 130, 1, "AllReduce"),
		launch(3, 160, 0, "AllReduce"),
	};
	join(launches, 3);
	CHECK_INT(bytes_of(1), 1);
	CHECK_INT(bytes_of(2), 2);
	CHECK_INT(bytes_of(3), -1);
}

TEST(a_launch_at_the_end_of_a_group_ran_its_calls)
{
	begin();
	put(WITNESS_NVTX, 1, "AllReduce", 10, 20, 99);	/* before, without a launch of its own */
	range("ncclGroupStart", 100, 101);
	put(WITNESS_NVTX, 1, "AllGather", 110, 111, 1);
	put(WITNESS_NVTX, 1, "AllReduce", 112, 113, 2);
	put(WITNESS_NVTX, 1, "AllReduce", 114, 115, 0);	/* nothing to do */
	put(WITNESS_NVTX, 4, "AllReduce", 116, 117, 3);	/* one rank: a copy */
	range("ncclGroupStart", 118, 119);		/* nested */
	put(WITNESS_NVTX, 1, "AllReduce", 120, 121, 4);
	range("ncclGroupEnd", 122, 123);
	range("ncclGroupEnd", 130, 160);
	range("ncclGroupStart", 200, 201);
	put(WITNESS_NVTX, 1, "Send", 210, 211, 5);
	put(WITNESS_NVTX, 1, "Recv", 212, 213, 6);
	range("ncclGroupEnd", 230, 260);
	range("ncclGroupEnd", 330, 360);		/* whose begin was not recorded */
	struct collective_launch launches[] = {
		launch(1, 140, 0, "AllReduce"), launch(2, 240, 0, "SendRecv"),
		launch(3, 340, 0, "AllReduce"),
	};
	join(launches, 3);
	CHECK_INT(bytes_of(1), 2);	/* the first that fits the kernel's name */
	CHECK_INT(operations_of(1), 3);
	CHECK_INT(bytes_of(2), 5);
	CHECK_INT(operations_of(2), 2);
	CHECK_INT(bytes_of(3), -1);
}

TEST(a_group_of_several_gpus_is_divided_among_them)
{
	begin();
	range("ncclGroupStart", 100, 101);
	put(WITNESS_NVTX, 1, "AllReduce", 110, 111, 1);
	put(WITNESS_NVTX, 2, "AllReduce", 112, 113, 2);
	put(WITNESS_NVTX, 3, "AllReduce", 114, 115, 3);	/* who knows where */
	range("ncclGroupEnd", 130, 160);
	struct collective_launch launches[] = {
		launch(2, 150, 1, "AllReduce"), launch(1, 140, 0, "AllReduce"),
	};
	join(launches, 2);
	CHECK_INT(bytes_of(1), 1);
	CHECK_INT(operations_of(1), 1);
	CHECK_INT(bytes_of(2), 2);
	CHECK_INT(operations_of(2), 1);
}

TEST(several_launches_of_a_gpu_in_a_group_are_told_apart_by_name_or_not_at_all)
{
	begin();
	range("ncclGroupStart", 100, 101);
	put(WITNESS_NVTX, 1, "AllReduce", 110, 111, 1);
	put(WITNESS_NVTX, 1, "AllGather", 112, 113, 2);
	range("ncclGroupEnd", 130, 160);
	range("ncclGroupStart", 200, 201);
	put(WITNESS_NVTX, 1, "AllReduce", 210, 211, 3);
	put(WITNESS_NVTX, 1, "AllReduce", 212, 213, 4);
	range("ncclGroupEnd", 230, 260);
	range("ncclGroupStart", 300, 301);
	put(WITNESS_NVTX, 1, "AllReduce", 310, 311, 5);
	put(WITNESS_NVTX, 1, "AllGather", 312, 313, 6);
	range("ncclGroupEnd", 330, 360);
	struct collective_launch launches[] = {
		launch(1, 140, 0, "AllReduce"), launch(2, 141, 0, "AllGather"),
		launch(3, 240, 0, "AllReduce"), launch(4, 241, 0, "AllReduce"),
		launch(5, 340, 0, "AllReduce"), launch(6, 341, 0, "Generic"),
	};
	join(launches, 6);
	CHECK_INT(bytes_of(1), 1);
	CHECK_INT(bytes_of(2), 2);
	CHECK_INT(bytes_of(3), -1);
	CHECK_INT(bytes_of(4), -1);
	CHECK_INT(bytes_of(5), -1);
	CHECK_INT(bytes_of(6), -1);
}

TEST(a_bracket_goes_before_everything_else)
{
	begin();
	put(WITNESS_NVTX, 1, "AllReduce", 100, 150, 1);
	const struct collective_row bracketed = {
		.start_ns = 120, .duration_ns = 5, .thread_id = THREAD, .witness = WITNESS_PLUGIN,
		.communicator_id = 1, .operation_id = text("AllReduce"), .bytes = 2,
		.external_id = 50,
	};
	CHECK_OK(trace_put_collective(fixture.writer, &bracketed, &error), error);
	const struct external_correlation_row call = { .external_id = 50, .correlation_id = 1 };
	CHECK_OK(trace_put_external_correlation(fixture.writer, &call, &error), error);
	struct collective_launch launches[] = { launch(1, 110, 0, "AllReduce") };
	join(launches, 1);
	CHECK_INT(bytes_of(1), 2);
}

TEST(kernels_and_calls_of_a_trace_are_read_where_nobody_has_them)
{
	begin();
	put(WITNESS_NVTX, 1, "AllReduce", 100, 150, 1);
	struct kernel_row kernel = {
		.start_ns = 1000, .duration_ns = 10, .stream_id = fixture.stream_id[1],
		.kernel_id = fixture.nccl_id, .correlation_id = 31,
	};
	CHECK_OK(trace_put_kernel(fixture.writer, &kernel, &error), error);
	kernel.kernel_id = fixture.gemm_id;
	kernel.correlation_id = 32;
	CHECK_OK(trace_put_kernel(fixture.writer, &kernel, &error), error);
	struct api_call_row call = {
		.start_ns = 120, .duration_ns = 5, .thread_id = THREAD, .api = API_DRIVER,
		.name_id = text("cuLaunchKernelEx"), .correlation_id = 31,
	};
	CHECK_OK(trace_put_api_call(fixture.writer, &call, &error), error);
	call.start_ns = 130;
	call.correlation_id = 32;
	CHECK_OK(trace_put_api_call(fixture.writer, &call, &error), error);
	join(NULL, 0);
	CHECK_OK(collective_set_read_launches(&set, &error), error);
	CHECK_INT(bytes_of(31), 1);
	CHECK_INT(bytes_of(32), -1);
}
