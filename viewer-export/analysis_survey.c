/* SPDX-License-Identifier: MIT */
/* The first look at an analysis: bounds, lanes, the collectives and who took part. */
#include "viewer-export/analysis.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

static bool no_memory(struct error *error)
{
	return fail(error, ERROR_SYSTEM, "no memory to draw an analysis");
}

static void source_widen(struct analysis_source *source, int64_t start_ns, int64_t end_ns)
{
	if (!source->has_time || start_ns < source->first_ns)
		source->first_ns = start_ns;
	if (!source->has_time || end_ns > source->last_ns)
		source->last_ns = end_ns;
	source->has_time = true;
}

/* A span of a GPU's track; `row` counts from 0 in its table. */
static void span_survey(struct analysis *analysis, enum analysis_family family, int64_t gpu_id,
			int64_t row, int64_t start_ns, int64_t duration_ns)
{
	struct analysis_gpu *gpu = analysis_find_gpu(analysis, gpu_id);
	uint32_t lane;
	if (gpu == NULL || !analysis_span(&start_ns, &duration_ns))
		return;
	struct analysis_source *source = &analysis->sources[gpu->source];
	if (source->rows[family].last == 0)
		source->rows[family].first = row;
	source->rows[family].last = row + 1;
	if (analysis_lanes_place(&gpu->lanes[family], start_ns, start_ns + duration_ns, &lane))
		source_widen(source, start_ns, start_ns + duration_ns);
}

static bool steps_survey(struct analysis *analysis, struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct step_row row;
	int result;
	uint64_t columns = COLUMN_BIT(step, number) | COLUMN_BIT(step, gpu_id) |
			   COLUMN_BIT(step, start_ns) | COLUMN_BIT(step, duration_ns) |
			   COLUMN_BIT(step, is_steady);
	if (!derived_reader_select(analysis->reader, DERIVED_step, columns, -1, &cursor, error))
		return false;
	for (int64_t at = 0; (result = trace_cursor_next(cursor, &row, error)) > 0; at++) {
		span_survey(analysis, ANALYSIS_STEPS, row.gpu_id, at, row.start_ns,
			    row.duration_ns);
		if (row.is_steady == 0 ||
		    (analysis->has_steady && analysis->first_steady <= row.number))
			continue;
		analysis->has_steady = true;
		analysis->first_steady = row.number;
	}
	trace_cursor_close(cursor);
	return result == 0;
}

static bool gaps_survey(struct analysis *analysis, struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct idle_gap_row row;
	int result;
	uint64_t columns = COLUMN_BIT(idle_gap, gpu_id) | COLUMN_BIT(idle_gap, start_ns) |
			   COLUMN_BIT(idle_gap, duration_ns) | COLUMN_BIT(idle_gap, is_rest);
	if (!derived_reader_select(analysis->reader, DERIVED_idle_gap, columns, -1, &cursor, error))
		return false;
	for (int64_t at = 0; (result = trace_cursor_next(cursor, &row, error)) > 0; at++)
		if (row.is_rest == 0)
			span_survey(analysis, ANALYSIS_IDLE, row.gpu_id, at, row.start_ns,
				    row.duration_ns);
	trace_cursor_close(cursor);
	return result == 0;
}

bool analysis_word(struct analysis *analysis, const char *text, size_t *word)
{
	int64_t at;
	if (bytes_map_get(&analysis->word_at, text, strlen(text), &at)) {
		*word = (size_t)at;
		return true;
	}
	char **words = array_grow(analysis->words, &analysis->word_room, analysis->word_count,
				  sizeof words[0]);
	if (words == NULL)
		return false;
	analysis->words = words;
	words[analysis->word_count] = strdup(text);
	if (words[analysis->word_count] == NULL)
		return false;
	*word = analysis->word_count++;
	return bytes_map_put(&analysis->word_at, text, strlen(text), (int64_t)*word);
}

static bool instance_take(struct analysis *analysis, const struct collective_instance_row *row)
{
	struct analysis_instance *instances =
		array_grow(analysis->instances, &analysis->instance_room, analysis->instance_count,
			   sizeof instances[0]);
	if (instances == NULL)
		return false;
	analysis->instances = instances;
	struct analysis_instance *made = &instances[analysis->instance_count];
	*made = (struct analysis_instance){
		.instance_id = row->instance_id,
		.sequence = row->sequence,
		.bytes = row->size_bytes,
		.latest_gpu_id = row->latest_gpu_id,
		.latest_rank = row->latest_rank,
		.latest_start_ns = row->latest_start_ns,
	};
	return analysis_word(analysis, row->communicator, &made->communicator) &&
	       analysis_word(analysis, row->operation, &made->operation) &&
	       id_map_put(&analysis->instance_at, (uint64_t)row->instance_id,
			  (int64_t)analysis->instance_count++);
}

static bool instances_read(struct analysis *analysis, struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct collective_instance_row row;
	int result;
	if (!derived_reader_select(analysis->reader, DERIVED_collective_instance, 0, -1, &cursor,
				   error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) > 0)
		if (!instance_take(analysis, &row)) {
			result = -1;
			(void)no_memory(error);
			break;
		}
	trace_cursor_close(cursor);
	return result == 0;
}

static bool member_take(struct analysis *analysis, const struct collective_member_row *row)
{
	const struct analysis_gpu *gpu = analysis_find_gpu(analysis, row->gpu_id);
	int64_t instance, start_ns = row->start_ns, duration_ns = row->duration_ns;
	if (gpu == NULL || !analysis_span(&start_ns, &duration_ns) ||
	    !id_map_get(&analysis->instance_at, (uint64_t)row->instance_id, &instance))
		return true;
	struct analysis_member *members = array_grow(analysis->members, &analysis->member_room,
						     analysis->member_count, sizeof members[0]);
	if (members == NULL)
		return false;
	analysis->members = members;
	members[analysis->member_count++] = (struct analysis_member){
		.instance = (size_t)instance,
		.gpu = (size_t)(gpu - analysis->gpus),
		.start_ns = start_ns,
		.duration_ns = duration_ns,
		.wait_ns = row->wait_ns > duration_ns ? duration_ns : row->wait_ns,
	};
	return true;
}

static int member_compare(const void *left, const void *right)
{
	const struct analysis_member *a = left, *b = right;
	if (a->gpu != b->gpu)
		return a->gpu < b->gpu ? -1 : 1;
	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	return (a->instance > b->instance) - (a->instance < b->instance);
}

static void members_place(struct analysis *analysis)
{
	uint32_t lane;
	if (analysis->member_count > 1)
		qsort(analysis->members, analysis->member_count, sizeof analysis->members[0],
		      member_compare);
	for (size_t i = 0; i < analysis->member_count; i++) {
		const struct analysis_member *member = &analysis->members[i];
		struct analysis_gpu *gpu = &analysis->gpus[member->gpu];
		if (gpu->member_count++ == 0)
			gpu->first_member = i;
		int64_t end_ns = member->start_ns + member->wait_ns;
		if (member->wait_ns > 0 &&
		    analysis_lanes_place(&gpu->lanes[ANALYSIS_WAITS], member->start_ns, end_ns,
					 &lane))
			source_widen(&analysis->sources[gpu->source], member->start_ns, end_ns);
	}
}

static bool members_read(struct analysis *analysis, struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct collective_member_row row;
	int result;
	if (!derived_reader_select(analysis->reader, DERIVED_collective_member, 0, -1, &cursor,
				   error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) > 0)
		if (!member_take(analysis, &row)) {
			result = -1;
			(void)no_memory(error);
			break;
		}
	trace_cursor_close(cursor);
	if (result == 0)
		members_place(analysis);
	return result == 0;
}

bool analysis_survey(struct analysis *analysis, struct error *error)
{
	return derived_reader_load_texts(analysis->reader, error) &&
	       steps_survey(analysis, error) && gaps_survey(analysis, error) &&
	       instances_read(analysis, error) && members_read(analysis, error);
}

bool analysis_steps_bounds(const struct analysis *analysis, int64_t first, int64_t last,
			   int64_t *start_ns, int64_t *end_ns, bool *has_steps,
			   struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct step_row row;
	int result;
	uint64_t columns = COLUMN_BIT(step, number) | COLUMN_BIT(step, gpu_id) |
			   COLUMN_BIT(step, start_ns) | COLUMN_BIT(step, duration_ns);
	*has_steps = false;
	if (!derived_reader_select(analysis->reader, DERIVED_step, columns, -1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) > 0) {
		int64_t from_ns = row.start_ns, duration_ns = row.duration_ns;
		if (row.number < first || row.number > last ||
		    analysis_find_gpu(analysis, row.gpu_id) == NULL ||
		    !analysis_span(&from_ns, &duration_ns))
			continue;
		if (!*has_steps || from_ns < *start_ns)
			*start_ns = from_ns;
		if (!*has_steps || from_ns + duration_ns > *end_ns)
			*end_ns = from_ns + duration_ns;
		*has_steps = true;
	}
	trace_cursor_close(cursor);
	return result == 0;
}

/*
 * With one clock the start says which it is. Clocks that were aligned by a line differ from it by
 * little: then the nearest of about the same length.
 */
static const int64_t NEAR_NS = 5000000;

static bool member_fits(const struct analysis_member *member, const struct analysis_member *drawn,
			bool is_exact)
{
	int64_t early_ns = llabs(member->start_ns - drawn->start_ns);
	int64_t longer_ns = llabs(member->duration_ns - drawn->duration_ns);
	if (member->track_id != 0)
		return false;
	return is_exact ? early_ns == 0 && longer_ns == 0 :
			  early_ns <= NEAR_NS && longer_ns <= member->duration_ns / 1000 + 1;
}

void analysis_meet_kernel(struct analysis *analysis, size_t source, int64_t device_id,
			  const struct analysis_member *drawn)
{
	struct analysis_gpu *gpu = NULL;
	for (size_t i = 0; gpu == NULL && i < analysis->gpu_count; i++)
		if (analysis->gpus[i].source == source && analysis->gpus[i].device_id == device_id)
			gpu = &analysis->gpus[i];
	if (gpu == NULL || gpu->member_count == 0)
		return;
	bool is_exact = analysis->sources[source].is_exact;
	int64_t from_ns = drawn->start_ns - (is_exact ? 0 : NEAR_NS);
	size_t low = gpu->first_member, high = gpu->first_member + gpu->member_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (analysis->members[middle].start_ns < from_ns)
			low = middle + 1;
		else
			high = middle;
	}
	struct analysis_member *best = NULL;
	for (size_t i = low; i < gpu->first_member + gpu->member_count; i++) {
		struct analysis_member *member = &analysis->members[i];
		if (member->start_ns > drawn->start_ns + (is_exact ? 0 : NEAR_NS))
			break;
		if (member_fits(member, drawn, is_exact) &&
		    (best == NULL || llabs(member->start_ns - drawn->start_ns) <
					     llabs(best->start_ns - drawn->start_ns)))
			best = member;
	}
	if (best == NULL)
		return;
	best->track_id = drawn->track_id;
	best->drawn_start_ns = drawn->drawn_start_ns;
	best->drawn_end_ns = drawn->drawn_end_ns;
	best->is_touching = drawn->is_touching;
}
