/* SPDX-License-Identifier: MIT */
#include "analyzer/report_cells.h"
#include "analyzer/report_sections.h"
#include "analyzer/report_words.h"

#include <stddef.h>
#include <stdio.h>

enum { LAMBDA_DECIMALS = 3 };

/* With one GPU whose waiting is not known, all of them show communication as a whole. */
static bool is_wait_shown(const struct report *report)
{
	for (size_t g = 0; g < report->gpu_count; g++)
		if (!report_knows_wait(report, g))
			return false;
	return true;
}

enum { SHARES_MAX = 5 };

/* The parts of the window that a row shows: compute, transfer, wait, copies, idle. */
static size_t shares_of(int64_t *shares_ns, const struct report_totals *parts,
			const struct report_waits *waits, bool has_wait)
{
	size_t count = 0;
	shares_ns[count++] = parts->compute_ns;
	shares_ns[count++] = has_wait ? waits->transfer_ns : parts->comm_ns;
	if (has_wait)
		shares_ns[count++] = waits->wait_ns;
	shares_ns[count++] = parts->copy_ns;
	shares_ns[count++] = parts->idle_ns;
	return count;
}

static void shares_row(struct report_table *table, const struct report_totals *parts,
		       const struct report_waits *waits, bool has_wait,
		       const struct time_unit *unit)
{
	int64_t shares_ns[SHARES_MAX];
	size_t count = shares_of(shares_ns, parts, waits, has_wait);
	cell_time(table, parts->window_ns, unit);
	for (size_t i = 0; i < count; i++) {
		cell_time(table, shares_ns[i], unit);
		cell_percent_bare(table, shares_ns[i], parts->window_ns);
	}
}

bool section_fill_time(struct report_table *table, const struct report *report)
{
	char headers[HEADERS_BYTES];
	if (report->gpu_count == 0)
		return false;
	bool has_wait = is_wait_shown(report);
	const struct time_unit unit = time_unit_narrow(report->totals.window_ns);
	(void)snprintf(headers, sizeof headers,
		       "GPU|rank|window %s|compute|%%|%s|%%|copy|%%|idle|%%", unit.name,
		       has_wait ? "transfer|%|wait" : "comm");
	table_begin(table, headers);
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct partition *partition = &report->gpus[g].partition;
		const struct report_totals parts = {
			.window_ns = partition->window_ns, .compute_ns = partition->compute_ns,
			.comm_ns = partition->comm_ns, .copy_ns = partition->copy_ns,
			.idle_ns = partition->idle_ns,
		};
		const struct report_waits waits = report_waits_of(report, g);
		cell_gpu_and_rank(table, report, g);
		shares_row(table, &parts, &waits, has_wait, &unit);
	}
	if (report->gpu_count > 1) {
		const struct report_waits waits = report_waits_sum(report);
		table->has_sum_row = true;
		table_add(table, "all");
		table_add(table, "");
		shares_row(table, &report->totals, &waits, has_wait, &unit);
	}
	return true;
}

void section_add_time_note(struct text *out, const struct report *report)
{
	if (is_wait_shown(report))
		text_add(out, "The five sum to the window. transfer and wait: communication that "
			      "no compute hides, while data moves, and before the last rank has "
			      "come.");
	else
		text_add(out, "The four sum to the window. comm: communication that no compute "
			      "hides; how much of it is waiting for other ranks is not known.");
	text_add(out, " copy: copies that neither hides. idle: nothing runs");
	text_add(out, report->totals.not_recorded_ns > 0
		 ? ", or nothing was recorded (see the causes).\n" : ".\n");
}

bool section_fill_steps(struct report_table *table, const struct report *report)
{
	const struct job_steps *steps = &report->job.steps;
	char headers[HEADERS_BYTES];
	if (!steps->is_known)
		return false;
	int64_t longest_ns = report_step_extreme_ns(report, true);
	const struct time_unit *unit = time_unit_for(longest_ns);
	(void)snprintf(headers, sizeof headers,
		       "<told by|<name|steps|used|median %s|+-|shortest|longest|slow|collectives",
		       unit->name);
	table_begin(table, headers);
	table_add(table, step_anchor_name(steps->anchor));
	cell_name(table, steps->name == NULL ? "" : steps->name, STEP_FAMILY_MAX);
	cell_count(table, (int64_t)steps->count);
	cell_count(table, (int64_t)(steps->choice.end - steps->choice.first));
	cell_time(table, steps->choice.median_ns, unit);
	cell_time(table, steps->choice.mad_ns, unit);
	cell_time(table, report_step_extreme_ns(report, false), unit);
	cell_time(table, longest_ns, unit);
	cell_count(table, (int64_t)steps->choice.slow_count);
	cell_count(table, (int64_t)steps->collectives_per_step);
	return true;
}

enum { SLOW_SHOWN_MAX = 200 };

void section_add_steps_note(struct text *out, const struct report *report)
{
	const struct job_steps *steps = &report->job.steps;
	int64_t slow[SLOW_SHOWN_MAX];
	size_t count = 0;
	text_add(out, "A step lasts as long as on the GPU that takes longest. Used: steps ");
	text_add_integer(out, steps->first_number + (int64_t)steps->choice.first);
	text_add(out, " to ");
	text_add_integer(out, steps->first_number + (int64_t)steps->choice.end - 1);
	text_add(out, ". +-: median absolute deviation.\n");
	for (size_t i = steps->choice.first; i < steps->choice.end && count < SLOW_SHOWN_MAX; i++)
		if (steps->choice.is_slow[i])
			slow[count++] = steps->first_number + (int64_t)i;
	if (count == 0)
		return;
	text_add(out, "Slow steps: ");
	words_add_ranges(out, slow, count);
	text_add_char(out, '\n');
}

/* What each factor of the chain means, and what to do about it. */
static const struct {
	const char *name;
	size_t place;		/* of the ratio in the chain */
	const char *meaning;
	const char *fix;
} factors[] = {
	{ "load balance", offsetof(struct efficiency_chain, load_balance_e12),
	  "GPUs have unequal work", "equal batches, layers, experts" },
	{ "copies", offsetof(struct efficiency_chain, copy_e12),
	  "copies that nothing hides", "pin memory; a stream for copies" },
	{ "transfer", offsetof(struct efficiency_chain, transfer_e12),
	  "moving data between GPUs", "overlap it, or send less" },
	{ "serialisation", offsetof(struct efficiency_chain, serialisation_e12),
	  "waiting for other GPUs", "see which ranks come late" },
	{ "communication", offsetof(struct efficiency_chain, communication_e12),
	  "transfer and waiting together", "overlap it, or send less" },
	{ "orchestration", offsetof(struct efficiency_chain, orchestration_e12),
	  "hosts leave the GPUs empty", "see why the GPUs were idle" },
};

static int64_t factor_of(const struct efficiency_chain *chain, size_t place)
{
	return *(const int64_t *)((const char *)chain + place);
}

/* One GPU has nobody to share with, and without communication nothing is lost in it. */
static bool is_factor_shown(const struct report *report, size_t place)
{
	if (factor_of(&report->chain, place) < 0)
		return false;
	if (place == offsetof(struct efficiency_chain, load_balance_e12))
		return report->gpu_count > 1;
	return place == offsetof(struct efficiency_chain, copy_e12) ||
	       place == offsetof(struct efficiency_chain, orchestration_e12) ||
	       report->totals.comm_ns > 0;
}

bool section_fill_chain(struct report_table *table, const struct report *report)
{
	const struct efficiency_chain *chain = &report->chain;
	bool is_split = chain->transfer_e12 >= 0;
	if (report->gpu_count == 0 || chain->parallel_e12 < 0)
		return false;
	table_begin(table, "<factor|is|<what is lost|<what helps");
	for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++) {
		if (!is_factor_shown(report, factors[i].place) ||
		    (is_split && factors[i].place ==
			     offsetof(struct efficiency_chain, communication_e12)))
			continue;
		table_add(table, factors[i].name);
		cell_percent_e12(table, factor_of(chain, factors[i].place));
		table_add(table, factors[i].meaning);
		table_add(table, factors[i].fix);
	}
	table->has_sum_row = true;
	table_add(table, "efficiency");
	cell_percent_e12(table, chain->parallel_e12);
	table_add(table, "all of it: the product");
	table_add(table, "");
	return true;
}

bool section_fill_balance(struct report_table *table, const struct report *report)
{
	const struct balance *balance = &report->balance;
	char headers[HEADERS_BYTES];
	if (!balance->is_known)
		return false;
	const struct time_unit *unit = time_unit_for(balance->most_ns);
	(void)snprintf(headers, sizeof headers, "GPU|rank|compute %s|of the most|of the mean",
		       unit->name);
	table_begin(table, headers);
	for (size_t g = 0; g < report->gpu_count; g++) {
		int64_t compute_ns = report->gpus[g].partition.compute_ns;
		int64_t mean_ns = balance->sum_ns / (int64_t)report->gpu_count;
		cell_gpu_and_rank(table, report, g);
		cell_time(table, compute_ns, unit);
		cell_percent(table, compute_ns, balance->most_ns);
		cell_percent(table, compute_ns, mean_ns);
	}
	return true;
}

void section_add_balance_note(struct text *out, const struct report *report)
{
	text_add(out, "lambda = most / mean - 1 = ");
	number_add_ratio(out, report->balance.lambda_e12, LAMBDA_DECIMALS);
	text_add(out, ", CoV = standard deviation / mean = ");
	number_add_ratio(out, report->balance.cov_e12, LAMBDA_DECIMALS);
	text_add_char(out, '\n');
}
