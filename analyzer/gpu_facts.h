/* SPDX-License-Identifier: MIT */
/*
 * What else is known about a GPU that explains its speed: its copies, link, clocks, memory, kernels
 * and the program's settings. Findings compare these numbers with thresholds.
 *
 * Memory: what the metrics say, for a moment; kept are 32 bytes a kernel symbol and a large copy.
 *
 * Thread: one trace, one thread.
 */
#ifndef ANALYZER_GPU_FACTS_H
#define ANALYZER_GPU_FACTS_H

#include "analyzer/copy_samples.h"
#include "analyzer/gpu_ceilings.h"
#include "analyzer/job.h"
#include "analyzer/metric_clocks.h"
#include "analyzer/metric_contention.h"
#include "analyzer/metric_copies.h"
#include "analyzer/metric_engines.h"
#include "analyzer/metric_link.h"
#include "analyzer/metric_memory.h"
#include "analyzer/metric_occupancy.h"
#include "analyzer/metric_versions.h"

/* A compute kernel with its launch shape, over the window: equal on ranks that do equal work. */
struct kernel_work {
	uint64_t signature;
	int64_t count;
	int64_t total_ns;
};

struct gpu_facts {
	struct copy_problems copies;
	struct copy_samples samples;
	struct link link;
	struct gpu_ceilings ceilings;
	struct clocks clocks;
	struct memory memory;
	struct occupancy occupancy;
	struct engine_totals engines;
	struct environment_facts environment;
	unsigned known_problems;	/* bits of enum known_problem */
	int64_t contention_ns;		/* compute lost to communication beside it */
	struct kernel_work *work;	/* by signature */
	size_t work_count;
};

/*
 * Why one GPU computes longer than another: the same kernels, slower; or more of them, or larger.
 * The two sum to the difference of their kernels' durations.
 */
struct work_difference {
	int64_t slower_ns;
	int64_t more_ns;
	int64_t common_count;	/* kernels of the same signature on both */
};

struct work_difference work_compare(const struct gpu_facts *late, const struct gpu_facts *other);

/* Do both run the same program? Pipeline stages do not: their kernels differ. */
bool work_is_same_program(const struct gpu_facts *a, const struct gpu_facts *b);

/* Where the facts of a trace come from. */
struct facts_source {
	struct trace_reader *reader;
	const struct timeline *timeline;	/* loaded */
	const struct ceilings *ceilings;	/* measured ones, of any machines */
	size_t ceilings_count;
};

/* `facts`: one a GPU of the job; fills those of a trace. */
bool gpu_facts_measure(struct gpu_facts *facts, const struct job *job, size_t trace,
		       const struct facts_source *source, struct error *error);
void gpu_facts_end(struct gpu_facts *facts);

#endif
