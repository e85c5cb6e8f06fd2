/* SPDX-License-Identifier: MIT */
#include "analyzer/report_cells.h"
#include "analyzer/report_sections.h"

#include <stdio.h>

enum { KERNEL_COLUMNS = 64, NAME_COLUMNS = 64, KERNEL_NS_USUAL = 10000 };

static int64_t longest_transfer_ns(const struct report *report)
{
	int64_t longest_ns = 0;
	for (size_t g = 0; g < report->gpu_count; g++)
		for (size_t i = 0; i < report->gpus[g].transfers.kind_count; i++)
			if (report->gpus[g].transfers.by_kind[i].busy_ns > longest_ns)
				longest_ns = report->gpus[g].transfers.by_kind[i].busy_ns;
	return longest_ns;
}

/* Of what the link between host and device could carry. */
static void cell_of_link(struct report_table *table, const struct transfer *transfer,
			 const struct link *link)
{
	bool is_over_link = transfer->direction == COPY_HTOD || transfer->direction == COPY_DTOH;
	int64_t rate = copy_rate(transfer->bytes, transfer->busy_ns);
	int64_t ceiling = !is_over_link ? 0 :
		link->way_bytes_per_s[transfer->direction == COPY_HTOD ? COPY_WAY_TO_DEVICE :
			COPY_WAY_TO_HOST];
	if (ceiling <= 0 || rate <= 0)
		table_add(table, "-");
	else if (rate / 10 >= ceiling)
		table_add(table, ">999 %");	/* a size that cannot be true */
	else
		cell_percent(table, rate, ceiling);
}

static void transfer_row(struct report_table *table, const struct transfer *transfer,
			 const struct link *link, const struct time_unit *unit)
{
	table_add(table, copy_direction_name(transfer->direction));
	text_add_format(table_open_cell(table), "%s -> %s",
			memory_kind_name(transfer->source_memory),
			memory_kind_name(transfer->destination_memory));
	table_close_cell(table);
	cell_count(table, transfer->count);
	cell_size_or_dash(table, transfer->bytes);
	cell_time(table, transfer->busy_ns, unit);
	cell_rate_or_dash(table, transfer->bytes, transfer->busy_ns);
	cell_of_link(table, transfer, link);
	cell_percent(table, transfer->exposed_ns, transfer->busy_ns);
	cell_percent(table, transfer->small_count, transfer->count);
}

bool section_fill_transfers(struct report_table *table, const struct report *report)
{
	char headers[HEADERS_BYTES];
	bool is_begun = false;
	const struct time_unit *unit = time_unit_for(longest_transfer_ns(report));
	(void)snprintf(headers, sizeof headers,
		       "GPU|<way|<memory|copies|size|busy %s|GB/s|of link|not hidden|small",
		       unit->name);
	for (size_t g = 0; g < report->gpu_count; g++)
		for (size_t i = 0; i < report->gpus[g].transfers.kind_count; i++) {
			if (!is_begun)
				table_begin(table, headers);
			is_begun = true;
			cell_integer_or_dash(table, (int64_t)g);
			transfer_row(table, &report->gpus[g].transfers.by_kind[i],
				     &report->facts[g].link, unit);
		}
	return is_begun;
}

static void add_rates(struct text *out, const char *label, const int64_t *bytes_per_s)
{
	static const char *const ways[COPY_WAY_COUNT] = {
		[COPY_WAY_TO_DEVICE] = "to the device", [COPY_WAY_TO_HOST] = "to the host",
	};
	bool is_first = true;
	for (int way = 0; way < COPY_WAY_COUNT; way++) {
		if (bytes_per_s[way] <= 0)
			continue;
		text_add(out, is_first ? label : ", ");
		(void)number_add_rate(out, bytes_per_s[way], 1000000000, 1);
		text_add_format(out, " GB/s %s", ways[way]);
		is_first = false;
	}
}

/* Which ceiling "of link" compares with; GPUs that have the same one share a line. */
void section_add_transfers_note(struct text *out, const struct report *report)
{
	bool has_nominal = false;
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct gpu_facts *facts = &report->facts[g];
		has_nominal = has_nominal || (!facts->link.is_measured &&
					      facts->link.ceiling_bytes_per_s > 0);
		if (!facts->link.is_measured)
			continue;
		text_add_format(out, "of link, GPU %zu: of what was measured on this machine on ",
				g);
		gpu_ceilings_add_date(out, &facts->ceilings);
		add_rates(out, ": ", facts->ceilings.alone_bytes_per_s);
		add_rates(out, "; while all its GPUs copy ", facts->ceilings.together_bytes_per_s);
		text_add(out, ".\n");
	}
	if (has_nominal)
		text_add(out, "of link: of what a PCIe link of its generation and width carries at "
			      "best (nominal; 'laggard calibrate' measures it).\n");
}

bool section_fill_kernels(struct report_table *table, const struct report *report)
{
	char headers[HEADERS_BYTES];
	int64_t longest_ns = 0;
	if (report->kernel_count == 0)
		return false;
	for (size_t i = 0; i < report->kernel_count; i++)
		if (report->kernels[i].total_ns > longest_ns)
			longest_ns = report->kernels[i].total_ns;
	const struct time_unit *unit = time_unit_for(longest_ns);
	const struct time_unit *mean_unit =
		time_unit_for(longest_ns < KERNEL_NS_USUAL ? longest_ns : KERNEL_NS_USUAL);
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

static struct engine_totals engines_sum(const struct report *report)
{
	struct engine_totals sum = { 0 };
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct engine_totals *totals = &report->facts[g].engines;
		for (int i = 0; i < ENGINE_COUNT; i++) {
			sum.by_engine[i].count += totals->by_engine[i].count;
			sum.by_engine[i].total_ns = add_saturated(sum.by_engine[i].total_ns,
								  totals->by_engine[i].total_ns);
		}
		for (int i = 0; i < PRECISION_COUNT; i++)
			sum.by_precision[i].total_ns =
				add_saturated(sum.by_precision[i].total_ns,
					      totals->by_precision[i].total_ns);
		for (int i = 0; i < TENSOR_USE_COUNT; i++)
			sum.by_tensor[i].total_ns = add_saturated(sum.by_tensor[i].total_ns,
								  totals->by_tensor[i].total_ns);
	}
	return sum;
}

static int64_t engine_ns(const struct engine_totals *totals, int engine)
{
	return engine == ENGINE_COMMUNICATION ? 0 : totals->by_engine[engine].total_ns;
}

bool section_fill_engines(struct report_table *table, const struct report *report)
{
	const struct engine_totals totals = engines_sum(report);
	char headers[HEADERS_BYTES];
	int64_t sum_ns = 0, below_ns = INT64_MAX;
	int last = -1;
	for (int i = 0; i < ENGINE_COUNT; i++)
		sum_ns = add_saturated(sum_ns, engine_ns(&totals, i));
	if (sum_ns == 0)
		return false;
	const struct time_unit *unit = time_unit_for(sum_ns);
	(void)snprintf(headers, sizeof headers, "<library|%s|of compute|kernels|mean us",
		       unit->name);
	table_begin(table, headers);
	for (;;) {
		int most = -1;
		for (int i = 0; i < ENGINE_COUNT; i++) {
			int64_t ns = engine_ns(&totals, i);
			bool is_next = ns < below_ns || (ns == below_ns && i > last);
			if (ns > 0 && is_next && (most < 0 || ns > engine_ns(&totals, most)))
				most = i;
		}
		if (most < 0)
			return true;
		const struct engine_total *total = &totals.by_engine[most];
		table_add(table, engine_name((enum engine)most));
		cell_time(table, total->total_ns, unit);
		cell_percent(table, total->total_ns, sum_ns);
		cell_count(table, total->count);
		cell_time(table, total->total_ns / total->count, time_unit_for(KERNEL_NS_USUAL));
		below_ns = total->total_ns;
		last = most;
	}
}

void section_add_engines_note(struct text *out, const struct report *report)
{
	const struct engine_totals totals = engines_sum(report);
	const int64_t known_ns =
		totals.by_tensor[TENSOR_CORES].total_ns + totals.by_tensor[TENSOR_NONE].total_ns;
	int64_t matrix_ns = 0;
	for (int i = 0; i < TENSOR_USE_COUNT; i++)
		matrix_ns = add_saturated(matrix_ns, totals.by_tensor[i].total_ns);
	text_add(out, "As far as names of kernels tell; sums of durations.");
	if (known_ns > 0) {
		text_add(out, " Matrix kernels: ");
		number_add_percent(out, totals.by_tensor[TENSOR_CORES].total_ns, matrix_ns);
		text_add(out, " of their time on tensor cores, ");
		number_add_percent(out, totals.by_tensor[TENSOR_NONE].total_ns, matrix_ns);
		text_add(out, " without, the rest unknown");
		for (int i = PRECISION_UNKNOWN + 1; i < PRECISION_COUNT; i++) {
			if (totals.by_precision[i].total_ns == 0)
				continue;
			text_add_format(out, "; %s ",
					engine_precision_name((enum engine_precision)i));
			number_add_percent(out, totals.by_precision[i].total_ns, matrix_ns);
		}
		text_add_char(out, '.');
	}
	text_add_char(out, '\n');
}

static bool has_device_facts(const struct gpu_facts *facts)
{
	return facts->clocks.clock_sm_mhz.count > 0 || facts->clocks.power_mw.count > 0 ||
	       facts->link.generation_max > 0 ||
	       (facts->memory.device_bytes > 0 && facts->memory.headroom_bytes >= 0);
}

static void cell_clock(struct report_table *table, const struct clocks *clocks)
{
	struct text *out = table_open_cell(table);
	if (clocks->clock_sm_mhz.count == 0)
		text_add_char(out, '-');
	else
		text_add_integer(out, clocks->clock_sm_mhz.mean);
	if (clocks->clock_sm_max_mhz > 0)
		text_add_format(out, " of %lld", (long long)clocks->clock_sm_max_mhz);
	table_close_cell(table);
}

static void cell_power(struct report_table *table, const struct clocks *clocks)
{
	struct text *out = table_open_cell(table);
	if (clocks->power_mw.count == 0)
		text_add_char(out, '-');
	else
		number_add_rounded(out, clocks->power_mw.mean, 1000);
	if (clocks->power_limit_mw > 0) {
		text_add(out, " of ");
		number_add_rounded(out, clocks->power_limit_mw, 1000);
	}
	table_close_cell(table);
}

static void add_link_number(struct text *out, int64_t generation, int64_t width)
{
	if (generation <= 0)
		text_add_char(out, '-');
	else
		text_add_format(out, "%lld x%lld", (long long)generation, (long long)width);
}

static void cell_link(struct report_table *table, const struct link *link)
{
	struct text *out = table_open_cell(table);
	bool is_loaded = link->generation_loaded > 0;
	add_link_number(out, is_loaded ? link->generation_loaded : link->generation_first,
			link->width_loaded > 0 ? link->width_loaded : link->width_first);
	if (link->generation_max > 0) {
		text_add(out, " of ");
		add_link_number(out, link->generation_max, link->width_max);
	}
	table_close_cell(table);
}

static void cell_memory(struct report_table *table, const struct memory *memory)
{
	struct text *out = table_open_cell(table);
	if (memory->headroom_bytes < 0 || memory->device_bytes == 0)
		text_add_char(out, '-');
	else
		text_add_size(out, memory->headroom_bytes);
	if (memory->device_bytes > 0) {
		text_add(out, " of ");
		text_add_size(out, memory->device_bytes);
	}
	table_close_cell(table);
}

/* Why the clocks were held back, each with its share of the samples. */
static void cell_reasons(struct report_table *table, const struct clocks *clocks)
{
	struct text *out = table_open_cell(table);
	bool is_first = true;
	for (int i = 0; i < CLOCK_REASON_COUNT; i++) {
		if (clocks->reasons[i] == 0 || clock_reasons[i].class == CLOCK_REASON_BENIGN)
			continue;
		text_add_format(out, "%s%s ", is_first ? "" : ", ", clock_reasons[i].name);
		number_add_percent(out, clocks->reasons[i], clocks->reason_samples);
		is_first = false;
	}
	if (is_first)
		text_add(out, clocks->reason_samples > 0 ? "nothing" : "-");
	table_close_cell(table);
}

bool section_fill_devices(struct report_table *table, const struct report *report)
{
	bool is_begun = false;
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct gpu_facts *facts = &report->facts[g];
		if (!has_device_facts(facts))
			continue;
		if (!is_begun)
			table_begin(table, "GPU|SM MHz|power W|max C|PCIe|memory free|<slowed by");
		is_begun = true;
		cell_integer_or_dash(table, (int64_t)g);
		cell_clock(table, &facts->clocks);
		cell_power(table, &facts->clocks);
		cell_integer_or_dash(table, facts->clocks.temperature_c.count > 0 ?
				     facts->clocks.temperature_c.max : -1);
		cell_link(table, &facts->link);
		cell_memory(table, &facts->memory);
		cell_reasons(table, &facts->clocks);
	}
	return is_begun;
}
