/* SPDX-License-Identifier: MIT */
/*
 * Pipeline bubbles: what a pipeline of so many stages and micro-batches leaves idle by design, what
 * its stages left idle in fact, and the part that uneven stages explain. And the pipeline itself,
 * found in who sends to whom.
 *
 * Thread: pure functions; the detection allocates what it needs and frees it.
 */
#ifndef ANALYZER_METRIC_BUBBLE_H
#define ANALYZER_METRIC_BUBBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct bubble_share {
	int64_t numerator;	/* in lowest terms */
	int64_t denominator;
};

/*
 * GPipe and 1F1B (interleave 1) or interleaved 1F1B with `interleave` model chunks a stage. All
 * >= 1; false where one is not, or the numbers are beyond any cluster.
 */
bool bubble_predict(struct bubble_share *of_total, struct bubble_share *of_ideal, int64_t stages,
		    int64_t micro_batches, int64_t interleave);

struct bubble {
	int64_t predicted_e12;	/* share of the window that the schedule leaves idle */
	int64_t measured_e12;	/* mean over the stages of 1 - compute / window */
	int64_t excess_e12;	/* measured - predicted; may be negative */
	int64_t imbalance_e12;	/* (most - mean compute) / most; -1 without compute */
};

/* `compute_ns` of each stage in `window_ns` > 0; `of_stage_e12` receives 1 - compute / window. */
struct bubble bubble_measure(int64_t *of_stage_e12, const int64_t *compute_ns, size_t stage_count,
			     int64_t window_ns, const struct bubble_share *predicted_of_total);

/* Sends from one rank to another in one iteration; several of a pair add up. */
struct peer_sends {
	size_t rank;
	size_t peer;
	int64_t count;
};

struct pipeline {
	bool is_known;
	const char *reason;	/* why not; static text */
	size_t pipelines;	/* equal chains side by side (data parallel) */
	int64_t stages;
	int64_t micro_batches;
	int64_t interleave;	/* > 1 where the last stage also sends to the first */
};

/*
 * A set of chains of equal length whose links all carry as many sends, or of rings where exactly
 * one link carries fewer (interleaved: v m on the links, (v - 1) m on the closing one).
 * `stage` receives each rank's stage, counted from the end with the lower rank; -1 outside of any.
 */
bool pipeline_detect(struct pipeline *pipeline, int64_t *stage, size_t rank_count,
		     const struct peer_sends *sends, size_t send_count, struct error *error);

#endif
