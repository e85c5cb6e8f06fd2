/* SPDX-License-Identifier: MIT */
/*
 * libcupti_delivery.so: how CUPTI delivers kernel records: in which order, how late, on whose
 * threads, and what is left for the end of the process. Loaded by the driver
 * (CUDA_INJECTION64_PATH); keeps all buffers, walks them at exit, and writes one JSON object to the
 * file CUPTI_DELIVERY_OUT. verify compares the real library with the double of tests/rig by it.
 *
 * Threads: InitializeInjection on the thread that calls cuInit, the buffer callbacks on whatever
 * thread CUPTI likes, the report on the one that exits. One lock for the list of buffers.
 *
 * Environment: CUPTI_DELIVERY_OUT; CUPTI_FLOOR_LIBRARY, a libcupti for programs that load none.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	BUFFER_BYTES = 64 * 1024,
	ALIGNMENT = 8,
	BUFFERS_MAX = 4096,
	THREADS_MAX = 64,
	KIND_KERNEL = 10,
	/* Offsets in the kernel record, the same in all versions. */
	KERNEL_START = 16,
	KERNEL_END = 24,
};

typedef void (*requested_function)(uint8_t **buffer, size_t *size, size_t *records_max);
typedef void (*completed_function)(void *context, uint32_t stream, uint8_t *buffer, size_t size,
				   size_t used);
typedef void (*callback_function)(void *user, uint32_t domain, uint32_t id, const void *data);

struct delivered {
	uint8_t *bytes;
	size_t used;
	int64_t arrived_ns;	/* CLOCK_REALTIME */
	long thread;
	bool is_at_exit;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct delivered buffers[BUFFERS_MAX];
static size_t buffer_count, buffers_left_out;
static long asking_threads[THREADS_MAX];
static size_t asking_count;
static bool is_exiting;
static long main_thread;
static int64_t clock_offset_ns;		/* CLOCK_REALTIME less CUPTI's clock */

static uint32_t (*flush_all)(uint32_t flags);
static uint32_t (*next_record)(uint8_t *buffer, size_t used, void **record);
static uint32_t (*dropped_records)(void *context, uint32_t stream, size_t *count);

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void buffer_requested(uint8_t **buffer, size_t *size, size_t *records_max)
{
	long thread = syscall(SYS_gettid);
	size_t i = 0;
	*buffer = aligned_alloc(ALIGNMENT, BUFFER_BYTES);
	*size = *buffer != NULL ? BUFFER_BYTES : 0;
	*records_max = 0;
	pthread_mutex_lock(&lock);
	while (i < asking_count && asking_threads[i] != thread)
		i++;
	if (i == asking_count && i < THREADS_MAX)
		asking_threads[asking_count++] = thread;
	pthread_mutex_unlock(&lock);
}

static void buffer_completed(void *context, uint32_t stream, uint8_t *buffer, size_t size,
			     size_t used)
{
	(void)context;
	(void)stream;
	(void)size;
	const struct delivered one = { buffer, used, now_ns(), syscall(SYS_gettid), is_exiting };
	pthread_mutex_lock(&lock);
	if (buffer_count < BUFFERS_MAX)
		buffers[buffer_count++] = one;
	else
		buffers_left_out++;
	pthread_mutex_unlock(&lock);
}

static void callback_ignored(void *user, uint32_t domain, uint32_t id, const void *data)
{
	(void)user;
	(void)domain;
	(void)id;
	(void)data;
}

static void *library_open(void)
{
	static const char *const names[] = { "libcupti.so.13", "libcupti.so.12",
					     "libcupti.so.11.8" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		void *library = dlopen(names[i], RTLD_NOW | RTLD_NOLOAD);
		if (library != NULL)
			return library;
	}
	const char *path = getenv("CUPTI_FLOOR_LIBRARY");
	return path != NULL && *path != 0 ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
}

struct counts {
	long long kernels, at_exit, out_of_order, zero, unfinished, earliest_ns, latest_ns, sum_ns;
	uint64_t last_start;
};

static void kernel_count(struct counts *counts, const uint8_t *record, const struct delivered *from)
{
	uint64_t start, end;
	memcpy(&start, record + KERNEL_START, sizeof start);
	memcpy(&end, record + KERNEL_END, sizeof end);
	counts->kernels++;
	counts->at_exit += from->is_at_exit;
	counts->zero += start == 0;
	counts->unfinished += start != 0 && end == 0;
	counts->out_of_order += start != 0 && start < counts->last_start;
	counts->last_start = start != 0 ? start : counts->last_start;
	if (start == 0 || end == 0 || from->is_at_exit)
		return;
	long long late_ns = from->arrived_ns - ((int64_t)end + clock_offset_ns);
	counts->sum_ns += late_ns;
	if (counts->earliest_ns == 0 || late_ns < counts->earliest_ns)
		counts->earliest_ns = late_ns;
	if (late_ns > counts->latest_ns)
		counts->latest_ns = late_ns;
}

static void report_write(uint32_t flush_result, size_t dropped)
{
	struct counts counts = { 0 };
	long long on_other_threads = 0;
	const char *path = getenv("CUPTI_DELIVERY_OUT");
	FILE *file = path != NULL ? fopen(path, "we") : NULL;
	for (size_t i = 0; i < buffer_count; i++) {
		void *record = NULL;
		on_other_threads += buffers[i].thread != main_thread && !buffers[i].is_at_exit;
		while (next_record(buffers[i].bytes, buffers[i].used, &record) == 0) {
			uint32_t kind;
			memcpy(&kind, record, sizeof kind);
			if (kind == KIND_KERNEL)
				kernel_count(&counts, record, &buffers[i]);
		}
	}
	if (file == NULL)
		return;
	long long timely = counts.kernels - counts.at_exit - counts.zero - counts.unfinished;
	fprintf(file,
		"{\"kernels\": %lld, \"at_exit\": %lld, \"out_of_order\": %lld, \"zero\": %lld, "
		"\"unfinished\": %lld, \"late_least_ns\": %lld, \"late_most_ns\": %lld, "
		"\"late_mean_ns\": %lld, \"buffers\": %zu, \"buffers_left_out\": %zu, "
		"\"on_other_threads\": %lld, \"asking_threads\": %zu, \"flush_result\": %u, "
		"\"dropped\": %zu}\n",
		counts.kernels, counts.at_exit, counts.out_of_order, counts.zero, counts.unfinished,
		counts.earliest_ns, counts.latest_ns, timely > 0 ? counts.sum_ns / timely : 0,
		buffer_count, buffers_left_out, on_other_threads, asking_count, flush_result,
		dropped);
	fclose(file);
}

/* Registered while cuInit runs: whether the driver still answers then is one of the questions. */
static void process_ends(void)
{
	size_t dropped = 0;
	is_exiting = true;
	uint32_t result = flush_all(1);
	(void)dropped_records(NULL, 0, &dropped);
	report_write(result, dropped);
}

static int delivery_begin(void *library)
{
	uint32_t (*subscribe)(void **, callback_function, void *);
	uint32_t (*register_callbacks)(requested_function, completed_function);
	uint32_t (*enable)(uint32_t);
	uint32_t (*timestamp)(uint64_t *);
	*(void **)&subscribe = dlsym(library, "cuptiSubscribe");
	*(void **)&register_callbacks = dlsym(library, "cuptiActivityRegisterCallbacks");
	*(void **)&enable = dlsym(library, "cuptiActivityEnable");
	*(void **)&timestamp = dlsym(library, "cuptiGetTimestamp");
	*(void **)&flush_all = dlsym(library, "cuptiActivityFlushAll");
	*(void **)&next_record = dlsym(library, "cuptiActivityGetNextRecord");
	*(void **)&dropped_records = dlsym(library, "cuptiActivityGetNumDroppedRecords");
	if (subscribe == NULL || register_callbacks == NULL || enable == NULL ||
	    timestamp == NULL || flush_all == NULL || next_record == NULL ||
	    dropped_records == NULL)
		return -1;

	static void *subscriber;
	uint64_t stamp = 0;
	main_thread = syscall(SYS_gettid);
	uint32_t result = subscribe(&subscriber, callback_ignored, NULL);
	if (result == 0)
		result = register_callbacks(buffer_requested, buffer_completed);
	if (result == 0)
		result = enable(KIND_KERNEL);
	if (result == 0 && timestamp(&stamp) == 0)
		clock_offset_ns = now_ns() - (int64_t)stamp;
	if (result == 0 && atexit(process_ends) != 0)
		return -1;
	return (int)result;
}

int InitializeInjection(void);

__attribute__((visibility("default"))) int InitializeInjection(void)
{
	static int is_done;
	if (is_done)
		return 1;
	is_done = 1;
	void *library = library_open();
	int result = library != NULL ? delivery_begin(library) : -1;
	if (result != 0)
		fprintf(stderr, "cupti_delivery: %s (%d)\n",
			library != NULL ? "CUPTI cannot be used" : "no libcupti", result);
	return 1;
}
