/* SPDX-License-Identifier: MIT */
#include "libtrace/flight_private.h"

#include "libtrace/cupti_decode.h"
#include "libtrace/drain_source.h"
#include "libtrace/gap_source.h"
#include "libtrace/host_facts.h"
#include "libtrace/nccl_communicators.h"
#include "libtrace/nccl_context.h"
#include "libtrace/window_source.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FILES_MAX = 9999 };

/* As for a recording of its own: a stamp further away is garbage or of another time base. */
static const int64_t plausible_ns = INT64_C(3600000000000);

struct replay {
	struct flight *flight;
	struct cupti_decoder *decoder;
	int64_t low_ns;			/* the window's begin, CLOCK_REALTIME */
};

/* "name.dump1.trace.db": the first number that is free. */
static bool path_make(struct flight *flight, char path[OUTPUT_PATH_MAX])
{
	static const char *const endings[] = { ".trace.db", ".db", "" };
	const char *from = flight->plan.path;
	size_t length = strlen(from), i = 0;
	while (i < 2 && (length < strlen(endings[i]) ||
			 strcmp(from + length - strlen(endings[i]), endings[i]) != 0))
		i++;
	size_t stem = length - strlen(endings[i]);
	while (flight->name_number++ < FILES_MAX) {
		int size = snprintf(path, OUTPUT_PATH_MAX, "%.*s.dump%" PRId64 ".trace.db",
				    (int)stem, from, flight->name_number);
		if (size < 0 || size >= OUTPUT_PATH_MAX)
			return false;
		if (access(path, F_OK) != 0)
			return true;
	}
	return false;
}

static void consume_record(void *context, const struct log_record *record)
{
	struct replay *replay = context;
	drain_consume(replay->flight->plan.drain, record);
}

/* Texts in kept rows are numbered by flight_keep_name. */
static void name_replace(struct replay *replay, int64_t *name)
{
	struct flight *flight = replay->flight;
	if (*name <= 0 || (size_t)*name > flight->name_count)
		return;
	const char *text = flight->names[*name - 1];
	*name = recorder_string(flight->plan.recorder, text, strlen(text));
}

static void row_write(struct replay *replay, enum trace_table table, const void *bytes)
{
	union {
		struct sample_row sample;
		struct host_sample_row host;
		struct capture_gap_row gap;
	} row;
	const void *written = bytes;
	if (trace_tables[table].row_size <= sizeof row) {
		memcpy(&row, bytes, trace_tables[table].row_size);
		written = &row;
	}
	if (table == TABLE_sample) {
		name_replace(replay, &row.sample.counter_id);
	} else if (table == TABLE_host_sample) {
		name_replace(replay, &row.host.wait_channel_id);
	} else if (table == TABLE_capture_gap) {
		name_replace(replay, &row.gap.source_id);
		name_replace(replay, &row.gap.reason_id);
	}
	recorder_put(replay->flight->plan.recorder, table, written);
}

static void item_replay(void *context, const struct flight_item *item)
{
	struct replay *replay = context;
	const struct log_record record = {
		.source = item->kind == FLIGHT_NVTX ? LOG_SOURCE_NVTX : LOG_SOURCE_NCCL,
		.type = item->type, .thread_id = item->thread_id, .payload = item->bytes,
		.size = item->size,
	};
	switch ((enum flight_item_kind)item->kind) {
	case FLIGHT_BUFFER:
		(void)cupti_decode(replay->decoder, item->bytes, item->size);
		break;
	case FLIGHT_NVTX:
	case FLIGHT_NCCL:
		consume_record(replay, &record);
		break;
	case FLIGHT_ROW:
		row_write(replay, (enum trace_table)item->type, item->bytes);
		break;
	}
}

static void gap_write(struct replay *replay, int64_t from_ns, int64_t to_ns, const char *reason)
{
	struct flight *flight = replay->flight;
	struct recorder *recorder = flight->plan.recorder;
	const struct capture_gap_row row = {
		.start_ns = from_ns, .duration_ns = to_ns - from_ns,
		.source_id = recorder_string(recorder, "all", 3),
		.reason_id = recorder_string(recorder, reason, strlen(reason)),
	};
	if (to_ns > from_ns)
		recorder_put(recorder, TABLE_capture_gap, &row);
}

static void gaps_write(struct replay *replay, int64_t now_ns)
{
	const struct flight *flight = replay->flight;
	int64_t low_ns = replay->low_ns - flight->plan.epoch_ns;
	gap_write(replay, 0, low_ns, "older than the flight recorder's window (LAGGARD_FLIGHT_S)");
	if (flight->squeezed_ns > replay->low_ns)
		gap_write(replay, low_ns > 0 ? low_ns : 0,
			  flight->squeezed_ns - flight->plan.epoch_ns,
			  "no room in the flight recorder (LAGGARD_FLIGHT_MB)");
	gap_source_write_open(flight->plan.drain, now_ns);
}

static void states_write(struct replay *replay, int64_t now_ns)
{
	struct flight *flight = replay->flight;
	struct recorder *recorder = flight->plan.recorder;
	/* What was not counted would look as if this rank had not come to it. */
	if (window_source_history()->gap_count > 0 || !window_source_history()->is_open) {
		recorder_loss(recorder, "flight",
			      "how far communicators are: the capture window was closed", 0, -1);
		return;
	}
	for (size_t i = 0; i < flight->progress.count; i++) {
		const struct nccl_context *context = nccl_context_at(i + 1);
		struct flight_communicator state = flight_progress_state(&flight->progress, i);
		if (context == NULL || !nccl_context_is_known(context))
			continue;
		const struct nccl_member member = {
			.hash = context->owner.hash, .rank = context->owner.rank,
			.rank_count = context->rank_count, .node_count = context->node_count,
			.device_id = -1, .name = context->owner.name, .thread_id = -1,
		};
		const struct communicator_state_row row = {
			.time_ns = now_ns - flight->plan.epoch_ns,
			.communicator_id = nccl_communicator_note(flight->plan.drain, &member),
			.enqueued = state.enqueued, .completed = state.completed,
			.operation_id = recorder_string(recorder, state.operation,
							strlen(state.operation)),
			.sequence = state.enqueued > 0 ? state.sequence : -1,
			.enqueued_ns = state.enqueued > 0 ?
				state.enqueued_ns - flight->plan.epoch_ns : -1,
		};
		recorder_put(recorder, TABLE_communicator_state, &row);
	}
}

static void losses_write(struct replay *replay)
{
	const struct flight *flight = replay->flight;
	struct recorder *recorder = flight->plan.recorder;
	for (size_t i = 0; i < flight->loss_count; i++) {
		const struct flight_loss *loss = &flight->losses[i];
		recorder_loss(recorder, loss->source, loss->reason, loss->count, loss->first_ns);
		recorder_loss(recorder, loss->source, loss->reason, 0, loss->last_ns);
	}
}

static void decode_loss_write(void *context, const char *reason, int64_t count)
{
	const struct flight *flight = context;
	recorder_loss(flight->plan.recorder, "decode", reason, count, -1);
}

static void replay_write(struct replay *replay, int64_t now_ns)
{
	struct flight *flight = replay->flight;
	cupti_decoder_set_history(replay->decoder, window_source_history());
	cupti_decoder_set_window(replay->decoder, replay->low_ns - plausible_ns,
				 now_ns + plausible_ns);
	(void)cupti_decode(replay->decoder, flight->opens.cupti.bytes, flight->opens.cupti.size);
	if (flight->has_correlation)
		cupti_decoder_set_correlation(replay->decoder, flight->correlation_last);
	flight_opens_replay(&flight->opens, consume_record, replay);
	flight_ring_walk(flight->ring, item_replay, replay);
	/* Once they are old, and then judged: no more will come. */
	cupti_decoder_settle(replay->decoder);
	cupti_decoder_settle(replay->decoder);
	states_write(replay, now_ns);
	drain_finish_logs(flight->plan.drain, now_ns - flight->plan.epoch_ns);
	cupti_decoder_take_losses(replay->decoder, decode_loss_write, flight);
	losses_write(replay);
	gaps_write(replay, now_ns);
}

bool flight_dump_write(struct flight *flight, const char *trigger, char path[OUTPUT_PATH_MAX],
		       struct error *error)
{
	struct recorder *recorder = flight->plan.recorder;
	const struct cupti_decode_options options = {
		.strides = flight->plan.strides, .epoch_ns = flight->plan.epoch_ns,
		.has_api_records = flight->has_api_records,
		.own_thread_id = flight->plan.own_thread_id,
	};
	int64_t now_ns = realtime_ns();
	struct replay replay = { .flight = flight, .low_ns = now_ns - flight->window_ns };
	struct cupti_sink sink = recorder_sink(recorder);
	if (!path_make(flight, path))
		return fail(error, ERROR_SYSTEM, "no free name for a dump of '%s'",
			    flight->plan.path);
	replay.decoder = cupti_decoder_create(&options, &sink);
	if (replay.decoder == NULL)
		return fail(error, ERROR_SYSTEM, "no memory to decode GPU activity");
	if (!output_path_make_folders(path, error) ||
	    !recorder_open_file(recorder, path, replay.low_ns - flight->plan.epoch_ns, error)) {
		cupti_decoder_close(replay.decoder);
		return false;
	}
	struct trace_row *row = recorder_trace_row(recorder);
	row->trigger = recorder_keep_text(recorder, trigger);
	row->stop_ns = now_ns - flight->plan.epoch_ns;
	flight->is_replaying = true;
	replay_write(&replay, now_ns);
	flight->is_replaying = false;
	cupti_decoder_close(replay.decoder);
	return recorder_close_file(recorder, error);
}
