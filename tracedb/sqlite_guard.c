/* SPDX-License-Identifier: MIT */
#include "tracedb/sqlite_guard.h"

#include <sqlite3.h>
#include <stdio.h>

bool sqlite_guard(struct sqlite3 *db, int value_bytes_max, int cache_kib)
{
	char sql[200];
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, (int *)NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, (int *)NULL);
	/* A missing column in double quotes is an error, not a text. */
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, (int *)NULL);
	(void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, value_bytes_max);
	(void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	(void)snprintf(sql, sizeof sql, "PRAGMA cell_size_check=ON;PRAGMA mmap_size=0;"
		       "PRAGMA temp_store=MEMORY;PRAGMA cache_size=-%d", cache_kib);
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}
