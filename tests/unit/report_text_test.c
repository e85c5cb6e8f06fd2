/* SPDX-License-Identifier: MIT */
/* What a person reads: the verdict, its words and their layout. */
#include "analyzer/finding_explanations.h"
#include "analyzer/report.h"
#include "analyzer/report_lines.h"
#include "analyzer/report_table.h"
#include "analyzer/report_words.h"
#include "tests/unit/harness.h"
#include "tests/unit/trace_fixture.h"

#include <stdio.h>
#include <string.h>

enum { MANY_GPUS = 16, SCREEN_LINES = 42 };

static struct error error;

static const char *text_of(const struct report *report, enum report_format format, bool has_unicode)
{
	static struct text text;
	struct report_style style = { .format = format, .has_unicode = has_unicode };
	text_end(&text);
	text_begin(&text, (size_t)1 << 24);
	CHECK_OK(report_render(report, &style, &text, &error), error);
	return text_string(&text);
}

static const char *verdict_of(const struct report *report)
{
	static struct text text;
	text_end(&text);
	text_begin(&text, (size_t)1 << 20);
	words_add_verdict(&text, report);
	return text_string(&text);
}

static const char *wrapped(const char *words, size_t columns, size_t indent, size_t hang,
			   size_t begun)
{
	static struct text text;
	text_end(&text);
	text_begin(&text, (size_t)1 << 20);
	lines_add(&text, words, columns, indent, hang, begun);
	return text_string(&text);
}

static const char *rank_trace(int rank, int world_size, int64_t compute_ns)
{
	struct trace_fixture fixture;
	static int number;
	char name[64];
	(void)snprintf(name, sizeof name, "%d-a-rather-long-name-of-a-trace-of-rank-%d.db",
		       number++, rank);
	fixture_begin(&fixture, name, rank, world_size);
	for (int64_t step_ns = 0; step_ns < 5 * compute_ns; step_ns += 2 * compute_ns) {
		fixture_compute(&fixture, 1, step_ns, step_ns + compute_ns - rank);
		fixture_comm(&fixture, 2, step_ns + compute_ns - rank,
			     step_ns + 3 * compute_ns / 2);
		fixture_copy(&fixture, 1, step_ns + 3 * compute_ns / 2,
			     step_ns + 8 * compute_ns / 5, 1 << 20);
	}
	fixture_end(&fixture);
	return fixture.path;
}

static struct report *ranks_report(int first, int count, int world_size, int64_t compute_ns)
{
	const char *paths[MANY_GPUS];
	for (int i = 0; i < count; i++)
		paths[i] = rank_trace(first + i, world_size, compute_ns);
	return fixture_report(paths, (size_t)count, NULL);
}

static void check_columns(const char *text)
{
	for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
		if (text_columns(text, (size_t)(end - text)) > REPORT_COLUMNS_MAX)
			printf("# %.*s\n", (int)(end - text), text);
		CHECK(text_columns(text, (size_t)(end - text)) <= REPORT_COLUMNS_MAX);
		CHECK(end == text || end[-1] != ' ');
	}
}

/* The rank is named, and a finding says why. */
static void name_rank(struct report *report, size_t gpu, struct finding *finding)
{
	report->stragglers.kind = STRAGGLER_CULPRIT;
	report->stragglers.gpus[gpu].is_named = true;
	report->stragglers.fix_set_ns = report->gpus[0].partition.window_ns / 10;
	*finding = (struct finding){ .id = FINDING_UNEVEN_WORK, .severity = SEVERITY_ERROR,
		.recoverable_ns = 1000, .gpu_ns = 1000, .per_step_ns = -1, .gpu = gpu,
		.is_accusation = true };
	report->findings = finding;
	report->finding_count = 1;
}

/* What name_rank has put there is the test's. */
static void close_named(struct report *report, struct finding *findings)
{
	report->findings = findings;
	report->finding_count = 0;
	report_close(report);
}

TEST(verdict_names_the_rank_says_why_and_what_to_do)
{
	struct report *report = ranks_report(0, 4, 4, 100000);
	struct finding *before = report->findings, finding;
	name_rank(report, 2, &finding);
	const char *words = verdict_of(report);
	CHECK(strncmp(words, "Rank 2 makes the others wait: 10.0 % of all GPU time (", 54) == 0);
	CHECK_CONTAINS(words, "\nWhy: GPU 2 (rank 2) has more to compute than the others");
	CHECK_CONTAINS(words, "\nNext: give all ranks equal work");
	close_named(report, before);
}

TEST(verdict_names_nobody_where_nobody_is_late)
{
	struct report *report = ranks_report(0, 4, 4, 100000);
	report->stragglers.kind = STRAGGLER_NONE;
	const char *words = verdict_of(report);
	CHECK(strncmp(words, "Nobody makes the others wait; mostly compute, ", 46) == 0);
	report->stragglers.kind = STRAGGLER_UNKNOWN;
	report->stragglers.reason = "because";
	CHECK_CONTAINS(verdict_of(report), "Who waits for whom is not known: because\n");
	report_close(report);
}

TEST(verdict_without_a_reason_accuses_nobody)
{
	struct report *report = ranks_report(0, 4, 4, 100000);
	struct finding *before = report->findings, finding;
	name_rank(report, 2, &finding);
	report->finding_count = 0;
	CHECK(strstr(verdict_of(report), "ank 2") == NULL);
	close_named(report, before);
}

TEST(limited_verdict_never_accuses)
{
	struct report *report = ranks_report(0, 4, 8, 100000);
	struct finding *before = report->findings, finding;
	name_rank(report, 2, &finding);
	report->stragglers.kind = STRAGGLER_LIMITED;
	report->stragglers.gpus[2].caused_ns = 5000;
	static const char *const words[] = { "makes the others wait", "Why: ", "Largest loss",
		"Who makes", "what it did instead" };
	const char *verdict = verdict_of(report);
	CHECK(strncmp(verdict, "Latest of the captured ranks: 2; verdict limited to captured ranks "
		      "4 of 8\n", 74) == 0);
	CHECK_CONTAINS(verdict, "4 of 8 ranks captured, missing: 4-7\n");
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		report->finding_count = 1;
		CHECK(strstr(verdict_of(report), words[i]) == NULL);
		report->finding_count = 0;
		CHECK(strstr(text_of(report, REPORT_TEXT, false), words[i]) == NULL);
		CHECK(strstr(text_of(report, REPORT_MARKDOWN, false), words[i]) == NULL);
	}
	close_named(report, before);
}

TEST(verdict_of_one_gpu_says_what_it_did)
{
	struct report *report = ranks_report(0, 1, 1, 100000);
	CHECK(strncmp(verdict_of(report), "Mostly compute, ", 16) == 0);
	report_close(report);
}

TEST(text_of_many_gpus_fits_into_its_columns)
{
	static const int64_t compute_ns[] = { 100, 99999, 7000000, 123456789, 300000000000 };
	for (size_t i = 0; i < sizeof compute_ns / sizeof compute_ns[0]; i++) {
		struct report *report = ranks_report(1234, MANY_GPUS, 4096, compute_ns[i]);
		check_columns(text_of(report, REPORT_TEXT, false));
		check_columns(text_of(report, REPORT_TEXT, true));
		CHECK_CONTAINS(text_of(report, REPORT_TEXT, false),
			       "and 8 more in the table below");
		report_close(report);
	}
	for (int count = 1; count <= 8; count++) {
		struct report *report = ranks_report(0, count, count, 123456789);
		check_columns(text_of(report, REPORT_TEXT, false));
		report_close(report);
	}
}

TEST(what_comes_before_the_tables_fits_a_screen)
{
	struct report *report = ranks_report(0, MANY_GPUS, 64, 123456);
	const char *text = text_of(report, REPORT_TEXT, false);
	const char *tables = strstr(text, "\nWhere the GPU time went\n");
	size_t lines = 0;
	CHECK(tables != NULL);
	for (const char *at = text; at < tables; at++)
		lines += *at == '\n';
	CHECK(lines <= SCREEN_LINES);
	report_close(report);
}

TEST(lines_break_behind_blanks_and_hang)
{
	CHECK_TEXT(wrapped("one two three", 7, 0, 0, 0), "one two\nthree\n");
	CHECK_TEXT(wrapped("one two three", 9, 2, 1, 0), "  one two\n   three\n");
	CHECK_TEXT(wrapped("one\ntwo three", 9, 2, 2, 2), "one\n  two\n    three\n");
	CHECK_TEXT(wrapped("it takes 16.1 % of it", 14, 0, 0, 0), "it takes\n16.1 % of it\n");
	CHECK_TEXT(wrapped("most of it on GPU 2", 17, 0, 0, 0), "most of it on\nGPU 2\n");
	CHECK_TEXT(wrapped("abcdefghij", 4, 0, 0, 0), "abcd\nefgh\nij\n");
	CHECK_TEXT(wrapped("\xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4", 3, 0, 0, 0),
		   "\xc3\xa4\xc3\xb6\xc3\xbc\n\xc3\xa4\n");
	CHECK_TEXT(wrapped("", 10, 2, 2, 0), "");
}

TEST(tables_give_way_in_their_names)
{
	struct report_table table;
	struct text text;
	text_begin(&text, 1000);
	table_begin(&table, "<name|number|<other");
	table_add(&table, "a name that is far too long for this");
	table_add(&table, "123456789");
	table_add(&table, "short");
	table_add_plain(&text, &table, 32, false);
	check_columns(text_string(&text));
	CHECK_CONTAINS(text_string(&text), "a name th...");
	CHECK_CONTAINS(text_string(&text), "  123456789  short\n");
	table_end(&table);
	text_end(&text);
}

TEST(every_kind_of_finding_is_explained)
{
	for (int id = 0; id < FINDING_COUNT; id++) {
		struct text text;
		text_begin(&text, (size_t)1 << 20);
		CHECK(finding_explanation((enum finding_id)id)->what != NULL);
		CHECK(finding_explanation((enum finding_id)id)->how != NULL);
		explanation_add_kind(&text, (enum finding_id)id);
		CHECK(text_is_ok(&text));
		check_columns(text_string(&text));
		CHECK_CONTAINS(text_string(&text), "\nHow: ");
		CHECK_CONTAINS(text_string(&text), "\nSeverity: warning ");
		text_end(&text);
	}
}
