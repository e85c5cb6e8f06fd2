/* SPDX-License-Identifier: MIT */
#include "tracedb/table_scan.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	READ_BYTES = 256 * 1024,
	DEPTH_MAX = 19,		/* inner pages above a leaf, as in SQLite's cursors */
	STORED_MAX = 128,	/* columns of a table up to the last wanted one */
	FILE_HEADER_BYTES = 100,
	PAGE_INNER = 0x05,	/* kinds of pages of a rowid table */
	PAGE_LEAF = 0x0d,
	INNER_HEADER_BYTES = 12,
	LEAF_HEADER_BYTES = 8,
	CELL_BYTES_MIN = 4,
	UTF8 = 1,
	UNWANTED = -1,
};
static const int64_t LOCK_BYTE = INT64_C(1) << 30; /* the page with this byte holds nothing */

/* An inner page on the path to the current leaf, and which child comes next. */
struct inner {
	unsigned char *page;
	int cell_count;
	int next;		/* cell_count: the rightmost child */
};

struct table_scan {
	sqlite3_stmt *lock;	/* a statement under way holds the shared lock */
	sqlite3_file *file;
	int64_t page_bytes;
	int64_t usable_bytes;	/* of a page */
	int64_t page_count;
	int64_t lock_page;
	int64_t largest_local;	/* payload that lies wholly on a leaf */
	int64_t pages_left;	/* more than the file has are never visited: no circles */
	int64_t root;

	/* Where each stored column goes in the row; UNWANTED: nowhere. */
	ptrdiff_t offsets[STORED_MAX];
	int stored_count;	/* up to the last one wanted */

	unsigned char *buffer;	/* consecutive pages read at once */
	int64_t buffer_pages;
	int64_t buffer_first;
	int64_t buffer_count;

	struct inner path[DEPTH_MAX];
	int depth;
	bool is_started;
	const unsigned char *leaf;
	int cell_count;
	int next_cell;
};

static unsigned get_u16(const unsigned char *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static int64_t get_u32(const unsigned char *at)
{
	return (int64_t)((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 |
			 at[3]);
}

static bool pages_read(struct table_scan *scan, int64_t first, int64_t count, unsigned char *to)
{
	return scan->file->pMethods->xRead(scan->file, to, (int)(count * scan->page_bytes),
					   (first - 1) * scan->page_bytes) == SQLITE_OK;
}

static bool page_is_possible(const struct table_scan *scan, int64_t page)
{
	/* Page 1 is the root of the schema. */
	return page > 1 && page <= scan->page_count && page != scan->lock_page;
}

/* Child of an inner page; 0 where the page is not what it should be. */
static int64_t inner_child(const struct table_scan *scan, const struct inner *inner, int index)
{
	if (index == inner->cell_count)
		return get_u32(inner->page + 8);
	/* A cell is the child's number and a varint of at least a byte. */
	unsigned at = get_u16(inner->page + INNER_HEADER_BYTES + 2 * index);
	bool is_possible = at >= INNER_HEADER_BYTES + 2 * (unsigned)inner->cell_count &&
			   at + 5 <= scan->usable_bytes;
	return is_possible ? get_u32(inner->page + at) : 0;
}

/* As SQLite has it: no cell takes less than 6 bytes of a page, its pointer included. */
static bool cell_count_is_possible(const struct table_scan *scan, int64_t count)
{
	return count <= (scan->page_bytes - 8) / 6;
}

/*
 * Leaves of a table that was written at once lie in a row: as many are read with one call as follow
 * each other among the children of `inner`.
 */
static const unsigned char *leaf_read(struct table_scan *scan, const struct inner *inner,
				      int64_t page)
{
	if (page >= scan->buffer_first && page < scan->buffer_first + scan->buffer_count)
		return scan->buffer + (page - scan->buffer_first) * scan->page_bytes;
	int64_t count = 1;
	if (inner != NULL)
		while (count < scan->buffer_pages && inner->next + count - 1 <= inner->cell_count &&
		       inner_child(scan, inner, inner->next + (int)count - 1) == page + count &&
		       page_is_possible(scan, page + count))
			count++;
	scan->buffer_count = 0;
	if (!pages_read(scan, page, count, scan->buffer))
		return NULL;
	scan->buffer_first = page;
	scan->buffer_count = count;
	return scan->buffer;
}

static bool inner_push(struct table_scan *scan, const unsigned char *page)
{
	if (scan->depth == DEPTH_MAX)
		return false;
	struct inner *inner = &scan->path[scan->depth];
	if (inner->page == NULL && (inner->page = malloc((size_t)scan->page_bytes)) == NULL)
		return false;
	memcpy(inner->page, page, (size_t)scan->page_bytes);
	inner->cell_count = (int)get_u16(page + 3);
	inner->next = 0;
	scan->depth++;
	return inner->cell_count > 0 && cell_count_is_possible(scan, inner->cell_count);
}

/* Down from `page` to the first leaf below it. */
static bool leaf_descend(struct table_scan *scan, int64_t page)
{
	for (;;) {
		const struct inner *above = scan->depth > 0 ? &scan->path[scan->depth - 1] : NULL;
		if (!page_is_possible(scan, page) || scan->pages_left-- <= 0)
			return false;
		const unsigned char *bytes = leaf_read(scan, above, page);
		if (bytes == NULL)
			return false;
		if (bytes[0] == PAGE_LEAF) {
			scan->leaf = bytes;
			scan->cell_count = (int)get_u16(bytes + 3);
			scan->next_cell = 0;
			/* Only a table without rows has an empty leaf: its root. */
			return (scan->cell_count > 0 || scan->depth == 0) &&
			       cell_count_is_possible(scan, scan->cell_count);
		}
		if (bytes[0] != PAGE_INNER || !inner_push(scan, bytes))
			return false;
		struct inner *inner = &scan->path[scan->depth - 1];
		page = inner_child(scan, inner, inner->next++);
	}
}

/* 1: scan->leaf is the next leaf; 0: there is none; -1: the tree is not what it should be. */
static int leaf_next(struct table_scan *scan)
{
	if (!scan->is_started) {
		scan->is_started = true;
		return leaf_descend(scan, scan->root) ? 1 : -1;
	}
	while (scan->depth > 0) {
		struct inner *inner = &scan->path[scan->depth - 1];
		if (inner->next <= inner->cell_count)
			return leaf_descend(scan, inner_child(scan, inner, inner->next++)) ? 1 : -1;
		scan->depth--;
	}
	return 0;
}

/* A varint that ends before `end`; NULL: it does not. */
static const unsigned char *get_varint(const unsigned char *at, const unsigned char *end,
				       uint64_t *value)
{
	uint64_t result = 0;
	for (int i = 0; i < 8; i++) {
		if (at == end)
			return NULL;
		unsigned char byte = *at++;
		result = result << 7 | (byte & 0x7f);
		if ((byte & 0x80) == 0) {
			*value = result;
			return at;
		}
	}
	if (at == end)
		return NULL;
	*value = result << 8 | *at++;
	return at;
}

/* Nearly all are one byte long. */
static inline const unsigned char *get_short_varint(const unsigned char *at,
						    const unsigned char *end, uint64_t *value)
{
	if (at != end && *at < 0x80) {
		*value = *at;
		return at + 1;
	}
	return get_varint(at, end, value);
}

/* Bytes of a stored integer, by serial type 0 to 9; type 7 is a float. */
static const unsigned char integer_bytes[10] = { 0, 1, 2, 3, 4, 6, 8, 8, 0, 0 };

static inline int64_t get_integer(const unsigned char *at, uint64_t type)
{
	switch (type) {
	case 1:
		return (int8_t)at[0];
	case 2:
		return (int16_t)get_u16(at);
	case 3:
		return (int64_t)(int8_t)at[0] * 65536 + (int64_t)get_u16(at + 1);
	case 4:
		return (int32_t)(uint32_t)get_u32(at);
	case 5:
		return (int64_t)(int16_t)get_u16(at) * INT64_C(0x100000000) + get_u32(at + 2);
	case 6:
		return (int64_t)((uint64_t)get_u32(at) << 32 | (uint64_t)get_u32(at + 4));
	case 9:
		return 1;
	default:
		return 0;
	}
}

/*
 * A record: length of the header, types, values. False: something in it is for SQLite to judge. A
 * record that ends early has NULLs there: table_scan_open took no column with a default.
 */
static bool record_decode(const struct table_scan *scan, const unsigned char *record,
			  const unsigned char *end, unsigned char *row)
{
	uint64_t header_bytes, type;
	const unsigned char *types = get_short_varint(record, end, &header_bytes);
	if (types == NULL || header_bytes > (uint64_t)(end - record) ||
	    header_bytes < (uint64_t)(types - record))
		return false;
	const unsigned char *types_end = record + header_bytes, *value = types_end;
	for (int i = 0; i < scan->stored_count; i++) {
		int64_t number = 0;
		if (types != types_end) {
			types = get_short_varint(types, types_end, &type);
			if (types == NULL)
				return false;
			bool is_wanted = scan->offsets[i] != UNWANTED;
			if (type > 9 ? is_wanted || type < 12 : is_wanted && type == 7)
				return false;
			uint64_t bytes = type > 9 ? (type - 12) / 2 : integer_bytes[type];
			if (bytes > (uint64_t)(end - value))
				return false;
			if (type <= 9)
				number = get_integer(value, type);
			value += bytes;
		}
		if (scan->offsets[i] != UNWANTED)
			memcpy(row + scan->offsets[i], &number, sizeof number);
	}
	return types != types_end || value == end;
}

static bool cell_decode(const struct table_scan *scan, unsigned at, unsigned char *row)
{
	uint64_t payload_bytes, rowid;
	const unsigned char *end = scan->leaf + scan->usable_bytes;
	if (at + CELL_BYTES_MIN > scan->usable_bytes ||
	    at < LEAF_HEADER_BYTES + 2 * (unsigned)scan->cell_count)
		return false;
	const unsigned char *cell = get_short_varint(scan->leaf + at, end, &payload_bytes);
	cell = cell == NULL ? NULL : get_varint(cell, end, &rowid);
	return cell != NULL && payload_bytes <= (uint64_t)scan->largest_local &&
	       payload_bytes <= (uint64_t)(end - cell) &&
	       record_decode(scan, cell, cell + payload_bytes, row);
}

enum table_scan_result table_scan_next(struct table_scan *scan, void *row)
{
	while (scan->next_cell == scan->cell_count) {
		int result = leaf_next(scan);
		if (result <= 0)
			return result == 0 ? TABLE_SCAN_END : TABLE_SCAN_UNKNOWN;
	}
	unsigned at = get_u16(scan->leaf + LEAF_HEADER_BYTES + 2 * scan->next_cell);
	if (!cell_decode(scan, at, row))
		return TABLE_SCAN_UNKNOWN;
	scan->next_cell++;
	return TABLE_SCAN_ROW;
}

/* One integer of one row, or false. */
static bool ask_integer(sqlite3 *db, const char *sql, int64_t *value)
{
	sqlite3_stmt *statement = NULL;
	bool ok = sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
		  sqlite3_step(statement) == SQLITE_ROW;
	if (ok)
		*value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return ok;
}

/*
 * Places of the wanted columns in a record. Only ordinary columns without a default value will do:
 * generated ones are not always stored, an INTEGER PRIMARY KEY is not in the record, and rows older
 * than an added column take its default.
 */
static bool columns_place(struct table_scan *scan, sqlite3 *db, const char *table,
			  const struct table_scan_column *columns, size_t count)
{
	sqlite3_stmt *statement = NULL;
	size_t found = 0;
	int result = sqlite3_prepare_v2(db,
					"SELECT name, hidden <> 0, dflt_value IS NOT NULL OR pk "
					"FROM pragma_table_xinfo(?1) ORDER BY cid",
					-1, &statement, NULL);
	bool ok = result == SQLITE_OK;
	if (ok)
		(void)sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC);
	for (int stored = 0; ok && (result = sqlite3_step(statement)) == SQLITE_ROW; stored++) {
		const char *name = (const char *)sqlite3_column_text(statement, 0);
		ok = name != NULL && sqlite3_column_int(statement, 1) == 0;
		if (stored < STORED_MAX)
			scan->offsets[stored] = UNWANTED;
		for (size_t i = 0; ok && i < count; i++) {
			if (strcmp(columns[i].name, name) != 0)
				continue;
			ok = stored < STORED_MAX && sqlite3_column_int(statement, 2) == 0;
			if (!ok)
				break;
			scan->offsets[stored] = (ptrdiff_t)columns[i].offset;
			scan->stored_count = stored + 1;
			found++;
		}
	}
	sqlite3_finalize(statement);
	return ok && result == SQLITE_DONE && found == count;
}

/* Facts of the file's header; false: not the plain case. */
static bool file_understand(struct table_scan *scan, sqlite3 *db)
{
	unsigned char header[FILE_HEADER_BYTES];
	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &scan->file) != SQLITE_OK ||
	    scan->file == NULL || scan->file->pMethods == NULL ||
	    scan->file->pMethods->xRead(scan->file, header, sizeof header, 0) != SQLITE_OK)
		return false;
	/* Bytes 18 and 19 are 2 in a file whose newest pages may stand in a write-ahead log. */
	if (memcmp(header, "SQLite format 3", 16) != 0 || header[18] != 1 || header[19] != 1 ||
	    get_u32(header + 56) != UTF8)
		return false;
	scan->usable_bytes = scan->page_bytes - header[20];
	scan->largest_local = scan->usable_bytes - 35;
	scan->lock_page = LOCK_BYTE / scan->page_bytes + 1;
	scan->pages_left = scan->page_count;
	return scan->page_bytes >= 512 && scan->page_bytes <= 65536 && scan->usable_bytes >= 480;
}

/* Takes the shared lock, and finds the root of the table. */
static bool root_find(struct table_scan *scan, sqlite3 *db, const char *table)
{
	if (sqlite3_prepare_v2(db,
			       "SELECT rootpage FROM sqlite_schema "
			       "WHERE type = 'table' AND name = ?1",
			       -1, &scan->lock, NULL) != SQLITE_OK)
		return false;
	(void)sqlite3_bind_text(scan->lock, 1, table, -1, SQLITE_STATIC);
	if (sqlite3_step(scan->lock) != SQLITE_ROW)
		return false;
	scan->root = sqlite3_column_int64(scan->lock, 0);
	return true;
}

struct table_scan *table_scan_open(sqlite3 *db, const char *table,
				   const struct table_scan_column *columns, size_t count)
{
	struct table_scan *scan = calloc(1, sizeof *scan);
	if (scan == NULL)
		return NULL;
	bool ok = root_find(scan, db, table) &&
		  ask_integer(db, "PRAGMA page_size", &scan->page_bytes) &&
		  ask_integer(db, "PRAGMA page_count", &scan->page_count) &&
		  file_understand(scan, db) && columns_place(scan, db, table, columns, count);
	if (ok) {
		scan->buffer_pages = READ_BYTES / scan->page_bytes;
		scan->buffer = malloc((size_t)(scan->buffer_pages * scan->page_bytes));
	}
	if (!ok || scan->buffer == NULL) {
		table_scan_close(scan);
		return NULL;
	}
	return scan;
}

void table_scan_close(struct table_scan *scan)
{
	if (scan == NULL)
		return;
	sqlite3_finalize(scan->lock);
	for (int i = 0; i < DEPTH_MAX; i++)
		free(scan->path[i].page);
	free(scan->buffer);
	free(scan);
}
