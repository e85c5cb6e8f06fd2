/* SPDX-License-Identifier: MIT */
#include "viewer-export/layout.h"

#include "viewer-export/analysis_draw.h"
#include "viewer-export/export.h"

#include "base/array.h"
#include "base/text.h"
#include "tracedb/vocabulary.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES_MAX = 1 << 20 };

/* A family's number is its track kind's. */
_Static_assert((int)FAMILY_RANGE == (int)TRACK_RANGES && (int)FAMILY_WORK == (int)TRACK_WORK &&
		       (int)FAMILY_EVENT == (int)TRACK_EVENTS,
	       "span families and track kinds differ");

/* A group that becomes a track, and where it stands. */
struct placed_group {
	enum span_family family;
	uint32_t group;
	int64_t process;	/* -1: host; else index of the device */
	int64_t place[4];	/* compared in this order */
};

struct placing {
	struct layout *layout;
	struct layout_numbers *numbers;
	const struct export_target *target;
	struct placed_group *groups;
	size_t count;
	size_t room;
	struct text name;
};

static bool no_memory(const struct layout *layout, struct error *error)
{
	return fail(error, ERROR_SYSTEM, "no memory to export '%s'",
		    trace_reader_path(layout->survey->reader));
}

static int64_t device_of_key(const struct layout *layout, enum span_family family,
			     struct span_key key)
{
	if (family == FAMILY_GAUGE)
		return key.first;
	if (family == FAMILY_SYNC && key.first == 0)
		return (int64_t)(key.second & 0xffff) - 1;
	const struct stream_row *stream = layout_facts_stream(&layout->facts, key.first);
	return stream == NULL ? -1 : stream->device_id;
}

int64_t layout_device_index(const struct layout *layout, int64_t device_id)
{
	int64_t index;
	return id_map_get(&layout->device_at, (uint64_t)device_id, &index) ? index : -1;
}

static bool device_take(struct layout *layout, int64_t device_id)
{
	if (layout_device_index(layout, device_id) >= 0)
		return true;
	struct layout_process *devices = array_grow(layout->devices, &layout->device_room,
						    layout->device_count, sizeof devices[0]);
	if (devices == NULL)
		return false;
	layout->devices = devices;
	devices[layout->device_count] = (struct layout_process){ .device_id = device_id };
	return id_map_put(&layout->device_at, (uint64_t)device_id, (int64_t)layout->device_count++);
}

static void place_on_host(struct placed_group *placed, struct span_key key, int64_t pid)
{
	placed->process = -1;
	/* The main thread stands first, what belongs to none last. */
	placed->place[0] = key.first == 0 ? INT64_MAX : key.first == pid ? INT64_MIN : key.first;
	placed->place[1] = placed->family;
	placed->place[2] = key.second == RANGES_START_END ? INT64_MAX : key.second;
}

/* Streams by number; waits and events below all streams. */
static void place_on_device(const struct layout *layout, struct placed_group *placed,
			    struct span_key key)
{
	const struct stream_row *stream = layout_facts_stream(&layout->facts, key.first);
	placed->place[0] = placed->family >= FAMILY_SYNC ? placed->family : 0;
	placed->place[1] = stream != NULL ? stream->number : INT64_MAX;
	placed->place[2] = key.first != 0 ? key.first : INT64_MAX;
	placed->place[3] = placed->family >= FAMILY_SYNC ? key.second : placed->family;
}

static bool group_place(struct placing *placing, enum span_family family, uint32_t group)
{
	struct layout *layout = placing->layout;
	struct span_key key = layout->survey->groups[family].keys[group];
	struct placed_group placed = { .family = family, .group = group };
	if (!span_family_is_on_device(family)) {
		layout->group_devices[family][group] = -1;
		place_on_host(&placed, key, trace_reader_trace(layout->survey->reader)->pid);
	} else {
		if (family == FAMILY_GAUGE && key.second == GAUGES_HOST) {
			layout->has_host_gauges = true;
			return true;
		}
		placed.process = layout_device_index(layout, device_of_key(layout, family, key));
		layout->group_devices[family][group] = placed.process;
		if (family == FAMILY_GAUGE)
			return true;
		place_on_device(layout, &placed, key);
	}
	struct placed_group *groups = array_grow(placing->groups, &placing->room, placing->count,
						 sizeof groups[0]);
	if (groups == NULL)
		return false;
	placing->groups = groups;
	groups[placing->count++] = placed;
	return true;
}

static int process_compare(const void *left, const void *right)
{
	const struct layout_process *a = left, *b = right;
	return (a->device_id > b->device_id) - (a->device_id < b->device_id);
}

static int placed_compare(const void *left, const void *right)
{
	const struct placed_group *a = left, *b = right;
	if (a->process != b->process)
		return a->process < b->process ? -1 : 1;
	for (size_t i = 0; i < sizeof a->place / sizeof a->place[0]; i++)
		if (a->place[i] != b->place[i])
			return a->place[i] < b->place[i] ? -1 : 1;
	return (a->group > b->group) - (a->group < b->group);
}

/* "rank 3 · node7 · pid 4711", of which what is known; the file where nothing is. */
static void name_host(struct placing *placing)
{
	struct trace_reader *reader = placing->layout->survey->reader;
	const struct trace_row *trace = trace_reader_trace(reader);
	struct text *name = &placing->name;
	text_clear(name);
	if (trace->rank >= 0)
		text_add_format(name, "rank %lld", (long long)trace->rank);
	if (trace->host[0] != 0)
		text_add_format(name, "%s%s", name->length > 0 ? " · " : "", trace->host);
	if (trace->pid > 0)
		text_add_format(name, "%spid %lld", name->length > 0 ? " · " : "",
				(long long)trace->pid);
	if (name->length == 0)
		text_add_format(name, "host of %s", trace_reader_path(reader));
}

/* "rank 3 GPU 0 (NVIDIA GeForce RTX 4090)" */
static void name_device(struct placing *placing, int64_t device_id)
{
	const struct layout *layout = placing->layout;
	const struct trace_row *trace = trace_reader_trace(layout->survey->reader);
	const char *model = layout_facts_device_name(&layout->facts, device_id);
	struct text *name = &placing->name;
	text_clear(name);
	if (trace->rank >= 0)
		text_add_format(name, "rank %lld ", (long long)trace->rank);
	else if (trace->pid > 0)
		text_add_format(name, "pid %lld ", (long long)trace->pid);
	if (device_id >= 0)
		text_add_format(name, "GPU %lld", (long long)device_id);
	else
		text_add(name, "unknown GPU");
	if (model[0] != 0)
		text_add_format(name, " (%s)", model);
}

/*
 * "thread 4711 (CUDA API) python3": viewers cut the end off, so what tells rows apart stands
 * before.
 */
static void name_thread(struct placing *placing, int64_t thread_id, const char *kind,
			const char *detail)
{
	if (thread_id == 0)
		text_add(&placing->name, "no thread");
	else
		text_add_format(&placing->name, "thread %lld", (long long)thread_id);
	text_add_format(&placing->name, " (%s%s%s)", kind, detail[0] != 0 ? " " : "", detail);
}

static void name_thread_owner(struct placing *placing, int64_t thread_id)
{
	const struct layout *layout = placing->layout;
	const struct thread_row *thread = layout_facts_thread(&layout->facts, thread_id);
	const char *name = thread == NULL ? "" :
					    trace_reader_string(layout->survey->reader,
								thread->name_id);
	if (name[0] != 0)
		text_add_format(&placing->name, " %s", name);
}

static void name_stream(struct placing *placing, int64_t stream_id)
{
	const struct layout *layout = placing->layout;
	const struct stream_row *stream = layout_facts_stream(&layout->facts, stream_id);
	struct text *text = &placing->name;
	if (stream == NULL) {
		text_add_format(text, "unknown stream %lld", (long long)stream_id);
		return;
	}
	text_add_format(text, "stream %lld", (long long)stream->number);
	if (layout_facts_stream_is_ambiguous(&layout->facts, stream))
		text_add_format(text, " context %lld", (long long)stream->context_id);
	const char *name = trace_reader_string(layout->survey->reader, stream->name_id);
	if (name[0] != 0)
		text_add_format(text, " %s", name);
}

static const char *witness_title(int64_t witness)
{
	return witness == WITNESS_NVTX	    ? "NCCL calls" :
	       witness == WITNESS_PLUGIN    ? "NCCL enqueued" :
	       witness == WITNESS_FRAMEWORK ? "collectives" :
					      "NCCL";
}

static void name_ranges(struct placing *placing, struct span_key key)
{
	struct trace_reader *reader = placing->layout->survey->reader;
	bool is_kineto = strcmp(trace_reader_trace(reader)->source, "kineto") == 0;
	if (key.second == RANGES_FRAMEWORK)
		name_thread(placing, key.first, "framework", "");
	else if (key.second == RANGES_START_END)
		name_thread(placing, key.first, "NVTX start/end", "");
	else
		name_thread(placing, key.first, is_kineto ? "marks" : "NVTX",
			    trace_reader_string(reader, key.second));
}

static void name_host_group(struct placing *placing, enum span_family family, struct span_key key)
{
	if (family == FAMILY_RANGE)
		name_ranges(placing, key);
	else if (family == FAMILY_COLLECTIVE)
		name_thread(placing, key.first, witness_title(key.second), "");
	else if (family == FAMILY_CALL)
		name_thread(placing, key.first, "CUDA API", "");
	else if (family == FAMILY_HOST)
		name_thread(placing, key.first, "host state", "");
	else
		name_thread(placing, key.first, "profiling overhead", "");
}

static void name_device_group(struct placing *placing, enum span_family family, struct span_key key)
{
	struct text *text = &placing->name;
	if (family == FAMILY_SYNC && key.first == 0)
		text_add_format(text, "context %lld", (long long)(key.second >> 16));
	else
		name_stream(placing, key.first);
	if (family == FAMILY_GRAPH)
		text_add(text, " (graphs)");
	else if (family == FAMILY_PROJECTED)
		text_add(text, " (ranges)");
	else if (family == FAMILY_SYNC)
		text_add(text, " (sync)");
	else if (family == FAMILY_EVENT)
		text_add(text, " (events)");
}

static void name_group(struct placing *placing, enum span_family family, struct span_key key,
		       uint32_t lane)
{
	text_clear(&placing->name);
	if (span_family_is_on_device(family))
		name_device_group(placing, family, key);
	else
		name_host_group(placing, family, key);
	if (lane > 0)
		text_add_format(&placing->name, " (overlap %lu)", (unsigned long)lane + 1);
	if (!span_family_is_on_device(family))
		name_thread_owner(placing, key.first);
}

static bool process_write(struct placing *placing, enum export_process_kind kind,
			  int64_t device_id, int64_t *process_id, struct error *error)
{
	*process_id = placing->numbers->next_id++;
	struct export_process process = {
		.process_id = *process_id,
		.name = text_string(&placing->name),
		.order = placing->numbers->next_order++,
		.kind = kind,
		.source = placing->layout->source,
		.rank = trace_reader_trace(placing->layout->survey->reader)->rank,
		.device_id = device_id,
	};
	placing->target->summary->processes++;
	if (!text_is_ok(&placing->name))
		return no_memory(placing->layout, error);
	return placing->target->format->process(placing->target->stream, &process, error);
}

/* What every slice of a stream's track says: the true numbers behind the private ids. */
static void track_add_arguments(const struct layout *layout, enum span_family family,
				struct span_key key, struct export_arguments *arguments)
{
	if (!span_family_is_on_device(family) || key.first == 0)
		return;
	const struct stream_row *stream = layout_facts_stream(&layout->facts, key.first);
	if (stream == NULL)
		return;
	argument_add_integer(arguments, "device", stream->device_id);
	if (stream->context_id != 0)
		argument_add_integer(arguments, "context", stream->context_id);
	argument_add_integer(arguments, "stream", stream->number);
}

static int64_t stream_number(const struct layout *layout, enum span_family family,
			     struct span_key key)
{
	const struct stream_row *stream = span_family_is_on_device(family) && key.first != 0 ?
						  layout_facts_stream(&layout->facts, key.first) :
						  NULL;
	return stream == NULL ? -1 : stream->number;
}

static bool group_write(struct placing *placing, const struct placed_group *placed,
			struct error *error)
{
	struct layout *layout = placing->layout;
	struct span_key key = layout->survey->groups[placed->family].keys[placed->group];
	uint32_t lanes = lane_set_lane_count(&layout->survey->lanes[placed->family], placed->group);
	struct export_track track = {
		.process_id = placed->process < 0 ? layout->host_process_id :
						    layout->devices[placed->process].process_id,
		.kind = (enum export_track_kind)placed->family,
		.thread_id = span_family_is_on_device(placed->family) ? 0 : key.first,
		.stream_number = stream_number(layout, placed->family, key),
	};
	track_add_arguments(layout, placed->family, key, &track.arguments);
	for (uint32_t lane = 0; lane < lanes; lane++) {
		track.lane = lane;
		name_group(placing, placed->family, key, lane);
		if (!text_is_ok(&placing->name))
			return no_memory(layout, error);
		track.track_id = placing->numbers->next_id++;
		track.order = placing->numbers->next_order++;
		track.name = text_string(&placing->name);
		if (lane == 0)
			layout->first_tracks[placed->family][placed->group] = track.track_id;
		placing->target->summary->tracks++;
		if (!placing->target->format->track(placing->target->stream, &track, error))
			return false;
	}
	return true;
}

/* Below everything else of the host. */
static bool loss_track_write(struct placing *placing, struct error *error)
{
	struct layout *layout = placing->layout;
	struct export_track track = {
		.track_id = placing->numbers->next_id++,
		.process_id = layout->host_process_id,
		.name = "lost by the recording",
		.order = placing->numbers->next_order++,
		.kind = TRACK_LOSSES,
		.stream_number = -1,
	};
	layout->loss_track_id = track.track_id;
	placing->target->summary->tracks++;
	return placing->target->format->track(placing->target->stream, &track, error);
}

static bool losses_find(struct layout *layout, struct error *error)
{
	int64_t count = 0;
	if ((layout->survey->kinds & EXPORT_LOSSES) != 0 &&
	    !trace_reader_count(layout->survey->reader, TABLE_loss, &count, error))
		return false;
	layout->has_losses = count > 0;
	return true;
}

static bool processes_write(struct placing *placing, struct error *error)
{
	struct layout *layout = placing->layout;
	if (layout->has_losses || layout->has_host_gauges ||
	    (placing->count > 0 && placing->groups[0].process < 0)) {
		name_host(placing);
		if (!process_write(placing, PROCESS_HOST, -1, &layout->host_process_id, error))
			return false;
	}
	for (size_t i = 0; i < layout->device_count; i++) {
		struct layout_process *device = &layout->devices[i];
		name_device(placing, device->device_id);
		if (!process_write(placing, PROCESS_GPU, device->device_id, &device->process_id,
				   error))
			return false;
		if (placing->target->analysis != NULL &&
		    !analysis_tracks_write(placing->target->analysis, placing->target,
					   placing->numbers, layout->source, device, error))
			return false;
	}
	for (size_t i = 0; i < placing->count; i++)
		if (!group_write(placing, &placing->groups[i], error))
			return false;
	return !layout->has_losses || loss_track_write(placing, error);
}

/* GPUs of which nothing but the analysis is drawn. */
static bool analysed_devices_take(struct layout *layout, const struct export_target *target)
{
	const struct analysis *analysis = target->analysis;
	for (size_t i = 0; i < analysis->gpu_count; i++) {
		const struct analysis_gpu *gpu = &analysis->gpus[i];
		bool is_drawn = false;
		for (int family = 0; family < ANALYSIS_FAMILY_COUNT; family++)
			is_drawn |= gpu->lanes[family].count > 0;
		if (is_drawn && gpu->source == layout->source &&
		    !device_take(layout, gpu->device_id))
			return false;
	}
	return true;
}

/* Devices first, so that groups can be sorted by the place of theirs. */
static bool groups_place(struct placing *placing)
{
	struct layout *layout = placing->layout;
	for (int family = 0; family < FAMILY_COUNT; family++) {
		const struct group_set *groups = &layout->survey->groups[family];
		bool on_device = span_family_is_on_device((enum span_family)family);
		for (size_t i = 0; on_device && i < groups->count; i++)
			if ((family != FAMILY_GAUGE || groups->keys[i].second != GAUGES_HOST) &&
			    !device_take(layout, device_of_key(layout, (enum span_family)family,
							       groups->keys[i])))
				return false;
		layout->first_tracks[family] = calloc(groups->count + 1, sizeof(int64_t));
		layout->group_devices[family] = calloc(groups->count + 1, sizeof(int64_t));
		if (layout->first_tracks[family] == NULL || layout->group_devices[family] == NULL)
			return false;
	}
	if (placing->target->analysis != NULL && !analysed_devices_take(layout, placing->target))
		return false;
	if (layout->device_count > 1)
		qsort(layout->devices, layout->device_count, sizeof layout->devices[0],
		      process_compare);
	for (size_t i = 0; i < layout->device_count; i++)
		if (!id_map_put(&layout->device_at, (uint64_t)layout->devices[i].device_id,
				(int64_t)i))
			return false;
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (uint32_t i = 0; i < layout->survey->groups[family].count; i++)
			if (!group_place(placing, (enum span_family)family, i))
				return false;
	if (placing->count > 1)
		qsort(placing->groups, placing->count, sizeof placing->groups[0], placed_compare);
	return true;
}

bool layout_make(struct layout *layout, struct survey *survey, size_t source,
		 struct layout_numbers *numbers, const struct export_target *target,
		 struct error *error)
{
	*layout = (struct layout){ .survey = survey, .source = source };
	struct placing placing = { .layout = layout, .numbers = numbers, .target = target };
	text_begin(&placing.name, NAME_BYTES_MAX);
	bool ok = layout_facts_read(&layout->facts, survey->reader, error) &&
		  losses_find(layout, error);
	if (ok && !groups_place(&placing))
		ok = no_memory(layout, error);
	ok = ok && processes_write(&placing, error);
	for (int i = 0; i < FAMILY_COUNT; i++)
		target->summary->spans_crowded += (int64_t)survey->lanes[i].crowded_count;
	free(placing.groups);
	text_end(&placing.name);
	return ok;
}

void layout_end(struct layout *layout)
{
	for (int i = 0; i < FAMILY_COUNT; i++) {
		free(layout->first_tracks[i]);
		free(layout->group_devices[i]);
	}
	free(layout->devices);
	id_map_end(&layout->device_at);
	layout_facts_end(&layout->facts);
	*layout = (struct layout){ .survey = NULL };
}
