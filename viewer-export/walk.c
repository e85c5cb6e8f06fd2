/* SPDX-License-Identifier: MIT */
#include "viewer-export/walk.h"

#include "base/array.h"

#include <stdlib.h>

/* A row that must wait for the one around it. */
struct late_row {
	struct walk_span span;
	union span_row row;
	size_t sequence;
};

struct late_rows {
	struct late_row *list;
	size_t count;
	size_t room;
};

static bool (*const writers[TABLE_COUNT])(struct walk *, const struct walk_span *, const void *) = {
	[TABLE_kernel] = walk_write_kernel,
	[TABLE_memcpy] = walk_write_memcpy,
	[TABLE_memset] = walk_write_memset,
	[TABLE_graph_launch] = walk_write_graph,
	[TABLE_gpu_range] = walk_write_projected,
	[TABLE_synchronization] = walk_write_synchronization,
	[TABLE_cuda_event] = walk_write_event,
	[TABLE_range] = walk_write_range,
	[TABLE_mark] = walk_write_mark,
	[TABLE_collective] = walk_write_collective,
	[TABLE_api_call] = walk_write_call,
	[TABLE_overhead] = walk_write_overhead,
	[TABLE_host_sample] = walk_write_host_sample,
};

bool walk_no_memory(struct walk *walk)
{
	return fail(walk->error, ERROR_SYSTEM, "no memory to export '%s'",
		    trace_reader_path(walk->reader));
}

bool walk_is_in_window(const struct walk *walk, int64_t start_ns, int64_t end_ns)
{
	return !walk->has_window ||
	       span_touches(start_ns, end_ns, walk->window_start_ns, walk->window_end_ns);
}

/*
 * Labels differ by table and by up to two ids of 28 bits. Real ids are dense and fit; whatever does
 * not fit (a damaged file) shares the key 0, which is never looked up.
 */
uint64_t walk_label_key(const struct span_source *source, int64_t first, int64_t second)
{
	const int64_t limit = INT64_C(1) << 28;
	if (first < 0 || first >= limit || second < 0 || second >= limit)
		return 0;
	return (uint64_t)(source->table + 1) << 56 | (uint64_t)first << 28 | (uint64_t)second;
}

bool walk_label_add(struct walk *walk, uint64_t key, const struct export_label *label,
		    size_t *handle)
{
	return walk->target->format->label_add(walk->target->stream, key, label, handle,
					       walk->error);
}

bool walk_put_slice(struct walk *walk, const struct walk_span *span, size_t label)
{
	struct export_slice slice = {
		.track_id = span->track_id,
		.start_ns = span->start_ns,
		.duration_ns = span->end_ns - span->start_ns,
		.label = label,
		.arguments = &walk->arguments,
		.flow_id = span->flow_id,
		.flow_count = span->flow_count,
	};
	walk->target->summary->slices++;
	return walk->target->format->slice(walk->target->stream, &slice, walk->error);
}

bool walk_put_instant(struct walk *walk, const struct walk_span *span, const char *name,
		      const char *category)
{
	struct export_instant instant = {
		.track_id = span->track_id,
		.time_ns = span->start_ns,
		.name = name,
		.category = category,
		.arguments = &walk->arguments,
	};
	walk->target->summary->instants++;
	return walk->target->format->instant(walk->target->stream, &instant, walk->error);
}

static bool row_write(struct walk *walk, const struct walk_span *span, const union span_row *row)
{
	walk->arguments.count = 0;
	return writers[span->source->table](walk, span, row);
}

static bool late_keep(struct walk *walk, struct late_rows *late, const struct walk_span *span,
		      const union span_row *row)
{
	struct late_row *list = array_grow(late->list, &late->room, late->count, sizeof list[0]);
	if (list == NULL)
		return walk_no_memory(walk);
	late->list = list;
	list[late->count] = (struct late_row){ *span, *row, late->count };
	late->count++;
	return true;
}

/* By time, the outer before the inner; otherwise as they came. */
static int late_compare(const void *left, const void *right)
{
	const struct late_row *a = left, *b = right;
	if (a->span.start_ns != b->span.start_ns)
		return a->span.start_ns < b->span.start_ns ? -1 : 1;
	if (a->span.place.depth != b->span.place.depth)
		return a->span.place.depth < b->span.place.depth ? -1 : 1;
	return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

static bool late_write(struct walk *walk, struct late_rows *late)
{
	if (late->count > 1)
		qsort(late->list, late->count, sizeof late->list[0], late_compare);
	for (size_t i = 0; i < late->count; i++)
		if (!row_write(walk, &late->list[i].span, &late->list[i].row))
			return false;
	return true;
}

/* A row that is not to be written gets track 0. */
static void row_place(struct walk *walk, const struct span_source *source,
		      const union span_row *row, struct lane_cursor *cursor, struct walk_span *span)
{
	struct span times = span_of_row(source, row);
	uint32_t group;
	*span = (struct walk_span){
		.source = source,
		.start_ns = times.start_ns + walk->offset_ns,
		.end_ns = times.end_ns + walk->offset_ns,
		.index = cursor->span,
	};
	if (source->duration_column >= 0)
		span->place = lane_set_next(&walk->survey->lanes[source->family], cursor);
	if (!walk_is_in_window(walk, span->start_ns, span->end_ns) ||
	    !group_set_find(&walk->survey->groups[source->family], source->key(row), &group))
		return;
	span->track_id = walk->layout->first_tracks[source->family][group] +
			 (int64_t)span->place.lane;
	span->device = walk->layout->group_devices[source->family][group];
}

static bool source_walk_rows(struct walk *walk, size_t index, struct lane_cursor *cursor,
			     struct trace_cursor *rows, struct late_rows *late)
{
	const struct span_source *source = &span_sources[index];
	union span_row row;
	struct walk_span span;
	for (int64_t i = 0; i < walk->survey->row_counts[index]; i++) {
		int result = trace_cursor_next(rows, &row, walk->error);
		if (result <= 0)
			return result == 0;
		if (!span_is_timed(source, &row))
			continue;
		row_place(walk, source, &row, cursor, &span);
		if (span.track_id == 0)
			continue;
		if (!(span.place.is_late ? late_keep(walk, late, &span, &row) :
					   row_write(walk, &span, &row)))
			return false;
	}
	return late_write(walk, late);
}

static bool source_walk(struct walk *walk, size_t index, uint32_t series)
{
	struct lane_cursor cursor = { .series = series };
	const struct span_source *source = &span_sources[index];
	struct trace_cursor *rows = NULL;
	struct late_rows late = { .count = 0 };
	if ((walk->survey->kinds & source->kind) == 0 || source->family == FAMILY_GAUGE)
		return true;
	if (!trace_reader_select(walk->reader, source->table, 0, -1, &rows, walk->error))
		return false;
	bool ok = source_walk_rows(walk, index, &cursor, rows, &late);
	free(late.list);
	trace_cursor_close(rows);
	return ok;
}

bool walk_trace(struct walk *walk, struct error *error)
{
	uint32_t series = 0;
	bool ok = false;
	walk->error = error;
	walk->target->format->labels_forget(walk->target->stream);
	if (!gauge_set_begin(&walk->gauges, walk->layout->device_count,
			     walk->survey->first_ns + walk->offset_ns,
			     walk->survey->last_ns + walk->offset_ns)) {
		(void)walk_no_memory(walk);
		goto out;
	}
	if (!collective_set_read(&walk->collectives, walk->reader, error) ||
	    !collective_set_read_launches(&walk->collectives, error) ||
	    !walk_symbols_read(walk) || !walk_launches_count(walk))
		goto out;
	for (size_t i = 0; i < span_source_count; i++) {
		bool is_next = i > 0 && span_sources[i].family == span_sources[i - 1].family;
		series = is_next ? series + 1 : 0;
		if (!source_walk(walk, i, series))
			goto out;
	}
	ok = ((walk->survey->kinds & EXPORT_COUNTERS) == 0 || walk_write_counters(walk)) &&
	     walk_write_losses(walk);
out:
	walk_launches_end(walk);
	walk_symbols_end(walk);
	collective_set_end(&walk->collectives);
	gauge_set_end(&walk->gauges);
	return ok;
}

bool walk_write_row(struct walk *walk, const struct walk_span *span, const union span_row *row)
{
	return row_write(walk, span, row);
}
