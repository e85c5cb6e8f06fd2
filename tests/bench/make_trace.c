/* SPDX-License-Identifier: MIT */
/*
 * `make_trace OUT N [RANK RANKS]`: a trace database of about N rows as a data-parallel training
 * leaves it, for benchmarks. Always the same rows for the same arguments. Of a hundred rows 40
 * are kernels, 44 API calls (two threads), 6 memcpy, 2 memset, 6 NVTX ranges, 2 synchronisations;
 * kernels come in order of completion, as CUPTI delivers them.
 *
 * With a rank, it is one trace of a job on one host: every 50 rows all ranks meet in a collective
 * that each of them begins when it gets there and that ends for all at once, and there are steps.
 */
#include "tests/bench/bench.h"
#include "tracedb/vocabulary.h"
#include "tracedb/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SYMBOL_COUNT = 400, LAYER_ROWS = 50, STREAM_COUNT = 4, THREAD_COUNT = 2 };
enum {
	LAYER_NS = 800000,	/* of a job: more than the kernels of a layer take */
	LAYERS_A_STEP = 20,
	LATE_NS_MAX = 60000,	/* how late rank 0 comes to a collective; the others half of it */
	BEGIN_NS_MAX = 10000,	/* from a layer's begin to that of its collective */
};
enum stream_use { STREAM_COMPUTE, STREAM_COMM, STREAM_IN, STREAM_OUT };

struct maker {
	struct trace_writer *writer;
	uint64_t seed;
	int64_t now_ns;			/* host */
	int64_t stream_end_ns[STREAM_COUNT];
	int64_t stream_id[STREAM_COUNT];
	int64_t kernel_id[SYMBOL_COUNT];
	int64_t api_name[4];		/* launch, memcpy, memset, synchronize */
	int64_t range_name, domain_name;
	int64_t correlation;
	int64_t rows;
	int64_t rank;
	int64_t rank_count;		/* 0: no job */
	int64_t layer;
	int64_t step_start_ns;
	int64_t operation_name, datatype_name;
};

static void must(bool ok, const struct error *error)
{
	if (!ok)
		bench_fail("cannot write", error->message);
}

static int64_t random_below(struct maker *maker, int64_t limit)
{
	maker->seed = maker->seed * 6364136223846793005u + 1442695040888963407u;
	return (int64_t)((maker->seed >> 33) % (uint64_t)limit);
}

/* What all ranks know alike of a layer, or of a rank in it. */
static int64_t agreed_below(int64_t layer, int64_t rank, int64_t limit)
{
	uint64_t x = (uint64_t)layer * 0x9e3779b97f4a7c15u + (uint64_t)rank + 1;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return (int64_t)((x ^ x >> 31) % (uint64_t)limit);
}

static int64_t late_ns(const struct maker *maker, int64_t rank)
{
	return agreed_below(maker->layer, rank, rank == 0 ? LATE_NS_MAX : LATE_NS_MAX / 2);
}

static int64_t latest_ns(const struct maker *maker)
{
	int64_t latest = 0;
	for (int64_t rank = 0; rank < maker->rank_count; rank++) {
		int64_t late = late_ns(maker, rank);
		latest = late > latest ? late : latest;
	}
	return latest;
}

static void put(struct maker *maker, enum trace_table table, const void *row)
{
	struct error error;
	must(trace_writer_put(maker->writer, table, row, &error), &error);
	maker->rows++;
}

static int64_t intern(struct maker *maker, const char *name)
{
	struct error error;
	int64_t id = 0;
	must(trace_writer_string(maker->writer, name, strlen(name), &id, &error), &error);
	return id;
}

static void make_symbols(struct maker *maker)
{
	static const char *const shapes[] = {
		"void at::native::vectorized_elementwise_kernel<4, Functor%d>(int, Functor%d, "
		"char*)",
		"ampere_sgemm_%dx64_tn_%d",
		"_ZN7cutlass6KernelILi%dEEEvi%d",
		"void cudnn::ops::nchwToNhwcKernel<float, %d>(float*, %d)",
	};
	for (int i = 0; i < SYMBOL_COUNT; i++) {
		char name[128];
		struct error error;
		struct kernel_symbol_row symbol = { .grid_x = 1 + i,
						    .grid_y = 1,
						    .grid_z = 1,
						    .block_x = 128,
						    .block_y = 1,
						    .block_z = 1 };
		if (i % 50 == 0)
			(void)snprintf(name, sizeof name,
				       "ncclDevKernel_AllReduce_Sum_f32_RING_LL(%d)", i);
		else {
			const char *shape = shapes[i % 4];
			int length = 0;
			/*
			 * The number goes into both places of a shape; formats are not made at run
			 * time.
			 */
			for (const char *at = shape; *at != 0 && length < 100; at++) {
				if (at[0] != '%') {
					name[length++] = *at;
					continue;
				}
				length += snprintf(name + length, 8, "%d", i);
				at++;
			}
			name[length] = 0;
		}
		symbol.name_id = intern(maker, name);
		must(trace_writer_kernel_symbol(maker->writer, &symbol, &error), &error);
		maker->kernel_id[i] = symbol.kernel_id;
	}
}

static void make_facts(struct maker *maker)
{
	struct error error;
	struct trace_row trace = { .trace_id = 1,
				   .source = "libtrace",
				   .tool_version = "bench",
				   .host = "bench",
				   .boot_id = maker->rank_count == 0 ? "" : "bench",
				   .pid = 1000 + maker->rank,
				   .rank = maker->rank,
				   .world_size = maker->rank_count == 0 ? 1 : maker->rank_count,
				   .local_rank = maker->rank,
				   .epoch_ns = 1790000000000000000,
				   .stop_ns = INT64_MAX / 4 };
	struct device_row device = { .device_id = 0,
				     .name = "NVIDIA GeForce RTX 4090",
				     .sm_count = 128,
				     .pcie_replays = -1 };
	must(trace_put_trace(maker->writer, &trace, &error), &error);
	must(trace_put_device(maker->writer, &device, &error), &error);
	for (int i = 0; i < STREAM_COUNT; i++) {
		struct stream_row stream = { .context_id = 1, .number = 7 + i };
		must(trace_writer_stream(maker->writer, &stream, &error), &error);
		maker->stream_id[i] = stream.stream_id;
	}
	static const char *const calls[] = { "cudaLaunchKernel_v7000", "cudaMemcpyAsync_v3020",
		"cudaMemsetAsync_v3020", "cudaStreamSynchronize_v3020" };
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		maker->api_name[i] = intern(maker, calls[i]);
	maker->range_name = intern(maker, "layer");
	maker->domain_name = intern(maker, "PyTorch");
	make_symbols(maker);
	if (maker->rank_count == 0)
		return;
	struct communicator_row communicator = { .communicator_id = 1,
						 .hash = 0x6c616767617264,
						 .rank = maker->rank,
						 .rank_count = maker->rank_count,
						 .node_count = 1 };
	must(trace_put_communicator(maker->writer, &communicator, &error), &error);
	maker->operation_name = intern(maker, "AllReduce");
	maker->datatype_name = intern(maker, "ncclFloat32");
}

/* The host calls; the work it asked for starts when its stream is free. Returns the correlation id.
 */
static int64_t call(struct maker *maker, int name, int64_t duration_ns)
{
	struct api_call_row row = { .start_ns = maker->now_ns, .duration_ns = duration_ns,
		.thread_id = 1000 + maker->correlation / 20000 % THREAD_COUNT, .api = API_RUNTIME,
		.name_id = maker->api_name[name], .correlation_id = ++maker->correlation };
	put(maker, TABLE_api_call, &row);
	maker->now_ns += duration_ns + random_below(maker, 2000);
	return row.correlation_id;
}

static int64_t start_on(struct maker *maker, enum stream_use use, int64_t duration_ns)
{
	int64_t start_ns = maker->now_ns + 1500;
	if (maker->stream_end_ns[use] > start_ns)
		start_ns = maker->stream_end_ns[use] + 800;
	maker->stream_end_ns[use] = start_ns + duration_ns;
	return start_ns;
}

static void put_kernel(struct maker *maker, enum stream_use use, int symbol, int64_t duration_ns)
{
	int64_t correlation = call(maker, 0, 3000);
	struct kernel_row row = { .duration_ns = duration_ns, .stream_id = maker->stream_id[use],
		.kernel_id = maker->kernel_id[symbol], .correlation_id = correlation };
	row.start_ns = start_on(maker, use, duration_ns);
	put(maker, TABLE_kernel, &row);
}

static void put_copy(struct maker *maker, bool is_in)
{
	int64_t bytes = 1 + random_below(maker, 4000000);
	struct memcpy_row row = { .duration_ns = 5000 + bytes / 24,
				  .bytes = bytes,
				  .stream_id = maker->stream_id[is_in ? STREAM_IN : STREAM_OUT],
				  .direction = is_in ? COPY_HTOD : COPY_DTOH,
				  .source_memory = is_in ? MEMORY_PINNED : MEMORY_DEVICE,
				  .destination_memory = is_in ? MEMORY_DEVICE : MEMORY_PAGEABLE,
				  .source_device_id = -1,
				  .destination_device_id = -1,
				  .is_async = 1,
				  .correlation_id = call(maker, 1, 4000) };
	row.start_ns = start_on(maker, is_in ? STREAM_IN : STREAM_OUT, row.duration_ns);
	put(maker, TABLE_memcpy, &row);
}

/* The layer of a job begins when the rank gets there; returns how long its collective takes. */
static int64_t begin_layer(struct maker *maker)
{
	char name[40];
	if (maker->layer % LAYERS_A_STEP == 0) {
		struct range_row step = { .start_ns = maker->step_start_ns,
					  .duration_ns = maker->now_ns - maker->step_start_ns,
					  .thread_id = 1000,
					  .end_thread_id = 1000,
					  .kind = RANGE_PUSH_POP,
					  .domain_id = maker->domain_name };
		(void)snprintf(name, sizeof name, "ProfilerStep#%" PRId64,
			       maker->layer / LAYERS_A_STEP);
		step.name_id = intern(maker, name);
		maker->step_start_ns = maker->now_ns;
		if (maker->layer > 0)
			put(maker, TABLE_range, &step);
	}
	int64_t begin_ns = maker->layer * LAYER_NS;
	maker->now_ns = begin_ns + late_ns(maker, maker->rank);
	return begin_ns + BEGIN_NS_MAX + latest_ns(maker) + 400000 +
		agreed_below(maker->layer, -1, 100000);
}

static void put_collective(struct maker *maker, int64_t correlation_id)
{
	int64_t bytes = (1 + agreed_below(maker->layer % LAYERS_A_STEP, -1, 1000)) * 65536;
	struct collective_row row = { .start_ns = maker->now_ns,
				      .duration_ns = 1000,
				      .thread_id = 1000,
				      .witness = WITNESS_NVTX,
				      .communicator_id = 1,
				      .operation_id = maker->operation_name,
				      .bytes = bytes,
				      .count = bytes / 4,
				      .datatype_id = maker->datatype_name,
				      .peer = -1,
				      .sequence = maker->layer,
				      .correlation_id = correlation_id };
	put(maker, TABLE_collective, &row);
}

/*
 * About LAYER_ROWS rows: kernels with their launches, a few copies, a NCCL kernel beside them that
 * is delivered last.
 */
static void put_layer(struct maker *maker)
{
	int64_t comm_end_ns = maker->rank_count == 0 ? 0 : begin_layer(maker);
	int64_t begin_ns = maker->now_ns;
	int64_t comm_ns = 400000 + random_below(maker, 100000);
	int64_t comm_call = call(maker, 0, 5000);
	int64_t comm_start_ns = start_on(maker, STREAM_COMM, comm_ns);
	if (maker->rank_count != 0) {
		comm_ns = comm_end_ns - comm_start_ns;
		maker->stream_end_ns[STREAM_COMM] = comm_end_ns;
		put_collective(maker, comm_call);
	}
	for (int i = 0; i < 19; i++)
		put_kernel(maker, STREAM_COMPUTE,
			   (int)random_below(maker, SYMBOL_COUNT / 50) * 50 + 1 + i,
			   2000 + random_below(maker, 60000));
	struct kernel_row comm = { .start_ns = comm_start_ns,
				   .duration_ns = comm_ns,
				   .correlation_id = comm_call,
				   .stream_id = maker->stream_id[STREAM_COMM],
				   .kernel_id = maker->kernel_id[0] };
	put(maker, TABLE_kernel, &comm);
	put_copy(maker, true);
	put_copy(maker, true);
	put_copy(maker, false);
	struct memset_row zero = { .duration_ns = 1500,
				   .stream_id = maker->stream_id[STREAM_COMPUTE],
				   .memory = MEMORY_DEVICE,
				   .bytes = 4096,
				   .correlation_id = call(maker, 2, 2500) };
	zero.start_ns = start_on(maker, STREAM_COMPUTE, zero.duration_ns);
	put(maker, TABLE_memset, &zero);
	struct synchronization_row wait = { .start_ns = maker->now_ns,
					    .duration_ns = 20000,
					    .kind = SYNCHRONIZATION_STREAM,
					    .context_id = 1,
					    .stream_id = maker->stream_id[STREAM_COMPUTE],
					    .event_id = -1,
					    .correlation_id = call(maker, 3, 20000) };
	put(maker, TABLE_synchronization, &wait);
	for (int i = 0; i < 3; i++) {
		struct range_row range = { .start_ns = begin_ns,
					   .duration_ns = maker->now_ns - begin_ns - i,
					   .thread_id = 1000,
					   .end_thread_id = 1000,
					   .kind = RANGE_PUSH_POP,
					   .domain_id = maker->domain_name,
					   .name_id = maker->range_name };
		put(maker, TABLE_range, &range);
	}
	maker->layer++;
}

int main(int argc, char **argv)
{
	struct trace_writer_options options = { .is_bulk = true };
	struct maker maker = { .seed = 1 };
	struct error error;
	int64_t rows = argc == 3 || argc == 5 ? strtoll(argv[2], NULL, 10) : 0;
	if (argc == 5) {
		maker.rank = strtoll(argv[3], NULL, 10);
		maker.rank_count = strtoll(argv[4], NULL, 10);
		maker.seed += (uint64_t)maker.rank;
	}
	if (rows <= 0 || maker.rank < 0 || (argc == 5 && maker.rank >= maker.rank_count))
		bench_fail("usage", "make_trace OUT N [RANK RANKS]");
	must(trace_writer_create(&maker.writer, argv[1], &options, &error), &error);
	make_facts(&maker);
	while (maker.rows < rows)
		put_layer(&maker);
	must(trace_writer_close(maker.writer, &error), &error);
	printf("%" PRId64 " rows\n", maker.rows);
	return 0;
}
