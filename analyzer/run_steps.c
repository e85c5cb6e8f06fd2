/* SPDX-License-Identifier: MIT */
#include "analyzer/run_steps.h"

#include "analyzer/metric_partition.h"
#include "analyzer/metric_statistics.h"
#include "base/arena.h"
#include "base/array.h"
#include "base/id_map.h"
#include "tracedb/file_format.h"

#include <stdlib.h>
#include <string.h>

enum { RUN_BYTES_MAX = 1 << 30, NAME_BYTES_MAX = 64 };

struct built_step {
	int64_t number;
	int64_t gpus;
	int64_t longest_ns;
	int64_t kernels;	/* -1: not known of every GPU */
	int64_t *parts;		/* sums over the GPUs, RUN_PARTS_MAX of them; NULL without */
};

struct run_builder {
	struct arena *arena;
	const char *path;
	struct built_step *steps;
	size_t count, room;
	struct id_map at;	/* number to index */
	const char *names[RUN_PARTS_MAX];
	size_t name_count;
};

static bool no_memory(const char *path, struct error *error)
{
	return fail(error, ERROR_SYSTEM, "no memory for the steps of '%s'", path);
}

bool run_builder_begin(struct run_builder **out, const char *path, struct error *error)
{
	struct run_builder *builder = calloc(1, sizeof *builder);
	*out = builder;
	if (builder == NULL)
		return no_memory(path, error);
	builder->arena = arena_create(RUN_BYTES_MAX);
	if (builder->arena != NULL)
		builder->path = arena_copy_text(builder->arena, path, strlen(path));
	if (builder->path != NULL)
		return true;
	run_builder_abandon(builder);
	*out = NULL;
	return no_memory(path, error);
}

void run_builder_abandon(struct run_builder *builder)
{
	if (builder == NULL)
		return;
	arena_close(builder->arena);
	id_map_end(&builder->at);
	free(builder->steps);
	free(builder);
}

bool run_builder_add_step(struct run_builder *builder, int64_t number, int64_t duration_ns,
			  int64_t kernels, struct error *error)
{
	int64_t at = (int64_t)builder->count;
	if (duration_ns < 0)
		return fail(error, ERROR_INPUT, "'%s': step %lld ends before it starts",
			    builder->path, (long long)number);
	if (!id_map_get(&builder->at, (uint64_t)number, &at)) {
		struct built_step *steps =
			array_grow(builder->steps, &builder->room, builder->count, sizeof *steps);
		if (steps == NULL)
			return no_memory(builder->path, error);
		builder->steps = steps;
		steps[at] = (struct built_step){ .number = number };
		if (!id_map_put(&builder->at, (uint64_t)number, at))
			return no_memory(builder->path, error);
		builder->count++;
	}
	struct built_step *step = &builder->steps[at];
	step->gpus++;
	if (duration_ns > step->longest_ns)
		step->longest_ns = duration_ns;
	step->kernels = step->kernels < 0 || kernels < 0 ? -1 :
		add_saturated(step->kernels, kernels);
	return true;
}

/* Index of the name; RUN_PARTS_MAX where there is no room for one more; -1: no memory. */
static int part_find(struct run_builder *builder, const char *name)
{
	for (size_t i = 0; i < builder->name_count; i++)
		if (strcmp(builder->names[i], name) == 0)
			return (int)i;
	if (builder->name_count == RUN_PARTS_MAX || strlen(name) > NAME_BYTES_MAX)
		return RUN_PARTS_MAX;
	const char *copy = arena_copy_text(builder->arena, name, strlen(name));
	if (copy == NULL)
		return -1;
	builder->names[builder->name_count] = copy;
	return (int)builder->name_count++;
}

bool run_builder_add_part(struct run_builder *builder, int64_t number, const char *name, int64_t ns,
			  struct error *error)
{
	int64_t at = 0;
	if (!id_map_get(&builder->at, (uint64_t)number, &at))
		return true;
	if (ns < 0)
		return fail(error, ERROR_INPUT, "'%s': step %lld has less than no time in one part",
			    builder->path, (long long)number);
	struct built_step *step = &builder->steps[at];
	if (step->parts == NULL)
		step->parts = arena_take_array(builder->arena, RUN_PARTS_MAX, sizeof *step->parts);
	int part = step->parts == NULL ? -1 : part_find(builder, name);
	if (part < 0)
		return no_memory(builder->path, error);
	if (part == RUN_PARTS_MAX)
		return fail(error, ERROR_INPUT, "'%s' divides its steps into more than %d parts",
			    builder->path, RUN_PARTS_MAX);
	step->parts[part] = add_saturated(step->parts[part], ns);
	return true;
}

static int by_number(const void *a, const void *b)
{
	const struct built_step *x = a, *y = b;
	return (x->number > y->number) - (x->number < y->number);
}

/* Drops what not every GPU has, and sorts the others; gives the number of GPUs. */
static int64_t steps_choose(struct run_builder *builder)
{
	int64_t gpus = 0;
	size_t kept = 0;
	for (size_t i = 0; i < builder->count; i++)
		gpus = builder->steps[i].gpus > gpus ? builder->steps[i].gpus : gpus;
	for (size_t i = 0; i < builder->count; i++)
		if (builder->steps[i].gpus == gpus)
			builder->steps[kept++] = builder->steps[i];
	builder->count = kept;
	if (kept > 1)
		qsort(builder->steps, kept, sizeof *builder->steps, by_number);
	return gpus;
}

static bool kernels_measure(const struct run_builder *builder, int64_t *kernels)
{
	int64_t *values = calloc(builder->count + 1, sizeof *values);
	if (values == NULL)
		return false;
	size_t count = 0;
	for (size_t i = 0; i < builder->count; i++)
		if (builder->steps[i].kernels >= 0)
			values[count++] = builder->steps[i].kernels;
	values_sort(values, count);
	*kernels = count == 0 || count < builder->count ? -1 : median_middle(values, count);
	free(values);
	return true;
}

bool run_builder_finish(struct run_builder *builder, struct run_steps *run, struct error *error)
{
	int64_t gpus = steps_choose(builder);
	*run = (struct run_steps){ .path = builder->path, .anchor = "", .ranks = -1,
				   .gpu_count = gpus, .count = builder->count };
	run->duration_ns = arena_take_array(builder->arena, run->count + 1, sizeof(int64_t));
	bool ok = run->duration_ns != NULL && kernels_measure(builder, &run->kernels);
	for (size_t part = 0; ok && part < builder->name_count; part++) {
		struct run_part *made = &run->parts[run->part_count++];
		made->name = builder->names[part];
		made->ns = arena_take_array(builder->arena, run->count + 1, sizeof(int64_t));
		ok = made->ns != NULL;
		for (size_t i = 0; ok && i < run->count; i++)
			if (builder->steps[i].parts != NULL)
				made->ns[i] = builder->steps[i].parts[part] / gpus;
	}
	for (size_t i = 0; ok && i < run->count; i++)
		run->duration_ns[i] = builder->steps[i].longest_ns;
	if (ok) {
		run->arena = builder->arena;
		builder->arena = NULL;
	} else {
		(void)no_memory(builder->path, error);
	}
	run_builder_abandon(builder);
	return ok;
}

void run_steps_end(struct run_steps *run)
{
	arena_close(run->arena);
	*run = (struct run_steps){ .arena = NULL };
}

const int64_t *run_steps_part(const struct run_steps *run, const char *name)
{
	for (size_t i = 0; i < run->part_count; i++)
		if (strcmp(run->parts[i].name, name) == 0)
			return run->parts[i].ns;
	return NULL;
}

bool run_steps_read(struct run_steps *run, const char *path, struct error *error)
{
	enum file_format format = FILE_FORMAT_UNKNOWN;
	if (!file_format_of(path, &format, error))
		return false;
	if (format == FILE_FORMAT_ANALYSIS)
		return run_steps_read_sidecar(run, path, error);
	if (format == FILE_FORMAT_RESULT)
		return run_steps_read_json(run, path, error);
	return fail(error, ERROR_INPUT, "'%s' is neither an analysis nor a report of laggard",
		    path);
}
