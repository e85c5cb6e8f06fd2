/* SPDX-License-Identifier: MIT */
/*
 * Which arrows leave a call. Some formats bind a launch to its kernels where the launch is written,
 * and that comes before the kernels: for them the kernels are counted first.
 */
#include "viewer-export/walk.h"

#include <stdlib.h>

enum walk_launch walk_launch_find(const struct walk *walk, int64_t start_ns, int64_t end_ns,
				  int64_t correlation_id, struct launch *call)
{
	if ((walk->survey->kinds & EXPORT_FLOWS) == 0 || (walk->survey->kinds & EXPORT_CALLS) == 0)
		return LAUNCH_UNWANTED;
	if (!launch_index_find(&walk->survey->launches, correlation_id, call))
		return LAUNCH_UNKNOWN;
	int64_t call_ns = call->start_ns + walk->offset_ns;
	if (!walk_is_in_window(walk, call_ns, call->end_ns + walk->offset_ns))
		return LAUNCH_HIDDEN;
	/* A kernel may start before its call's time stamp; an arrow may not point back. */
	return call_ns > start_ns && call_ns >= end_ns ? LAUNCH_REVERSED : LAUNCH_DRAWN;
}

static void row_count(struct walk *walk, const struct span_source *source,
		      const union span_row *row)
{
	struct span span = span_of_row(source, row);
	int64_t start_ns = span.start_ns + walk->offset_ns, end_ns = span.end_ns + walk->offset_ns;
	struct launch call;
	if (walk_is_in_window(walk, start_ns, end_ns) &&
	    walk_launch_find(walk, start_ns, end_ns, span_correlation(source, row), &call) ==
		    LAUNCH_DRAWN)
		walk->first_flows[call.call]++;
}

static bool source_count(struct walk *walk, size_t index)
{
	const struct span_source *source = &span_sources[index];
	struct trace_cursor *rows = NULL;
	union span_row row;
	int result = 1;
	if ((walk->survey->kinds & source->kind) == 0 || !span_family_has_flows(source->family))
		return true;
	if (!trace_reader_select(walk->reader, source->table,
				 source->columns | UINT64_C(1) << source->correlation_column,
				 -1, &rows, walk->error))
		return false;
	/* A trace that grows is walked no further than it was surveyed. */
	for (int64_t i = 0; i < walk->survey->row_counts[index] && result > 0; i++) {
		result = trace_cursor_next(rows, &row, walk->error);
		if (result > 0)
			row_count(walk, source, &row);
	}
	trace_cursor_close(rows);
	return result >= 0;
}

bool walk_launches_count(struct walk *walk)
{
	size_t calls = walk->survey->launches.count;
	if (!walk->target->format->wants_launches || calls == 0 ||
	    (walk->survey->kinds & EXPORT_FLOWS) == 0)
		return true;
	walk->first_flows = calloc(calls + 1, sizeof walk->first_flows[0]);
	if (walk->first_flows == NULL)
		return walk_no_memory(walk);
	for (size_t i = 0; i < span_source_count; i++)
		if (!source_count(walk, i))
			return false;
	/* From how many leave each call to the first id of each. */
	uint32_t first = 0;
	for (size_t i = 0; i <= calls; i++) {
		uint32_t count = walk->first_flows[i];
		walk->first_flows[i] = first;
		first += count;
	}
	walk->launches_base = *walk->next_flow_id;
	*walk->next_flow_id += first;
	return true;
}

void walk_launches_end(struct walk *walk)
{
	free(walk->first_flows);
	walk->first_flows = NULL;
}

void walk_launches_of_call(const struct walk *walk, size_t call, struct walk_span *span)
{
	if (walk->first_flows == NULL)
		return;
	span->flow_id = walk->launches_base + walk->first_flows[call];
	span->flow_count = walk->first_flows[call + 1] - walk->first_flows[call];
}

/* All calls are written before the first of what they launched: their numbers may move on. */
int64_t walk_launches_take(struct walk *walk, size_t call)
{
	return walk->first_flows == NULL ? (*walk->next_flow_id)++ :
					   walk->launches_base + walk->first_flows[call]++;
}
