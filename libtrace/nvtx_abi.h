/* SPDX-License-Identifier: MIT */
/*
 * What NVTX shares with a tool, in our own declarations: export tables, callback ids, event
 * attributes, the payload extension. The same for NVTX v2 (libnvToolsExt.so.1) and v3 (header-
 * only). Where the toolkit is installed, tests/layout compares all of it with NVIDIA's headers.
 *
 * Thread: declarations only.
 */
#ifndef LIBTRACE_NVTX_ABI_H
#define LIBTRACE_NVTX_ABI_H

#include <stddef.h>
#include <stdint.h>

enum nvtx_export_table { NVTX_EXPORT_CALLBACKS = 1 };

typedef void (*nvtx_function)(void);
typedef const void *(*nvtx_get_export_table)(uint32_t table);

struct nvtx_callbacks_table {
	size_t struct_size;
	/* 1: fine. `table` gets an array of `count` pointers to function pointers. */
	int (*get_module_table)(int module, nvtx_function ***table, unsigned *count);
};

enum nvtx_module {
	NVTX_MODULE_CORE = 1, NVTX_MODULE_CUDA = 2, NVTX_MODULE_CUDART = 4, NVTX_MODULE_CORE2 = 5,
};

enum nvtx_core_callback {
	NVTX_MARK_EX = 1,
	NVTX_MARK_A,
	NVTX_MARK_W,
	NVTX_RANGE_START_EX,
	NVTX_RANGE_START_A,
	NVTX_RANGE_START_W,
	NVTX_RANGE_END,
	NVTX_RANGE_PUSH_EX,
	NVTX_RANGE_PUSH_A,
	NVTX_RANGE_PUSH_W,
	NVTX_RANGE_POP,
	NVTX_NAME_CATEGORY_A,
	NVTX_NAME_CATEGORY_W,
	NVTX_NAME_OS_THREAD_A,
	NVTX_NAME_OS_THREAD_W,
	NVTX_CORE_COUNT,
};

enum nvtx_core2_callback {
	NVTX_DOMAIN_MARK_EX = 1, NVTX_DOMAIN_RANGE_START_EX, NVTX_DOMAIN_RANGE_END,
	NVTX_DOMAIN_RANGE_PUSH_EX, NVTX_DOMAIN_RANGE_POP, NVTX_DOMAIN_RESOURCE_CREATE,
	NVTX_DOMAIN_RESOURCE_DESTROY, NVTX_DOMAIN_NAME_CATEGORY_A, NVTX_DOMAIN_NAME_CATEGORY_W,
	NVTX_DOMAIN_REGISTER_STRING_A, NVTX_DOMAIN_REGISTER_STRING_W, NVTX_DOMAIN_CREATE_A,
	NVTX_DOMAIN_CREATE_W, NVTX_DOMAIN_DESTROY, NVTX_INITIALIZE, NVTX_CORE2_COUNT,
};

enum nvtx_cuda_callback {
	NVTX_NAME_CU_DEVICE_A = 1, NVTX_NAME_CU_DEVICE_W, NVTX_NAME_CU_CONTEXT_A,
	NVTX_NAME_CU_CONTEXT_W, NVTX_NAME_CU_STREAM_A, NVTX_NAME_CU_STREAM_W, NVTX_NAME_CU_EVENT_A,
	NVTX_NAME_CU_EVENT_W, NVTX_CUDA_COUNT,
};

enum nvtx_cudart_callback {
	NVTX_NAME_CUDA_DEVICE_A = 1, NVTX_NAME_CUDA_DEVICE_W, NVTX_NAME_CUDA_STREAM_A,
	NVTX_NAME_CUDA_STREAM_W, NVTX_NAME_CUDA_EVENT_A, NVTX_NAME_CUDA_EVENT_W, NVTX_CUDART_COUNT,
};

enum nvtx_message_type {
	NVTX_MESSAGE_NONE,
	NVTX_MESSAGE_ASCII,
	NVTX_MESSAGE_WIDE,
	NVTX_MESSAGE_REGISTERED
};

enum { NVTX_COLOR_TYPE_ARGB = 1 };

/* Types of the 8-byte payload of an event; EXTENSION as an int32_t. */
enum nvtx_payload_type {
	NVTX_PAYLOAD_NONE,
	NVTX_PAYLOAD_U64,
	NVTX_PAYLOAD_I64,
	NVTX_PAYLOAD_DOUBLE,
	NVTX_PAYLOAD_U32,
	NVTX_PAYLOAD_I32,
	NVTX_PAYLOAD_FLOAT,
};
#define NVTX_PAYLOAD_EXTENSION UINT32_C(0xDFBD0009)

struct nvtx_event_attributes {
	uint16_t version;
	uint16_t size;		/* what the caller's struct has */
	uint32_t category;
	int32_t color_type;
	uint32_t color;
	int32_t payload_type;
	int32_t payload_count;	/* of the extension; reserved0 in the vendor's header */
	uint64_t payload;	/* value, or address of struct nvtx_payload_data[payload_count] */
	int32_t message_type;
	int32_t reserved;
	uint64_t message;	/* address or handle */
};

/* The payload extension. */

struct nvtx_extension_segment {
	size_t segment_id;
	size_t slot_count;
	intptr_t *slots;
};

struct nvtx_extension_module {
	uint16_t nvtx_version;
	uint16_t struct_size;
	uint16_t module_id;
	uint16_t compatibility_id;
	size_t segment_count;
	struct nvtx_extension_segment *segments;
	intptr_t (*get_export_function)(uint32_t function);
	const void *extension_info;
};

enum { NVTX_EXTENSION_PAYLOAD = 2 };

enum nvtx_payload_slot {
	NVTX_SLOT_SCHEMA_REGISTER, NVTX_SLOT_ENUM_REGISTER, NVTX_SLOT_MARK_PAYLOAD,
	NVTX_SLOT_RANGE_PUSH_PAYLOAD, NVTX_SLOT_RANGE_POP_PAYLOAD, NVTX_SLOT_RANGE_START_PAYLOAD,
	NVTX_SLOT_RANGE_END_PAYLOAD, NVTX_SLOT_DOMAIN_IS_ENABLED, NVTX_SLOT_TIMESTAMP_GET,
	NVTX_SLOT_TIME_DOMAIN_REGISTER, NVTX_SLOT_TIMER_SOURCE, NVTX_SLOT_TIMER_SOURCE_WITH_DATA,
	NVTX_SLOT_SCOPE_REGISTER,
};

struct nvtx_payload_data {
	uint64_t schema_id;
	size_t size;		/* SIZE_MAX: the tool shall find out */
	const void *payload;	/* valid during the call only */
};

enum {
	NVTX_SCHEMA_HAS_NAME = 1 << 1,
	NVTX_SCHEMA_HAS_TYPE = 1 << 2,
	NVTX_SCHEMA_HAS_FLAGS = 1 << 3,
	NVTX_SCHEMA_HAS_ENTRIES = 1 << 4,
	NVTX_SCHEMA_HAS_COUNT = 1 << 5,
	NVTX_SCHEMA_HAS_SIZE = 1 << 6,
	NVTX_SCHEMA_HAS_ALIGNMENT = 1 << 7,
	NVTX_SCHEMA_HAS_ID = 1 << 8,
};

enum nvtx_schema_type {
	NVTX_SCHEMA_STATIC = 1, NVTX_SCHEMA_DYNAMIC = 2, NVTX_SCHEMA_UNION = 3,
	NVTX_SCHEMA_UNION_WITH_SELECTOR = 4,
};

struct nvtx_schema_entry {
	uint64_t flags;
	uint64_t type;		/* enum nvtx_entry_type, or the id of a schema or enum */
	const char *name;
	const char *description;
	uint64_t detail;	/* length of an array or string, index of the entry that holds it */
	uint64_t offset;	/* 0: from natural alignment */
	const void *semantics;
	const void *reserved;
};

/* The vendor's struct has one more member since 2023; nobody sets it. */
struct nvtx_schema_attributes {
	uint64_t field_mask;
	const char *name;
	uint64_t type;
	uint64_t flags;
	const struct nvtx_schema_entry *entries;
	size_t entry_count;
	size_t static_size;
	size_t pack_alignment;
	uint64_t schema_id;
};

enum {
	NVTX_ENUM_HAS_NAME = 1 << 1, NVTX_ENUM_HAS_ENTRIES = 1 << 2, NVTX_ENUM_HAS_COUNT = 1 << 3,
	NVTX_ENUM_HAS_SIZE = 1 << 4, NVTX_ENUM_HAS_ID = 1 << 5,
};

struct nvtx_enum_entry {
	const char *name;
	uint64_t value;
	int8_t is_flag;
};

struct nvtx_enum_attributes {
	uint64_t field_mask;
	const char *name;
	const struct nvtx_enum_entry *entries;
	size_t entry_count;
	size_t size;
	uint64_t schema_id;
};

enum {
	NVTX_ENTRY_POINTER = 1 << 1, NVTX_ENTRY_OFFSET_FROM_BASE = 1 << 2,
	NVTX_ENTRY_OFFSET_FROM_HERE = 1 << 3,
	NVTX_ENTRY_ARRAY_MASK = 7 << 4, NVTX_ENTRY_ARRAY_FIXED = 1 << 4,
	NVTX_ENTRY_ARRAY_TERMINATED = 2 << 4, NVTX_ENTRY_ARRAY_LENGTH_INDEX = 3 << 4,
	NVTX_ENTRY_ARRAY_LENGTH_PAYLOAD = 4 << 4,
	NVTX_ENTRY_DEEP_COPY = 1 << 8, NVTX_ENTRY_HIDE = 1 << 9,
	NVTX_ENTRY_EVENT_MASK = 3 << 10, NVTX_ENTRY_EVENT_MESSAGE = 1 << 10,
};

enum nvtx_entry_type {
	NVTX_TYPE_CHAR = 1, NVTX_TYPE_UCHAR, NVTX_TYPE_SHORT, NVTX_TYPE_USHORT, NVTX_TYPE_INT,
	NVTX_TYPE_UINT, NVTX_TYPE_LONG, NVTX_TYPE_ULONG, NVTX_TYPE_LONGLONG, NVTX_TYPE_ULONGLONG,
	NVTX_TYPE_I8, NVTX_TYPE_U8, NVTX_TYPE_I16, NVTX_TYPE_U16, NVTX_TYPE_I32, NVTX_TYPE_U32,
	NVTX_TYPE_I64, NVTX_TYPE_U64, NVTX_TYPE_FLOAT, NVTX_TYPE_DOUBLE, NVTX_TYPE_LONG_DOUBLE,
	NVTX_TYPE_SIZE, NVTX_TYPE_ADDRESS, NVTX_TYPE_WCHAR, NVTX_TYPE_CHAR8, NVTX_TYPE_CHAR16,
	NVTX_TYPE_CHAR32,
	NVTX_TYPE_BYTE = 32, NVTX_TYPE_I128 = 33, NVTX_TYPE_U128 = 34,
	NVTX_TYPE_F16 = 42, NVTX_TYPE_F32 = 43, NVTX_TYPE_F64 = 44, NVTX_TYPE_F128 = 45,
	NVTX_TYPE_BF16 = 50, NVTX_TYPE_TF32 = 52,
	NVTX_TYPE_CATEGORY = 68, NVTX_TYPE_COLOR = 69, NVTX_TYPE_SCOPE = 70, NVTX_TYPE_PID32 = 71,
	NVTX_TYPE_PID64 = 72, NVTX_TYPE_TID32 = 73, NVTX_TYPE_TID64 = 74,
	NVTX_TYPE_CSTRING = 75, NVTX_TYPE_CSTRING_UTF8 = 76, NVTX_TYPE_CSTRING_UTF16 = 77,
	NVTX_TYPE_CSTRING_UTF32 = 78, NVTX_TYPE_REGISTERED_STRING = 80, NVTX_TYPE_SELECTOR = 100,
	NVTX_TYPE_REFERENCED = 1022, NVTX_TYPE_RAW = 1023,
};

/* Ids the program chooses begin here, ids the tool hands out there. */
#define NVTX_SCHEMA_ID_STATIC (UINT64_C(1) << 24)
#define NVTX_SCHEMA_ID_DYNAMIC (UINT64_C(1) << 32)

_Static_assert(sizeof(struct nvtx_event_attributes) == 48, "ABI");
_Static_assert(sizeof(struct nvtx_extension_module) == 40, "ABI");
_Static_assert(sizeof(struct nvtx_schema_entry) == 64, "ABI");
_Static_assert(sizeof(struct nvtx_schema_attributes) == 72, "ABI");
_Static_assert(sizeof(struct nvtx_enum_entry) == 24, "ABI");
_Static_assert(offsetof(struct nvtx_enum_attributes, schema_id) == 40, "ABI");

#endif
