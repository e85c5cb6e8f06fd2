/* SPDX-License-Identifier: MIT */
#include "viewer-export/tile_trace.h"

#include "base/arena.h"
#include "base/array.h"
#include "viewer-export/export.h"

#include <stdlib.h>
#include <string.h>

enum { SPOT_ROWS = 64, NAME_TEXTS_BYTES_MAX = 1 << 30 };

/* What tells names apart in a table: rows that agree in it bear the same name. */
#define BIT(table, column) COLUMN_BIT(table, column)

static uint64_t name_columns(enum trace_table table)
{
	static const uint64_t columns[TABLE_COUNT] = {
		[TABLE_kernel] = BIT(kernel, kernel_id),
		[TABLE_memcpy] = BIT(memcpy, direction) | BIT(memcpy, source_memory) |
				 BIT(memcpy, destination_memory),
		[TABLE_memset] = BIT(memset, memory),
		[TABLE_api_call] = BIT(api_call, name_id) | BIT(api_call, api),
		[TABLE_synchronization] = BIT(synchronization, kind),
		[TABLE_cuda_event] = BIT(cuda_event, event_id),
		[TABLE_graph_launch] = BIT(graph_launch, graph_id),
		[TABLE_range] = BIT(range, name_id) | BIT(range, kind) | BIT(range, domain_id),
		[TABLE_mark] = BIT(mark, name_id),
		[TABLE_gpu_range] = BIT(gpu_range, name_id),
		[TABLE_collective] = BIT(collective, operation_id),
		[TABLE_overhead] = BIT(overhead, name_id),
	};
	return columns[table];
}

static uint64_t join(int64_t high, int64_t low)
{
	return (uint64_t)high << 24 ^ (uint64_t)low;
}

static uint64_t name_key(enum trace_table table, const union span_row *row)
{
	/* Others are counters. */
	if (table == TABLE_kernel)
		return (uint64_t)row->kernel.kernel_id;
	if (table == TABLE_memcpy)
		return join(row->memcpy.direction,
			    row->memcpy.source_memory << 12 ^ row->memcpy.destination_memory);
	if (table == TABLE_memset)
		return (uint64_t)row->memset.memory;
	if (table == TABLE_api_call)
		return join(row->call.name_id, row->call.api);
	if (table == TABLE_synchronization)
		return (uint64_t)row->synchronization.kind;
	if (table == TABLE_cuda_event)
		return (uint64_t)row->event.event_id;
	if (table == TABLE_graph_launch)
		return (uint64_t)row->graph.graph_id;
	if (table == TABLE_range)
		return join(row->range.name_id, row->range.domain_id << 2 ^ row->range.kind);
	if (table == TABLE_mark)
		return (uint64_t)row->mark.name_id;
	if (table == TABLE_gpu_range)
		return (uint64_t)row->projected.name_id;
	if (table == TABLE_collective)
		return (uint64_t)row->collective.operation_id;
	return table == TABLE_overhead ? (uint64_t)row->overhead.name_id : 0;
}

uint64_t tile_source_columns(size_t source)
{
	const struct span_source *from = &span_sources[source];
	uint64_t correlation =
		from->correlation_column < 0 ? 0 : UINT64_C(1) << from->correlation_column;
	return from->columns | name_columns(from->table) | correlation;
}

bool tile_no_memory(const struct tile_trace *trace, struct error *error)
{
	return fail(error, ERROR_SYSTEM, "no memory to show '%s'",
		    trace_reader_path(trace->reader));
}

/* A mix of the key and its source: a name is one of a million, its number tells which. */
static bool name_take(struct tile_trace *trace, size_t source, uint64_t key, int64_t row_id,
		      uint32_t *number)
{
	struct { uint64_t source, key; } whole = { source, key };
	uint64_t mixed = bytes_hash(&whole, sizeof whole);
	int64_t found;
	*number = 0;
	if (id_map_get(&trace->name_numbers, mixed, &found)) {
		*number = (uint32_t)found;
		return true;
	}
	if (trace->name_count >= TILE_NAMES_MAX)
		return true;
	struct tile_name *names = array_grow(trace->names, &trace->name_room, trace->name_count,
					     sizeof names[0]);
	if (names == NULL)
		return false;
	trace->names = names;
	names[trace->name_count] = (struct tile_name){ .source = source, .row = row_id };
	*number = (uint32_t)trace->name_count;
	return id_map_put(&trace->name_numbers, mixed, (int64_t)trace->name_count++);
}

bool tile_span_of_row(struct tile_trace *trace, size_t source, const union span_row *row,
		      int64_t row_id, struct tile_span *span, bool *is_shown)
{
	const struct span_source *what = &span_sources[source];
	struct group_set *groups = &trace->survey.groups[what->family];
	struct span_key key = what->key(row);
	struct span times = span_of_row(what, row);
	*span = (struct tile_span){ .start_ns = times.start_ns, .end_ns = times.end_ns,
				    .row = row_id };
	*is_shown = span_is_timed(what, row);
	if (!*is_shown)
		return true;
	if (!group_set_find(groups, key, &span->group)) {
		if (trace->group_count >= TILE_GROUPS_MAX) {
			trace->spans_left_out++;
			*is_shown = false;
			return true;
		}
		if (!group_set_take(groups, key, &span->group) ||
		    !lane_set_touch_group(&trace->survey.lanes[what->family], span->group))
			return false;
		trace->group_count++;
	}
	return what->family == FAMILY_GAUGE ||
	       name_take(trace, source, name_key(what->table, row), row_id, &span->name);
}

bool tile_read_rows(struct tile_trace *trace, struct trace_reader *reader, size_t source,
		    int64_t first_row, int64_t last_row, struct tile_spans *spans,
		    struct error *error)
{
	struct trace_cursor *cursor = NULL;
	union span_row row;
	int result = 0;
	if (!trace_reader_select_rows(reader, span_sources[source].table,
				      tile_source_columns(source), first_row, last_row, &cursor,
				      error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) > 0) {
		bool is_shown;
		struct tile_span *list =
			array_grow(spans->list, &spans->room, spans->count, sizeof list[0]);
		if (list != NULL)
			spans->list = list;
		if (list == NULL ||
		    !tile_span_of_row(trace, source, &row, trace_cursor_row_id(cursor),
				      &list[spans->count], &is_shown)) {
			(void)tile_no_memory(trace, error);
			result = -1;
			break;
		}
		spans->count += is_shown;
	}
	trace_cursor_close(cursor);
	return result == 0;
}

static int64_t zone_end_row(const struct tile_source *source, size_t zone)
{
	return zone + 1 < source->zone_count ? source->zones[zone + 1].first_row :
					       source->last_row + 1;
}

bool tile_read_block(struct tile_trace *trace, size_t source, size_t zone,
		     const struct tile_span **spans, size_t *count, struct error *error)
{
	const struct tile_source *from = &trace->sources[source];
	struct tile_block *block = &trace->blocks[(zone * SPAN_SOURCES_MAX + source) %
						  trace->block_count];
	if (block->spans == NULL || block->source != source || block->zone != zone) {
		struct tile_spans read = { .list = NULL };
		free(block->spans);
		block->spans = NULL;
		if (!tile_read_rows(trace, trace->reader, source, from->zones[zone].first_row,
				    zone_end_row(from, zone) - 1, &read, error)) {
			free(read.list);
			return false;
		}
		*block = (struct tile_block){ source, zone, read.list, read.count };
	}
	*spans = block->spans;
	*count = block->count;
	return true;
}

int64_t tile_gather_rows(const struct tile_trace *trace, size_t source, int64_t first_ns,
			 int64_t end_ns)
{
	const struct tile_source *from = &trace->sources[source];
	int64_t rows = 0;
	for (size_t zone = 0; zone < from->zone_count; zone++)
		if (span_touches(from->zones[zone].first_ns, from->zones[zone].last_ns, first_ns,
			    end_ns))
			rows += TILE_BLOCK_ROWS;
	return rows;
}

bool tile_gather(struct tile_trace *trace, size_t source, int64_t first_ns, int64_t end_ns,
		 struct tile_spans *spans, struct error *error)
{
	const struct tile_source *from = &trace->sources[source];
	for (size_t zone = 0; zone < from->zone_count; zone++) {
		const struct tile_span *block;
		size_t count;
		if (!span_touches(from->zones[zone].first_ns, from->zones[zone].last_ns, first_ns,
			     end_ns))
			continue;
		if (!tile_read_block(trace, source, zone, &block, &count, error))
			return false;
		for (size_t i = 0; i < count; i++) {
			if (!span_touches(block[i].start_ns, block[i].end_ns, first_ns, end_ns))
				continue;
			struct tile_span *list =
				array_grow(spans->list, &spans->room, spans->count, sizeof list[0]);
			if (list == NULL)
				return tile_no_memory(trace, error);
			spans->list = list;
			list[spans->count++] = block[i];
		}
	}
	return true;
}

static bool name_resolve(struct tile_trace *trace, size_t source, int64_t row,
			 struct tile_name *name, struct error *error)
{
	const struct tile_description *description;
	if (!tile_describe_row(trace->describer, source, row, false, &description, error))
		return false;
	const char *text = description == NULL ? "" : text_string(&description->name);
	const char *category = description == NULL ? "" : text_string(&description->category);
	name->name = arena_copy_text(trace->name_texts, text, strlen(text));
	name->category = arena_copy_text(trace->name_texts, category, strlen(category));
	name->color = description == NULL ? NULL : description->color;
	if (name->name == NULL || name->category == NULL)
		return tile_no_memory(trace, error);
	name->is_resolved = true;
	return true;
}

bool tile_name_of(struct tile_trace *trace, size_t source, const struct tile_span *span,
		  const struct tile_name **name, struct error *error)
{
	struct tile_name *found = &trace->names[span->name];
	*name = found;
	/* Number 0 is what no number was left for. */
	if (span->name == 0)
		return name_resolve(trace, source, span->row, found, error);
	return found->is_resolved || name_resolve(trace, found->source, found->row, found, error);
}

static bool spot_read(struct tile_trace *trace, size_t source, int64_t first_row, int64_t last_row,
		      struct error *error)
{
	struct tile_source *from = &trace->sources[source];
	struct tile_spans read = { from->samples, from->sample_count, from->sample_room };
	size_t first = read.count;
	bool ok = tile_read_rows(trace, trace->reader, source, first_row, last_row, &read, error);
	from->samples = read.list;
	from->sample_count = read.count;
	from->sample_room = read.room;
	if (!ok || read.count == first)
		return ok;
	struct tile_spot *spot = &from->spots[from->spot_count++];
	int64_t start_ns = INT64_MAX, stop_ns = INT64_MIN;
	for (size_t i = first; i < read.count; i++) {
		const struct tile_span *span = &read.list[i];
		start_ns = span->start_ns < start_ns ? span->start_ns : start_ns;
		stop_ns = span->end_ns > stop_ns ? span->end_ns : stop_ns;
		survey_widen(&trace->survey, span->start_ns, span->end_ns);
	}
	*spot = (struct tile_spot){ first, read.count - first, start_ns, stop_ns - start_ns };
	return true;
}

static bool source_sample(struct tile_trace *trace, size_t source, size_t spot_count,
			  struct error *error)
{
	struct tile_source *from = &trace->sources[source];
	if (!trace_reader_row_bounds(trace->reader, span_sources[source].table, &from->first_row,
				     &from->last_row, error))
		return false;
	if (from->last_row < from->first_row)
		return true;
	/* Row ids of a hostile file are any numbers. */
	uint64_t rows = (uint64_t)from->last_row - (uint64_t)from->first_row;
	uint64_t apart = rows / (spot_count - 1) < SPOT_ROWS ? SPOT_ROWS : rows / (spot_count - 1);
	from->spots = calloc(spot_count + 1, sizeof from->spots[0]);
	if (from->spots == NULL)
		return tile_no_memory(trace, error);
	trace->rows_all += rows < INT64_MAX / 64 ? (int64_t)rows + 1 : INT64_MAX / 64;
	for (uint64_t i = 0, at = 0; i < spot_count && at <= rows; i++, at += apart) {
		/* The last one holds the last rows. */
		uint64_t first = i + 1 == spot_count && rows - at < apart && rows >= SPOT_ROWS ?
					 rows - SPOT_ROWS + 1 : at;
		uint64_t last = rows - first < SPOT_ROWS - 1 ? rows : first + SPOT_ROWS - 1;
		if (!spot_read(trace, source, (int64_t)((uint64_t)from->first_row + first),
			       (int64_t)((uint64_t)from->first_row + last), error))
			return false;
		if (at + apart < at)
			break;
	}
	return true;
}

/* Everything a trace says of its tracks before it is scanned. */
static bool trace_sample(struct tile_trace *trace, const struct tile_trace_options *options,
			 struct error *error)
{
	for (size_t i = 0; i < span_source_count; i++)
		if (!source_sample(trace, i, options->spot_count, error))
			return false;
	size_t room = options->buckets_bytes_max / sizeof(struct busy_bucket);
	size_t buckets = TILE_BUCKETS;
	while (buckets > TILE_BUCKETS_MIN && buckets * (trace->group_count + 1) > room)
		buckets /= 2;
	trace->buckets_max = room;
	busy_grid_begin(&trace->grid, trace->survey.first_ns, trace->survey.last_ns, buckets);
	return true;
}

static bool trace_set_up(struct tile_trace *trace, const struct tile_trace_options *options,
			 struct error *error)
{
	trace->survey = (struct survey){ .reader = trace->reader,
					 .kinds = EXPORT_ALL & ~(unsigned)EXPORT_FLOWS };
	for (int i = 0; i < FAMILY_COUNT; i++)
		lane_set_begin(&trace->survey.lanes[i], span_family_rule((enum span_family)i));
	trace->blocks = calloc(options->cached_blocks, sizeof trace->blocks[0]);
	trace->block_count = options->cached_blocks;
	trace->names = calloc(1, sizeof trace->names[0]);	/* number 0 */
	trace->name_count = trace->name_room = 1;
	trace->name_texts = arena_create(NAME_TEXTS_BYTES_MAX);
	if (trace->blocks == NULL || trace->names == NULL || trace->name_texts == NULL)
		return tile_no_memory(trace, error);
	return trace_reader_load_strings(trace->reader, error) &&
	       tile_describer_open(&trace->describer, trace->reader, &trace->survey, error) &&
	       trace_sample(trace, options, error);
}

bool tile_trace_open(struct tile_trace **out, struct trace_reader *reader,
		     const struct tile_trace_options *options, struct error *error)
{
	struct tile_trace *trace = calloc(1, sizeof *trace);
	*out = trace;
	if (trace == NULL)
		return fail(error, ERROR_SYSTEM, "no memory to show '%s'",
			    trace_reader_path(reader));
	trace->reader = reader;
	(void)pthread_mutex_init(&trace->lock, NULL);
	if (trace_set_up(trace, options, error))
		return true;
	tile_trace_close(trace);
	*out = NULL;
	return false;
}

void tile_trace_close(struct tile_trace *trace)
{
	if (trace == NULL)
		return;
	for (size_t i = 0; i < SPAN_SOURCES_MAX; i++) {
		free(trace->sources[i].zones);
		free(trace->sources[i].samples);
		free(trace->sources[i].spots);
	}
	for (size_t i = 0; i < FAMILY_COUNT; i++) {
		for (size_t k = 0; k < trace->families[i].busy_count; k++)
			busy_end(&trace->families[i].busy[k]);
		free(trace->families[i].busy);
	}
	for (size_t i = 0; trace->blocks != NULL && i < trace->block_count; i++)
		free(trace->blocks[i].spans);
	free(trace->blocks);
	free(trace->names);
	id_map_end(&trace->name_numbers);
	arena_close(trace->name_texts);
	tile_describer_close(trace->describer);
	survey_end(&trace->survey);
	(void)pthread_mutex_destroy(&trace->lock);
	free(trace);
}
