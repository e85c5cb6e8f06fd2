/* SPDX-License-Identifier: MIT */
#include "analyzer/report_sections.h"

#include "analyzer/ratio.h"
#include "analyzer/report_numbers.h"
#include "tracedb/vocabulary.h"

#include <stdio.h>

enum { KERNEL_COLUMNS = 64, RATE_DECIMALS = 2, HEADERS_BYTES = 256 };

static void cell_time(struct report_table *table, int64_t ns, const struct time_unit *unit)
{
	number_add_time(table_open_cell(table), ns, unit);
	table_close_cell(table);
}

static void cell_percent(struct report_table *table, int64_t part, int64_t whole)
{
	number_add_percent(table_open_cell(table), part, whole);
	table_close_cell(table);
}

static void cell_count(struct report_table *table, int64_t count)
{
	number_add_count(table_open_cell(table), count);
	table_close_cell(table);
}

static void cell_integer_or_dash(struct report_table *table, int64_t value)
{
	if (value < 0)
		text_add(table_open_cell(table), "-");
	else
		text_add_integer(table_open_cell(table), value);
	table_close_cell(table);
}

static void gpu_parts(struct report_table *table, const int64_t parts_ns[4], int64_t window_ns,
		      const struct time_unit *unit)
{
	cell_time(table, window_ns, unit);
	for (int i = 0; i < 4; i++) {
		cell_time(table, parts_ns[i], unit);
		cell_percent(table, parts_ns[i], window_ns);
	}
}

static bool fill_gpus(struct report_table *table, const struct report *report)
{
	const struct report_totals *totals = &report->totals;
	char headers[HEADERS_BYTES];
	if (report->gpu_count == 0)
		return false;
	const struct time_unit *unit = time_unit_for(totals->window_ns);
	(void)snprintf(headers, sizeof headers, "GPU|rank|window %s|compute|%%|comm|%%|copy|%%|"
		       "idle|%%|kernels|copies", unit->name);
	table_begin(table, headers);
	int64_t kernels = 0, copies = 0;
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct report_gpu *gpu = &report->gpus[g];
		const struct partition *partition = &gpu->partition;
		const int64_t parts_ns[4] = { partition->compute_ns, partition->comm_ns,
					      partition->copy_ns, partition->idle_ns };
		cell_integer_or_dash(table, (int64_t)g);
		cell_integer_or_dash(table, report->traces[gpu->trace].rank);
		gpu_parts(table, parts_ns, partition->window_ns, unit);
		cell_count(table, gpu->rows.kernels);
		cell_count(table, gpu->rows.memcpys + gpu->rows.memsets);
		kernels += gpu->rows.kernels;
		copies += gpu->rows.memcpys + gpu->rows.memsets;
	}
	if (report->gpu_count > 1) {
		const int64_t parts_ns[4] = { totals->compute_ns, totals->comm_ns, totals->copy_ns,
			totals->idle_ns };
		table->has_sum_row = true;
		table_add(table, "all");
		table_add(table, "");
		gpu_parts(table, parts_ns, totals->window_ns, unit);
		cell_count(table, kernels);
		cell_count(table, copies);
	}
	return true;
}

static int64_t longest_transfer_ns(const struct report *report)
{
	int64_t longest_ns = 0;
	for (size_t g = 0; g < report->gpu_count; g++)
		for (size_t i = 0; i < report->gpus[g].transfers.kind_count; i++)
			if (report->gpus[g].transfers.by_kind[i].busy_ns > longest_ns)
				longest_ns = report->gpus[g].transfers.by_kind[i].busy_ns;
	return longest_ns;
}

static void transfer_row(struct report_table *table, const struct transfer *transfer,
			 const struct time_unit *unit)
{
	table_add(table, copy_direction_name(transfer->direction));
	text_add_format(table_open_cell(table), "%s -> %s",
			memory_kind_name(transfer->source_memory),
			memory_kind_name(transfer->destination_memory));
	table_close_cell(table);
	cell_count(table, transfer->count);
	text_add_size(table_open_cell(table), transfer->bytes);
	table_close_cell(table);
	cell_time(table, transfer->busy_ns, unit);
	if (!number_add_rate(table_open_cell(table), transfer->bytes, transfer->busy_ns,
			     RATE_DECIMALS))
		text_add(table_open_cell(table), "-");
	table_close_cell(table);
	cell_percent(table, transfer->exposed_ns, transfer->busy_ns);
	cell_percent(table, transfer->small_count, transfer->count);
}

static bool fill_transfers(struct report_table *table, const struct report *report)
{
	char headers[HEADERS_BYTES];
	bool is_begun = false;
	const struct time_unit *unit = time_unit_for(longest_transfer_ns(report));
	(void)snprintf(headers, sizeof headers,
		       "GPU|<direction|<memory|copies|size|busy %s|GB/s|not hidden|"
		       "below 64 KiB",
		       unit->name);
	for (size_t g = 0; g < report->gpu_count; g++)
		for (size_t i = 0; i < report->gpus[g].transfers.kind_count; i++) {
			if (!is_begun)
				table_begin(table, headers);
			is_begun = true;
			cell_integer_or_dash(table, (int64_t)g);
			transfer_row(table, &report->gpus[g].transfers.by_kind[i], unit);
		}
	return is_begun;
}

static bool fill_balance(struct report_table *table, const struct report *report)
{
	const struct balance *balance = &report->balance;
	char headers[HEADERS_BYTES];
	if (!balance->is_known)
		return false;
	const struct time_unit *unit = time_unit_for(balance->most_ns);
	(void)snprintf(headers, sizeof headers, "GPU|compute %s|of the most|of the mean",
		       unit->name);
	table_begin(table, headers);
	for (size_t g = 0; g < report->gpu_count; g++) {
		int64_t compute_ns = report->gpus[g].partition.compute_ns;
		int64_t mean_ns = balance->sum_ns / (int64_t)report->gpu_count;
		cell_integer_or_dash(table, (int64_t)g);
		cell_time(table, compute_ns, unit);
		cell_percent(table, compute_ns, balance->most_ns);
		cell_percent(table, compute_ns, mean_ns);
	}
	return true;
}

static bool fill_kernels(struct report_table *table, const struct report *report)
{
	char headers[HEADERS_BYTES];
	int64_t longest_ns = 0;
	if (report->kernel_count == 0)
		return false;
	for (size_t i = 0; i < report->kernel_count; i++)
		if (report->kernels[i].total_ns > longest_ns)
			longest_ns = report->kernels[i].total_ns;
	const struct time_unit *unit = time_unit_for(longest_ns);
	const struct time_unit *mean_unit = time_unit_for(longest_ns < 10000 ? longest_ns : 10000);
	(void)snprintf(headers, sizeof headers, "<class|total %s|calls|mean %s|longest %s|<kernel",
		       unit->name, mean_unit->name, mean_unit->name);
	table_begin(table, headers);
	for (size_t i = 0; i < report->kernel_count; i++) {
		const struct report_kernel *kernel = &report->kernels[i];
		table_add(table, kernel->class == KERNEL_COMMUNICATION ? "comm" : "compute");
		cell_time(table, kernel->total_ns, unit);
		cell_count(table, kernel->count);
		cell_time(table, kernel->total_ns / kernel->count, mean_unit);
		cell_time(table, kernel->longest_ns, mean_unit);
		table_add_kernel(table, kernel->name[0] == 0 ? "(no name recorded)" : kernel->name,
				 KERNEL_COLUMNS);
	}
	return true;
}

const struct report_section report_sections[] = {
	{ "Where the GPU time went",
	  "compute + comm + copy + idle = window. comm: communication kernels outside "
	  "compute, waiting included. copy: memcpy and memset outside both.",
	  fill_gpus },
	{ "Balance of compute",
	  "lambda = most / mean - 1. CoV = standard deviation / mean.", fill_balance },
	{ "Transfers",
	  "GB/s over the time with such a copy running. not hidden: share of that time without a "
	  "compute kernel.",
	  fill_transfers },
	{ "Kernels with most time", "Sums over all GPUs and streams.", fill_kernels },
};

const size_t report_section_count = sizeof report_sections / sizeof report_sections[0];
