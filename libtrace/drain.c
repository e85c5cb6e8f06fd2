/* SPDX-License-Identifier: MIT */
#include "libtrace/drain.h"
#include "libtrace/cupti_source.h"
#include "libtrace/drain_private.h"
#include "libtrace/host_facts.h"
#include "libtrace/host_sampler.h"
#include "libtrace/notice.h"
#include "libtrace/own_thread.h"
#include "tracedb/descriptor_guard.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

enum {
	STACK_BYTES = 1 << 20,
	FILES_MAX = 99,		/* names tried when old traces are in the way */
};

#define SOURCE_ADDRESS(word) &drain_source_##word,
static const struct drain_source *const sources[] = { DRAIN_SOURCES(SOURCE_ADDRESS) };
#undef SOURCE_ADDRESS

enum { SOURCE_COUNT = sizeof sources / sizeof sources[0] };

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

void drain_consume(struct drain *drain, const struct log_record *record)
{
	drain->logs[record->source]->consume(drain, record);
}

void drain_finish_logs(struct drain *drain, int64_t stop_ns)
{
	for (size_t i = 0; i < SOURCE_COUNT; i++)
		if (sources[i]->consume != NULL)
			sources[i]->finish(drain, stop_ns);
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

static bool drain_open(struct drain *drain, struct error *error)
{
	bool is_flight = drain->plan->settings->flight_s > 0;
	if (!drain_open_file(drain, error) ||
	    !(is_flight ? drain_open_flight : drain_open_decoder)(drain, error))
		return false;
	for (size_t i = 0; i < SOURCE_COUNT; i++)
		if (sources[i]->begin != NULL)
			sources[i]->begin(drain, drain->plan);
	recorder_flush(drain->recorder, true);
	return recorder_is_ok(drain->recorder) ||
		fail(error, ERROR_SYSTEM, "%s", recorder_error(drain->recorder)->message);
}

static void drain_tell(struct drain *drain)
{
	for (size_t i = 0; i < SOURCE_COUNT; i++)
		if (sources[i]->tell != NULL)
			sources[i]->tell(drain);
}

/* One round: fetch, decode, consume, write. */
static void drain_pass(struct drain *drain, bool is_last)
{
	struct drain_pass pass = {
		.began_ns = realtime_ns(), .monotonic_ns = monotonic_ns(), .is_last = is_last,
	};
	pass.is_second = pass.monotonic_ns >= drain->second_due_ns;
	if (pass.is_second)
		drain->second_due_ns = pass.monotonic_ns + NS_PER_S;
	for (size_t i = 0; i < SOURCE_COUNT; i++)
		if (sources[i]->pass != NULL)
			sources[i]->pass(drain, &pass);
	if (pass.is_second)
		drain_tell(drain);
	if (drain->flight != NULL)
		flight_pass(drain->flight);
	recorder_flush(drain->recorder, false);
}

/* Until a source wants the next pass, or rows want to be committed. */
static int64_t drain_due(struct drain *drain)
{
	int64_t due_ns = drain->plan->settings->commit_ms * NS_PER_MS;
	for (size_t i = 0; i < SOURCE_COUNT; i++) {
		int64_t source_ns = sources[i]->due == NULL ? INT64_MAX : sources[i]->due(drain);
		due_ns = source_ns < due_ns ? source_ns : due_ns;
	}
	return due_ns;
}

static void drain_finish(struct drain *drain)
{
	struct trace_row *row = drain_trace_row(drain);
	row->stop_ns = drain_time(drain, realtime_ns());
	for (size_t i = 0; i < SOURCE_COUNT; i++) {
		/* What the logs hold the flight recorder has kept unread. */
		bool is_unread = sources[i]->consume != NULL && drain->flight != NULL;
		if (sources[i]->finish != NULL && !is_unread)
			sources[i]->finish(drain, row->stop_ns);
	}
	drain_tell(drain);
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
	bool is_last = false;
	while (!is_last && recorder_is_ok(drain->recorder)) {
		/* Acquire pairs with drain_stop: what the program did before is seen. */
		is_last = atomic_load_explicit(&drain->is_stopping, memory_order_acquire);
		drain_pass(drain, is_last);
		if (!is_last)
			queue_wait(drain->queue, drain_due(drain));
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
	for (size_t i = 0; i < SOURCE_COUNT; i++)
		if (sources[i]->close != NULL)
			sources[i]->close();
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
	drain_close_decoder(drain);
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
	for (size_t i = 0; i < SOURCE_COUNT; i++)
		if (sources[i]->consume != NULL)
			drain->logs[sources[i]->log] = sources[i];
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
