/* SPDX-License-Identifier: MIT */
#include "tracedb/row_binding.h"

#include <sqlite3.h>
#include <string.h>

void row_bind(sqlite3_stmt *statement, const struct table_descriptor *table, const void *row,
	      int bound)
{
	const unsigned char *members = row;
	for (size_t i = 0; i < table->column_count; i++) {
		const struct column_descriptor *column = &table->columns[i];
		if (column->type == COLUMN_TYPE_INTEGER) {
			int64_t value;
			memcpy(&value, members + column->offset, sizeof value);
			(void)sqlite3_bind_int64(statement, bound + (int)i + 1, value);
		} else {
			const char *value;
			memcpy(&value, members + column->offset, sizeof value);
			(void)sqlite3_bind_text(statement, bound + (int)i + 1,
						value == NULL ? "" : value, -1, SQLITE_STATIC);
		}
	}
}
