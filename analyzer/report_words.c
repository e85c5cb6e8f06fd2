/* SPDX-License-Identifier: MIT */
#include "analyzer/report_words.h"

#include "analyzer/ratio.h"
#include "analyzer/report_numbers.h"
#include "analyzer/report_table.h"

#include <string.h>

enum { RANGES_MAX = 24, LAMBDA_DECIMALS = 3 };

void words_add_ranges(struct text *out, const int64_t *values, size_t count)
{
	size_t ranges = 0;
	for (size_t i = 0; i < count; ranges++) {
		size_t last = i;
		while (last + 1 < count && values[last + 1] == values[last] + 1)
			last++;
		if (ranges == RANGES_MAX) {
			text_add(out, ", ...");
			return;
		}
		text_add(out, ranges == 0 ? "" : ", ");
		text_add_integer(out, values[i]);
		if (last > i)
			text_add_format(out, "%s%lld", last == i + 1 ? ", " : "-",
					(long long)values[last]);
		i = last + 1;
	}
}

void words_add_gpu(struct text *out, const struct report *report, size_t gpu)
{
	int64_t rank = report->traces[report->gpus[gpu].trace].rank;
	text_add_format(out, "GPU %zu", gpu);
	if (rank >= 0)
		text_add_format(out, " (rank %lld)", (long long)rank);
}

static void add_counted(struct text *out, int64_t count, const char *one, const char *many)
{
	number_add_count(out, count);
	text_add_char(out, ' ');
	text_add(out, count == 1 ? one : many);
}

static void add_time_share(struct text *out, int64_t part_ns, int64_t whole_ns)
{
	number_add_percent(out, part_ns, whole_ns);
	text_add(out, " (");
	text_add_duration(out, part_ns);
	text_add_char(out, ')');
}

static void add_part(struct text *out, const struct report *report, const struct finding *finding,
		     const char *what)
{
	text_add(out, what);
	text_add(out, " takes ");
	add_time_share(out, finding->gpu_ns, report->totals.window_ns);
	text_add(out, " of all GPU time");
	/* Who communicates longest is not who is to blame, rather the opposite: it is not named. */
	if (finding->id == FINDING_COMMUNICATION)
		text_add(out, ", waiting for other ranks included");
	if (finding->gpu == SIZE_MAX || report->gpu_count < 2)
		return;
	const struct partition *worst = &report->gpus[finding->gpu].partition;
	text_add(out, ", most on ");
	words_add_gpu(out, report, finding->gpu);
	text_add(out, ": ");
	number_add_percent(out, finding->id == FINDING_IDLE ? worst->idle_ns : worst->copy_ns,
			   worst->window_ns);
}

static void add_imbalance(struct text *out, const struct report *report)
{
	const struct balance *balance = &report->balance;
	words_add_gpu(out, report, balance->most);
	text_add(out, " computes ");
	number_add_percent_e12(out, balance->lambda_e12);
	text_add(out, " longer than the mean of ");
	text_add_format(out, "%zu GPUs (lambda ", report->gpu_count);
	number_add_ratio(out, balance->lambda_e12, LAMBDA_DECIMALS);
	text_add(out, ", CoV ");
	number_add_ratio(out, balance->cov_e12, LAMBDA_DECIMALS);
	text_add(out, "): ");
	text_add_duration(out, balance->most_ns);
	text_add(out, ", least ");
	text_add_duration(out, balance->least_ns);
	text_add(out, " on ");
	words_add_gpu(out, report, balance->least);
}

static void add_missing(struct text *out, const struct report *report)
{
	const struct report_ranks *ranks = &report->ranks;
	number_add_count(out, ranks->world_size - ranks->missing_count);
	text_add(out, " of ");
	add_counted(out, ranks->world_size, "rank", "ranks");
	text_add(out, " captured, missing: ");
	words_add_ranges(out, ranks->missing, ranks->missing_listed);
	if (ranks->missing_count > (int64_t)ranks->missing_listed)
		text_add(out, " and more");
}

/* Findings that count something, and what. */
static const struct {
	enum finding_id id;
	const char *one;
	const char *many;
} counted[] = {
	{ FINDING_TRACE_UNREADABLE, "trace could not be read", "traces could not be read" },
	{ FINDING_RECORDS_LOST, "record was lost", "records were lost" },
	{ FINDING_ROWS_REJECTED, "row that cannot be true was left out",
	  "rows that cannot be true were left out" },
	{ FINDING_GPU_TWICE, "GPU is counted twice: two traces show the same work",
	  "GPUs are counted twice: two traces show the same work" },
	{ FINDING_TRACE_WITHOUT_GPU_WORK, "trace has no GPU work", "traces have no GPU work" },
};

void words_add_finding(struct text *out, const struct report *report, const struct finding *finding)
{
	if (finding->id == FINDING_IDLE)
		add_part(out, report, finding, "idle");
	else if (finding->id == FINDING_COMMUNICATION)
		add_part(out, report, finding, "communication that no compute hides");
	else if (finding->id == FINDING_COPY)
		add_part(out, report, finding, "copying that nothing hides");
	else if (finding->id == FINDING_IMBALANCE)
		add_imbalance(out, report);
	else if (finding->id == FINDING_RANKS_MISSING)
		add_missing(out, report);
	for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++)
		if (counted[i].id == finding->id)
			add_counted(out, finding->count, counted[i].one, counted[i].many);
}

/* What the GPUs did most, in one line. */
static void add_headline(struct text *out, const struct report *report)
{
	const struct report_totals *totals = &report->totals;
	const struct { int64_t ns; const char *words; } parts[] = {
		{ totals->compute_ns, "Mostly compute" },
		{ totals->comm_ns, "Mostly communication that no compute hides" },
		{ totals->copy_ns, "Mostly copying that nothing hides" },
		{ totals->idle_ns, "Mostly idle" },
	};
	size_t most = 0;
	for (size_t i = 1; i < sizeof parts / sizeof parts[0]; i++)
		if (parts[i].ns > parts[most].ns)
			most = i;
	text_add(out, parts[most].words);
	text_add(out, ": ");
	number_add_percent(out, parts[most].ns, totals->window_ns);
	text_add(out, " of ");
	text_add_duration(out, totals->window_ns);
	if (report->gpu_count > 1) {
		text_add(out, " GPU time on ");
		add_counted(out, (int64_t)report->gpu_count, "GPU", "GPUs");
	} else
		text_add(out, " GPU time");
	text_add_char(out, '\n');
}

static void add_shares(struct text *out, const struct report *report)
{
	const struct report_totals *totals = &report->totals;
	const struct { int64_t ns; const char *name; } parts[] = {
		{ totals->compute_ns, "compute " }, { totals->comm_ns, ", exposed communication " },
		{ totals->copy_ns, ", exposed copies " }, { totals->idle_ns, ", idle " },
	};
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		text_add(out, parts[i].name);
		number_add_percent(out, parts[i].ns, totals->window_ns);
	}
	text_add_char(out, '\n');
}

static int64_t idle_share_e12(const struct report *report, size_t gpu)
{
	const struct partition *partition = &report->gpus[gpu].partition;
	return partition->window_ns == 0 ? 0 : ratio_e12(partition->idle_ns, partition->window_ns);
}

static void add_most_idle(struct text *out, const struct report *report)
{
	size_t most = 0;
	for (size_t g = 1; g < report->gpu_count; g++)
		if (idle_share_e12(report, g) > idle_share_e12(report, most))
			most = g;
	const struct partition *partition = &report->gpus[most].partition;
	if (partition->idle_ns == 0)
		return;
	if (report->gpu_count > 1) {
		text_add(out, "Most idle: ");
		words_add_gpu(out, report, most);
		text_add(out, ", ");
	} else
		text_add(out, "Idle: ");
	add_time_share(out, partition->idle_ns, partition->window_ns);
	text_add(out, " in ");
	add_counted(out, partition->idle_gaps, "gap", "gaps");
	text_add(out, ", the longest ");
	text_add_duration(out, partition->longest_gap_ns);
	text_add_char(out, '\n');
}

static bool is_mostly_compute(const struct report_totals *totals)
{
	return totals->compute_ns >= totals->comm_ns && totals->compute_ns >= totals->copy_ns &&
		totals->compute_ns >= totals->idle_ns;
}

/* The largest part without compute, where the headline does not name it. */
static void add_largest_part(struct text *out, const struct report *report)
{
	const struct report_totals *totals = &report->totals;
	const char *name = "idle";
	int64_t largest_ns = totals->idle_ns;
	if (!is_mostly_compute(totals))
		return;
	if (totals->comm_ns > largest_ns) {
		largest_ns = totals->comm_ns;
		name = "exposed communication";
	}
	if (totals->copy_ns > largest_ns) {
		largest_ns = totals->copy_ns;
		name = "exposed copies";
	}
	if (largest_ns == 0)
		return;
	text_add(out, "Largest part without compute: ");
	text_add(out, name);
	text_add(out, ", ");
	text_add_duration(out, largest_ns);
	text_add(out, " of GPU time\n");
}

static void add_verdict_balance(struct text *out, const struct report *report)
{
	const struct balance *balance = &report->balance;
	if (!balance->is_known || report->ranks.is_mixed)
		return;
	text_add(out, "Compute per GPU: ");
	text_add_duration(out, balance->least_ns);
	text_add(out, " to ");
	text_add_duration(out, balance->most_ns);
	text_add(out, ", most on ");
	words_add_gpu(out, report, balance->most);
	text_add(out, ", lambda ");
	number_add_ratio(out, balance->lambda_e12, LAMBDA_DECIMALS);
	text_add(out, ", CoV ");
	number_add_ratio(out, balance->cov_e12, LAMBDA_DECIMALS);
	text_add_char(out, '\n');
}

static void add_window(struct text *out, const struct report *report)
{
	if (report->job.window != WINDOW_EXPLICIT)
		return;
	text_add(out, "Limited to a window: from ");
	text_add_duration(out, report->window_start_ns);
	if (report->window_end_ns == INT64_MAX)
		text_add(out, " to the end");
	else {
		text_add(out, " to ");
		text_add_duration(out, report->window_end_ns);
	}
	text_add(out, ", counted from the first GPU activity\n");
}

static void add_limits(struct text *out, const struct report *report)
{
	add_window(out, report);
	if (report->ranks.missing_count > 0) {
		text_add(out, "Limited to the captured ranks: ");
		add_missing(out, report);
		text_add_char(out, '\n');
	}
	if (report->ranks.is_mixed)
		text_add(out, "The traces name different world sizes: perhaps not one job\n");
	if (report->totals.broken_traces > 0) {
		text_add(out, "Limited to the readable traces: ");
		number_add_count(out, report->totals.broken_traces);
		text_add(out, " of ");
		number_add_count(out, (int64_t)report->trace_count);
		text_add(out, " could not be read\n");
	}
	if (report->totals.lost_records > 0) {
		text_add(out, "Incomplete: ");
		add_counted(out, report->totals.lost_records, "record was lost",
			    "records were lost");
		text_add_char(out, '\n');
	}
	if (report->totals.graph_only_ns > 0) {
		text_add(out, "Idle includes ");
		text_add_duration(out, report->totals.graph_only_ns);
		text_add(out, " inside CUDA graphs that were traced as a whole: what ran there is "
			      "not known\n");
	}
}

void words_add_verdict(struct text *out, const struct report *report)
{
	if (report->gpu_count == 0) {
		text_add(out, "No GPU work in these traces\n");
	} else {
		add_headline(out, report);
		add_shares(out, report);
		add_largest_part(out, report);
		add_most_idle(out, report);
		add_verdict_balance(out, report);
	}
	add_limits(out, report);
}
