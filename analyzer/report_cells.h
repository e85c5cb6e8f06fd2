/* SPDX-License-Identifier: MIT */
/*
 * Cells of the report's tables, one after the other: what the files of sections share.
 *
 * Thread: one table, one thread.
 */
#ifndef ANALYZER_REPORT_CELLS_H
#define ANALYZER_REPORT_CELLS_H

#include "analyzer/report.h"
#include "analyzer/report_numbers.h"
#include "analyzer/report_table.h"

#include <stdbool.h>
#include <stdint.h>

enum { HEADERS_BYTES = 1024 };

void cell_time(struct report_table *table, int64_t ns, const struct time_unit *unit);
/* "-" below 0 */
void cell_time_or_dash(struct report_table *table, int64_t ns, const struct time_unit *unit);
void cell_percent(struct report_table *table, int64_t part, int64_t whole);
void cell_percent_e12(struct report_table *table, int64_t share_e12);	/* "-" below 0 */
/* For columns whose header says "%": "47.3" */
void cell_percent_bare(struct report_table *table, int64_t part, int64_t whole);
void cell_count(struct report_table *table, int64_t count);
void cell_integer_or_dash(struct report_table *table, int64_t value);
void cell_size_or_dash(struct report_table *table, int64_t bytes);
void cell_rate_or_dash(struct report_table *table, int64_t bytes, int64_t ns);
void cell_name(struct report_table *table, const char *name, size_t columns_max);

/* The GPU's number, and its rank. */
void cell_gpu_and_rank(struct report_table *table, const struct report *report, size_t gpu);

#endif
