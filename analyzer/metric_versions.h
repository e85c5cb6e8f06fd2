/* SPDX-License-Identifier: MIT */
/*
 * Versions and environment of the recorded processes: what differs between ranks that should not,
 * and combinations that are known to be broken or slow.
 *
 * Thread: pure functions. Texts are borrowed from the trace rows.
 */
#ifndef ANALYZER_METRIC_VERSIONS_H
#define ANALYZER_METRIC_VERSIONS_H

#include "tracedb/tables.h"

#include <stdbool.h>
#include <stddef.h>

enum version_field {
	VERSION_DRIVER,
	VERSION_CUDA_DRIVER,
	VERSION_CUDA_RUNTIME,
	VERSION_CUPTI,
	VERSION_NCCL,
	VERSION_CUDNN,
	VERSION_FRAMEWORK,
	VERSION_FIELD_COUNT
};

/* "" where unknown; without the path that follows CUPTI's. */
struct version_text {
	const char *text;
	size_t length;
};

struct version_text version_of(const struct trace_row *trace, enum version_field field);
const char *version_field_name(enum version_field field);	/* "driver", "NCCL" */

/* One field or variable that differs from its value in the first trace that knows it. */
struct version_mismatch {
	enum version_field field;	/* VERSION_FIELD_COUNT: a variable */
	const char *variable;		/* not terminated; NULL for a version */
	size_t variable_length;
	size_t first;			/* traces: the first that knows it, ... */
	size_t other;			/* ... the first that differs */
	size_t differing;		/* how many differ from the first */
};

/*
 * Fills up to `room` mismatches and gives their number. Variables count only in traces of libtrace
 * (others do not tell them); CUDA_VISIBLE_DEVICES differs between ranks by nature.
 */
size_t versions_compare(const struct trace_row *const *traces, size_t count,
			struct version_mismatch *mismatches, size_t room);

/* The value of a variable in trace.environment; false: not set, or not told. */
bool environment_find(const char *environment, const char *name, struct version_text *value);

/* Settings that make a program slower than it need be, true where they are on. */
struct environment_facts {
	bool is_launch_blocking;	/* CUDA_LAUNCH_BLOCKING: every launch waits for its end */
	bool is_p2p_disabled;		/* NCCL_P2P_DISABLE */
	bool is_shm_disabled;		/* NCCL_SHM_DISABLE: ranks of a host use the network */
	bool is_ib_disabled;		/* NCCL_IB_DISABLE */
	bool is_cache_disabled;		/* PYTORCH_NO_CUDA_MEMORY_CACHING: cudaMalloc each time */
	bool is_connection_single;	/* CUDA_DEVICE_MAX_CONNECTIONS=1: streams queue up */
};

struct environment_facts environment_facts_of(const struct trace_row *trace);

enum known_problem {
	PROBLEM_DRIVER_P2P,	/* driver offers peer access that the GPU does not have */
	PROBLEM_NCCL_BLACKWELL,	/* NCCL fails on this GPU */
	PROBLEM_SLOW_CONV3D,	/* framework does without cuDNN for 3D convolutions */
	PROBLEM_COUNT
};

/* Bit 1 << problem for each that fits the trace and one of its GPUs. */
unsigned known_problems_of(const struct trace_row *trace, const char *const *gpu_names,
			   size_t gpu_count);

#endif
