/* SPDX-License-Identifier: MIT */
/*
 * What differs between the versions that the CUPTI double plays: compiled once a version, with
 * RIG_CUPTI_VERSION = 118, 124, 130 or 134. Functions that an older library lacks are absent from
 * it.
 */
#include "cupti.h"

#define FAIL_IF_ASKED() \
	do { \
		int asked = rig_call_begin(__func__); \
		if (asked) \
			return asked; \
	} while (0)

#if RIG_CUPTI_VERSION == 118
const struct rig_cupti_version rig_version = {
	.column = 0, .api_version = 18, .error_unavailable = 15, .error_trailing = 999,
	.error_removed_kind = 15, .null_buffer_crashes = 1,
};
#elif RIG_CUPTI_VERSION == 124
const struct rig_cupti_version rig_version = {
	.column = 1, .api_version = 22, .error_unavailable = 15, .error_trailing = 21,
	.error_removed_kind = 15, .has_thread_buffers = 1, .null_buffer_crashes = 1,
};
#elif RIG_CUPTI_VERSION == 130
const struct rig_cupti_version rig_version = {
	.column = 2, .api_version = 130001, .error_unavailable = 999, .error_trailing = 21,
	.error_removed_kind = 38, .has_thread_buffers = 1, .default_thread_buffers = 1,
};
#elif RIG_CUPTI_VERSION == 134
const struct rig_cupti_version rig_version = {
	.column = 3, .api_version = 130400, .error_unavailable = 999, .error_trailing = 21,
	.error_removed_kind = 38, .has_thread_buffers = 1, .default_thread_buffers = 1,
};
#else
#error "RIG_CUPTI_VERSION must be 118, 124, 130 or 134"
#endif

#if RIG_CUPTI_VERSION >= 124
RIG_EXPORT int cuptiGetErrorMessage(int result, const char **text);
RIG_EXPORT int cuptiGetErrorMessage(int result, const char **text)
{
	FAIL_IF_ASKED();
	*text = result ? "The rig's double of CUPTI says no." : "No error.";
	return 0;
}

RIG_EXPORT int cuptiGetGraphExecId(const void *graph, uint32_t *id);
RIG_EXPORT int cuptiGetGraphExecId(const void *graph, uint32_t *id)
{
	FAIL_IF_ASKED();
	*id = graph ? *(const uint32_t *)graph : 0;
	return graph ? 0 : 1;
}

RIG_EXPORT int cuptiActivityEnableDeviceGraph(uint8_t enable);
RIG_EXPORT int cuptiActivityEnableDeviceGraph(uint8_t enable)
{
	FAIL_IF_ASKED();
	(void)enable;
	return rig_cupti_ready() ? 0 : rig_version.error_unavailable;
}
#endif

#if RIG_CUPTI_VERSION >= 130
struct subscribe_params {
	size_t size;
	const char *name;
	char *old_name;
	size_t old_name_size;
};

/* From 13.2 on the structure has one member more, and padding. */
struct subscribe_params_several {
	struct subscribe_params first;
	uint8_t allows_others, padding[7];
};

RIG_EXPORT int cuptiSubscribe_v2(void **handle, rig_callback callback, void *user, void *params);
RIG_EXPORT int cuptiSubscribe_v2(void **handle, rig_callback callback, void *user, void *params)
{
	FAIL_IF_ASKED();
	const struct subscribe_params *given = params;

	if (!given || given->size < sizeof(*given))
		return 1;
	struct rig_subscription wanted = {
		.callback = callback, .user = user, .name = given->name,
		.old_name = given->old_name, .old_name_size = given->old_name_size,
		.is_new_call = true,
	};

#if RIG_CUPTI_VERSION >= 134
	const struct subscribe_params_several *several = params;

	wanted.allows_others = given->size >= sizeof(*several) && several->allows_others;
#endif
	return rig_subscribe(handle, &wanted);
}

RIG_EXPORT int cuptiActivityEnableRuntimeApi(uint32_t cbid, uint8_t enable);
RIG_EXPORT int cuptiActivityEnableRuntimeApi(uint32_t cbid, uint8_t enable)
{
	FAIL_IF_ASKED();
	return rig_api_select(0, 2, cbid, enable);
}

RIG_EXPORT int cuptiActivityEnableDriverApi(uint32_t cbid, uint8_t enable);
RIG_EXPORT int cuptiActivityEnableDriverApi(uint32_t cbid, uint8_t enable)
{
	FAIL_IF_ASKED();
	return rig_api_select(0, 1, cbid, enable);
}

RIG_EXPORT int cuptiActivityEnableAllSyncRecords(uint8_t enable);
RIG_EXPORT int cuptiActivityEnableAllSyncRecords(uint8_t enable)
{
	FAIL_IF_ASKED();
	(void)enable;
	return rig_cupti_ready() ? 0 : rig_version.error_unavailable;
}

RIG_EXPORT int cuptiActivityEnableCudaEventDeviceTimestamps(uint8_t enable);
RIG_EXPORT int cuptiActivityEnableCudaEventDeviceTimestamps(uint8_t enable)
{
	FAIL_IF_ASKED();
	if (!rig_cupti_ready())
		return rig_version.error_unavailable;
	rig_event_stamps_set(enable);
	return 0;
}

RIG_EXPORT int cuptiActivityEnableAllocationSource(uint8_t enable);
RIG_EXPORT int cuptiActivityEnableAllocationSource(uint8_t enable)
{
	FAIL_IF_ASKED();
	(void)enable;
	return rig_cupti_ready() ? 0 : rig_version.error_unavailable;
}

RIG_EXPORT int cuptiActivityEnableHWTrace(uint8_t enable);
RIG_EXPORT int cuptiActivityEnableHWTrace(uint8_t enable)
{
	FAIL_IF_ASKED();
	(void)enable;
	return rig_cupti_ready() ? 27 : rig_version.error_unavailable;
}
#endif

#if RIG_CUPTI_VERSION >= 134
RIG_EXPORT int cuptiActivityGetNextRecord(uint8_t *buffer, size_t valid_size, void **record);
RIG_EXPORT int cuptiActivityGetStructSize(uint32_t kind, uint32_t version, size_t *size);
RIG_EXPORT int cuptiActivityGetStructSize(uint32_t kind, uint32_t version, size_t *size)
{
	FAIL_IF_ASKED();
	(void)version;
	*size = rig_stride(kind);
	return *size ? 0 : 21;
}

/* The calls of one of several subscribers. */
#define SCOPED(name, ...) \
	RIG_EXPORT int name(void *handle, __VA_ARGS__); \
	RIG_EXPORT int name(void *handle, __VA_ARGS__)

#define FIND_SCOPE() \
	FAIL_IF_ASKED(); \
	const int scope = rig_scope_of(handle); \
	if (scope < 0) \
		return 1

SCOPED(cuptiActivityRegisterCallbacks_v2, rig_requested_v2 requested, rig_completed_v2 completed)
{
	FIND_SCOPE();
	if (!requested || !completed)
		return 1;
	rig_buffers_register_v2(scope, requested, completed);
	return 0;
}

SCOPED(cuptiActivityEnable_v2, uint32_t kind, void *config)
{
	FIND_SCOPE();
	if (config)	/* user-defined records are not played */
		return 27;
	return rig_kind_enable(scope, kind, true);
}

SCOPED(cuptiActivityDisable_v2, uint32_t kind, void *config)
{
	FIND_SCOPE();
	(void)config;
	return rig_kind_enable(scope, kind, false);
}

SCOPED(cuptiActivitySetAttribute_v2, uint32_t attribute, size_t *size, void *value)
{
	FIND_SCOPE();
	if (!size || !value || attribute >= 16)
		return 1;
	if (attribute == 9)	/* the double has one choice for all */
		rig_thread_buffers_set(*(uint8_t *)value != 0);
	return 0;
}

SCOPED(cuptiActivityGetNextRecord_v2, uint8_t *buffer, size_t valid_size, void **record)
{
	FIND_SCOPE();
	return cuptiActivityGetNextRecord(buffer, valid_size, record);
}

SCOPED(cuptiActivityGetNumDroppedRecords_v2, void *context, uint32_t stream, size_t *dropped)
{
	FIND_SCOPE();
	(void)context;
	(void)stream;
	return rig_buffers_dropped(dropped);
}

SCOPED(cuptiActivityPushExternalCorrelationId_v2, uint32_t kind, uint64_t id)
{
	FIND_SCOPE();
	return rig_external_push(scope, kind, id);
}

SCOPED(cuptiActivityPopExternalCorrelationId_v2, uint32_t kind, uint64_t *id)
{
	FIND_SCOPE();
	return rig_external_pop(scope, kind, id);
}

SCOPED(cuptiActivityEnableRuntimeApi_v2, uint32_t cbid, uint8_t enable)
{
	FIND_SCOPE();
	return rig_api_select(scope, 2, cbid, enable);
}

SCOPED(cuptiActivityEnableDriverApi_v2, uint32_t cbid, uint8_t enable)
{
	FIND_SCOPE();
	return rig_api_select(scope, 1, cbid, enable);
}
#endif
