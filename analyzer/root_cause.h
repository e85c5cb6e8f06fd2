/* SPDX-License-Identifier: MIT */
/*
 * From the GPU that waits to the rank that came late, to what that rank did instead, followed until
 * the cause is no longer a wait: delay costs (metric_delay.h) over all barriers judged, the last
 * first, so that the cost on a wait is known before its cause is looked for.
 *
 * Thread: pure functions over a measured job.
 */
#ifndef ANALYZER_ROOT_CAUSE_H
#define ANALYZER_ROOT_CAUSE_H

#include "analyzer/straggler.h"

/*
 * Fills cause, root_ns, unknown_ns, passed_ns, passed_to and coverage_e12 of one entry a GPU.
 * `instances`: those judged, ascending.
 */
bool root_causes_find(struct rank_blame *gpus, const struct job *job, const uint32_t *instances,
		      size_t count, struct error *error);

#endif
