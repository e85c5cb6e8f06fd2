/* SPDX-License-Identifier: MIT */
#include "analyzer/report_words.h"

#include "analyzer/ratio.h"
#include "analyzer/report_numbers.h"
#include "analyzer/report_table.h"

#include <string.h>

enum { RANGES_MAX = 24, LAMBDA_DECIMALS = 3, OPERATION_COLUMNS = 64 };

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

void words_add_who(struct text *out, const struct report *report, size_t gpu)
{
	const struct report_trace *trace = &report->traces[report->gpus[gpu].trace];
	if (trace->rank >= 0 && trace->gpu_count == 1)
		text_add_format(out, "rank %lld", (long long)trace->rank);
	else
		text_add_format(out, "GPU %zu", gpu);
}

void words_add_counted(struct text *out, int64_t count, const char *one, const char *many)
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

void words_add_missing(struct text *out, const struct report *report)
{
	const struct report_ranks *ranks = &report->ranks;
	number_add_count(out, ranks->world_size - ranks->missing_count);
	text_add(out, " of ");
	words_add_counted(out, ranks->world_size, "rank", "ranks");
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
		words_add_missing(out, report);
	for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++)
		if (counted[i].id == finding->id)
			words_add_counted(out, finding->count, counted[i].one, counted[i].many);
}

void words_add_unmatched(struct text *out, const struct report *report)
{
	const struct collective_match *match = report->job.match;
	for (size_t g = 0; match != NULL && g < match->group_count; g++) {
		const struct collective_group *group = &match->groups[g];
		if (group->reason == MATCH_DONE)
			continue;
		words_add_counted(out, (int64_t)group->unmatched, "kernel", "kernels");
		text_add(out, " of ");
		name_add(out, group->operation, OPERATION_COLUMNS);
		text_add(out, " not matched: ");
		collective_reason_add(out, group);
		text_add_char(out, '\n');
	}
}
