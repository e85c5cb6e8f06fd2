/* SPDX-License-Identifier: MIT */
#include "analyzer/report_cells.h"
#include "analyzer/report_sections.h"
#include "analyzer/report_words.h"

#include <inttypes.h>
#include <stdio.h>

enum { RANKS_SHOWN = 16, TOP_PARTS = 2, NAME_COLUMNS = 64, TIME_USUAL_NS = 100000000 };

/* What the rank did more of than those that waited: its two largest parts. */
static void add_instead(struct report_table *table, const struct rank_blame *blame)
{
	struct text *out = table_open_cell(table);
	int64_t below_ns = INT64_MAX;
	int last = -1;
	for (int shown = 0; shown < TOP_PARTS; shown++) {
		int most = -1;
		for (int part = 0; part < PART_COUNT; part++) {
			int64_t ns = blame->cause.ns[part];
			bool is_next = ns < below_ns || (ns == below_ns && part > last);
			if (ns > 0 && is_next && (most < 0 || ns > blame->cause.ns[most]))
				most = part;
		}
		if (most < 0)
			break;
		text_add(out, shown == 0 ? "" : ", ");
		text_add_format(out, "%s ", time_part_name((enum time_part)most));
		number_add_percent(out, blame->cause.ns[most], blame->root_ns);
		below_ns = blame->cause.ns[most];
		last = most;
	}
	if (last < 0)
		text_add_char(out, '-');
	table_close_cell(table);
}

/* Those who caused most, in the order of the GPUs. */
static bool is_shown(const struct stragglers *stragglers, size_t gpu)
{
	size_t before = 0;
	int64_t caused_ns = stragglers->gpus[gpu].caused_ns;
	for (size_t g = 0; g < stragglers->gpu_count; g++)
		before += stragglers->gpus[g].caused_ns > caused_ns ||
			  (stragglers->gpus[g].caused_ns == caused_ns && g < gpu);
	return before < RANKS_SHOWN;
}

static int64_t largest_caused_ns(const struct report *report)
{
	int64_t largest_ns = 0;
	for (size_t g = 0; g < report->stragglers.gpu_count; g++)
		if (report->stragglers.gpus[g].caused_ns > largest_ns)
			largest_ns = report->stragglers.gpus[g].caused_ns;
	return largest_ns;
}

static void blame_row(struct report_table *table, const struct report *report, size_t gpu,
		      const struct time_unit *unit)
{
	const struct rank_blame *blame = &report->stragglers.gpus[gpu];
	int64_t steps = report_steps_used(report);
	cell_gpu_and_rank(table, report, gpu);
	cell_time(table, blame->caused_ns, unit);
	cell_percent_e12(table, blame->score_e12);
	cell_count(table, blame->times_latest);
	cell_count(table, blame->steps_latest);
	cell_time(table, steps > 0 ? blame->fix_one_ns / steps : blame->fix_one_ns, unit);
	add_instead(table, blame);
	cell_percent_e12(table, blame->coverage_e12);
	if (blame->passed_to == SIZE_MAX || blame->passed_ns == 0)
		table_add(table, "-");
	else {
		struct text *out = table_open_cell(table);
		number_add_time(out, blame->passed_ns, unit);
		text_add_format(out, " to GPU %zu", blame->passed_to);
		table_close_cell(table);
	}
}

bool section_fill_blame(struct report_table *table, const struct report *report)
{
	const struct stragglers *stragglers = &report->stragglers;
	char headers[HEADERS_BYTES];
	if (stragglers->instances == 0 || stragglers->kind == STRAGGLER_LIMITED ||
	    stragglers->kind == STRAGGLER_UNKNOWN)
		return false;
	const struct time_unit *unit = time_unit_for(largest_caused_ns(report));
	(void)snprintf(headers, sizeof headers,
		       "GPU|rank|caused %s|share|last|steps|gain|<what it did instead|told|"
		       "<passed on",
		       unit->name);
	table_begin(table, headers);
	for (size_t g = 0; g < stragglers->gpu_count; g++)
		if (is_shown(stragglers, g))
			blame_row(table, report, g, unit);
	return true;
}

void section_add_blame_note(struct text *out, const struct report *report)
{
	const struct stragglers *stragglers = &report->stragglers;
	text_add(out, "caused: waits of the others for it alone. last: collectives that it came "
		      "last to, and steps in which it cost most. gain: each step would be shorter "
		      "by this, were it on time. told: how much of the lateness the trace "
		      "explains. ");
	number_add_count(out, stragglers->instances);
	text_add(out, " collectives judged, ");
	number_add_count(out, stragglers->ambiguous);
	text_add(out, " too close to tell.\n");
}

/* Ranks are missing: nobody is accused, and no cause is given. */
bool section_fill_latest(struct report_table *table, const struct report *report)
{
	const struct stragglers *stragglers = &report->stragglers;
	if (stragglers->kind != STRAGGLER_LIMITED || stragglers->instances == 0)
		return false;
	table_begin(table, "GPU|rank|times last|steps");
	for (size_t g = 0; g < stragglers->gpu_count; g++) {
		if (!is_shown(stragglers, g))
			continue;
		cell_gpu_and_rank(table, report, g);
		cell_count(table, stragglers->gpus[g].times_latest);
		cell_count(table, stragglers->gpus[g].steps_latest);
	}
	return true;
}

void section_add_latest_note(struct text *out, const struct report *report)
{
	text_add_format(out, "Limited: %s.\n", report->stragglers.reason);
}

static int64_t longest_group_ns(const struct report *report)
{
	const struct collective_match *match = report->job.match;
	int64_t longest_ns = 0;
	for (size_t g = 0; g < match->group_count; g++) {
		const struct collective_group *group = &match->groups[g];
		longest_ns = group->wait_ns > longest_ns ? group->wait_ns : longest_ns;
		longest_ns = group->transfer_ns > longest_ns ? group->transfer_ns : longest_ns;
	}
	return longest_ns > 0 ? longest_ns : TIME_USUAL_NS;
}

static void collective_row(struct report_table *table, const struct collective_group *group,
			   const struct report_group *kept, const struct time_unit *unit)
{
	cell_name(table, group->operation, NAME_COLUMNS);
	if (group->communicator_hash == 0)
		text_add(table_open_cell(table), "-");
	else
		text_add_format(table_open_cell(table), "0x%" PRIx64,
				(uint64_t)group->communicator_hash);
	table_close_cell(table);
	cell_integer_or_dash(table, group->rank_count);
	cell_count(table, (int64_t)group->matched);
	cell_count(table, (int64_t)group->unmatched);
	cell_size_or_dash(table, group->matched > 0 ? group->bytes : -1);
	cell_rate_or_dash(table, kept->algorithm_bytes, kept->wire_ns);
	cell_rate_or_dash(table, kept->bus_bytes, kept->wire_ns);
	cell_time_or_dash(table, group->is_wait_known ? group->wait_ns : -1, unit);
	cell_time_or_dash(table, group->is_wait_known ? group->transfer_ns : -1, unit);
}

bool section_fill_collectives(struct report_table *table, const struct report *report)
{
	const struct collective_match *match = report->job.match;
	char headers[HEADERS_BYTES];
	if (match == NULL || match->group_count == 0)
		return false;
	const struct time_unit *unit = time_unit_for(longest_group_ns(report));
	(void)snprintf(headers, sizeof headers,
		       "<operation|<communicator|ranks|matched|not|size|algbw|busbw|wait %s|"
		       "transfer %s",
		       unit->name, unit->name);
	table_begin(table, headers);
	for (size_t g = 0; g < match->group_count; g++)
		collective_row(table, &match->groups[g], &report->groups[g], unit);
	return true;
}

void section_add_collectives_note(struct text *out, const struct report *report)
{
	words_add_unmatched(out, report);
	text_add(out, "Of the whole trace, and sums over all ranks; algbw and busbw in GB/s, from "
		      "when the last rank has come, in the window. not: kernels without a "
		      "partner.\n");
}

static bool has_odd_clock(const struct report *report)
{
	const struct collective_match *match = report->job.match;
	for (size_t lane = 0; match != NULL && lane < match->lane_count; lane++)
		if (match->clocks[lane].state != CLOCK_SAME)
			return match->lane_count > 1;
	return false;
}

bool section_fill_clocks(struct report_table *table, const struct report *report)
{
	const struct collective_match *match = report->job.match;
	if (!has_odd_clock(report))
		return false;
	table_begin(table, "GPU|rank|<host|<clock|against GPU|offset us|+- us|drift ppb|barriers");
	for (size_t lane = 0; lane < match->lane_count; lane++) {
		const struct lane_clock *clock = &match->clocks[lane];
		cell_gpu_and_rank(table, report, lane);
		cell_name(table, report->traces[report->gpus[lane].trace].host, NAME_COLUMNS);
		table_add(table, clock_state_name(clock->state));
		cell_integer_or_dash(table, (int64_t)clock->reference);
		text_add_microseconds(table_open_cell(table), clock->offset_ns);
		table_close_cell(table);
		if (clock->error_ns < 0)
			text_add(table_open_cell(table), "-");
		else
			text_add_microseconds(table_open_cell(table), clock->error_ns);
		table_close_cell(table);
		text_add_integer(table_open_cell(table), clock->drift_ppb);
		table_close_cell(table);
		cell_count(table, (int64_t)clock->barrier_count);
	}
	return true;
}
