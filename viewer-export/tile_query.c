/* SPDX-License-Identifier: MIT */
#include "viewer-export/tile_query.h"

#include "base/array.h"

#include <stdlib.h>

enum {
	READ_ROWS_MAX = 1 << 18,	/* for one answer */
	MARGIN_ROWS = 2048,		/* on both sides, where zones are not known yet */
	PROBE_ROWS = 64,		/* ids may have holes */
};

/* Slices while they are collected: of the track, a little more than what was asked for. */
struct found {
	struct tile_slice *list;
	size_t count;
	size_t room;
};

static bool found_add(struct tile_trace *trace, struct found *found, size_t source,
		      const struct tile_span *span, struct error *error)
{
	struct tile_slice *list =
		array_grow(found->list, &found->room, found->count, sizeof list[0]);
	if (list == NULL)
		return tile_no_memory(trace, error);
	found->list = list;
	list[found->count++] = (struct tile_slice){ .span = *span, .source = (uint32_t)source };
	return true;
}

static bool found_add_all(struct tile_trace *trace, struct found *found, size_t source,
			  const struct tile_query *query, const struct tile_spans *spans,
			  struct error *error)
{
	for (size_t i = 0; i < spans->count; i++)
		if (spans->list[i].group == query->group &&
		    !found_add(trace, found, source, &spans->list[i], error))
			return false;
	return true;
}

/* The first row that begins at `time_ns` or later, if the table were in order. */
static bool row_search(struct tile_trace *trace, size_t source, int64_t time_ns, int64_t *row,
		       struct error *error)
{
	const struct tile_source *from = &trace->sources[source];
	int64_t low = from->first_row, high = from->last_row;
	while (high > low && (uint64_t)high - (uint64_t)low > PROBE_ROWS) {
		int64_t middle = (int64_t)((uint64_t)low + ((uint64_t)high - (uint64_t)low) / 2);
		struct tile_spans probe = { .list = NULL };
		bool ok = tile_read_rows(trace, trace->reader, source, middle,
					 middle + PROBE_ROWS - 1, &probe, error);
		bool is_before = probe.count > 0 && probe.list[0].start_ns < time_ns;
		free(probe.list);
		if (!ok)
			return false;
		if (is_before)
			low = middle;
		else
			high = middle;
	}
	*row = low;
	return true;
}

/* What the source holds of the time, before its zones are known; false in *fits: too many rows. */
static bool found_guess(struct tile_trace *trace, const struct tile_query *query, size_t source,
			struct found *found, int64_t *rows_left, bool *fits, struct error *error)
{
	const struct tile_source *from = &trace->sources[source];
	struct tile_spans spans = { .list = NULL };
	int64_t first, last;
	if (from->last_row < from->first_row)
		return true;
	if (!row_search(trace, source, query->start_ns, &first, error) ||
	    !row_search(trace, source, query->end_ns, &last, error))
		return false;
	first = first - from->first_row > MARGIN_ROWS ? first - MARGIN_ROWS : from->first_row;
	last = from->last_row - last > MARGIN_ROWS + PROBE_ROWS ? last + MARGIN_ROWS + PROBE_ROWS :
								   from->last_row;
	*rows_left -= last - first + 1;
	*fits = *rows_left >= 0;
	if (!*fits)
		return true;
	bool ok = tile_read_rows(trace, trace->reader, source, first, last, &spans, error) &&
		  found_add_all(trace, found, source, query, &spans, error);
	free(spans.list);
	return ok;
}

static bool found_read(struct tile_trace *trace, const struct tile_query *query,
		       struct found *found, struct error *error)
{
	for (size_t i = 0; i < span_source_count; i++) {
		struct tile_spans spans = { .list = NULL };
		if (span_sources[i].family != query->family)
			continue;
		bool ok = tile_gather(trace, i, query->start_ns, query->end_ns, &spans, error) &&
			  found_add_all(trace, found, i, query, &spans, error);
		free(spans.list);
		if (!ok)
			return false;
	}
	return true;
}

static bool found_guess_all(struct tile_trace *trace, const struct tile_query *query,
			    struct found *found, bool *fits, struct error *error)
{
	int64_t rows_left = READ_ROWS_MAX;
	*fits = true;
	for (size_t i = 0; *fits && i < span_source_count; i++)
		if (span_sources[i].family == query->family &&
		    !found_guess(trace, query, i, found, &rows_left, fits, error))
			return false;
	return true;
}

/* By start; what lies around others before them. */
static int slice_compare(const void *left, const void *right)
{
	const struct tile_span *a = &((const struct tile_slice *)left)->span;
	const struct tile_span *b = &((const struct tile_slice *)right)->span;
	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	if (a->end_ns != b->end_ns)
		return a->end_ns > b->end_ns ? -1 : 1;
	return (a->row > b->row) - (a->row < b->row);
}

enum { DEPTH_MAX = 512 };

/*
 * On a stream slices that overlap lie beside each other, each at the lowest depth that is free;
 * calls and ranges lie below all that are still open.
 */
static void slices_place(struct found *found, enum lane_rule rule)
{
	int64_t ends[DEPTH_MAX];
	uint32_t depth_count = 0;
	if (found->count > 1)
		qsort(found->list, found->count, sizeof found->list[0], slice_compare);
	for (size_t i = 0; i < found->count; i++) {
		struct tile_slice *slice = &found->list[i];
		uint32_t depth = 0;
		while (depth_count > 0 && ends[depth_count - 1] <= slice->span.start_ns)
			depth_count--;
		if (rule == LANE_NESTED)
			depth = depth_count;
		else
			while (depth < depth_count && ends[depth] > slice->span.start_ns)
				depth++;
		depth = depth < DEPTH_MAX ? depth : DEPTH_MAX - 1;
		if (depth == depth_count)
			depth_count++;
		ends[depth] = slice->span.end_ns;
		slice->depth = depth;
	}
}

static bool slice_is_inside(const struct tile_query *query, const struct tile_span *span)
{
	return span_touches(span->start_ns, span->end_ns, query->start_ns, query->end_ns);
}

static size_t found_count(const struct tile_query *query, const struct found *found)
{
	size_t count = 0;
	for (size_t i = 0; i < found->count; i++)
		count += slice_is_inside(query, &found->list[i].span);
	return count;
}

static void answer_slices(const struct tile_query *query, struct found *found,
			  struct tile_answer *answer)
{
	slices_place(found, span_family_rule(query->family));
	for (size_t i = 0; i < found->count; i++)
		if (slice_is_inside(query, &found->list[i].span))
			found->list[answer->slice_count++] = found->list[i];
	answer->has_slices = true;
	answer->slices = found->list;
	found->list = NULL;
}

/* The whole of the buckets that a query touches. */
static struct tile_query query_widened(const struct tile_query *query)
{
	unsigned level =
		busy_level(query->start_ns, query->end_ns, (int64_t)query->bucket_count, 0);
	struct tile_query wide = *query;
	wide.start_ns = (int64_t)((uint64_t)(query->start_ns >> level) << level);
	wide.end_ns = (int64_t)((uint64_t)(((query->end_ns - 1) >> level) + 1) << level);
	return wide;
}

static bool answer_begin_buckets(struct tile_trace *trace, const struct tile_query *query,
				 unsigned level, struct tile_answer *answer, struct error *error)
{
	level = busy_level(query->start_ns, query->end_ns, (int64_t)query->bucket_count, level);
	answer->level = level;
	answer->first = query->start_ns >> level;
	answer->bucket_count = (size_t)(((query->end_ns - 1) >> level) - answer->first) + 1;
	answer->buckets = calloc(answer->bucket_count, sizeof answer->buckets[0]);
	return answer->buckets != NULL || tile_no_memory(trace, error);
}

static bool answer_fill(struct tile_trace *trace, const struct tile_query *query,
			const struct found *found, struct tile_answer *answer, struct error *error)
{
	struct busy_span *spans = malloc((found->count + 1) * sizeof spans[0]);
	if (spans == NULL)
		return tile_no_memory(trace, error);
	for (size_t i = 0; i < found->count; i++)
		spans[i] = (struct busy_span){ found->list[i].span.start_ns,
					       found->list[i].span.end_ns,
					       found->list[i].span.name };
	bool ok = answer_begin_buckets(trace, query, 0, answer, error);
	if (ok)
		busy_fill(answer->buckets, answer->bucket_count, answer->first, answer->level,
			  spans, found->count);
	free(spans);
	return ok;
}

static const struct busy *busy_of(const struct tile_trace *trace, const struct tile_query *query)
{
	const struct tile_family *family = &trace->families[query->family];
	return query->group < family->busy_count && family->busy[query->group].buckets != NULL ?
		       &family->busy[query->group] : NULL;
}

static bool answer_merge(struct tile_trace *trace, const struct tile_query *query,
			 struct tile_answer *answer, struct error *error)
{
	const struct busy *busy = busy_of(trace, query);
	const struct busy_grid *grid = &trace->grid;
	if (!answer_begin_buckets(trace, query, grid->level, answer, error))
		return false;
	unsigned up = answer->level - grid->level;
	for (size_t i = 0; busy != NULL && i < answer->bucket_count; i++) {
		/* The buckets of the grid that lie in this one; some may lie beyond the grid. */
		int64_t from = (int64_t)((uint64_t)(answer->first + (int64_t)i) << up) -
			       grid->first;
		int64_t end = from + (INT64_C(1) << up);
		from = from < 0 ? 0 : from;
		end = end > (int64_t)grid->count ? (int64_t)grid->count : end;
		for (int64_t at = from; at < end; at++)
			busy_bucket_merge(&answer->buckets[i], &busy->buckets[at]);
	}
	return true;
}

/* Slices that begin in the buckets that the time touches: a bound for what is to be read. */
static size_t slices_expected(const struct tile_trace *trace, const struct tile_query *query)
{
	const struct busy *busy = busy_of(trace, query);
	int64_t from = busy_grid_bucket(&trace->grid, query->start_ns);
	int64_t last = busy_grid_bucket(&trace->grid, query->end_ns - 1);
	size_t count = 0;
	from = from < 0 ? 0 : from;
	last = last >= (int64_t)trace->grid.count ? (int64_t)trace->grid.count - 1 : last;
	/* Those at the ends lie outside in part: they count only where they are not all. */
	int64_t edge = last - from > 2 ? 1 : 0;
	for (int64_t at = from + edge; busy != NULL && at <= last - edge; at++)
		count += busy->buckets[at].count;
	return count;
}

static int64_t rows_to_read(const struct tile_trace *trace, const struct tile_query *query)
{
	int64_t rows = 0;
	for (size_t i = 0; i < span_source_count; i++)
		if (span_sources[i].family == query->family)
			rows += tile_gather_rows(trace, i, query->start_ns, query->end_ns);
	return rows;
}

/* What a spot shows of one track. */
struct spot_share {
	int64_t first_ns;	/* its first start there, and its last end */
	int64_t last_ns;
	int64_t thousandths;	/* of that time it was busy */
	uint32_t count;
	const struct tile_span *longest;	/* NULL: none of its spans is there */
};

static struct spot_share spot_share_of(const struct tile_source *source,
				       const struct tile_spot *spot, uint32_t group)
{
	struct spot_share share = { .first_ns = INT64_MAX, .last_ns = INT64_MIN };
	int64_t busy_ns = 0;
	for (size_t i = spot->first; i < spot->first + spot->count; i++) {
		const struct tile_span *span = &source->samples[i];
		if (span->group != group)
			continue;
		int64_t length_ns = span->end_ns - span->start_ns;
		/* Cut to what may lie in all spots together: times of a damaged file are any. */
		length_ns = length_ns < INT64_MAX / 128 ? length_ns : INT64_MAX / 128;
		busy_ns += length_ns;
		share.first_ns = span->start_ns < share.first_ns ? span->start_ns : share.first_ns;
		share.last_ns = span->end_ns > share.last_ns ? span->end_ns : share.last_ns;
		share.count++;
		if (share.longest == NULL ||
		    length_ns > share.longest->end_ns - share.longest->start_ns)
			share.longest = span;
	}
	if (share.longest == NULL) {
		share.first_ns = spot->first_ns;
		return share;
	}
	/* One span says nothing of how often there is one: that the spot's whole time does. */
	int64_t window_ns = share.count > 1 ? share.last_ns - share.first_ns : spot->window_ns;
	share.thousandths = busy_ns / (window_ns / 1000 + 1);
	share.thousandths = share.thousandths > 1000 ? 1000 : share.thousandths;
	return share;
}

/* Each bucket is as busy as the spot at or before it; behind the last one there is nothing. */
static void answer_estimate_source(const struct tile_trace *trace, size_t source, uint32_t group,
				   struct tile_answer *answer)
{
	const struct tile_source *from = &trace->sources[source];
	int64_t width_ns = INT64_C(1) << answer->level;
	size_t at = 0;
	if (from->spot_count == 0)
		return;
	struct spot_share share = spot_share_of(from, &from->spots[0], group), after;
	after = from->spot_count > 1 ? spot_share_of(from, &from->spots[1], group) : share;
	for (size_t i = 0; i < answer->bucket_count; i++) {
		struct busy_bucket *bucket = &answer->buckets[i];
		int64_t start_ns = (int64_t)((uint64_t)(answer->first + (int64_t)i)
					     << answer->level);
		while (at + 1 < from->spot_count && after.first_ns < start_ns + width_ns) {
			share = after;
			if (++at + 1 < from->spot_count)
				after = spot_share_of(from, &from->spots[at + 1], group);
		}
		if (share.longest == NULL || start_ns + width_ns <= share.first_ns ||
		    (at + 1 == from->spot_count && start_ns >= share.last_ns))
			continue;
		struct busy_bucket guess = { .busy_ns = width_ns / 1000 * share.thousandths,
					     .name = share.longest->name, .count = share.count };
		guess.longest_ns = guess.busy_ns;
		busy_bucket_merge(bucket, &guess);
		bucket->busy_ns = bucket->busy_ns > width_ns ? width_ns : bucket->busy_ns;
	}
}

static bool answer_estimate(struct tile_trace *trace, const struct tile_query *query,
			    struct tile_answer *answer, struct error *error)
{
	if (!answer_begin_buckets(trace, query, 10, answer, error))
		return false;
	for (size_t i = 0; i < span_source_count; i++)
		if (span_sources[i].family == query->family)
			answer_estimate_source(trace, i, query->group, answer);
	return true;
}

static bool answer_found(struct tile_trace *trace, const struct tile_query *query,
			 struct found *found, struct tile_answer *answer, struct error *error)
{
	if (query->slice_count > 0 && found_count(query, found) <= query->slice_count) {
		answer_slices(query, found, answer);
		return true;
	}
	return answer_fill(trace, query, found, answer, error);
}

bool tile_query_answer(struct tile_trace *trace, const struct tile_query *query,
		       struct tile_answer *answer, struct error *error)
{
	struct found found = { .list = NULL };
	struct tile_query wide = query_widened(query);
	bool fits, ok;
	*answer = (struct tile_answer){ .is_exact = trace->families[query->family].is_exact };
	if (answer->is_exact) {
		bool is_fine = (query->end_ns - query->start_ns) >> trace->grid.level <
			       (int64_t)query->bucket_count;
		fits = (is_fine || (query->slice_count > 0 &&
				    slices_expected(trace, query) <= query->slice_count)) &&
		       rows_to_read(trace, &wide) <= READ_ROWS_MAX;
		ok = !fits || found_read(trace, &wide, &found, error);
	} else {
		ok = found_guess_all(trace, &wide, &found, &fits, error);
	}
	if (ok && fits)
		ok = answer_found(trace, query, &found, answer, error);
	else if (ok)
		ok = answer->is_exact ? answer_merge(trace, query, answer, error) :
					answer_estimate(trace, query, answer, error);
	free(found.list);
	return ok;
}

void tile_answer_end(struct tile_answer *answer)
{
	free(answer->slices);
	free(answer->buckets);
	*answer = (struct tile_answer){ .slices = NULL };
}
