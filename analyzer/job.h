/* SPDX-License-Identifier: MIT */
/*
 * All GPUs of all traces together: which operations are the same, how the clocks stand, which steps
 * all ranks went through, and from that what each GPU is to be measured by.
 *
 * Memory: collective_match.h's, and for each GPU 16 bytes a communication kernel, PART_COUNT * 8 +
 * 24 a step and a barrier.
 *
 * Thread: joining is one thread's; afterwards each GPU's part may be filled by a thread of its own.
 */
#ifndef ANALYZER_JOB_H
#define ANALYZER_JOB_H

#include "analyzer/collective_match.h"
#include "analyzer/gpu_time.h"
#include "analyzer/steps.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SYNC_SETS_MAX = 3 };

/*
 * From one barrier of a communicator to the next on one GPU, from start to start: what a rank did
 * there but for waiting is why it came late to the second. Compute that ran beside the first one
 * counts: who waits there gets on with it.
 */
struct sync_set {
	struct interval *items;
	struct time_parts *parts;
	uint32_t *instance;	/* of the collective that ends it */
	size_t count;
};

/* Idle time piece by piece, for the analysis database. Names are borrowed from the reader. */
struct kept_piece {
	int64_t start_ns;	/* trace clock */
	int64_t end_ns;
	int64_t thread_id;	/* 0: unknown */
	const char *call;	/* NULL: unknown, as the next two */
	const char *range;
	const char *next;
	enum idle_cause cause;
};

struct kept_pieces {
	struct kept_piece *items;
	size_t count;
	size_t room;
	int64_t rest_ns[CAUSE_COUNT];	/* of those below PIECE_NS_MIN */
	int64_t rest_count[CAUSE_COUNT];
	bool is_short;		/* of memory */
};

enum { PIECE_NS_MIN = 10000, PIECE_RANGE_NS_MIN = 100000 };

struct job_gpu {
	size_t trace;		/* place in the measures */
	size_t gpu;		/* place in the trace's timeline */
	size_t lane;		/* place in the match */
	struct time_window window;	/* own clock */
	bool is_wait_known;	/* of at least one communication kernel */
	int64_t unmatched_comms;	/* kernels whose waiting is not known */
	int64_t *wait_end_ns;	/* of each communication kernel, own clock */
	int64_t *exposed_wait_ns;
	int64_t *step_ns;	/* boundaries: steps.count + 1 of them, or NULL */
	struct interval *steps;	/* the steps as slices */
	struct time_parts *step_parts;
	struct sync_set sync[SYNC_SETS_MAX];
	struct gpu_time time;
	struct kept_pieces pieces;	/* where the job keeps them */
};

/* Steps that all GPUs went through, by number. */
struct job_steps {
	bool is_known;
	enum step_anchor anchor;
	const char *name;
	int64_t first_number;	/* of the steps that all have */
	size_t count;		/* numbers first_number .. + count - 1 */
	int64_t *duration_ns;	/* of each, the longest over the GPUs */
	size_t micro_batches;
	size_t collectives_per_step;
	int64_t agreement_e12;
	struct step_choice choice;
	const char *reason;	/* why there are none, or what is doubtful; may be NULL */
};

struct trace_measures;

enum window_kind { WINDOW_STEADY, WINDOW_ALL, WINDOW_EXPLICIT };

const char *window_kind_name(enum window_kind kind);	/* "steady", "all", "explicit" */

struct job {
	struct trace_measures *measures;
	size_t trace_count;
	struct job_gpu *gpus;	/* those with GPU work, in the order of traces and devices */
	size_t gpu_count;
	struct comm_lane *lanes;	/* one a GPU */
	struct collective_match *match;
	struct job_steps steps;
	enum window_kind window;	/* the one taken */
	const char *window_reason;	/* why not the steady steps; NULL */
	bool keeps_pieces;
};

/* After all timelines are loaded. */
bool job_join(struct job *job, struct trace_measures *measures, size_t trace_count,
	      struct error *error);

/* Steps, their boundaries on each GPU, and which are steady; finding none is no failure. */
bool job_find_steps(struct job *job, struct error *error);

/* Sets the windows to the steps that are steady on all GPUs; false: there are none, see reason. */
bool job_window_steady(struct job *job);
void job_window_all(struct job *job);

/* What comes between barriers; after the windows are set. */
bool job_find_syncs(struct job *job, struct error *error);

/* Measures one GPU: fills gpu->time and the parts of its slices. False: memory is short. */
bool job_measure_gpu(struct job *job, struct job_gpu *gpu, idle_piece_add add_piece,
		     void *piece_context);

void job_end(struct job *job);

#endif
