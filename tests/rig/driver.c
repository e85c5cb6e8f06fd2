/* SPDX-License-Identifier: MIT */
/* The libcuda.so.1 double: the simulated device. The cu* functions stand in driver_api.c. */
#include "driver.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "words.h"

static struct {
	pthread_once_t once;
	struct rig_machine machine;
	int visible[RIG_GPUS_MAX];
	int visible_count;
	char contexts[RIG_GPUS_MAX][64];	/* their addresses are the contexts */
	_Atomic(const struct rig_listener *) listener;
	atomic_uint correlation;
} device = { .once = PTHREAD_ONCE_INIT };

static _Thread_local int inside_callback;

static void visible_parse(const char *text)
{
	device.visible_count = 0;
	while (*text && device.visible_count < RIG_GPUS_MAX) {
		char *end = NULL;
		long index = strtol(text, &end, 10);

		if (end == text || index < 0 || index >= device.machine.gpu_count)
			return;
		device.visible[device.visible_count++] = (int)index;
		text = *end == ',' ? end + 1 : end;
	}
}

static void device_start(void)
{
	const char *visible = getenv("CUDA_VISIBLE_DEVICES");
	int64_t wrap = rig_fault("wrap");

	rig_machine_load(&device.machine);
	device.visible_count = device.machine.gpu_count;
	for (int i = 0; i < device.visible_count; i++)
		device.visible[i] = i;
	if (visible)
		visible_parse(visible);
#ifdef RIG_NO_DEVICE
	device.visible_count = 0;
#else
	if (getenv("RIG_NODEVICE"))
		device.visible_count = 0;
#endif
	if (wrap >= 0)
		atomic_store(&device.correlation, 0u - (wrap > 1 ? (unsigned)wrap : 50u));
}

static void device_ready(void)
{
	pthread_once(&device.once, device_start);
}

void rig_driver_configure(const int *gpus, int count)
{
	device_ready();
	if (!device.visible_count || !gpus)
		return;
	device.visible_count = count;
	memcpy(device.visible, gpus, (size_t)count * sizeof(*gpus));
}

int rig_driver_gpu_count(void)
{
	device_ready();
	return device.visible_count;
}

const struct rig_gpu *rig_driver_gpu(int ordinal)
{
	device_ready();
	if (ordinal < 0 || ordinal >= device.visible_count)
		return NULL;
	return &device.machine.gpus[device.visible[ordinal]];
}

void *rig_driver_context(int ordinal)
{
	return device.contexts[ordinal];
}

int rig_driver_context_ordinal(const void *context)
{
	for (int i = 0; i < rig_driver_gpu_count(); i++) {
		if (context == device.contexts[i])
			return i;
	}
	return -1;
}

uint32_t rig_driver_correlation_take(void)
{
	uint32_t id;

	device_ready();
	do
		id = atomic_fetch_add(&device.correlation, 1u) + 1;
	while (!id);		/* 0 means "none" */
	return id;
}

uint32_t rig_driver_api_enter(const struct rig_api *api)
{
	uint32_t id = rig_driver_correlation_take();
	const struct rig_listener *listener = atomic_load(&device.listener);

	if (inside_callback)
		rig_violation("%s called inside a tool's callback", api->name);
	if (listener)
		listener->api_enter(api, id);
	return id;
}

void rig_driver_api_exit(const struct rig_api *api, uint32_t correlation)
{
	const struct rig_listener *listener = atomic_load(&device.listener);

	if (listener)
		listener->api_exit(api, correlation);
}

void rig_driver_activity(const struct rig_activity *activity)
{
	const struct rig_listener *listener = atomic_load(&device.listener);

	if (listener)
		listener->activity(activity);
}

void rig_driver_listen(const struct rig_listener *listener)
{
	atomic_store(&device.listener, listener);
}

/* Called by the exit handlers in driver_api.c. */
void rig_driver_teardown(void);
void rig_driver_teardown(void)
{
	const struct rig_listener *listener = atomic_load(&device.listener);

	if (listener && rig_fault("teardown") >= 0)
		listener->teardown();
}

void rig_driver_callback_set(int is_inside)
{
	inside_callback = is_inside;
}

void rig_violation(const char *format, ...)
{
	char text[512];
	va_list arguments;
	int used = snprintf(text, sizeof(text), "rig: violation: ");

	va_start(arguments, format);
	used += vsnprintf(text + used, sizeof(text) - (size_t)used - 1, format, arguments);
	va_end(arguments);
	if (used > (int)sizeof(text) - 2)
		used = (int)sizeof(text) - 2;
	text[used++] = '\n';
	if (write(2, text, (size_t)used) < 0)
		return;
	if (getenv("RIG_STRICT"))
		abort();
}

static const char *faults;
static pthread_once_t faults_once = PTHREAD_ONCE_INIT;

static void faults_load(void)
{
	faults = getenv("RIG_FAULTS");
}

int64_t rig_fault(const char *name)
{
	pthread_once(&faults_once, faults_load);
	const char *at = faults;
	size_t length = strlen(name);

	while (at && *at) {
		if (!strncmp(at, name, length)) {
			char end = at[length];
			int64_t value = 0;
			const char *rest = NULL;

			if (end == '=' && rig_number_parse(at + length + 1, &value, &rest))
				return value;
			if (end == ',' || !end)
				return 1;
		}
		at = strchr(at, ',');
		at = at ? at + 1 : NULL;
	}
	return -1;
}
