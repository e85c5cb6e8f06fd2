/* SPDX-License-Identifier: MIT */
/*
 * Which rank makes the others wait, and what it was doing instead: the verdict over the matched
 * barriers of the window, and for each rank the waiting it caused, traced back through waits of its
 * own to what it did more of than those that waited.
 *
 * Who is late is only said where nobody is missing; where ranks of a communicator were not captured
 * the latest captured one need not be the latest of all, and the verdict is limited.
 *
 * Memory: 32 bytes a barrier and GPU, 8 a member, while it runs.
 *
 * Thread: one thread, after all GPUs are measured.
 */
#ifndef ANALYZER_STRAGGLER_H
#define ANALYZER_STRAGGLER_H

#include "analyzer/job.h"
#include "analyzer/metric_verdict.h"
#include "analyzer/time_parts.h"
#include "base/arena.h"

enum straggler_kind {
	STRAGGLER_NONE,
	STRAGGLER_CULPRIT,
	STRAGGLER_CO_CULPRITS,
	STRAGGLER_ROTATING,
	STRAGGLER_PAUSE,	/* single steps in which one GPU stood still, see the findings */
	STRAGGLER_LIMITED,	/* ranks are missing: nobody is accused */
	STRAGGLER_UNKNOWN,	/* nothing to judge by */
};

const char *straggler_kind_name(enum straggler_kind kind);

struct rank_blame {
	int64_t caused_ns;		/* waits of the others, where it alone came last */
	int64_t score_e12;
	int64_t times_latest;
	int64_t steps_latest;
	int64_t persistence_low_e12;
	int64_t lateness_ns; /* median over steps, against the lower median of the others */
	int64_t fix_one_ns;		/* the window would be shorter by this, were it on time */
	int64_t shapley_ns;		/* its share of fix_all_ns; -1 unknown */
	size_t tied;		/* GPUs that lose time with it, itself among them */
	bool is_named;
	/* Waits that end with it, by what it did more of; sums with unknown_ns to root_ns. */
	struct time_parts cause;
	int64_t root_ns;
	int64_t unknown_ns;
	int64_t passed_ns;	/* waits that it caused by waiting itself, and passed on */
	size_t passed_to;	/* the GPU that most of it went to; SIZE_MAX without */
	int64_t coverage_e12;	/* explained part of root_ns; -1 without */
};

struct stragglers {
	enum straggler_kind kind;
	const char *reason;	/* static text, or in the arena; never NULL */
	bool may_be_critical;
	struct rank_blame *gpus;	/* one a GPU of the job */
	size_t gpu_count;
	int64_t instances;	/* barriers judged */
	int64_t ambiguous;	/* closer than the clocks' error */
	int64_t incomplete;	/* barriers with ranks that were not captured */
	int64_t waits_ns;	/* all waits of the instances judged */
	int64_t fix_all_ns;
	int64_t fix_set_ns;	/* of those named */
	int64_t entropy_e12;
};

bool stragglers_find(struct stragglers *out, const struct job *job, struct arena *arena,
		     struct error *error);

#endif
