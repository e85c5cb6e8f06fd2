/* SPDX-License-Identifier: MIT */
#include "tracedb/nsys_writer.h"

#include "base/id_map.h"
#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_BYTES_MAX = 256 * 1024 * 1024 };

struct nsys_writer {
	sqlite3 *db;
	const char *output;		/* the final name; the caller's */
	int file;			/* the same file, for who reads it */
	sqlite3_stmt *inserts[NSYS_TABLE_COUNT];
	size_t column_counts[NSYS_TABLE_COUNT];
	struct bytes_map strings;
	int64_t string_count;
	struct text sql;
	struct text clean;		/* texts that were no UTF-8, of one row */
	int64_t rows;
	int64_t tables;
};

static bool writer_fail(struct nsys_writer *writer, struct error *error)
{
	return fail(error, ERROR_SYSTEM, "cannot write '%s': %s", writer->output,
		    writer->db == NULL ? "no memory" : sqlite3_errmsg(writer->db));
}

static bool no_memory(struct error *error)
{
	return fail(error, ERROR_SYSTEM, "no memory to export");
}

static bool run(struct nsys_writer *writer, const char *sql, struct error *error)
{
	return sqlite3_exec(writer->db, sql, NULL, NULL, NULL) == SQLITE_OK ||
	       writer_fail(writer, error);
}

/* A template for mkstemp: beside the final name, so that the space is that of the same disk. */
static void template_make(struct text *path, const char *output)
{
	struct stat status;
	const char *slash = strrchr(output, '/');
	bool exists = stat(output, &status) == 0;
	if (strcmp(output, "-") == 0 || (exists && !S_ISREG(status.st_mode))) {
		const char *folder = getenv("TMPDIR");
		text_add(path, folder != NULL && folder[0] != 0 ? folder : "/tmp");
		text_add_char(path, '/');
	} else if (slash != NULL) {
		text_add_bytes(path, output, (size_t)(slash - output) + 1);
	} else {
		text_add(path, "./");
	}
	text_add(path, "laggard-export.XXXXXX");
}

static bool database_open(struct nsys_writer *writer, const char *output, struct error *error)
{
	struct text path;
	text_begin(&path, 1 << 16);
	template_make(&path, output);
	if (!text_is_ok(&path)) {
		text_end(&path);
		return no_memory(error);
	}
	writer->file = mkstemp(path.bytes);
	if (writer->file < 0) {
		(void)fail(error, ERROR_SYSTEM, "cannot write '%s': %s", output, strerror(errno));
		text_end(&path);
		return false;
	}
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
	int result = sqlite3_open_v2(path.bytes, &writer->db, flags, NULL);
	/* SQLite has it open: from here on it needs no name, and nobody else finds it. */
	(void)unlink(path.bytes);
	text_end(&path);
	return (result == SQLITE_OK || writer_fail(writer, error)) &&
	       run(writer,
		   "PRAGMA page_size = 4096; PRAGMA encoding = 'UTF-8'; PRAGMA journal_mode = OFF;"
		   "PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;"
		   "PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;"
		   "PRAGMA application_id = " NSYS_OWN_ID_TEXT "; BEGIN",
		   error);
}

bool nsys_writer_open(struct nsys_writer **out, const char *path, struct error *error)
{
	struct nsys_writer *writer = calloc(1, sizeof *writer);
	*out = NULL;
	if (writer == NULL)
		return no_memory(error);
	writer->file = -1;
	writer->output = path;
	text_begin(&writer->sql, 1 << 16);
	text_begin(&writer->clean, TEXT_BYTES_MAX);
	if (!database_open(writer, path, error)) {
		nsys_writer_close(writer);
		return false;
	}
	*out = writer;
	return true;
}

/* "start! text:T" to "start INTEGER NOT NULL, text TEXT"; also counts the columns. */
static size_t add_columns(struct text *sql, const char *columns)
{
	size_t count = 0;
	while (*columns != 0) {
		size_t length = strcspn(columns, " "), name = strcspn(columns, ":!# ");
		const char *mark = columns + name, *end = columns + length;
		const char *type = "INTEGER";
		if (*mark == ':') {
			type = mark[1] == 'T' ? "TEXT" : "REAL";
			mark += 2;
		}
		text_add(sql, count == 0 ? "" : ", ");
		text_add_char(sql, '"');
		text_add_bytes(sql, columns, name);
		text_add_format(sql, "\" %s%s", type,
				mark == end    ? "" :
				*mark == '#' ? " NOT NULL PRIMARY KEY" :
					       " NOT NULL");
		count++;
		columns = end + strspn(end, " ");
	}
	return count;
}

static bool table_make(struct nsys_writer *writer, enum nsys_output_table table,
		       struct error *error)
{
	const struct nsys_schema_table *schema = &nsys_schema[table];
	struct text *sql = &writer->sql;
	text_clear(sql);
	text_add_format(sql, "CREATE TABLE %s (", schema->name);
	size_t count = add_columns(sql, schema->columns);
	text_add_char(sql, ')');
	assert(count <= NSYS_COLUMNS_MAX);
	if (!text_is_ok(sql))
		return no_memory(error);
	if (!run(writer, text_string(sql), error))
		return false;
	writer->column_counts[table] = count;
	text_clear(sql);
	text_add_format(sql, "INSERT INTO %s VALUES (?", schema->name);
	for (size_t i = 1; i < count; i++)
		text_add(sql, ",?");
	text_add_char(sql, ')');
	if (!text_is_ok(sql))
		return no_memory(error);
	writer->tables++;
	return sqlite3_prepare_v3(writer->db, text_string(sql), -1, SQLITE_PREPARE_PERSISTENT,
				  &writer->inserts[table], NULL) == SQLITE_OK ||
	       writer_fail(writer, error);
}

static bool is_clean(const char *bytes)
{
	size_t length = strlen(bytes), size = 1;
	while (length > 0) {
		/* Most texts are ASCII. */
		size = (unsigned char)*bytes < 0x80 ? 1 : utf8_sequence_length(bytes, length);
		if (size == 0)
			return false;
		bytes += size;
		length -= size;
	}
	return true;
}

static int cell_bind(struct nsys_writer *writer, sqlite3_stmt *insert, int column,
		     const struct nsys_cell *cell)
{
	if (cell->type == CELL_INTEGER)
		return sqlite3_bind_int64(insert, column, cell->number);
	if (cell->type == CELL_NULL)
		return sqlite3_bind_null(insert, column);
	if (is_clean(cell->text))
		return sqlite3_bind_text(insert, column, cell->text, -1, SQLITE_STATIC);
	/* Readers in other languages refuse the whole file for one text that is no UTF-8. */
	text_clear(&writer->clean);
	text_add_utf8(&writer->clean, cell->text, strlen(cell->text));
	if (!text_is_ok(&writer->clean))
		return SQLITE_NOMEM;
	return sqlite3_bind_text(insert, column, text_string(&writer->clean), -1,
				 SQLITE_TRANSIENT);
}

bool nsys_writer_put(struct nsys_writer *writer, enum nsys_output_table table,
		     const struct nsys_cell *cells, size_t count, struct error *error)
{
	if (writer->inserts[table] == NULL && !table_make(writer, table, error))
		return false;
	assert(count == writer->column_counts[table]);
	sqlite3_stmt *insert = writer->inserts[table];
	for (size_t i = 0; i < count; i++)
		if (cell_bind(writer, insert, (int)i + 1, &cells[i]) != SQLITE_OK)
			return writer_fail(writer, error);
	int result = sqlite3_step(insert);
	if (sqlite3_reset(insert) != SQLITE_OK || result != SQLITE_DONE)
		return writer_fail(writer, error);
	writer->rows++;
	return true;
}

bool nsys_writer_string(struct nsys_writer *writer, const char *text, int64_t *id,
			struct error *error)
{
	size_t length = strlen(text);
	if (bytes_map_get(&writer->strings, text, length, id))
		return true;
	*id = ++writer->string_count;
	if (!bytes_map_put(&writer->strings, text, length, *id))
		return no_memory(error);
	const struct nsys_cell cells[] = { CELL_OF(*id), { CELL_TEXT, 0, text } };
	return NSYS_PUT(writer, NSYS_STRINGS, cells, error);
}

static bool enum_put(struct nsys_writer *writer, const struct nsys_enum *table,
		     struct error *error)
{
	sqlite3_stmt *insert = NULL;
	char *sql = sqlite3_mprintf("CREATE TABLE %s (id INTEGER NOT NULL PRIMARY KEY, name TEXT, "
				    "label TEXT)", table->table);
	bool ok = sql != NULL ? run(writer, sql, error) : no_memory(error);
	sqlite3_free(sql);
	sql = sqlite3_mprintf("INSERT INTO %s VALUES (?,?,?)", table->table);
	ok = ok && sql != NULL &&
	     sqlite3_prepare_v2(writer->db, sql, -1, &insert, NULL) == SQLITE_OK;
	sqlite3_free(sql);
	for (size_t i = 0; ok && i < table->count; i++) {
		const struct nsys_enum_value *value = &table->values[i];
		ok = sqlite3_bind_int(insert, 1, value->id) == SQLITE_OK &&
		     sqlite3_bind_text(insert, 2, value->name, -1, SQLITE_STATIC) == SQLITE_OK &&
		     sqlite3_bind_text(insert, 3, value->label, -1, SQLITE_STATIC) == SQLITE_OK &&
		     sqlite3_step(insert) == SQLITE_DONE && sqlite3_reset(insert) == SQLITE_OK;
	}
	if (!ok)
		(void)writer_fail(writer, error);
	(void)sqlite3_finalize(insert);
	return ok;
}

bool nsys_writer_enums(struct nsys_writer *writer, struct error *error)
{
	for (const struct nsys_enum *table = nsys_enums; table->table != NULL; table++)
		if (!enum_put(writer, table, error))
			return false;
	return true;
}

int64_t nsys_writer_rows(const struct nsys_writer *writer)
{
	return writer->rows;
}

int64_t nsys_writer_tables(const struct nsys_writer *writer)
{
	return writer->tables;
}

/* Statements first: a database with one of them is not closed. */
static int database_close(struct nsys_writer *writer)
{
	for (size_t i = 0; i < NSYS_TABLE_COUNT; i++) {
		(void)sqlite3_finalize(writer->inserts[i]);
		writer->inserts[i] = NULL;
	}
	int result = sqlite3_close(writer->db);
	writer->db = NULL;
	return result;
}

bool nsys_writer_finish(struct nsys_writer *writer, int *file, struct error *error)
{
	if (!run(writer, "COMMIT", error))
		return false;
	if (database_close(writer) != SQLITE_OK)
		return writer_fail(writer, error);
	*file = writer->file;
	return true;
}

void nsys_writer_close(struct nsys_writer *writer)
{
	if (writer == NULL)
		return;
	(void)database_close(writer);
	if (writer->file >= 0)
		(void)close(writer->file);
	bytes_map_end(&writer->strings);
	text_end(&writer->sql);
	text_end(&writer->clean);
	free(writer);
}
