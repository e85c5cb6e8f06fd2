/* SPDX-License-Identifier: MIT */
#include "tracedb/reader.h"

#include "base/array.h"
#include "base/arena.h"
#include "base/id_map.h"
#include "base/text.h"
#include "tracedb/private_copy.h"
#include "tracedb/sqlite_guard.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum {
	SQL_BYTES_MAX = 64 * 1024,
	VALUE_BYTES_MAX = 64 * 1024 * 1024,
	CACHE_KIB = 64 * 1024,
	BUSY_MS = 2000,
};
static const size_t STRINGS_BYTES_MAX = (size_t)1 << 33;

struct trace_reader {
	sqlite3 *db;
	char *path;		/* as the caller named it */
	char *copy_folder;	/* private copy, see private_copy.h */
	int64_t version;
	uint64_t present[TABLE_COUNT];	/* column bits that the file has; 0: no such table */
	struct arena *arena;
	struct trace_row trace;
	const char **strings;	/* dense by id */
	int64_t string_count;	/* ids 0 .. string_count - 1 */
	struct id_map far_strings;	/* ids beyond the dense part: only in odd files */
	const char **far_texts;
	size_t far_count, far_room;
};

struct trace_cursor {
	struct trace_reader *reader;
	const struct table_descriptor *table;
	sqlite3_stmt *statement;	/* NULL: the file has no such table */
	int64_t rows;
	size_t selected_count;
	struct { size_t offset; enum column_type type; } selected[64];
};

static bool reader_fail(const struct trace_reader *reader, const char *what, struct error *error)
{
	return fail(error, ERROR_INPUT, "cannot read '%s': %s: %s", reader->path, what,
		    reader->db == NULL ? "no memory" : sqlite3_errmsg(reader->db));
}

static bool reader_harden(struct trace_reader *reader, struct error *error)
{
	(void)sqlite3_busy_timeout(reader->db, BUSY_MS);	/* a trace may still be written */
	return sqlite_guard(reader->db, VALUE_BYTES_MAX, CACHE_KIB) ||
		reader_fail(reader, "not a database", error);
}

static bool reader_read_integer(struct trace_reader *reader, const char *sql, int64_t *value,
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

static bool reader_check_identity(struct trace_reader *reader, struct error *error)
{
	int64_t application_id = 0;
	if (!reader_read_integer(reader, "PRAGMA application_id", &application_id, error) ||
	    !reader_read_integer(reader, "PRAGMA user_version", &reader->version, error))
		return false;
	if (application_id != TRACEDB_APPLICATION_ID)
		return fail(error, ERROR_INPUT, "'%s' is a SQLite database, but not a trace",
			    reader->path);
	if (reader->version > TRACEDB_VERSION)
		return fail(error, ERROR_INPUT,
			    "'%s' is a trace of version %lld, this laggard reads up to "
			    "version %d: use a newer laggard",
			    reader->path, (long long)reader->version, TRACEDB_VERSION);
	if (reader->version < 1)
		return fail(error, ERROR_INPUT,
			    "'%s' is a trace of version %lld, which never existed: "
			    "damaged?",
			    reader->path, (long long)reader->version);
	return true;
}

/*
 * Which of our columns the file has. A missing one reads as 0 or '': that is how older versions are
 * upgraded.
 */
static bool reader_find_columns(struct trace_reader *reader, int table, struct error *error)
{
	const struct table_descriptor *descriptor = &trace_tables[table];
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

/* Copies the texts of `row` into the reader's arena. */
static bool reader_keep_texts(struct trace_reader *reader, const struct table_descriptor *table,
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

static bool reader_load_trace(struct trace_reader *reader, struct error *error)
{
	struct trace_cursor *cursor = NULL;
	if (reader->present[TABLE_trace] == 0)
		return fail(error, ERROR_INPUT, "'%s' has no table 'trace': damaged?",
			    reader->path);
	if (!trace_reader_select(reader, TABLE_trace, 0, -1, &cursor, error))
		return false;
	int result = trace_cursor_next(cursor, &reader->trace, error);
	bool ok = result >= 0;
	if (result == 0) {
		/* Killed between the creation of the tables and the first commit. */
		reader->trace = (struct trace_row){ .trace_id = 1,
						    .pid = -1,
						    .rank = -1,
						    .world_size = -1,
						    .local_rank = -1,
						    .stop_ns = -1 };
		for (size_t i = 0; i < trace_tables[TABLE_trace].column_count; i++) {
			const struct column_descriptor *column =
				&trace_tables[TABLE_trace].columns[i];
			const char *empty = "";
			if (column->type == COLUMN_TYPE_TEXT)
				memcpy((unsigned char *)&reader->trace + column->offset, &empty,
				       sizeof empty);
		}
	} else if (ok && !reader_keep_texts(reader, &trace_tables[TABLE_trace], &reader->trace)) {
		ok = fail(error, ERROR_SYSTEM, "cannot read '%s': no memory", reader->path);
	}
	trace_cursor_close(cursor);
	return ok;
}

static bool reader_set_up(struct trace_reader *reader, struct error *error)
{
	if (!reader_harden(reader, error) || !reader_check_identity(reader, error))
		return false;
	for (int table = 0; table < TABLE_COUNT; table++)
		if (!reader_find_columns(reader, table, error))
			return false;
	return reader_load_trace(reader, error);
}

/* SQLite's refusals that come from a folder in which it may not write. */
static bool is_unwritable_place(const struct trace_reader *reader)
{
	int code = reader->db == NULL ? SQLITE_OK : sqlite3_errcode(reader->db) & 0xff;
	return code == SQLITE_CANTOPEN || code == SQLITE_READONLY;
}

static bool reader_open_at(struct trace_reader *reader, const char *path, struct error *error)
{
	if (sqlite3_open_v2(path, &reader->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX |
			    SQLITE_OPEN_PRIVATECACHE, NULL) != SQLITE_OK)
		return reader_fail(reader, "cannot open", error);
	return reader_set_up(reader, error);
}

bool trace_reader_open(struct trace_reader **out, const char *path, struct error *error)
{
	*out = NULL;
	enum file_format format;
	if (!file_format_of(path, &format, error))
		return false;
	if (format != FILE_FORMAT_TRACE)
		return fail(error, ERROR_INPUT,
			    format == FILE_FORMAT_SQLITE
				    ? "'%s' is a SQLite database, but not a trace"
				    : "'%s' is not a trace database",
			    path);
	struct trace_reader *reader = calloc(1, sizeof *reader);
	if (reader == NULL || (reader->path = strdup(path)) == NULL ||
	    (reader->arena = arena_create(STRINGS_BYTES_MAX)) == NULL) {
		trace_reader_close(reader);
		return fail(error, ERROR_SYSTEM, "cannot read '%s': no memory", path);
	}
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
		trace_reader_close(reader);
		return false;
	}
	*out = reader;
	return true;
}

void trace_reader_close(struct trace_reader *reader)
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

const char *trace_reader_path(const struct trace_reader *reader)
{
	return reader->path;
}

int64_t trace_reader_version(const struct trace_reader *reader)
{
	return reader->version;
}

const struct trace_row *trace_reader_trace(const struct trace_reader *reader)
{
	return &reader->trace;
}

bool trace_reader_select(struct trace_reader *reader, enum trace_table table, uint64_t column_mask,
			 int order_by, struct trace_cursor **out, struct error *error)
{
	const struct table_descriptor *descriptor = &trace_tables[table];
	struct trace_cursor *cursor = calloc(1, sizeof *cursor);
	*out = cursor;
	if (cursor == NULL)
		return fail(error, ERROR_SYSTEM, "cannot read '%s': no memory", reader->path);
	cursor->reader = reader;
	cursor->table = descriptor;
	uint64_t present = reader->present[table];
	struct text sql;
	text_begin(&sql, SQL_BYTES_MAX);
	text_add(&sql, "SELECT ");
	for (size_t i = 0; i < descriptor->column_count; i++) {
		const struct column_descriptor *column = &descriptor->columns[i];
		uint64_t bit = UINT64_C(1) << i;
		if ((column_mask != 0 && (column_mask & bit) == 0) || (present & bit) == 0)
			continue;
		text_add_format(&sql, "%s\"%s\"", cursor->selected_count == 0 ? "" : ",",
				column->name);
		cursor->selected[cursor->selected_count].offset = column->offset;
		cursor->selected[cursor->selected_count].type = column->type;
		cursor->selected_count++;
	}
	if (cursor->selected_count == 0)
		text_add(&sql, "NULL");
	text_add_format(&sql, " FROM \"%s\"", descriptor->name);
	if (order_by >= 0 && (present & (UINT64_C(1) << order_by)) != 0)
		text_add_format(&sql, " ORDER BY \"%s\"", descriptor->columns[order_by].name);
	bool ok = text_is_ok(&sql);
	if (!ok)
		(void)fail(error, ERROR_SYSTEM, "cannot read '%s': no memory", reader->path);
	else if (present != 0 && sqlite3_prepare_v2(reader->db, text_string(&sql), -1,
						    &cursor->statement, NULL) != SQLITE_OK)
		ok = reader_fail(reader, descriptor->name, error);
	text_end(&sql);
	if (!ok) {
		trace_cursor_close(cursor);
		*out = NULL;
	}
	return ok;
}

/* Members that are not read are 0 and "". */
static void row_clear(const struct table_descriptor *table, unsigned char *row)
{
	static const char *const empty = "";
	memset(row, 0, table->row_size);
	for (size_t i = 0; i < table->column_count; i++)
		if (table->columns[i].type == COLUMN_TYPE_TEXT)
			memcpy(row + table->columns[i].offset, &empty, sizeof empty);
}

int trace_cursor_next(struct trace_cursor *cursor, void *row, struct error *error)
{
	if (cursor->statement == NULL)
		return 0;
	int result = sqlite3_step(cursor->statement);
	if (result == SQLITE_DONE)
		return 0;
	if (result != SQLITE_ROW) {
		(void)fail(error, ERROR_INPUT, "cannot read '%s': table '%s', after row %lld: %s",
			   cursor->reader->path, cursor->table->name, (long long)cursor->rows,
			   sqlite3_errmsg(cursor->reader->db));
		return -1;
	}
	unsigned char *members = row;
	if (cursor->selected_count < cursor->table->column_count)
		row_clear(cursor->table, members);
	for (size_t i = 0; i < cursor->selected_count; i++) {
		if (cursor->selected[i].type == COLUMN_TYPE_INTEGER) {
			int64_t value = sqlite3_column_int64(cursor->statement, (int)i);
			memcpy(members + cursor->selected[i].offset, &value, sizeof value);
		} else {
			const char *value =
				(const char *)sqlite3_column_text(cursor->statement, (int)i);
			if (value == NULL)
				value = "";
			memcpy(members + cursor->selected[i].offset, &value, sizeof value);
		}
	}
	cursor->rows++;
	return 1;
}

void trace_cursor_close(struct trace_cursor *cursor)
{
	if (cursor == NULL)
		return;
	sqlite3_finalize(cursor->statement);
	free(cursor);
}

bool trace_reader_count(struct trace_reader *reader, enum trace_table table, int64_t *count,
			struct error *error)
{
	*count = 0;
	if (reader->present[table] == 0)
		return true;
	struct text sql;
	text_begin(&sql, SQL_BYTES_MAX);
	text_add_format(&sql, "SELECT count(*) FROM \"%s\"", trace_tables[table].name);
	bool ok = reader_read_integer(reader, text_string(&sql), count, error);
	text_end(&sql);
	return ok;
}

static bool reader_add_far_string(struct trace_reader *reader, int64_t string_id, const char *text)
{
	const char **texts =
		array_grow(reader->far_texts, &reader->far_room, reader->far_count, sizeof *texts);
	if (texts == NULL)
		return false;
	reader->far_texts = texts;
	reader->far_texts[reader->far_count] = text;
	return id_map_put(&reader->far_strings, (uint64_t)string_id, (int64_t)reader->far_count++);
}

bool trace_reader_load_strings(struct trace_reader *reader, struct error *error)
{
	if (reader->strings != NULL)
		return true;
	struct trace_cursor *cursor = NULL;
	int64_t count = 0;
	if (!trace_reader_count(reader, TABLE_string, &count, error) ||
	    !trace_reader_select(reader, TABLE_string, 0, -1, &cursor, error))
		return false;
	reader->string_count = count + 1;	/* our writers number densely from 1 */
	reader->strings = calloc((size_t)reader->string_count, sizeof *reader->strings);
	bool ok = reader->strings != NULL;
	struct string_row row;
	int result = 0;
	while (ok && (result = trace_cursor_next(cursor, &row, error)) == 1) {
		const char *text = arena_copy_text(reader->arena, row.value, strlen(row.value));
		ok = text != NULL;
		if (!ok)
			break;
		if (row.string_id >= 0 && row.string_id < reader->string_count)
			reader->strings[row.string_id] = text;
		else
			ok = reader_add_far_string(reader, row.string_id, text);
	}
	trace_cursor_close(cursor);
	if (!ok)
		return fail(error, ERROR_SYSTEM, "cannot read '%s': no memory for its texts",
			    reader->path);
	return result == 0;
}

const char *trace_reader_string(const struct trace_reader *reader, int64_t string_id)
{
	const char *text = NULL;
	int64_t at = 0;
	if (string_id >= 0 && string_id < reader->string_count)
		text = reader->strings[string_id];
	else if (id_map_get(&reader->far_strings, (uint64_t)string_id, &at))
		text = reader->far_texts[at];
	return text == NULL ? "" : text;
}
