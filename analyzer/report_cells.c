/* SPDX-License-Identifier: MIT */
#include "analyzer/report_cells.h"

enum { RATE_DECIMALS = 2, RATE_MAX = 99999 };

void cell_time(struct report_table *table, int64_t ns, const struct time_unit *unit)
{
	number_add_time(table_open_cell(table), ns, unit);
	table_close_cell(table);
}

void cell_time_or_dash(struct report_table *table, int64_t ns, const struct time_unit *unit)
{
	if (ns < 0)
		table_add(table, "-");
	else
		cell_time(table, ns, unit);
}

void cell_percent(struct report_table *table, int64_t part, int64_t whole)
{
	number_add_percent(table_open_cell(table), part, whole);
	table_close_cell(table);
}

void cell_percent_e12(struct report_table *table, int64_t share_e12)
{
	if (share_e12 < 0)
		text_add(table_open_cell(table), "-");
	else
		number_add_percent_e12(table_open_cell(table), share_e12);
	table_close_cell(table);
}

void cell_percent_bare(struct report_table *table, int64_t part, int64_t whole)
{
	number_add_percent_bare(table_open_cell(table), part, whole);
	table_close_cell(table);
}

void cell_count(struct report_table *table, int64_t count)
{
	number_add_count(table_open_cell(table), count);
	table_close_cell(table);
}

void cell_integer_or_dash(struct report_table *table, int64_t value)
{
	if (value < 0)
		text_add(table_open_cell(table), "-");
	else
		text_add_integer(table_open_cell(table), value);
	table_close_cell(table);
}

void cell_size_or_dash(struct report_table *table, int64_t bytes)
{
	if (bytes < 0)
		text_add(table_open_cell(table), "-");
	else
		text_add_size(table_open_cell(table), bytes);
	table_close_cell(table);
}

void cell_rate_or_dash(struct report_table *table, int64_t bytes, int64_t ns)
{
	/* GB/s; more than that only a size that cannot be true makes. */
	if (ns > 0 && bytes / ns > RATE_MAX)
		text_add_format(table_open_cell(table), ">%d", RATE_MAX);
	else if (!number_add_rate(table_open_cell(table), bytes, ns, RATE_DECIMALS))
		text_add(table_open_cell(table), "-");
	table_close_cell(table);
}

void cell_name(struct report_table *table, const char *name, size_t columns_max)
{
	name_add(table_open_cell(table), name, columns_max);
	table_close_cell(table);
}

void cell_gpu_and_rank(struct report_table *table, const struct report *report, size_t gpu)
{
	cell_integer_or_dash(table, (int64_t)gpu);
	cell_integer_or_dash(table, report->traces[report->gpus[gpu].trace].rank);
}
