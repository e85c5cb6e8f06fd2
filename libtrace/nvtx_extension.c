/* SPDX-License-Identifier: MIT */
/*
 * NVTX's payload extension. NCCL ends the ranges of its initialising calls through it: without
 * these handlers each would leave a level behind. A module says how many slots it has; old ones
 * have two.
 */
#include "libtrace/host_facts.h"
#include "libtrace/nvtx_handlers.h"
#include "libtrace/nvtx_source.h"

/* Always inlined, so that the return address is that of the handler: the calling library. */
static inline __attribute__((always_inline)) struct nvtx_event_source
from_payload(const void *domain, const struct nvtx_payload_data *payload, size_t count)
{
	struct nvtx_event_source source = {
		.head.domain = nvtx_domain_of(domain), .payload = payload, .payload_count = count,
	};
	if (source.head.domain == 0)
		source.head.caller = (uintptr_t)__builtin_return_address(0);
	return source;
}

static struct nvtx_schema_scope scope_of(const void *domain, const void *caller)
{
	return (struct nvtx_schema_scope){
		.domain = nvtx_domain_of(domain), .caller = (uintptr_t)caller, .time_ns = INT64_MAX,
	};
}

static uint64_t schema_register(void *domain, const struct nvtx_schema_attributes *attributes)
{
	struct nvtx_schema_scope scope = scope_of(domain, __builtin_return_address(0));
	return nvtx_define_schema(&scope, attributes);
}

static uint64_t enum_register(void *domain, const struct nvtx_enum_attributes *attributes)
{
	struct nvtx_schema_scope scope = scope_of(domain, __builtin_return_address(0));
	return nvtx_define_enum(&scope, attributes);
}

static void mark_payload(void *domain, const struct nvtx_payload_data *payload, size_t count)
{
	struct nvtx_event_source source = from_payload(domain, payload, count);
	nvtx_handle_mark(&source);
}

static int range_push_payload(void *domain, const struct nvtx_payload_data *payload, size_t count)
{
	struct nvtx_event_source source = from_payload(domain, payload, count);
	return nvtx_handle_push(&source);
}

static int range_pop_payload(void *domain, const struct nvtx_payload_data *payload, size_t count)
{
	struct nvtx_event_source source = from_payload(domain, payload, count);
	return nvtx_handle_pop(&source);
}

static uint64_t range_start_payload(void *domain, const struct nvtx_payload_data *payload,
				    size_t count)
{
	struct nvtx_event_source source = from_payload(domain, payload, count);
	return nvtx_handle_start(&source);
}

static void range_end_payload(void *domain, uint64_t range_id,
			      const struct nvtx_payload_data *payload, size_t count)
{
	struct nvtx_event_source source = from_payload(domain, payload, count);
	nvtx_handle_end(&source, range_id);
}

static uint8_t domain_is_enabled(void *domain)
{
	(void)domain;
	return 1;
}

#define SLOT(slot, function) [slot] = (nvtx_function)(function)

static const nvtx_function payload_slots[] = {
	SLOT(NVTX_SLOT_SCHEMA_REGISTER, schema_register),
	SLOT(NVTX_SLOT_ENUM_REGISTER, enum_register),
	SLOT(NVTX_SLOT_MARK_PAYLOAD, mark_payload),
	SLOT(NVTX_SLOT_RANGE_PUSH_PAYLOAD, range_push_payload),
	SLOT(NVTX_SLOT_RANGE_POP_PAYLOAD, range_pop_payload),
	SLOT(NVTX_SLOT_RANGE_START_PAYLOAD, range_start_payload),
	SLOT(NVTX_SLOT_RANGE_END_PAYLOAD, range_end_payload),
	SLOT(NVTX_SLOT_DOMAIN_IS_ENABLED, domain_is_enabled),
	SLOT(NVTX_SLOT_TIMESTAMP_GET, realtime_ns),
};

/* Memory and counter extensions are accepted and get nothing: all their functions do nothing. */
int nvtx_source_attach_extension(void *module_info)
{
	const struct nvtx_extension_module *module = module_info;
	if (module == NULL || module->struct_size < sizeof *module)
		return 0;
	if (module->module_id != NVTX_EXTENSION_PAYLOAD || module->segment_count == 0 ||
	    module->segments == NULL)
		return 1;
	const struct nvtx_extension_segment *segment = &module->segments[0];
	size_t count = sizeof payload_slots / sizeof payload_slots[0];
	if (segment->slots == NULL)
		return 1;
	for (size_t i = 0; i < count && i < segment->slot_count; i++)
		segment->slots[i] = (intptr_t)payload_slots[i];
	return 1;
}
