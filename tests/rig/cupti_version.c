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

RIG_EXPORT int cuptiSubscribe_v2(void **handle, rig_callback callback, void *user, void *params);
RIG_EXPORT int cuptiSubscribe_v2(void **handle, rig_callback callback, void *user, void *params)
{
	FAIL_IF_ASKED();
	const struct subscribe_params *given = params;

	if (!given || given->size < sizeof(*given))
		return 1;
	return rig_subscribe(handle, callback, user, given->name, given->old_name,
			     given->old_name_size);
}

RIG_EXPORT int cuptiActivityEnableRuntimeApi(uint32_t cbid, uint8_t enable);
RIG_EXPORT int cuptiActivityEnableRuntimeApi(uint32_t cbid, uint8_t enable)
{
	FAIL_IF_ASKED();
	return rig_api_select(2, cbid, enable);
}

RIG_EXPORT int cuptiActivityEnableDriverApi(uint32_t cbid, uint8_t enable);
RIG_EXPORT int cuptiActivityEnableDriverApi(uint32_t cbid, uint8_t enable)
{
	FAIL_IF_ASKED();
	return rig_api_select(1, cbid, enable);
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
RIG_EXPORT int cuptiActivityGetStructSize(uint32_t kind, uint32_t version, size_t *size);
RIG_EXPORT int cuptiActivityGetStructSize(uint32_t kind, uint32_t version, size_t *size)
{
	FAIL_IF_ASKED();
	(void)version;
	*size = rig_stride(kind);
	return *size ? 0 : 21;
}
#endif
