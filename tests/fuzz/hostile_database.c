/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/hostile_database.h"

#include "tests/fuzz/feed.h"
#include "tests/fuzz/fuzz.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TABLES_MAX = 64,
	COLUMNS_MAX = 64,
	CHANGES_MAX = 48,
	SQL_BYTES_MAX = 256 * 1024,
	STEPS_MAX = 200,	/* times 1000 instructions of SQLite */
	FILE_BYTES_MAX = 4 * 1024 * 1024,
};

struct hostile_table {
	char name[64];
	int column_count;
	char columns[COLUMNS_MAX][40];
	bool is_text[COLUMNS_MAX];
	bool is_strict;
};

struct hostile_base {
	unsigned char *bytes;
	size_t size;
	size_t table_count;
	struct hostile_table tables[TABLES_MAX];
};

static void run_sql(sqlite3 *db, const char *sql)
{
	char *message = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &message) == SQLITE_OK)
		return;
	(void)fprintf(stderr, "%s: %.200s\n", message, sql);
	fuzz_require(false, "SQL of our own runs");
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement = NULL;
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		(void)fprintf(stderr, "%s: %s\n", sqlite3_errmsg(db), sql);
	fuzz_require(statement != NULL, "SQL of our own compiles");
	return statement;
}

static char *file_read(const char *path)
{
	FILE *file = fopen(path, "rbe");
	char *text = calloc(1, SQL_BYTES_MAX);
	if (file == NULL)
		(void)fprintf(stderr, "no %s here: run it from the top folder\n", path);
	fuzz_require(file != NULL && text != NULL, "the base is there");
	fuzz_require(fread(text, 1, SQL_BYTES_MAX - 1, file) > 0, "the base is read");
	(void)fclose(file);
	return text;
}

static void table_describe(sqlite3 *db, struct hostile_table *table)
{
	sqlite3_stmt *statement = prepare(db, "SELECT name, type FROM pragma_table_info(?1)");
	(void)sqlite3_bind_text(statement, 1, table->name, -1, SQLITE_STATIC);
	while (sqlite3_step(statement) == SQLITE_ROW && table->column_count < COLUMNS_MAX) {
		const char *type = (const char *)sqlite3_column_text(statement, 1);
		(void)snprintf(table->columns[table->column_count], sizeof table->columns[0], "%s",
			       (const char *)sqlite3_column_text(statement, 0));
		table->is_text[table->column_count++] = type != NULL && strcmp(type, "TEXT") == 0;
	}
	(void)sqlite3_finalize(statement);
}

static void base_describe(struct hostile_base *base, sqlite3 *db)
{
	sqlite3_stmt *statement = prepare(db, "SELECT name, sql LIKE '%STRICT' FROM sqlite_schema "
					      "WHERE type = 'table' ORDER BY rowid");
	while (sqlite3_step(statement) == SQLITE_ROW && base->table_count < TABLES_MAX) {
		struct hostile_table *table = &base->tables[base->table_count++];
		(void)snprintf(table->name, sizeof table->name, "%s",
			       (const char *)sqlite3_column_text(statement, 0));
		table->is_strict = sqlite3_column_int(statement, 1) != 0;
		table_describe(db, table);
	}
	(void)sqlite3_finalize(statement);
}

struct hostile_base *hostile_base_make(const char *path, const char *sql_path)
{
	struct hostile_base *base = calloc(1, sizeof *base);
	sqlite3 *db = NULL;
	sqlite3_int64 size = 0;
	fuzz_require(base != NULL &&
			     sqlite3_open(path == NULL ? ":memory:" : path, &db) == SQLITE_OK,
		     "the base opens");
	char *sql = file_read(sql_path);
	run_sql(db, "PRAGMA journal_mode=OFF");
	run_sql(db, "PRAGMA page_size=512");
	run_sql(db, sql);
	run_sql(db, "VACUUM");
	free(sql);
	base_describe(base, db);
	unsigned char *image = sqlite3_serialize(db, "main", &size, 0);
	base->bytes = malloc((size_t)size);
	fuzz_require(image != NULL && base->bytes != NULL, "memory for the base");
	memcpy(base->bytes, image, (size_t)size);
	base->size = (size_t)size;
	sqlite3_free(image);
	(void)sqlite3_close(db);
	return base;
}

static void value_bind(sqlite3_stmt *statement, int at, const struct hostile_table *table,
		       int column, struct feed *feed)
{
	char text[FEED_TEXT_BYTES];
	bool is_text = table->is_text[column];
	uint8_t kind = table->is_strict ? 0 : feed_byte(feed);
	if (kind >= 0xf0)
		(void)sqlite3_bind_null(statement, at);
	else if (kind >= 0xe0)
		(void)sqlite3_bind_double(statement, at, (double)feed_integer(feed) * 1e3);
	else if (kind >= 0xd0)
		(void)sqlite3_bind_blob(statement, at, feed_text(feed, text),
					(int)feed_below(feed, 64), SQLITE_TRANSIENT);
	else if (is_text == (kind < 0xc0))
		(void)sqlite3_bind_text(statement, at, feed_text(feed, text), -1, SQLITE_TRANSIENT);
	else
		(void)sqlite3_bind_int64(statement, at, feed_integer(feed));
}

/* A copy of one of its rows in which some columns differ. */
static void row_add(sqlite3 *db, const struct hostile_table *table, struct feed *feed)
{
	char sql[1024];
	(void)snprintf(sql, sizeof sql, "SELECT * FROM \"%s\" LIMIT 1 OFFSET ?1", table->name);
	sqlite3_stmt *from = prepare(db, sql);
	(void)sqlite3_bind_int(from, 1, feed_byte(feed) % 4);
	int length =
		snprintf(sql, sizeof sql, "INSERT OR REPLACE INTO \"%s\" VALUES (?", table->name);
	for (int i = 1; i < table->column_count && length < (int)sizeof sql - 3; i++)
		length += snprintf(sql + length, sizeof sql - (size_t)length, ",?");
	(void)snprintf(sql + length, sizeof sql - (size_t)length, ")");
	sqlite3_stmt *into = prepare(db, sql);
	bool has_row = sqlite3_step(from) == SQLITE_ROW;
	for (int i = 0; has_row && i < table->column_count; i++)
		(void)sqlite3_bind_value(into, i + 1, sqlite3_column_value(from, i));
	for (size_t changes = 1 + feed_below(feed, 4); changes > 0; changes--) {
		int column = (int)feed_below(feed, (size_t)table->column_count);
		value_bind(into, column + 1, table, column, feed);
	}
	(void)sqlite3_step(into);
	(void)sqlite3_finalize(into);
	(void)sqlite3_finalize(from);
}

static void column_change(sqlite3 *db, const struct hostile_table *table, struct feed *feed)
{
	char sql[256];
	int column = (int)feed_below(feed, (size_t)table->column_count);
	(void)snprintf(sql, sizeof sql, "UPDATE OR IGNORE \"%s\" SET \"%s\" = ?1", table->name,
		       table->columns[column]);
	sqlite3_stmt *statement = prepare(db, sql);
	value_bind(statement, 1, table, column, feed);
	(void)sqlite3_step(statement);
	(void)sqlite3_finalize(statement);
}

static void rows_change(const struct hostile_base *base, sqlite3 *db, struct feed *feed)
{
	char sql[256];
	for (int i = 0; i < CHANGES_MAX && feed->left > 0; i++) {
		const struct hostile_table *table =
			&base->tables[feed_below(feed, base->table_count)];
		uint8_t action = feed_byte(feed) % 16;
		if (action < 10) {
			row_add(db, table, feed);
		} else if (action < 15) {
			column_change(db, table, feed);
		} else {
			(void)snprintf(sql, sizeof sql, "DELETE FROM \"%s\"", table->name);
			run_sql(db, sql);
		}
	}
}

/* SQL of a stranger may neither touch other files nor run for long. */
static int sql_allow(void *context, int action, const char *a, const char *b, const char *c,
		     const char *d)
{
	(void)context;
	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return action == SQLITE_ATTACH || action == SQLITE_DETACH ? SQLITE_DENY : SQLITE_OK;
}

static int steps_count(void *context)
{
	int *steps = context;
	return ++*steps > STEPS_MAX;
}

static void strangers_sql_run(sqlite3 *db, const uint8_t *bytes, size_t size)
{
	int steps = 0;
	char *sql = calloc(1, size + 1);
	fuzz_require(sql != NULL, "memory for the SQL");
	memcpy(sql, bytes, size);
	(void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 1000000);
	(void)sqlite3_limit(db, SQLITE_LIMIT_VDBE_OP, 25000);
	(void)sqlite3_set_authorizer(db, sql_allow, NULL);
	sqlite3_progress_handler(db, 1000, steps_count, &steps);
	(void)sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_progress_handler(db, 0, NULL, NULL);
	(void)sqlite3_set_authorizer(db, NULL, NULL);
	(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	free(sql);
}

static void file_write(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "wbe");
	fuzz_require(file != NULL && fwrite(bytes, 1, size, file) == size && fclose(file) == 0,
		     "the database is written");
}

static sqlite3 *base_open(const struct hostile_base *base)
{
	sqlite3 *db = NULL;
	unsigned char *image = sqlite3_malloc64(base->size);
	fuzz_require(image != NULL && sqlite3_open(":memory:", &db) == SQLITE_OK, "memory");
	memcpy(image, base->bytes, base->size);
	fuzz_require(sqlite3_deserialize(db, "main", image, (sqlite3_int64)base->size,
					 (sqlite3_int64)base->size,
					 SQLITE_DESERIALIZE_FREEONCLOSE |
						 SQLITE_DESERIALIZE_RESIZEABLE) == SQLITE_OK,
		     "the base is read back");
	sqlite3_int64 limit = FILE_BYTES_MAX;
	(void)sqlite3_file_control(db, "main", SQLITE_FCNTL_SIZE_LIMIT, &limit);
	return db;
}

static void database_save(sqlite3 *db, const char *path)
{
	sqlite3_int64 size = 0;
	const unsigned char *image = sqlite3_serialize(db, "main", &size, SQLITE_SERIALIZE_NOCOPY);
	file_write(path, image == NULL ? (const unsigned char *)"" : image,
		   image == NULL ? 0 : (size_t)size);
	(void)sqlite3_close(db);
}

static void bytes_change(const struct hostile_base *base, struct feed *feed, const char *path)
{
	unsigned char *copy = malloc(base->size);
	fuzz_require(copy != NULL, "memory for a copy");
	memcpy(copy, base->bytes, base->size);
	size_t size = base->size;
	while (feed->left > 0) {
		size_t at = feed_below(feed, 65536) % base->size;
		uint8_t value = feed_byte(feed);
		copy[at] = value;
		if (value == 0x7e)	/* a cut file */
			size = at;
	}
	file_write(path, copy, size);
	free(copy);
}

void hostile_database_write(const struct hostile_base *base, const uint8_t *bytes, size_t size,
			    const char *path)
{
	struct feed feed = { bytes, size };
	uint8_t how = size == 0 ? 0 : bytes[0];
	if (how == 'e') {
		(void)feed_byte(&feed);
		bytes_change(base, &feed, path);
	} else if (how == 'r' || how == '-') {
		sqlite3 *db = base_open(base);
		(void)feed_byte(&feed);
		if (how == 'r')
			rows_change(base, db, &feed);
		else
			strangers_sql_run(db, bytes, size);
		database_save(db, path);
	} else {
		file_write(path, bytes, size);
	}
}

void hostile_base_write(const struct hostile_base *base, const char *sql, const char *path)
{
	sqlite3 *db = base_open(base);
	if (sql != NULL)
		run_sql(db, sql);
	database_save(db, path);
}
