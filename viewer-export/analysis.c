/* SPDX-License-Identifier: MIT */
#include "viewer-export/analysis.h"

#include "base/array.h"
#include "viewer-export/span.h"

#include <stdlib.h>
#include <string.h>

static bool no_memory(struct error *error)
{
	return fail(error, ERROR_SYSTEM, "no memory to draw an analysis");
}

/* Folders move: the file of that name beside the analysis, or else the file as it was named. */
static bool trace_stat(const struct analysis *analysis, const char *path, struct stat *status)
{
	const char *folder_end = strrchr(analysis->path, '/');
	const char *name = strrchr(path, '/');
	struct text beside;
	text_begin(&beside, 1 << 16);
	if (folder_end != NULL)
		text_add_bytes(&beside, analysis->path, (size_t)(folder_end - analysis->path) + 1);
	text_add(&beside, name == NULL ? path : name + 1);
	bool ok = text_is_ok(&beside) && stat(text_string(&beside), status) == 0;
	text_end(&beside);
	return ok || stat(path, status) == 0;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool analysis_file_is_as(const struct stat *file, const struct analysis_trace_row *row)
{
	int64_t changed_ns = (int64_t)file->st_mtim.tv_sec * 1000000000 + file->st_mtim.tv_nsec;
	return row->file_bytes == file->st_size && row->changed_ns == changed_ns;
}

/* One file can hold several processes: pid and epoch tell them apart. */
static bool is_trace_of(const struct analysis *analysis, const struct analysis_trace_row *row,
			const struct export_source *source)
{
	struct stat analysed, now;
	if (row->error[0] != 0 || row->pid != source->trace->pid ||
	    row->epoch_ns != source->trace->epoch_ns || stat(source->path, &now) != 0 ||
	    !trace_stat(analysis, row->path, &analysed) || !is_same_file(&analysed, &now))
		return false;
	return analysis_file_is_as(&now, row);
}

static void source_take(struct analysis *analysis, const struct export_source *sources,
			const struct analysis_trace_row *row)
{
	for (size_t i = 0; i < analysis->source_count; i++) {
		struct analysis_source *source = &analysis->sources[i];
		if (source->is_known || !is_trace_of(analysis, row, &sources[i]))
			continue;
		*source = (struct analysis_source){
			.is_known = true,
			.trace_id = row->trace_id,
			.epoch_ns = span_time_cut(row->epoch_ns),
			.offset_ns = span_time_cut(row->offset_ns),
			.is_exact = strcmp(row->clock_state, "same") == 0,
		};
		return;
	}
}

static bool sources_read(struct analysis *analysis, const struct export_source *sources,
			 struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct analysis_trace_row row;
	int result;
	if (!derived_reader_select(analysis->reader, DERIVED_analysis_trace, 0, -1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) > 0)
		source_take(analysis, sources, &row);
	trace_cursor_close(cursor);
	return result == 0;
}

static size_t source_of(const struct analysis *analysis, int64_t trace_id)
{
	for (size_t i = 0; i < analysis->source_count; i++)
		if (analysis->sources[i].is_known && analysis->sources[i].trace_id == trace_id)
			return i;
	return SIZE_MAX;
}

static bool gpu_take(struct analysis *analysis, const struct gpu_time_row *row)
{
	size_t source = source_of(analysis, row->trace_id);
	if (source == SIZE_MAX || analysis_find_gpu(analysis, row->gpu_id) != NULL)
		return true;
	struct analysis_gpu *gpus = array_grow(analysis->gpus, &analysis->gpu_room,
					       analysis->gpu_count, sizeof gpus[0]);
	if (gpus == NULL)
		return false;
	analysis->gpus = gpus;
	gpus[analysis->gpu_count] = (struct analysis_gpu){
		.gpu_id = row->gpu_id,
		.device_id = row->device_id,
		.rank = row->rank,
		.source = source,
	};
	return id_map_put(&analysis->gpu_at, (uint64_t)row->gpu_id,
			  (int64_t)analysis->gpu_count++);
}

static bool gpus_read(struct analysis *analysis, struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct gpu_time_row row;
	int result;
	uint64_t columns = COLUMN_BIT(gpu_time, gpu_id) | COLUMN_BIT(gpu_time, trace_id) |
			   COLUMN_BIT(gpu_time, rank) | COLUMN_BIT(gpu_time, device_id);
	if (!derived_reader_select(analysis->reader, DERIVED_gpu_time, columns, -1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) > 0)
		if (!gpu_take(analysis, &row)) {
			result = -1;
			(void)no_memory(error);
			break;
		}
	trace_cursor_close(cursor);
	return result == 0;
}

bool analysis_open(struct analysis **out, const char *path, const struct export_source *sources,
		   size_t count, struct error *error)
{
	*out = NULL;
	struct analysis *analysis = calloc(1, sizeof *analysis);
	if (analysis == NULL)
		return no_memory(error);
	analysis->path = path;
	analysis->source_count = count;
	analysis->sources = calloc(count + 1, sizeof analysis->sources[0]);
	bool ok = analysis->sources != NULL || no_memory(error);
	ok = ok && derived_reader_open(&analysis->reader, path, error) &&
	     sources_read(analysis, sources, error) && gpus_read(analysis, error);
	if (!ok) {
		analysis_close(analysis);
		return false;
	}
	*out = analysis;
	return true;
}

void analysis_close(struct analysis *analysis)
{
	if (analysis == NULL)
		return;
	for (size_t i = 0; i < ANALYSIS_WAITS; i++)
		trace_cursor_close(analysis->scans[i].cursor);
	derived_reader_close(analysis->reader);
	for (size_t i = 0; i < analysis->word_count; i++)
		free(analysis->words[i]);
	free(analysis->words);
	bytes_map_end(&analysis->word_at);
	free(analysis->sources);
	free(analysis->gpus);
	id_map_end(&analysis->gpu_at);
	free(analysis->instances);
	id_map_end(&analysis->instance_at);
	free(analysis->members);
	free(analysis);
}

size_t analysis_known_count(const struct analysis *analysis)
{
	size_t count = 0;
	for (size_t i = 0; i < analysis->source_count; i++)
		count += analysis->sources[i].is_known;
	return count;
}

struct analysis_gpu *analysis_find_gpu(const struct analysis *analysis, int64_t gpu_id)
{
	int64_t at;
	return id_map_get(&analysis->gpu_at, (uint64_t)gpu_id, &at) ? &analysis->gpus[at] : NULL;
}

bool analysis_span(int64_t *start_ns, int64_t *duration_ns)
{
	if (*start_ns < 0 || *duration_ns < 0)
		return false;
	*start_ns = span_time_cut(*start_ns);
	*duration_ns = span_time_cut(*duration_ns);
	return true;
}

bool analysis_lanes_place(struct analysis_lanes *lanes, int64_t start_ns, int64_t end_ns,
			  uint32_t *lane)
{
	for (uint32_t i = 0; i < ANALYSIS_LANES_MAX; i++) {
		if (i < lanes->count && lanes->ends[i] > start_ns)
			continue;
		lanes->count = i < lanes->count ? lanes->count : i + 1;
		lanes->ends[i] = end_ns;
		*lane = i;
		return true;
	}
	return false;
}

/* Both tables have the trace in a column of theirs. */
static int64_t trace_of_row(enum analysis_family family, const void *row)
{
	return family == ANALYSIS_STEPS ? ((const struct step_row *)row)->trace_id :
					  ((const struct idle_gap_row *)row)->trace_id;
}

int analysis_scan_next(struct analysis *analysis, enum analysis_family family, size_t source,
		       bool is_first, void *row, struct error *error)
{
	struct analysis_scan *scan = &analysis->scans[family];
	const struct analysis_source *from = &analysis->sources[source];
	int64_t last = from->rows[family].last;
	if (is_first && (scan->cursor == NULL || scan->next > from->rows[family].first)) {
		trace_cursor_close(scan->cursor);
		*scan = (struct analysis_scan){ .cursor = NULL };
		enum derived_table table = family == ANALYSIS_STEPS ? DERIVED_step :
								      DERIVED_idle_gap;
		if (!derived_reader_select(analysis->reader, table, 0, -1, &scan->cursor, error))
			return -1;
	}
	while (from->is_known && scan->next < last) {
		int result = trace_cursor_next(scan->cursor, row, error);
		if (result <= 0)
			return result;
		scan->next++;
		if (trace_of_row(family, row) == from->trace_id)
			return 1;
	}
	return 0;
}
