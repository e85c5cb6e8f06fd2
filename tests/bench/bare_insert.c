/* SPDX-License-Identifier: MIT */
#include "tests/bench/bare_insert.h"

#include "tests/bench/bench.h"
#include "tracedb/writer.h"

#include <sqlite3.h>

enum { TRANSACTION_ROWS = 65536 };	/* the writer's own default */

static void execute(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		bench_fail(sql, sqlite3_errmsg(db));
}

void bare_insert_kernels(const char *path, const struct kernel_row *rows, size_t count)
{
	struct error error;
	struct trace_writer *writer = NULL;
	if (!trace_writer_create(&writer, path, NULL, &error) ||
	    !trace_writer_close(writer, &error))
		bench_fail(path, error.message);
	sqlite3 *db = NULL;
	sqlite3_stmt *insert = NULL;
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		bench_fail(path, "cannot open");
	execute(db, "PRAGMA synchronous=OFF; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8192;"
		"PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=4000");
	if (sqlite3_prepare_v3(db, "INSERT INTO kernel VALUES (?1,?2,?3,?4,?5,?6,?7)", -1,
			       SQLITE_PREPARE_PERSISTENT, &insert, NULL) != SQLITE_OK)
		bench_fail("prepare", sqlite3_errmsg(db));
	execute(db, "BEGIN");
	for (size_t i = 0; i < count; i++) {
		(void)sqlite3_bind_int64(insert, 1, rows[i].start_ns);
		(void)sqlite3_bind_int64(insert, 2, rows[i].duration_ns);
		(void)sqlite3_bind_int64(insert, 3, rows[i].stream_id);
		(void)sqlite3_bind_int64(insert, 4, rows[i].kernel_id);
		(void)sqlite3_bind_int64(insert, 5, rows[i].correlation_id);
		(void)sqlite3_bind_int64(insert, 6, rows[i].graph_id);
		(void)sqlite3_bind_int64(insert, 7, rows[i].graph_node_id);
		if (sqlite3_step(insert) != SQLITE_DONE)
			bench_fail("insert", sqlite3_errmsg(db));
		(void)sqlite3_reset(insert);
		if ((i + 1) % TRANSACTION_ROWS == 0)
			execute(db, "COMMIT; BEGIN");
	}
	execute(db, "COMMIT");
	sqlite3_finalize(insert);
	execute(db, "PRAGMA journal_mode=DELETE");	/* as the writer's close does */
	sqlite3_close(db);
}
