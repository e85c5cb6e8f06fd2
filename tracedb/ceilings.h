/* SPDX-License-Identifier: MIT */
/*
 * The ceilings of one machine: row structs made from ceilings.def, a set of them in memory, and the
 * file they stand in. A set comes from a file or from the JSON of the program that measures
 * (ceilings_json.h); it is checked when it is made, so that a reader may index without asking.
 *
 * Thread: one thread fills a set; then any number read it.
 */
#ifndef TRACEDB_CEILINGS_H
#define TRACEDB_CEILINGS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "tracedb/tables.h"

#include <stdbool.h>

/* "lagc": PRAGMA application_id of every ceilings database. */
#define CEILINGS_APPLICATION_ID 0x6c616763
/* PRAGMA user_version: grows when ceilings.def changes. History in docs/SCHEMA.md. */
#define CEILINGS_VERSION 1

/* GPUs of one machine, one bit each in together_mask; the measurements are O(GPUs^2). */
enum { CEILINGS_GPUS_MAX = 62, CEILINGS_ITEMS_MAX = 100000 };

/* struct ceiling_row { const char *kind; ... } and so on for each table */
#define TABLE(table, doc) struct table##_row {
#define KEY(table, column, doc) int64_t column;
#define COLUMN(table, type, column, doc) ROW_TYPE_##type column;
#define END_TABLE(table) };
#include "tracedb/ceilings.def"
#undef TABLE
#undef KEY
#undef COLUMN
#undef END_TABLE

/* CEILINGS_calibration, ... CEILINGS_COUNT */
enum ceilings_table {
#define TABLE(table, doc) CEILINGS_##table,
#define KEY(table, column, doc)
#define COLUMN(table, type, column, doc)
#define END_TABLE(table)
#include "tracedb/ceilings.def"
#undef TABLE
#undef KEY
#undef COLUMN
#undef END_TABLE
	CEILINGS_COUNT
};

extern const struct database_layout ceilings_layout;

struct ceilings {
	struct arena *arena;		/* holds the texts */
	struct calibration_row calibration;
	struct calibrated_gpu_row *gpus;	/* by gpu_id, which is the index */
	size_t gpu_count;
	size_t gpu_room;
	struct ceiling_row *items;
	size_t item_count;
	size_t item_room;
};

/* Of what may stand in the column `kind`. */
enum ceiling_kind {
	CEILING_TO_DEVICE,
	CEILING_TO_HOST,
	CEILING_BOTH,
	CEILING_PEER,
	CEILING_DEVICE_COPY,
	CEILING_DEVICE_STREAM,
	CEILING_LAUNCH_CALL,
	CEILING_LAUNCH_TO_START,
	CEILING_LAUNCH_RATE,
	CEILING_ALL_REDUCE,
	CEILING_ALL_GATHER,
	CEILING_REDUCE_SCATTER,
	CEILING_KIND_COUNT
};

const char *ceiling_kind_name(enum ceiling_kind kind);
enum ceiling_kind ceiling_kind_of(const char *name);	/* CEILING_KIND_COUNT: unknown */
bool ceiling_kind_is_time(enum ceiling_kind kind);	/* of a launch: no bytes, no rate */

/* False: memory is short. */
bool ceilings_begin(struct ceilings *ceilings);
void ceilings_end(struct ceilings *ceilings);

/*
 * A copy in the arena, of one line and without control characters, for it is shown to people; NULL
 * where memory is short or the text is too long to be a name.
 */
const char *ceilings_keep_text(struct ceilings *ceilings, const char *text, size_t length);

/* Rows whose texts live as long as the set. False: memory is short. */
bool ceilings_add_gpu(struct ceilings *ceilings, const struct calibrated_gpu_row *row);
bool ceilings_add(struct ceilings *ceilings, const struct ceiling_row *row);

/* Does all of it make sense? `path` is what the error names. */
bool ceilings_check(const struct ceilings *ceilings, const char *path, struct error *error);

/* All or nothing; a file of ceilings of the same name is replaced, anything else is not. */
bool ceilings_write(const struct ceilings *ceilings, const char *path, struct error *error);

/* `ceilings` need not be begun; after a failure it holds nothing. */
bool ceilings_read(struct ceilings *ceilings, const char *path, struct error *error);

void ceilings_add_create(struct text *sql);
/* Its part of docs/SCHEMA.md */
void ceilings_add_markdown(struct text *markdown);

#endif
