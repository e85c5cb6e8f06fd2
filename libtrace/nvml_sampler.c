/* SPDX-License-Identifier: MIT */
#include "libtrace/nvml_sampler.h"
#include "libtrace/futex.h"
#include "libtrace/host_facts.h"
#include "libtrace/capture_window.h"
#include "libtrace/nvml_abi.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
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
};

/* How a function of NVML wants to be asked. */
enum shape { SHAPE_NUMBER, SHAPE_SELECTED, SHAPE_WIDE, SHAPE_MEMORY, SHAPE_UTILIZATION };

/*
 * How often. A throughput call measures for 20 ms, so that only one device a round is asked, and
 * each at most once a second.
 */
enum pace { PACE_ROUND, PACE_SECOND, PACE_TURN };

static const struct counter {
	const char *name;		/* as it stands in the database */
	const char *function;
	const char *older_function;	/* another name of the same, or NULL */
	enum shape shape;
	enum pace pace;
	int selector;			/* which clock, sensor, direction or member */
} counters[] = {
	{ "power_mw", "nvmlDeviceGetPowerUsage", NULL, SHAPE_NUMBER, PACE_ROUND, 0 },
	{ "clock_sm_mhz", "nvmlDeviceGetClockInfo", NULL, SHAPE_SELECTED, PACE_ROUND,
	  NVML_CLOCK_SM },
	{ "clock_memory_mhz", "nvmlDeviceGetClockInfo", NULL, SHAPE_SELECTED, PACE_ROUND,
	  NVML_CLOCK_MEMORY },
	{ "clock_event_reasons", "nvmlDeviceGetCurrentClocksEventReasons",
	  "nvmlDeviceGetCurrentClocksThrottleReasons", SHAPE_WIDE, PACE_ROUND, 0 },
	{ "pcie_generation", "nvmlDeviceGetCurrPcieLinkGeneration", NULL, SHAPE_NUMBER,
	  PACE_ROUND, 0 },
	{ "pcie_width", "nvmlDeviceGetCurrPcieLinkWidth", NULL, SHAPE_NUMBER, PACE_ROUND, 0 },
	{ "utilization_gpu_percent", "nvmlDeviceGetUtilizationRates", NULL, SHAPE_UTILIZATION,
	  PACE_ROUND, 0 },
	{ "utilization_memory_percent", "nvmlDeviceGetUtilizationRates", NULL, SHAPE_UTILIZATION,
	  PACE_SECOND, 1 },
	{ "power_limit_mw", "nvmlDeviceGetEnforcedPowerLimit", NULL, SHAPE_NUMBER, PACE_SECOND,
	  0 },
	{ "temperature_c", "nvmlDeviceGetTemperature", NULL, SHAPE_SELECTED, PACE_SECOND, 0 },
	{ "pcie_replays", "nvmlDeviceGetPcieReplayCounter", NULL, SHAPE_NUMBER, PACE_SECOND, 0 },
	{ "memory_used_bytes", "nvmlDeviceGetMemoryInfo", NULL, SHAPE_MEMORY, PACE_SECOND, 0 },
	{ "pcie_tx_kb_per_s", "nvmlDeviceGetPcieThroughput", NULL, SHAPE_SELECTED, PACE_TURN, 0 },
	{ "pcie_rx_kb_per_s", "nvmlDeviceGetPcieThroughput", NULL, SHAPE_SELECTED, PACE_TURN, 1 },
};

enum { COUNTER_COUNT = sizeof counters / sizeof counters[0] };

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
	bool is_mute[COUNTER_COUNT];	/* sampler thread: never asked again */
};

enum sampler_state { SAMPLER_OFF, SAMPLER_RUNNING, SAMPLER_ENDING, SAMPLER_ENDED };

/*
 * The drain thread adds devices and takes readings, the sampler thread adds readings; each counter
 * has one writer. Nothing here is ever freed.
 */
static struct {
	_Atomic uint32_t state;		/* enum sampler_state; a futex word */
	pid_t owner;
	int64_t interval_ns;
	void *functions[COUNTER_COUNT];
	struct sampled_device devices[DEVICES_MAX];
	_Atomic size_t device_count;
	struct reading readings[READINGS_MAX];
	_Atomic size_t written, taken;
	_Atomic int64_t lost;
	int64_t string_ids[COUNTER_COUNT];	/* drain thread */
} sampler;

const char *nvml_result_text(int result)
{
	switch (result) {
	case NVML_UNINITIALIZED:
		return "not initialised";
	case NVML_NOT_SUPPORTED:
		return "not supported";
	case NVML_NO_PERMISSION:
		return "no permission";
	case NVML_NOT_FOUND:
		return "not found";
	case NVML_DRIVER_NOT_LOADED:
		return "driver not loaded";
	case NVML_FUNCTION_NOT_FOUND:
		return "function not found";
	case NVML_GPU_IS_LOST:
		return "GPU is lost";
	default:
		return "unknown error";
	}
}

void nvml_refusal_note(struct drain *drain, const char *function, int result, int64_t count)
{
	char reason[192];
	if (result == NVML_NOT_SUPPORTED || result == NVML_FUNCTION_NOT_FOUND)
		(void)snprintf(reason, sizeof reason, "not supported: %s", function);
	else
		(void)snprintf(reason, sizeof reason, "failed: %s: %s (%d)", function,
			       nvml_result_text(result), result);
	drain_loss(drain, "nvml", reason, count);
}

static int number_ask(void *function, struct nvml_device *device, int64_t *value)
{
	nvml_device_number get;
	unsigned number = 0;
	memcpy(&get, &function, sizeof get);
	int result = get(device, &number);
	*value = number;
	return result;
}

static int selected_ask(void *function, struct nvml_device *device, int selector, int64_t *value)
{
	nvml_device_clock get;	/* sensors and directions are asked the same way */
	unsigned number = 0;
	memcpy(&get, &function, sizeof get);
	int result = get(device, selector, &number);
	*value = number;
	return result;
}

static int wide_ask(void *function, struct nvml_device *device, int64_t *value)
{
	nvml_device_wide get;
	unsigned long long number = 0;
	memcpy(&get, &function, sizeof get);
	int result = get(device, &number);
	*value = (int64_t)number;
	return result;
}

static int memory_ask(void *function, struct nvml_device *device, int64_t *value)
{
	nvml_device_memory get;
	struct nvml_memory memory = { 0 };
	memcpy(&get, &function, sizeof get);
	int result = get(device, &memory);
	*value = (int64_t)memory.used;
	return result;
}

static int utilization_ask(void *function, struct nvml_device *device, int member, int64_t *value)
{
	nvml_device_utilization get;
	struct nvml_utilization rates = { 0 };
	memcpy(&get, &function, sizeof get);
	int result = get(device, &rates);
	*value = member == 0 ? rates.gpu : rates.memory;
	return result;
}

static int counter_ask(const struct counter *counter, void *function, struct nvml_device *device,
		       int64_t *value)
{
	if (function == NULL)
		return NVML_FUNCTION_NOT_FOUND;
	switch (counter->shape) {
	case SHAPE_NUMBER:
		return number_ask(function, device, value);
	case SHAPE_SELECTED:
		return selected_ask(function, device, counter->selector, value);
	case SHAPE_WIDE:
		return wide_ask(function, device, value);
	case SHAPE_MEMORY:
		return memory_ask(function, device, value);
	case SHAPE_UTILIZATION:
		return utilization_ask(function, device, counter->selector, value);
	}
	return NVML_FUNCTION_NOT_FOUND;
}

/* Answers that will not change while the process lives. */
static bool is_final(int result)
{
	return result == NVML_NOT_SUPPORTED || result == NVML_FUNCTION_NOT_FOUND ||
		result == NVML_NO_PERMISSION || result == NVML_GPU_IS_LOST ||
		result == NVML_UNINITIALIZED;
}

static void reading_push(const struct reading *reading)
{
	size_t written = atomic_load_explicit(&sampler.written, memory_order_relaxed);
	/* Acquire pairs with the drain's release: it is done with the slot. */
	size_t taken = atomic_load_explicit(&sampler.taken, memory_order_acquire);
	if (written - taken == READINGS_MAX) {
		atomic_fetch_add_explicit(&sampler.lost, 1, memory_order_relaxed);
		return;
	}
	sampler.readings[written & (READINGS_MAX - 1)] = *reading;
	/* Release: the drain that sees the count sees the reading. */
	atomic_store_explicit(&sampler.written, written + 1, memory_order_release);
}

static void counter_sample(struct sampled_device *device, int index)
{
	struct reading reading = {
		.device_id = device->device_id, .counter = (int16_t)index,
	};
	if (device->is_mute[index])
		return;
	int result = counter_ask(&counters[index], sampler.functions[index], device->device,
				 &reading.value);
	reading.time_ns = realtime_ns();
	reading.result = (int16_t)result;
	device->is_mute[index] = is_final(result);
	reading_push(&reading);
}

static void device_sample(struct sampled_device *device, enum pace pace)
{
	for (int i = 0; i < COUNTER_COUNT; i++)
		if (counters[i].pace == pace)
			counter_sample(device, i);
}

static bool is_running(void)
{
	return atomic_load_explicit(&sampler.state, memory_order_acquire) == SAMPLER_RUNNING;
}

/* What the thread remembers from round to round. */
struct rounds {
	size_t devices_seen;
	size_t turn;			/* the device whose throughput is asked next */
	int64_t second_due_ns, turn_due_ns;	/* CLOCK_MONOTONIC */
};

static void round_take(struct rounds *rounds, bool is_last)
{
	/* Acquire pairs with nvml_sampler_add: the device is seen whole. */
	size_t count = atomic_load_explicit(&sampler.device_count, memory_order_acquire);
	int64_t now_ns = monotonic_ns();
	bool is_second = is_last || now_ns >= rounds->second_due_ns;
	for (size_t i = 0; i < count; i++) {
		device_sample(&sampler.devices[i], PACE_ROUND);
		if (is_second || i >= rounds->devices_seen)
			device_sample(&sampler.devices[i], PACE_SECOND);
	}
	if (is_second)
		rounds->second_due_ns = now_ns + NS_PER_S;
	rounds->devices_seen = count;
	if (!is_last && count > 0 && now_ns >= rounds->turn_due_ns) {
		device_sample(&sampler.devices[rounds->turn++ % count], PACE_TURN);
		rounds->turn_due_ns = now_ns + NS_PER_S / (int64_t)count;
	}
}

static void *sampler_main(void *unused)
{
	(void)unused;
	struct rounds rounds = { 0 };
	(void)pthread_setname_np(pthread_self(), "laggard-nvml");
	rounds.turn_due_ns = monotonic_ns() + NS_PER_S / 2;	/* the start is busy enough */
	do {
		int64_t due_ns = monotonic_ns() + sampler.interval_ns;
		int64_t left_ns;
		/* A device that is new is new still when the capture window opens again. */
		if (capture_window_is_open())
			round_take(&rounds, false);
		/* A new device wakes it too, and is sampled at once. */
		while (is_running() && (left_ns = due_ns - monotonic_ns()) > 0 &&
		       (!capture_window_is_open() ||
			rounds.devices_seen == atomic_load_explicit(&sampler.device_count,
								    memory_order_relaxed)))
			futex_wait(&sampler.state, SAMPLER_RUNNING, left_ns);
	} while (is_running());
	if (capture_window_is_open())
		round_take(&rounds, true);
	atomic_store_explicit(&sampler.state, SAMPLER_ENDED, memory_order_release);
	futex_wake(&sampler.state);
	return NULL;
}

/*
 * Any thread. Also an exit handler: NVML, loaded after ours were set up, may take itself down
 * before they run, and must not be asked any more then.
 */
static void sampler_halt(void)
{
	int errno_before = errno;
	/* A forked child has no such thread, and a vfork child shares this memory. */
	if (atomic_load_explicit(&sampler.state, memory_order_acquire) == SAMPLER_OFF ||
	    getpid() != sampler.owner)
		return;
	uint32_t state = SAMPLER_RUNNING;
	if (atomic_compare_exchange_strong_explicit(&sampler.state, &state, SAMPLER_ENDING,
						    memory_order_acq_rel, memory_order_acquire))
		futex_wake(&sampler.state);
	int64_t deadline_ns = monotonic_ns() + END_TIMEOUT_MS * NS_PER_MS;
	int64_t left_ns;
	while (atomic_load_explicit(&sampler.state, memory_order_acquire) == SAMPLER_ENDING &&
	       (left_ns = deadline_ns - monotonic_ns()) > 0)
		futex_wait(&sampler.state, SAMPLER_ENDING, left_ns);
	errno = errno_before;
}

static bool thread_start(void)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_t thread;
	(void)sigfillset(&all);
	if (pthread_attr_init(&attributes) != 0)
		return false;
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	/* The new thread inherits the mask: the host's signals are not for us. */
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	bool ok = pthread_create(&thread, &attributes, sampler_main, NULL) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attributes);
	return ok;
}

static bool sampler_start(void *library, int64_t interval_ms)
{
	sampler.owner = getpid();
	sampler.interval_ns = interval_ms * NS_PER_MS;
	for (int i = 0; i < COUNTER_COUNT; i++) {
		sampler.functions[i] = dlsym(library, counters[i].function);
		if (sampler.functions[i] == NULL && counters[i].older_function != NULL)
			sampler.functions[i] = dlsym(library, counters[i].older_function);
	}
	/* When the program exits already there is nothing to sample any more. */
	if (atexit(sampler_halt) != 0)
		return false;
	atomic_store_explicit(&sampler.state, SAMPLER_RUNNING, memory_order_release);
	if (thread_start())
		return true;
	atomic_store_explicit(&sampler.state, SAMPLER_ENDED, memory_order_release);
	return false;
}

void nvml_sampler_add(struct drain *drain, void *library, int64_t device_id,
		      struct nvml_device *device, int64_t interval_ms)
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
	uint32_t state = atomic_load_explicit(&sampler.state, memory_order_relaxed);
	if (state == SAMPLER_OFF && !sampler_start(library, interval_ms))
		drain_loss(drain, "nvml", "disabled: the sampling thread does not start", 0);
	else if (state == SAMPLER_RUNNING)
		futex_wake(&sampler.state);
}

static void reading_write(struct drain *drain, const struct reading *reading)
{
	const struct counter *counter = &counters[reading->counter];
	if (reading->result != NVML_OK) {
		nvml_refusal_note(drain, counter->function, reading->result,
				  is_final(reading->result) ? 0 : 1);
		return;
	}
	int64_t *string_id = &sampler.string_ids[reading->counter];
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
	size_t taken = atomic_load_explicit(&sampler.taken, memory_order_relaxed);
	/* Acquire pairs with reading_push: the readings are there. */
	size_t written = atomic_load_explicit(&sampler.written, memory_order_acquire);
	for (; taken != written; taken++)
		reading_write(drain, &sampler.readings[taken & (READINGS_MAX - 1)]);
	/* Release: the sampler that sees the count may fill the slots again. */
	atomic_store_explicit(&sampler.taken, taken, memory_order_release);
	int64_t lost = atomic_exchange_explicit(&sampler.lost, 0, memory_order_relaxed);
	if (lost != 0)
		drain_loss(drain, "nvml", "no room for samples (LAGGARD_NVML_INTERVAL_MS)", lost);
}

void nvml_sampler_finish(struct drain *drain)
{
	sampler_halt();
	nvml_sampler_take(drain);
	if (atomic_load_explicit(&sampler.state, memory_order_acquire) == SAMPLER_ENDING)
		drain_loss(drain, "nvml", "NVML did not answer at the end", 0);
}
