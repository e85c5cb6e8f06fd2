/* SPDX-License-Identifier: MIT */
/*
 * The probe's NVTX and NCCL half: writes what arrives, with the time that clock_gettime tells.
 * Handles are small integers; layouts are read at offsets of its own.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "probe.h"

static long long now(void)
{
	struct timespec stamp;

	clock_gettime(CLOCK_REALTIME, &stamp);
	return (long long)stamp.tv_sec * 1000000000 + stamp.tv_nsec;
}

/* Names behind the handles that were given out; 1-based. */
static const char *names[4096];
static uintptr_t name_count;

static void *name_keep(const char *name)
{
	if (name_count + 1 < sizeof(names) / sizeof(names[0]))
		names[++name_count] = strdup(name);
	return (void *)name_count;
}

static const char *name_of(const void *handle)
{
	uintptr_t index = (uintptr_t)handle;

	return index && index <= name_count ? names[index] : "";
}

static void line(const char *what, const void *domain, const char *name)
{
	fprintf(probe_out(), "{\"kind\":\"%s\",\"at\":%lld", what, now());
	probe_text("domain", name_of(domain));
	probe_text("name", name);
}

static uint64_t field(const uint8_t *from, size_t offset, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, from + offset, size);
	return value;
}

static const void *pointer_at(const uint8_t *from, size_t offset)
{
	return (const void *)(uintptr_t)field(from, offset, 8);
}

static void payloads_write(const uint8_t *data, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		const uint8_t *payload = pointer_at(data + 24 * i, 16);

		fprintf(probe_out(),
			",\"schema\":%llu,\"size\":%llu,\"first\":%llu,\"second\":%llu",
			(unsigned long long)field(data + 24 * i, 0, 8),
			(unsigned long long)field(data + 24 * i, 8, 8),
			(unsigned long long)field(payload, 0, 8),
			(unsigned long long)field(payload, 8, 8));
	}
}

static void attributes_line(const char *what, const void *domain, const uint8_t *attributes)
{
	uint32_t message_type = (uint32_t)field(attributes, 32, 4);
	const void *message = pointer_at(attributes, 40);
	const char *name = message_type == 3 ? name_of(message) : message_type == 1 ? message : "";

	line(what, domain, name);
	fprintf(probe_out(), ",\"category\":%u,\"color\":%u,\"payload_type\":%u,\"payload\":%llu",
		(unsigned)field(attributes, 4, 4), (unsigned)field(attributes, 12, 4),
		(unsigned)field(attributes, 16, 4), (unsigned long long)field(attributes, 24, 8));
	if ((uint32_t)field(attributes, 16, 4) == 0xDFBD0009u)
		payloads_write(pointer_at(attributes, 24), field(attributes, 20, 4));
}

static int domain_push(void *domain, const uint8_t *attributes)
{
	probe_line_begin();
	attributes_line("push", domain, attributes);
	probe_line_end();
	return 0;
}

static int push(const uint8_t *attributes)
{
	return domain_push(NULL, attributes);
}

static int push_text(const char *text)
{
	probe_line_begin();
	line("push", NULL, text);
	probe_line_end();
	return 0;
}

static int domain_pop(void *domain)
{
	probe_line_begin();
	line("pop", domain, "");
	probe_line_end();
	return 0;
}

static int pop(void)
{
	return domain_pop(NULL);
}

static void domain_mark(void *domain, const uint8_t *attributes)
{
	probe_line_begin();
	attributes_line("mark", domain, attributes);
	probe_line_end();
}

static void mark(const uint8_t *attributes)
{
	domain_mark(NULL, attributes);
}

static void mark_text(const char *text)
{
	probe_line_begin();
	line("mark", NULL, text);
	probe_line_end();
}

static uint64_t domain_start(void *domain, const uint8_t *attributes)
{
	static uint64_t ranges;

	probe_line_begin();
	attributes_line("rstart", domain, attributes);
	probe_line_end();
	return ++ranges;
}

static uint64_t start(const uint8_t *attributes)
{
	return domain_start(NULL, attributes);
}

static uint64_t start_text(const char *text)
{
	probe_line_begin();
	line("rstart", NULL, text);
	probe_line_end();
	return 1u << 20;
}

static void domain_end(void *domain, uint64_t id)
{
	(void)id;
	probe_line_begin();
	line("rend", domain, "");
	probe_line_end();
}

static void end(uint64_t id)
{
	domain_end(NULL, id);
}

static void *domain_create(const char *name)
{
	return name_keep(name);
}

static void *string_register(void *domain, const char *text)
{
	(void)domain;
	return name_keep(text);
}

static uint64_t schema_register(void *domain, const uint8_t *attributes)
{
	static uint64_t ids = 1ull << 32;
	uint64_t mask = field(attributes, 0, 8);

	probe_line_begin();
	line("schema", domain, mask & 2 ? pointer_at(attributes, 8) : "");
	fprintf(probe_out(), ",\"entries\":%llu", (unsigned long long)field(attributes, 40, 8));
	probe_line_end();
	return mask & 0x100 ? field(attributes, 64, 8) : ++ids;
}

static uint64_t enum_register(void *domain, const uint8_t *attributes)
{
	static uint64_t ids = 1ull << 33;

	(void)domain;
	return field(attributes, 0, 8) & 0x20 ? field(attributes, 40, 8) : ++ids;
}

static int pop_payload(void *domain, const uint8_t *data, size_t count)
{
	probe_line_begin();
	line("pop", domain, "");
	payloads_write(data, count);
	probe_line_end();
	return 0;
}

typedef void (*slot_function)(void);

struct callbacks_table {
	size_t size;
	int (*get_module_table)(uint32_t module, slot_function ***table, unsigned *count);
};

#define SET(slots, count, id, function) \
	do { \
		if ((id) < (count)) \
			*(slots)[id] = (slot_function)(function); \
	} while (0)

EXPORT int InitializeInjectionNvtx2(const void *(*get_export_table)(uint32_t));
EXPORT int InitializeInjectionNvtx2(const void *(*get_export_table)(uint32_t))
{
	const struct callbacks_table *callbacks = get_export_table(1);
	slot_function **slots = NULL;
	unsigned count = 0;

	if (!getenv("RIG_PROBE_OUT") || !callbacks ||
	    !callbacks->get_module_table(1, &slots, &count))
		return 0;
	SET(slots, count, 1, mark);
	SET(slots, count, 2, mark_text);
	SET(slots, count, 4, start);
	SET(slots, count, 5, start_text);
	SET(slots, count, 7, end);
	SET(slots, count, 8, push);
	SET(slots, count, 9, push_text);
	SET(slots, count, 11, pop);
	if (!callbacks->get_module_table(5, &slots, &count))
		return 0;
	SET(slots, count, 1, domain_mark);
	SET(slots, count, 2, domain_start);
	SET(slots, count, 3, domain_end);
	SET(slots, count, 4, domain_push);
	SET(slots, count, 5, domain_pop);
	SET(slots, count, 10, string_register);
	SET(slots, count, 12, domain_create);
	return 1;
}

struct segment {
	size_t id, slot_count;
	intptr_t *slots;
};

EXPORT int InitializeInjectionNvtxExtension(const uint8_t *module);
EXPORT int InitializeInjectionNvtxExtension(const uint8_t *module)
{
	const struct segment *segment = pointer_at(module, 16);

	if (field(module, 4, 2) != 2)
		return 1;
	if (segment->slot_count > 4) {
		segment->slots[0] = (intptr_t)schema_register;
		segment->slots[1] = (intptr_t)enum_register;
		segment->slots[4] = (intptr_t)pop_payload;
	}
	return 1;
}

/* NCCL: where a version keeps what is written here. */
struct offsets {
	int version, type_size, sequence, func, count, dtype;
	bool has_enums;
};

static int nccl_init(const struct offsets *offsets, void **context, int *mask, uint64_t hash,
		     int ranks, int rank)
{
	*context = (void *)(uintptr_t)(1000 + rank);
	*mask = 0xfff;
	probe_line_begin();
	line("nccl_init", NULL, "");
	fprintf(probe_out(), ",\"version\":%d,\"hash\":%llu,\"ranks\":%d,\"rank\":%d",
		offsets->version, (unsigned long long)hash, ranks, rank);
	probe_line_end();
	return 0;
}

static int nccl_start(const struct offsets *at, void **handle, const uint8_t *d)
{
	static uintptr_t handles;
	uint64_t type = field(d, 0, (size_t)at->type_size);
	bool is_coll = type == 2;

	probe_line_begin();
	line("nccl_start", NULL, is_coll && !at->has_enums ? pointer_at(d, (size_t)at->func) : "");
	fprintf(probe_out(), ",\"type\":%llu,\"rank\":%d,\"handle\":%llu", (unsigned long long)type,
		(int)field(d, 16, 4), (unsigned long long)handles + 1);
	if (is_coll)
		fprintf(probe_out(), ",\"seq\":%llu,\"count\":%llu",
			(unsigned long long)field(d, (size_t)at->sequence, 8),
			(unsigned long long)field(d, (size_t)at->count, 8));
	if (is_coll && !at->has_enums)
		probe_text("dtype", pointer_at(d, (size_t)at->dtype));
	*handle = (void *)++handles;
	probe_line_end();
	return 0;
}

static int nccl_stop(void *handle)
{
	probe_line_begin();
	line("nccl_stop", NULL, "");
	fprintf(probe_out(), ",\"handle\":%llu", (unsigned long long)(uintptr_t)handle);
	probe_line_end();
	return 0;
}

static int nccl_state(void *handle, int state, void *arguments)
{
	(void)arguments;
	probe_line_begin();
	line("nccl_state", NULL, "");
	fprintf(probe_out(), ",\"handle\":%llu,\"state\":%d",
		(unsigned long long)(uintptr_t)handle, state);
	probe_line_end();
	return 0;
}

static int nccl_finalize(void *context)
{
	probe_line_begin();
	line("nccl_finalize", NULL, "");
	fprintf(probe_out(), ",\"context\":%llu", (unsigned long long)(uintptr_t)context);
	probe_line_end();
	return 0;
}

typedef void (*logger_function)(int, unsigned long, const char *, int, const char *, ...);

/* A version's plugin: its offsets, its start, and the struct with the init of its form. */
#define PLUGIN(n, type_size, sequence, func, count, dtype, has_enums) \
	static const struct offsets at##n = { n, type_size, sequence, func, count, dtype, \
		has_enums }; \
	static int start##n(void *context, void **handle, void *d) \
	{ \
		(void)context; \
		return nccl_start(&at##n, handle, d); \
	} \
	extern const struct plugin##n ncclProfiler_v##n; \
	EXPORT const struct plugin##n ncclProfiler_v##n = { \
		"probe", init##n, start##n, nccl_stop, nccl_state, nccl_finalize }

#define PLUGIN_STRUCT(n, ...) \
	struct plugin##n { \
		const char *name; \
		int (*init)(__VA_ARGS__); \
		int (*start)(void *, void **, void *); \
		int (*stop)(void *); \
		int (*state)(void *, int, void *); \
		int (*finalize)(void *); \
	}

#define OLD(n) \
	PLUGIN_STRUCT(n, void **, int *); \
	static const struct offsets at##n; \
	static int init##n(void **context, int *mask) \
	{ \
		return nccl_init(&at##n, context, mask, 0, 0, 0); \
	} struct plugin##n
#define NEW(n) \
	PLUGIN_STRUCT(n, void **, uint64_t, int *, const char *, int, int, int, logger_function); \
	static const struct offsets at##n; \
	static int init##n(void **context, uint64_t hash, int *mask, const char *name, int nodes, \
			   int ranks, int rank, logger_function logger) \
	{ \
		(void)name; \
		(void)nodes; \
		(void)logger; \
		return nccl_init(&at##n, context, mask, hash, ranks, rank); \
	} struct plugin##n

OLD(1);
OLD(2);
OLD(3);
NEW(5);
NEW(6);
NEW(7);
PLUGIN_STRUCT(4, void **, int *, const char *, uint64_t, int, int, int, logger_function);
static const struct offsets at4;
static int init4(void **context, int *mask, const char *name, uint64_t hash, int nodes, int ranks,
		 int rank, logger_function logger)
{
	(void)name;
	(void)nodes;
	(void)logger;
	return nccl_init(&at4, context, mask, hash, ranks, rank);
}

PLUGIN(1, 1, 40, 48, 72, 84, true);
PLUGIN(2, 1, 40, 48, 72, 88, false);
PLUGIN(3, 1, 40, 48, 72, 88, false);
PLUGIN(4, 1, 24, 32, 56, 72, false);
PLUGIN(5, 8, 24, 32, 56, 72, false);
PLUGIN(6, 8, 24, 32, 56, 72, false);
PLUGIN(7, 8, 24, 32, 56, 72, false);
