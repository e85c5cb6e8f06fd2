/* SPDX-License-Identifier: MIT */
#include "tests/property/random_job.h"

#include "analyzer/host_calls.h"
#include "tests/unit/harness.h"
#include "tracedb/vocabulary.h"
#include "tracedb/writer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STREAMS = 6, THREADS = 3, KERNELS = 4, STEPS_MAX = 7, ITEMS_MAX = 14, RECORDS = 8 };

static struct error error;
static uint64_t state;

/* One rank's trace while it is written; stream 0 .. 3 are GPU 0's, the others GPU 1's. */
struct random_rank {
	struct trace_writer *writer;
	int64_t stream_id[STREAMS];
	int64_t kernel_id[KERNELS];	/* the last one communicates */
	int64_t busy_ns[STREAMS];	/* until when a stream is */
	int64_t host_ns[THREADS];
	int64_t record_id[RECORDS];
	int64_t correlation;
	int64_t communicator_id;
	int64_t skew_ns;		/* of its epoch */
};

/* What the seed decided for the whole job. */
static struct {
	size_t ranks, steps, items;
	int64_t unit_ns;	/* a typical duration; 1: everything collides */
	int oddity;		/* percent of rows that are broken somehow */
	int hostile;		/* percent of rows whose numbers are anything at all */
	bool has_calls, has_records, has_ranges, has_second_gpu, has_keys;
} plan;

static int64_t below(int64_t limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (int64_t)(state % (uint64_t)limit);
}

static bool chance(int percent)
{
	return below(100) < percent;
}

static int64_t length(void)
{
	return chance(8) ? below(60 * plan.unit_ns + 1) : below(2 * plan.unit_ns + 1);
}

/* Now and then what no clock says. */
static int64_t hostile(int64_t value)
{
	static const int64_t edges[] = { INT64_MIN, INT64_MAX, TIME_LIMIT_NS, -TIME_LIMIT_NS,
		TIME_LIMIT_NS - 1, 1 - TIME_LIMIT_NS, 2 * (TIME_LIMIT_NS - 1), -1, 0, 1 };
	if (!chance(plan.hostile))
		return value;
	return chance(80) ? edges[below(10)] : (int64_t)(state * UINT64_C(0x9e3779b97f4a7c15));
}

static int64_t string_of(struct random_rank *rank, const char *text)
{
	int64_t id = 0;
	CHECK_OK(trace_writer_string(rank->writer, text, strlen(text), &id, &error), error);
	return id;
}

/* A call on a thread; gives its correlation id, or one that joins with nothing. */
static int64_t call_put(struct random_rank *rank, int thread, const char *name)
{
	int64_t start_ns = rank->host_ns[thread] + below(plan.unit_ns + 1);
	struct api_call_row row = { .start_ns = hostile(start_ns), .duration_ns = hostile(length()),
		.thread_id = 500 + thread, .api = 2, .correlation_id = ++rank->correlation };
	if (!plan.has_calls)
		return chance(50) ? 0 : rank->correlation;
	row.name_id = string_of(rank, name);
	if (row.duration_ns > 0 && row.duration_ns < 100 * plan.unit_ns)
		start_ns += row.duration_ns;
	rank->host_ns[thread] = start_ns - (chance(plan.oddity) ? below(plan.unit_ns + 1) : 0);
	CHECK_OK(trace_put_api_call(rank->writer, &row, &error), error);
	if (chance(plan.oddity))
		return below(rank->correlation + 2);
	return rank->correlation;
}

/* When work that was issued at the thread's time begins on a stream, and until when it runs. */
static int64_t work_start(struct random_rank *rank, int thread, int stream, int64_t *duration_ns)
{
	int64_t start_ns = rank->host_ns[thread];
	*duration_ns = chance(6) ? 0 : length();
	if (!chance(plan.oddity) && start_ns < rank->busy_ns[stream])
		start_ns = rank->busy_ns[stream];
	start_ns += chance(40) ? 0 : below(plan.unit_ns + 1);
	if (chance(plan.oddity))
		start_ns -= below(20 * plan.unit_ns);
	if (start_ns + *duration_ns > rank->busy_ns[stream])
		rank->busy_ns[stream] = start_ns + *duration_ns;
	return start_ns;
}

static void kernel_put(struct random_rank *rank, int thread, int stream)
{
	struct kernel_row row = { .stream_id = rank->stream_id[stream],
		.kernel_id = rank->kernel_id[below(KERNELS - 1)] };
	row.correlation_id = call_put(rank, thread, "cudaLaunchKernel_v7000");
	row.start_ns = hostile(work_start(rank, thread, stream, &row.duration_ns));
	row.duration_ns = hostile(row.duration_ns);
	CHECK_OK(trace_put_kernel(rank->writer, &row, &error), error);
}

static void copy_put(struct random_rank *rank, int thread, int stream)
{
	static const char *const names[] = { "cudaMemcpyAsync", "cudaMemcpy",
					     "cuMemcpyHtoDAsync_v2" };
	struct memcpy_row row = { .stream_id = rank->stream_id[stream], .direction = below(11),
		.source_memory = below(8), .destination_memory = below(8),
		.bytes = hostile(below(200000)), .source_device_id = -1,
		.destination_device_id = -1 };
	row.correlation_id = call_put(rank, thread, names[below(3)]);
	row.start_ns = hostile(work_start(rank, thread, stream, &row.duration_ns));
	row.duration_ns = hostile(row.duration_ns);
	if (chance(40))
		row.direction = COPY_HTOD;
	CHECK_OK(trace_put_memcpy(rank->writer, &row, &error), error);
}

static void memset_put(struct random_rank *rank, int thread, int stream)
{
	struct memset_row row = { .stream_id = rank->stream_id[stream], .bytes = below(1000) };
	row.correlation_id = call_put(rank, thread, "cudaMemsetAsync");
	row.start_ns = hostile(work_start(rank, thread, stream, &row.duration_ns));
	CHECK_OK(trace_put_memset(rank->writer, &row, &error), error);
}

/* A graph: its kernels share the launch, or it was traced as a whole. */
static void graph_put(struct random_rank *rank, int thread, int stream)
{
	int64_t correlation = call_put(rank, thread, "cudaGraphLaunch_v10000");
	if (chance(40)) {
		struct graph_launch_row row = { .stream_id = rank->stream_id[stream],
			.graph_id = 1, .correlation_id = correlation };
		row.start_ns = hostile(work_start(rank, thread, stream, &row.duration_ns));
		row.duration_ns = hostile(row.duration_ns);
		CHECK_OK(trace_put_graph_launch(rank->writer, &row, &error), error);
		return;
	}
	for (int64_t i = 1 + below(4); i > 0; i--) {
		struct kernel_row row = { .stream_id = rank->stream_id[stream], .graph_id = 1,
			.kernel_id = rank->kernel_id[0], .correlation_id = correlation };
		row.start_ns = work_start(rank, thread, stream, &row.duration_ns);
		CHECK_OK(trace_put_kernel(rank->writer, &row, &error), error);
	}
}

static void record_put(struct random_rank *rank, int thread, int stream)
{
	struct cuda_event_row row = { .time_ns = -1, .event_id = 1 + below(3),
		.event_sync_id = ++rank->correlation, .stream_id = rank->stream_id[stream] };
	row.correlation_id = call_put(rank, thread, "cudaEventRecord");
	rank->record_id[below(RECORDS)] = row.event_sync_id;
	if (plan.has_records)
		CHECK_OK(trace_put_cuda_event(rank->writer, &row, &error), error);
}

static void stream_wait_put(struct random_rank *rank, int thread, int stream)
{
	struct synchronization_row row = { .kind = SYNCHRONIZATION_STREAM_WAIT_EVENT,
		.stream_id = rank->stream_id[stream], .event_id = 1,
		.event_sync_id = rank->record_id[below(RECORDS)], .device_id = -1 };
	row.correlation_id = call_put(rank, thread, "cudaStreamWaitEvent");
	row.start_ns = hostile(rank->host_ns[thread]);
	CHECK_OK(trace_put_synchronization(rank->writer, &row, &error), error);
}

/* Waits for a stream, as often as not until it is done; or does something else than launch. */
static void host_put(struct random_rank *rank, int thread, int stream)
{
	static const char *const names[] = { "cudaStreamSynchronize", "cudaDeviceSynchronize",
		"cudaMalloc_v3020", "cudaFree", "cuModuleLoadData", "cudaFuncGetAttributes",
		"cudaEventQuery", "cudaStreamIsCapturing" };
	int64_t kind = below(8), start_ns = rank->host_ns[thread];
	if (kind < 2 && chance(70) && rank->busy_ns[stream] > start_ns) {
		struct api_call_row row = { .start_ns = start_ns, .thread_id = 500 + thread,
			.duration_ns = rank->busy_ns[stream] - start_ns + below(plan.unit_ns + 1),
			.name_id = string_of(rank, names[kind]),
			.correlation_id = ++rank->correlation };
		if (plan.has_calls)
			CHECK_OK(trace_put_api_call(rank->writer, &row, &error), error);
		rank->host_ns[thread] = start_ns + row.duration_ns;
		return;
	}
	(void)call_put(rank, thread, names[kind]);
}

static void range_put(struct random_rank *rank, int thread, const char *name, int64_t start_ns)
{
	struct range_row row = { .start_ns = hostile(start_ns), .thread_id = 500 + thread,
		.end_thread_id = 500 + thread, .kind = RANGE_PUSH_POP,
		.duration_ns = hostile(rank->host_ns[thread] - start_ns) };
	row.name_id = string_of(rank, name);
	if (plan.has_ranges)
		CHECK_OK(trace_put_range(rank->writer, &row, &error), error);
}

static void allocation_put(struct random_rank *rank, int thread)
{
	struct allocation_row row = { .time_ns = hostile(rank->host_ns[thread]),
		.operation = 1 + below(2), .memory = 1, .address = 4096 * below(16),
		.bytes = hostile(below(1 << 20)), .thread_id = 500 + thread, .total_bytes = -1,
		.reserved_bytes = -1, .correlation_id = rank->correlation };
	CHECK_OK(trace_put_allocation(rank->writer, &row, &error), error);
}

static void item_put(struct random_rank *rank)
{
	int thread = chance(60) ? 0 : (int)below(THREADS);
	int stream = (int)below(plan.has_second_gpu ? STREAMS : STREAMS - 2);
	int64_t start_ns = rank->host_ns[thread];
	rank->host_ns[thread] += chance(25) ? length() : 0;
	switch (below(12)) {
	case 0: case 1:
		copy_put(rank, thread, stream);
		break;
	case 2:
		memset_put(rank, thread, stream);
		break;
	case 3:
		graph_put(rank, thread, stream);
		break;
	case 4:
		record_put(rank, thread, stream);
		break;
	case 5:
		stream_wait_put(rank, thread, stream);
		break;
	case 6:
		host_put(rank, thread, stream);
		allocation_put(rank, thread);
		break;
	case 7:
		rank->host_ns[thread] += length();
		range_put(rank, thread, chance(50) ? "DataLoader.__next__" :
			  chance(50) ? "gc" : "ncclCommInitRank", start_ns);
		break;
	default:
		kernel_put(rank, thread, stream);
		break;
	}
}

/* What the analysis knows of a barrier besides the kernel. */
static void collective_put(struct random_rank *rank, int64_t correlation, int64_t sequence)
{
	struct collective_row row = { .start_ns = rank->host_ns[0], .thread_id = 500,
		.witness = WITNESS_PLUGIN, .communicator_id = rank->communicator_id,
		.operation_id = string_of(rank, "AllReduce"), .bytes = hostile(4096), .count = 1024,
		.peer = -1, .sequence = hostile(sequence), .correlation_id = correlation };
	if (plan.has_keys)
		CHECK_OK(trace_put_collective(rank->writer, &row, &error), error);
}

/* All ranks meet: nobody's kernel ends before everybody's has begun. */
static void barrier_put(struct random_rank *ranks, int64_t sequence)
{
	int64_t start_ns[RANDOM_RANKS_MAX], correlation[RANDOM_RANKS_MAX], end_ns = INT64_MIN;
	for (size_t r = 0; r < plan.ranks; r++) {
		int64_t duration_ns = 0;
		correlation[r] = call_put(&ranks[r], 0, "cudaLaunchKernelExC");
		start_ns[r] = work_start(&ranks[r], 0, 3, &duration_ns);
		end_ns = start_ns[r] + 1 > end_ns ? start_ns[r] + 1 : end_ns;
	}
	end_ns += length();
	for (size_t r = 0; r < plan.ranks; r++) {
		struct kernel_row row = { .start_ns = hostile(start_ns[r]),
			.duration_ns = hostile(end_ns - start_ns[r] + below(3)),
			.stream_id = ranks[r].stream_id[3], .correlation_id = correlation[r],
			.kernel_id = ranks[r].kernel_id[KERNELS - 1] };
		ranks[r].busy_ns[3] = end_ns;
		collective_put(&ranks[r], correlation[r], sequence);
		if (!chance(plan.oddity / 8))
			CHECK_OK(trace_put_kernel(ranks[r].writer, &row, &error), error);
	}
}

static void plan_make(uint64_t seed)
{
	static const int64_t units_ns[] = { 1, 3, 40, 900, 7000, 30000 };
	state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (int i = 0; i < 8; i++)
		(void)below(2);
	plan.ranks = (size_t)(1 + below(RANDOM_RANKS_MAX));
	plan.steps = (size_t)below(STEPS_MAX + 1);
	plan.items = (size_t)(1 + below(ITEMS_MAX));
	plan.unit_ns = units_ns[below(6)];
	plan.oddity = chance(40) ? 0 : (int)below(40);
	plan.hostile = chance(75) ? 0 : (int)(1 + below(30));
	plan.has_calls = !chance(10);
	plan.has_records = !chance(30);
	plan.has_ranges = !chance(30);
	plan.has_second_gpu = chance(25);
	plan.has_keys = chance(50);
}

static void rank_begin(struct random_rank *rank, const char *path, int64_t number)
{
	static const char *const names[KERNELS] = { "gemm", "relu",
		"multi_tensor_apply_kernel<adam>", "ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)" };
	const struct trace_writer_options options = { .is_bulk = true };
	*rank = (struct random_rank){ .skew_ns = chance(50) ? 0 : below(1000 * plan.unit_ns) };
	CHECK_OK(trace_writer_create(&rank->writer, path, &options, &error), error);
	struct trace_row trace = { .trace_id = 1, .source = "libtrace",
		.host = chance(80) ? "node1" : "node2", .pid = 100 + number, .rank = number,
		.world_size = (int64_t)plan.ranks, .local_rank = number,
		.epoch_ns = hostile(1790000000000000000 - rank->skew_ns) };
	CHECK_OK(trace_put_trace(rank->writer, &trace, &error), error);
	for (int i = 0; i < STREAMS; i++) {
		struct stream_row stream = { .device_id = i / 4,
					     .context_id = 1,
					     .number = 10 + i };
		CHECK_OK(trace_writer_stream(rank->writer, &stream, &error), error);
		rank->stream_id[i] = stream.stream_id;
	}
	for (int i = 0; i < KERNELS; i++) {
		struct kernel_symbol_row symbol = { .grid_x = 1, .block_x = 32,
			.name_id = string_of(rank, names[i]) };
		CHECK_OK(trace_writer_kernel_symbol(rank->writer, &symbol, &error), error);
		rank->kernel_id[i] = symbol.kernel_id;
	}
	const struct communicator_row communicator = { .communicator_id = 1, .hash = 77,
		.name = "all", .rank = number, .rank_count = (int64_t)plan.ranks +
		chance(10), .node_count = 1, .device_id = 0 };
	CHECK_OK(trace_put_communicator(rank->writer, &communicator, &error), error);
	rank->communicator_id = 1;
	for (int i = 0; i < THREADS; i++)
		rank->host_ns[i] = rank->skew_ns;
	for (int i = 0; i < STREAMS; i++)
		rank->busy_ns[i] = rank->skew_ns;
}

void random_job_write(struct random_job *job, uint64_t seed)
{
	struct random_rank ranks[RANDOM_RANKS_MAX];
	plan_make(seed);
	*job = (struct random_job){ .count = plan.ranks };
	for (size_t r = 0; r < plan.ranks; r++) {
		char name[64];
		(void)snprintf(name, sizeof name, "job%llu-%zu.db", (unsigned long long)seed, r);
		job->paths[r] = test_path(name);
		rank_begin(&ranks[r], job->paths[r], (int64_t)r);
	}
	for (size_t step = 0; step <= plan.steps; step++) {
		int64_t start_ns[RANDOM_RANKS_MAX];
		for (size_t r = 0; r < plan.ranks; r++) {
			start_ns[r] = ranks[r].host_ns[0];
			for (size_t i = 0; i < plan.items; i++)
				item_put(&ranks[r]);
		}
		barrier_put(ranks, (int64_t)step);
		for (size_t r = 0; r < plan.ranks; r++) {
			char name[32];
			(void)snprintf(name, sizeof name, "ProfilerStep#%zu", step);
			range_put(&ranks[r], 0, name, start_ns[r]);
		}
	}
	for (size_t r = 0; r < plan.ranks; r++) {
		for (int i = 0; i < STREAMS; i++)
			if (ranks[r].busy_ns[i] > job->length_ns)
				job->length_ns = ranks[r].busy_ns[i];
		CHECK_OK(trace_writer_close(ranks[r].writer, &error), error);
	}
}

void random_job_remove(const struct random_job *job)
{
	for (size_t r = 0; r < job->count; r++)
		(void)unlink(job->paths[r]);
}
