/* SPDX-License-Identifier: MIT */
#include "libtrace/host_sampler.h"
#include "libtrace/drain_source.h"
#include "libtrace/host_facts.h"
#include "libtrace/host_state.h"
#include "libtrace/sample_ring.h"
#include "libtrace/settings.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#define NS_PER_MS INT64_C(1000000)

enum {
	LOOKS_MAX = 4096,		/* a power of two; four seconds of eight threads at 8 ms */
	STACK_BYTES = 128 * 1024,
	END_TIMEOUT_MS = 200,
};

static const int64_t silent_max_ns = 60 * INT64_C(1000000000);

struct look {
	int64_t time_ns;	/* CLOCK_REALTIME */
	int64_t thread_id;
	struct host_state state;
};

/*
 * A thread to look at. The drain thread writes its id and when it last launched; the sampler opens
 * the files of whatever id it finds, and says which it has given up.
 */
struct place {
	_Atomic int64_t thread_id;	/* 0: free */
	_Atomic int64_t heard_ns;	/* CLOCK_MONOTONIC */
	_Atomic int64_t given_up_id;
	struct host_thread_files files;	/* sampler thread */
	bool is_open;			/* sampler thread */
};

/* Each counter has one writer. Nothing here is ever freed. */
static struct {
	int64_t interval_ns;		/* 0: never */
	struct place places[HOST_THREADS_MAX];
	_Atomic unsigned refused;	/* bits of enum host_file */
	unsigned refused_told;		/* drain thread, as all below */
	bool has_threads, is_crowded, is_crowded_told;
	int64_t last_heard_id;		/* since rows were taken last */
} sampler;

static struct look looks[LOOKS_MAX];
static struct sample_ring ring = SAMPLE_RING(looks);

static void place_open(struct place *place, int64_t thread_id)
{
	if (place->is_open)
		host_files_close(&place->files);
	place->is_open = false;
	if (thread_id == 0 || thread_id == atomic_load_explicit(&place->given_up_id,
								 memory_order_relaxed))
		return;
	place->is_open = host_files_open(&place->files, thread_id);
	if (!place->is_open)
		atomic_store_explicit(&place->given_up_id, thread_id, memory_order_relaxed);
}

static void place_look(struct place *place, int64_t now_ns)
{
	int64_t thread_id = atomic_load_explicit(&place->thread_id, memory_order_relaxed);
	int64_t heard_ns = atomic_load_explicit(&place->heard_ns, memory_order_relaxed);
	unsigned refused = atomic_load_explicit(&sampler.refused, memory_order_relaxed);
	struct look look = { .thread_id = thread_id };
	if (!place->is_open || place->files.thread_id != thread_id)
		place_open(place, thread_id);
	if (!place->is_open || now_ns - heard_ns > silent_max_ns)
		return;
	look.time_ns = realtime_ns();
	bool is_there = host_state_read(&look.state, &place->files, &refused);
	atomic_store_explicit(&sampler.refused, refused, memory_order_relaxed);
	if (is_there) {
		sample_ring_push(&ring, &look);
		return;
	}
	atomic_store_explicit(&place->given_up_id, thread_id, memory_order_relaxed);
	place_open(place, 0);
}

static void *sampler_main(void *unused)
{
	(void)unused;
	(void)pthread_setname_np(pthread_self(), "laggard-host");
	int64_t due_ns = monotonic_ns();
	while (sample_ring_is_running(&ring)) {
		int64_t now_ns = monotonic_ns();
		for (size_t i = 0; i < HOST_THREADS_MAX; i++)
			place_look(&sampler.places[i], now_ns);
		/* Never faster to make up for what was missed. */
		due_ns += sampler.interval_ns;
		if (due_ns < now_ns)
			due_ns = now_ns + sampler.interval_ns;
		int64_t left_ns;
		while (sample_ring_is_running(&ring) && (left_ns = due_ns - monotonic_ns()) > 0)
			sample_ring_wait(&ring, left_ns);
	}
	for (size_t i = 0; i < HOST_THREADS_MAX; i++)
		place_open(&sampler.places[i], 0);
	sample_ring_end(&ring);
	return NULL;
}

void host_sampler_begin(int64_t interval_ms)
{
	sampler.interval_ns = interval_ms * NS_PER_MS;
}

/* A free place, or one whose thread is gone, or the one that was silent longest. */
static struct place *place_find(int64_t thread_id)
{
	struct place *best = NULL;
	int64_t best_ns = INT64_MAX;
	for (size_t i = 0; i < HOST_THREADS_MAX; i++) {
		struct place *place = &sampler.places[i];
		int64_t id = atomic_load_explicit(&place->thread_id, memory_order_relaxed);
		int64_t gone = atomic_load_explicit(&place->given_up_id, memory_order_relaxed);
		int64_t heard_ns = id == 0 || id == gone ? 0 :
			atomic_load_explicit(&place->heard_ns, memory_order_relaxed);
		if (id == thread_id)
			return place;
		if (heard_ns < best_ns) {
			best_ns = heard_ns;
			best = place;
		}
	}
	sampler.is_crowded |= best_ns != 0;
	return best;
}

void host_sampler_hear(int64_t thread_id)
{
	if (sampler.interval_ns == 0 || thread_id <= 0)
		return;
	if (thread_id == sampler.last_heard_id)
		return;
	sampler.last_heard_id = thread_id;
	struct place *place = place_find(thread_id);
	atomic_store_explicit(&place->heard_ns, monotonic_ns(), memory_order_relaxed);
	atomic_store_explicit(&place->thread_id, thread_id, memory_order_relaxed);
	sampler.has_threads = true;
}

static void look_write(struct drain *drain, const void *item)
{
	const struct look *look = item;
	char text[HOST_WAIT_TEXT_MAX];
	size_t length = host_wait_format(text, &look->state);
	const struct host_sample_row row = {
		.time_ns = drain_time(drain, look->time_ns), .thread_id = look->thread_id,
		.state = look->state.letter,
		.wait_channel_id = length == 0 ? 0 : drain_string(drain, text, length),
		.cpu_time_ns = look->state.cpu_ns, .run_delay_ns = look->state.run_delay_ns,
		.processor = look->state.processor,
	};
	drain_put(drain, TABLE_host_sample, &row);
}

/* What is not there by the system's wish, once. */
static void facts_note(struct drain *drain)
{
	char reason[96];
	unsigned refused = atomic_load_explicit(&sampler.refused, memory_order_relaxed);
	for (int i = 0; i < HOST_FILE_COUNT; i++) {
		if ((refused & ~sampler.refused_told & 1U << i) == 0)
			continue;
		(void)snprintf(reason, sizeof reason, "not allowed: /proc/self/task/*/%s",
			       host_file_names[i]);
		drain_loss(drain, "host", reason, 0);
	}
	sampler.refused_told = refused;
	if (sampler.is_crowded && !sampler.is_crowded_told)
		drain_loss(drain, "host", "more than 8 threads launch: only the latest are sampled",
			   0);
	sampler.is_crowded_told = sampler.is_crowded;
}

void host_sampler_take(struct drain *drain)
{
	if (sampler.has_threads && sample_ring_state(&ring) == SAMPLER_OFF &&
	    !sample_ring_start(&ring, sampler_main, STACK_BYTES))
		drain_loss(drain, "host", "disabled: the sampling thread does not start", 0);
	sampler.last_heard_id = 0;	/* the next launch counts as a sign of life again */
	int64_t lost = sample_ring_take(&ring, drain, look_write);
	facts_note(drain);
	if (lost != 0)
		drain_loss(drain, "host", "no room for samples (LAGGARD_HOST_SAMPLE_MS)", lost);
}

void host_sampler_finish(struct drain *drain)
{
	sample_ring_halt(&ring, END_TIMEOUT_MS * NS_PER_MS);
	host_sampler_take(drain);
}

static void host_begin(struct drain *drain, const struct drain_plan *plan)
{
	const struct settings *settings = plan->settings;
	host_sampler_begin(settings->host_sample_ms);
	if (settings->flight_s > 0)
		drain_loss(drain, "host", "disabled: by the flight recorder, launching threads", 0);
	if (settings->host_sample_ms == 0)
		drain_loss(drain, "host", "disabled: LAGGARD_HOST_SAMPLE_MS=0", 0);
	else if (settings->api == API_CHOICE_OFF)
		drain_loss(drain, "host", "disabled: LAGGARD_API=off, the threads that launch are "
			   "not known", 0);
}

static void host_pass(struct drain *drain, const struct drain_pass *pass)
{
	(void)pass;
	host_sampler_take(drain);
}

static void host_finish(struct drain *drain, int64_t stop_ns)
{
	(void)stop_ns;
	host_sampler_finish(drain);
}

const struct drain_source drain_source_host = {
	.name = "host", .begin = host_begin, .pass = host_pass, .finish = host_finish,
};
