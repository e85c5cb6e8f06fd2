/* SPDX-License-Identifier: MIT */
#include "analyzer/report.h"
#include "tests/unit/harness.h"
#include "tests/unit/trace_fixture.h"
#include "tracedb/vocabulary.h"

#include <stdio.h>
#include <string.h>

static struct error error;

/* The rendered report; one of eight that take turns. */
static const char *rendered(const struct report *report, enum report_format format)
{
	static struct text texts[8];
	static unsigned next;
	struct report_style style = { .format = format };
	struct text *text = &texts[next++ % 8];
	text_end(text);
	text_begin(text, (size_t)1 << 24);
	CHECK_OK(report_render(report, &style, text, &error), error);
	return text_string(text);
}

static const char *two_rank_trace(const char *name, int64_t rank, int64_t compute_ns)
{
	struct trace_fixture fixture;
	fixture_begin(&fixture, name, rank, 4);
	fixture_compute(&fixture, 1, 1000, 1000 + compute_ns);
	fixture_comm(&fixture, 2, 1000 + compute_ns, 2000);
	fixture_copy(&fixture, 1, 2000, 2100, 2400);
	fixture_compute(&fixture, 1, 2200, 2300);
	fixture_end(&fixture);
	return fixture.path;
}

static struct report *two_rank_report(void)
{
	const char *paths[] = { two_rank_trace("rank1.db", 1, 600),
				two_rank_trace("rank0.db", 0, 900) };
	return fixture_report(paths, 2, NULL);
}

TEST(report_has_the_members_of_the_contract)
{
	struct report *report = two_rank_report();
	const char *json = rendered(report, REPORT_JSON);
	static const char *const fragments[] = {
		"{\"format\":\"laggard-report\",\"version\":1,",
		"\"traces\":[",
		"\"gpus\":[",
		"\"transfers\":[",
		"\"collectives\":[",
		"\"balance\":{",
		"\"steps\":{\"anchor\":null",
		"\"efficiency\":{",
		"\"stragglers\":{\"verdict\":",
		"\"findings\":[",
		"\"idle_causes\":[{\"cause\":\"unexplained\",\"ns\":100,\"gaps\":1}]",
		"\"window_ns\":1300,\"compute_ns\":1000,\"comm_ns\":100,\"copy_ns\":100,"
		"\"idle_ns\":100,",
		"\"window_start_ns\":1790000000000001000",
		"\"direction\":\"HtoD\",\"source_memory\":\"Pinned\",\"destination_memory\":"
		"\"Device\",\"count\":1,"
		"\"bytes\":2400,",
		"\"gb_per_s\":24.000000",
		"\"lambda\":0.176470588235",
		"\"world_size\":4,\"captured\":2,\"missing_count\":2,\"missing\":[2,3]",
	};
	for (size_t i = 0; i < sizeof fragments / sizeof fragments[0]; i++)
		CHECK_CONTAINS(json, fragments[i]);
	CHECK_INT(report->gpu_count, 2);
	CHECK_INT(report->traces[report->gpus[0].trace].rank, 0);
	report_close(report);
}

TEST(report_text_begins_with_the_verdict_and_sums_up)
{
	struct report *report = two_rank_report();
	const char *text = rendered(report, REPORT_TEXT);
	CHECK_CONTAINS(text, "| Latest of the captured ranks: none stands out; verdict limited "
		       "to captured ranks 2 of 4");
	CHECK_CONTAINS(text, " of 2.600 us on 2 GPUs ");
	CHECK_CONTAINS(text, "Limited to the captured ranks: 2 of 4 ranks captured, missing: 2, 3");
	CHECK_CONTAINS(text, "rank 0, node1, device 0, Test GPU, pid");
	CHECK_CONTAINS(text, "Pinned -> Device");
	CHECK_CONTAINS(text, "ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)");
	CHECK(strchr(text, '\033') == NULL);
	CHECK_CONTAINS(rendered(report, REPORT_MARKDOWN), "| all |  | 2600 | 1700 |");
	report_close(report);
}

TEST(report_accuses_nobody)
{
	struct report *report = two_rank_report();
	static const char *const words[] = { "culprit", "straggler", "blame", "fault", "slow" };
	const char *text = rendered(report, REPORT_TEXT);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		CHECK(strstr(text, words[i]) == NULL);
	for (size_t i = 0; i < report->finding_count; i++)
		if (report->findings[i].id == FINDING_COMMUNICATION)
			CHECK(report->findings[i].gpu == SIZE_MAX);
	report_close(report);
}

TEST(report_of_equal_gpus_finds_no_imbalance)
{
	const char *paths[] = { two_rank_trace("0.db", 0, 700), two_rank_trace("1.db", 1, 700) };
	struct report *report = fixture_report(paths, 2, NULL);
	for (size_t i = 0; i < report->finding_count; i++)
		CHECK(report->findings[i].id != FINDING_IMBALANCE);
	CHECK_INT(report->balance.lambda_e12, 0);
	report_close(report);
}

TEST(report_names_a_broken_trace_and_analyses_the_others)
{
	const char *broken = test_path("rank1.db");
	FILE *file = fopen(broken, "w");
	CHECK(file != NULL && fputs("no trace at all", file) >= 0 && fclose(file) == 0);
	const char *paths[] = { two_rank_trace("rank0.db", 0, 700), broken };
	struct report *report = fixture_report(paths, 2, NULL);
	CHECK_INT(report->trace_count, 2);
	CHECK_INT(report->gpu_count, 1);
	CHECK_INT(report_severity(report), SEVERITY_ERROR);
	CHECK_CONTAINS(rendered(report, REPORT_TEXT), "rank1.db: not read: ");
	CHECK_CONTAINS(rendered(report, REPORT_TEXT),
		       "Limited to the readable traces: 1 of 2 could not be read");
	CHECK_CONTAINS(rendered(report, REPORT_JSON), "\"quality\":null");
	report_close(report);
}

TEST(report_tells_when_two_traces_show_the_same_work)
{
	const char *paths[] = { two_rank_trace("0.db", 0, 700),
				two_rank_trace("copy-of-0.db", 0, 700) };
	struct report *report = fixture_report(paths, 2, NULL);
	CHECK_INT(report->totals.repeated_gpus, 1);
	CHECK_CONTAINS(rendered(report, REPORT_MARKDOWN),
		       "copy-of-0.db: GPU 1 shows the same work as GPU 0 of ");
	CHECK_CONTAINS(rendered(report, REPORT_JSON), "\"gpu-counted-twice\"");
	report_close(report);
}

TEST(report_tells_a_trace_without_gpu_work)
{
	struct trace_fixture fixture;
	fixture_begin(&fixture, "empty.db", -1, -1);
	fixture_end(&fixture);
	struct report *report = fixture_report(&fixture.path, 1, NULL);
	CHECK_INT(report->gpu_count, 0);
	CHECK_CONTAINS(rendered(report, REPORT_TEXT), "No GPU work in these traces");
	CHECK_CONTAINS(rendered(report, REPORT_TEXT), "empty.db: no GPU work recorded");
	CHECK_CONTAINS(rendered(report, REPORT_JSON), "\"gpus\":[]");
	CHECK_CONTAINS(rendered(report, REPORT_JSON), "\"rank\":null,\"world_size\":null");
	report_close(report);
}

TEST(report_shows_losses)
{
	struct trace_fixture fixture;
	fixture_begin(&fixture, "a.db", 0, 1);
	fixture_compute(&fixture, 1, 0, 10);
	CHECK_OK(trace_writer_loss(fixture.writer, "cupti", "dropped", 1234, 5, &error), error);
	CHECK_OK(trace_writer_loss(fixture.writer, "nvtx", "disabled: no memory", 0, -1, &error),
		 error);
	fixture_end(&fixture);
	struct report *report = fixture_report(&fixture.path, 1, NULL);
	const char *text = rendered(report, REPORT_TEXT);
	CHECK_CONTAINS(text, "Incomplete: 1,234 records were lost");
	CHECK_CONTAINS(text, "a.db: lost 1,234, cupti: dropped");
	CHECK_CONTAINS(text, "a.db: nvtx: disabled: no memory");
	CHECK_CONTAINS(rendered(report, REPORT_JSON),
		       "\"lost_records\":1234,\"losses\":[{\"source\":\"cupti\"");
	CHECK_INT(report_severity(report), SEVERITY_WARNING);
	report_close(report);
}

TEST(report_makes_hostile_names_harmless)
{
	static const char hostile[] = "a\033[31mb\x01\xc2\x9b" "c|d`e<f>\"g\\\n\xff\xfe h";
	struct trace_fixture fixture;
	struct kernel_symbol_row symbol = { .grid_x = 1 };
	fixture_begin(&fixture, "a.db", 0, 1);
	CHECK_OK(trace_writer_string(fixture.writer, hostile, sizeof hostile - 1, &symbol.name_id,
				     &error),
		 error);
	CHECK_OK(trace_writer_kernel_symbol(fixture.writer, &symbol, &error), error);
	struct kernel_row kernel = { .duration_ns = 10, .stream_id = fixture.stream_id[1],
		.kernel_id = symbol.kernel_id };
	CHECK_OK(trace_put_kernel(fixture.writer, &kernel, &error), error);
	fixture_end(&fixture);
	struct report *report = fixture_report(&fixture.path, 1, NULL);
	const char *text = rendered(report, REPORT_TEXT), *json = rendered(report, REPORT_JSON);
	for (const char *at = text; *at != 0; at++)
		CHECK((unsigned char)*at >= 0x20 || *at == '\n');
	for (const char *at = json; *at != 0; at++)
		CHECK((unsigned char)*at >= 0x20 || *at == '\n');
	CHECK_CONTAINS(text, "a?[31mb??c|d`e<f>\"g\\???" " h");
	CHECK_CONTAINS(json, "a\\u001b[31mb\\u0001");
	CHECK_CONTAINS(rendered(report, REPORT_MARKDOWN), "c\\|d\\`e&lt;f>");
	report_close(report);
}

TEST(report_of_a_window_looks_at_the_same_time_of_all_gpus)
{
	const char *paths[] = { two_rank_trace("0.db", 0, 600), two_rank_trace("1.db", 1, 900) };
	struct time_window window = { 0, 950 };
	struct report *report = fixture_report(paths, 2, &window);
	CHECK_INT(report->gpus[0].partition.window_ns, 950);
	CHECK_INT(report->gpus[0].partition.compute_ns, 600);
	CHECK_INT(report->gpus[1].partition.compute_ns, 900);
	CHECK_INT(report->gpus[1].partition.comm_ns, 50);
	CHECK_CONTAINS(rendered(report, REPORT_MARKDOWN),
		       "- Limited to a window: from 0 ns to 950 ns, counted from the first GPU "
		       "activity\n");
	report_close(report);
	window = (struct time_window){ 1200, INT64_MAX };
	report = fixture_report(paths, 2, &window);
	CHECK_INT(report->gpus[0].partition.window_ns, 100);
	CHECK_INT(report->gpus[0].partition.compute_ns, 100);
	report_close(report);
}

TEST(window_behind_all_activity_is_refused)
{
	const char *path = two_rank_trace("0.db", 0, 600);
	struct trace_set *set = NULL;
	struct report *report = NULL;
	struct analyze_options options = { .window = WINDOW_EXPLICIT, .window_start_ns = 5000,
		.window_end_ns = INT64_MAX };
	CHECK_OK(trace_set_open(&set, &path, 1, NULL, &error), error);
	CHECK(!analyze_traces(set, &options, &report, &error));
	CHECK_INT(error.kind, ERROR_USAGE);
	CHECK(report == NULL);
	trace_set_close(set);
}

TEST(report_is_the_same_with_any_number_of_threads)
{
	const char *paths[12];
	const char *first = NULL;
	for (int i = 0; i < 12; i++) {
		char name[32];
		(void)snprintf(name, sizeof name, "%02d.db", i);
		paths[i] = two_rank_trace(name, i, 300 + 50 * i);
	}
	for (int threads = 1; threads <= 16; threads += 5) {
		struct trace_set *set = NULL;
		struct report *report = NULL;
		struct analyze_options options = { .window = WINDOW_ALL, .thread_count = threads };
		CHECK_OK(trace_set_open(&set, paths, 12, NULL, &error), error);
		CHECK_OK(analyze_traces(set, &options, &report, &error), error);
		trace_set_close(set);
		const char *json = rendered(report, REPORT_JSON);
		if (first == NULL)
			first = json;
		CHECK_TEXT(json, first);
		report_close(report);
	}
}
