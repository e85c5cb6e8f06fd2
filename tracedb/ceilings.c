/* SPDX-License-Identifier: MIT */
#include "tracedb/ceilings.h"

#include "base/array.h"
#include "tracedb/schema.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES_MAX = 1024, ARENA_BYTES_MAX = 64 * 1024 * 1024 };

#define KIND_INTEGER COLUMN_TYPE_INTEGER
#define KIND_TEXT COLUMN_TYPE_TEXT

#define TABLE(table, doc) static const struct column_descriptor columns_of_##table[] = {
#define KEY(table, column, text) \
	{ #column, text, COLUMN_TYPE_INTEGER, 1, offsetof(struct table##_row, column) },
#define COLUMN(table, type, column, text) \
	{ #column, text, KIND_##type, 0, offsetof(struct table##_row, column) },
#define END_TABLE(table) };
#include "tracedb/ceilings.def"
#undef TABLE
#undef KEY
#undef COLUMN
#undef END_TABLE

static const struct table_descriptor ceilings_tables[CEILINGS_COUNT] = {
#define TABLE(table, text) \
	[CEILINGS_##table] = { #table, text, columns_of_##table, \
			       sizeof columns_of_##table / sizeof columns_of_##table[0], \
			       sizeof(struct table##_row) },
#define KEY(table, column, doc)
#define COLUMN(table, type, column, doc)
#define END_TABLE(table)
#include "tracedb/ceilings.def"
#undef TABLE
#undef KEY
#undef COLUMN
#undef END_TABLE
};

const struct database_layout ceilings_layout = {
	.name = "a file of ceilings",
	.application_id = CEILINGS_APPLICATION_ID,
	.version = CEILINGS_VERSION,
	.tables = ceilings_tables,
	.table_count = CEILINGS_COUNT,
};

static const char *const kind_names[CEILING_KIND_COUNT] = {
	[CEILING_TO_DEVICE] = "h2d",
	[CEILING_TO_HOST] = "d2h",
	[CEILING_BOTH] = "both",
	[CEILING_PEER] = "peer",
	[CEILING_DEVICE_COPY] = "device-copy",
	[CEILING_DEVICE_STREAM] = "device-stream",
	[CEILING_LAUNCH_CALL] = "launch-call",
	[CEILING_LAUNCH_TO_START] = "launch-to-start",
	[CEILING_LAUNCH_RATE] = "launch-rate",
	[CEILING_ALL_REDUCE] = "all-reduce",
	[CEILING_ALL_GATHER] = "all-gather",
	[CEILING_REDUCE_SCATTER] = "reduce-scatter",
};

const char *ceiling_kind_name(enum ceiling_kind kind)
{
	return kind_names[kind];
}

enum ceiling_kind ceiling_kind_of(const char *name)
{
	int kind = 0;
	while (kind < CEILING_KIND_COUNT && strcmp(kind_names[kind], name) != 0)
		kind++;
	return (enum ceiling_kind)kind;
}

bool ceiling_kind_is_time(enum ceiling_kind kind)
{
	return kind == CEILING_LAUNCH_CALL || kind == CEILING_LAUNCH_TO_START ||
	       kind == CEILING_LAUNCH_RATE;
}

bool ceilings_begin(struct ceilings *ceilings)
{
	*ceilings = (struct ceilings){ .arena = arena_create(ARENA_BYTES_MAX) };
	return ceilings->arena != NULL;
}

void ceilings_end(struct ceilings *ceilings)
{
	if (ceilings->arena != NULL)
		arena_close(ceilings->arena);
	free(ceilings->gpus);
	free(ceilings->items);
	*ceilings = (struct ceilings){ .arena = NULL };
}

const char *ceilings_keep_text(struct ceilings *ceilings, const char *text, size_t length)
{
	char *kept = length > NAME_BYTES_MAX ? NULL :
		arena_copy_text(ceilings->arena, text, length);
	for (size_t i = 0; kept != NULL && i < length; i++)
		if ((unsigned char)kept[i] < 0x20 || kept[i] == 0x7f)
			kept[i] = ' ';
	return kept;
}

bool ceilings_add_gpu(struct ceilings *ceilings, const struct calibrated_gpu_row *row)
{
	struct calibrated_gpu_row *gpus = array_grow(ceilings->gpus, &ceilings->gpu_room,
						     ceilings->gpu_count, sizeof *gpus);
	if (gpus == NULL)
		return false;
	ceilings->gpus = gpus;
	gpus[ceilings->gpu_count++] = *row;
	return true;
}

bool ceilings_add(struct ceilings *ceilings, const struct ceiling_row *row)
{
	struct ceiling_row *items = array_grow(ceilings->items, &ceilings->item_room,
					       ceilings->item_count, sizeof *items);
	if (items == NULL)
		return false;
	ceilings->items = items;
	items[ceilings->item_count++] = *row;
	return true;
}

static bool fail_item(const char *path, const char *table, size_t index, const char *what,
		      struct error *error)
{
	return fail(error, ERROR_INPUT,
		    "'%s': %s %zu: %s; measure again with 'laggard calibrate'", path, table, index,
		    what);
}

static bool item_check(const struct ceilings *ceilings, size_t index, const char *path,
		       struct error *error)
{
	const struct ceiling_row *row = &ceilings->items[index];
	const int64_t gpus = (int64_t)ceilings->gpu_count;
	const enum ceiling_kind kind = ceiling_kind_of(row->kind);
	if (kind == CEILING_KIND_COUNT)
		return fail_item(path, "ceiling", index, "its kind is not known", error);
	if (row->gpu_id < -1 || row->gpu_id >= gpus || row->peer_gpu_id < -1 ||
	    row->peer_gpu_id >= gpus)
		return fail_item(path, "ceiling", index, "there is no such GPU", error);
	if (row->together_mask < 0 || row->together_mask >> ceilings->gpu_count != 0)
		return fail_item(path, "ceiling", index, "it names GPUs that are not there", error);
	if (row->size_bytes < 0 || row->samples < 1 || row->bytes_per_s < 0 || row->duration_ns < 0)
		return fail_item(path, "ceiling", index, "a number is missing or negative", error);
	if (ceiling_kind_is_time(kind) ? row->duration_ns == 0 : row->bytes_per_s == 0)
		return fail_item(path, "ceiling", index, "nothing was measured", error);
	return true;
}

bool ceilings_check(const struct ceilings *ceilings, const char *path, struct error *error)
{
	if (ceilings->gpu_count == 0 || ceilings->gpu_count > CEILINGS_GPUS_MAX)
		return fail(error, ERROR_INPUT,
			    "'%s' names %zu GPUs, not 1 to %d; measure again with "
			    "'laggard calibrate'",
			    path, ceilings->gpu_count, CEILINGS_GPUS_MAX);
	if (ceilings->item_count > CEILINGS_ITEMS_MAX)
		return fail(error, ERROR_INPUT, "'%s' has more than %d ceilings: damaged?", path,
			    CEILINGS_ITEMS_MAX);
	if (ceilings->calibration.made_ns <= 0)
		return fail(error, ERROR_INPUT, "'%s' does not say when it was measured", path);
	for (size_t g = 0; g < ceilings->gpu_count; g++) {
		if (ceilings->gpus[g].gpu_id != (int64_t)g)
			return fail_item(path, "GPU", g, "it is missing or out of order", error);
		if (ceilings->gpus[g].uuid[0] == 0)
			return fail_item(path, "GPU", g, "it has no uuid", error);
	}
	for (size_t i = 0; i < ceilings->item_count; i++)
		if (!item_check(ceilings, i, path, error))
			return false;
	return true;
}

void ceilings_add_create(struct text *sql)
{
	text_add_format(sql, "PRAGMA application_id=%d;\nPRAGMA user_version=%d;\n",
			CEILINGS_APPLICATION_ID, CEILINGS_VERSION);
	for (size_t i = 0; i < CEILINGS_COUNT; i++)
		schema_add_create(sql, &ceilings_tables[i]);
}

void ceilings_add_markdown(struct text *markdown)
{
	text_add_format(markdown,
			"\n# The ceilings database\n\n"
			"Made from `tracedb/ceilings.def`. `laggard calibrate` measures what the "
			"GPUs of a machine, its\n"
			"links and its launches can do at best, and keeps it in one small SQLite "
			"file. `PRAGMA\n"
			"application_id` is 0x%x, `PRAGMA user_version` is %d. `gpu_id` points to "
			"`calibrated_gpu`; -1 means\n"
			"none or unknown.\n\n"
			"Versions: 1 (laggard 0.2.0), the first.\n",
			(unsigned)CEILINGS_APPLICATION_ID, CEILINGS_VERSION);
	for (size_t i = 0; i < CEILINGS_COUNT; i++)
		schema_add_table_markdown(markdown, &ceilings_tables[i]);
}
