/* SPDX-License-Identifier: MIT */
#include "analyzer/step_marks.h"

#include "analyzer/metric_period.h"
#include "base/column.h"
#include "base/id_map.h"
#include "tracedb/step_names.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SCREEN_ROWS = 131072 };

void marks_end(struct step_marks *marks)
{
	free(marks->bounds);
	*marks = (struct step_marks){ 0 };
}

void optimizer_groups_end(struct optimizer_groups *groups)
{
	free(groups->items);
	*groups = (struct optimizer_groups){ 0 };
}

/* One row of what recurs. */
struct row {
	int64_t end_ns;
	uint64_t token;
	const char *name;
	uint32_t stream;
};

/*
 * A step ends when the last of its rows has. Before the first step there is what ran before, or
 * nothing but the GPU's first work.
 */
static bool marks_from_period(struct step_marks *marks, const struct period *period,
			      const struct row *rows, int64_t gpu_start_ns)
{
	marks->bounds = malloc((period->count + 1) * sizeof *marks->bounds);
	if (marks->bounds == NULL)
		return false;
	int64_t latest_ns = gpu_start_ns;
	size_t at = 0;
	for (size_t k = 0; k <= period->count; k++) {
		for (; at < period->starts[k]; at++)
			latest_ns = rows[at].end_ns > latest_ns ? rows[at].end_ns : latest_ns;
		marks->bounds[k] = latest_ns;
	}
	marks->count = period->count;
	marks->length = period->length;
	marks->name = rows[period->starts[1] - 1].name;
	if (period->level_count > 0) {
		marks->parts = period->levels[0].copies;
		marks->part_length = period->levels[0].length;
	}
	return true;
}

/*
 * Is it worth looking at all of a long sequence? What recurs through it recurs in its middle, too;
 * a step of more than a third of SCREEN_ROWS is not found there.
 */
static bool rows_may_recur(bool *may, const uint64_t *tokens, size_t count)
{
	struct period period;
	*may = true;
	if (count < (size_t)4 * SCREEN_ROWS)
		return true;
	if (!period_find(&period, tokens + (count - SCREEN_ROWS) / 2, SCREEN_ROWS))
		return false;
	*may = period.length != 0;
	period_end(&period);
	return true;
}

/* Length 0: nothing recurs. */
static bool period_of_tokens(struct period *period, const uint64_t *tokens, size_t count)
{
	bool may_recur = false;
	*period = (struct period){ 0 };
	return rows_may_recur(&may_recur, tokens, count) &&
	       (!may_recur || period_find(period, tokens, count));
}

static bool marks_of_rows(struct step_marks *marks, const struct row *rows, size_t count,
			  int64_t gpu_start_ns)
{
	struct period period;
	uint64_t *tokens = column_new(count, sizeof *tokens);
	if (tokens == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		tokens[i] = rows[i].token;
	bool is_ok = period_of_tokens(&period, tokens, count);
	free(tokens);
	if (is_ok && period.length != 0)
		is_ok = marks_from_period(marks, &period, rows, gpu_start_ns);
	period_end(&period);
	return is_ok;
}

/* Keeps only the rows of the stream that has most of them; returns how many. */
static size_t rows_keep_busiest(struct row *rows, size_t count, size_t *per_stream,
				size_t stream_count)
{
	size_t busiest = 0, kept = 0;
	memset(per_stream, 0, stream_count * sizeof *per_stream);
	for (size_t i = 0; i < count; i++)
		per_stream[rows[i].stream]++;
	for (size_t i = 0; i < stream_count; i++)
		if (per_stream[i] > per_stream[busiest])
			busiest = i;
	for (size_t i = 0; i < count; i++)
		if (rows[i].stream == busiest)
			rows[kept++] = rows[i];
	return kept;
}

static uint32_t magnitude(int64_t bytes)
{
	uint32_t bits = 0;
	for (; bytes > 0; bytes >>= 1)
		bits++;
	return bits;
}

/*
 * Sizes by their magnitude: some vary a little from step to step. What the trace does not know
 * about a collective its kernel and stream stand for.
 */
static uint64_t collective_token(const struct comm_kernel *comm)
{
	struct {
		uint64_t operation, communicator;
		uint32_t bytes, kernel;
	} key;
	memset(&key, 0, sizeof key);
	key.operation = bytes_hash(comm->operation, strlen(comm->operation));
	key.communicator = comm->communicator_hash != 0 ? (uint64_t)comm->communicator_hash :
							  (uint64_t)comm->stream + 1;
	key.bytes = comm->bytes < 0 ? UINT32_MAX : magnitude(comm->bytes);
	key.kernel = comm->bytes < 0 ? comm->kernel : 0;
	return bytes_hash(&key, sizeof key);
}

/* All of a GPU's rows in order of start; where their streams take turns unevenly, the busiest's. */
static bool marks_of_streams(struct step_marks *marks, struct row *rows, size_t count,
			     const struct timeline *timeline, size_t gpu)
{
	int64_t gpu_start_ns = timeline->gpus[gpu].start_ns;
	if (!marks_of_rows(marks, rows, count, gpu_start_ns))
		return false;
	if (marks->count > 0)
		return true;
	size_t *per_stream = malloc((timeline->stream_count + 1) * sizeof *per_stream);
	if (per_stream == NULL)
		return false;
	size_t kept = rows_keep_busiest(rows, count, per_stream, timeline->stream_count);
	free(per_stream);
	return kept == count || marks_of_rows(marks, rows, kept, gpu_start_ns);
}

bool marks_of_collectives(struct step_marks *marks, const struct timeline *timeline, size_t gpu)
{
	const struct timeline_gpu *g = &timeline->gpus[gpu];
	*marks = (struct step_marks){ 0 };
	if (g->comm_count < PERIOD_COUNT_MIN)
		return true;
	size_t count = g->comm_count < PERIOD_TOKENS_MAX ? g->comm_count : PERIOD_TOKENS_MAX;
	struct row *rows = column_new(count, sizeof *rows);
	if (rows == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		rows[i] = (struct row){ .end_ns = g->comms[i].end_ns,
					.token = collective_token(&g->comms[i]),
					.name = g->comms[i].operation,
					.stream = g->comms[i].stream };
	bool is_ok = marks_of_streams(marks, rows, count, timeline, gpu);
	free(rows);
	return is_ok;
}

/* The stream that most of the first rows of a lane ran on, and how many did. */
static bool stream_find_busiest(uint32_t *busiest, size_t *kept, const struct lane *lane,
				size_t count, size_t stream_count)
{
	size_t *per_stream = calloc(stream_count + 1, sizeof *per_stream);
	if (per_stream == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		per_stream[lane->stream[i]]++;
	*busiest = 0;
	for (size_t i = 0; i < stream_count; i++)
		if (per_stream[i] > per_stream[*busiest])
			*busiest = (uint32_t)i;
	*kept = per_stream[*busiest];
	free(per_stream);
	return true;
}

static bool marks_of_lane(struct step_marks *marks, const struct timeline *timeline,
			  const struct timeline_gpu *gpu, uint32_t stream, size_t count)
{
	const struct lane *lane = &gpu->lanes[LANE_KERNEL];
	struct period period = { 0 };
	struct row *rows = NULL;
	uint64_t *tokens = column_new(count, sizeof *tokens);
	if (tokens == NULL)
		return false;
	for (size_t i = 0, at = 0; at < count; i++)
		if (lane->stream[i] == stream)
			tokens[at++] = lane->what[i];
	bool is_ok = period_of_tokens(&period, tokens, count);
	free(tokens);
	if (is_ok && period.length != 0) {
		rows = column_new(count, sizeof *rows);
		for (size_t i = 0, at = 0; rows != NULL && at < count; i++)
			if (lane->stream[i] == stream)
				rows[at++] = (struct row){
					.end_ns = lane->end_ns[i],
					.name = timeline->kernels[lane->what[i]].name,
				};
		is_ok = rows != NULL && marks_from_period(marks, &period, rows, gpu->start_ns);
	}
	free(rows);
	period_end(&period);
	return is_ok;
}

bool marks_of_kernels(struct step_marks *marks, const struct timeline *timeline, size_t gpu)
{
	const struct timeline_gpu *g = &timeline->gpus[gpu];
	const struct lane *lane = &g->lanes[LANE_KERNEL];
	*marks = (struct step_marks){ 0 };
	size_t count = lane->count < PERIOD_TOKENS_MAX ? lane->count : PERIOD_TOKENS_MAX;
	uint32_t stream = 0;
	return count < PERIOD_COUNT_MIN ||
	       (stream_find_busiest(&stream, &count, lane, count, timeline->stream_count) &&
		marks_of_lane(marks, timeline, g, stream, count));
}

static int compare_falling(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	return (left < right) - (left > right);
}

/*
 * How many other kernels between two of the optimiser's part two steps: half of the least of those
 * stretches that hold most of the other kernels. Clipping between two parts of one step is far
 * less, an evaluation now and then far more; roots keep a few of those from being most.
 */
static uint32_t threshold_of(uint32_t *others, size_t count)
{
	double total = 0, sum = 0;
	qsort(others, count, sizeof *others, compare_falling);
	for (size_t i = 0; i < count; i++)
		total += sqrt(others[i]);
	for (size_t i = 0; i < count; i++) {
		sum += sqrt(others[i]);
		if (sum >= total * 0.7)
			return others[i] < 2 ? 1 : others[i] / 2;
	}
	return 1;
}

static void groups_fill(struct optimizer_groups *groups, const struct timeline *timeline,
			const struct lane *lane, const bool *is_optimizer, uint32_t threshold)
{
	uint32_t others = 0;
	for (size_t i = 0; i < lane->count; i++) {
		if (!is_optimizer[lane->what[i]]) {
			others += others < UINT32_MAX;
			continue;
		}
		struct optimizer_group *last =
			groups->count == 0 ? NULL : &groups->items[groups->count - 1];
		if (last == NULL || others >= threshold) {
			groups->items[groups->count++] = (struct optimizer_group){
				.start_ns = lane->start_ns[i], .end_ns = lane->end_ns[i] };
		} else if (lane->end_ns[i] > last->end_ns) {
			last->end_ns = lane->end_ns[i];
		}
		if (groups->name == NULL)
			groups->name = timeline->kernels[lane->what[i]].name;
		others = 0;
	}
}

bool optimizer_groups_find(struct optimizer_groups *groups, const struct timeline *timeline,
			   size_t gpu)
{
	const struct lane *lane = &timeline->gpus[gpu].lanes[LANE_KERNEL];
	size_t count = 0, gaps = 0;
	uint32_t *others = NULL;
	*groups = (struct optimizer_groups){ 0 };
	bool *is_optimizer = calloc(timeline->kernel_count + 1, sizeof *is_optimizer);
	if (is_optimizer == NULL)
		return false;
	for (size_t i = 0; i < timeline->kernel_count; i++)
		is_optimizer[i] = timeline->kernels[i].class == KERNEL_COMPUTE &&
				  kernel_is_of_optimizer(timeline->kernels[i].name);
	for (size_t i = 0; i < lane->count; i++)
		count += is_optimizer[lane->what[i]];
	bool is_ok = count == 0;
	if (is_ok)
		goto out;
	others = malloc(count * sizeof *others);
	groups->items = malloc(count * sizeof *groups->items);
	if (others == NULL || groups->items == NULL)
		goto out;
	is_ok = true;
	bool has_first = false;
	uint32_t between = 0;
	for (size_t i = 0; i < lane->count; i++) {
		if (!is_optimizer[lane->what[i]]) {
			between += between < UINT32_MAX;
			continue;
		}
		if (has_first)
			others[gaps++] = between;
		has_first = true;
		between = 0;
	}
	groups_fill(groups, timeline, lane, is_optimizer, threshold_of(others, gaps));
out:
	free(is_optimizer);
	free(others);
	if (!is_ok)
		optimizer_groups_end(groups);
	return is_ok;
}

static int compare_times(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

/* Is what ran before the first group a step, too? Not if it is far longer than the others. */
static bool is_head_a_step(const int64_t *ends, size_t count, int64_t gpu_start_ns)
{
	if (count < 2)
		return false;
	int64_t *lengths = malloc((count - 1) * sizeof *lengths);
	if (lengths == NULL)
		return false;
	for (size_t i = 0; i + 1 < count; i++)
		lengths[i] = ends[i + 1] - ends[i];
	qsort(lengths, count - 1, sizeof *lengths, compare_times);
	int64_t median_ns = lengths[(count - 1) / 2], head_ns = ends[0] - gpu_start_ns;
	free(lengths);
	return head_ns / 2 <= median_ns && median_ns / 2 <= head_ns;
}

bool marks_of_optimizer(struct step_marks *marks, const struct timeline *timeline, size_t gpu)
{
	struct optimizer_groups groups;
	*marks = (struct step_marks){ 0 };
	if (!optimizer_groups_find(&groups, timeline, gpu))
		return false;
	int64_t *bounds = malloc((groups.count + 1) * sizeof *bounds);
	if (bounds == NULL) {
		optimizer_groups_end(&groups);
		return false;
	}
	int64_t *ends = bounds + 1, start_ns = timeline->gpus[gpu].start_ns;
	for (size_t i = 0; i < groups.count; i++)
		ends[i] = i > 0 && groups.items[i].end_ns < ends[i - 1] ? ends[i - 1] :
									  groups.items[i].end_ns;
	size_t count = groups.count;
	bounds[0] = start_ns;
	if (!is_head_a_step(ends, count, start_ns) && count > 0)
		memmove(bounds, ends, count-- * sizeof *bounds);
	marks->bounds = bounds;
	marks->name = groups.name;
	marks->count = count < PERIOD_COUNT_MIN ? 0 : count;
	optimizer_groups_end(&groups);
	return true;
}
