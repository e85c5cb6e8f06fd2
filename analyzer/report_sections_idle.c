/* SPDX-License-Identifier: MIT */
#include "analyzer/report_cells.h"
#include "analyzer/report_sections.h"
#include "analyzer/report_words.h"

#include <stdio.h>

/*
 * GPUs are columns as long as they fit into a line: up to four beside the causes in words, up to
 * eight beside their ids. With more, the sum and the GPU that has most of it must do.
 */
enum { GPUS_BESIDE_WORDS = 4, GPUS_BESIDE_IDS = 8, GAPS_SHOWN = 10, NAME_COLUMNS = 64 };

struct gap_place {
	size_t gpu;
	size_t gap;		/* among its worst */
};

/* Of a cause, on a GPU: one of two questions (gpu_time.h). */
typedef int64_t (*cause_time)(const struct report *report, size_t gpu, int cause);

static int64_t idle_ns_of(const struct report *report, size_t gpu, int cause)
{
	return report->job.gpus[gpu].time.parts.ns[PART_IDLE + cause];
}

static int64_t absent_ns_of(const struct report *report, size_t gpu, int cause)
{
	return report->job.gpus[gpu].time.parts.absent_ns[cause];
}

static int64_t cause_sum_ns(const struct report *report, cause_time time_of, int cause)
{
	int64_t sum_ns = 0;
	for (size_t g = 0; g < report->gpu_count; g++)
		sum_ns = add_saturated(sum_ns, time_of(report, g, cause));
	return sum_ns;
}

/* Most time first. */
static size_t causes_sort(int *causes, const int64_t *sums_ns)
{
	size_t count = 0;
	for (int cause = 0; cause < CAUSE_COUNT; cause++) {
		if (sums_ns[cause] == 0)
			continue;
		size_t place = count++;
		for (; place > 0 && sums_ns[causes[place - 1]] < sums_ns[cause]; place--)
			causes[place] = causes[place - 1];
		causes[place] = cause;
	}
	return count;
}

/* Times are of a step where the window is made of steps. */
static int64_t divisor_of(const struct report *report)
{
	int64_t steps = report_steps_used(report);
	return steps > 0 ? steps : 1;
}

static void begin_table(struct report_table *table, const struct report *report,
			const struct time_unit *unit)
{
	char headers[HEADERS_BYTES];
	const char *per = report_steps_used(report) > 0 ? " a step" : "";
	size_t at = (size_t)snprintf(headers, sizeof headers, "<%s%s", unit->name, per);
	if (report->gpu_count > GPUS_BESIDE_IDS)
		(void)snprintf(headers + at, sizeof headers - at, "|mean|share|most|<on");
	else {
		for (size_t g = 0; g < report->gpu_count; g++)
			at += (size_t)snprintf(headers + at, sizeof headers - at, "|GPU %zu", g);
		(void)snprintf(headers + at, sizeof headers - at, "%s|share",
			       report->gpu_count > 1 ? "|mean" : "");
	}
	table_begin(table, headers);
}

static void add_times(struct report_table *table, const struct report *report,
		      cause_time time_of, int cause, const struct time_unit *unit)
{
	int64_t divisor = divisor_of(report);
	for (size_t g = 0; g < report->gpu_count; g++)
		cell_time(table, time_of(report, g, cause) / divisor, unit);
}

static void add_most(struct report_table *table, const struct report *report,
		     cause_time time_of, int cause, const struct time_unit *unit)
{
	size_t most = 0;
	for (size_t g = 1; g < report->gpu_count; g++)
		if (time_of(report, g, cause) > time_of(report, most, cause))
			most = g;
	cell_time(table, time_of(report, most, cause) / divisor_of(report), unit);
	words_add_gpu(table_open_cell(table), report, most);
	table_close_cell(table);
}

static bool fill_causes(struct report_table *table, const struct report *report,
			cause_time time_of)
{
	int64_t sums_ns[CAUSE_COUNT], largest_ns = 0;
	int causes[CAUSE_COUNT];
	for (int cause = 0; cause < CAUSE_COUNT; cause++) {
		sums_ns[cause] = cause_sum_ns(report, time_of, cause);
		for (size_t g = 0; g < report->gpu_count; g++)
			if (time_of(report, g, cause) > largest_ns)
				largest_ns = time_of(report, g, cause);
	}
	size_t count = causes_sort(causes, sums_ns);
	if (count == 0)
		return false;
	const struct time_unit unit = time_unit_narrow(largest_ns / divisor_of(report));
	bool is_wide = report->gpu_count > GPUS_BESIDE_IDS;
	begin_table(table, report, &unit);
	for (size_t i = 0; i < count; i++) {
		enum idle_cause cause = (enum idle_cause)causes[i];
		int64_t mean_ns = sums_ns[cause] / (int64_t)report->gpu_count;
		table_add(table, is_wide || report->gpu_count <= GPUS_BESIDE_WORDS ?
			  idle_cause_words(cause) : idle_cause_name(cause));
		if (!is_wide)
			add_times(table, report, time_of, (int)cause, &unit);
		if (report->gpu_count > 1)
			cell_time(table, mean_ns / divisor_of(report), &unit);
		cell_percent(table, sums_ns[cause], report->totals.window_ns);
		if (is_wide)
			add_most(table, report, time_of, (int)cause, &unit);
	}
	return true;
}

bool section_fill_idle(struct report_table *table, const struct report *report)
{
	return fill_causes(table, report, idle_ns_of);
}

bool section_fill_absent(struct report_table *table, const struct report *report)
{
	return fill_causes(table, report, absent_ns_of);
}

/* The ids of the table in words, where it has no room for them. */
static void add_legend(struct text *out, const struct report *report, cause_time time_of)
{
	bool is_first = true;
	if (report->gpu_count <= GPUS_BESIDE_WORDS || report->gpu_count > GPUS_BESIDE_IDS)
		return;
	for (int cause = 0; cause < CAUSE_COUNT; cause++) {
		if (cause_sum_ns(report, time_of, cause) == 0)
			continue;
		text_add_format(out, "%s%s: %s", is_first ? "" : "; ",
				idle_cause_name((enum idle_cause)cause),
				idle_cause_words((enum idle_cause)cause));
		is_first = false;
	}
	text_add(out, is_first ? "" : ".\n");
}

void section_add_idle_note(struct text *out, const struct report *report)
{
	add_legend(out, report, idle_ns_of);
	text_add(out, "share: of all GPU time. The causes of a GPU sum to its idle time.\n");
}

void section_add_absent_note(struct text *out, const struct report *report)
{
	add_legend(out, report, absent_ns_of);
	text_add(out, "Asked of the next compute kernel: what kept it from starting. The causes of "
		      "a GPU sum to its window without compute.\n");
}

/* The longest gaps of all GPUs; ties by GPU. */
static size_t gaps_find(const struct report *report, struct gap_place *places)
{
	size_t count = 0;
	for (size_t g = 0; g < report->gpu_count; g++)
		for (size_t i = 0; i < report->gpus[g].worst_count; i++) {
			int64_t ns = report->gpus[g].worst[i].ns;
			size_t place = count < GAPS_SHOWN ? count++ : GAPS_SHOWN;
			for (; place > 0; place--) {
				const struct gap_place *before = &places[place - 1];
				if (report->gpus[before->gpu].worst[before->gap].ns >= ns)
					break;
				if (place < GAPS_SHOWN)
					places[place] = *before;
			}
			if (place < GAPS_SHOWN)
				places[place] = (struct gap_place){ g, i };
		}
	return count;
}

static void gap_row(struct report_table *table, const struct report *report, size_t gpu,
		    const struct report_gap *gap, const struct time_unit *unit)
{
	const struct job_gpu *measured = &report->job.gpus[gpu];
	size_t step = 0;
	bool is_in_step = report_step_at(report, gpu, gap->start_ns, &step);
	cell_integer_or_dash(table, (int64_t)gpu);
	if (report->job.steps.is_known)
		cell_integer_or_dash(table, is_in_step ?
				     report->job.steps.first_number + (int64_t)step : -1);
	cell_time(table, gap->start_ns - (is_in_step ? measured->step_ns[step] :
					  measured->window.start_ns), unit);
	cell_time(table, gap->ns, unit);
	table_add(table, idle_cause_name(gap->cause));
	cell_integer_or_dash(table, gap->thread_id);
	cell_name(table, gap->call == NULL ? "" : gap->call, NAME_COLUMNS);
	cell_name(table, gap->range == NULL ? "" : gap->range, NAME_COLUMNS);
	if (gap->next == NULL)
		table_add(table, "");
	else
		table_add_kernel(table, gap->next, NAME_COLUMNS);
}

bool section_fill_gaps(struct report_table *table, const struct report *report)
{
	struct gap_place places[GAPS_SHOWN];
	char headers[HEADERS_BYTES];
	size_t count = gaps_find(report, places);
	if (count == 0)
		return false;
	const struct gap_place *first = &places[0];
	const struct time_unit unit =
		time_unit_narrow(report->gpus[first->gpu].worst[first->gap].ns);
	(void)snprintf(headers, sizeof headers,
		       "GPU%s|at %s|idle %s|<cause|thread|<call|<range|<ended by",
		       report->job.steps.is_known ? "|step" : "", unit.name, unit.name);
	table_begin(table, headers);
	for (size_t i = 0; i < count; i++)
		gap_row(table, report, places[i].gpu,
			&report->gpus[places[i].gpu].worst[places[i].gap], &unit);
	return true;
}

void section_add_gaps_note(struct text *out, const struct report *report)
{
	text_add_format(out,
			"at: since the begin of the %s on that GPU. thread: that launched what "
			"ended the gap; call and range: where it was meanwhile.\n",
			report->job.steps.is_known ? "step" : "window");
}
