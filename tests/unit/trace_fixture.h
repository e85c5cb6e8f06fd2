/* SPDX-License-Identifier: MIT */
/*
 * Traces for tests of the analysis: one process, GPU 0 and GPU 1, streams 1 (GPU 0), 2 (GPU 0) and
 * 3 (GPU 1), kernels "gemm" and "ncclDevKernel_AllReduce_Sum". Any failure ends the test.
 *
 * Thread: one test.
 */
#ifndef TESTS_UNIT_TRACE_FIXTURE_H
#define TESTS_UNIT_TRACE_FIXTURE_H

#include "analyzer/analyze.h"
#include "analyzer/timeline.h"
#include "tracedb/writer.h"

enum { FIXTURE_STREAMS = 3 };

struct trace_fixture {
	const char *path;
	struct trace_writer *writer;
	int64_t stream_id[FIXTURE_STREAMS + 1];		/* from 1 */
	int64_t gemm_id;
	int64_t nccl_id;
	int64_t epoch_ns;
};

/* `name` below the test's folder. Ranks -1 and 0.. ; pid is 100 + rank. */
void fixture_begin(struct trace_fixture *fixture, const char *name, int64_t rank,
		   int64_t world_size);
void fixture_compute(struct trace_fixture *fixture, int stream, int64_t start_ns, int64_t end_ns);
void fixture_comm(struct trace_fixture *fixture, int stream, int64_t start_ns, int64_t end_ns);
void fixture_copy(struct trace_fixture *fixture, int stream, int64_t start_ns, int64_t end_ns,
		  int64_t bytes);
void fixture_end(struct trace_fixture *fixture);

/* Loads what fixture_end has written. Borrowed: the next call closes it. */
struct timeline *fixture_timeline(const struct trace_fixture *fixture);

/* Analyses files; `window` NULL: all. */
struct report *fixture_report(const char *const *paths, size_t count,
			      const struct time_window *window);

#endif
