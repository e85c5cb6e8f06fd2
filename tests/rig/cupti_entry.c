/* SPDX-License-Identifier: MIT */
/* The entry points that every version of the CUPTI double has. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "cupti.h"
#include "cupti_names.h"

static pthread_once_t ready_once = PTHREAD_ONCE_INIT;
static bool is_ready;
static atomic_bool is_finalized;
static atomic_int last_error;
static atomic_size_t attribute_values[16];

static void ready_connect(void)
{
	if (rig_driver_gpu_count() < 1)
		return;
	rig_driver_listen(&rig_records_listener);
	is_ready = true;
}

bool rig_cupti_ready(void)
{
	if (rig_in_buffer_callback())
		rig_violation("a CUPTI function was called from a buffer callback");
	pthread_once(&ready_once, ready_connect);
	if (is_ready && atomic_exchange(&is_finalized, false))
		rig_driver_listen(&rig_records_listener);
	return is_ready;
}

/* Result of a call that needs a driver. */
static int result_keep(int result)
{
	if (result)
		atomic_store(&last_error, result);
	return result;
}

#define NEED_READY() \
	do { \
		if (!rig_cupti_ready()) \
			return result_keep(rig_version.error_unavailable); \
	} while (0)

/* RIG_FAULTS fail=: this call answers an error instead of doing anything. */
#define FAIL_IF_ASKED() \
	do { \
		int asked = rig_call_begin(__func__); \
		if (asked) \
			return result_keep(asked); \
	} while (0)

/* From 13.3 on the calls without a subscriber are refused while there is one of the new calls. */
#define OLD_CALL() \
	do { \
		int refused = rig_old_call_begin(); \
		if (refused) \
			return result_keep(refused); \
	} while (0)

#define ENTRY(name, ...) \
	RIG_EXPORT int name(__VA_ARGS__); \
	RIG_EXPORT int name(__VA_ARGS__)

ENTRY(cuptiGetVersion, uint32_t *version)
{
	FAIL_IF_ASKED();
	*version = rig_version.api_version;
	return 0;
}

ENTRY(cuptiGetTimestamp, uint64_t *stamp)
{
	FAIL_IF_ASKED();
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);	/* the training program's clock where it has one */
	*stamp = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	return 0;
}

ENTRY(cuptiGetResultString, int result, const char **text)
{
	FAIL_IF_ASKED();
	*text = rig_result_name(result);
	return 0;
}

ENTRY(cuptiGetLastError, void)
{
	FAIL_IF_ASKED();
	return atomic_exchange(&last_error, 0);
}

ENTRY(cuptiSubscribe, void **handle, rig_callback callback, void *user)
{
	FAIL_IF_ASKED();
	return result_keep(rig_subscribe(handle, &(struct rig_subscription){
		.callback = callback, .user = user, .name = "" }));
}

ENTRY(cuptiUnsubscribe, void *handle)
{
	FAIL_IF_ASKED();
	if (!handle)
		return result_keep(1);	/* the handle is looked at first */
	NEED_READY();
	return result_keep(rig_unsubscribe(handle));
}

ENTRY(cuptiEnableCallback, uint32_t enable, void *handle, uint32_t domain, uint32_t cbid)
{
	FAIL_IF_ASKED();
	return result_keep(rig_callback_enable(handle, domain, cbid, enable != 0));
}

ENTRY(cuptiEnableDomain, uint32_t enable, void *handle, uint32_t domain)
{
	FAIL_IF_ASKED();
	return result_keep(rig_domain_enable(handle, domain, enable != 0));
}

ENTRY(cuptiEnableAllDomains, uint32_t enable, void *handle)
{
	FAIL_IF_ASKED();
	for (uint32_t domain = 1; domain < RIG_CALLBACK_DOMAINS; domain++) {
		int result = rig_domain_enable(handle, domain, enable != 0);

		if (result)
			return result_keep(result);
	}
	return 0;
}

ENTRY(cuptiGetCallbackName, uint32_t domain, uint32_t cbid, const char **name)
{
	FAIL_IF_ASKED();
	*name = rig_cbid_name(domain, cbid);
	return *name ? 0 : 1;
}

ENTRY(cuptiActivityRegisterCallbacks, rig_requested requested, rig_completed completed)
{
	FAIL_IF_ASKED();
	int64_t fault = rig_fault("register");

	/* Without libcuda even this fails in every version but 11.8 and 12.4. */
	NEED_READY();
	if (!requested || !completed)
		return 1;
	if (fault >= 0)
		return result_keep((int)fault);
	OLD_CALL();
	rig_buffers_register(requested, completed);
	return 0;
}

ENTRY(cuptiActivityEnable, uint32_t kind)
{
	FAIL_IF_ASKED();
	OLD_CALL();
	return result_keep(rig_kind_enable(0, kind, true));
}

ENTRY(cuptiActivityDisable, uint32_t kind)
{
	FAIL_IF_ASKED();
	OLD_CALL();
	return result_keep(rig_kind_enable(0, kind, false));
}

ENTRY(cuptiActivityEnableContext, void *context, uint32_t kind)
{
	FAIL_IF_ASKED();
	if (rig_driver_context_ordinal(context) < 0)
		return 3;
	OLD_CALL();
	return result_keep(rig_kind_enable(0, kind, true));
}

ENTRY(cuptiActivityFlushAll, uint32_t flag)
{
	FAIL_IF_ASKED();
	int64_t fault = rig_fault("flush");

	NEED_READY();
	if (rig_in_resource_callback())
		rig_violation("cuptiActivityFlushAll was called from a resource callback");
	if (fault >= 0)
		return result_keep((int)fault);
	return result_keep(rig_buffers_flush((flag & 1) != 0));
}

ENTRY(cuptiActivityFlush, void *context, uint32_t stream, uint32_t flag)
{
	FAIL_IF_ASKED();
	(void)context;
	(void)stream;
	return cuptiActivityFlushAll(flag);
}

ENTRY(cuptiActivityFlushPeriod, uint32_t ms)
{
	FAIL_IF_ASKED();
	(void)ms;	/* full buffers are delivered by the worker anyway */
	NEED_READY();
	return 0;
}

ENTRY(cuptiActivityGetNextRecord, uint8_t *buffer, size_t valid_size, void **record)
{
	FAIL_IF_ASKED();
	uint8_t *at = *record;
	size_t offset, stride;
	uint32_t kind;

	if (!buffer || !record)
		return 1;
	offset = 0;
	if (at) {
		memcpy(&kind, at, sizeof(kind));
		offset = (size_t)(at - buffer) + rig_stride(kind);
	}
	if (offset >= valid_size)
		return 12;
	if (valid_size - offset < sizeof(kind))
		return rig_version.error_trailing;
	memcpy(&kind, buffer + offset, sizeof(kind));
	stride = rig_stride(kind);
	if (!stride)
		return at ? rig_version.error_trailing : 21;
	if (stride > valid_size - offset)
		return 12;
	*record = buffer + offset;
	return 0;
}

ENTRY(cuptiActivityGetNumDroppedRecords, void *context, uint32_t stream, size_t *dropped)
{
	FAIL_IF_ASKED();
	(void)context;
	(void)stream;
	/* Allowed in a completed callback: NVIDIA's samples do it. */
	pthread_once(&ready_once, ready_connect);
	if (is_ready)
		return rig_buffers_dropped(dropped);
	*dropped = 0;
	return rig_version.column < 2 ? 15 : 0;
}

ENTRY(cuptiActivitySetAttribute, uint32_t attribute, size_t *size, void *value)
{
	FAIL_IF_ASKED();
	NEED_READY();
	OLD_CALL();
	if (!size || !value || attribute >= 16)
		return 1;
	if (attribute == 9) {
		if (!rig_version.has_thread_buffers)
			return 1;
		rig_thread_buffers_set(*(uint8_t *)value != 0);
		return 0;
	}
	size_t kept = 0;

	memcpy(&kept, value, *size < sizeof(kept) ? *size : sizeof(kept));
	atomic_store(&attribute_values[attribute], kept);
	return 0;
}

ENTRY(cuptiActivityGetAttribute, uint32_t attribute, size_t *size, void *value)
{
	FAIL_IF_ASKED();
	size_t kept;

	NEED_READY();
	if (!size || !value || attribute >= 16)
		return 1;
	kept = attribute == 9 ? rig_thread_buffers() : atomic_load(&attribute_values[attribute]);
	memcpy(value, &kept, *size < sizeof(kept) ? *size : sizeof(kept));
	return 0;
}

struct rig_counter_config {
	uint32_t scope, kind, device, enable;
};

ENTRY(cuptiActivityConfigureUnifiedMemoryCounter, struct rig_counter_config *config, uint32_t count)
{
	FAIL_IF_ASKED();
	int64_t fault = rig_fault("unified");

	NEED_READY();
	if (!config || !count)
		return 1;
	if (fault >= 0)
		return result_keep((int)fault);
	for (uint32_t i = 0; i < count; i++) {
		if (!config[i].kind || config[i].kind > 8)
			return 1;
		rig_counter_set(config[i].kind, config[i].enable != 0);
	}
	return 0;
}

ENTRY(cuptiActivityRegisterTimestampCallback, uint64_t (*callback)(void))
{
	FAIL_IF_ASKED();
	(void)callback;
	NEED_READY();
	rig_violation("a timestamp callback was registered; stamps after that are unreliable");
	return 0;
}

ENTRY(cuptiActivityPushExternalCorrelationId, uint32_t kind, uint64_t id)
{
	FAIL_IF_ASKED();
	NEED_READY();
	OLD_CALL();
	return rig_external_push(0, kind, id);
}

ENTRY(cuptiActivityPopExternalCorrelationId, uint32_t kind, uint64_t *id)
{
	FAIL_IF_ASKED();
	NEED_READY();
	OLD_CALL();
	return rig_external_pop(0, kind, id);
}

ENTRY(cuptiActivityEnableLatencyTimestamps, uint8_t enable)
{
	FAIL_IF_ASKED();
	(void)enable;
	NEED_READY();
	return 0;
}

ENTRY(cuptiActivityEnableLaunchAttributes, uint8_t enable)
{
	FAIL_IF_ASKED();
	(void)enable;
	NEED_READY();
	return 0;
}

ENTRY(cuptiSetThreadIdType, int type)
{
	FAIL_IF_ASKED();
	NEED_READY();
	if (type < 0 || type > 1)
		return 1;
	rig_thread_id_type_set(type);
	return 0;
}

ENTRY(cuptiGetThreadIdType, int *type)
{
	FAIL_IF_ASKED();
	NEED_READY();
	*type = rig_thread_id_type();
	return 0;
}

ENTRY(cuptiGetDeviceId, void *context, uint32_t *id)
{
	FAIL_IF_ASKED();
	int ordinal = rig_driver_context_ordinal(context);

	if (ordinal < 0)
		return 3;
	*id = (uint32_t)ordinal;
	return 0;
}

ENTRY(cuptiGetContextId, void *context, uint32_t *id)
{
	FAIL_IF_ASKED();
	int ordinal = rig_driver_context_ordinal(context);

	if (ordinal < 0)
		return 3;
	*id = (uint32_t)ordinal + 1;
	return 0;
}

/* A stream handle of the rig is its STREAM record; NULL is the null stream. */
ENTRY(cuptiGetStreamIdEx, void *context, const struct rig_record_stream *stream, uint8_t per_thread,
      uint32_t *id)
{
	FAIL_IF_ASKED();
	(void)per_thread;
	if (context && rig_driver_context_ordinal(context) < 0)
		return 3;
	*id = stream ? stream->streamId : 7;
	return 0;
}

ENTRY(cuptiGetGraphId, const uint32_t *graph, uint32_t *id)
{
	FAIL_IF_ASKED();
	*id = graph ? *graph : 0;
	return graph ? 0 : 1;
}

ENTRY(cuptiFinalize, void)
{
	FAIL_IF_ASKED();
	/* While several subscribers are here it does nothing. */
	if (is_ready && rig_subscriber_count() < 2) {
		rig_records_forget_all();
		rig_subscriber_forget();
		rig_driver_listen(NULL);
		atomic_store(&is_finalized, true);
	}
	return 0;
}
