/* SPDX-License-Identifier: MIT */
/*
 * One NVTX instance of a shared object, behind a table of functions: nvtx_real.c uses NVIDIA's
 * headers where a toolkit was found at build time, nvtx_own.c plays the header's side of the
 * protocol itself. Compiled into each object that pushes ranges, since every real object has an
 * instance of its own, too.
 * Thread: any.
 */
#ifndef RIG_NVTX_H
#define RIG_NVTX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RIG_PAYLOAD_NONE = 0, RIG_PAYLOAD_U64, RIG_PAYLOAD_I64, RIG_PAYLOAD_F64, RIG_PAYLOAD_U32,
	RIG_PAYLOAD_I32, RIG_PAYLOAD_F32 };
#define RIG_PAYLOAD_EXTENSION ((int32_t)0xDFBD0009)
enum { RIG_MESSAGE_NONE = 0, RIG_MESSAGE_ASCII, RIG_MESSAGE_WIDE, RIG_MESSAGE_REGISTERED };

union rig_nvtx_value {
	uint64_t u64;
	int64_t i64;
	double f64;
	uint32_t u32;
	int32_t i32;
	float f32;
};

struct rig_nvtx_attributes {
	uint16_t version, size;
	uint32_t category;
	int32_t color_type;
	uint32_t color;
	int32_t payload_type, reserved;
	union rig_nvtx_value payload;
	int32_t message_type;
	const void *message;
};

struct rig_nvtx_payload {
	uint64_t schema;
	size_t size;
	const void *payload;
};

struct rig_nvtx_entry {
	uint64_t flags, type;
	const char *name, *description;
	uint64_t array_detail, offset;
	const void *semantics, *reserved;
};

enum {
	RIG_SCHEMA_NAME = 0x2,
	RIG_SCHEMA_TYPE = 0x4,
	RIG_SCHEMA_FLAGS = 0x8,
	RIG_SCHEMA_ENTRIES = 0x10,
	RIG_SCHEMA_COUNT = 0x20,
	RIG_SCHEMA_SIZE = 0x40,
	RIG_SCHEMA_ID = 0x100
};

struct rig_nvtx_schema {
	uint64_t mask;
	const char *name;
	uint64_t type, flags;
	const struct rig_nvtx_entry *entries;
	size_t entry_count, static_size, align;
	uint64_t id;
	void *extension;
};

struct rig_nvtx_enum_entry {
	const char *name;
	uint64_t value;
	int8_t is_flag;
};

enum { RIG_ENUM_NAME = 0x2, RIG_ENUM_ENTRIES = 0x4, RIG_ENUM_COUNT = 0x8, RIG_ENUM_SIZE = 0x10,
	RIG_ENUM_ID = 0x20 };

struct rig_nvtx_enum {
	uint64_t mask;
	const char *name;
	const struct rig_nvtx_enum_entry *entries;
	size_t entry_count, size;
	uint64_t id;
	void *extension;
};

/* A NULL domain is the default domain, through the old CORE calls as PyTorch uses them. */
struct rig_nvtx {
	const char *name;
	void *(*domain_create)(const char *name);
	void *(*string_register)(void *domain, const char *text);
	int (*push)(void *domain, const struct rig_nvtx_attributes *attributes);
	int (*push_text)(const char *text);	/* RangePushA */
	int (*pop)(void *domain);
	void (*mark)(void *domain, const struct rig_nvtx_attributes *attributes);
	void (*mark_text)(const char *text);
	uint64_t (*start)(void *domain, const struct rig_nvtx_attributes *attributes);
	uint64_t (*start_text)(const char *text);
	void (*end)(void *domain, uint64_t id);
	void (*name_thread)(uint32_t tid, const char *name);
	void (*name_stream)(void *stream, const char *name);	/* NULL: not with these headers */
	void (*name_category)(void *domain, uint32_t id, const char *name);
	uint64_t (*schema_register)(void *domain, const struct rig_nvtx_schema *schema);
	uint64_t (*enum_register)(void *domain, const struct rig_nvtx_enum *values);
	int (*pop_payload)(void *domain, const struct rig_nvtx_payload *data, size_t count);
};

extern const struct rig_nvtx rig_nvtx_own;
#ifdef RIG_HAVE_NVTX
extern const struct rig_nvtx rig_nvtx_real;
#endif

/*
 * By RIG_NVTX=real|own; without it the real headers where they were found. v2: the program itself
 * uses an emulation of the old shared library, libnvToolsExt, which has no payload extension; NCCL
 * has its own headers all the same.
 */
const struct rig_nvtx *rig_nvtx_select(bool is_program);

#endif
