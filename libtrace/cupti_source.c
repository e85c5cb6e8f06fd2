/* SPDX-License-Identifier: MIT */
#include "libtrace/cupti_source.h"
#include "libtrace/capture_window.h"
#include "libtrace/cupti_calls.h"
#include "libtrace/cupti_client.h"
#include "libtrace/cupti_decode.h"
#include "libtrace/cupti_external.h"
#include "libtrace/cupti_kinds.h"
#include "libtrace/cupti_library.h"
#include "libtrace/cupti_move.h"
#include "libtrace/cupti_session.h"
#include "libtrace/cupti_watch.h"
#include "libtrace/host_facts.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REFUSED_MAX = 32 };

/*
 * CUPTI's buffer callbacks carry no user pointer, so what they need stands here. Written by
 * cupti_source_start before CUPTI knows the callbacks; the atomics change later.
 */
static struct cupti_source {
	struct cupti_library library;
	struct buffer_pool *pool;
	struct queue *completed;
	cupti_source_first_use first_use;
	const struct settings *settings;
	char taken[SUBSCRIBER_REASON_MAX];	/* by whom, as a reason; '' if by nobody */
	bool kinds[CUPTI_KIND_LIMIT];		/* that we enabled */
	atomic_bool is_running;
	atomic_bool is_discarding;
	_Atomic int64_t outstanding;
	_Atomic uint64_t calls;			/* of our buffer callbacks */
	struct cupti_watch watch;
	_Atomic int64_t lost_no_buffer;		/* records in scratch buffers */
	/* the part of them that could be counted, of the shared one */
	_Atomic int64_t lost_uncounted;
	_Atomic int64_t lost_discarded;
	_Atomic int64_t dropped;		/* by CUPTI itself */
	_Atomic int64_t foreign_buffers;
	_Atomic uint32_t state_result;		/* of a fatal error that CUPTI reported */
	struct { const char *what; uint32_t kind, result; } refused[REFUSED_MAX];
	size_t refused_count;
	bool are_refused_told;
	uint32_t switched[REFUSED_MAX];		/* kinds that are off while nothing is recorded */
	size_t switched_count;
	atomic_bool is_switched_off;
	atomic_bool is_unified_memory_due;	/* it was refused inside cuInit */
	_Atomic uint32_t unified_memory_result;
	_Atomic uint64_t switch_failure;	/* kind << 32 | result */
	/* cbids by domain: of stop, of start */
	cupti_profiler_calls profiler_calls;
	bool wants_profiler_calls, has_profiler_calls;
} source;

static void buffer_requested(uint8_t **bytes, size_t *size, size_t *max_records)
{
	int errno_before = errno;
	struct activity_buffer *buffer = buffer_pool_take(source.pool);
	atomic_fetch_add_explicit(&source.outstanding, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&source.calls, 1, memory_order_relaxed);
	*bytes = buffer->bytes;
	*size = buffer->size;
	*max_records = 0;	/* as many as fit */
	cupti_client_request();
	errno = errno_before;
}

static void buffer_discard(struct activity_buffer *buffer, _Atomic int64_t *lost)
{
	size_t count =
		cupti_count_records(source.library.strides, buffer->bytes, buffer->valid_bytes);
	atomic_fetch_add_explicit(lost, (int64_t)count, memory_order_relaxed);
	buffer_pool_give(source.pool, buffer);
}

static void buffer_completed(void *context, uint32_t stream, uint8_t *bytes, size_t size,
			     size_t valid_bytes)
{
	int errno_before = errno;
	struct activity_buffer *buffer = buffer_pool_find(source.pool, bytes);
	if (buffer == NULL) {
		/* Another CUPTI client's: it was requested before our callbacks replaced its. */
		if (!cupti_client_give(context, stream, bytes, size, valid_bytes))
			atomic_fetch_add_explicit(&source.foreign_buffers, 1,
						  memory_order_relaxed);
		errno = errno_before;
		return;
	}
	buffer->valid_bytes = valid_bytes < size ? valid_bytes : size;
	if (!buffer->is_shared)
		cupti_client_copy(source.library.strides, buffer->bytes, buffer->valid_bytes);
	atomic_fetch_sub_explicit(&source.outstanding, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&source.calls, 1, memory_order_relaxed);
	if (atomic_load_explicit(&source.is_discarding, memory_order_acquire))
		buffer_discard(buffer, &source.lost_discarded);
	else if (buffer->is_shared)
		buffer_discard(buffer, &source.lost_uncounted);
	else if (buffer->is_scratch || !queue_push(source.completed, buffer))
		buffer_discard(buffer, &source.lost_no_buffer);
	else
		queue_wake(source.completed);
	errno = errno_before;
}

/* The same for one of several subscribers; what others do there is no business of ours. */
static void buffer_requested_v2(uint8_t **bytes, size_t *size, size_t *max_records, void *info)
{
	(void)info;
	buffer_requested(bytes, size, max_records);
}

static void buffer_completed_v2(uint8_t *bytes, size_t size, size_t valid_bytes, void *info)
{
	(void)info;
	buffer_completed(NULL, 0, bytes, size, valid_bytes);
}

static const struct cupti_buffer_callbacks buffer_callbacks = {
	.requested = buffer_requested, .completed = buffer_completed,
	.requested_v2 = buffer_requested_v2, .completed_v2 = buffer_completed_v2,
};

/* From the return of the start on, to the begin of the stop. */
static void hear_profiler_call(uint32_t domain, uint32_t cbid, const void *data)
{
	uint32_t site;
	if (data == NULL)
		return;
	memcpy(&site, data, sizeof site);	/* stands first */
	if (cbid == source.profiler_calls[domain][true] && site == CUPTI_SITE_EXIT)
		capture_window_meet(WINDOW_PROFILER, true);
	else if (cbid == source.profiler_calls[domain][false] && site == CUPTI_SITE_ENTER)
		capture_window_meet(WINDOW_PROFILER, false);
}

/*
 * CUPTI wants the driver to be there for these, and inside cuInit it may not be yet: then the first
 * context says when it is. What that second try answers counts.
 */
static void unified_memory_start(void)
{
	uint32_t result = cupti_unified_memory_enable(&source.library);
	source.kinds[CUPTI_KIND_UNIFIED_MEMORY] |= result == CUPTI_OK;
	atomic_store(&source.is_unified_memory_due, result != CUPTI_OK);
}

static void unified_memory_start_late(void)
{
	if (!atomic_exchange(&source.is_unified_memory_due, false))
		return;
	uint32_t result = cupti_unified_memory_enable(&source.library);
	if (result == CUPTI_OK)
		source.kinds[CUPTI_KIND_UNIFIED_MEMORY] = true;
	else
		atomic_store(&source.unified_memory_result, result);
}

static void callback(void *user, uint32_t domain, uint32_t cbid, const void *data)
{
	(void)user;
	int errno_before = errno;
	if (domain == CUPTI_DOMAIN_RESOURCE && cbid == CUPTI_RESOURCE_CONTEXT_CREATED) {
		source.first_use();
		unified_memory_start_late();
	} else if (domain == CUPTI_DOMAIN_STATE && data != NULL) {
		const struct cupti_state_data *state = data;
		uint32_t result = state->result == 0 ? 999 : state->result;
		atomic_store_explicit(&source.state_result, result, memory_order_relaxed);
	} else if (domain == CUPTI_DOMAIN_RUNTIME || domain == CUPTI_DOMAIN_DRIVER) {
		hear_profiler_call(domain, cbid, data);
	}
	errno = errno_before;
}

/* `what` is missing; NULL: records of that kind. */
static void note_refused(const char *what, uint32_t kind, uint32_t result)
{
	if (source.refused_count == REFUSED_MAX)
		return;
	source.refused[source.refused_count].what = what;
	source.refused[source.refused_count].kind = kind;
	source.refused[source.refused_count].result = result;
	source.refused_count++;
}

static bool kinds_enable(const struct cupti_library *library, const struct settings *settings,
			 struct error *error)
{
	struct cupti_kind_choice kinds[CUPTI_KIND_CHOICES];
	cupti_kinds_choose(settings, library->version, kinds);
	for (size_t i = 0; i < CUPTI_KIND_CHOICES; i++) {
		if (!kinds[i].is_wanted)
			continue;
		bool is_known = library->strides[kinds[i].kind] != 0;
		/* What a library is too old to tell is not lost by us. */
		if (!is_known && kinds[i].is_newer)
			continue;
		uint32_t result = is_known ? cupti_session_enable(library, kinds[i].kind)
					   : CUPTI_INVALID_KIND;
		if (result == CUPTI_OK) {
			/* Not twice, when all is enabled anew. */
			if (kinds[i].is_switched && !source.kinds[kinds[i].kind])
				source.switched[source.switched_count++] = kinds[i].kind;
			source.kinds[kinds[i].kind] = true;
			continue;
		}
		char number[32];
		if (kinds[i].is_vital)
			return fail(error, ERROR_SYSTEM,
				    "CUPTI (%s) cannot trace kernels: %s; the GPU is "
				    "not recorded",
				    library->path, cupti_result_text(library, result, number));
		note_refused(NULL, kinds[i].kind, result);
	}
	if (settings->unified_memory)
		unified_memory_start();
	return true;
}

void cupti_source_switch(bool is_on)
{
	if (!atomic_load_explicit(&source.is_running, memory_order_acquire) ||
	    atomic_load_explicit(&source.is_discarding, memory_order_acquire))
		return;
	atomic_store(&source.is_switched_off, !is_on);
	for (size_t i = 0; i < source.switched_count; i++) {
		uint32_t kind = source.switched[i];
		/* What another client ordered goes on. */
		if (!is_on && cupti_client_wants(kind))
			continue;
		uint32_t result = is_on ? cupti_session_enable(&source.library, kind)
					: cupti_session_disable(&source.library, kind);
		if (result != CUPTI_OK && is_on)
			atomic_store_explicit(&source.switch_failure,
					      (uint64_t)kind << 32 | result, memory_order_relaxed);
	}
}

static bool memory_take(const struct settings *settings, struct error *error)
{
	source.pool = buffer_pool_create((size_t)settings->memory_mb << 20,
					 (size_t)settings->buffer_kb << 10);
	if (source.pool != NULL)
		source.completed = queue_create(buffer_pool_capacity(source.pool));
	if (source.completed == NULL)
		return fail(error, ERROR_SYSTEM,
			    "no memory for GPU activity buffers (LAGGARD_MEMORY_MB "
			    "%lld): the GPU is not recorded",
			    (long long)settings->memory_mb);
	return true;
}

static bool records_enable(const struct cupti_library *library, const struct settings *settings,
			   struct error *error)
{
	char number[32];
	cupti_options_set(library, settings, note_refused);
	/* Single callbacks, never the whole domain: one of its members fires at every launch. */
	uint32_t result = cupti_session_enable_callback(library, CUPTI_DOMAIN_RESOURCE,
							CUPTI_RESOURCE_CONTEXT_CREATED);
	if (result == CUPTI_OK)
		result = cupti_session_register(library, &buffer_callbacks);
	if (result != CUPTI_OK)
		return fail(error, ERROR_SYSTEM,
			    "CUPTI (%s) refuses to trace: %s; the GPU is not recorded",
			    library->path, cupti_result_text(library, result, number));
	(void)cupti_session_enable_callback(library, CUPTI_DOMAIN_STATE, CUPTI_STATE_FATAL_ERROR);
	(void)cupti_session_enable_callback(library, CUPTI_DOMAIN_STATE, CUPTI_STATE_ERROR);
	return kinds_enable(library, settings, error);
}

/* After a new session: what the old one had. */
static void session_follow(void)
{
	cupti_calls_enable_noisy(&source.library, source.settings, true);
	cupti_calls_enable_noisy(&source.library, source.settings, cupti_client_is_here());
	if (source.settings->cuda_profiler)
		source.has_profiler_calls =
			cupti_calls_find_profiler(&source.library, source.profiler_calls);
}

static bool session_resume(enum cupti_way way)
{
	char other[SUBSCRIBER_NAME_MAX];
	struct error error;
	if (cupti_session_open(&source.library, way, callback, other) != CUPTI_OK)
		return false;
	if (!records_enable(&source.library, source.settings, &error)) {
		cupti_session_close(&source.library);
		return false;
	}
	session_follow();
	if (atomic_load(&source.is_switched_off))
		cupti_source_switch(false);
	return true;
}

/* Forced: what is not complete by then would come nowhere. */
static void session_pause(void)
{
	(void)source.library.flush_all(1);
	for (uint32_t kind = 1; kind < CUPTI_KIND_LIMIT; kind++)
		if (source.kinds[kind])
			(void)cupti_session_disable(&source.library, kind);
}

bool cupti_source_start(const struct settings *settings, cupti_source_first_use first_use,
			struct error *error)
{
	static const struct cupti_move_plan plan = {
		.library = &source.library, .resume = session_resume, .pause = session_pause,
	};
	struct cupti_library *library = &source.library;
	enum cupti_way way = settings->subscribe == SUBSCRIBE_CHOICE_SEVERAL ? CUPTI_WAY_SEVERAL
									      : CUPTI_WAY_ALONE;
	source.first_use = first_use;
	source.settings = settings;
	if (!cupti_library_open(library, settings->cupti, error) || !memory_take(settings, error) ||
	    !cupti_session_start(library, way, callback, source.taken, error))
		return false;
	if (!records_enable(library, settings, error)) {
		cupti_source_discard();
		cupti_session_close(library);	/* somebody else may have more luck */
		return false;
	}
	cupti_calls_enable_noisy(library, settings, false);
	source.wants_profiler_calls = settings->cuda_profiler;
	if (settings->cuda_profiler)
		source.has_profiler_calls = cupti_calls_find_profiler(library,
								      source.profiler_calls);
	cupti_move_begin(&plan);
	atomic_store_explicit(&source.is_running, true, memory_order_release);
	return true;
}

const char *cupti_source_taken(void)
{
	return source.taken;
}

struct queue *cupti_source_queue(void)
{
	return source.completed;
}

void cupti_source_meet_thread(void)
{
	if (cupti_source_library() == NULL)
		return;
	size_t count = cupti_session_take_dropped(&source.library);
	atomic_fetch_add_explicit(&source.dropped, (int64_t)count, memory_order_relaxed);
}

void cupti_source_fill_ahead(void)
{
	if (source.pool != NULL)
		buffer_pool_fill_ahead(source.pool);
}

void cupti_source_give(struct activity_buffer *buffer)
{
	buffer_pool_give(source.pool, buffer);
}

void cupti_source_flush(bool is_forced)
{
	if (atomic_load_explicit(&source.is_running, memory_order_acquire))
		(void)source.library.flush_all(is_forced ? 1 : 0);
}

int64_t cupti_source_outstanding(void)
{
	return atomic_load_explicit(&source.outstanding, memory_order_relaxed);
}

void cupti_source_discard(void)
{
	atomic_store_explicit(&source.is_discarding, true, memory_order_release);
}

void cupti_source_give_up(void)
{
	/* Not the kernels: disabling them has deadlocked up to CUDA 13.0. */
	static const uint32_t kinds[] = {
		CUPTI_KIND_RUNTIME, CUPTI_KIND_DRIVER, CUPTI_KIND_SYNCHRONIZATION,
		CUPTI_KIND_CUDA_EVENT, CUPTI_KIND_MEMORY2, CUPTI_KIND_MEMORY_POOL,
		CUPTI_KIND_EXTERNAL_CORRELATION,
	};
	cupti_source_discard();
	if (!atomic_load_explicit(&source.is_running, memory_order_acquire))
		return;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (!cupti_client_wants(kinds[i]))
			(void)cupti_session_disable(&source.library, kinds[i]);
}

/* CUPTI lets one subscriber in: if it lets us in once more, we are not there any more. */
static bool source_resubscribe(void)
{
	char other[SUBSCRIBER_NAME_MAX];
	struct error error;
	struct cupti_library *library = &source.library;
	if (cupti_session_open(library, CUPTI_WAY_ALONE, callback, other) != CUPTI_OK)
		return false;
	source.are_refused_told = false;
	if (!records_enable(library, source.settings, &error))
		return false;
	session_follow();
	return true;
}

void cupti_source_watch(bool is_host_busy, cupti_source_hear_gap hear, void *context)
{
	struct cupti_watch *watch = &source.watch;
	struct error error;
	int64_t now_ns = realtime_ns();
	cupti_move_retry();
	cupti_move_take_gaps(hear, context);
	/* CUPTI has nothing to say, or nobody else can take what is ours. */
	if (atomic_load(&source.is_switched_off) || cupti_session_way() != CUPTI_WAY_ALONE) {
		watch->quiet_since_ns = 0;
		return;
	}
	if (!atomic_load_explicit(&source.is_running, memory_order_acquire) ||
	    atomic_load_explicit(&source.is_discarding, memory_order_relaxed) ||
	    !cupti_watch_flushed(watch, atomic_load(&source.calls), is_host_busy, now_ns))
		return;
	int64_t quiet_since_ns = watch->quiet_since_ns;
	if (source_resubscribe()) {
		watch->buffers_out = cupti_source_outstanding();
		watch->quiet_since_ns = now_ns;
		hear(context, quiet_since_ns, now_ns, "another client shut CUPTI down");
	} else if (cupti_watch_suspects(watch, cupti_source_outstanding(), now_ns)) {
		cupti_source_take_back();
		(void)kinds_enable(&source.library, source.settings, &error);
	}
}

void cupti_source_finish(cupti_source_hear_gap hear, void *context)
{
	struct cupti_watch *watch = &source.watch;
	int count = cupti_watch_finish(watch, cupti_source_outstanding());
	cupti_move_finish(hear, context);
	for (int i = 0; i < count; i++)
		hear(context, watch->gaps[i].start_ns, watch->gaps[i].end_ns,
		     "CUPTI was silent: another client may have taken the callbacks");
}

static void hear_refused(cupti_source_hear hear, void *context)
{
	for (size_t i = 0; i < source.refused_count; i++) {
		char reason[192], what[32], number[32];
		(void)snprintf(what, sizeof what, "record kind %u", source.refused[i].kind);
		(void)snprintf(
			reason, sizeof reason, "disabled: %s: %s",
			source.refused[i].what != NULL ? source.refused[i].what : what,
			cupti_result_text(&source.library, source.refused[i].result, number));
		hear(context, reason, 0);
	}
}

static void hear_switch_failure(cupti_source_hear hear, void *context)
{
	uint64_t failure =
		atomic_exchange_explicit(&source.switch_failure, 0, memory_order_relaxed);
	if (failure == 0)
		return;
	char reason[128], number[32];
	(void)snprintf(reason, sizeof reason, "not switched on again: record kind %u: %s",
		       (uint32_t)(failure >> 32),
		       cupti_result_text(&source.library, (uint32_t)failure, number));
	hear(context, reason, 0);
}

static void hear_result(cupti_source_hear hear, void *context, _Atomic uint32_t *result,
			const char *what)
{
	char reason[192], number[32];
	uint32_t value = atomic_exchange_explicit(result, 0, memory_order_relaxed);
	if (value == CUPTI_OK)
		return;
	(void)snprintf(reason, sizeof reason, "%s%s", what,
		       cupti_result_text(&source.library, value, number));
	hear(context, reason, 0);
}

static void hear_count(cupti_source_hear hear, void *context, _Atomic int64_t *count,
		       const char *reason)
{
	int64_t lost = atomic_exchange_explicit(count, 0, memory_order_relaxed);
	if (lost != 0)
		hear(context, reason, lost);
}

void cupti_source_take_losses(cupti_source_hear hear, void *context)
{
	if (!atomic_load_explicit(&source.is_running, memory_order_acquire))
		return;
	if (!source.are_refused_told)
		hear_refused(hear, context);
	if (!source.are_refused_told && source.wants_profiler_calls && !source.has_profiler_calls)
		hear(context, "LAGGARD_CUDA_PROFILER: CUPTI does not know cudaProfilerStart", 0);
	source.are_refused_told = true;
	hear_switch_failure(hear, context);
	hear_count(hear, context, &source.lost_no_buffer, "no free buffer (LAGGARD_MEMORY_MB)");
	hear_count(hear, context, &source.lost_uncounted,
		   "no free buffer at all: at least this many (LAGGARD_MEMORY_MB)");
	hear_count(hear, context, &source.foreign_buffers, "buffers of another CUPTI client");
	cupti_source_meet_thread();	/* counts what CUPTI dropped */
	hear_count(hear, context, &source.dropped, "dropped by CUPTI");
	hear_result(hear, context, &source.state_result, "CUPTI reported ");
	hear_result(hear, context, &source.unified_memory_result,
		    "disabled: LAGGARD_UNIFIED_MEMORY: ");
	cupti_external_take_losses(hear, context);
}

const struct cupti_library *cupti_source_library(void)
{
	return atomic_load_explicit(&source.is_running, memory_order_acquire) ? &source.library
									       : NULL;
}

bool cupti_source_is_discarding(void)
{
	return atomic_load_explicit(&source.is_discarding, memory_order_relaxed);
}

const uint16_t *cupti_source_strides(void)
{
	return source.library.strides;
}

uint32_t cupti_source_version(void)
{
	return source.library.version;
}

const char *cupti_source_path(void)
{
	return source.library.path;
}

const char *cupti_source_api_name(enum api_kind api, uint32_t cbid)
{
	const char *name = NULL;
	uint32_t domain = api == API_RUNTIME ? CUPTI_DOMAIN_RUNTIME : CUPTI_DOMAIN_DRIVER;
	if (source.library.get_callback_name == NULL ||
	    source.library.get_callback_name(domain, cbid, &name) != CUPTI_OK)
		return NULL;
	return name;
}

bool cupti_source_wants(uint32_t kind)
{
	if (atomic_load(&source.is_switched_off))
		for (size_t i = 0; i < source.switched_count; i++)
			if (source.switched[i] == kind)
				return false;
	return kind < CUPTI_KIND_LIMIT && source.kinds[kind] &&
		!atomic_load_explicit(&source.is_discarding, memory_order_relaxed);
}

void cupti_source_take_back(void)
{
	(void)cupti_session_register(&source.library, &buffer_callbacks);
}

void cupti_source_client_came(void)
{
	cupti_calls_enable_noisy(&source.library, source.settings, true);
	(void)source.library.flush_all(0);
}
