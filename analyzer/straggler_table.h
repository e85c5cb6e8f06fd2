/* SPDX-License-Identifier: MIT */
/*
 * The matched barriers of the window as tables for metric_blame, and what late arrivals cost.
 *
 * Memory: 16 bytes a barrier and GPU, 60 a barrier.
 *
 * Thread: one thread, over a measured job.
 */
#ifndef ANALYZER_STRAGGLER_TABLE_H
#define ANALYZER_STRAGGLER_TABLE_H

#include "analyzer/job.h"

struct straggler_place {
	int64_t step;
	size_t row;
};

struct straggler_table {
	size_t room;
	size_t count;
	uint32_t *instance;
	int64_t *arrival_ns;	/* gpu_count a barrier */
	int64_t *wait_ns;
	int64_t *step; /* place among the job's steps, ascending; without steps the instance */
	int64_t *cap_ns;	/* largest gain of an on-time rank */
	int64_t *exposed_ns;	/* longest wait of a member that nothing hid */
	uint32_t *set;		/* barriers of the same GPUs have the same number */
	uint64_t *set_hash;	/* of each such set */
	size_t *set_gpu;	/* a GPU of each */
	size_t set_count;
	struct straggler_place *places;	/* rows by step: two jobs' steps overlap in time */
	size_t *tied_to; /* of each GPU: the first one that barriers tie it to, directly or not */
	int64_t clock_error_ns;
	int64_t incomplete;
};

/* False: memory is short. */
bool straggler_table_make(struct straggler_table *table, const struct job *job);
void straggler_table_end(struct straggler_table *table);

/* GPUs that lose time when this one is late, itself among them. */
size_t straggler_tied_count(const struct straggler_table *table, const struct job *job, size_t gpu);

/*
 * By how much the window would be shorter if the marked GPUs were never later than the others, or
 * than the lower median of all. Per step the least of two bounds: the sum of what they are late by
 * at each barrier; and what of it is seen, either as waits that nothing hides, or as the time that
 * they need more for everything but what waited for communication. A wait that compute hides still
 * delays the communication behind it; a rank that is late once is late at the barriers that follow,
 * too, while the others run ahead: neither alone is the loss. Barriers of the same GPUs add up.
 * Those of other sets (tensor parallel inside, data parallel outside) see the same lateness again,
 * and the most that one set loses counts.
 */
int64_t straggler_loss_ns(const struct straggler_table *table, const struct job *job,
			  const bool *is_fixed);

#endif
