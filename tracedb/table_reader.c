/* SPDX-License-Identifier: MIT */
#include "tracedb/table_reader.h"

#include "base/array.h"
#include "base/arena.h"
#include "base/id_map.h"
#include "base/text.h"
#include "tracedb/private_copy.h"
#include "tracedb/sqlite_guard.h"
#include "tracedb/table_scan.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum {
	SQL_BYTES_MAX = 64 * 1024,
	VALUE_BYTES_MAX = 64 * 1024 * 1024,
	CACHE_KIB = 1024, /* tables are read once from end to end: no page is asked for twice */
	BUSY_MS = 2000,
	ROW_BYTES_MIN = 8,
};
static const size_t STRINGS_BYTES_MAX = (size_t)1 << 33;

struct table_reader {
	sqlite3 *db;
	const struct database_layout *layout;
	char *path;		/* as the caller named it */
	char *copy_folder;	/* private copy, see private_copy.h */
	int64_t version;
	/* Column bits that the file has; 0: no such table. */
	uint64_t present[DATABASE_TABLES_MAX];
	struct arena *arena;
	const char **strings;	/* dense by id */
	int64_t string_count;	/* ids 0 .. string_count - 1 */
	struct id_map far_strings;	/* ids beyond the dense part: only in odd files */
	const char **far_texts;
	size_t far_count, far_room;
};

struct trace_cursor {
	struct table_reader *reader;
	const struct table_descriptor *table;
	sqlite3_stmt *statement;	/* NULL: the file has no such table */
	struct table_scan *scan;	/* reads instead of the statement while it can; or NULL */
	int64_t rows;
	bool has_row_id;		/* read behind the selected columns */
	size_t selected_count;
	size_t left_count;
	/* Members that are filled, in order of the statement's columns, and those that are not. */
	const struct column_descriptor *selected[64], *left[64];
};

static bool reader_fail(const struct table_reader *reader, const char *what, struct error *error)
{
	return fail(error, ERROR_INPUT, "cannot read '%s': %s: %s", reader->path, what,
		    reader->db == NULL ? "no memory" : sqlite3_errmsg(reader->db));
}

static bool reader_harden(struct table_reader *reader, struct error *error)
{
	(void)sqlite3_busy_timeout(reader->db, BUSY_MS);	/* a trace may still be written */
	return sqlite_guard(reader->db, VALUE_BYTES_MAX, CACHE_KIB) ||
		reader_fail(reader, "not a database", error);
}

static bool reader_read_integer(struct table_reader *reader, const char *sql, int64_t *value,
				struct error *error)
{
	sqlite3_stmt *statement = NULL;
	bool ok = sqlite3_prepare_v2(reader->db, sql, -1, &statement, NULL) == SQLITE_OK &&
		sqlite3_step(statement) == SQLITE_ROW;
	if (ok)
		*value = sqlite3_column_int64(statement, 0);
	else
		(void)reader_fail(reader, sql, error);
	sqlite3_finalize(statement);
	return ok;
}

static bool reader_check_identity(struct table_reader *reader, struct error *error)
{
	int64_t application_id = 0;
	if (!reader_read_integer(reader, "PRAGMA application_id", &application_id, error) ||
	    !reader_read_integer(reader, "PRAGMA user_version", &reader->version, error))
		return false;
	const struct database_layout *layout = reader->layout;
	if (application_id != layout->application_id)
		return fail(error, ERROR_INPUT, "'%s' is a SQLite database, but not %s",
			    reader->path, layout->name);
	if (reader->version > layout->version)
		return fail(error, ERROR_INPUT,
			    "'%s' is %s of version %lld, this laggard reads up to "
			    "version %lld: use a newer laggard",
			    reader->path, layout->name, (long long)reader->version,
			    (long long)layout->version);
	if (reader->version < 1)
		return fail(error, ERROR_INPUT,
			    "'%s' is %s of version %lld, which never existed: "
			    "damaged?",
			    reader->path, layout->name, (long long)reader->version);
	return true;
}

/*
 * Which of our columns the file has. A missing one reads as 0 or '': that is how older versions are
 * upgraded.
 */
static bool reader_find_columns(struct table_reader *reader, size_t table, struct error *error)
{
	const struct table_descriptor *descriptor = &reader->layout->tables[table];
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(reader->db,
					"SELECT s.type, s.sql LIKE 'CREATE VIRTUAL%', c.name "
					"FROM sqlite_schema AS s, pragma_table_xinfo(s.name) AS c "
					"WHERE s.name = ?1 AND c.hidden = 0",
					-1, &statement, NULL);
	if (result == SQLITE_OK)
		(void)sqlite3_bind_text(statement, 1, descriptor->name, -1, SQLITE_STATIC);
	while (result == SQLITE_OK && (result = sqlite3_step(statement)) == SQLITE_ROW) {
		result = SQLITE_OK;
		const char *type = (const char *)sqlite3_column_text(statement, 0);
		const char *name = (const char *)sqlite3_column_text(statement, 2);
		if (type == NULL || name == NULL || strcmp(type, "table") != 0 ||
		    sqlite3_column_int(statement, 1) != 0) {
			sqlite3_finalize(statement);
			return fail(error, ERROR_INPUT,
				    "'%s': '%s' is not a plain table: not written by "
				    "laggard",
				    reader->path, descriptor->name);
		}
		for (size_t i = 0; i < descriptor->column_count; i++)
			if (strcmp(descriptor->columns[i].name, name) == 0)
				reader->present[table] |= UINT64_C(1) << i;
	}
	bool ok = result == SQLITE_DONE;
	if (!ok)
		(void)reader_fail(reader, descriptor->name, error);
	sqlite3_finalize(statement);
	return ok;
}

static bool reader_set_up(struct table_reader *reader, struct error *error)
{
	if (!reader_harden(reader, error) || !reader_check_identity(reader, error))
		return false;
	for (size_t table = 0; table < reader->layout->table_count; table++)
		if (!reader_find_columns(reader, table, error))
			return false;
	return true;
}

/* SQLite's refusals that come from a folder in which it may not write. */
static bool is_unwritable_place(const struct table_reader *reader)
{
	int code = reader->db == NULL ? SQLITE_OK : sqlite3_errcode(reader->db) & 0xff;
	return code == SQLITE_CANTOPEN || code == SQLITE_READONLY;
}

static bool reader_open_at(struct table_reader *reader, const char *path, struct error *error)
{
	if (sqlite3_open_v2(path, &reader->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX |
			    SQLITE_OPEN_PRIVATECACHE, NULL) != SQLITE_OK)
		return reader_fail(reader, "cannot open", error);
	return reader_set_up(reader, error);
}

bool table_reader_open(struct table_reader **out, const char *path,
		       const struct database_layout *layout, struct error *error)
{
	*out = NULL;
	struct table_reader *reader = calloc(1, sizeof *reader);
	if (reader == NULL || (reader->path = strdup(path)) == NULL ||
	    (reader->arena = arena_create(STRINGS_BYTES_MAX)) == NULL) {
		table_reader_close(reader);
		return fail(error, ERROR_SYSTEM, "cannot read '%s': no memory", path);
	}
	reader->layout = layout;
	bool ok = reader_open_at(reader, path, error);
	if (!ok && is_unwritable_place(reader)) {
		char *copy = NULL;
		sqlite3_close(reader->db);
		reader->db = NULL;
		memset(reader->present, 0, sizeof reader->present);
		ok = private_copy_make(path, &reader->copy_folder, &copy, error) &&
			reader_open_at(reader, copy, error);
		free(copy);
	}
	if (!ok) {
		table_reader_close(reader);
		return false;
	}
	*out = reader;
	return true;
}

void table_reader_close(struct table_reader *reader)
{
	if (reader == NULL)
		return;
	sqlite3_close(reader->db);
	private_folder_remove(reader->copy_folder);
	arena_close(reader->arena);
	id_map_end(&reader->far_strings);
	free(reader->far_texts);
	free(reader->strings);
	free(reader->path);
	free(reader);
}

const char *table_reader_path(const struct table_reader *reader)
{
	return reader->path;
}

int64_t table_reader_version(const struct table_reader *reader)
{
	return reader->version;
}

bool table_reader_has(const struct table_reader *reader, size_t table)
{
	return reader->present[table] != 0;
}

/* The fast way for whole tables of numbers in no particular order, where there is one. */
static struct table_scan *scan_open(const struct trace_cursor *cursor)
{
	struct table_scan_column columns[TABLE_SCAN_COLUMNS_MAX];
	size_t count = cursor->selected_count;
	for (size_t i = 0; i < count; i++) {
		if (cursor->selected[i]->type != COLUMN_TYPE_INTEGER)
			return NULL;
		columns[i] = (struct table_scan_column){ cursor->selected[i]->name,
							 cursor->selected[i]->offset };
	}
	return count == 0
		       ? NULL
		       : table_scan_open(cursor->reader->db, cursor->table->name, columns, count);
}

/* The list of columns to select, divided into those that the file has and those it lacks. */
static void cursor_choose_columns(struct trace_cursor *cursor, uint64_t present,
				  uint64_t column_mask, struct text *sql)
{
	const struct table_descriptor *descriptor = cursor->table;
	for (size_t i = 0; i < descriptor->column_count; i++) {
		const struct column_descriptor *column = &descriptor->columns[i];
		uint64_t bit = UINT64_C(1) << i;
		if ((column_mask != 0 && (column_mask & bit) == 0) || (present & bit) == 0) {
			cursor->left[cursor->left_count++] = column;
			continue;
		}
		text_add_format(sql, "%s\"%s\"", cursor->selected_count == 0 ? "" : ",",
				column->name);
		cursor->selected[cursor->selected_count++] = column;
	}
	if (cursor->selected_count == 0)
		text_add(sql, "NULL");
}

/* `order_by`: a column, or -1; `rows`: the first and the last row id, or NULL for all. */
static bool cursor_open(struct table_reader *reader, size_t table, uint64_t column_mask,
			int order_by, const int64_t *rows, struct trace_cursor **out,
			struct error *error)
{
	const struct table_descriptor *descriptor = &reader->layout->tables[table];
	struct trace_cursor *cursor = calloc(1, sizeof *cursor);
	*out = cursor;
	if (cursor == NULL)
		return fail(error, ERROR_SYSTEM, "cannot read '%s': no memory", reader->path);
	cursor->reader = reader;
	cursor->table = descriptor;
	cursor->has_row_id = rows != NULL;
	uint64_t present = reader->present[table];
	struct text sql;
	text_begin(&sql, SQL_BYTES_MAX);
	text_add(&sql, "SELECT ");
	cursor_choose_columns(cursor, present, column_mask, &sql);
	text_add_format(&sql, "%s FROM \"%s\"", rows != NULL ? ",rowid" : "", descriptor->name);
	if (rows != NULL)
		text_add(&sql, " WHERE rowid BETWEEN ?1 AND ?2 ORDER BY rowid");
	else if (order_by >= 0 && (present & (UINT64_C(1) << order_by)) != 0)
		text_add_format(&sql, " ORDER BY \"%s\"", descriptor->columns[order_by].name);
	bool ok = text_is_ok(&sql);
	if (!ok)
		(void)fail(error, ERROR_SYSTEM, "cannot read '%s': no memory", reader->path);
	else if (present != 0 && sqlite3_prepare_v2(reader->db, text_string(&sql), -1,
						    &cursor->statement, NULL) != SQLITE_OK)
		ok = reader_fail(reader, descriptor->name, error);
	text_end(&sql);
	for (int i = 0; ok && rows != NULL && cursor->statement != NULL && i < 2; i++)
		(void)sqlite3_bind_int64(cursor->statement, i + 1, rows[i]);
	if (!ok) {
		trace_cursor_close(cursor);
		*out = NULL;
	} else if (cursor->statement != NULL && order_by < 0 && rows == NULL) {
		cursor->scan = scan_open(cursor);
	}
	return ok;
}

bool table_reader_select(struct table_reader *reader, size_t table, uint64_t column_mask,
			 int order_by, struct trace_cursor **out, struct error *error)
{
	return cursor_open(reader, table, column_mask, order_by, NULL, out, error);
}

bool table_reader_select_rows(struct table_reader *reader, size_t table, uint64_t column_mask,
			      int64_t first_row, int64_t last_row, struct trace_cursor **out,
			      struct error *error)
{
	const int64_t rows[2] = { first_row, last_row };
	return cursor_open(reader, table, column_mask, -1, rows, out, error);
}

int64_t trace_cursor_row_id(const struct trace_cursor *cursor)
{
	return cursor->has_row_id && cursor->statement != NULL ?
		       sqlite3_column_int64(cursor->statement, (int)cursor->selected_count +
							       (cursor->selected_count == 0)) :
		       0;
}

bool table_reader_row_bounds(struct table_reader *reader, size_t table, int64_t *first_row,
			     int64_t *last_row, struct error *error)
{
	static const char *const ends[] = { "min", "max" };
	int64_t bounds[2] = { 1, 0 };
	for (size_t i = 0; i < 2 && reader->present[table] != 0; i++) {
		struct text sql;
		text_begin(&sql, SQL_BYTES_MAX);
		/* Apart each is one step down the tree; together SQLite would read the table. */
		text_add_format(&sql, "SELECT ifnull(%s(rowid), %d) FROM \"%s\"", ends[i],
				i == 0, reader->layout->tables[table].name);
		bool ok = reader_read_integer(reader, text_string(&sql), &bounds[i], error);
		text_end(&sql);
		if (!ok)
			return false;
	}
	*first_row = bounds[0];
	*last_row = bounds[1];
	return true;
}

/* Members that are not read are 0 and "". */
static void member_clear(unsigned char *member, enum column_type type)
{
	static const char *const empty = "";
	static const int64_t zero = 0;
	if (type == COLUMN_TYPE_TEXT)
		memcpy(member, &empty, sizeof empty);
	else
		memcpy(member, &zero, sizeof zero);
}

/* As sqlite3_step, with the error said. */
static int cursor_step(struct trace_cursor *cursor, struct error *error)
{
	int result = sqlite3_step(cursor->statement);
	if (result == SQLITE_DONE)
		return 0;
	if (result == SQLITE_ROW)
		return 1;
	(void)fail(error, ERROR_INPUT, "cannot read '%s': table '%s', after row %lld: %s",
		   cursor->reader->path, cursor->table->name, (long long)cursor->rows,
		   sqlite3_errmsg(cursor->reader->db));
	return -1;
}

/* The scan knows no further: SQLite goes on behind the rows that were already given. */
static int cursor_leave_scan(struct trace_cursor *cursor, struct error *error)
{
	int64_t given = cursor->rows;
	int result = 1;
	table_scan_close(cursor->scan);
	cursor->scan = NULL;
	for (cursor->rows = 0; result == 1 && cursor->rows < given; cursor->rows++)
		result = cursor_step(cursor, error);
	return result;
}

static void cursor_clear_left(const struct trace_cursor *cursor, unsigned char *members)
{
	for (size_t i = 0; i < cursor->left_count; i++)
		member_clear(members + cursor->left[i]->offset, cursor->left[i]->type);
}

int trace_cursor_next(struct trace_cursor *cursor, void *row, struct error *error)
{
	unsigned char *members = row;
	int result = 1;
	if (cursor->scan != NULL) {
		enum table_scan_result scanned = table_scan_next(cursor->scan, row);
		if (scanned == TABLE_SCAN_ROW) {
			cursor_clear_left(cursor, members);
			cursor->rows++;
			return 1;
		}
		if (scanned == TABLE_SCAN_END)
			return 0;
		result = cursor_leave_scan(cursor, error);
	}
	if (cursor->statement == NULL)
		return 0;
	if (result == 1)
		result = cursor_step(cursor, error);
	if (result != 1)
		return result;
	cursor_clear_left(cursor, members);
	for (size_t i = 0; i < cursor->selected_count; i++) {
		if (cursor->selected[i]->type == COLUMN_TYPE_INTEGER) {
			int64_t value = sqlite3_column_int64(cursor->statement, (int)i);
			memcpy(members + cursor->selected[i]->offset, &value, sizeof value);
		} else {
			const char *value =
				(const char *)sqlite3_column_text(cursor->statement, (int)i);
			if (value == NULL)
				value = "";
			memcpy(members + cursor->selected[i]->offset, &value, sizeof value);
		}
	}
	cursor->rows++;
	return 1;
}

void trace_cursor_close(struct trace_cursor *cursor)
{
	if (cursor == NULL)
		return;
	table_scan_close(cursor->scan);
	sqlite3_finalize(cursor->statement);
	free(cursor);
}

bool table_reader_count(struct table_reader *reader, size_t table, int64_t *count,
			struct error *error)
{
	*count = 0;
	if (reader->present[table] == 0)
		return true;
	struct text sql;
	text_begin(&sql, SQL_BYTES_MAX);
	text_add_format(&sql, "SELECT count(*) FROM \"%s\"", reader->layout->tables[table].name);
	bool ok = reader_read_integer(reader, text_string(&sql), count, error);
	text_end(&sql);
	return ok;
}

size_t table_reader_estimate_rows(struct table_reader *reader, size_t table)
{
	int64_t rows = 0, pages = 0, page_bytes = 0;
	struct text sql;
	text_begin(&sql, SQL_BYTES_MAX);
	text_add_format(&sql, "SELECT max(rowid) FROM \"%s\"", reader->layout->tables[table].name);
	bool ok = reader->present[table] != 0 &&
		reader_read_integer(reader, text_string(&sql), &rows, NULL) &&
		reader_read_integer(reader, "PRAGMA page_count", &pages, NULL) &&
		reader_read_integer(reader, "PRAGMA page_size", &page_bytes, NULL);
	text_end(&sql);
	if (!ok || rows < 0)
		return 0;
	/* Row ids may lie; a row takes a file some bytes, though. */
	int64_t rows_max = pages * (page_bytes / ROW_BYTES_MIN);
	return (size_t)(rows < rows_max ? rows : rows_max);
}

/* Copies the texts of `row` into the reader's arena. */
static bool reader_keep_texts(struct table_reader *reader, const struct table_descriptor *table,
			      void *row)
{
	unsigned char *members = row;
	for (size_t i = 0; i < table->column_count; i++) {
		if (table->columns[i].type != COLUMN_TYPE_TEXT)
			continue;
		const char *text;
		memcpy(&text, members + table->columns[i].offset, sizeof text);
		const char *copy = arena_copy_text(reader->arena, text, strlen(text));
		if (copy == NULL)
			return false;
		memcpy(members + table->columns[i].offset, &copy, sizeof copy);
	}
	return true;
}

static void row_clear(const struct table_descriptor *table, unsigned char *row)
{
	memset(row, 0, table->row_size);
	for (size_t i = 0; i < table->column_count; i++)
		member_clear(row + table->columns[i].offset, table->columns[i].type);
}

bool table_reader_first(struct table_reader *reader, size_t table, void *row, bool *has_row,
			struct error *error)
{
	struct trace_cursor *cursor = NULL;
	if (!table_reader_select(reader, table, 0, -1, &cursor, error))
		return false;
	int result = trace_cursor_next(cursor, row, error);
	*has_row = result == 1;
	bool ok = result >= 0;
	if (result == 0)
		row_clear(&reader->layout->tables[table], row);
	else if (ok && !reader_keep_texts(reader, &reader->layout->tables[table], row))
		ok = fail(error, ERROR_SYSTEM, "cannot read '%s': no memory", reader->path);
	trace_cursor_close(cursor);
	return ok;
}

/* A row of any table of two columns, id and text: they all begin alike. */
struct id_text_row {
	int64_t id;
	const char *value;
};

_Static_assert(sizeof(struct id_text_row) == sizeof(struct string_row), "rows of id and text");

static bool reader_add_far_string(struct table_reader *reader, int64_t text_id, const char *text)
{
	const char **texts =
		array_grow(reader->far_texts, &reader->far_room, reader->far_count, sizeof *texts);
	if (texts == NULL)
		return false;
	reader->far_texts = texts;
	reader->far_texts[reader->far_count] = text;
	return id_map_put(&reader->far_strings, (uint64_t)text_id, (int64_t)reader->far_count++);
}

bool table_reader_load_texts(struct table_reader *reader, size_t table, struct error *error)
{
	if (reader->strings != NULL)
		return true;
	struct trace_cursor *cursor = NULL;
	int64_t count = 0;
	if (!table_reader_count(reader, table, &count, error) ||
	    !table_reader_select(reader, table, 0, -1, &cursor, error))
		return false;
	reader->string_count = count + 1;	/* our writers number densely from 1 */
	reader->strings = calloc((size_t)reader->string_count, sizeof *reader->strings);
	bool ok = reader->strings != NULL;
	struct id_text_row row;
	int result = 0;
	while (ok && (result = trace_cursor_next(cursor, &row, error)) == 1) {
		const char *text = arena_copy_text(reader->arena, row.value, strlen(row.value));
		ok = text != NULL;
		if (!ok)
			break;
		if (row.id >= 0 && row.id < reader->string_count)
			reader->strings[row.id] = text;
		else
			ok = reader_add_far_string(reader, row.id, text);
	}
	trace_cursor_close(cursor);
	if (!ok)
		return fail(error, ERROR_SYSTEM, "cannot read '%s': no memory for its texts",
			    reader->path);
	return result == 0;
}

const char *table_reader_text(const struct table_reader *reader, int64_t text_id)
{
	const char *text = NULL;
	int64_t at = 0;
	if (text_id >= 0 && text_id < reader->string_count)
		text = reader->strings[text_id];
	else if (id_map_get(&reader->far_strings, (uint64_t)text_id, &at))
		text = reader->far_texts[at];
	return text == NULL ? "" : text;
}
