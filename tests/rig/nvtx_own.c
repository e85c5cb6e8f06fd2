/* SPDX-License-Identifier: MIT */
/*
 * An NVTX instance without NVIDIA's headers: plays what the header does at the first call of an
 * object. The tool is found through NVTX_INJECTION64_PATH, gets the export tables, and fills the
 * slots of the function tables.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "nvtx.h"

typedef void (*slot_function)(void);

enum { CORE = 1, CUDART = 4, CORE2 = 5, MODULES = 7, SLOTS_MAX = 20, PAYLOAD_SLOTS = 63 };

static const unsigned module_sizes[MODULES] = { 0, 16, 9, 15, 7, 16, 7 };
enum { CORE2_SIZE_V2 = 15 };	/* the shared library before the header-only NVTX 3 */
static bool is_v2;

static struct {
	pthread_once_t once, extension_once;
	void *library;
	slot_function slots[MODULES][SLOTS_MAX];
	slot_function *tables[MODULES][SLOTS_MAX];
	intptr_t payload_slots[PAYLOAD_SLOTS];
} nvtx = { .once = PTHREAD_ONCE_INIT, .extension_once = PTHREAD_ONCE_INIT };

struct callbacks_table {
	size_t size;
	int (*get_module_table)(uint32_t module, slot_function ***table, unsigned *count);
};

struct version_table {
	size_t size;
	uint32_t version, reserved;
	void (*set_injection_version)(uint32_t version);
};

struct extension_segment {
	size_t id, slot_count;
	intptr_t *slots;
};

struct extension_module {
	uint16_t version, size, module, compatibility;
	size_t segment_count;
	struct extension_segment *segments;
	const void *(*get_export_function)(uint32_t id);
	const void *info;
};

_Static_assert(sizeof(struct rig_nvtx_attributes) == 48, "nvtxEventAttributes_t");
_Static_assert(sizeof(struct rig_nvtx_payload) == 24, "nvtxPayloadData_t");
_Static_assert(sizeof(struct rig_nvtx_entry) == 64, "nvtxPayloadSchemaEntry_t");
_Static_assert(sizeof(struct rig_nvtx_schema) == 80, "nvtxPayloadSchemaAttr_t");
_Static_assert(sizeof(struct rig_nvtx_enum) == 56, "nvtxPayloadEnumAttr_t");
_Static_assert(sizeof(struct extension_module) == 40, "nvtxExtModuleInfo_t");

static int module_table_get(uint32_t module, slot_function ***table, unsigned *count)
{
	if (!module || module >= MODULES)
		return 0;
	*table = nvtx.tables[module];
	*count = is_v2 && module == CORE2 ? CORE2_SIZE_V2 : module_sizes[module];
	return 1;
}

static void injection_version_set(uint32_t version)
{
	(void)version;
}

static const void *export_table_get(uint32_t id)
{
	static const struct callbacks_table callbacks = {
		.size = sizeof(callbacks), .get_module_table = module_table_get,
	};
	static const struct version_table version = {
		.size = sizeof(version),
		.version = 3,
		.set_injection_version = injection_version_set,
	};

	static const struct version_table version_v2 = {
		.size = sizeof(version_v2), .set_injection_version = injection_version_set,
	};

	if (id == 3)
		return is_v2 ? &version_v2 : &version;
	return id == 1 ? (const void *)&callbacks : NULL;
}

static void tool_load(void)
{
	const char *path = getenv("NVTX_INJECTION64_PATH");
	int (*initialize)(const void *(*)(uint32_t)) = NULL;

	for (unsigned module = 1; module < MODULES; module++) {
		for (unsigned i = 1; i < module_sizes[module]; i++)
			nvtx.tables[module][i] = &nvtx.slots[module][i];
	}
	if (!path || !*path)
		return;
	nvtx.library = dlopen(path, RTLD_LAZY);
	if (!nvtx.library)
		return;
	*(void **)(&initialize) = dlsym(nvtx.library, "InitializeInjectionNvtx2");
	if (initialize && initialize(export_table_get))
		return;
	memset(nvtx.slots, 0, sizeof(nvtx.slots));
	dlclose(nvtx.library);
	nvtx.library = NULL;
}

static void extension_load(void)
{
	struct extension_segment segment = {
		.slot_count = PAYLOAD_SLOTS, .slots = nvtx.payload_slots,
	};
	struct extension_module module = {
		.version = 3, .size = sizeof(module), .module = 2, .compatibility = 0x0103,
		.segment_count = 1, .segments = &segment,
	};
	int (*initialize)(struct extension_module *) = NULL;

	pthread_once(&nvtx.once, tool_load);
	if (!nvtx.library || is_v2)
		return;
	*(void **)(&initialize) = dlsym(nvtx.library, "InitializeInjectionNvtxExtension");
	if (initialize && !initialize(&module))
		memset(nvtx.payload_slots, 0, sizeof(nvtx.payload_slots));
}

/* The function in a slot, through a pointer to a function pointer of the right type. */
static void slot_get(unsigned module, unsigned id, void *function)
{
	pthread_once(&nvtx.once, tool_load);
	memcpy(function, &nvtx.slots[module][id], sizeof(slot_function));
}

static void payload_slot_get(unsigned id, void *function)
{
	pthread_once(&nvtx.extension_once, extension_load);
	memcpy(function, &nvtx.payload_slots[id], sizeof(slot_function));
}

static void *domain_create(const char *name)
{
	void *(*create)(const char *);

	slot_get(CORE2, 12, &create);
	return create ? create(name) : NULL;
}

static void *string_register(void *domain, const char *text)
{
	void *(*register_string)(void *, const char *);

	slot_get(CORE2, 10, &register_string);
	return register_string ? register_string(domain, text) : NULL;
}

static int push(void *domain, const struct rig_nvtx_attributes *attributes)
{
	int (*push_domain)(void *, const void *);
	int (*push_core)(const void *);

	slot_get(CORE2, 4, &push_domain);
	slot_get(CORE, 8, &push_core);
	if (domain)
		return push_domain ? push_domain(domain, attributes) : -2;
	return push_core ? push_core(attributes) : -2;
}

static int push_text(const char *text)
{
	int (*push_ascii)(const char *);

	slot_get(CORE, 9, &push_ascii);
	return push_ascii ? push_ascii(text) : -2;
}

static int pop(void *domain)
{
	int (*pop_domain)(void *);
	int (*pop_core)(void);

	slot_get(CORE2, 5, &pop_domain);
	slot_get(CORE, 11, &pop_core);
	if (domain)
		return pop_domain ? pop_domain(domain) : -2;
	return pop_core ? pop_core() : -2;
}

static void mark(void *domain, const struct rig_nvtx_attributes *attributes)
{
	void (*mark_domain)(void *, const void *);
	void (*mark_core)(const void *);

	slot_get(CORE2, 1, &mark_domain);
	slot_get(CORE, 1, &mark_core);
	if (domain && mark_domain)
		mark_domain(domain, attributes);
	if (!domain && mark_core)
		mark_core(attributes);
}

static void mark_text(const char *text)
{
	void (*mark_ascii)(const char *);

	slot_get(CORE, 2, &mark_ascii);
	if (mark_ascii)
		mark_ascii(text);
}

static uint64_t start(void *domain, const struct rig_nvtx_attributes *attributes)
{
	uint64_t (*start_domain)(void *, const void *);
	uint64_t (*start_core)(const void *);

	slot_get(CORE2, 2, &start_domain);
	slot_get(CORE, 4, &start_core);
	if (domain)
		return start_domain ? start_domain(domain, attributes) : 0;
	return start_core ? start_core(attributes) : 0;
}

static uint64_t start_text(const char *text)
{
	uint64_t (*start_ascii)(const char *);

	slot_get(CORE, 5, &start_ascii);
	return start_ascii ? start_ascii(text) : 0;
}

static void end(void *domain, uint64_t id)
{
	void (*end_domain)(void *, uint64_t);
	void (*end_core)(uint64_t);

	slot_get(CORE2, 3, &end_domain);
	slot_get(CORE, 7, &end_core);
	if (domain && end_domain)
		end_domain(domain, id);
	if (!domain && end_core)
		end_core(id);
}

static void name_thread(uint32_t tid, const char *name)
{
	void (*name_ascii)(uint32_t, const char *);

	slot_get(CORE, 14, &name_ascii);
	if (name_ascii)
		name_ascii(tid, name);
}

static void name_stream(void *stream, const char *name)
{
	void (*name_ascii)(void *, const char *);

	slot_get(CUDART, 3, &name_ascii);
	if (name_ascii)
		name_ascii(stream, name);
}

static void name_category(void *domain, uint32_t id, const char *name)
{
	void (*name_domain)(void *, uint32_t, const char *);
	void (*name_core)(uint32_t, const char *);

	slot_get(CORE2, 8, &name_domain);
	slot_get(CORE, 12, &name_core);
	if (domain && name_domain)
		name_domain(domain, id, name);
	if (!domain && name_core)
		name_core(id, name);
}

static uint64_t schema_register(void *domain, const struct rig_nvtx_schema *schema)
{
	uint64_t (*register_schema)(void *, const void *);

	payload_slot_get(0, &register_schema);
	return register_schema ? register_schema(domain, schema) : 0;
}

static uint64_t enum_register(void *domain, const struct rig_nvtx_enum *values)
{
	uint64_t (*register_enum)(void *, const void *);

	payload_slot_get(1, &register_enum);
	return register_enum ? register_enum(domain, values) : 0;
}

static int pop_payload(void *domain, const struct rig_nvtx_payload *data, size_t count)
{
	int (*pop_with)(void *, const void *, size_t);

	payload_slot_get(4, &pop_with);
	return pop_with ? pop_with(domain, data, count) : -2;
}

const struct rig_nvtx rig_nvtx_own = {
	.name = "own", .domain_create = domain_create, .string_register = string_register,
	.push = push, .push_text = push_text, .pop = pop, .mark = mark, .mark_text = mark_text,
	.start = start, .start_text = start_text, .end = end, .name_thread = name_thread,
	.name_category = name_category, .name_stream = name_stream,
	.schema_register = schema_register, .enum_register = enum_register,
	.pop_payload = pop_payload,
};

const struct rig_nvtx *rig_nvtx_select(bool is_program)
{
	const char *choice = getenv("RIG_NVTX");

	if (is_program && choice && !strcmp(choice, "v2")) {
		is_v2 = true;
		return &rig_nvtx_own;
	}
#ifdef RIG_HAVE_NVTX
	if (!choice || strcmp(choice, "own"))
		return &rig_nvtx_real;
#endif
	return &rig_nvtx_own;
}
