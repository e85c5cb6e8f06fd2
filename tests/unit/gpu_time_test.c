/* SPDX-License-Identifier: MIT */
/* Causes of idle time, one small trace each, with numbers worked out by hand. */
#include "analyzer/gpu_time.h"

#include "tests/unit/harness.h"
#include "tests/unit/trace_fixture.h"
#include "tracedb/vocabulary.h"

#include <stdio.h>
#include <string.h>

static struct error error;

enum { MAIN_THREAD = 7, OTHER_THREAD = 8 };

struct scene {
	struct trace_fixture fixture;
	int64_t correlation;
	int64_t event_sync;
};

static int64_t string_of(struct scene *scene, const char *text)
{
	int64_t id = 0;
	CHECK_OK(trace_writer_string(scene->fixture.writer, text, strlen(text), &id, &error),
		 error);
	return id;
}

static void scene_begin(struct scene *scene)
{
	*scene = (struct scene){ 0 };
	fixture_begin(&scene->fixture, "scene.db", 0, 1);
}

static int64_t call_on(struct scene *scene, int64_t thread, const char *name, int64_t start_ns,
		       int64_t end_ns)
{
	const struct api_call_row row = {
		.start_ns = start_ns, .duration_ns = end_ns - start_ns, .thread_id = thread,
		.api = API_RUNTIME, .name_id = string_of(scene, name),
		.correlation_id = ++scene->correlation,
	};
	CHECK_OK(trace_put_api_call(scene->fixture.writer, &row, &error), error);
	return row.correlation_id;
}

static int64_t call(struct scene *scene, const char *name, int64_t start_ns, int64_t end_ns)
{
	return call_on(scene, MAIN_THREAD, name, start_ns, end_ns);
}

/* A kernel of the symbol, launched at [launch_ns, launch_ns + 2000). */
static void kernel_of(struct scene *scene, int64_t symbol, int stream, int64_t launch_ns,
		      int64_t start_ns, int64_t end_ns)
{
	const struct kernel_row row = {
		.start_ns = start_ns, .duration_ns = end_ns - start_ns,
		.stream_id = scene->fixture.stream_id[stream], .kernel_id = symbol,
		.correlation_id = call(scene, "cudaLaunchKernel_v7000", launch_ns,
				       launch_ns + 2000),
	};
	CHECK_OK(trace_put_kernel(scene->fixture.writer, &row, &error), error);
}

static void gemm(struct scene *scene, int64_t launch_ns, int64_t start_ns, int64_t end_ns)
{
	kernel_of(scene, scene->fixture.gemm_id, 1, launch_ns, start_ns, end_ns);
}

static void copy(struct scene *scene, int64_t call_ns, int64_t call_end_ns, int64_t start_ns,
		 int64_t end_ns, int64_t bytes)
{
	const struct memcpy_row row = {
		.start_ns = start_ns, .duration_ns = end_ns - start_ns,
		.stream_id = scene->fixture.stream_id[1], .direction = COPY_HTOD,
		.source_memory = MEMORY_PINNED, .destination_memory = MEMORY_DEVICE,
		.bytes = bytes, .is_async = 1,
		.correlation_id = call(scene, "cudaMemcpyAsync", call_ns, call_end_ns),
	};
	CHECK_OK(trace_put_memcpy(scene->fixture.writer, &row, &error), error);
}

static void range(struct scene *scene, int64_t thread, const char *name, int64_t start_ns,
		  int64_t end_ns)
{
	const struct range_row row = {
		.start_ns = start_ns, .duration_ns = end_ns - start_ns, .thread_id = thread,
		.end_thread_id = thread, .kind = RANGE_PUSH_POP, .name_id = string_of(scene, name),
	};
	CHECK_OK(trace_put_range(scene->fixture.writer, &row, &error), error);
}

/* `waiter` waits for what `source` was given before record_ns. */
static void event(struct scene *scene, int source, int waiter, int64_t record_ns, int64_t wait_ns)
{
	const struct cuda_event_row record = {
		.time_ns = -1, .event_id = 1, .event_sync_id = ++scene->event_sync,
		.context_id = 1, .stream_id = scene->fixture.stream_id[source],
		.correlation_id = call(scene, "cudaEventRecord", record_ns, record_ns + 500),
	};
	const struct synchronization_row wait = {
		.start_ns = wait_ns + 100, .duration_ns = 100,
		.kind = SYNCHRONIZATION_STREAM_WAIT_EVENT, .context_id = 1, .event_id = 1,
		.stream_id = scene->fixture.stream_id[waiter],
		.event_sync_id = record.event_sync_id,
		.correlation_id = call(scene, "cudaStreamWaitEvent", wait_ns, wait_ns + 500),
	};
	CHECK_OK(trace_put_cuda_event(scene->fixture.writer, &record, &error), error);
	CHECK_OK(trace_put_synchronization(scene->fixture.writer, &wait, &error), error);
}

/* Measures GPU 0 over all it did; the sums always hold. */
static struct gpu_time scene_measure(struct scene *scene)
{
	struct gpu_time time = { 0 };
	fixture_end(&scene->fixture);
	struct timeline *timeline = fixture_timeline(&scene->fixture);
	const struct gpu_time_input input = {
		.timeline = timeline, .gpu = &timeline->gpus[0],
		.window = window_all(&timeline->gpus[0]),
	};
	CHECK(gpu_time_measure(&time, &input));
	int64_t window_ns = input.window.end_ns - input.window.start_ns, absent_ns = 0;
	for (int cause = 0; cause < CAUSE_COUNT; cause++)
		absent_ns += time.parts.absent_ns[cause];
	CHECK_INT(time_parts_sum(&time.parts), window_ns);
	CHECK_INT(absent_ns, window_ns - time.parts.ns[PART_COMPUTE]);
	return time;
}

static int64_t idle_ns(const struct gpu_time *time, enum idle_cause cause)
{
	return time->parts.ns[PART_IDLE + cause];
}

TEST(idle_time_before_a_late_launch_is_the_hosts)
{
	struct scene scene;
	scene_begin(&scene);
	gemm(&scene, 0, 5000, 100000);
	gemm(&scene, 400000, 405000, 500000);
	struct gpu_time time = scene_measure(&scene);
	/* Dry at 100000, issued when the call returns at 402000, begun at 405000. */
	CHECK_INT(idle_ns(&time, CAUSE_HOST), 302000);
	CHECK_INT(idle_ns(&time, CAUSE_LATENCY), 3000);
	CHECK_INT(time.worst_count, 1);
	CHECK_INT(time.worst[0].end_ns - time.worst[0].start_ns, 305000);
	CHECK_INT(time.worst[0].cause, CAUSE_HOST);
}

TEST(a_host_that_waited_has_to_refill_the_queue)
{
	struct scene scene;
	scene_begin(&scene);
	gemm(&scene, 0, 5000, 100000);
	(void)call(&scene, "cudaStreamSynchronize_v3020", 10000, 101000);
	gemm(&scene, 140000, 144000, 200000);
	struct gpu_time time = scene_measure(&scene);
	CHECK_INT(idle_ns(&time, CAUSE_SYNC), 1000);
	CHECK_INT(idle_ns(&time, CAUSE_AFTER_SYNC), 41000);
	CHECK_INT(idle_ns(&time, CAUSE_LATENCY), 2000);
}

TEST(allocating_and_loading_code_are_told_apart)
{
	struct scene scene;
	scene_begin(&scene);
	gemm(&scene, 0, 5000, 100000);
	(void)call(&scene, "cudaMalloc_v3020", 110000, 160000);
	/* The driver's call inside the runtime's counts once; a load that fills a launch names it.
	 */
	(void)call(&scene, "cuMemAlloc_v2", 111000, 159000);
	(void)call(&scene, "cuLibraryLoadData", 170000, 370000);
	gemm(&scene, 380000, 383000, 400000);
	struct gpu_time time = scene_measure(&scene);
	CHECK_INT(idle_ns(&time, CAUSE_ALLOC), 50000);
	CHECK_INT(idle_ns(&time, CAUSE_LOAD), 200000);
	CHECK_INT(idle_ns(&time, CAUSE_HOST), 282000 - 250000);
	CHECK_INT(idle_ns(&time, CAUSE_LATENCY), 1000);
}

static void overhead(struct scene *scene, const char *name, int64_t thread_id, int64_t start_ns,
		     int64_t end_ns, int64_t correlation_id)
{
	const struct overhead_row row = {
		.start_ns = start_ns, .duration_ns = end_ns - start_ns, .thread_id = thread_id,
		.name_id = string_of(scene, name), .correlation_id = correlation_id,
	};
	CHECK_OK(trace_put_overhead(scene->fixture.writer, &row, &error), error);
}

/* A launch of 200 us, most of it what the row of overhead says, between two kernels. */
static struct gpu_time launch_with(const char *name, int64_t thread_id, int64_t overhead_ns,
				   bool is_correlated)
{
	static int number;
	char file[32];
	struct scene scene = { 0 };
	(void)snprintf(file, sizeof file, "launch%d.db", number++);
	fixture_begin(&scene.fixture, file, 0, 1);
	gemm(&scene, 0, 5000, 100000);
	const struct kernel_row row = {
		.start_ns = 311000, .duration_ns = 89000,
		.stream_id = scene.fixture.stream_id[1], .kernel_id = scene.fixture.gemm_id,
		.correlation_id = call(&scene, "cudaLaunchKernel_v7000", 110000, 310000),
	};
	CHECK_OK(trace_put_kernel(scene.fixture.writer, &row, &error), error);
	overhead(&scene, name, thread_id, 110000, 110000 + overhead_ns,
		 is_correlated ? row.correlation_id : 0);
	return scene_measure(&scene);
}

TEST(a_launch_that_compiles_or_loads_its_kernel_loads_code)
{
	struct gpu_time time = launch_with("JIT Compilation", MAIN_THREAD, 150000, false);
	CHECK_INT(idle_ns(&time, CAUSE_LOAD), 200000);
	/* An older CUPTI does not say the thread of a JIT record, but the call. */
	time = launch_with("JIT Compilation", 0, 150000, true);
	CHECK_INT(idle_ns(&time, CAUSE_LOAD), 200000);
	time = launch_with("Lazy Function Loading", MAIN_THREAD, 100000, false);
	CHECK_INT(idle_ns(&time, CAUSE_LOAD), 200000);
	/* Not half of it; another thread's; profiling's own time. */
	time = launch_with("JIT Compilation", MAIN_THREAD, 99999, false);
	CHECK_INT(idle_ns(&time, CAUSE_LOAD), 0);
	time = launch_with("JIT Compilation", OTHER_THREAD, 150000, false);
	CHECK_INT(idle_ns(&time, CAUSE_LOAD), 0);
	time = launch_with("Buffer Flush", MAIN_THREAD, 150000, false);
	CHECK_INT(idle_ns(&time, CAUSE_LOAD), 0);
}

TEST(ranges_name_data_loading_and_communicators)
{
	struct scene scene;
	scene_begin(&scene);
	gemm(&scene, 0, 5000, 100000);
	range(&scene, MAIN_THREAD, "enumerate(DataLoader)#_MultiProcessingDataLoaderIter.__next__",
	      120000, 220000);
	range(&scene, MAIN_THREAD, "ncclCommInitRank", 230000, 280000);
	range(&scene, OTHER_THREAD, "collate", 280000, 300000);
	gemm(&scene, 300000, 303000, 400000);
	struct gpu_time time = scene_measure(&scene);
	CHECK_INT(idle_ns(&time, CAUSE_DATA), 100000);
	CHECK_INT(idle_ns(&time, CAUSE_COMM_SETUP), 50000);
	/* Another thread's fetching explains nothing where no batch follows. */
	CHECK_INT(idle_ns(&time, CAUSE_HOST), 202000 - 150000);
}

TEST(a_silent_host_before_a_batch_fetched_it)
{
	struct scene scene;
	scene_begin(&scene);
	gemm(&scene, 0, 5000, 100000);
	copy(&scene, 600000, 604000, 606000, 700000, 1 << 20);
	gemm(&scene, 604000, 700000, 800000);
	struct gpu_time time = scene_measure(&scene);
	CHECK_INT(idle_ns(&time, CAUSE_DATA), 500000);
	CHECK_INT(idle_ns(&time, CAUSE_LATENCY), 6000);
	CHECK_INT(time.parts.ns[PART_COPY_HTOD], 94000);
	/* The kernel was issued at 606000 and then waited for the copy before it. */
	CHECK_INT(time.parts.absent_ns[CAUSE_COPY], 94000);
}

TEST(the_thread_that_launched_before_is_asked_too)
{
	struct scene scene;
	scene_begin(&scene);
	gemm(&scene, 0, 5000, 100000);
	(void)call(&scene, "cudaStreamSynchronize_v3020", 10000, 150000);
	const struct kernel_row row = {
		.start_ns = 170000, .duration_ns = 30000, .stream_id = scene.fixture.stream_id[1],
		.kernel_id = scene.fixture.gemm_id,
		.correlation_id = call_on(&scene, OTHER_THREAD, "cudaLaunchKernel", 165000, 168000),
	};
	CHECK_OK(trace_put_kernel(scene.fixture.writer, &row, &error), error);
	struct gpu_time time = scene_measure(&scene);
	CHECK_INT(idle_ns(&time, CAUSE_SYNC), 50000);
	CHECK_INT(idle_ns(&time, CAUSE_AFTER_SYNC), 18000);
	CHECK_INT(idle_ns(&time, CAUSE_LATENCY), 2000);
}

TEST(many_late_launches_in_a_row_are_launch_bound)
{
	struct scene scene;
	scene_begin(&scene);
	gemm(&scene, 0, 5000, 10000);
	for (int i = 1; i <= LAUNCH_BOUND_GAPS; i++)
		gemm(&scene, i * 20000, i * 20000 + 5000, i * 20000 + 10000);
	struct gpu_time time = scene_measure(&scene);
	CHECK_INT(idle_ns(&time, CAUSE_LAUNCH_BOUND), LAUNCH_BOUND_GAPS * 12000);
	CHECK_INT(idle_ns(&time, CAUSE_LATENCY), LAUNCH_BOUND_GAPS * 3000);
	CHECK_INT(idle_ns(&time, CAUSE_HOST), 0);
}

TEST(communication_blocks_only_what_waits_for_it)
{
	struct scene scene;
	scene_begin(&scene);
	gemm(&scene, 0, 5000, 100000);
	event(&scene, 1, 2, 3000, 4000);
	kernel_of(&scene, scene.fixture.nccl_id, 2, 6000, 100000, 300000);
	event(&scene, 2, 1, 9000, 10000);
	gemm(&scene, 12000, 303000, 400000);	/* waits for the communication */
	kernel_of(&scene, scene.fixture.nccl_id, 2, 20000, 400000, 450000);
	gemm(&scene, 500000, 504000, 600000);	/* issued late: nothing blocked it */
	struct gpu_time time = scene_measure(&scene);
	CHECK_INT(time.parts.ns[PART_TRANSFER], 250000);
	CHECK_INT(time.parts.absent_ns[CAUSE_COMM], 200000);
	CHECK_INT(time.parts.absent_ns[CAUSE_HOST], 102000);
	CHECK_INT(time.parts.absent_ns[CAUSE_LATENCY], 3000 + 2000);
	CHECK_INT(idle_ns(&time, CAUSE_HOST), 52000);
}

TEST(work_without_a_known_launch_is_not_explained)
{
	struct scene scene;
	scene_begin(&scene);
	gemm(&scene, 0, 5000, 100000);
	fixture_compute(&scene.fixture, 1, 150000, 200000);
	gemm(&scene, 10000, 260000, 300000);
	struct gpu_time time = scene_measure(&scene);
	/* 50000 before the kernel that nobody launched, 60000 after a launch long ago. */
	CHECK_INT(idle_ns(&time, CAUSE_UNEXPLAINED), 110000);
}

TEST(waiting_for_a_rank_is_no_transfer)
{
	struct scene scene;
	scene_begin(&scene);
	gemm(&scene, 0, 5000, 100000);
	kernel_of(&scene, scene.fixture.nccl_id, 2, 6000, 90000, 300000);
	fixture_end(&scene.fixture);
	struct timeline *timeline = fixture_timeline(&scene.fixture);
	const int64_t wait_end_ns[] = { 250000 };
	int64_t exposed_wait_ns[] = { 0 };
	struct gpu_time time = { .exposed_wait_ns = exposed_wait_ns };
	const struct gpu_time_input input = {
		.timeline = timeline, .gpu = &timeline->gpus[0],
		.window = window_all(&timeline->gpus[0]), .wait_end_ns = wait_end_ns,
	};
	CHECK(gpu_time_measure(&time, &input));
	CHECK_INT(time.parts.ns[PART_COMPUTE], 95000);
	CHECK_INT(time.parts.ns[PART_WAIT], 150000);
	CHECK_INT(time.parts.ns[PART_TRANSFER], 50000);
	CHECK_INT(exposed_wait_ns[0], 150000);
}

static void gap(struct scene *scene, const char *source, int64_t start_ns, int64_t duration_ns)
{
	struct capture_gap_row row = { .start_ns = start_ns, .duration_ns = duration_ns };
	CHECK_OK(trace_writer_string(scene->fixture.writer, source, strlen(source), &row.source_id,
				     &error), error);
	CHECK_OK(trace_put_capture_gap(scene->fixture.writer, &row, &error), error);
}

TEST(time_that_was_not_recorded_is_not_called_idle)
{
	struct scene scene;
	scene_begin(&scene);
	gemm(&scene, 0, 5000, 100000);
	gemm(&scene, 250000, 260000, 300000);	/* issued late: 150000 by the host */
	gemm(&scene, 380000, 390000, 400000);
	gap(&scene, "all", 340000, 20000);	/* out of order */
	gap(&scene, "all", 120000, 80000);
	gap(&scene, "cupti", 190000, 10000);	/* within the one before */
	gap(&scene, "nvtx", 200000, 50000);	/* the GPU's work is all there */
	gap(&scene, "all", 90000, 15000);	/* in part under a kernel that was recorded */
	struct gpu_time time = scene_measure(&scene);
	CHECK_INT(time.parts.ns[PART_COMPUTE], 95000 + 40000 + 10000);
	CHECK_INT(idle_ns(&time, CAUSE_NOT_RECORDED), 5000 + 80000 + 20000);
	CHECK_INT(time.parts.absent_ns[CAUSE_NOT_RECORDED], 5000 + 80000 + 20000);
	/* What the calls around them say of the rest stays: 100000..250000 and 300000..380000. */
	CHECK_INT(idle_ns(&time, CAUSE_HOST) + idle_ns(&time, CAUSE_AFTER_SYNC) +
			  idle_ns(&time, CAUSE_DATA) + idle_ns(&time, CAUSE_LAUNCH_BOUND) +
			  idle_ns(&time, CAUSE_LATENCY),
		  150000 + 10000 + 80000 + 10000 - 105000);
	CHECK_INT(idle_ns(&time, CAUSE_UNEXPLAINED), 0);
}

TEST(a_gap_without_an_end_reaches_to_the_end)
{
	struct scene scene;
	scene_begin(&scene);
	gemm(&scene, 0, 5000, 100000);
	gap(&scene, "all", 150000, -1);
	gap(&scene, "all", -5, -2);		/* no times: left out */
	gap(&scene, "all", INT64_MAX, INT64_MAX);
	gemm(&scene, 250000, 260000, 300000);
	struct gpu_time time = scene_measure(&scene);
	CHECK_INT(idle_ns(&time, CAUSE_NOT_RECORDED), 110000);
}
