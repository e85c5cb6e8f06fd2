/* SPDX-License-Identifier: MIT */
/*
 * What a track shows in a stretch of time: its slices where they are few, otherwise how busy it is,
 * bucket by bucket. Before the trace is scanned an answer may be an estimate, and says so.
 *
 * Thread: any, with the trace's lock held.
 */
#ifndef VIEWER_EXPORT_TILE_QUERY_H
#define VIEWER_EXPORT_TILE_QUERY_H

#include "viewer-export/tile_trace.h"

struct tile_query {
	enum span_family family;
	uint32_t group;
	int64_t start_ns;	/* since the trace's epoch; start_ns < end_ns */
	int64_t end_ns;
	size_t bucket_count;	/* at most; two at least, for what begins before 0 */
	size_t slice_count;	/* at most; 0: buckets in any case */
};

struct tile_slice {
	struct tile_span span;
	uint32_t depth;		/* slices around it, or beside it where they overlap */
	uint32_t source;
};

struct tile_answer {
	bool is_exact;
	bool has_slices;
	struct tile_slice *slices;	/* by start */
	size_t slice_count;
	struct busy_bucket *buckets;	/* bucket i covers [(first + i) << level, ...) */
	size_t bucket_count;
	int64_t first;
	unsigned level;
};

/* The answer is to be ended, whatever comes of it. */
bool tile_query_answer(struct tile_trace *trace, const struct tile_query *query,
		       struct tile_answer *answer, struct error *error);
void tile_answer_end(struct tile_answer *answer);

#endif
