/* SPDX-License-Identifier: MIT */
#include "viewer-export/tile_scan.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH_ROWS = 4096, RESOLVE_BUCKETS = 256, FAMILY_SOURCES_MAX = 4 };

/* A row that was read and not yet taken. */
struct scan_row {
	size_t source;
	int64_t row_id;
	union span_row row;
};

struct scan_source {
	size_t source;
	struct trace_cursor *cursor;
	union span_row row;		/* the next one */
	int64_t start_ns;
	bool has_row;
	int64_t taken;			/* rows */
};

struct scan {
	struct tile_trace *trace;
	struct trace_reader *reader;
	const atomic_bool *stop;
	enum span_family family;
	struct scan_source sources[FAMILY_SOURCES_MAX];
	size_t source_count;
	struct scan_row *batch;
	struct error *error;
};

static bool scan_is_stopped(const struct scan *scan)
{
	return atomic_load(scan->stop);
}

static bool source_advance(struct scan *scan, struct scan_source *source)
{
	int result = trace_cursor_next(source->cursor, &source->row, scan->error);
	source->has_row = result == 1;
	if (source->has_row)
		source->start_ns =
			span_of_row(&span_sources[source->source], &source->row).start_ns;
	return result >= 0;
}

/* The tables lie nearly in order, so the one that is behind in time goes on. */
static bool batch_read(struct scan *scan, size_t *count)
{
	*count = 0;
	while (*count < BATCH_ROWS) {
		struct scan_source *next = NULL;
		for (size_t i = 0; i < scan->source_count; i++) {
			struct scan_source *source = &scan->sources[i];
			if (source->has_row && (next == NULL || source->start_ns < next->start_ns))
				next = source;
		}
		if (next == NULL)
			return true;
		scan->batch[*count].source = (size_t)(next - scan->sources);
		scan->batch[*count].row_id = trace_cursor_row_id(next->cursor);
		scan->batch[(*count)++].row = next->row;
		if (!source_advance(scan, next))
			return false;
	}
	return true;
}

static struct tile_zone *zone_of_row(struct tile_source *source, const struct scan_source *from,
				     int64_t row_id)
{
	if (from->taken % TILE_BLOCK_ROWS != 0)
		return &source->zones[source->zone_count - 1];
	struct tile_zone *zones =
		array_grow(source->zones, &source->zone_room, source->zone_count, sizeof zones[0]);
	if (zones == NULL)
		return NULL;
	source->zones = zones;
	zones[source->zone_count] = (struct tile_zone){
		.first_row = row_id, .first_ns = INT64_MAX, .last_ns = INT64_MIN,
		.correlation_min = INT64_MAX, .correlation_max = INT64_MIN,
	};
	return &zones[source->zone_count++];
}

static void zone_widen(struct tile_zone *zone, const struct tile_span *span, int64_t correlation_id)
{
	zone->first_ns = span->start_ns < zone->first_ns ? span->start_ns : zone->first_ns;
	zone->last_ns = span->end_ns > zone->last_ns ? span->end_ns : zone->last_ns;
	if (correlation_id == 0)
		return;
	if (correlation_id < zone->correlation_min)
		zone->correlation_min = correlation_id;
	if (correlation_id > zone->correlation_max)
		zone->correlation_max = correlation_id;
}

/* All tracks of the trace move to a grid of `count` buckets that holds these times, too. */
static bool grid_widen(struct tile_trace *trace, int64_t first_ns, int64_t last_ns, size_t count)
{
	struct busy_grid grid = busy_grid_widened(&trace->grid, first_ns, last_ns, count);
	if (grid.level != trace->grid.level || grid.first != trace->grid.first ||
	    grid.count != trace->grid.count)
		for (int i = 0; i < FAMILY_COUNT; i++)
			for (size_t k = 0; k < trace->families[i].busy_count; k++)
				if (!busy_widen(&trace->families[i].busy[k], &trace->grid, &grid))
					return false;
	trace->grid = grid;
	return true;
}

/* Many tracks share the memory: each gets fewer buckets. */
static bool grid_fit(struct tile_trace *trace)
{
	size_t count = trace->grid.count;
	while (count > TILE_BUCKETS_MIN && count * trace->group_count > trace->buckets_max)
		count /= 2;
	return count == trace->grid.count ||
	       grid_widen(trace, trace->grid.first_ns, trace->grid.last_ns, count);
}

static struct busy *busy_of_group(struct tile_family *family, uint32_t group)
{
	while (family->busy_count <= group) {
		struct busy *busy = array_grow(family->busy, &family->busy_room, family->busy_count,
					       sizeof busy[0]);
		if (busy == NULL)
			return NULL;
		family->busy = busy;
		busy[family->busy_count++] = (struct busy){ .buckets = NULL };
	}
	return &family->busy[group];
}

static bool span_count_in(struct scan *scan, const struct tile_span *span)
{
	struct tile_trace *trace = scan->trace;
	struct busy_span busy_span = { span->start_ns, span->end_ns, span->name };
	survey_widen(&trace->survey, span->start_ns, span->end_ns);
	if (scan->family == FAMILY_GAUGE)
		return true;
	if ((span->start_ns < trace->grid.first_ns || span->end_ns > trace->grid.last_ns) &&
	    !grid_widen(trace, span->start_ns, span->end_ns, trace->grid.count))
		return false;
	struct busy *busy = busy_of_group(&trace->families[scan->family], span->group);
	return busy != NULL && (busy->buckets != NULL || grid_fit(trace)) &&
	       busy_add(busy, &trace->grid, &busy_span);
}

static bool batch_take(struct scan *scan, size_t count)
{
	struct tile_trace *trace = scan->trace;
	for (size_t i = 0; i < count; i++) {
		const struct scan_row *row = &scan->batch[i];
		struct scan_source *from = &scan->sources[row->source];
		struct tile_source *source = &trace->sources[from->source];
		struct tile_zone *zone = zone_of_row(source, from, row->row_id);
		struct tile_span span;
		bool is_shown;
		if (zone == NULL || !tile_span_of_row(trace, from->source, &row->row, row->row_id,
						      &span, &is_shown))
			return tile_no_memory(trace, scan->error);
		from->taken++;
		if (!is_shown)
			continue;
		zone_widen(zone, &span,
			   span_correlation(&span_sources[from->source], &row->row));
		if (!span_count_in(scan, &span))
			return tile_no_memory(trace, scan->error);
	}
	trace->rows_scanned += (int64_t)count;
	return true;
}

static bool family_open(struct scan *scan)
{
	scan->source_count = 0;
	for (size_t i = 0; i < span_source_count; i++) {
		const struct tile_source *from = &scan->trace->sources[i];
		if (span_sources[i].family != scan->family || from->last_row < from->first_row)
			continue;
		struct scan_source *source = &scan->sources[scan->source_count++];
		*source = (struct scan_source){ .source = i };
		if (!trace_reader_select_rows(scan->reader, span_sources[i].table,
					      tile_source_columns(i), from->first_row,
					      from->last_row, &source->cursor, scan->error) ||
		    !source_advance(scan, source))
			return false;
	}
	return true;
}

static bool family_read(struct scan *scan)
{
	for (size_t count = 1; count > 0 && !scan_is_stopped(scan);) {
		if (!batch_read(scan, &count))
			return false;
		(void)pthread_mutex_lock(&scan->trace->lock);
		bool ok = batch_take(scan, count);
		(void)pthread_mutex_unlock(&scan->trace->lock);
		if (!ok)
			return false;
	}
	return true;
}

/* The first marked bucket of any track of the family, from `at` on; the grid's count if none is. */
static size_t next_marked(const struct tile_family *family, const struct busy_grid *grid, size_t at)
{
	size_t first = grid->count;
	for (size_t k = 0; k < family->busy_count; k++)
		for (size_t i = at; i < first; i++)
			if (busy_is_marked(&family->busy[k], i)) {
				first = i;
				break;
			}
	return first;
}

/* The family's spans that touch [first_ns, end_ns); under the lock. */
static bool spans_gather(struct scan *scan, int64_t first_ns, int64_t end_ns,
			 struct tile_spans *spans)
{
	for (size_t s = 0; s < scan->source_count; s++)
		if (!tile_gather(scan->trace, scan->sources[s].source, first_ns, end_ns, spans,
				 scan->error))
			return false;
	return true;
}

static bool group_resolve(struct scan *scan, uint32_t group, size_t first, size_t count,
			  const struct tile_spans *spans, struct busy_span *room)
{
	struct busy *busy = &scan->trace->families[scan->family].busy[group];
	const struct busy_grid *grid = &scan->trace->grid;
	struct busy_bucket buckets[RESOLVE_BUCKETS];
	size_t used = 0;
	for (size_t i = 0; i < spans->count; i++)
		if (spans->list[i].group == group)
			room[used++] = (struct busy_span){ spans->list[i].start_ns,
							   spans->list[i].end_ns,
							   spans->list[i].name };
	busy_fill(buckets, count, grid->first + (int64_t)first, grid->level, room, used);
	for (size_t i = 0; i < count; i++)
		if (busy_is_marked(busy, first + i)) {
			busy->buckets[first + i] = buckets[i];
			busy_clear_mark(busy, first + i);
		}
	return true;
}

/* Up to RESOLVE_BUCKETS neighbouring buckets at once; under the lock. */
static bool marked_resolve(struct scan *scan, size_t first, size_t *next)
{
	struct tile_trace *trace = scan->trace;
	struct tile_family *family = &trace->families[scan->family];
	const struct busy_grid *grid = &trace->grid;
	struct tile_spans spans = { .list = NULL };
	size_t last = first;
	for (size_t at = first; at < grid->count && at - first < RESOLVE_BUCKETS &&
				at - last <= 1; at = next_marked(family, grid, at + 1))
		last = at;
	bool ok = spans_gather(scan, busy_grid_start_ns(grid, first),
			       busy_grid_start_ns(grid, last + 1), &spans);
	struct busy_span *room = malloc((spans.count + 1) * sizeof room[0]);
	if (ok && room == NULL)
		ok = tile_no_memory(trace, scan->error);
	for (uint32_t group = 0; ok && group < family->busy_count; group++)
		if (family->busy[group].buckets != NULL &&
		    next_marked(&(struct tile_family){ .busy = &family->busy[group],
						       .busy_count = 1 }, grid, first) <= last)
			ok = group_resolve(scan, group, first, last - first + 1, &spans, room);
	free(room);
	free(spans.list);
	*next = last + 1;
	return ok;
}

/* Another thread's family may have moved all tracks to another grid. */
static bool grid_is(const struct busy_grid *grid, const struct busy_grid *before)
{
	return grid->level == before->level && grid->first == before->first &&
	       grid->count == before->count;
}

static bool family_settle(struct scan *scan)
{
	struct tile_trace *trace = scan->trace;
	struct tile_family *family = &trace->families[scan->family];
	bool ok = true;
	(void)pthread_mutex_lock(&trace->lock);
	for (size_t i = 0; i < family->busy_count; i++)
		if (family->busy[i].buckets != NULL)
			busy_finish(&family->busy[i], &trace->grid);
	struct busy_grid before = trace->grid;
	size_t at = next_marked(family, &trace->grid, 0);
	while (ok && at < trace->grid.count && !scan_is_stopped(scan)) {
		ok = marked_resolve(scan, at, &at);
		/* Those who ask are let in between. */
		(void)pthread_mutex_unlock(&trace->lock);
		(void)pthread_mutex_lock(&trace->lock);
		at = next_marked(family, &trace->grid, grid_is(&trace->grid, &before) ? at : 0);
		before = trace->grid;
	}
	family->is_exact = ok && !scan_is_stopped(scan);
	(void)pthread_mutex_unlock(&trace->lock);
	return ok;
}

static bool family_scan(struct scan *scan)
{
	bool ok = family_open(scan) && family_read(scan) &&
		  (scan_is_stopped(scan) || family_settle(scan));
	for (size_t i = 0; i < scan->source_count; i++)
		trace_cursor_close(scan->sources[i].cursor);
	return ok;
}

/* What people look at first. */
static const enum span_family scan_order[] = {
	FAMILY_WORK, FAMILY_GAUGE, FAMILY_CALL, FAMILY_RANGE, FAMILY_GRAPH, FAMILY_PROJECTED,
	FAMILY_COLLECTIVE, FAMILY_SYNC, FAMILY_EVENT, FAMILY_OVERHEAD, FAMILY_HOST,
};
_Static_assert(sizeof scan_order / sizeof scan_order[0] == FAMILY_COUNT, "all are scanned");

static bool family_has_rows(const struct tile_trace *trace, enum span_family family)
{
	for (size_t i = 0; i < span_source_count; i++)
		if (span_sources[i].family == family &&
		    trace->sources[i].first_row <= trace->sources[i].last_row)
			return true;
	return false;
}

bool tile_trace_scan(struct tile_trace *trace, size_t part, const atomic_bool *stop,
		     bool *is_last, struct error *error)
{
	struct scan scan = {
		.trace = trace, .stop = stop, .error = error, .family = scan_order[part],
	};
	bool ok = true;
	if (family_has_rows(trace, scan.family)) {
		scan.batch = malloc(BATCH_ROWS * sizeof scan.batch[0]);
		ok = scan.batch != NULL || tile_no_memory(trace, error);
		ok = ok && trace_reader_open(&scan.reader, trace_reader_path(trace->reader),
					     error) && family_scan(&scan);
	}
	trace_reader_close(scan.reader);
	free(scan.batch);
	(void)pthread_mutex_lock(&trace->lock);
	trace->families[scan.family].is_exact = ok && !scan_is_stopped(&scan);
	trace->families_scanned += ok && !scan_is_stopped(&scan);
	*is_last = trace->families_scanned == FAMILY_COUNT;
	trace->is_scanned = *is_last;
	if (!ok && !trace->has_failed)
		trace->error = *error;
	trace->has_failed = trace->has_failed || !ok;
	(void)pthread_mutex_unlock(&trace->lock);
	return ok;
}
