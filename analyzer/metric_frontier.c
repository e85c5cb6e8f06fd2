/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_frontier.h"

#include <stdlib.h>

#include "analyzer/metric_partition.h"

enum { AMBIGUOUS_PARTS = 20 };	/* 1 / 20 = 5 % of what the stage exposed */

static int64_t second_best(const int64_t *total_ns, size_t rank_count, size_t leader)
{
	int64_t second = -1;
	for (size_t rank = 0; rank < rank_count; rank++)
		if (rank != leader && total_ns[rank] > second)
			second = total_ns[rank];
	return second;
}

bool frontier_measure(struct frontier_stage *stages, const int64_t *duration_ns, size_t rank_count,
		      size_t stage_count, struct error *error)
{
	int64_t *total_ns = calloc(rank_count == 0 ? 1 : rank_count, sizeof *total_ns);
	if (total_ns == NULL)
		return fail(error, ERROR_SYSTEM, "not enough memory for the frontier of %zu ranks",
			    rank_count);
	int64_t before_ns = 0;
	for (size_t i = 0; i < stage_count; i++) {
		struct frontier_stage *stage = &stages[i];
		*stage = (struct frontier_stage){ .leader = 0 };
		for (size_t rank = 0; rank < rank_count; rank++) {
			int64_t ns = duration_ns[rank * stage_count + i];
			total_ns[rank] = add_saturated(total_ns[rank], ns > 0 ? ns : 0);
			if (total_ns[rank] > total_ns[stage->leader])
				stage->leader = rank;
		}
		stage->frontier_ns = rank_count == 0 ? 0 : total_ns[stage->leader];
		stage->exposed_ns = stage->frontier_ns - before_ns;
		before_ns = stage->frontier_ns;
		int64_t second_ns = second_best(total_ns, rank_count, stage->leader);
		stage->is_ambiguous = second_ns >= 0 && stage->frontier_ns - second_ns <=
							stage->exposed_ns / AMBIGUOUS_PARTS;
	}
	free(total_ns);
	return true;
}

void frontier_compare(struct frontier_stage *stages, const struct frontier_stage *others,
		      size_t stage_count)
{
	for (size_t i = 0; i < stage_count; i++)
		if (stages[i].leader != others[i].leader)
			stages[i].is_ambiguous = true;
}
