/* SPDX-License-Identifier: MIT */
/*
 * The event tables of a Nsight Systems export: one walk that leads each row to its process and
 * checks its times, and a function per table that writes it.
 *
 * Thread: the import's.
 */
#ifndef TRACEDB_IMPORT_NSYS_ROWS_H
#define TRACEDB_IMPORT_NSYS_ROWS_H

#include "tracedb/import_nsys_process.h"

enum nsys_times {
	NSYS_TIMES_RANGE,	/* start and end */
	NSYS_TIMES_OPEN,	/* the end may be missing */
	NSYS_TIMES_INSTANT,	/* start only */
	NSYS_TIMES_OPTIONAL,	/* start, which may be missing */
};

/* The first three columns of every table. */
enum { NSYS_COLUMN_OWNER, NSYS_COLUMN_START, NSYS_COLUMN_END, NSYS_COLUMN_OWN };

struct nsys_row {
	const struct nsys_table *table;
	const struct nsys_cursor *cursor;
	struct nsys_process *process;
	int64_t owner;		/* globalPid or globalTid */
	bool has_owner;
	bool has_start, has_end;
	int64_t start_ns, duration_ns;
};

typedef bool (*nsys_put)(struct nsys_import *import, const struct nsys_row *row,
			 struct error *error);

struct nsys_table {
	struct nsys_select
		select; /* its columns begin with owner, start, end ("" where there is none) */
	enum nsys_times times;
	nsys_put put;
	bool is_second_look; /* its rows are walked once more elsewhere: count no rejected ones */
};

/* Walks one table. */
bool nsys_import_table(struct nsys_import *import, const struct nsys_table *table,
		       struct error *error);

/* Walks all tables but NVTX_EVENTS. */
bool nsys_import_rows(struct nsys_import *import, struct error *error);

/*
 * Tables that take part, NVTX_EVENTS included: what else is in the file is counted as not taken
 * over.
 */
bool nsys_is_imported_table(const char *name);

/*
 * The tables of import_nsys_gpu.c, whose rows make a process worth a database, and
 * import_nsys_host.c.
 */
enum { NSYS_GPU_TABLE_COUNT = 4, NSYS_HOST_TABLE_COUNT = 6 };
extern const struct nsys_table nsys_gpu_tables[NSYS_GPU_TABLE_COUNT];
extern const struct nsys_table nsys_host_tables[NSYS_HOST_TABLE_COUNT];

#define NSYS_COLUMNS(names) .columns = (names), .column_count = sizeof (names) / sizeof (names)[0]

enum {
	NSYS_DEVICE_MAX = 65535, /* no machine has more; a row with such a device is refused */
	NSYS_NO_ID = -1,
};

/* Counts a row that is not taken over. */
bool nsys_row_reject(struct nsys_import *import, const struct nsys_row *row, const char *reason,
		     struct error *error);

static inline int64_t nsys_row_integer(const struct nsys_row *row, int column, int64_t fallback)
{
	return nsys_cursor_integer_or(row->cursor, column, fallback);
}

/* Ids that are 32 bits wide in CUPTI: all bits set means none. */
static inline int64_t nsys_id_32(int64_t id)
{
	return id == INT64_C(0xffffffff) ? NSYS_NO_ID : id;
}

/*
 * enum memory_kind of ENUM_CUDA_MEM_KIND, which begins at pageable instead of unknown; both end
 * alike.
 */
static inline int64_t nsys_memory_kind(int64_t kind)
{
	return kind >= 0 && kind < 7 ? kind + 1 : 0;
}

#endif
