/* SPDX-License-Identifier: MIT */
/*
 * The tables of a Nsight Systems export, schema 3.25, that are written here: names, columns and
 * their order, and the enumerations that explain the numbers.
 *
 * Thread: constant data.
 */
#ifndef TRACEDB_NSYS_SCHEMA_H
#define TRACEDB_NSYS_SCHEMA_H

#include <stddef.h>

/*
 * "lgns", PRAGMA application_id of the files that we write in this layout; the real tool leaves it
 * 0. Beside its traces such a file is a copy, not another trace.
 */
#define NSYS_OWN_ID 0x6c676e73
#define NSYS_OWN_ID_TEXT "0x6c676e73"

enum nsys_output_table {
	NSYS_STRINGS,
	NSYS_SYSTEM_ENV,
	NSYS_SESSION_START,
	NSYS_ANALYSIS_DETAILS,
	NSYS_GPU,
	NSYS_CUDA_DEVICE,
	NSYS_CUDA_CONTEXT,
	NSYS_CUDA_STREAM,
	NSYS_PROCESSES,
	NSYS_THREAD_NAMES,
	NSYS_KERNEL,
	NSYS_MEMCPY,
	NSYS_MEMSET,
	NSYS_GRAPH,
	NSYS_RUNTIME,
	NSYS_SYNCHRONIZATION,
	NSYS_CUDA_EVENT,
	NSYS_OVERHEAD,
	NSYS_MEMORY,
	NSYS_NVTX,
	NSYS_DIAGNOSTIC,
	NSYS_CAPTURE,
	NSYS_EXPORT,
	NSYS_TABLE_COUNT
};

enum { NSYS_COLUMNS_MAX = 48 };

/*
 * Columns stand one after the other, divided by spaces: "start!" is INTEGER NOT NULL, "text:T" is
 * TEXT, "doubleValue:R" is REAL, "id#" the primary key.
 */
struct nsys_schema_table {
	const char *name;
	const char *columns;
};

extern const struct nsys_schema_table nsys_schema[NSYS_TABLE_COUNT];

struct nsys_enum_value {
	int id;
	const char *name;
	const char *label;
};

struct nsys_enum {
	const char *table;
	const struct nsys_enum_value *values;
	size_t count;
};

/* Ends with a NULL table. */
extern const struct nsys_enum nsys_enums[];

/* ENUM_NSYS_EVENT_TYPE */
enum {
	NSYS_NVTX_CATEGORY = 33,
	NSYS_NVTX_MARK = 34,
	NSYS_NVTX_PUSH_POP = 59,
	NSYS_NVTX_START_END = 60,
	NSYS_NVTX_DOMAIN = 75,
};

/* ENUM_NSYS_EVENT_CLASS */
enum {
	NSYS_CLASS_RUNTIME = 0,
	NSYS_CLASS_DRIVER = 1,
	NSYS_CLASS_API = 26,
	NSYS_CLASS_OVERHEAD = 103,
};

#endif
