/* SPDX-License-Identifier: MIT */
#include "tests/sources/fake_nvtx.h"
#include "libtrace/nvtx_source.h"

#include <string.h>

enum { TABLE_ROOM = 17 };

static struct module {
	nvtx_function functions[TABLE_ROOM];
	nvtx_function *pointers[TABLE_ROOM];
	unsigned count;
} modules[7];

static int get_module_table(int module, nvtx_function ***table, unsigned *count)
{
	if (module < 1 || module > 6 || modules[module].count == 0)
		return 0;
	*table = modules[module].pointers;
	*count = modules[module].count;
	return 1;
}

static const void *get_export_table(uint32_t table)
{
	static const struct nvtx_callbacks_table callbacks = {
		sizeof callbacks, get_module_table,
	};
	return table == NVTX_EXPORT_CALLBACKS ? &callbacks : NULL;
}

static void module_prepare(enum nvtx_module module, unsigned count)
{
	memset(&modules[module], 0, sizeof modules[module]);
	modules[module].count = count;
	for (unsigned i = 1; i < count; i++)
		modules[module].pointers[i] = &modules[module].functions[i];
}

#define TAKE(member, module, callback) \
	memcpy(&nvtx->member, &modules[NVTX_MODULE_##module].functions[callback], \
	       sizeof nvtx->member)

bool fake_nvtx_attach(struct fake_nvtx *nvtx, bool is_v2)
{
	const void *(*get)(uint32_t) = get_export_table;
	void *argument;
	memcpy(&argument, &get, sizeof argument);
	memset(nvtx, 0, sizeof *nvtx);
	module_prepare(NVTX_MODULE_CORE, NVTX_CORE_COUNT);
	module_prepare(NVTX_MODULE_CUDA, NVTX_CUDA_COUNT);
	module_prepare(NVTX_MODULE_CUDART, NVTX_CUDART_COUNT);
	module_prepare(NVTX_MODULE_CORE2, is_v2 ? NVTX_CORE2_COUNT - 1 : NVTX_CORE2_COUNT);
	if (nvtx_source_attach(argument) != 1)
		return false;
	TAKE(mark_ex, CORE, NVTX_MARK_EX);
	TAKE(mark_a, CORE, NVTX_MARK_A);
	TAKE(mark_w, CORE, NVTX_MARK_W);
	TAKE(start_ex, CORE, NVTX_RANGE_START_EX);
	TAKE(start_a, CORE, NVTX_RANGE_START_A);
	TAKE(end, CORE, NVTX_RANGE_END);
	TAKE(push_ex, CORE, NVTX_RANGE_PUSH_EX);
	TAKE(push_a, CORE, NVTX_RANGE_PUSH_A);
	TAKE(pop, CORE, NVTX_RANGE_POP);
	TAKE(name_category_a, CORE, NVTX_NAME_CATEGORY_A);
	TAKE(name_thread_a, CORE, NVTX_NAME_OS_THREAD_A);
	TAKE(domain_mark_ex, CORE2, NVTX_DOMAIN_MARK_EX);
	TAKE(domain_start_ex, CORE2, NVTX_DOMAIN_RANGE_START_EX);
	TAKE(domain_end, CORE2, NVTX_DOMAIN_RANGE_END);
	TAKE(domain_push_ex, CORE2, NVTX_DOMAIN_RANGE_PUSH_EX);
	TAKE(domain_pop, CORE2, NVTX_DOMAIN_RANGE_POP);
	TAKE(domain_name_category_a, CORE2, NVTX_DOMAIN_NAME_CATEGORY_A);
	TAKE(register_string_a, CORE2, NVTX_DOMAIN_REGISTER_STRING_A);
	TAKE(register_string_w, CORE2, NVTX_DOMAIN_REGISTER_STRING_W);
	TAKE(domain_create_a, CORE2, NVTX_DOMAIN_CREATE_A);
	TAKE(domain_destroy, CORE2, NVTX_DOMAIN_DESTROY);
	TAKE(name_cuda_stream_a, CUDART, NVTX_NAME_CUDA_STREAM_A);
	return true;
}

bool fake_nvtx_extend(struct fake_nvtx *nvtx, size_t slot_count)
{
	struct nvtx_extension_segment segment = { .slot_count = slot_count, .slots = nvtx->slots };
	struct nvtx_extension_module module = {
		.nvtx_version = 3,
		.struct_size = sizeof module,
		.module_id = NVTX_EXTENSION_PAYLOAD,
		.compatibility_id = 0x103,
		.segment_count = 1,
		.segments = &segment,
	};
	return nvtx_source_attach_extension(&module) == 1;
}

#define SLOT_CALL(type, slot, ...) \
	type call; \
	memcpy(&call, &nvtx->slots[slot], sizeof call); \
	return call(__VA_ARGS__)

typedef uint64_t (*schema_register)(void *, const struct nvtx_schema_attributes *);
typedef uint64_t (*enum_register)(void *, const struct nvtx_enum_attributes *);
typedef int (*payload_event)(void *, const struct nvtx_payload_data *, size_t);

uint64_t fake_schema_register(const struct fake_nvtx *nvtx, void *domain,
			      const struct nvtx_schema_attributes *attributes)
{
	SLOT_CALL(schema_register, NVTX_SLOT_SCHEMA_REGISTER, domain, attributes);
}

uint64_t fake_enum_register(const struct fake_nvtx *nvtx, void *domain,
			    const struct nvtx_enum_attributes *attributes)
{
	SLOT_CALL(enum_register, NVTX_SLOT_ENUM_REGISTER, domain, attributes);
}

int fake_push_payload(const struct fake_nvtx *nvtx, void *domain,
		      const struct nvtx_payload_data *data, size_t count)
{
	SLOT_CALL(payload_event, NVTX_SLOT_RANGE_PUSH_PAYLOAD, domain, data, count);
}

int fake_pop_payload(const struct fake_nvtx *nvtx, void *domain,
		     const struct nvtx_payload_data *data, size_t count)
{
	SLOT_CALL(payload_event, NVTX_SLOT_RANGE_POP_PAYLOAD, domain, data, count);
}

struct nvtx_event_attributes fake_attributes(const char *message)
{
	return (struct nvtx_event_attributes){
		.version = 3, .size = sizeof(struct nvtx_event_attributes),
		.message_type = message == NULL ? NVTX_MESSAGE_NONE : NVTX_MESSAGE_ASCII,
		.message = (uintptr_t)message,
	};
}
