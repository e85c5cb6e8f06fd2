/* SPDX-License-Identifier: MIT */
/*
 * A Perfetto trace (protocol buffers): what ui.perfetto.dev and trace_processor open. A file is a
 * sequence of packets, so it is written as it comes; packets are packed by the megabyte.
 *
 * GPU work stands in packets of its own kind, with a duration, a queue for each stream and the
 * launch; spans of one queue may overlap there, so the lanes of a stream come together again. What
 * happens elsewhere are track events: a packet for the begin, one for the end. Readers sort packets
 * by time and keep the order of the file where times are equal, and an end closes whatever was
 * begun last; the order that format.h promises makes that right.
 *
 * Times count from the base of the export on a clock of the sequence's own, which a snapshot ties
 * to Unix time: five bytes a time, in any order. BOOTTIME says Unix time, too, for it is the clock
 * that readers show, and several hosts have only Unix time in common.
 */
#include "viewer-export/perfetto.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

enum {
	TEXT_BYTES_MAX = 1 << 28,	/* one packet with the longest texts still fits */
	LABELS_BYTES_MAX = 1 << 25,	/* then all labels are forgotten and encoded anew */
};

static bool perfetto_begin(struct export_stream *stream, const struct export_head *head,
			   struct error *error)
{
	struct perfetto *perfetto = calloc(1, sizeof *perfetto);
	if (perfetto == NULL)
		return perfetto_no_memory(error);
	stream->state = perfetto;
	perfetto->sources = head->sources;
	text_begin(&stream->text, TEXT_BYTES_MAX);
	text_begin(&perfetto->deflated, TEXT_BYTES_MAX);
	text_begin(&perfetto->packed, TEXT_BYTES_MAX);
	text_begin(&perfetto->scratch, TEXT_BYTES_MAX);
	text_begin(&perfetto->labels_text, TEXT_BYTES_MAX);
	text_begin(&perfetto->tracks_text, TEXT_BYTES_MAX);
	text_begin(&perfetto->gpus, TEXT_BYTES_MAX);
	return perfetto_clocks_write(stream, head->base_ns, error) &&
	       perfetto_stages_write(stream, error) &&
	       perfetto_root_write(stream, error);
}

static void perfetto_labels_forget(struct export_stream *stream)
{
	struct perfetto *perfetto = stream->state;
	text_clear(&perfetto->labels_text);
	perfetto->label_count = 0;
	id_map_end(&perfetto->label_of_key);
}

static size_t perfetto_label_find(struct export_stream *stream, uint64_t key)
{
	const struct perfetto *perfetto = stream->state;
	int64_t handle;
	return key != 0 && id_map_get(&perfetto->label_of_key, key, &handle) ? (size_t)handle :
									       LABEL_NONE;
}

static bool perfetto_label_add(struct export_stream *stream, uint64_t key,
			       const struct export_label *label, size_t *handle,
			       struct error *error)
{
	struct perfetto *perfetto = stream->state;
	if (perfetto->labels_text.length >= LABELS_BYTES_MAX)
		perfetto_labels_forget(stream);
	struct perfetto_label *labels = array_grow(perfetto->labels, &perfetto->label_room,
						   perfetto->label_count, sizeof labels[0]);
	if (labels == NULL)
		return perfetto_no_memory(error);
	perfetto->labels = labels;
	if (!perfetto_label_encode(stream, label, &labels[perfetto->label_count], error))
		return false;
	if (!text_is_ok(&perfetto->labels_text) ||
	    (key != 0 &&
	     !id_map_put(&perfetto->label_of_key, key, (int64_t)perfetto->label_count)))
		return perfetto_no_memory(error);
	*handle = perfetto->label_count++;
	return true;
}

static void add_piece(struct text *to, const struct text *from, struct perfetto_piece piece)
{
	text_add_bytes(to, text_string(from) + piece.begin, piece.length);
}

/* Into scratch: what is interned for them must stand in the file before the packet begins. */
static bool arguments_encode(struct export_stream *stream, uint32_t field,
			     enum perfetto_arguments as, const struct export_arguments *arguments,
			     struct error *error)
{
	struct perfetto *perfetto = stream->state;
	text_clear(&perfetto->scratch);
	if (!perfetto_add_arguments(stream, &perfetto->scratch, field, as, arguments, error))
		return false;
	return text_is_ok(&perfetto->scratch) || perfetto_no_memory(error);
}

/* What is launched has twice the number of its arrow; the rest takes odd numbers. */
static uint64_t event_of_flow(int64_t flow_id)
{
	return (uint64_t)flow_id * 2;
}

static bool work_write(struct export_stream *stream, const struct export_slice *slice,
		       const struct perfetto_track *track, struct error *error)
{
	struct perfetto *perfetto = stream->state;
	struct text *text = &stream->text;
	const struct perfetto_label *label = &perfetto->labels[slice->label];
	if (!arguments_encode(stream, LAUNCH_ARGUMENT, AS_COMPUTE, slice->arguments, error))
		return false;
	uint64_t event_id = slice->flow_count > 0 ? event_of_flow(slice->flow_id) :
						    (uint64_t)perfetto->next_event++ * 2 + 1;
	size_t packet = perfetto_packet_begin_at(stream, slice->start_ns);
	size_t event = protobuf_begin(text, PACKET_RENDER_STAGE);
	protobuf_add_varint(text, STAGE_EVENT_ID, event_id);
	protobuf_add_integer(text, STAGE_DURATION, slice->duration_ns);
	protobuf_add_integer(text, STAGE_CONTEXT, track->process_id);
	protobuf_add_integer(text, STAGE_GPU, track->gpu);
	protobuf_add_varint(text, STAGE_QUEUE_IID, track->queue_iid);
	add_piece(text, &perfetto->labels_text, label->stage);
	size_t launch = protobuf_begin(text, STAGE_LAUNCH);
	add_piece(text, &perfetto->labels_text, label->launch);
	add_piece(text, &perfetto->tracks_text, track->arguments);
	text_add_bytes(text, text_string(&perfetto->scratch), perfetto->scratch.length);
	protobuf_end(text, launch);
	protobuf_end(text, event);
	return perfetto_packet_end(stream, packet, error);
}

static size_t event_begin(struct text *text, enum perfetto_event_type type, uint64_t uuid)
{
	size_t event = protobuf_begin(text, PACKET_TRACK_EVENT);
	protobuf_add_varint(text, EVENT_TYPE, type);
	protobuf_add_varint(text, EVENT_TRACK, uuid);
	return event;
}

static void add_submitted(struct text *text, const struct export_slice *slice)
{
	if (slice->flow_count == 0)
		return;
	size_t correlation = protobuf_begin(text, EVENT_GPU_CORRELATION);
	for (uint32_t i = 0; i < slice->flow_count; i++)
		protobuf_add_varint(text, CORRELATION_SUBMITTED, event_of_flow(slice->flow_id + i));
	protobuf_end(text, correlation);
}

static bool perfetto_slice(struct export_stream *stream, const struct export_slice *slice,
			   struct error *error)
{
	struct perfetto *perfetto = stream->state;
	struct text *text = &stream->text;
	const struct perfetto_track *track = &perfetto->tracks[slice->track_id];
	if (track->is_work)
		return work_write(stream, slice, track, error);
	if (!arguments_encode(stream, EVENT_ANNOTATION, AS_ANNOTATIONS, slice->arguments, error))
		return false;
	size_t packet = perfetto_packet_begin_at(stream, slice->start_ns);
	size_t event = event_begin(text, EVENT_BEGIN, perfetto_track_uuid(slice->track_id));
	add_piece(text, &perfetto->labels_text, perfetto->labels[slice->label].event);
	add_piece(text, &perfetto->tracks_text, track->arguments);
	text_add_bytes(text, text_string(&perfetto->scratch), perfetto->scratch.length);
	add_submitted(text, slice);
	protobuf_end(text, event);
	if (!perfetto_packet_end(stream, packet, error))
		return false;
	packet = perfetto_packet_begin_at(stream, slice->start_ns + slice->duration_ns);
	protobuf_end(text, event_begin(text, EVENT_END, perfetto_track_uuid(slice->track_id)));
	return perfetto_packet_end(stream, packet, error);
}

/* An instant whose own arguments and arrow stand in scratch. */
static bool instant_write(struct export_stream *stream, uint64_t uuid, int64_t time_ns,
			  const char *name, const char *category,
			  const struct perfetto_track *track, struct error *error)
{
	struct perfetto *perfetto = stream->state;
	struct text *text = &stream->text, *fields = &perfetto->scratch;
	if (!perfetto_add_text(stream, fields, INTERNED_NAMES, EVENT_NAME_IID, EVENT_NAME, name,
			       error) ||
	    !perfetto_add_text(stream, fields, INTERNED_CATEGORIES, EVENT_CATEGORY_IID,
			       EVENT_CATEGORY, category, error))
		return false;
	size_t packet = perfetto_packet_begin_at(stream, time_ns);
	size_t event = event_begin(text, EVENT_INSTANT, uuid);
	if (!track->is_work)
		add_piece(text, &perfetto->tracks_text, track->arguments);
	text_add_bytes(text, text_string(fields), fields->length);
	protobuf_end(text, event);
	return (text_is_ok(fields) || perfetto_no_memory(error)) &&
	       perfetto_packet_end(stream, packet, error);
}

static bool perfetto_instant(struct export_stream *stream, const struct export_instant *instant,
			     struct error *error)
{
	const struct perfetto *perfetto = stream->state;
	return arguments_encode(stream, EVENT_ANNOTATION, AS_ANNOTATIONS, instant->arguments,
				error) &&
	       instant_write(stream, perfetto_track_uuid(instant->track_id), instant->time_ns,
			     instant->name, instant->category,
			     &perfetto->tracks[instant->track_id], error);
}

static bool perfetto_counter(struct export_stream *stream, const struct export_counter *counter,
			     struct error *error)
{
	int64_t number;
	if (!perfetto_counter_take(stream, counter, &number, error))
		return false;
	size_t packet = perfetto_packet_begin_at(stream, counter->time_ns);
	size_t event = event_begin(&stream->text, EVENT_COUNTER, perfetto_counter_uuid(number));
	protobuf_add_integer(&stream->text, EVENT_COUNTER_VALUE, counter->value);
	protobuf_end(&stream->text, event);
	return perfetto_packet_end(stream, packet, error);
}

/* An end of an arrow is a point of its own: a slice that is written cannot be added to. */
static bool arrow_end_write(struct export_stream *stream, int64_t track_id, int64_t time_ns,
			    uint32_t field, int64_t flow_id, struct error *error)
{
	struct perfetto *perfetto = stream->state;
	struct perfetto_track *track = &perfetto->tracks[track_id];
	uint64_t uuid = track->is_work ? perfetto_arrows_uuid(track_id) :
					 perfetto_track_uuid(track_id);
	if (track->is_work && !track->has_arrows) {
		track->has_arrows = true;
		if (!perfetto_track_describe(stream, uuid, "collectives across ranks",
					     track->process_id, track_id, error))
			return false;
	}
	text_clear(&perfetto->scratch);
	protobuf_add_fixed64(&perfetto->scratch, field, (uint64_t)flow_id);
	return instant_write(stream, uuid, time_ns,
			     field == EVENT_FLOW ? "latest rank" : "waited for the latest rank",
			     "collective", track, error);
}

static bool perfetto_flow(struct export_stream *stream, const struct export_flow *flow,
			  struct error *error)
{
	/* A launch is bound by the slice of its call, see add_submitted(). */
	if (flow->kind == FLOW_LAUNCH)
		return true;
	return arrow_end_write(stream, flow->from_track_id, flow->from_ns, EVENT_FLOW,
			       flow->flow_id, error) &&
	       arrow_end_write(stream, flow->to_track_id, flow->to_ns, EVENT_FLOW_END,
			       flow->flow_id, error);
}

/* All GPUs stand in one packet: their place in it is their number. */
static bool perfetto_end(struct export_stream *stream, const struct export_summary *summary,
			 struct error *error)
{
	const struct perfetto *perfetto = stream->state;
	(void)summary;
	if (perfetto->gpu_count > 0) {
		size_t packet = perfetto_packet_begin(stream);
		protobuf_add_bytes(&stream->text, PACKET_GPU_INFO, text_string(&perfetto->gpus),
				   perfetto->gpus.length);
		if (!perfetto_packet_end(stream, packet, error))
			return false;
	}
	return perfetto_flush(stream, error);
}

static void perfetto_free(struct export_stream *stream)
{
	struct perfetto *perfetto = stream->state;
	if (perfetto == NULL)
		return;
	text_end(&stream->text);
	text_end(&perfetto->deflated);
	text_end(&perfetto->packed);
	text_end(&perfetto->scratch);
	text_end(&perfetto->labels_text);
	text_end(&perfetto->tracks_text);
	text_end(&perfetto->gpus);
	id_map_end(&perfetto->label_of_key);
	bytes_map_end(&perfetto->counters);
	perfetto_interned_end(perfetto);
	free(perfetto->labels);
	free(perfetto->tracks);
	free(perfetto);
	stream->state = NULL;
}

const struct export_format perfetto_format = {
	.name = "perfetto",
	.extension = ".pftrace",
	.opened_in = "https://ui.perfetto.dev",
	.summary = "Perfetto trace (protocol buffers): ui.perfetto.dev; small, exact, any size",
	.is_for_perfetto = true,
	.wants_launches = true,
	.begin = perfetto_begin,
	.process = perfetto_process,
	.track = perfetto_track,
	.labels_forget = perfetto_labels_forget,
	.label_find = perfetto_label_find,
	.label_add = perfetto_label_add,
	.slice = perfetto_slice,
	.instant = perfetto_instant,
	.counter = perfetto_counter,
	.flow = perfetto_flow,
	.end = perfetto_end,
	.free = perfetto_free,
};
