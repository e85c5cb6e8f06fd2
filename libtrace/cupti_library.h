/* SPDX-License-Identifier: MIT */
/*
 * libcupti as we use it: found and opened at run time, every function by name, with our own
 * prototypes; all but the first group are optional. The strides of its records are measured,
 * because its version number does not say them.
 *
 * Thread: open on one thread, inside InitializeInjection only: loaded earlier, an old libcupti
 * would take the place of the one that a framework loads later. The functions are CUPTI's own.
 */
#ifndef LIBTRACE_CUPTI_LIBRARY_H
#define LIBTRACE_CUPTI_LIBRARY_H

#include "base/error.h"
#include "libtrace/cupti_records.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cupti_result {
	CUPTI_OK = 0, CUPTI_MAX_LIMIT_REACHED = 12, CUPTI_INVALID_KIND = 21,
	CUPTI_NOT_SUPPORTED = 27, CUPTI_MULTIPLE_SUBSCRIBERS = 39,
};

enum cupti_domain {
	CUPTI_DOMAIN_DRIVER = 1, CUPTI_DOMAIN_RUNTIME = 2, CUPTI_DOMAIN_RESOURCE = 3,
	CUPTI_DOMAIN_STATE = 6,
};

enum { CUPTI_THREAD_ID_SYSTEM = 1 };
enum { CUPTI_RESOURCE_CONTEXT_CREATED = 1 };
enum { CUPTI_STATE_FATAL_ERROR = 1, CUPTI_STATE_ERROR = 2 };
enum { CUPTI_SITE_ENTER = 0, CUPTI_SITE_EXIT = 1 };	/* of an API callback */
/* From this version (CUDA 13.0 update 1) on the kernel kind can be disabled without a deadlock. */
enum { CUPTI_VERSION_KERNELS_DISABLE = 130001 };
enum { CUPTI_UNIFIED_SCOPE_DEVICE = 1 };	/* the scope has no meaning any more */

enum cupti_attribute {
	CUPTI_ATTRIBUTE_DEVICE_BUFFER_BYTES = 0, CUPTI_ATTRIBUTE_DEVICE_BUFFER_LIMIT = 2,
	CUPTI_ATTRIBUTE_ZEROED_BUFFERS = 5, CUPTI_ATTRIBUTE_PER_THREAD_BUFFERS = 9,
};

typedef void (*cupti_callback)(void *user, uint32_t domain, uint32_t cbid, const void *data);
typedef void (*cupti_requested)(uint8_t **buffer, size_t *size, size_t *max_records);
typedef void (*cupti_completed)(void *context, uint32_t stream, uint8_t *buffer, size_t size,
				size_t valid_size);
typedef void (*cupti_requested_v2)(uint8_t **buffer, size_t *size, size_t *max_records, void *info);
typedef void (*cupti_completed_v2)(uint8_t *buffer, size_t size, size_t valid_size, void *info);

/*
 * FUNCTION(required, member, name, arguments): the functions that we call. Results are uint32_t.
 */
#define CUPTI_FUNCTIONS(FUNCTION) \
	FUNCTION(true, get_version, "cuptiGetVersion", (uint32_t *version)) \
	FUNCTION(true, subscribe, "cuptiSubscribe", \
		 (void **subscriber, cupti_callback, void *user)) \
	FUNCTION(true, enable_callback, "cuptiEnableCallback", \
		 (uint32_t enable, void *subscriber, uint32_t domain, uint32_t cbid)) \
	FUNCTION(true, register_callbacks, "cuptiActivityRegisterCallbacks", \
		 (cupti_requested, cupti_completed)) \
	FUNCTION(true, enable, "cuptiActivityEnable", (uint32_t kind)) \
	FUNCTION(true, disable, "cuptiActivityDisable", (uint32_t kind)) \
	FUNCTION(true, flush_all, "cuptiActivityFlushAll", (uint32_t flag)) \
	FUNCTION(true, get_next_record, "cuptiActivityGetNextRecord", \
		 (uint8_t *buffer, size_t valid_size, void **record)) \
	FUNCTION(false, unsubscribe, "cuptiUnsubscribe", (void *subscriber)) \
	FUNCTION(false, get_dropped, "cuptiActivityGetNumDroppedRecords", \
		 (void *context, uint32_t stream, size_t *count)) \
	FUNCTION(false, get_result_string, "cuptiGetResultString", \
		 (uint32_t result, const char **text)) \
	FUNCTION(false, subscribe_v2, "cuptiSubscribe_v2", \
		 (void **subscriber, cupti_callback, void *user, \
		  struct cupti_subscriber_params *)) \
	FUNCTION(false, enable_v2, "cuptiActivityEnable_v2", \
		 (void *subscriber, uint32_t kind, void *config)) \
	FUNCTION(false, disable_v2, "cuptiActivityDisable_v2", \
		 (void *subscriber, uint32_t kind, void *config)) \
	FUNCTION(false, register_callbacks_v2, "cuptiActivityRegisterCallbacks_v2", \
		 (void *subscriber, cupti_requested_v2, cupti_completed_v2)) \
	FUNCTION(false, set_attribute_v2, "cuptiActivitySetAttribute_v2", \
		 (void *subscriber, uint32_t attribute, size_t *size, void *value)) \
	FUNCTION(false, get_dropped_v2, "cuptiActivityGetNumDroppedRecords_v2", \
		 (void *subscriber, void *context, uint32_t stream, size_t *count)) \
	FUNCTION(false, enable_runtime_api_v2, "cuptiActivityEnableRuntimeApi_v2", \
		 (void *subscriber, uint32_t cbid, uint8_t enable)) \
	FUNCTION(false, enable_driver_api_v2, "cuptiActivityEnableDriverApi_v2", \
		 (void *subscriber, uint32_t cbid, uint8_t enable)) \
	FUNCTION(false, push_external_v2, "cuptiActivityPushExternalCorrelationId_v2", \
		 (void *subscriber, uint32_t kind, uint64_t id)) \
	FUNCTION(false, pop_external_v2, "cuptiActivityPopExternalCorrelationId_v2", \
		 (void *subscriber, uint32_t kind, uint64_t *id)) \
	FUNCTION(false, set_attribute, "cuptiActivitySetAttribute", \
		 (uint32_t attribute, size_t *size, void *value)) \
	FUNCTION(false, set_thread_id_type, "cuptiSetThreadIdType", (uint32_t type)) \
	FUNCTION(false, get_callback_name, "cuptiGetCallbackName", \
		 (uint32_t domain, uint32_t cbid, const char **name)) \
	FUNCTION(false, enable_runtime_api, "cuptiActivityEnableRuntimeApi", \
		 (uint32_t cbid, uint8_t enable)) \
	FUNCTION(false, enable_driver_api, "cuptiActivityEnableDriverApi", \
		 (uint32_t cbid, uint8_t enable)) \
	FUNCTION(false, enable_all_sync_records, "cuptiActivityEnableAllSyncRecords", \
		 (uint8_t enable)) \
	FUNCTION(false, enable_event_stamps, "cuptiActivityEnableCudaEventDeviceTimestamps", \
		 (uint8_t enable)) \
	FUNCTION(false, configure_unified_memory, "cuptiActivityConfigureUnifiedMemoryCounter", \
		 (struct cupti_unified_memory_config *config, uint32_t count)) \
	FUNCTION(false, push_external, "cuptiActivityPushExternalCorrelationId", \
		 (uint32_t kind, uint64_t id)) \
	FUNCTION(false, pop_external, "cuptiActivityPopExternalCorrelationId", \
		 (uint32_t kind, uint64_t *id)) \
	FUNCTION(false, get_device_id, "cuptiGetDeviceId", (void *context, uint32_t *device)) \
	FUNCTION(false, get_context_id, "cuptiGetContextId", (void *context, uint32_t *id)) \
	FUNCTION(false, get_stream_id, "cuptiGetStreamIdEx", \
		 (void *context, void *stream, uint8_t per_thread, uint32_t *id))

struct cupti_library {
	void *handle;
	char path[1024];
	uint32_t version;
	uint16_t strides[CUPTI_KIND_LIMIT];	/* 0: the library does not know the kind */
#define FUNCTION(required, member, name, arguments) uint32_t (*member) arguments;
	CUPTI_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

/*
 * Finds and opens libcupti. `wanted` is the setting LAGGARD_CUPTI: a file or folder, or '' to
 * search: the mapped one, beside the mapped CUDA runtime or framework, LD_LIBRARY_PATH, Conda,
 * CUDA_HOME, /usr/local/cuda*, the loader's own path.
 */
bool cupti_library_open(struct cupti_library *library, const char *wanted, struct error *error);

/* The same as if in a process with these objects and variables; for looking from outside. */
struct cupti_surroundings;
bool cupti_library_open_near(struct cupti_library *library, const char *wanted,
			     const struct cupti_surroundings *surroundings, struct error *error);

/* "CUPTI_ERROR_NOT_INITIALIZED", or "error 15". Borrowed, or from `number`. */
const char *cupti_result_text(const struct cupti_library *library, uint32_t result,
			      char number[32]);

/* Measures a kind's stride by walking a made-up buffer; 0 if the library does not know the kind. */
uint16_t cupti_library_probe(const struct cupti_library *library, uint32_t kind);

#endif
