/* SPDX-License-Identifier: MIT */
#include "analyzer/ranks.h"

#include "analyzer/report.h"

#include <stdlib.h>

static int rank_compare(const void *left, const void *right)
{
	const int64_t *a = left, *b = right;
	return (*a > *b) - (*a < *b);
}

/* The world size that all traces name; false where a rank is unknown. */
static bool ranks_agree(struct report *report)
{
	struct report_ranks *ranks = &report->ranks;
	bool is_first = true, is_each_known = true;
	ranks->world_size = -1;
	for (size_t t = 0; t < report->trace_count; t++) {
		const struct report_trace *trace = &report->traces[t];
		if (trace->error != NULL)
			continue;
		is_each_known = is_each_known && trace->rank >= 0;
		if (is_first)
			ranks->world_size = trace->world_size;
		ranks->is_mixed = ranks->is_mixed || trace->world_size != ranks->world_size;
		is_first = false;
	}
	if (ranks->is_mixed)
		ranks->world_size = -1;
	return is_each_known;
}

static bool ranks_name_missing(struct report *report, const int64_t *captured, size_t count)
{
	struct report_ranks *ranks = &report->ranks;
	size_t next = 0;
	ranks->missing = arena_take_array(report->arenas[0], REPORT_MISSING_RANKS_MAX,
					  sizeof *ranks->missing);
	if (ranks->missing == NULL)
		return false;
	for (int64_t rank = 0; rank < ranks->world_size; rank++) {
		while (next < count && captured[next] < rank)
			next++;
		if (next < count && captured[next] == rank)
			continue;
		if (ranks->missing_listed == REPORT_MISSING_RANKS_MAX)
			break;
		ranks->missing[ranks->missing_listed++] = rank;
	}
	return true;
}

bool ranks_find(struct report *report)
{
	struct report_ranks *ranks = &report->ranks;
	bool is_each_known = ranks_agree(report);
	int64_t *captured = calloc(report->trace_count + 1, sizeof *captured);
	size_t count = 0, different = 0;
	int64_t inside = 0;
	if (captured == NULL)
		return false;
	for (size_t t = 0; t < report->trace_count; t++)
		if (report->traces[t].error == NULL && report->traces[t].rank >= 0)
			captured[count++] = report->traces[t].rank;
	if (count > 1)
		qsort(captured, count, sizeof *captured, rank_compare);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || captured[i] != captured[different - 1]) {
			captured[different++] = captured[i];
			inside += captured[i] < ranks->world_size;
		}
	ranks->captured = (int64_t)different;
	bool ok = true;
	if (is_each_known && ranks->world_size > inside) {
		ranks->missing_count = ranks->world_size - inside;
		ok = ranks_name_missing(report, captured, different);
	}
	free(captured);
	return ok;
}
