/* SPDX-License-Identifier: MIT */
#include "analyzer/compare_report.h"

#include "analyzer/ratio.h"
#include "analyzer/report_numbers.h"
#include "analyzer/report_table.h"

#include <stdio.h>
#include <string.h>

enum {
	NAME_COLUMNS = 40,
	WORDS_BYTES_MAX = 1 << 20,
	PATH_COLUMNS = 200,
	HEADERS_BYTES = 100,
	COLUMNS_MAX = 100
};

static int64_t size_of(int64_t signed_ns)
{
	return signed_ns < 0 ? -signed_ns : signed_ns;
}

static void add_p(struct text *out, double p)
{
	if (p < 0.001)
		text_add(out, "< 0.001");
	else
		text_add_format(out, "%.3f", p);
}

static void add_reason(struct text *out, const struct compare_subject *subject)
{
	const struct run_steps *a = subject->a, *b = subject->b;
	switch (subject->comparison->reason) {
	case COMPARE_REASON_FEW_STEPS:
		text_add_format(out,
				"Not comparable: A has %zu steady steps and B %zu, "
				"and %d on each side are needed\n",
				a->count, b->count, (int)COMPARE_STEPS_MIN);
		return;
	case COMPARE_REASON_RANKS:
		text_add_format(out, "Not comparable: A has %lld GPUs in a job of %lld ranks, ",
				(long long)a->gpu_count, (long long)a->ranks);
		text_add_format(out, "B %lld of %lld (-1: not known)\n", (long long)b->gpu_count,
				(long long)b->ranks);
		return;
	case COMPARE_REASON_KERNELS:
		text_add_format(out,
				"Not comparable: a step of A has %lld kernels and one of B %lld: "
				"other work\n",
				(long long)a->kernels, (long long)b->kernels);
		return;
	case COMPARE_REASON_ANCHOR:
		text_add_format(out,
				"Not comparable: steps of A are divided by %s, those of B by %s\n",
				a->anchor, b->anchor);
		return;
	case COMPARE_REASON_NONE:
		return;
	}
}

/* "12.820 ms (12.3 %)" */
static void add_change(struct text *out, const struct comparison *comparison)
{
	text_add_duration(out, size_of(comparison->step.shift.shift));
	text_add(out, " (");
	number_add_percent_e12(out, size_of(comparison->change_e12));
	text_add_char(out, ')');
}

static void add_verdict(struct text *out, const struct compare_subject *subject)
{
	const struct comparison *comparison = subject->comparison;
	switch (comparison->verdict) {
	case COMPARE_IMPOSSIBLE:
		add_reason(out, subject);
		return;
	case COMPARE_SLOWER:
		text_add(out, "Slower: a step takes ");
		add_change(out, comparison);
		text_add(out, " more\n");
		return;
	case COMPARE_FASTER:
		text_add(out, "Faster: a step takes ");
		add_change(out, comparison);
		text_add(out, " less\n");
		return;
	case COMPARE_NO_DIFFERENCE:
		text_add(out, "No difference: the medians are ");
		add_change(out, comparison);
		text_add(out, " apart, which is ");
		if (comparison->step.is_significant) {
			text_add(out, "below the threshold of ");
			number_add_percent_e12(out, subject->options->threshold_e12);
		} else {
			text_add(out, "no more than chance");
		}
		text_add_char(out, '\n');
		return;
	}
}

/* "11.900 ms less" */
static void add_signed(struct text *out, int64_t ns)
{
	text_add_duration(out, size_of(ns));
	text_add(out, ns < 0 ? " less" : " more");
}

static void add_numbers(struct text *out, const struct compare_subject *subject)
{
	const struct comparison *comparison = subject->comparison;
	const struct compared *step = &comparison->step;
	text_add(out, "Median step ");
	text_add_duration(out, step->a_median_ns);
	text_add_format(out, " in A (%zu steps), ", subject->a->count);
	text_add_duration(out, step->b_median_ns);
	text_add_format(out, " in B (%zu steps); the change is, with 95 %% confidence, ",
			subject->b->count);
	add_signed(out, step->shift.low);
	text_add(out, " to ");
	add_signed(out, step->shift.high);
	text_add(out, "\nOf two steps, B's is the longer one in ");
	number_add_percent_e12(out, comparison->superiority_e12);
	text_add(out, " of all pairs (p ");
	if (step->p >= 0.001)
		text_add(out, "= ");
	add_p(out, step->p);
	text_add(out, ")\n");
	const struct compared_part *part = comparison_main_part(comparison);
	if (part == NULL || comparison->verdict == COMPARE_IMPOSSIBLE)
		return;
	text_add(out, "Changed most: ");
	name_add(out, part->name, NAME_COLUMNS);
	text_add(out, ", ");
	add_signed(out, part->numbers.shift.shift);
	text_add(out, " a step and GPU\n");
}

void compare_add_words(struct text *out, const struct compare_subject *subject)
{
	add_verdict(out, subject);
	if (subject->comparison->reason != COMPARE_REASON_FEW_STEPS)
		add_numbers(out, subject);
	text_add(out, "A: ");
	name_add(out, subject->a->path, PATH_COLUMNS);
	text_add(out, "\nB: ");
	name_add(out, subject->b->path, PATH_COLUMNS);
	text_add_char(out, '\n');
}

static void add_time(struct report_table *table, int64_t ns, bool has_sign,
		     const struct time_unit *unit)
{
	struct text *cell = table_open_cell(table);
	if (has_sign)
		text_add(cell, ns < 0 ? "-" : ns > 0 ? "+" : "");
	number_add_time(cell, size_of(ns), unit);
	table_close_cell(table);
}

static void add_row(struct report_table *table, const char *name, const struct compared *numbers,
		    const struct time_unit *unit)
{
	struct text *cell = table_open_cell(table);
	if (strchr(name, '-') != NULL || strchr(name, '/') != NULL)
		text_add(cell, "  ");
	name_add(cell, name, NAME_COLUMNS);
	table_close_cell(table);
	add_time(table, numbers->a_median_ns, false, unit);
	add_time(table, numbers->b_median_ns, false, unit);
	add_time(table, numbers->shift.shift, true, unit);
	add_time(table, numbers->shift.low, true, unit);
	add_time(table, numbers->shift.high, true, unit);
	cell = table_open_cell(table);
	add_p(cell, numbers->p);
	table_close_cell(table);
	table_add(table, !numbers->is_significant ? "-" :
			 numbers->shift.shift < 0 ? "less" : "more");
}

static void table_fill(struct report_table *table, const struct comparison *comparison)
{
	const struct compared *step = &comparison->step;
	const struct time_unit *unit = time_unit_for(
		step->a_median_ns > step->b_median_ns ? step->a_median_ns : step->b_median_ns);
	char headers[HEADERS_BYTES];
	(void)snprintf(headers, sizeof headers, "<part|A %s|B %s|change|95 %% from|to|p|<so",
		       unit->name, unit->name);
	table_begin(table, headers);
	add_row(table, "whole step", step, unit);
	for (size_t i = 0; i < comparison->part_count; i++)
		add_row(table, comparison->parts[i].name, &comparison->parts[i].numbers, unit);
}

static const char table_note[] =
	"Medians over the steps; parts are means over the GPUs, and their medians need not sum to "
	"the step. p of parts is corrected for their number.";

void compare_add_text(struct text *out, const struct compare_subject *subject, bool has_unicode)
{
	struct report_table table;
	compare_add_words(out, subject);
	if (subject->comparison->reason == COMPARE_REASON_FEW_STEPS)
		return;
	table_fill(&table, subject->comparison);
	text_add_char(out, '\n');
	table_add_plain(out, &table, COLUMNS_MAX, has_unicode);
	text_add_format(out, "  %s\n", table_note);
	table_end(&table);
}

void compare_add_markdown(struct text *out, const struct compare_subject *subject)
{
	struct report_table table;
	struct text words;
	text_begin(&words, WORDS_BYTES_MAX);
	compare_add_words(&words, subject);
	out->failed |= !text_is_ok(&words);
	text_add(out, "# laggard diff\n\n");
	char *line = words.bytes;
	for (char *end; line != NULL && (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = 0;
		text_add(out, "- ");
		markdown_add(out, line);
		text_add_char(out, '\n');
	}
	text_end(&words);
	if (subject->comparison->reason == COMPARE_REASON_FEW_STEPS)
		return;
	table_fill(&table, subject->comparison);
	text_add_char(out, '\n');
	table_add_markdown(out, &table);
	text_add_format(out, "\n%s\n", table_note);
	table_end(&table);
}

static void json_add_count(struct text *out, const char *key, int64_t count)
{
	text_add_format(out, ",\"%s\":", key);
	if (count < 0)
		text_add(out, "null");
	else
		text_add_integer(out, count);
}

static void json_add_run(struct text *out, const char *key, const struct run_steps *run)
{
	text_add_format(out, ",\n\"%s\":{\"path\":", key);
	text_add_json(out, run->path);
	text_add(out, ",\"anchor\":");
	if (run->anchor[0] == 0)
		text_add(out, "null");
	else
		text_add_json(out, run->anchor);
	json_add_count(out, "steps", (int64_t)run->count);
	json_add_count(out, "gpus", run->gpu_count);
	json_add_count(out, "ranks", run->ranks);
	json_add_count(out, "kernels_per_step", run->kernels);
	text_add_char(out, '}');
}

static void json_add_ratio(struct text *out, const char *key, int64_t ratio_e12)
{
	text_add_format(out, ",\"%s\":%s", key, ratio_e12 < 0 ? "-" : "");
	number_add_ratio(out, size_of(ratio_e12), 12);
}

static void json_add_compared(struct text *out, const struct compared *numbers)
{
	text_add_format(out, "\"a_median_ns\":%lld,\"b_median_ns\":%lld",
			(long long)numbers->a_median_ns, (long long)numbers->b_median_ns);
	text_add_format(out, ",\"shift_ns\":%lld,\"low_ns\":%lld,\"high_ns\":%lld",
			(long long)numbers->shift.shift, (long long)numbers->shift.low,
			(long long)numbers->shift.high);
	text_add_format(out, ",\"p\":%.12f,\"is_significant\":%s", numbers->p,
			numbers->is_significant ? "true" : "false");
}

void compare_add_json(struct text *out, const struct compare_subject *subject)
{
	const struct comparison *comparison = subject->comparison;
	const char *reason = compare_reason_name(comparison->reason);
	text_add_format(out, "{\"format\":\"laggard-diff\",\"version\":1,\"verdict\":\"%s\"",
			compare_verdict_name(comparison->verdict));
	text_add(out, ",\"reason\":");
	if (reason == NULL)
		text_add(out, "null");
	else
		text_add_json(out, reason);
	json_add_ratio(out, "threshold", subject->options->threshold_e12);
	json_add_run(out, "a", subject->a);
	json_add_run(out, "b", subject->b);
	text_add(out, ",\n\"step\":");
	if (comparison->reason == COMPARE_REASON_FEW_STEPS) {
		text_add(out, "null,\n\"parts\":[]}\n");
		return;
	}
	text_add_char(out, '{');
	json_add_compared(out, &comparison->step);
	json_add_ratio(out, "change", comparison->change_e12);
	json_add_ratio(out, "superiority", comparison->superiority_e12);
	text_add(out, "},\n\"parts\":[");
	for (size_t i = 0; i < comparison->part_count; i++) {
		text_add(out, i == 0 ? "\n  {\"part\":" : ",\n  {\"part\":");
		text_add_json(out, comparison->parts[i].name);
		text_add_char(out, ',');
		json_add_compared(out, &comparison->parts[i].numbers);
		text_add_char(out, '}');
	}
	text_add(out, "]}\n");
}
