/* SPDX-License-Identifier: MIT */
/*
 * Steps by what recurs on one GPU: its collectives, its optimiser's kernels, its kernels.
 *
 * Thread: a timeline is only read.
 */
#ifndef ANALYZER_STEP_MARKS_H
#define ANALYZER_STEP_MARKS_H

#include "analyzer/timeline.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where steps begin and end on a GPU. */
struct step_marks {
	int64_t *bounds;	/* count + 1, never falling */
	size_t count;		/* 0: none found */
	size_t length;		/* rows of a step */
	size_t parts;		/* equal parts of a step, its first level of repetition; 0: none */
	size_t part_length;	/* rows of such a part */
	const char *name;	/* what recurs; borrowed from the timeline */
};

/* A stretch of an optimiser's kernels, with little else in between. */
struct optimizer_group {
	int64_t start_ns;
	int64_t end_ns;
};

struct optimizer_groups {
	struct optimizer_group *items;
	size_t count;
	const char *name;	/* of its first kernel */
};

/* All: false where memory is short. */
bool marks_of_collectives(struct step_marks *marks, const struct timeline *timeline, size_t gpu);
bool marks_of_optimizer(struct step_marks *marks, const struct timeline *timeline, size_t gpu);
bool marks_of_kernels(struct step_marks *marks, const struct timeline *timeline, size_t gpu);
bool optimizer_groups_find(struct optimizer_groups *groups, const struct timeline *timeline,
			   size_t gpu);

void marks_end(struct step_marks *marks);
void optimizer_groups_end(struct optimizer_groups *groups);

#endif
