/* SPDX-License-Identifier: MIT */
/*
 * The analysis of one trace: load, then measure within a window. The results live in an arena of
 * their own, so that traces are analysed side by side.
 *
 * Thread: one trace is one thread's at a time.
 */
#ifndef ANALYZER_TRACE_MEASURES_H
#define ANALYZER_TRACE_MEASURES_H

#include "analyzer/metric_kernels.h"
#include "analyzer/report.h"
#include "analyzer/steps.h"
#include "analyzer/timeline.h"
#include "tracedb/trace_set.h"

struct trace_measures {
	const struct trace_input *input;
	struct arena *arena;
	struct timeline *timeline;	/* NULL if the trace could not be read */
	struct step_list steps;
	size_t place;			/* of the trace among those analysed */
	struct report_trace trace;
	struct report_gpu *gpus;	/* those with GPU work */
	size_t gpu_count;
	struct report_kernel *kernels;	/* by symbol, those that ran */
	size_t kernel_count;
};

/*
 * A trace that cannot be read is not a failure: trace.error then says why. False: the system
 * refused.
 */
bool trace_measures_load(struct trace_measures *measures, const struct trace_input *input,
			 struct error *error);

/* Measures the GPUs of this trace as the job says. */
bool trace_measures_measure(struct trace_measures *measures, struct job *job, struct error *error);

/* Keeps what is known of the trace, and forgets its work, which `path` has, too. */
void trace_measures_leave_out(struct trace_measures *measures, const char *path);

/* Frees what the report has not taken (it takes the arena). */
void trace_measures_end(struct trace_measures *measures);

#endif
