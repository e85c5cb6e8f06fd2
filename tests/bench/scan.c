/* SPDX-License-Identifier: MIT */
/*
 * The bare baseline of reading: `scan DATABASE SQL...` steps through each SELECT and touches every
 * column, which is the least that any program reading these columns through SQLite must do.
 */
#include "tests/bench/bench.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	if (argc < 3)
		bench_fail("usage", "scan DATABASE SQL...");
	sqlite3 *db = NULL;
	if (sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		bench_fail(argv[1], "cannot open");
	(void)sqlite3_exec(db, "PRAGMA cache_size=-65536", NULL, NULL, NULL);
	uint64_t sum = 0;
	int64_t rows = 0;
	for (int i = 2; i < argc; i++) {
		sqlite3_stmt *statement = NULL;
		if (sqlite3_prepare_v2(db, argv[i], -1, &statement, NULL) != SQLITE_OK)
			bench_fail(argv[i], sqlite3_errmsg(db));
		int columns = sqlite3_column_count(statement);
		while (sqlite3_step(statement) == SQLITE_ROW) {
			rows++;
			for (int column = 0; column < columns; column++)
				sum += (uint64_t)sqlite3_column_int64(statement, column);
		}
		sqlite3_finalize(statement);
	}
	sqlite3_close(db);
	printf("%" PRId64 " rows, sum %" PRIu64 "\n", rows, sum);
	return 0;
}
