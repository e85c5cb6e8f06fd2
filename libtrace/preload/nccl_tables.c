/* SPDX-License-Identifier: MIT */
/*
 * NCCL's profiler plugin as NCCL looks for it once NCCL_PROFILER_PLUGIN names libtrace.so: a table
 * for each version of the interface. All calls go on to nccl_profiler.c; init, which NCCL calls
 * first, loads the library that has it.
 *
 * Thread: NCCL calls on any thread.
 */
#include "libtrace/nccl_profiler.h"
#include "libtrace/preload/capture_library.h"

#include <errno.h>
#include <string.h>

/* Without it nothing is asked for: a plugin that fails crashes NCCL before 2.28. */
static const struct nccl_profiler *profiler_load(int version, void **context, int *mask)
{
	int errno_before = errno;
	const struct capture_entry *entry = capture_library_load();
	errno = errno_before;
	if (entry != NULL)
		return entry->nccl[version];
	if (context != NULL)
		*context = NULL;
	if (mask != NULL)
		*mask = 0;
	return NULL;
}

#define INIT(version, parameters, types, arguments) \
	static int init_v##version parameters \
	{ \
		int (*init) types; \
		const struct nccl_profiler *profiler = profiler_load(version, context, mask); \
		if (profiler == NULL) \
			return 0; \
		memcpy(&init, &profiler->init, sizeof init); \
		return init arguments; \
	}

#define EARLY (void **context, int *mask), (void **, int *), (context, mask)
#define NAMED \
	(void **context, int *mask, const char *name, uint64_t hash, int nodes, int ranks, \
	 int rank, nccl_function logger), \
	(void **, int *, const char *, uint64_t, int, int, int, nccl_function), \
	(context, mask, name, hash, nodes, ranks, rank, logger)
#define HASHED \
	(void **context, uint64_t hash, int *mask, const char *name, int nodes, int ranks, \
	 int rank, nccl_function logger), \
	(void **, uint64_t, int *, const char *, int, int, int, nccl_function), \
	(context, hash, mask, name, nodes, ranks, rank, logger)
#define INIT_OF(version, shape) INIT(version, shape)

INIT_OF(1, EARLY)
INIT_OF(2, EARLY)
INIT_OF(3, EARLY)
INIT_OF(4, NAMED)
INIT_OF(5, HASHED)
INIT_OF(6, HASHED)
INIT_OF(7, HASHED)

/* One function for all versions: it knows whose by the context. */
static int start_event(void *context, void **handle, const void *descriptor)
{
	const struct capture_entry *entry = capture_library_loaded();
	if (entry != NULL)
		return entry->nccl[NCCL_ABI_NEWEST]->start_event(context, handle, descriptor);
	if (handle != NULL)
		*handle = NULL;
	return 0;
}

static int stop_event(void *handle)
{
	const struct capture_entry *entry = capture_library_loaded();
	return entry == NULL ? 0 : entry->nccl[NCCL_ABI_NEWEST]->stop_event(handle);
}

/* Of no use to us, as is the end of a communicator: see nccl_profiler.c. */
static int record_event_state(void *handle, int state, const void *arguments)
{
	(void)handle;
	(void)state;
	(void)arguments;
	return 0;
}

static int finalize(void *context)
{
	(void)context;
	return 0;
}

#define TABLE(version) \
	const struct nccl_profiler ncclProfiler_v##version = { \
		.name = "laggard", .init = (nccl_function)init_v##version, \
		.start_event = start_event, .stop_event = stop_event, \
		.record_event_state = record_event_state, .finalize = finalize, \
	}

TABLE(1);
TABLE(2);
TABLE(3);
TABLE(4);
TABLE(5);
TABLE(6);
TABLE(7);
