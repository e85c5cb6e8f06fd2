/* SPDX-License-Identifier: MIT */
/* Which records the CUPTI double makes, and those of the host: API calls, external correlation,
 * devices. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cupti.h"
#include "cupti_names.h"

enum { EXTERNAL_KINDS = 8, EXTERNAL_DEPTH = 64, API_DEFAULT = 0, API_ON, API_OFF };

static struct {
	atomic_uint kinds[RIG_KINDS];	/* scopes that want it */
	atomic_uchar apis[RIG_SCOPES][3][RIG_CBIDS_MAX];
	atomic_bool has_event_stamps;
	atomic_uint counters;		/* of unified memory: bits */
	atomic_int thread_id_type;
	atomic_bool has_context[RIG_GPUS_MAX];
} records;

static _Thread_local struct {
	uint64_t ids[EXTERNAL_KINDS][EXTERNAL_DEPTH];
	int depth[EXTERNAL_KINDS];
} external[RIG_SCOPES];

uint32_t rig_kind_scopes(uint32_t kind)
{
	return kind < RIG_KINDS ? atomic_load(&records.kinds[kind]) : 0;
}

bool rig_kind_is_enabled(uint32_t kind)
{
	return rig_kind_scopes(kind) != 0;
}

void rig_scope_forget(int scope)
{
	for (uint32_t kind = 0; kind < RIG_KINDS; kind++)
		atomic_fetch_and(&records.kinds[kind], ~(1u << scope));
}

void rig_records_forget_all(void)
{
	for (int scope = 0; scope < RIG_SCOPES; scope++)
		rig_scope_forget(scope);
}

void rig_event_stamps_set(uint8_t enable)
{
	atomic_store(&records.has_event_stamps, enable != 0);
}

bool rig_event_stamps(void)
{
	return atomic_load(&records.has_event_stamps);
}

void rig_counter_set(uint32_t counter, bool is_enabled)
{
	if (is_enabled)
		atomic_fetch_or(&records.counters, 1u << counter);
	else
		atomic_fetch_and(&records.counters, ~(1u << counter));
}

bool rig_counter_is_enabled(uint32_t counter)
{
	return atomic_load(&records.counters) >> counter & 1;
}

void rig_thread_id_type_set(int type)
{
	atomic_store(&records.thread_id_type, type);
}

int rig_thread_id_type(void)
{
	return atomic_load(&records.thread_id_type);
}

uint32_t rig_thread_id(void)
{
	if (rig_thread_id_type() == 1)
		return (uint32_t)syscall(SYS_gettid);
	return (uint32_t)(uintptr_t)pthread_self();
}

int rig_api_select(int scope, uint32_t domain, uint32_t cbid, uint8_t enable)
{
	if (!rig_cupti_ready())
		return rig_version.error_unavailable;
	if (domain > 2 || cbid >= RIG_CBIDS_MAX)
		return 1;
	atomic_store(&records.apis[scope][domain][cbid], enable ? API_ON : API_OFF);
	return 0;
}

static uint32_t api_scopes(uint32_t domain, uint32_t cbid)
{
	uint32_t kind = domain == RIG_DOMAIN_DRIVER ? RIG_KIND_DRIVER : RIG_KIND_RUNTIME;
	uint32_t scopes = 0, enabled = rig_kind_scopes(kind);

	for (int scope = 0; scope < RIG_SCOPES; scope++) {
		unsigned char choice = atomic_load(&records.apis[scope][domain][cbid]);

		if (choice == API_ON || (choice == API_DEFAULT && (enabled >> scope & 1)))
			scopes |= 1u << scope;
	}
	return scopes;
}

/* Correlation ids exist only if API records or callbacks are on. */
uint32_t rig_correlation_shown(uint32_t correlation)
{
	bool exists = rig_kind_is_enabled(RIG_KIND_RUNTIME) ||
		      rig_kind_is_enabled(RIG_KIND_DRIVER) || rig_callbacks_any();

	for (uint32_t cbid = 0; !exists && cbid < RIG_CBIDS_MAX; cbid++)
		for (int scope = 0; !exists && scope < RIG_SCOPES; scope++)
			exists = atomic_load(&records.apis[scope][1][cbid]) == API_ON ||
				 atomic_load(&records.apis[scope][2][cbid]) == API_ON;
	return exists ? correlation : 0;
}

static void device_put(uint32_t ordinal, uint32_t scopes)
{
	const struct rig_gpu *gpu = rig_driver_gpu((int)ordinal);
	struct rig_record_device record;

	if (!gpu || !scopes)
		return;
	memset(&record, 0, sizeof(record));
	record.kind = RIG_KIND_DEVICE;
	record.globalMemoryBandwidth = 1008096000;
	record.globalMemorySize = (uint64_t)gpu->memory_bytes;
	record.constantMemorySize = 65536;
	record.l2CacheSize = 75497472;
	record.numThreadsPerWarp = 32;
	record.coreClockRate = (uint32_t)gpu->sm_mhz * 1000;
	record.numMemcpyEngines = (uint32_t)gpu->copy_engines;
	record.numMultiprocessors = (uint32_t)gpu->sm_count;
	record.maxWarpsPerMultiprocessor = 48;
	record.computeCapabilityMajor = (uint32_t)gpu->major;
	record.computeCapabilityMinor = (uint32_t)gpu->minor;
	record.id = ordinal;
	memcpy(record.uuid, gpu->uuid_bytes, sizeof(record.uuid));
	record.name = gpu->name;
	record.isCudaVisible = 1;
	rig_record_put_to(&record, RIG_KIND_DEVICE, scopes);
}

static void context_put(uint32_t ordinal, uint32_t scopes)
{
	struct rig_record_context record;

	if (!scopes)
		return;
	memset(&record, 0, sizeof(record));
	record.kind = RIG_KIND_CONTEXT;
	record.contextId = ordinal + 1;
	record.deviceId = ordinal;
	record.computeApiKind = 1;
	record.nullStreamId = 7;
	record.numMultiprocessors = (uint16_t)rig_driver_gpu((int)ordinal)->sm_count;
	record.processId = (uint64_t)getpid();
	rig_record_put_to(&record, RIG_KIND_CONTEXT, scopes);
}

int rig_kind_enable(int scope, uint32_t kind, bool is_enabled)
{
	int64_t fault = rig_fault("enable");

	if (!rig_cupti_ready())
		return rig_version.error_unavailable;
	if (fault >= 0 && is_enabled)
		return (int)fault;
	if (!rig_stride(kind))
		return kind < 53 ? rig_version.error_removed_kind : 21;
	if (kind == 27 || kind == 28)
		return 14;	/* MODULE and DEVICE_ATTRIBUTE cannot be enabled directly */
	uint32_t bit = 1u << scope;
	bool before = ((is_enabled ? atomic_fetch_or(&records.kinds[kind], bit)
				   : atomic_fetch_and(&records.kinds[kind], ~bit)) & bit) != 0;

	if (before != is_enabled && getenv("RIG_SAY_KINDS"))
		fprintf(stderr, "rig: kind %u %s\n", kind, is_enabled ? "on" : "off");
	for (uint32_t i = 0; is_enabled && !before && i < RIG_GPUS_MAX; i++) {
		if (!atomic_load(&records.has_context[i]))
			continue;
		if (kind == RIG_KIND_DEVICE)
			device_put(i, bit);
		if (kind == RIG_KIND_CONTEXT)
			context_put(i, bit);
	}
	return 0;
}

int rig_external_push(int scope, uint32_t kind, uint64_t id)
{
	if (!kind || kind >= EXTERNAL_KINDS)
		return 1;
	if (external[scope].depth[kind] == EXTERNAL_DEPTH)
		return 8;
	external[scope].ids[kind][external[scope].depth[kind]++] = id;
	return 0;
}

int rig_external_pop(int scope, uint32_t kind, uint64_t *id)
{
	if (!kind || kind >= EXTERNAL_KINDS)
		return 1;
	if (!external[scope].depth[kind])
		return 18;
	external[scope].depth[kind]--;
	if (id)
		*id = external[scope].ids[kind][external[scope].depth[kind]];
	return 0;
}

static void external_put(int scope, uint32_t correlation)
{
	if (!(rig_kind_scopes(RIG_KIND_EXTERNAL_CORRELATION) >> scope & 1))
		return;
	for (uint32_t kind = 1; kind < EXTERNAL_KINDS; kind++) {
		struct rig_record_external_correlation record = {
			.kind = RIG_KIND_EXTERNAL_CORRELATION, .externalKind = kind,
			.correlationId = correlation,
		};

		int depth = external[scope].depth[kind];

		if (!depth)
			continue;
		record.externalId = external[scope].ids[kind][depth - 1];
		rig_record_put_to(&record, RIG_KIND_EXTERNAL_CORRELATION, 1u << scope);
	}
}

static void api_enter(const struct rig_api *api, uint32_t correlation)
{
	uint32_t cbid = rig_cbid_find(api->domain, api->name);

	rig_callback_api(api, cbid, correlation, 0);
}

static void api_exit(const struct rig_api *api, uint32_t correlation)
{
	uint32_t cbid = rig_cbid_find(api->domain, api->name);

	if (!cbid)
		rig_violation("the rig has no callback id for '%s'", api->name);
	if (strstr(api->name, "Synchronize"))
		rig_records_complete();
	rig_callback_api(api, cbid, correlation, 1);
	uint32_t scopes = api_scopes(api->domain, cbid);

	if (scopes) {
		struct rig_record_api record = {
			.kind = api->domain == RIG_DOMAIN_DRIVER ? RIG_KIND_DRIVER
								 : RIG_KIND_RUNTIME,
			.cbid = cbid,
			.start = (uint64_t)api->start_ns,
			.end = (uint64_t)api->end_ns,
			.processId = (uint32_t)getpid(),
			.threadId = rig_thread_id(),
			.correlationId = correlation,
			.returnValue = api->result,
		};

		for (int scope = 0; scope < RIG_SCOPES; scope++)
			if (scopes >> scope & 1)
				external_put(scope, correlation);
		rig_record_put_to(&record, record.kind, scopes);
	}
}

void rig_context_created(const struct rig_activity *activity)
{
	atomic_store(&records.has_context[activity->device], true);
	device_put(activity->device, rig_kind_scopes(RIG_KIND_DEVICE));
	context_put(activity->device, rig_kind_scopes(RIG_KIND_CONTEXT));
	rig_callback_resource(1, activity->device, NULL);
}

const struct rig_listener rig_records_listener = {
	.api_enter = api_enter, .api_exit = api_exit, .activity = rig_activity_put,
	.teardown = rig_buffers_lose_all,
};
