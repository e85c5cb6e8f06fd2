/* SPDX-License-Identifier: MIT */
/*
 * Between the two libraries that libtrace consists of. libtrace.so is preloaded into every process
 * below a training, most of which never see a GPU: it holds what must be there from the start (the
 * names that others call, the exits, the settings as they were, what a thread owns of ours) and
 * costs next to nothing. libtrace-capture.so, beside it, holds all the rest, and is loaded with the
 * first call that shows that there is something to record.
 *
 * Thread: `laggard_preload` is written by the constructor of libtrace.so alone. The entries of
 * `laggard_capture_entry` may be called on any thread.
 */
#ifndef LIBTRACE_PRELOAD_PRELOAD_H
#define LIBTRACE_PRELOAD_PRELOAD_H

#include "libtrace/cupti_library.h"
#include "libtrace/nccl_abi.h"
#include "libtrace/settings.h"

#include <stdbool.h>
#include <stdint.h>

#define LIBTRACE_SHARED __attribute__((visibility("default")))

/* What libtrace.so noted when it was loaded. */
struct preload {
	uint32_t bytes; /* of this struct: both libraries are of one build, or nothing works */
	int64_t epoch_ns;	/* CLOCK_REALTIME */
	struct settings settings;
	/* Another tool stands in the variable by which a source is found. */
	bool is_cuda_taken, is_nvtx_taken, is_nccl_taken;
};

extern LIBTRACE_SHARED struct preload laggard_preload;

/*
 * A CUPTI client's calls by name. `next` is the function of CUPTI that it would have reached
 * without us.
 */
struct cupti_entry {
	uint32_t (*subscribe_v2)(const void *next, void **subscriber, cupti_callback callback,
				 void *user, struct cupti_subscriber_params *params);
	uint32_t (*unsubscribe)(const void *next, void *subscriber);
	uint32_t (*register_callbacks)(const void *next, cupti_requested requested,
				       cupti_completed completed);
	uint32_t (*register_clock)(const void *next, uint64_t (*clock)(void));
	uint32_t (*enable)(const void *next, uint32_t kind);
	uint32_t (*disable)(const void *next, uint32_t kind);
	uint32_t (*enable_context)(const void *next, void *context, uint32_t kind);
	uint32_t (*disable_context)(const void *next, void *context, uint32_t kind);
	uint32_t (*flush_all)(const void *next, uint32_t flag);
	uint32_t (*finalize)(const void *next);
};

/* What libtrace-capture.so does for the names in libtrace.so. All keep errno. */
struct capture_entry {
	uint32_t preload_bytes;		/* of the struct preload that it was built with */
	void (*attach_cuda)(void);
	/* 1: attached, 0: refused */
	int (*attach_nvtx)(void *get_export_table);
	int (*attach_nvtx_extension)(void *module_info);
	void (*close)(void);
	const struct nccl_profiler *nccl[NCCL_ABI_NEWEST + 1];	/* by version, from 1 */
	const struct cupti_entry *cupti;
};

extern LIBTRACE_SHARED const struct capture_entry laggard_capture_entry;

#endif
