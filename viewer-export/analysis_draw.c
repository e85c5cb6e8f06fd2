/* SPDX-License-Identifier: MIT */
#include "viewer-export/analysis_draw.h"

#include "viewer-export/span.h"

#include <stdio.h>
#include <string.h>

/* Keys of labels, apart from those of walk_label_key. */
static const uint64_t KEY_FAMILY = 200;

/* Reserved colours of the Trace Viewer. */
static const char *const COLOR_STEP = "generic_work";
static const char *const COLOR_UNSTEADY = "grey";
static const char *const COLOR_IDLE = "rail_idle";
static const char *const COLOR_WAIT = "thread_state_uninterruptible";

static const struct { const char *name; enum export_track_kind kind; } families[] = {
	[ANALYSIS_STEPS] = { "steps", TRACK_STEPS },
	[ANALYSIS_IDLE] = { "idle, by cause", TRACK_IDLE },
	[ANALYSIS_WAITS] = { "waits in collectives", TRACK_WAITS },
};

static void add_known(struct export_arguments *arguments, const char *key, int64_t number)
{
	if (number >= 0)
		argument_add_integer(arguments, key, number);
}

static bool track_write(struct analysis_gpu *gpu, enum analysis_family family, uint32_t lane,
			const struct export_target *target, struct layout_numbers *numbers,
			struct error *error)
{
	char name[64];
	struct export_track track = {
		.track_id = numbers->next_id++,
		.process_id = gpu->process_id,
		.name = name,
		.order = numbers->next_order++,
		.kind = families[family].kind,
		.stream_number = -1,
		.lane = lane,
	};
	if (lane == 0)
		gpu->first_tracks[family] = track.track_id;
	(void)snprintf(name, sizeof name, lane == 0 ? "%s" : "%s (overlap %lu)",
		       families[family].name, (unsigned long)lane + 1);
	target->summary->tracks++;
	return target->format->track(target->stream, &track, error);
}

bool analysis_tracks_write(struct analysis *analysis, const struct export_target *target,
			   struct layout_numbers *numbers, size_t source,
			   const struct layout_process *process, struct error *error)
{
	for (size_t i = 0; i < analysis->gpu_count; i++) {
		struct analysis_gpu *gpu = &analysis->gpus[i];
		if (gpu->source != source || gpu->device_id != process->device_id)
			continue;
		gpu->process_id = process->process_id;
		for (int family = 0; family < ANALYSIS_FAMILY_COUNT; family++) {
			struct analysis_lanes *lanes = &gpu->lanes[family];
			for (uint32_t lane = 0; lane < lanes->count; lane++)
				if (!track_write(gpu, (enum analysis_family)family, lane, target,
						 numbers, error))
					return false;
			/* They are filled anew while the slices are written. */
			*lanes = (struct analysis_lanes){ .count = 0 };
		}
	}
	return true;
}

bool analysis_is_in_window(const struct analysis_view *view, int64_t start_ns, int64_t end_ns)
{
	return !view->has_window ||
	       span_touches(start_ns, end_ns, view->window_start_ns, view->window_end_ns);
}

/* A slice on a GPU's track; its times are on the clock of the job. */
static bool slice_write(const struct analysis_view *view, struct analysis_gpu *gpu,
			enum analysis_family family, int64_t start_ns, int64_t duration_ns,
			uint64_t key, const struct export_label *label,
			const struct export_arguments *arguments, struct error *error)
{
	const struct export_format *format = view->target->format;
	struct export_stream *stream = view->target->stream;
	int64_t base_ns = view->target->analysis->sources[gpu->source].base_ns;
	uint32_t lane;
	size_t handle = LABEL_NONE;
	if (!analysis_lanes_place(&gpu->lanes[family], start_ns, start_ns + duration_ns, &lane)) {
		view->target->summary->spans_crowded++;
		return true;
	}
	start_ns -= base_ns;
	if (!analysis_is_in_window(view, start_ns, start_ns + duration_ns))
		return true;
	if (key != 0)
		handle = format->label_find(stream, key);
	if (handle == LABEL_NONE && !format->label_add(stream, key, label, &handle, error))
		return false;
	struct export_slice slice = {
		.track_id = gpu->first_tracks[family] + (int64_t)lane,
		.start_ns = start_ns,
		.duration_ns = duration_ns,
		.label = handle,
		.arguments = arguments,
	};
	view->target->summary->slices++;
	return format->slice(stream, &slice, error);
}

static uint64_t label_key(enum analysis_family family, uint64_t first, uint64_t second)
{
	const uint64_t limit = UINT64_C(1) << 28;
	return first >= limit || second >= limit ?
		       0 :
		       (KEY_FAMILY + (uint64_t)family) << 56 | first << 28 | second;
}

static bool step_write(const struct analysis_view *view, const struct step_row *row,
		       struct error *error)
{
	const struct analysis *analysis = view->target->analysis;
	struct analysis_gpu *gpu = analysis_find_gpu(analysis, row->gpu_id);
	int64_t start_ns = row->start_ns, duration_ns = row->duration_ns;
	struct export_arguments arguments = { .count = 0 };
	char name[48];
	if (gpu == NULL || gpu->process_id == 0 || !analysis_span(&start_ns, &duration_ns))
		return true;
	(void)snprintf(name, sizeof name, "step %lld", (long long)row->number);
	bool is_warm_up = !analysis->has_steady || row->number < analysis->first_steady;
	argument_add_text(&arguments, "phase", row->is_steady != 0 ? "steady" :
					       is_warm_up	   ? "warm-up" :
								     "end");
	add_known(&arguments, "compute ns", row->compute_ns);
	add_known(&arguments, "communication ns", row->comm_ns);
	add_known(&arguments, "communication wait ns", row->comm_wait_ns);
	add_known(&arguments, "communication transfer ns", row->comm_transfer_ns);
	add_known(&arguments, "copy ns", row->copy_ns);
	add_known(&arguments, "idle ns", row->idle_ns);
	add_known(&arguments, "kernels", row->kernels);
	const struct export_label label = {
		.name = name, .category = "step",
		.color = row->is_steady != 0 ? COLOR_STEP : COLOR_UNSTEADY,
	};
	return slice_write(view, gpu, ANALYSIS_STEPS, start_ns, duration_ns,
			   label_key(ANALYSIS_STEPS, (uint64_t)row->number, row->is_steady != 0),
			   &label, &arguments, error);
}

static bool gap_write(const struct analysis_view *view, const struct idle_gap_row *row,
		      struct error *error)
{
	struct analysis *analysis = view->target->analysis;
	struct analysis_gpu *gpu = analysis_find_gpu(analysis, row->gpu_id);
	int64_t start_ns = row->start_ns, duration_ns = row->duration_ns;
	struct export_arguments arguments = { .count = 0 };
	size_t word;
	if (row->is_rest != 0 || gpu == NULL || gpu->process_id == 0 ||
	    !analysis_span(&start_ns, &duration_ns))
		return true;
	if (!analysis_word(analysis, row->cause, &word))
		return fail(error, ERROR_SYSTEM, "no memory to draw an analysis");
	add_known(&arguments, "step", row->step);
	if (row->thread_id != 0)
		argument_add_integer(&arguments, "thread", row->thread_id);
	argument_add_text(&arguments, "call", derived_reader_text(analysis->reader, row->call_id));
	argument_add_text(&arguments, "range",
			  derived_reader_text(analysis->reader, row->range_id));
	argument_add_text(&arguments, "next operation",
			  derived_reader_text(analysis->reader, row->next_id));
	const struct export_label label = {
		.name = row->cause, .category = "idle", .color = COLOR_IDLE,
	};
	return slice_write(view, gpu, ANALYSIS_IDLE, start_ns, duration_ns,
			   label_key(ANALYSIS_IDLE, word, 0), &label, &arguments, error);
}

static bool wait_write(const struct analysis_view *view, struct analysis_gpu *gpu,
		       const struct analysis_member *member, struct error *error)
{
	const struct analysis *analysis = view->target->analysis;
	const struct analysis_instance *instance = &analysis->instances[member->instance];
	struct export_arguments arguments = { .count = 0 };
	char name[128];
	if (instance->latest_rank >= 0)
		(void)snprintf(name, sizeof name, "%.64s: wait for rank %lld",
			       analysis->words[instance->operation],
			       (long long)instance->latest_rank);
	else
		(void)snprintf(name, sizeof name, "%.64s: wait",
			       analysis->words[instance->operation]);
	argument_add_text(&arguments, "communicator", analysis->words[instance->communicator]);
	argument_add_text(&arguments, "operation", analysis->words[instance->operation]);
	add_known(&arguments, "sequence", instance->sequence);
	add_known(&arguments, "bytes", instance->bytes);
	add_known(&arguments, "latest rank", instance->latest_rank);
	const struct export_label label = {
		.name = name, .category = "collective wait", .color = COLOR_WAIT,
	};
	return slice_write(view, gpu, ANALYSIS_WAITS, member->start_ns, member->wait_ns,
			   label_key(ANALYSIS_WAITS, instance->operation,
				     (uint64_t)(instance->latest_rank + 1)),
			   &label, &arguments, error);
}

static bool waits_write(const struct analysis_view *view, size_t source, struct error *error)
{
	struct analysis *analysis = view->target->analysis;
	for (size_t i = 0; i < analysis->gpu_count; i++) {
		struct analysis_gpu *gpu = &analysis->gpus[i];
		if (gpu->source != source || gpu->process_id == 0)
			continue;
		for (size_t m = 0; m < gpu->member_count; m++) {
			const struct analysis_member *member =
				&analysis->members[gpu->first_member + m];
			if (member->wait_ns > 0 && !wait_write(view, gpu, member, error))
				return false;
		}
	}
	return true;
}

bool analysis_source_write(const struct analysis_view *view, size_t source, struct error *error)
{
	struct analysis *analysis = view->target->analysis;
	struct step_row step;
	struct idle_gap_row gap;
	int result;
	bool is_first = true;
	if (!analysis->sources[source].is_known)
		return true;
	while ((result = analysis_scan_next(analysis, ANALYSIS_STEPS, source, is_first, &step,
					    error)) > 0) {
		is_first = false;
		if (!step_write(view, &step, error))
			return false;
	}
	is_first = true;
	while (result == 0 && (result = analysis_scan_next(analysis, ANALYSIS_IDLE, source,
							   is_first, &gap, error)) > 0) {
		is_first = false;
		if (!gap_write(view, &gap, error))
			return false;
		result = 0;
	}
	return result == 0 && waits_write(view, source, error);
}
