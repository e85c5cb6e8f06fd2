/* SPDX-License-Identifier: MIT */
/*
 * CUDA calls of the host, by thread and start, and what each means for a GPU that waits for work.
 * A call made inside another one on the same thread (the driver's inside the runtime's) is not
 * kept: the outer one stands for both, and takes over the class of an inner one that fills half of
 * it or more, if that class stands further down in enum call_class. A call that reaches into the
 * next one of its thread ends where that begins: kept calls of a thread never overlap.
 *
 * A call half of which or more the driver spent loading or compiling code (a row of overhead on its
 * thread, or with its correlation id) loads code, whatever its name says.
 *
 * Memory: 25 bytes a call; while a trace is read 20 bytes a call more for finding them by
 * correlation id, and 16 for sorting them.
 *
 * Thread: loading is the reader's thread's; loaded calls may be read by any number of threads.
 */
#ifndef ANALYZER_HOST_CALLS_H
#define ANALYZER_HOST_CALLS_H

#include "analyzer/dense_ids.h"
#include "base/error.h"
#include "tracedb/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Columns that the analysis reads of api_call. */
#define HOST_CALL_COLUMNS \
	(COLUMN_BIT(api_call, start_ns) | COLUMN_BIT(api_call, duration_ns) | \
	 COLUMN_BIT(api_call, thread_id) | COLUMN_BIT(api_call, name_id) | \
	 COLUMN_BIT(api_call, correlation_id))

/* 73 years: any sum or difference of two such times fits. The host's are brought into its bounds.
 */
#define TIME_LIMIT_NS (INT64_C(1) << 61)

/* A row's start and end on the host, within the limit; a negative duration counts as none. */
void host_times(int64_t row_start_ns, int64_t duration_ns, int64_t *start_ns, int64_t *end_ns);

#define NO_CALL UINT32_MAX

enum call_class {
	CALL_OTHER,
	CALL_LAUNCH,	/* kernels, graphs */
	CALL_COPY,	/* copies and memsets that return at once, if the memory is pinned */
	CALL_SYNC,	/* waits for the GPU: *Synchronize, synchronous copies */
	CALL_ALLOC,	/* allocates, releases or registers memory */
	CALL_LOAD,	/* loads or looks up code: modules, libraries, functions */
	CALL_CLASS_COUNT
};

/* By the name as any source spells it: cudaMalloc_v3020, cuMemAlloc_v2, hipMalloc. */
enum call_class call_class_of(const char *name);

struct call_name {
	const char *name;	/* borrowed from the reader */
	enum call_class class;
};

struct host_thread {
	int64_t thread_id;
	size_t first;		/* its calls: [first, end) */
	size_t end;
};

struct host_calls {
	size_t count;
	size_t room;
	int64_t *start_ns;
	int64_t *end_ns;
	uint32_t *thread;	/* place in `threads` */
	uint32_t *name;		/* place in `names` */
	uint8_t *class;		/* enum call_class */
	struct host_thread *threads;
	size_t thread_count;
	size_t thread_room;
	struct call_name *names;
	size_t name_count;
	size_t name_room;
	int64_t row_count;	/* rows of api_call */
	struct dense_ids thread_places;
	/* Only while loading: */
	int64_t *correlation_id;	/* ascending, each once */
	int64_t *launch_ns;		/* start of the earliest call with that id */
	uint32_t *place;		/* the call that is kept for it */
	size_t launch_count;
	size_t last_found;
};

/* The place of a thread, added when it is new; false: memory is short. */
bool host_thread_place(struct host_calls *calls, int64_t thread_id, uint32_t *place);

/* The reader's strings must be loaded. */
bool host_calls_load(struct host_calls *calls, struct trace_reader *reader, struct error *error);

/*
 * The call that has this correlation id: when the earliest of that id began, and its place. False:
 * no call has it (0 is nobody's). Quick where ids are asked for in about their own order.
 */
bool host_calls_find(struct host_calls *calls, int64_t correlation_id, int64_t *launch_ns,
		     uint32_t *place);

/* Lets go what only host_calls_find needs. */
void host_calls_end_loading(struct host_calls *calls);
void host_calls_end(struct host_calls *calls);

#endif
