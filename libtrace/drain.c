/* SPDX-License-Identifier: MIT */
#include "libtrace/drain.h"
#include "libtrace/control.h"
#include "libtrace/cupti_source.h"
#include "libtrace/flight_recorder.h"
#include "libtrace/gap_source.h"
#include "libtrace/host_facts.h"
#include "libtrace/host_sampler.h"
#include "libtrace/nccl_source.h"
#include "libtrace/notice.h"
#include "libtrace/nvml_sampler.h"
#include "libtrace/nvml_source.h"
#include "libtrace/nvtx_source.h"
#include "libtrace/output_path.h"
#include "libtrace/own_thread.h"
#include "libtrace/recorder.h"
#include "libtrace/thread_log.h"
#include "libtrace/trace_facts.h"
#include "libtrace/window_source.h"
#include "tracedb/descriptor_guard.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
#define CLOCK_STEP_NS (2 * NS_PER_MS)	/* no clock is slewed that far between two passes */

enum {
	STACK_BYTES = 1 << 20,
	SETTLE_MS = 100,	/* how long the last buffers may travel after the forced flush */
	FILES_MAX = 99,		/* names tried when old traces are in the way */
};

/* A stamp further away from the time of decoding is garbage or of another time base. */
static const int64_t plausible_ns = 3600 * NS_PER_S;

struct drain {
	const struct drain_plan *plan;
	struct queue *queue;
	struct recorder *recorder;
	struct flight *flight;		/* NULL: all is written as it comes */
	struct cupti_decoder *decoder;
	atomic_bool is_stopping;
	_Atomic int64_t thread_id;
	char path[OUTPUT_PATH_MAX];	/* of the file really made */
	int64_t pass_realtime_ns;	/* when the pass before this one began */
	int64_t flush_due_ns, second_due_ns;	/* CLOCK_MONOTONIC */
	int64_t versions_due_s, seconds;
	size_t threads_named, devices_asked;
	int64_t losses;
	int64_t wall_ns;		/* CLOCK_REALTIME - CLOCK_MONOTONIC, 0: not known yet */
	bool is_guarded;		/* see descriptor_guard.h */
	size_t log_count;		/* records of the host since the last flush */
};

int64_t drain_time(const struct drain *drain, int64_t realtime)
{
	return realtime - drain->plan->epoch_ns;
}

/* Rows go to the flight recorder, and no file is open. */
static bool drain_keeps(const struct drain *drain)
{
	return drain->flight != NULL && !flight_is_replaying(drain->flight);
}

int64_t drain_string(struct drain *drain, const char *bytes, size_t length)
{
	if (drain_keeps(drain))
		return flight_keep_name(drain->flight, bytes, length);
	return recorder_string(drain->recorder, bytes, length);
}

void drain_put(struct drain *drain, enum trace_table table, const void *row)
{
	if (drain_keeps(drain))
		flight_keep_row(drain->flight, table, row);
	else
		recorder_put(drain->recorder, table, row);
}

bool drain_is_flying(const struct drain *drain)
{
	return drain_keeps(drain);
}

void drain_drop_open_gap(struct drain *drain, int64_t start_ns, int64_t source_id)
{
	recorder_drop_open_gap(drain->recorder, start_ns, source_id);
}

void drain_replace(struct drain *drain, enum trace_table table, const void *row)
{
	recorder_replace(drain->recorder, table, row);
}

void drain_loss(struct drain *drain, const char *source, const char *reason, int64_t count)
{
	drain->losses += count;
	int64_t at_ns = drain_time(drain, realtime_ns());
	if (drain_keeps(drain))
		flight_keep_loss(drain->flight, source, reason, count, at_ns);
	else
		recorder_loss(drain->recorder, source, reason, count, at_ns);
}

struct trace_row *drain_trace_row(struct drain *drain)
{
	return recorder_trace_row(drain->recorder);
}

void drain_thread(struct drain *drain, int64_t thread_id, const char *name)
{
	recorder_thread(drain->recorder, thread_id, name);
}

void drain_stream_name(struct drain *drain, int64_t context_id, int64_t number, const char *name)
{
	recorder_stream_name(drain->recorder, context_id, number, name);
}

const char *drain_keep_text(struct drain *drain, const char *text)
{
	return recorder_keep_text(drain->recorder, text);
}

struct device_row *drain_device_row(struct drain *drain, int64_t device_id)
{
	return recorder_device_row(drain->recorder, device_id);
}

size_t drain_device_count(const struct drain *drain)
{
	return recorder_device_count(drain->recorder);
}

struct device_row *drain_device_at(struct drain *drain, size_t index)
{
	return recorder_device_at(drain->recorder, index);
}

struct drain_status drain_status_read(const struct drain *drain)
{
	return (struct drain_status){
		.path = drain->path, .epoch_ns = drain->plan->epoch_ns,
		.rows = recorder_row_count(drain->recorder), .losses = drain->losses,
		.dumps = drain->flight == NULL ? -1 : flight_dump_count(drain->flight),
	};
}

static void hear_source_loss(void *context, const char *reason, int64_t count)
{
	drain_loss(context, "cupti", reason, count);
}

static void hear_decode_loss(void *context, const char *reason, int64_t count)
{
	drain_loss(context, "decode", reason, count);
}

static void log_consume_record(void *context, const struct log_record *record)
{
	const struct drain *drain = context;
	if (drain->flight != NULL) {
		flight_keep_log(drain->flight, record);
		return;
	}
	if (record->source == LOG_SOURCE_NVTX)
		nvtx_source_consume(context, record);
	else
		nccl_source_consume(context, record);
}

static void drain_note_losses(struct drain *drain)
{
	static const char *const sources[LOG_SOURCE_COUNT] = {
		[LOG_SOURCE_NVTX] = "nvtx", [LOG_SOURCE_NCCL] = "nccl",
	};
	if (thread_log_was_refused())
		drain_loss(drain, "nvtx", "disabled: no memory for its events (LAGGARD_LOG_MB)",
			   0);
	cupti_source_take_losses(hear_source_loss, drain);
	if (drain->decoder != NULL)
		cupti_decoder_take_losses(drain->decoder, hear_decode_loss, drain);
	for (int i = LOG_SOURCE_NVTX; i < LOG_SOURCE_COUNT; i++) {
		int64_t lost = thread_log_take_lost((enum log_source)i);
		if (lost != 0)
			drain_loss(drain, sources[i], "no room in the thread logs (LAGGARD_LOG_MB)",
				   lost);
	}
}

/* The program closed what was ours, or the file system is a poor one: a reader should know. */
static void drain_note_files(struct drain *drain)
{
	if (descriptor_guard_reopened() != 0)
		drain_loss(drain, "drain", "the program closed our files: opened again", 0);
	if (descriptor_guard_lacks_locks())
		drain_loss(drain, "drain", "the file system has no locks: none were taken", 0);
	if (!drain->is_guarded)
		drain_loss(drain, "drain", "this SQLite cannot be kept off the program's files", 0);
}

static void drain_note_clocks(struct drain *drain)
{
	struct clock_triple clocks = clock_triple_read();
	struct clock_row row = {
		.realtime_ns = drain_time(drain, clocks.realtime_ns),
		.monotonic_ns = clocks.monotonic_ns, .boottime_ns = clocks.boottime_ns,
	};
	drain_put(drain, TABLE_clock, &row);
}

/*
 * Somebody set the wall clock: what spans that moment has a wrong duration. The clocks just before
 * (at most a second ago) and just after stand in their table.
 */
static void drain_watch_clock(struct drain *drain)
{
	int64_t wall_ns = realtime_ns() - monotonic_ns();
	int64_t step_ns = wall_ns - drain->wall_ns;
	bool is_first = drain->wall_ns == 0;
	if (!is_first && step_ns < CLOCK_STEP_NS && step_ns > -CLOCK_STEP_NS)
		return;
	/* Or we were interrupted between the two readings. */
	struct clock_triple clocks = clock_triple_read();
	wall_ns = clocks.realtime_ns - clocks.monotonic_ns;
	step_ns = wall_ns - drain->wall_ns;
	drain->wall_ns = wall_ns;
	if (is_first || (step_ns < CLOCK_STEP_NS && step_ns > -CLOCK_STEP_NS))
		return;
	drain_note_clocks(drain);
	drain_loss(drain, "clock", "the wall clock was set: durations across it are wrong", 0);
}

/* What is missing by somebody's wish is missing all the same. */
static void drain_note_disabled(struct drain *drain)
{
	const struct settings *settings = drain->plan->settings;
	const struct { const char *source, *reason; bool is_disabled; } facts[] = {
		{ "nvtx", "disabled: LAGGARD_NVTX=off", !settings->nvtx },
		{ "nvtx", "disabled: NVTX_INJECTION64_PATH names another tool",
		  settings->nvtx && drain->plan->is_nvtx_taken },
		{ "nccl", "disabled: LAGGARD_NCCL=off", !settings->nccl },
		{ "nccl", "disabled: NCCL_PROFILER_PLUGIN names another plugin",
		  settings->nccl && drain->plan->is_nccl_taken },
		{ "nvml", "disabled: LAGGARD_NVML=off", !settings->nvml },
		{ "nvml", "disabled: LAGGARD_NVML_INTERVAL_MS=0",
		  settings->nvml && settings->nvml_interval_ms == 0 },
		{ "nvml", "disabled: LAGGARD_NVML_PCIE_MS=0, PCIe throughput",
		  settings->nvml && settings->nvml_interval_ms > 0 &&
			  settings->nvml_pcie_ms == 0 },
		{ "host", "disabled: LAGGARD_HOST_SAMPLE_MS=0", settings->host_sample_ms == 0 },
		{ "host", "disabled: LAGGARD_API=off, the threads that launch are not known",
		  settings->host_sample_ms > 0 && settings->api == API_CHOICE_OFF },
		{ "cupti", "disabled: LAGGARD_API=off", settings->api == API_CHOICE_OFF },
		{ "cupti", "disabled: LAGGARD_GRAPHS=graph, the kernels of CUDA graphs",
		  settings->graphs == GRAPH_CHOICE_GRAPH },
		{ "cupti", "disabled: LAGGARD_SYNC=off", !settings->sync },
		{ "cupti", "disabled: LAGGARD_EVENTS=off", !settings->events },
		{ "cupti", "disabled: LAGGARD_MEMORY_EVENTS=off", !settings->memory_events },
	};
	if (drain->flight != NULL)
		drain_loss(drain, "host", "disabled: by the flight recorder, launching threads", 0);
	for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
		if (facts[i].is_disabled)
			drain_loss(drain, facts[i].source, facts[i].reason, 0);
	if (*cupti_source_taken() == 0)
		return;
	drain_loss(drain, "cupti", cupti_source_taken(), 0);
	drain_loss(drain, "nvml", "disabled: without CUPTI nobody says which GPUs are in use", 0);
	gap_source_put_cupti(drain, 0, -1, cupti_source_taken());
}

static bool drain_open_file(struct drain *drain, struct error *error)
{
	const struct settings *settings = drain->plan->settings;
	const struct recorder_options options = {
		.epoch_ns = drain->plan->epoch_ns, .pid = drain->plan->pid,
		.commit_ns = settings->commit_ms * NS_PER_MS, .api_name = cupti_source_api_name,
		.api_filter = {
			.is_launches_only = settings->api == API_CHOICE_LAUNCHES,
			.skip = settings->api_skip,
		},
		.hear_launch = host_sampler_hear,
	};
	(void)snprintf(drain->path, sizeof drain->path, "%s", drain->plan->path);
	drain->is_guarded = descriptor_guard_install();
	if (settings->flight_s > 0)
		return recorder_create(&drain->recorder, NULL, &options, error);
	if (!output_path_make_folders(drain->path, error))
		return false;
	/* An old trace is never overwritten: process ids come back. */
	for (int number = 2; number <= FILES_MAX && access(drain->path, F_OK) == 0; number++)
		if (!output_path_number(drain->path, drain->plan->path, number))
			break;
	return recorder_create(&drain->recorder, drain->path, &options, error);
}

static bool drain_open_flight(struct drain *drain, struct error *error)
{
	const struct flight_plan plan = {
		.settings = drain->plan->settings, .path = drain->path,
		.epoch_ns = drain->plan->epoch_ns, .strides = cupti_source_strides(),
		.own_thread_id = atomic_load_explicit(&drain->thread_id, memory_order_relaxed),
		.queue = drain->queue, .recorder = drain->recorder, .drain = drain,
	};
	/* Now: a dump must not fail for want of a place, and `ctl` finds us by the folder. */
	return output_path_make_folders(drain->plan->path, error) &&
		flight_create(&drain->flight, &plan, error);
}

static bool drain_open_decoder(struct drain *drain, struct error *error)
{
	const struct cupti_decode_options options = {
		.strides = cupti_source_strides(), .epoch_ns = drain->plan->epoch_ns,
		.has_api_records = drain->plan->settings->api != API_CHOICE_OFF,
		.own_thread_id = atomic_load_explicit(&drain->thread_id, memory_order_relaxed),
	};
	struct cupti_sink sink = recorder_sink(drain->recorder);
	drain->decoder = cupti_decoder_create(&options, &sink);
	return drain->decoder != NULL ||
		fail(error, ERROR_SYSTEM, "no memory to decode GPU activity");
}

static bool drain_open(struct drain *drain, struct error *error)
{
	bool is_flight = drain->plan->settings->flight_s > 0;
	if (!drain_open_file(drain, error) ||
	    !(is_flight ? drain_open_flight : drain_open_decoder)(drain, error))
		return false;
	host_sampler_begin(drain->plan->settings->host_sample_ms);
	drain->pass_realtime_ns = drain->plan->epoch_ns;
	drain->flush_due_ns = monotonic_ns() + drain->plan->settings->flush_ms * NS_PER_MS;
	const struct window_history *history =
		window_source_begin(drain, drain->plan->settings, drain->plan->epoch_ns);
	if (drain->decoder != NULL)
		cupti_decoder_set_history(drain->decoder, history);
	trace_facts_begin(drain->recorder, drain->plan);
	drain_note_disabled(drain);
	recorder_flush(drain->recorder, true);
	return recorder_is_ok(drain->recorder) ||
		fail(error, ERROR_SYSTEM, "%s", recorder_error(drain->recorder)->message);
}

static void drain_take_buffer(struct drain *drain, const struct activity_buffer *buffer)
{
	if (drain->flight != NULL)
		flight_keep_buffer(drain->flight, buffer->bytes, buffer->valid_bytes);
	else
		(void)cupti_decode(drain->decoder, buffer->bytes, buffer->valid_bytes);
}

static void drain_decode_buffers(struct drain *drain)
{
	/* The clock may have been set since the pass before. */
	int64_t before_ns = drain->pass_realtime_ns, now_ns = realtime_ns();
	if (drain->decoder != NULL)
		cupti_decoder_set_window(drain->decoder,
					 (before_ns < now_ns ? before_ns : now_ns) - plausible_ns,
					 (before_ns < now_ns ? now_ns : before_ns) + plausible_ns);
	for (;;) {
		struct activity_buffer *buffer = queue_pop(drain->queue);
		if (buffer == NULL)
			break;
		/* Before the records, what was decided when they were made. */
		window_source_take(drain);
		drain_take_buffer(drain, buffer);
		cupti_source_give(buffer);
		recorder_flush(drain->recorder, false);
	}
	if (drain->decoder != NULL)
		cupti_decoder_settle(drain->decoder);
}

/*
 * CUPTI hands its last buffers over on a thread of its own; a short while later they must be here.
 */
static void drain_settle(struct drain *drain)
{
	int64_t deadline = monotonic_ns() + SETTLE_MS * NS_PER_MS;
	while (cupti_source_outstanding() > 0 && monotonic_ns() < deadline) {
		queue_wait(drain->queue, 2 * NS_PER_MS);
		drain_decode_buffers(drain);
	}
	if (cupti_source_outstanding() > 0)
		drain_loss(drain, "cupti", "activity buffers not returned at the end", 0);
	cupti_source_finish(gap_source_hear, drain);
}

static void drain_each_second(struct drain *drain)
{
	drain_note_clocks(drain);
	drain_note_losses(drain);
	nccl_source_settle(drain);
	drain_note_files(drain);
	trace_facts_add_thread_names(drain->recorder, drain->threads_named);
	drain->threads_named = recorder_thread_count(drain->recorder);
	/* Libraries come late, but ever more rarely. */
	if (drain->seconds++ >= drain->versions_due_s) {
		trace_facts_add_versions(drain->recorder);
		drain->versions_due_s = drain->versions_due_s * 2 + 1;
	}
}

static void drain_ask_nvml(struct drain *drain)
{
	size_t count = drain_device_count(drain);
	if (count == drain->devices_asked || !drain->plan->settings->nvml)
		return;
	drain->devices_asked = count;
	const struct nvml_pacing pacing = {
		.interval_ms = drain->plan->settings->nvml_interval_ms,
		.throughput_ms = drain->plan->settings->nvml_pcie_ms,
	};
	nvml_source_start(drain, &pacing);
}

/* One round: fetch, decode, consume, write. */
static void drain_pass(struct drain *drain, bool is_last)
{
	int64_t began_ns = realtime_ns();
	int64_t now_ns = monotonic_ns();
	window_source_pass(drain, began_ns);
	if (is_last || now_ns >= drain->flush_due_ns) {
		cupti_source_flush(is_last);
		if (!is_last)
			cupti_source_watch(drain->log_count != 0, gap_source_hear, drain);
		drain->log_count = 0;
		drain->flush_due_ns = now_ns + drain->plan->settings->flush_ms * NS_PER_MS;
	}
	cupti_source_fill_ahead();
	drain_decode_buffers(drain);
	if (is_last)
		drain_settle(drain);
	/* Nothing is added any more, or the end would run after a thread that never stops. */
	if (is_last)
		thread_log_stop();
	do
		drain->log_count += thread_log_drain(log_consume_record, drain);
	while (is_last && thread_log_is_behind());
	drain->pass_realtime_ns = began_ns;
	drain_watch_clock(drain);
	if (now_ns >= drain->second_due_ns) {
		drain_each_second(drain);
		drain->second_due_ns = now_ns + NS_PER_S;
	}
	drain_ask_nvml(drain);
	nvml_sampler_take(drain);
	control_look(drain);
	host_sampler_take(drain);
	if (drain->flight != NULL)
		flight_pass(drain->flight);
	recorder_flush(drain->recorder, false);
}

static void drain_finish(struct drain *drain)
{
	struct trace_row *row = drain_trace_row(drain);
	row->stop_ns = drain_time(drain, realtime_ns());
	if (drain->flight == NULL) {
		nvtx_source_finish(drain);
		nccl_source_finish(drain);
	}
	nvml_sampler_finish(drain);
	window_source_finish(drain, row->stop_ns);
	host_sampler_finish(drain);
	trace_facts_add_thread_names(drain->recorder, 0);
	drain_note_clocks(drain);
	drain_note_losses(drain);
	drain_note_files(drain);
	if (drain->flight != NULL)
		flight_finish(drain->flight);
}

static bool drain_run(struct drain *drain, struct error *error)
{
	if (!drain_open(drain, error))
		return false;
	if (drain->plan->settings->verbose && drain->flight != NULL)
		notice("keeping the last %lld s with %s",
		       (long long)drain->plan->settings->flight_s, cupti_source_path());
	else if (drain->plan->settings->verbose)
		notice("recording to '%s' with %s", drain->path, cupti_source_path());
	const int64_t commit_ns = drain->plan->settings->commit_ms * NS_PER_MS;
	control_open(drain, drain->plan);
	bool is_last = false;
	while (!is_last && recorder_is_ok(drain->recorder)) {
		/* Acquire pairs with drain_stop: what the program did before is seen. */
		is_last = atomic_load_explicit(&drain->is_stopping, memory_order_acquire);
		drain_pass(drain, is_last);
		int64_t wait_ns = drain->flush_due_ns - monotonic_ns();
		wait_ns = wait_ns < commit_ns ? wait_ns : commit_ns;
		if (control_is_open() && wait_ns > CONTROL_LOOK_MS * NS_PER_MS)
			wait_ns = CONTROL_LOOK_MS * NS_PER_MS;
		int64_t due_ns = window_source_due(realtime_ns());
		if (!is_last && !thread_log_is_behind())
			queue_wait(drain->queue, wait_ns < due_ns ? wait_ns : due_ns);
	}
	if (recorder_is_ok(drain->recorder))
		drain_finish(drain);
	return true;
}

static void *drain_main(void *argument)
{
	struct drain *drain = argument;
	struct error error = { 0 };
	(void)pthread_setname_np(pthread_self(), "laggard-drain");
	atomic_store_explicit(&drain->thread_id, (int64_t)syscall(SYS_gettid),
			      memory_order_release);
	cupti_source_meet_thread();
	bool ok = drain_run(drain, &error);
	control_close();
	thread_log_stop();
	if (ok && recorder_is_ok(drain->recorder))
		cupti_source_discard();
	else
		cupti_source_give_up();
	int64_t rows = drain->recorder == NULL ? 0 : recorder_row_count(drain->recorder);
	if (!recorder_close(drain->recorder, ok ? &error : NULL))
		ok = false;
	drain->recorder = NULL;
	flight_close(drain->flight);
	drain->flight = NULL;
	cupti_decoder_close(drain->decoder);
	drain->decoder = NULL;
	if (!ok)
		notice("%s; recording has ended", error.message);
	else if (drain->plan->settings->verbose && drain->plan->settings->flight_s == 0)
		notice("wrote %lld rows to '%s'", (long long)rows, drain->path);
	drain->plan->stopped(ok);
	return NULL;
}

struct drain *drain_start(const struct drain_plan *plan)
{
	struct drain *drain = calloc(1, sizeof *drain);
	if (drain == NULL)
		return NULL;
	drain->plan = plan;
	drain->queue = cupti_source_queue();
	if (!own_thread_start(drain_main, drain, STACK_BYTES)) {
		free(drain);
		return NULL;
	}
	return drain;
}

void drain_stop(struct drain *drain)
{
	atomic_store_explicit(&drain->is_stopping, true, memory_order_release);
	queue_wake(drain->queue);
}

bool drain_is_own_thread(const struct drain *drain)
{
	return atomic_load_explicit(&drain->thread_id, memory_order_acquire) ==
		(int64_t)syscall(SYS_gettid);
}
