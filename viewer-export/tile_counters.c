/* SPDX-License-Identifier: MIT */
#include "viewer-export/tile_counters.h"

#include "base/array.h"
#include "viewer-export/walk.h"

#include <stdlib.h>
#include <string.h>

struct counting {
	struct tile_counters *counters;
	struct layout layout;
};

static bool ignore_process(struct export_stream *stream, const struct export_process *process,
			   struct error *error)
{
	(void)stream;
	(void)process;
	(void)error;
	return true;
}

static bool ignore_track(struct export_stream *stream, const struct export_track *track,
			 struct error *error)
{
	(void)stream;
	(void)track;
	(void)error;
	return true;
}

static int64_t device_of_process(const struct layout *layout, int64_t process_id)
{
	for (size_t i = 0; i < layout->device_count; i++)
		if (layout->devices[i].process_id == process_id)
			return layout->devices[i].device_id;
	return -1;
}

static struct tile_counter *counter_take(struct counting *counting,
					 const struct export_counter *wanted)
{
	struct tile_counters *counters = counting->counters;
	int64_t device_id = device_of_process(&counting->layout, wanted->process_id);
	for (size_t i = 0; i < counters->count; i++) {
		struct tile_counter *counter = &counters->list[i];
		if (counter->device_id == device_id && strcmp(counter->name, wanted->name) == 0 &&
		    strcmp(counter->series, wanted->series) == 0)
			return counter;
	}
	struct tile_counter *list =
		array_grow(counters->list, &counters->room, counters->count, sizeof list[0]);
	if (list == NULL)
		return NULL;
	counters->list = list;
	struct tile_counter *counter = &list[counters->count++];
	*counter = (struct tile_counter){ .device_id = device_id, .name = strdup(wanted->name),
					  .series = strdup(wanted->series) };
	return counter->name == NULL || counter->series == NULL ? NULL : counter;
}

static bool take_counter(struct export_stream *stream, const struct export_counter *wanted,
			 struct error *error)
{
	struct counting *counting = stream->state;
	struct tile_counters *counters = counting->counters;
	struct tile_counter *counter = counter_take(counting, wanted);
	if (counters->points_left == 0) {
		counters->is_cut = true;
		return true;
	}
	struct tile_point *points =
		counter == NULL ? NULL : array_grow(counter->points, &counter->room,
						    counter->count, sizeof points[0]);
	if (points == NULL)
		return fail(error, ERROR_SYSTEM, "no memory for counters");
	counter->points = points;
	points[counter->count++] = (struct tile_point){ wanted->time_ns, wanted->value };
	counters->points_left--;
	return true;
}

static const struct export_format counting_format = {
	.name = "counters", .process = ignore_process, .track = ignore_track,
	.counter = take_counter,
};

static bool counters_walk(struct counting *counting, struct tile_trace *trace,
			  struct trace_reader *reader, struct error *error)
{
	struct export_stream stream = { .state = counting };
	struct export_summary summary = { 0 };
	struct export_target target = {
		.format = &counting_format, .stream = &stream, .summary = &summary,
	};
	struct layout_numbers numbers = { .next_id = 1, .next_order = 1 };
	struct walk walk = {
		.target = &target, .reader = reader, .survey = &trace->survey,
		.layout = &counting->layout, .error = error,
	};
	(void)pthread_mutex_lock(&trace->lock);
	bool ok = layout_make(&counting->layout, &trace->survey, 0, &numbers, &target, error);
	(void)pthread_mutex_unlock(&trace->lock);
	/* The queue and the copy rate are not among them: they follow from all launches at once. */
	if (ok && !gauge_set_begin(&walk.gauges, counting->layout.device_count, 0, 1))
		ok = tile_no_memory(trace, error);
	ok = ok && walk_write_counters(&walk);
	gauge_set_end(&walk.gauges);
	layout_end(&counting->layout);
	return ok;
}

bool tile_counters_read(struct tile_counters *counters, struct tile_trace *trace,
			size_t points_max, struct error *error)
{
	struct counting counting = { .counters = counters };
	struct trace_reader *reader = NULL;
	*counters = (struct tile_counters){ .points_left = points_max };
	bool ok = trace_reader_open(&reader, trace_reader_path(trace->reader), error) &&
		  trace_reader_load_strings(reader, error) &&
		  counters_walk(&counting, trace, reader, error);
	trace_reader_close(reader);
	return ok;
}

void tile_counters_end(struct tile_counters *counters)
{
	for (size_t i = 0; i < counters->count; i++) {
		free(counters->list[i].name);
		free(counters->list[i].series);
		free(counters->list[i].points);
	}
	free(counters->list);
	*counters = (struct tile_counters){ .count = 0 };
}
