/* SPDX-License-Identifier: MIT */
/*
 * What programs define through NVTX once and mention later: domains, registered strings, names of
 * categories, threads and CUDA objects, payload schemas and enums. Kept apart from the event logs,
 * for a definition made before recording began, or that a full log would have lost, must be known
 * to every later event.
 *
 * Thread: define and find on any thread, at the same time. Definitions are permanent and bounded.
 */
#ifndef LIBTRACE_NVTX_DEFINITIONS_H
#define LIBTRACE_NVTX_DEFINITIONS_H

#include "libtrace/nvtx_abi.h"
#include "libtrace/nvtx_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nvtx_definition_kind {
	NVTX_DEFINED_DOMAIN = 1, NVTX_DEFINED_STRING, NVTX_DEFINED_CATEGORY, NVTX_DEFINED_THREAD,
	NVTX_DEFINED_DEVICE, NVTX_DEFINED_STREAM, NVTX_DEFINED_OBJECT, NVTX_DEFINED_SCHEMA,
};

enum {
	NVTX_NAME_BYTES_MAX = 4096,
	NVTX_SCHEMA_ENTRIES_MAX = 256,
	NVTX_ENTRY_NAME_BYTES_MAX = 200,
};

/* The id of a stream is CUPTI's context id << 32 | stream id, or that. */
#define NVTX_STREAM_UNKNOWN UINT64_MAX

/* Head of every definition. */
struct nvtx_definition {
	enum nvtx_definition_kind kind;
	uint32_t domain;	/* index of its domain's definition, 0: the default domain */
};

struct nvtx_name {
	struct nvtx_definition head;
	uint64_t id; /* category, thread id, device ordinal; 0 for domains and strings */
	size_t length;
	bool is_cut;
	char text[];		/* UTF-8, terminated */
};

/* A member of a schema, or an enumerator. */
struct nvtx_schema_field {
	uint64_t flags;		/* enumerators: 1 if it is a flag */
	uint64_t type;
	uint64_t detail;	/* enumerators: the value */
	uint64_t offset;
	uint32_t name_at;	/* from the begin of the schema, 0: unnamed */
};

struct nvtx_schema {
	struct nvtx_definition head;
	bool is_enum;
	bool has_deep_copies; /* some entry points to memory that must be copied during the call */
	uint64_t id;
	int64_t registered_ns;
	uintptr_t object_begin; /* the registering library, in the default domain only: ids are per
				   library */
	uintptr_t object_end;
	struct nvtx_schema *next;	/* older one of the same hash */
	uint64_t type;
	size_t static_size;	/* of an enum: its size */
	size_t pack_alignment;
	size_t alignment;	/* of its strictest member */
	size_t field_count;
	struct nvtx_schema_field fields[];
};

/* Which schema an event means. */
struct nvtx_schema_scope {
	uint32_t domain;
	uintptr_t caller;	/* an address in the calling library, 0 if unknown */
	int64_t time_ns;	/* of the event: ids may be registered anew */
};

/* Index of the definition, 0 when the bounds are reached (counted). */
uint32_t nvtx_define_name(enum nvtx_definition_kind kind, uint32_t domain, uint64_t id,
			  const struct nvtx_text *text);

/* The id of the schema or enum: the program's own or a new one. 0: refused (counted). */
uint64_t nvtx_define_schema(const struct nvtx_schema_scope *scope,
			    const struct nvtx_schema_attributes *attributes);
uint64_t nvtx_define_enum(const struct nvtx_schema_scope *scope,
			  const struct nvtx_enum_attributes *attributes);

/* NULL: no such definition (yet). Indexes count from 1 without a gap. */
const struct nvtx_definition *nvtx_definition_at(uint64_t index);
const struct nvtx_name *nvtx_name_at(uint64_t index, enum nvtx_definition_kind kind);
const struct nvtx_schema *nvtx_schema_find(const struct nvtx_schema_scope *scope, uint64_t id);
const char *nvtx_field_name(const struct nvtx_schema *schema,
			    const struct nvtx_schema_field *field);

/* Definitions refused for want of room since the process began. */
uint64_t nvtx_definitions_refused(void);

/* Some schema wants memory behind pointers copied: only then must a producer look schemas up. */
bool nvtx_definitions_have_deep_copies(void);

#endif
