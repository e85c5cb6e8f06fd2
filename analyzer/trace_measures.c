/* SPDX-License-Identifier: MIT */
#include "analyzer/trace_measures.h"

#include "analyzer/communicator_states.h"
#include "analyzer/idle_host.h"
#include "analyzer/job.h"

#include "base/array.h"
#include "tracedb/vocabulary.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { RANGES_SEARCHED_MAX = 100000 };

/* Texts and rows of a report: never near this. */
static const size_t ARENA_BYTES_MAX = (size_t)1 << 32;

static bool no_memory(const struct trace_measures *measures, struct error *error)
{
	return fail(error, ERROR_SYSTEM, "cannot analyse '%s': no memory", measures->input->path);
}

static const char *keep_text(struct trace_measures *measures, const char *text)
{
	return arena_copy_text(measures->arena, text, strlen(text));
}

/* A clock before 1970 or beyond the limit is none: sums and differences with times must fit. */
static int64_t epoch_bounded(int64_t epoch_ns)
{
	return epoch_ns < 0 ? 0 : epoch_ns > TIME_LIMIT_NS ? TIME_LIMIT_NS : epoch_ns;
}

static bool keep_facts(struct trace_measures *measures)
{
	struct report_trace *trace = &measures->trace;
	const struct trace_row *row = trace_reader_trace(measures->input->reader);
	trace->source = keep_text(measures, row->source);
	trace->host = keep_text(measures, row->host);
	trace->boot_id = keep_text(measures, row->boot_id);
	trace->pid = row->pid;
	trace->rank = row->rank;
	trace->world_size = row->world_size;
	trace->epoch_ns = epoch_bounded(row->epoch_ns);
	trace->stop_ns = row->stop_ns;
	trace->trigger = keep_text(measures, row->trigger);
	return trace->source != NULL && trace->trigger != NULL && trace->host != NULL &&
	       trace->boot_id != NULL;
}

static bool load_losses(struct trace_measures *measures, struct error *error)
{
	struct report_trace *trace = &measures->trace;
	struct trace_reader *reader = measures->input->reader;
	struct trace_cursor *cursor = NULL;
	struct loss_row row;
	int64_t room = 0;
	int result;
	if (!trace_reader_count(reader, TABLE_loss, &room, error) ||
	    !trace_reader_select(reader, TABLE_loss, 0, -1, &cursor, error))
		return false;
	trace->losses = arena_take_array(measures->arena, (size_t)room + 1, sizeof *trace->losses);
	if (trace->losses == NULL) {
		trace_cursor_close(cursor);
		return no_memory(measures, error);
	}
	while ((result = trace_cursor_next(cursor, &row, error)) == 1 &&
	       (int64_t)trace->loss_count < room) {
		struct report_loss *loss = &trace->losses[trace->loss_count++];
		*loss = (struct report_loss){ keep_text(measures, row.source),
					      keep_text(measures, row.reason),
					      row.count < 0 ? 0 : row.count, row.first_ns,
					      row.last_ns };
		trace->lost_records = add_saturated(trace->lost_records, loss->count);
		if (loss->source == NULL || loss->reason == NULL) {
			(void)no_memory(measures, error);
			result = -1;
			break;
		}
	}
	trace_cursor_close(cursor);
	return result >= 0;
}

static bool load_overhead(struct trace_measures *measures, struct error *error)
{
	struct report_trace *trace = &measures->trace;
	struct trace_cursor *cursor = NULL;
	struct overhead_row row;
	int result;
	if (!trace_reader_select(measures->input->reader, TABLE_overhead,
				 COLUMN_BIT(overhead, duration_ns) | COLUMN_BIT(overhead, name_id),
				 -1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) == 1) {
		/* The program would have loaded its code without us. */
		if (overhead_is_code_loading(trace_reader_string(measures->input->reader,
								 row.name_id)))
			continue;
		trace->overhead_records++;
		if (row.duration_ns > 0)
			trace->overhead_ns = add_saturated(trace->overhead_ns, row.duration_ns);
	}
	trace_cursor_close(cursor);
	return result == 0;
}

static bool keep_capture_gaps(struct trace_measures *measures)
{
	const struct capture_gaps *gaps = &measures->timeline->gaps;
	struct report_trace *trace = &measures->trace;
	trace->gaps = arena_take_array(measures->arena, gaps->sum_count + 1, sizeof *trace->gaps);
	for (size_t i = 0; trace->gaps != NULL && i < gaps->sum_count; i++) {
		const struct capture_gap_sum *sum = &gaps->sums[i];
		trace->gaps[i] = (struct report_capture_gap){
			.source = keep_text(measures, sum->source),
			.reason = keep_text(measures, sum->reason),
			.count = sum->count, .ns = sum->ns,
		};
		if (trace->gaps[i].source == NULL || trace->gaps[i].reason == NULL)
			return false;
		trace->gap_count++;
	}
	return trace->gaps != NULL;
}

static void keep_timeline_facts(struct trace_measures *measures)
{
	struct report_trace *trace = &measures->trace;
	const struct timeline *timeline = measures->timeline;
	trace->rejects = timeline->rejects;
	trace->missing_symbol_rows = timeline->missing_symbol_rows;
	trace->negative_bytes_rows = timeline->negative_bytes_rows;
	trace->api_calls = timeline->api_calls;
	for (size_t g = 0; g < timeline->gpu_count; g++)
		trace->gpu_count += timeline_gpu_rows(&timeline->gpus[g]) > 0;
}

static bool keep_error(struct trace_measures *measures, const struct error *cause,
		       struct error *error)
{
	measures->trace = (struct report_trace){ .path = measures->trace.path,
						 .pid = -1,
						 .rank = -1,
						 .world_size = -1,
						 .stop_ns = -1,
						 .source = "",
						 .host = "",
						 .boot_id = "" };
	measures->trace.error = keep_text(measures, cause->message);
	return measures->trace.error != NULL || no_memory(measures, error);
}

bool trace_measures_load(struct trace_measures *measures, const struct trace_input *input,
			 struct error *error)
{
	struct error cause = { 0 };
	*measures = (struct trace_measures){ .input = input, .place = measures->place };
	measures->arena = arena_create(ARENA_BYTES_MAX);
	if (measures->arena == NULL ||
	    (measures->trace.path = keep_text(measures, input->path)) == NULL)
		return no_memory(measures, error);
	if (input->reader == NULL)
		return keep_error(measures, &input->error, error);
	if (!keep_facts(measures))
		return no_memory(measures, error);
	if (!communicator_states_load(input->reader, measures->arena, &measures->trace.states,
				      &measures->trace.state_count, &cause) ||
	    !load_losses(measures, &cause) || !load_overhead(measures, &cause) ||
	    !timeline_load(&measures->timeline, input->reader, &cause) ||
	    !steps_detect(&measures->steps, measures->timeline, &cause)) {
		if (cause.kind != ERROR_INPUT) {
			if (error != NULL)
				*error = cause;
			return false;
		}
		return keep_error(measures, &cause, error);
	}
	keep_timeline_facts(measures);
	return keep_capture_gaps(measures) || no_memory(measures, error);
}

static bool keep_transfers(struct trace_measures *measures, struct transfers *kept,
			   const struct transfers *transfers)
{
	*kept = *transfers;
	kept->by_kind =
		arena_take_array(measures->arena, transfers->kind_count + 1, sizeof *kept->by_kind);
	kept->by_direction = arena_take_array(measures->arena, transfers->direction_count + 1,
					      sizeof *kept->by_direction);
	if (kept->by_kind == NULL || kept->by_direction == NULL)
		return false;
	memcpy(kept->by_kind, transfers->by_kind, transfers->kind_count * sizeof *kept->by_kind);
	memcpy(kept->by_direction, transfers->by_direction,
	       transfers->direction_count * sizeof *kept->by_direction);
	return true;
}

/* The innermost range of the thread that was open at a time; NULL without. */
static const char *range_at(const struct timeline *timeline, uint32_t thread, int64_t time_ns)
{
	const struct host_ranges *ranges = &timeline->ranges;
	size_t begin = 0, end = ranges->count;
	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;
		if (ranges->start_ns[middle] <= time_ns)
			begin = middle + 1;
		else
			end = middle;
	}
	size_t tried = 0;
	for (size_t i = begin; i > 0 && tried < RANGES_SEARCHED_MAX; i--, tried++)
		if (ranges->thread[i - 1] == thread && ranges->end_ns[i - 1] > time_ns)
			return ranges->names[ranges->name[i - 1]].name;
	return NULL;
}

static const char *next_name(const struct timeline *timeline, const struct idle_gap *gap)
{
	switch (gap->next_kind) {
	case LANE_KERNEL:
		return timeline->kernels[gap->next_what].name;
	case LANE_COPY:
		return gap->next_what == TRANSFER_MEMSET ? "memset" :
			copy_direction_name(transfer_kind_direction(gap->next_what));
	case LANE_GRAPH:
		return "CUDA graph";
	case LANE_COUNT:
		break;
	}
	return NULL;
}

static const char *keep_or_null(struct trace_measures *measures, const char *text)
{
	return text == NULL || text[0] == 0 ? NULL : keep_text(measures, text);
}

/* The longest idle gaps with names instead of places. */
static void keep_gaps(struct trace_measures *measures, struct report_gpu *kept,
		      const struct job_gpu *planned)
{
	const struct timeline *timeline = measures->timeline;
	const struct host_calls *calls = &timeline->calls;
	for (size_t i = 0; i < planned->time.worst_count; i++) {
		const struct idle_gap *gap = &planned->time.worst[i];
		struct report_gap *row = &kept->worst[kept->worst_count++];
		uint32_t call = gap->call != NO_CALL ? gap->call : gap->launch;
		*row = (struct report_gap){
			.start_ns = gap->start_ns, .ns = gap->end_ns - gap->start_ns,
			.cause = gap->cause, .cause_ns = gap->cause_ns, .thread_id = -1,
			.next = keep_or_null(measures, next_name(timeline, gap)),
		};
		if (gap->call != NO_CALL)
			row->call =
				keep_or_null(measures, calls->names[calls->name[gap->call]].name);
		if (call == NO_CALL)
			continue;
		uint32_t thread = calls->thread[call];
		row->thread_id = calls->threads[thread].thread_id;
		row->range = keep_or_null(measures, gap->range != NO_RANGE ?
			timeline->ranges.names[timeline->ranges.name[gap->range]].name :
			range_at(timeline, thread, gap->start_ns + row->ns / 2));
	}
}

struct piece_keeping {
	struct kept_pieces *pieces;	/* NULL: they are not kept */
	const struct timeline *timeline;
	const struct host_samples *samples;
	struct host_detail *host;
};

static void piece_keep(void *context, const struct idle_piece *piece)
{
	struct piece_keeping *keeping = context;
	struct kept_pieces *pieces = keeping->pieces;
	const struct timeline *timeline = keeping->timeline;
	const struct host_calls *calls = &timeline->calls;
	int64_t ns = piece->end_ns - piece->start_ns;
	if (ns < PIECE_NS_MIN) {
		pieces->rest_ns[piece->cause] += ns;
		pieces->rest_count[piece->cause]++;
		return;
	}
	struct kept_piece *items =
		array_grow(pieces->items, &pieces->room, pieces->count, sizeof *items);
	pieces->is_short = pieces->is_short || items == NULL;
	if (items == NULL)
		return;
	pieces->items = items;
	struct kept_piece *kept = &items[pieces->count++];
	const struct idle_gap gap = { .next_kind = piece->next_kind,
				      .next_what = piece->next_what };
	uint32_t call = piece->call != NO_CALL ? piece->call : piece->launch;
	*kept = (struct kept_piece){
		.start_ns = piece->start_ns, .end_ns = piece->end_ns, .cause = piece->cause,
		.next = next_name(timeline, &gap),
	};
	if (piece->call != NO_CALL)
		kept->call = calls->names[calls->name[piece->call]].name;
	if (piece->range != NO_RANGE)
		kept->range = timeline->ranges.names[timeline->ranges.name[piece->range]].name;
	if (call == NO_CALL)
		return;
	kept->thread_id = calls->threads[calls->thread[call]].thread_id;
	if (kept->range == NULL && ns >= PIECE_RANGE_NS_MIN)
		kept->range = range_at(timeline, calls->thread[call], piece->start_ns + ns / 2);
}

static int piece_order(const void *a, const void *b)
{
	const struct kept_piece *x = a, *y = b;
	return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

static void piece_hear(void *context, const struct idle_piece *piece)
{
	struct piece_keeping *keeping = context;
	const struct host_calls *calls = &keeping->timeline->calls;
	if (piece->launch != NO_CALL && host_detail_is_asked(piece->cause))
		host_detail_add(keeping->host, keeping->samples,
				calls->threads[calls->thread[piece->launch]].thread_id,
				piece->start_ns, piece->end_ns);
	if (keeping->pieces != NULL)
		piece_keep(keeping, piece);
}

/* Names instead of the reader's ids. */
static bool waits_name(struct trace_measures *measures, struct host_detail *host)
{
	bool ok = true;
	for (size_t i = 0; ok && i < host->wait_count; i++) {
		struct host_wait *wait = &host->waits[i];
		const char *name = wait->string_id == 0 ? "" :
			trace_reader_string(measures->input->reader, wait->string_id);
		wait->name = name == NULL || name[0] == 0 ? NULL : keep_text(measures, name);
		ok = wait->name != NULL || name == NULL || name[0] == 0;
	}
	return ok;
}

static bool measure_gpu(struct trace_measures *measures, struct job *job, struct job_gpu *planned,
			const struct host_samples *samples)
{
	const struct timeline *timeline = measures->timeline;
	const struct timeline_gpu *gpu = &timeline->gpus[planned->gpu];
	const struct time_window *window = &planned->window;
	struct report_gpu *kept = &measures->gpus[measures->gpu_count++];
	struct piece_keeping keeping = { job->keeps_pieces ? &planned->pieces : NULL, timeline,
					 samples, &kept->host };
	struct transfers transfers;
	*kept = (struct report_gpu){
		.device_id = gpu->device_id,
		.name = keep_text(measures, gpu->name),
		.uuid = keep_text(measures, gpu->uuid),
		.window_start_ns = add_saturated(measures->trace.epoch_ns, window->start_ns),
		.partition = partition_measure(timeline, gpu, window),
		.no_launch_rows = gpu->no_launch_rows,
		.before_launch_rows = gpu->before_launch_rows,
	};
	if (kept->name == NULL || kept->uuid == NULL ||
	    !job_measure_gpu(job, planned, piece_hear, &keeping) || planned->pieces.is_short ||
	    !waits_name(measures, &kept->host) ||
	    !row_counts_measure(&kept->rows, timeline, gpu, window) ||
	    !transfers_measure(&transfers, timeline, gpu, window))
		return false;
	assert(time_parts_idle(&planned->time.parts) == kept->partition.idle_ns);
	assert(time_parts_copy(&planned->time.parts) == kept->partition.copy_ns);
	/* A stretch is told from its causes' point of view; who draws it wants the order of time.
	 */
	if (planned->pieces.count > 0)
		qsort(planned->pieces.items, planned->pieces.count,
		      sizeof planned->pieces.items[0], piece_order);
	keep_gaps(measures, kept, planned);
	bool ok = keep_transfers(measures, &kept->transfers, &transfers);
	transfers_end(&transfers);
	return ok;
}

static bool keep_kernels(struct trace_measures *measures, const struct kernel_total *totals)
{
	const struct timeline *timeline = measures->timeline;
	size_t used = 0;
	for (size_t k = 0; k < timeline->kernel_count; k++)
		used += totals[k].count > 0;
	measures->kernels = arena_take_array(measures->arena, used + 1, sizeof *measures->kernels);
	if (measures->kernels == NULL)
		return false;
	for (size_t k = 0; k < timeline->kernel_count; k++) {
		if (totals[k].count == 0)
			continue;
		struct report_kernel *kernel = &measures->kernels[measures->kernel_count++];
		*kernel = (struct report_kernel){
			.name = keep_text(measures, timeline->kernels[k].name),
			.class = timeline->kernels[k].class, .count = totals[k].count,
			.total_ns = totals[k].total_ns, .longest_ns = totals[k].longest_ns,
		};
		if (kernel->name == NULL)
			return false;
	}
	return true;
}

bool trace_measures_measure(struct trace_measures *measures, struct job *job, struct error *error)
{
	const struct timeline *timeline = measures->timeline;
	if (timeline == NULL)
		return true;
	measures->gpus =
		arena_take_array(measures->arena, timeline->gpu_count + 1, sizeof *measures->gpus);
	struct kernel_total *totals = calloc(timeline->kernel_count, sizeof *totals);
	struct host_samples samples = { 0 };
	bool ok = measures->gpus != NULL && totals != NULL;
	if (ok && !host_samples_load(&samples, measures->input->reader, error)) {
		free(totals);
		return false;
	}
	for (size_t g = 0; ok && g < job->gpu_count; g++) {
		struct job_gpu *planned = &job->gpus[g];
		if (planned->trace != measures->place)
			continue;
		kernel_totals_add(totals, &timeline->gpus[planned->gpu], &planned->window);
		ok = measure_gpu(measures, job, planned, &samples);
	}
	ok = ok && keep_kernels(measures, totals);
	host_samples_end(&samples);
	free(totals);
	return ok || no_memory(measures, error);
}

void trace_measures_leave_out(struct trace_measures *measures, const char *path)
{
	steps_end(&measures->steps);
	timeline_close(measures->timeline);
	measures->steps = (struct step_list){ 0 };
	measures->timeline = NULL;
	measures->trace.gpu_count = 0;
	measures->trace.left_out_for = path;
}

void trace_measures_end(struct trace_measures *measures)
{
	steps_end(&measures->steps);
	timeline_close(measures->timeline);
	arena_close(measures->arena);
	*measures = (struct trace_measures){ 0 };
}
