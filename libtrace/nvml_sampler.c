/* SPDX-License-Identifier: MIT */
#include "libtrace/nvml_sampler.h"
#include "libtrace/host_facts.h"
#include "libtrace/capture_window.h"
#include "libtrace/nvml_abi.h"
#include "libtrace/nvml_counters.h"
#include "libtrace/sample_ring.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

enum {
	DEVICES_MAX = 64,
	READINGS_MAX = 4096,		/* a power of two; more than a second of eight GPUs */
	STACK_BYTES = 1 << 20,
	END_TIMEOUT_MS = 300,		/* a round takes a few, a throughput call 20 */
	LATE_ROUNDS_MIN = 5,
	LATE_PERCENT_MAX = 5,		/* rounds left out: beyond this they are told */
};

/* One answer on its way to the drain thread. */
struct reading {
	int64_t time_ns;	/* CLOCK_REALTIME */
	int64_t value;
	int32_t device_id;
	int16_t counter;
	int16_t result;		/* of NVML; the value counts if it is NVML_OK */
};

struct sampled_device {
	struct nvml_device *device;
	int32_t device_id;
	bool is_mute[NVML_COUNTER_COUNT];	/* sampler thread: never asked again */
};

/*
 * The drain thread adds devices and takes readings, the sampler thread adds readings; each counter
 * has one writer. Nothing here is ever freed.
 */
static struct {
	struct nvml_pacing pacing;
	void *functions[NVML_COUNTER_COUNT];
	struct sampled_device devices[DEVICES_MAX];
	_Atomic size_t device_count;
	_Atomic int64_t rounds, rounds_left_out;	/* the latter because NVML was slow */
	int64_t string_ids[NVML_COUNTER_COUNT];	/* drain thread */
} sampler;

static struct reading readings[READINGS_MAX];
static struct sample_ring ring = SAMPLE_RING(readings);

static void counter_sample(struct sampled_device *device, int index)
{
	struct reading reading = {
		.device_id = device->device_id, .counter = (int16_t)index,
	};
	if (device->is_mute[index])
		return;
	int result = nvml_counter_ask(&nvml_counters[index], sampler.functions[index],
				      device->device, &reading.value);
	reading.time_ns = realtime_ns();
	reading.result = (int16_t)result;
	device->is_mute[index] = nvml_result_is_final(result);
	sample_ring_push(&ring, &reading);
	/* A board that fell off the bus does not come back: once said is enough. */
	for (int i = 0; result == NVML_GPU_IS_LOST && i < NVML_COUNTER_COUNT; i++)
		device->is_mute[i] = true;
}

/* A counter that stands in for the one before it, which can be asked. */
static bool is_needless(const struct sampled_device *device, int index)
{
	return nvml_counters[index].instead_fact != NULL && !device->is_mute[index - 1];
}

static void device_sample(struct sampled_device *device, enum nvml_pace pace)
{
	for (int i = 0; i < NVML_COUNTER_COUNT; i++)
		if (nvml_counters[i].pace == pace && !is_needless(device, i))
			counter_sample(device, i);
}

/* What the thread remembers from round to round. */
struct rounds {
	size_t devices_seen;
	size_t turn;			/* the device whose throughput is asked next */
	int64_t second_due_ns, turn_due_ns;	/* CLOCK_MONOTONIC */
};

static int64_t time_at_least(int64_t time_ns, int64_t least_ns)
{
	return time_ns > least_ns ? time_ns : least_ns;
}

static void round_take(struct rounds *rounds, bool is_last)
{
	/* Acquire pairs with nvml_sampler_add: the device is seen whole. */
	size_t count = atomic_load_explicit(&sampler.device_count, memory_order_acquire);
	int64_t now_ns = monotonic_ns();
	bool is_second = is_last || now_ns >= rounds->second_due_ns;
	for (size_t i = 0; i < count; i++) {
		device_sample(&sampler.devices[i], NVML_PACE_ROUND);
		if (is_second || i >= rounds->devices_seen)
			device_sample(&sampler.devices[i], NVML_PACE_SECOND);
	}
	if (is_second)
		rounds->second_due_ns = now_ns + NS_PER_S;
	rounds->devices_seen = count;
	int64_t turn_ns = time_at_least(sampler.pacing.throughput_ms * NS_PER_MS, NS_PER_S);
	if (!is_last && count > 0 && sampler.pacing.throughput_ms > 0 &&
	    now_ns >= rounds->turn_due_ns) {
		device_sample(&sampler.devices[rounds->turn++ % count], NVML_PACE_TURN);
		rounds->turn_due_ns = now_ns + turn_ns / (int64_t)count;
	}
}

/* A round may last; those whose time came meanwhile are left out, and counted. */
static void round_count(int64_t lasted_ns)
{
	int64_t interval_ns = sampler.pacing.interval_ms * NS_PER_MS;
	int64_t left_out = lasted_ns / interval_ns;
	atomic_fetch_add_explicit(&sampler.rounds, 1 + left_out, memory_order_relaxed);
	atomic_fetch_add_explicit(&sampler.rounds_left_out, left_out, memory_order_relaxed);
}

static void *sampler_main(void *unused)
{
	(void)unused;
	struct rounds rounds = { 0 };
	(void)pthread_setname_np(pthread_self(), "laggard-nvml");
	rounds.turn_due_ns = monotonic_ns() + NS_PER_S / 2;	/* the start is busy enough */
	do {
		int64_t began_ns = monotonic_ns();
		int64_t due_ns = began_ns + sampler.pacing.interval_ms * NS_PER_MS;
		int64_t left_ns;
		/* A device that is new is new still when the capture window opens again. */
		if (capture_window_is_open()) {
			round_take(&rounds, false);
			round_count(monotonic_ns() - began_ns);
		}
		/* A new device wakes it too, and is sampled at once. */
		while (sample_ring_is_running(&ring) && (left_ns = due_ns - monotonic_ns()) > 0 &&
		       (!capture_window_is_open() ||
			rounds.devices_seen == atomic_load_explicit(&sampler.device_count,
								    memory_order_relaxed)))
			sample_ring_wait(&ring, left_ns);
	} while (sample_ring_is_running(&ring));
	if (capture_window_is_open())
		round_take(&rounds, true);
	sample_ring_end(&ring);
	return NULL;
}

/*
 * Any thread. Also an exit handler: NVML, loaded after ours were set up, may take itself down
 * before they run, and must not be asked any more then.
 */
static void sampler_halt(void)
{
	sample_ring_halt(&ring, END_TIMEOUT_MS * NS_PER_MS);
}

static bool sampler_start(void *library, const struct nvml_pacing *pacing)
{
	sampler.pacing = *pacing;
	for (int i = 0; i < NVML_COUNTER_COUNT; i++) {
		sampler.functions[i] = dlsym(library, nvml_counters[i].function);
		if (sampler.functions[i] == NULL && nvml_counters[i].older_function != NULL)
			sampler.functions[i] = dlsym(library, nvml_counters[i].older_function);
	}
	/* When the program exits already there is nothing to sample any more. */
	return atexit(sampler_halt) == 0 && sample_ring_start(&ring, sampler_main, STACK_BYTES);
}

void nvml_sampler_add(struct drain *drain, void *library, int64_t device_id,
		      struct nvml_device *device, const struct nvml_pacing *pacing)
{
	size_t count = atomic_load_explicit(&sampler.device_count, memory_order_relaxed);
	if (count == DEVICES_MAX) {
		drain_loss(drain, "nvml", "too many devices to sample", 0);
		return;
	}
	sampler.devices[count] = (struct sampled_device){
		.device = device, .device_id = (int32_t)device_id,
	};
	/* Release: the sampler that sees the count sees the device. */
	atomic_store_explicit(&sampler.device_count, count + 1, memory_order_release);
	enum sampler_state state = sample_ring_state(&ring);
	if (state == SAMPLER_OFF && !sampler_start(library, pacing))
		drain_loss(drain, "nvml", "disabled: the sampling thread does not start", 0);
	else if (state == SAMPLER_RUNNING)
		sample_ring_wake(&ring);
}

static void reading_write(struct drain *drain, const void *item)
{
	const struct reading *reading = item;
	const struct nvml_counter *counter = &nvml_counters[reading->counter];
	if (reading->result == NVML_GPU_IS_LOST) {
		char reason[64];
		(void)snprintf(reason, sizeof reason, "device %d: GPU is lost (15)",
			       (int)reading->device_id);
		drain_loss(drain, "nvml", reason, 0);
		return;
	}
	if (reading->result != NVML_OK) {
		nvml_refusal_note(drain, counter->function, reading->result,
				  nvml_result_is_final(reading->result) ? 0 : 1);
		return;
	}
	int64_t *string_id = &sampler.string_ids[reading->counter];
	if (*string_id == 0 && counter->instead_fact != NULL)
		drain_loss(drain, "nvml", counter->instead_fact, 0);
	if (*string_id == 0)
		*string_id = drain_string(drain, counter->name, strlen(counter->name));
	const struct sample_row row = {
		.time_ns = drain_time(drain, reading->time_ns),
		.device_id = reading->device_id, .counter_id = *string_id,
		.value = reading->value,
	};
	drain_put(drain, TABLE_sample, &row);
}

void nvml_sampler_take(struct drain *drain)
{
	int64_t lost = sample_ring_take(&ring, drain, reading_write);
	if (lost != 0)
		drain_loss(drain, "nvml", "no room for samples (LAGGARD_NVML_INTERVAL_MS)", lost);
}

void nvml_sampler_finish(struct drain *drain)
{
	sampler_halt();
	nvml_sampler_take(drain);
	int64_t rounds = atomic_load_explicit(&sampler.rounds, memory_order_relaxed);
	int64_t left_out = atomic_load_explicit(&sampler.rounds_left_out, memory_order_relaxed);
	if (left_out > rounds / 100 * LATE_PERCENT_MAX && left_out > LATE_ROUNDS_MIN)
		drain_loss(drain, "nvml",
			   "rounds left out: NVML takes longer than LAGGARD_NVML_INTERVAL_MS",
			   left_out);
	if (sample_ring_state(&ring) == SAMPLER_ENDING)
		drain_loss(drain, "nvml", "NVML did not answer at the end", 0);
}
