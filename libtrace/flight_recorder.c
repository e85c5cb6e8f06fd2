/* SPDX-License-Identifier: MIT */
#include "libtrace/flight_private.h"

#include "libtrace/cupti_decode.h"
#include "libtrace/cupti_records.h"
#include "libtrace/futex.h"
#include "libtrace/host_facts.h"
#include "libtrace/notice.h"
#include "libtrace/nvtx_event.h"
#include "libtrace/window_source.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

enum { ASK_TIMEOUT_S = 60 };

/* One who asks at a time. A word for a futex, and no lock that a forked child could find taken. */
enum ask_state { ASK_NONE, ASK_WRITING, ASK_WAITING, ASK_ANSWERED, ASK_ABANDONED };
static struct {
	_Atomic uint32_t state;
	struct queue *_Atomic queue;	/* NULL: no flight recorder runs */
	char reason[FLIGHT_TRIGGER_BYTES];
	char path[OUTPUT_PATH_MAX];
	bool is_ok;
	struct flight *flight;		/* drain thread: the one that runs */
	_Atomic int64_t drain_thread_id;
} ask;

void flight_keep_loss(struct flight *flight, const char *source, const char *reason,
		      int64_t count, int64_t at_ns)
{
	struct flight_loss *loss = NULL;
	for (size_t i = 0; loss == NULL && i < flight->loss_count; i++)
		if (strcmp(flight->losses[i].source, source) == 0 &&
		    strncmp(flight->losses[i].reason, reason, sizeof loss->reason - 1) == 0)
			loss = &flight->losses[i];
	if (loss == NULL && flight->loss_count < FLIGHT_LOSSES_MAX - 1) {
		loss = &flight->losses[flight->loss_count++];
		*loss = (struct flight_loss){ .first_ns = at_ns };
		(void)snprintf(loss->source, sizeof loss->source, "%s", source);
		(void)snprintf(loss->reason, sizeof loss->reason, "%s", reason);
	} else if (loss == NULL) {
		/* The last place is for all that found none. */
		loss = &flight->losses[FLIGHT_LOSSES_MAX - 1];
		if (flight->loss_count < FLIGHT_LOSSES_MAX)
			*loss = (struct flight_loss){ "flight", "other losses", 0, at_ns, at_ns };
		flight->loss_count = FLIGHT_LOSSES_MAX;
	}
	loss->count += count;
	loss->last_ns = at_ns;
}

static void lose(struct flight *flight, const char *reason, int64_t count)
{
	if (count != 0)
		flight_keep_loss(flight, "flight", reason, count,
				 flight->time_ns - flight->plan.epoch_ns);
}

/* Something leaves the ring. Before its time it is missing from a dump, and counted. */
static void item_leave(void *context, const struct flight_item *item, bool is_squeezed)
{
	struct flight *flight = context;
	if (item->kind == FLIGHT_NVTX || item->kind == FLIGHT_NCCL) {
		const struct log_record record = {
			.source = item->kind == FLIGHT_NVTX ? LOG_SOURCE_NVTX : LOG_SOURCE_NCCL,
			.type = item->type, .thread_id = item->thread_id, .payload = item->bytes,
			.size = item->size,
		};
		flight_opens_leave(&flight->opens, &record);
	}
	if (!is_squeezed || item->time_ns < flight->time_ns - flight->window_ns)
		return;
	flight->squeezed_ns = item->time_ns;
	lose(flight, "no room for the whole window (LAGGARD_FLIGHT_MB)", item->record_count);
}

bool flight_create(struct flight **out, const struct flight_plan *plan, struct error *error)
{
	struct flight *flight = calloc(1, sizeof *flight);
	*out = NULL;
	if (flight == NULL)
		return fail(error, ERROR_SYSTEM, "no memory for the flight recorder");
	flight->plan = *plan;
	flight->window_ns = plan->settings->flight_s * NS_PER_S;
	flight->has_api_records = plan->settings->api != API_CHOICE_OFF;
	flight_opens_begin(&flight->opens);
	flight->ring = flight_ring_create((size_t)plan->settings->flight_mb << 20, item_leave,
					  flight);
	if (!flight_progress_begin(&flight->progress) || flight->ring == NULL) {
		flight_close(flight);
		return fail(error, ERROR_SYSTEM,
			    "no memory for the flight recorder (LAGGARD_FLIGHT_MB %lld)",
			    (long long)plan->settings->flight_mb);
	}
	ask.flight = flight;
	atomic_store(&ask.drain_thread_id, plan->own_thread_id);
	atomic_store_explicit(&ask.queue, plan->queue, memory_order_release);
	*out = flight;
	return true;
}

/* Nobody may wait for an answer that never comes. */
static void ask_refuse(void)
{
	uint32_t waiting = ASK_WAITING;
	ask.is_ok = false;
	if (atomic_compare_exchange_strong(&ask.state, &waiting, ASK_ANSWERED))
		futex_wake(&ask.state);
}

void flight_close(struct flight *flight)
{
	if (flight == NULL)
		return;
	ask.flight = NULL;
	atomic_store_explicit(&ask.queue, NULL, memory_order_release);
	ask_refuse();
	flight_ring_close(flight->ring);
	flight_opens_finish(&flight->opens);
	flight_progress_finish(&flight->progress);
	for (size_t i = 0; i < flight->name_count; i++)
		free(flight->names[i]);
	free(flight);
}

bool flight_is_replaying(const struct flight *flight)
{
	return flight->is_replaying;
}

int64_t flight_dump_count(const struct flight *flight)
{
	return flight->dumps;
}

int64_t flight_keep_name(struct flight *flight, const char *bytes, size_t length)
{
	for (size_t i = 0; i < flight->name_count; i++)
		if (strncmp(flight->names[i], bytes, length) == 0 && flight->names[i][length] == 0)
			return (int64_t)i + 1;
	char *name = flight->name_count == FLIGHT_NAMES_MAX ? NULL : strndup(bytes, length);
	if (name == NULL) {
		lose(flight, "no room for a name", 1);
		return 0;
	}
	flight->names[flight->name_count++] = name;
	return (int64_t)flight->name_count;
}

static void item_keep(struct flight *flight, struct flight_item *item)
{
	int64_t now_ns = realtime_ns();
	if (now_ns > flight->time_ns)
		flight->time_ns = now_ns;
	item->time_ns = flight->time_ns;
	if (flight_ring_put(flight->ring, item))
		return;
	flight->squeezed_ns = flight->time_ns;
	lose(flight, "larger than half of LAGGARD_FLIGHT_MB", item->record_count);
}

void flight_keep_row(struct flight *flight, enum trace_table table, const void *row)
{
	struct flight_item item = {
		.kind = FLIGHT_ROW, .type = (uint16_t)table, .record_count = 1, .bytes = row,
		.size = (uint32_t)trace_tables[table].row_size,
	};
	/* Texts would point to what is gone by then; no table that comes this way has any. */
	for (size_t i = 0; i < trace_tables[table].column_count; i++)
		if (trace_tables[table].columns[i].type == COLUMN_TYPE_TEXT)
			return;
	item_keep(flight, &item);
}

static bool kernel_is_nccl(struct flight *flight, const char *name)
{
	uint64_t hash = (uint64_t)(uintptr_t)name * UINT64_C(0x9e3779b97f4a7c15);
	struct flight_kernel_slot *slot = &flight->kernels[(hash >> 40) % FLIGHT_KERNEL_SLOTS];
	if (slot->name != name)
		*slot = (struct flight_kernel_slot){
			name, name != NULL && (strstr(name, "ncclDevKernel") != NULL ||
					       strstr(name, "ncclKernel") != NULL) };
	return slot->is_nccl;
}

/* The newest id with its epoch, as the decoder counts it: a dump begins from it. */
static void correlation_note(struct flight *flight, uint32_t id)
{
	uint32_t forward = id - (uint32_t)flight->correlation_last;
	if (id == 0)
		return;
	if (!flight->has_correlation)
		flight->correlation_last = id;
	else if (forward <= INT32_MAX)
		flight->correlation_last += forward;
	flight->has_correlation = true;
}

static void thread_note(struct flight *flight, int64_t thread_id)
{
	if (thread_id == flight->thread_last || thread_id == flight->plan.own_thread_id)
		return;
	flight->thread_last = thread_id;
	recorder_thread(flight->plan.recorder, thread_id, NULL);
}

static void kernel_note(struct flight *flight, const uint8_t *at, int64_t now_ns)
{
	struct cupti_kernel kernel;
	memcpy(&kernel, at, offsetof(struct cupti_kernel, reserved0));
	if (kernel.end == 0)
		return;
	flight_progress_end(&flight->progress, (int64_t)kernel.end, now_ns);
	if (!flight->has_api_records)
		correlation_note(flight, kernel.correlation);
	if (kernel_is_nccl(flight, kernel.name))
		flight_progress_kernel(&flight->progress, kernel.correlation, now_ns);
}

static void bracket_note(struct flight *flight, const uint8_t *at, int64_t now_ns)
{
	struct cupti_external_correlation bracket;
	memcpy(&bracket, at, sizeof bracket);
	if (bracket.external_kind == CUPTI_EXTERNAL_OURS)
		flight_progress_bracket(&flight->progress, bracket.external, bracket.correlation,
					now_ns);
}

static void api_note(struct flight *flight, const uint8_t *at)
{
	struct cupti_api call;
	memcpy(&call, at, sizeof call);
	correlation_note(flight, call.correlation);
	thread_note(flight, call.thread);
}

static void copy_note(struct flight *flight, const uint8_t *at, size_t end_offset, int64_t now_ns)
{
	uint64_t end;
	memcpy(&end, at + end_offset, sizeof end);
	flight_progress_end(&flight->progress, (int64_t)end, now_ns);
}

/* All that is looked at when a record comes: facts, ids, and ends of GPU work. */
static void record_note(struct flight *flight, uint32_t kind, const uint8_t *at, size_t stride,
			int64_t now_ns)
{
	switch (kind) {
	case CUPTI_KIND_DEVICE:
	case CUPTI_KIND_CONTEXT:
	case CUPTI_KIND_STREAM:
	case CUPTI_KIND_NAME:
		flight_opens_keep_record(&flight->opens, at, stride);
		break;
	case CUPTI_KIND_RUNTIME:
	case CUPTI_KIND_DRIVER:
		if (stride >= sizeof(struct cupti_api))
			api_note(flight, at);
		break;
	case CUPTI_KIND_KERNEL:
	case CUPTI_KIND_CONCURRENT_KERNEL:
		if (stride >= offsetof(struct cupti_kernel, reserved0))
			kernel_note(flight, at, now_ns);
		break;
	case CUPTI_KIND_MEMCPY:
		copy_note(flight, at, offsetof(struct cupti_memcpy, end), now_ns);
		break;
	case CUPTI_KIND_MEMCPY2:
		copy_note(flight, at, offsetof(struct cupti_peer_copy, end), now_ns);
		break;
	case CUPTI_KIND_MEMSET:
		copy_note(flight, at, offsetof(struct cupti_memset, end), now_ns);
		break;
	case CUPTI_KIND_EXTERNAL_CORRELATION:
		if (stride >= sizeof(struct cupti_external_correlation))
			bracket_note(flight, at, now_ns);
		break;
	default:
		break;
	}
}

void flight_keep_buffer(struct flight *flight, const void *bytes, size_t valid_bytes)
{
	const uint16_t *strides = flight->plan.strides;
	const uint8_t *at = bytes;
	int64_t now_ns = monotonic_ns(), count = 0;
	for (size_t left = valid_bytes; left >= sizeof(uint32_t); count++) {
		uint32_t kind;
		memcpy(&kind, at, sizeof kind);
		size_t stride = kind < CUPTI_KIND_LIMIT ? strides[kind] : 0;
		if (stride == 0 || stride > left)
			break;	/* the decoder will say so */
		record_note(flight, kind, at, stride, now_ns);
		at += stride;
		left -= stride;
	}
	struct flight_item item = {
		.kind = FLIGHT_BUFFER, .record_count = count, .bytes = bytes,
		.size = (uint32_t)valid_bytes,
	};
	if (valid_bytes > 0)
		item_keep(flight, &item);
}

static void slow_step_note(struct flight *flight, const struct flight_slow_step *slow)
{
	char number[32] = "";
	if (slow->number >= 0)
		(void)snprintf(number, sizeof number, " %" PRId64, slow->number);
	(void)snprintf(flight->slow_step, sizeof flight->slow_step,
		       "slow step: %s%s took %" PRId64 ".%03d ms, usually %" PRId64 ".%03d ms",
		       slow->family, number, slow->duration_ns / NS_PER_MS,
		       (int)(slow->duration_ns / 1000 % 1000), slow->median_ns / NS_PER_MS,
		       (int)(slow->median_ns / 1000 % 1000));
}

static void range_note(struct flight *flight, const struct log_record *record)
{
	struct nvtx_event_view event;
	int64_t percent = flight->plan.settings->flight_slow_percent;
	struct flight_slow_step slow;
	bool is_stack = record->type == NVTX_EVENT_PUSH || record->type == NVTX_EVENT_POP;
	if (percent == 0 || record->type == NVTX_EVENT_MARK ||
	    record->type == NVTX_EVENT_DEFINED ||
	    !nvtx_event_read(&event, record->payload, record->size))
		return;
	uint64_t key = UINT64_C(1) << 63;
	if (is_stack)
		key |= (uint64_t)record->thread_id << 32 | (uint64_t)event.head.domain << 12 |
			(uint64_t)(event.head.level & 4095);
	else
		key |= UINT64_C(1) << 62 | event.head.range_id;
	if (record->type == NVTX_EVENT_POP || record->type == NVTX_EVENT_END) {
		if (flight_steps_end(&flight->steps, key, event.head.time_ns, percent, &slow))
			slow_step_note(flight, &slow);
		return;
	}
	const struct nvtx_name *name = event.head.string == 0 ? NULL :
		nvtx_name_at(event.head.string, NVTX_DEFINED_STRING);
	flight_steps_begin(&flight->steps, key, name != NULL ? name->text : event.text,
			   name != NULL ? name->length : event.head.text_length,
			   event.head.time_ns);
}

void flight_keep_log(struct flight *flight, const struct log_record *record)
{
	struct flight_item item = {
		.kind = record->source == LOG_SOURCE_NVTX ? FLIGHT_NVTX : FLIGHT_NCCL,
		.type = record->type, .thread_id = record->thread_id, .record_count = 1,
		.bytes = record->payload, .size = (uint32_t)record->size,
	};
	thread_note(flight, record->thread_id);
	if (record->source == LOG_SOURCE_NVTX) {
		range_note(flight, record);
	} else if (record->type == NCCL_RECORD_START &&
		   record->size >= sizeof(struct nccl_event)) {
		struct nccl_event event;
		memcpy(&event, record->payload, sizeof event);
		flight_progress_operation(&flight->progress, &event, monotonic_ns());
	}
	item_keep(flight, &item);
}

static bool dump_make(struct flight *flight, const char *trigger, char path[OUTPUT_PATH_MAX])
{
	struct error error = { 0 };
	if (flight->dumps >= flight->plan.settings->flight_dumps) {
		lose(flight, "dump not made: there are LAGGARD_FLIGHT_DUMPS", 1);
		return false;
	}
	lose(flight, "open ranges or facts forgotten for want of room",
	     flight_opens_take_refused(&flight->opens));
	flight->dumps++;
	if (flight_dump_write(flight, trigger, path, &error))
		return true;
	notice("%s; the flight recorder's dump was not made", error.message);
	lose(flight, "dump not written", 1);
	return false;
}

static void dump_automatically(struct flight *flight, const char *trigger)
{
	char path[OUTPUT_PATH_MAX];
	if (dump_make(flight, trigger, path))
		notice("%s: the last %lld s are in '%s'", trigger,
		       (long long)flight->plan.settings->flight_s, path);
	flight->automatic_due_ns =
		monotonic_ns() + flight->plan.settings->flight_pause_s * NS_PER_S;
}

/*
 * While the capture window is closed neither operations nor ends come: nothing is waited for, and
 * what was outstanding when it closed may have ended since.
 */
static void window_look(struct flight *flight)
{
	const struct window_history *history = window_source_history();
	if (history->is_open && history->gap_count == flight->gap_count)
		return;
	flight->gap_count = history->gap_count;
	flight_progress_forget(&flight->progress);
}

static void hang_look(struct flight *flight, int64_t now_ns)
{
	struct flight_hang hang;
	char trigger[FLIGHT_TRIGGER_BYTES];
	int64_t limit_ns = flight->plan.settings->flight_hang_s * NS_PER_S;
	if (limit_ns == 0 ||
	    !flight_progress_hangs(&flight->progress, now_ns, limit_ns, &hang)) {
		flight->is_hang_told = false;
		return;
	}
	if (flight->is_hang_told)
		return;
	flight->is_hang_told = true;
	struct flight_communicator state =
		flight_progress_state(&flight->progress, hang.communicator);
	(void)snprintf(trigger, sizeof trigger,
		       "hang: the last operation (%s, sequence %" PRId64 ") of a communicator was "
		       "enqueued, and for %" PRId64 " s nothing has ended on the GPU",
		       state.operation, state.sequence, hang.waiting_ns / NS_PER_S);
	dump_automatically(flight, trigger);	/* once a hang: no pause keeps it from being told */
}

static void slow_step_look(struct flight *flight, int64_t now_ns)
{
	if (flight->slow_step[0] == 0)
		return;
	if (now_ns < flight->automatic_due_ns)
		lose(flight, "dump not made: too soon (LAGGARD_FLIGHT_PAUSE_S)", 1);
	else
		dump_automatically(flight, flight->slow_step);
	flight->slow_step[0] = 0;
}

static void ask_answer(struct flight *flight)
{
	char trigger[FLIGHT_TRIGGER_BYTES], path[OUTPUT_PATH_MAX] = "";
	/* Acquire pairs with the asking thread's release: its reason is there. */
	uint32_t state = atomic_load_explicit(&ask.state, memory_order_acquire);
	if (state == ASK_ABANDONED)
		atomic_store(&ask.state, ASK_NONE);
	if (state != ASK_WAITING)
		return;
	(void)snprintf(trigger, sizeof trigger, "asked: %.200s", ask.reason);
	ask.is_ok = dump_make(flight, trigger, path);
	memcpy(ask.path, path, sizeof ask.path);
	if (atomic_compare_exchange_strong(&ask.state, &state, ASK_ANSWERED))
		futex_wake(&ask.state);
	else
		atomic_store(&ask.state, ASK_NONE);	/* whoever asked has gone */
}

void flight_pass(struct flight *flight)
{
	int64_t now_ns = monotonic_ns();
	flight_ring_age(flight->ring, realtime_ns() - flight->window_ns);
	window_look(flight);
	ask_answer(flight);
	slow_step_look(flight, now_ns);
	if (now_ns < flight->second_due_ns)
		return;
	flight->second_due_ns = now_ns + NS_PER_S;
	flight_progress_prune(&flight->progress, now_ns);
	hang_look(flight, now_ns);
}

void flight_finish(struct flight *flight)
{
	char path[OUTPUT_PATH_MAX];
	flight_ring_age(flight->ring, realtime_ns() - flight->window_ns);
	ask_answer(flight);
	if (flight->plan.settings->flight_exit)
		(void)dump_make(flight, "exit", path);
	atomic_store_explicit(&ask.queue, NULL, memory_order_release);
	ask_refuse();
}

static bool dump_at_once(const char *reason, char *path_out, size_t size)
{
	char trigger[FLIGHT_TRIGGER_BYTES], path[OUTPUT_PATH_MAX];
	(void)snprintf(trigger, sizeof trigger, "asked: %.200s", reason);
	if (ask.flight == NULL || !dump_make(ask.flight, trigger, path))
		return false;
	(void)snprintf(path_out, size, "%s", path);
	return true;
}

bool flight_dump_ask(const char *reason, char *path_out, size_t size)
{
	struct queue *queue = atomic_load_explicit(&ask.queue, memory_order_acquire);
	uint32_t state = ASK_NONE;
	if (queue != NULL && atomic_load(&ask.drain_thread_id) == (int64_t)syscall(SYS_gettid))
		return dump_at_once(reason, path_out, size);
	if (queue == NULL || !atomic_compare_exchange_strong(&ask.state, &state, ASK_WRITING))
		return false;
	(void)snprintf(ask.reason, sizeof ask.reason, "%s", reason);
	atomic_store_explicit(&ask.state, ASK_WAITING, memory_order_release);
	queue_wake(queue);
	int64_t deadline_ns = monotonic_ns() + ASK_TIMEOUT_S * NS_PER_S, left_ns;
	while (atomic_load_explicit(&ask.state, memory_order_acquire) == ASK_WAITING &&
	       (left_ns = deadline_ns - monotonic_ns()) > 0) {
		/* The recorder may have ended just before it could see the question. */
		if (atomic_load_explicit(&ask.queue, memory_order_acquire) == NULL)
			ask_refuse();
		futex_wait(&ask.state, ASK_WAITING, left_ns < NS_PER_S ? left_ns : NS_PER_S);
	}
	state = ASK_WAITING;
	if (atomic_compare_exchange_strong(&ask.state, &state, ASK_ABANDONED))
		return false;
	bool is_ok = ask.is_ok;
	(void)snprintf(path_out, size, "%s", ask.path);
	atomic_store_explicit(&ask.state, ASK_NONE, memory_order_release);
	return is_ok;
}
