/* SPDX-License-Identifier: MIT */
#include "tracedb/writer.h"

#include "base/array.h"
#include "base/id_map.h"
#include "base/text.h"
#include "tracedb/row_batch.h"
#include "tracedb/row_binding.h"
#include "tracedb/schema.h"

#include <inttypes.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	COMMIT_ROWS = 65536,
	COMMIT_NS = 200 * 1000 * 1000,
	LOSS_ROWS_MAX = 1024,	/* distinct (source, reason) pairs; more fall into one row */
	SQL_BYTES_MAX = 64 * 1024,
};

/* One row of `loss` under construction. */
struct loss_entry {
	char *source;
	char *reason;
	struct loss_row row;
	bool is_dirty;
};

struct trace_writer {
	sqlite3 *db;
	char *path;
	sqlite3_stmt *insert[TABLE_COUNT];
	sqlite3_stmt *replace[TABLE_COUNT];
	struct row_batch *batch[TABLE_COUNT];	/* instead of insert ... */
	bool is_batched[TABLE_COUNT];		/* ... where it suits */
	sqlite3_stmt *begin, *commit, *put_loss;
	int64_t count[TABLE_COUNT];
	int64_t commit_rows, commit_ns;
	int64_t rows_open;	/* rows since BEGIN */
	int64_t begun_ns;	/* CLOCK_MONOTONIC of BEGIN */
	bool is_open;		/* a transaction is open */
	bool is_bulk;
	struct bytes_map strings, shapes, streams, losses;
	int64_t string_count, shape_count, stream_count;
	struct loss_entry *loss;
	size_t loss_count, loss_room;
};

static int64_t monotonic_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool writer_fail(struct trace_writer *writer, const char *what, struct error *error)
{
	return fail(error, ERROR_SYSTEM, "cannot write '%s': %s: %s", writer->path, what,
		    writer->db == NULL ? "no database" : sqlite3_errmsg(writer->db));
}

static bool writer_execute(struct trace_writer *writer, const char *sql, struct error *error)
{
	if (sqlite3_exec(writer->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return writer_fail(writer, "cannot set up the tables", error);
	return true;
}

static bool writer_prepare(struct trace_writer *writer, const char *sql, sqlite3_stmt **statement,
			   struct error *error)
{
	if (sqlite3_prepare_v3(writer->db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) !=
	    SQLITE_OK)
		return writer_fail(writer, sql, error);
	return true;
}

static bool writer_create_tables(struct trace_writer *writer, struct error *error)
{
	struct text sql;
	text_begin(&sql, SQL_BYTES_MAX);
	text_add_format(&sql, "BEGIN;PRAGMA application_id=%d;PRAGMA user_version=%d;\n",
			TRACEDB_APPLICATION_ID, TRACEDB_VERSION);
	for (int table = 0; table < TABLE_COUNT; table++)
		schema_add_create(&sql, &trace_tables[table]);
	text_add(&sql, "COMMIT;");
	bool ok = text_is_ok(&sql) ? writer_execute(writer, text_string(&sql), error) :
		fail(error, ERROR_SYSTEM, "cannot write '%s': no memory", writer->path);
	text_end(&sql);
	return ok;
}

/*
 * The schema is committed before WAL is switched on: identity and version then stand in the main
 * file from the first moment, so that a trace of a process killed at once is still recognised.
 *
 * synchronous=OFF: a killed process loses nothing that was committed (the page cache is the
 * kernel's); only a power cut can. A guest must not wait for somebody's disk.
 */
static bool writer_set_up(struct trace_writer *writer, struct error *error)
{
	static const char *const common = "PRAGMA synchronous=OFF;PRAGMA temp_store=MEMORY;"
		"PRAGMA cache_size=-8192;";
	if (!writer_execute(writer, common, error))
		return false;
	if (writer->is_bulk && !writer_execute(writer, "PRAGMA locking_mode=EXCLUSIVE;"
					       "PRAGMA journal_mode=OFF;", error))
		return false;
	if (!writer_create_tables(writer, error))
		return false;
	if (!writer->is_bulk && !writer_execute(writer, "PRAGMA journal_mode=WAL;"
						"PRAGMA wal_autocheckpoint=4000;", error))
		return false;
	return writer_prepare(writer, "BEGIN", &writer->begin, error) &&
	       writer_prepare(writer, "COMMIT", &writer->commit, error) &&
	       writer_prepare(writer,
			      "INSERT OR REPLACE INTO loss (rowid, source, reason, \"count\", "
			      "first_ns, last_ns) VALUES (?1,?2,?3,?4,?5,?6)",
			      &writer->put_loss, error);
}

static void writer_free(struct trace_writer *writer)
{
	for (int table = 0; table < TABLE_COUNT; table++) {
		sqlite3_finalize(writer->insert[table]);
		sqlite3_finalize(writer->replace[table]);
		row_batch_close(writer->batch[table]);
	}
	sqlite3_finalize(writer->begin);
	sqlite3_finalize(writer->commit);
	sqlite3_finalize(writer->put_loss);
	sqlite3_close(writer->db);
	bytes_map_end(&writer->strings);
	bytes_map_end(&writer->shapes);
	bytes_map_end(&writer->streams);
	bytes_map_end(&writer->losses);
	for (size_t i = 0; i < writer->loss_count; i++) {
		free(writer->loss[i].source);
		free(writer->loss[i].reason);
	}
	free(writer->loss);
	free(writer->path);
	free(writer);
}

static void files_remove(const char *path)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
	char name[4096];
	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
		int length = snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
		if (length > 0 && (size_t)length < sizeof name)
			(void)unlink(name);
	}
}

/*
 * SQLite gives its -wal and -shm the permissions of the file. A umask can only take some away: one
 * that takes all would shut out ourselves.
 */
static bool file_create(const char *path, bool is_private)
{
	const mode_t mode = is_private ? 0600 : 0666;
	int file = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, mode);
	if (file < 0)
		return false;
	if (is_private)
		(void)fchmod(file, mode);
	(void)close(file);
	return true;
}

bool trace_writer_create(struct trace_writer **out, const char *path,
			 const struct trace_writer_options *options, struct error *error)
{
	static const struct trace_writer_options defaults;
	*out = NULL;
	if (options == NULL)
		options = &defaults;
	if (!file_create(path, options->is_private))
		return fail(error, ERROR_SYSTEM, "cannot create '%s': %s", path, strerror(errno));

	struct trace_writer *writer = calloc(1, sizeof *writer);
	if (writer == NULL || (writer->path = strdup(path)) == NULL) {
		free(writer);
		(void)unlink(path);
		return fail(error, ERROR_SYSTEM, "cannot create '%s': no memory", path);
	}
	writer->commit_rows = options->commit_rows > 0 ? options->commit_rows : COMMIT_ROWS;
	writer->commit_ns = options->commit_ns > 0 ? options->commit_ns : COMMIT_NS;
	writer->is_bulk = options->is_bulk;
	for (int table = 0; table < TABLE_COUNT; table++)
		writer->is_batched[table] = row_batch_suits(&trace_tables[table]);
	int result = sqlite3_open_v2(path, &writer->db,
				     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
					     SQLITE_OPEN_PRIVATECACHE,
				     NULL);
	bool ok = result == SQLITE_OK ? writer_set_up(writer, error) :
		writer_fail(writer, "cannot open", error);
	if (!ok) {
		writer_free(writer);
		files_remove(path);
		return false;
	}
	*out = writer;
	return true;
}

static bool writer_begin(struct trace_writer *writer, struct error *error)
{
	int result = sqlite3_step(writer->begin);
	(void)sqlite3_reset(writer->begin);
	if (result != SQLITE_DONE)
		return writer_fail(writer, "BEGIN", error);
	writer->is_open = true;
	writer->rows_open = 0;
	writer->begun_ns = monotonic_ns();
	return true;
}

static bool writer_put_single(struct trace_writer *writer, enum trace_table table,
			      const void *row, int is_replace, struct error *error)
{
	const struct table_descriptor *descriptor = &trace_tables[table];
	sqlite3_stmt **statement = is_replace ? &writer->replace[table] : &writer->insert[table];
	if (*statement == NULL) {
		struct text sql;
		text_begin(&sql, SQL_BYTES_MAX);
		schema_add_insert(&sql, descriptor, 1, is_replace);
		bool ok = text_is_ok(&sql) ?
			writer_prepare(writer, text_string(&sql), statement, error) :
			fail(error, ERROR_SYSTEM, "cannot write '%s': no memory", writer->path);
		text_end(&sql);
		if (!ok)
			return false;
	}
	row_bind(*statement, descriptor, row, 0);
	bool ok = sqlite3_step(*statement) == SQLITE_DONE ||
		writer_fail(writer, descriptor->name, error);
	(void)sqlite3_reset(*statement);
	return ok;
}

static bool writer_put_batched(struct trace_writer *writer, enum trace_table table,
			       const void *row, struct error *error)
{
	struct error reason;
	struct row_batch **batch = &writer->batch[table];
	if (*batch == NULL)
		*batch = row_batch_create(writer->db, &trace_tables[table], &reason);
	if (*batch != NULL && row_batch_put(*batch, row, &reason))
		return true;
	return fail(error, ERROR_SYSTEM, "cannot write '%s': %s", writer->path, reason.message);
}

static bool writer_put(struct trace_writer *writer, enum trace_table table, const void *row,
		       int is_replace, struct error *error)
{
	if (!writer->is_open && !writer_begin(writer, error))
		return false;
	if (!(writer->is_batched[table] && !is_replace
		      ? writer_put_batched(writer, table, row, error)
		      : writer_put_single(writer, table, row, is_replace, error)))
		return false;
	writer->count[table]++;
	writer->rows_open++;
	if (writer->rows_open >= writer->commit_rows)
		return trace_writer_commit(writer, error);
	return true;
}

bool trace_writer_put(struct trace_writer *writer, enum trace_table table, const void *row,
		      struct error *error)
{
	return writer_put(writer, table, row, 0, error);
}

bool trace_writer_replace(struct trace_writer *writer, enum trace_table table, const void *row,
			  struct error *error)
{
	return writer_put(writer, table, row, 1, error);
}

bool trace_writer_drop_open_gap(struct trace_writer *writer, int64_t start_ns, int64_t source_id,
				struct error *error)
{
	struct error reason;
	struct row_batch *batch = writer->batch[TABLE_capture_gap];
	char sql[160];
	if (!writer->is_open && !writer_begin(writer, error))
		return false;
	if (batch != NULL && !row_batch_flush(batch, &reason))
		return fail(error, ERROR_SYSTEM, "cannot write '%s': %s", writer->path,
			    reason.message);
	(void)snprintf(sql, sizeof sql,
		       "DELETE FROM capture_gap WHERE start_ns = %" PRId64
		       " AND source_id = %" PRId64 " AND duration_ns = -1",
		       start_ns, source_id);
	return sqlite3_exec(writer->db, sql, NULL, NULL, NULL) == SQLITE_OK ||
		writer_fail(writer, "capture_gap", error);
}

static bool writer_put_losses(struct trace_writer *writer, struct error *error)
{
	for (size_t i = 0; i < writer->loss_count; i++) {
		struct loss_entry *entry = &writer->loss[i];
		if (!entry->is_dirty)
			continue;
		if (!writer->is_open && !writer_begin(writer, error))
			return false;
		sqlite3_stmt *put = writer->put_loss;
		(void)sqlite3_bind_int64(put, 1, (int64_t)i + 1);
		(void)sqlite3_bind_text(put, 2, entry->source, -1, SQLITE_STATIC);
		(void)sqlite3_bind_text(put, 3, entry->reason, -1, SQLITE_STATIC);
		(void)sqlite3_bind_int64(put, 4, entry->row.count);
		(void)sqlite3_bind_int64(put, 5, entry->row.first_ns);
		(void)sqlite3_bind_int64(put, 6, entry->row.last_ns);
		int result = sqlite3_step(put);
		(void)sqlite3_reset(put);
		if (result != SQLITE_DONE)
			return writer_fail(writer, "loss", error);
		entry->is_dirty = false;
	}
	return true;
}

bool trace_writer_commit(struct trace_writer *writer, struct error *error)
{
	if (!writer_put_losses(writer, error))
		return false;
	if (!writer->is_open)
		return true;
	for (int table = 0; table < TABLE_COUNT; table++) {
		struct error reason;
		if (writer->batch[table] != NULL &&
		    !row_batch_flush(writer->batch[table], &reason))
			return fail(error, ERROR_SYSTEM, "cannot write '%s': %s", writer->path,
				    reason.message);
	}
	int result = sqlite3_step(writer->commit);
	(void)sqlite3_reset(writer->commit);
	if (result != SQLITE_DONE)
		return writer_fail(writer, "COMMIT", error);
	writer->is_open = false;
	return true;
}

bool trace_writer_tick(struct trace_writer *writer, struct error *error)
{
	if (!writer->is_open || monotonic_ns() - writer->begun_ns < writer->commit_ns)
		return true;
	return trace_writer_commit(writer, error);
}

int64_t trace_writer_count(const struct trace_writer *writer, enum trace_table table)
{
	return writer->count[table];
}

bool trace_writer_string(struct trace_writer *writer, const char *bytes, size_t length,
			 int64_t *string_id, struct error *error)
{
	*string_id = 0;
	if (length == 0 || bytes == NULL)
		return true;
	length = strnlen(bytes, length);
	if (length == 0 || bytes_map_get(&writer->strings, bytes, length, string_id))
		return true;
	char *copy = strndup(bytes, length);
	if (copy == NULL)
		return fail(error, ERROR_SYSTEM, "cannot write '%s': no memory", writer->path);
	struct string_row row = { .string_id = writer->string_count + 1, .value = copy };
	bool ok = writer_put(writer, TABLE_string, &row, 0, error);
	free(copy);
	if (!ok)
		return false;
	if (!bytes_map_put(&writer->strings, bytes, length, row.string_id))
		return fail(error, ERROR_SYSTEM, "cannot write '%s': no memory", writer->path);
	*string_id = ++writer->string_count;
	return true;
}

bool trace_writer_kernel_symbol(struct trace_writer *writer, struct kernel_symbol_row *shape,
				struct error *error)
{
	shape->kernel_id = 0;
	int64_t id = 0;
	if (!bytes_map_get(&writer->shapes, shape, sizeof *shape, &id)) {
		id = writer->shape_count + 1;
		if (!bytes_map_put(&writer->shapes, shape, sizeof *shape, id))
			return fail(error, ERROR_SYSTEM, "cannot write '%s': no memory",
				    writer->path);
		writer->shape_count = id;
		shape->kernel_id = id;
		return writer_put(writer, TABLE_kernel_symbol, shape, 0, error);
	}
	shape->kernel_id = id;
	return true;
}

bool trace_writer_stream(struct trace_writer *writer, struct stream_row *stream,
			 struct error *error)
{
	const int64_t key[3] = { stream->device_id, stream->context_id, stream->number };
	if (bytes_map_get(&writer->streams, key, sizeof key, &stream->stream_id))
		return true;
	stream->stream_id = writer->stream_count + 1;
	if (!bytes_map_put(&writer->streams, key, sizeof key, stream->stream_id))
		return fail(error, ERROR_SYSTEM, "cannot write '%s': no memory", writer->path);
	writer->stream_count++;
	return writer_put(writer, TABLE_stream, stream, 0, error);
}

static struct loss_entry *writer_add_loss(struct trace_writer *writer, const char *source,
					  const char *reason)
{
	struct loss_entry *loss =
		array_grow(writer->loss, &writer->loss_room, writer->loss_count, sizeof *loss);
	if (loss == NULL)
		return NULL;
	writer->loss = loss;
	struct loss_entry *entry = &loss[writer->loss_count];
	*entry = (struct loss_entry){ .source = strdup(source), .reason = strdup(reason),
				      .row = { .first_ns = -1, .last_ns = -1 } };
	if (entry->source == NULL || entry->reason == NULL) {
		free(entry->source);
		free(entry->reason);
		return NULL;
	}
	writer->loss_count++;
	return entry;
}

/* Index of the row for (source, reason), made if missing; -1 when memory is short. */
static int64_t writer_find_loss(struct trace_writer *writer, const char *source, const char *reason)
{
	char key[512];
	int length = snprintf(key, sizeof key, "%s\n%s", source, reason);
	if (length < 0)
		return -1;
	size_t size = (size_t)length < sizeof key ? (size_t)length : sizeof key - 1;
	int64_t index = 0;
	if (bytes_map_get(&writer->losses, key, size, &index))
		return index;
	/* Reasons can hold names from a hostile file: the number of distinct rows stays bounded. */
	if (writer->loss_count >= LOSS_ROWS_MAX - 1 && strcmp(reason, "other reasons") != 0)
		return writer_find_loss(writer, "other", "other reasons");
	index = (int64_t)writer->loss_count;
	if (writer_add_loss(writer, source, reason) == NULL ||
	    !bytes_map_put(&writer->losses, key, size, index))
		return -1;
	return index;
}

bool trace_writer_loss(struct trace_writer *writer, const char *source, const char *reason,
		       int64_t count, int64_t at_ns, struct error *error)
{
	int64_t index = writer_find_loss(writer, source, reason);
	if (index < 0)
		return fail(error, ERROR_SYSTEM, "cannot write '%s': no memory", writer->path);
	struct loss_row *row = &writer->loss[index].row;
	row->count += count;
	if (row->first_ns < 0 || (at_ns >= 0 && at_ns < row->first_ns))
		row->first_ns = at_ns;
	if (at_ns > row->last_ns)
		row->last_ns = at_ns;
	writer->loss[index].is_dirty = true;
	return true;
}

bool trace_writer_close(struct trace_writer *writer, struct error *error)
{
	if (writer == NULL)
		return true;
	bool ok = trace_writer_commit(writer, error);
	/*
	 * Fold the journal in, so that the file stands alone. A reader at work forbids it: then it
	 * stays WAL.
	 */
	if (ok && !writer->is_bulk)
		(void)sqlite3_exec(writer->db, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
	writer_free(writer);
	return ok;
}

void trace_writer_abandon(struct trace_writer *writer)
{
	if (writer == NULL)
		return;
	char *path = writer->path;
	writer->path = NULL;
	writer_free(writer);
	files_remove(path);
	free(path);
}
