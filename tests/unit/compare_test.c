/* SPDX-License-Identifier: MIT */
#include "analyzer/compare.h"
#include "analyzer/compare_report.h"
#include "analyzer/ratio.h"
#include "analyzer/sidecar.h"
#include "tests/unit/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PERCENT = 10000000, STEP_NS = 10000000, NOISE_NS = 300000 };

static struct error error;

/* What one run is made of. `wait_ns` is in every step, on top of STEP_NS and noise. */
struct made {
	size_t steps;
	int64_t wait_ns;
	int64_t kernels;
	uint64_t seed;
	const char *cause;	/* of the noise; NULL: causes are not known */
};

static struct run_steps run_make(const struct made *made)
{
	struct run_builder *builder = NULL;
	struct run_steps run;
	uint64_t seed = made->seed;
	CHECK_OK(run_builder_begin(&builder, "made", &error), error);
	for (int64_t i = 0; i < (int64_t)made->steps; i++) {
		int64_t noise = (int64_t)random_below(&seed, NOISE_NS);
		int64_t duration = STEP_NS + noise + made->wait_ns;
		CHECK_OK(run_builder_add_step(builder, i, duration, made->kernels, &error), error);
		CHECK_OK(run_builder_add_part(builder, i, "compute", STEP_NS, &error), error);
		CHECK_OK(run_builder_add_part(builder, i, "comm", made->wait_ns, &error), error);
		CHECK_OK(run_builder_add_part(builder, i, "comm-wait", made->wait_ns, &error),
			 error);
		CHECK_OK(run_builder_add_part(builder, i, "idle", noise, &error), error);
		if (made->cause != NULL)
			CHECK_OK(run_builder_add_part(builder, i, made->cause, noise, &error),
				 error);
	}
	CHECK_OK(run_builder_finish(builder, &run, &error), error);
	return run;
}

static void runs_compare(struct comparison *comparison, struct run_steps *a, struct run_steps *b,
			 int64_t percent, bool is_forced)
{
	const struct compare_options options = { percent * PERCENT * 1000, is_forced };
	CHECK_OK(comparison_make(comparison, a, b, &options, &error), error);
}

TEST(a_run_with_longer_steps_is_slower_and_the_part_that_grew_is_named)
{
	struct run_steps a = run_make(&(struct made){ 60, 0, 9, 1, NULL });
	struct run_steps b = run_make(&(struct made){ 50, 900000, 9, 2, NULL });
	struct comparison comparison;
	runs_compare(&comparison, &a, &b, 2, false);
	CHECK_INT(comparison.verdict, COMPARE_SLOWER);
	CHECK_INT(comparison.reason, COMPARE_REASON_NONE);
	CHECK(comparison.step.is_significant);
	CHECK(comparison.step.shift.low <= 900000 && comparison.step.shift.high >= 900000);
	CHECK(comparison.change_e12 > 8 * RATIO_ONE / 100);
	CHECK(comparison.change_e12 < 10 * RATIO_ONE / 100);
	CHECK_INT(comparison.superiority_e12, RATIO_ONE);
	CHECK_TEXT(comparison_main_part(&comparison)->name, "comm-wait");
	CHECK_INT(comparison_main_part(&comparison)->numbers.shift.shift, 900000);
	runs_compare(&comparison, &b, &a, 2, false);
	CHECK_INT(comparison.verdict, COMPARE_FASTER);
	CHECK_TEXT(comparison_main_part(&comparison)->name, "comm-wait");
	CHECK_INT(comparison.superiority_e12, 0);
	run_steps_end(&a);
	run_steps_end(&b);
}

TEST(runs_that_differ_by_noise_only_do_not_differ)
{
	int differing = 0;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct run_steps a = run_make(&(struct made){ 40, 0, 9, seed, "idle/sync" });
		struct run_steps b = run_make(&(struct made){ 40, 0, 9, seed + 99, "idle/sync" });
		struct comparison comparison;
		runs_compare(&comparison, &a, &b, 0, false);
		differing += comparison.verdict != COMPARE_NO_DIFFERENCE;
		run_steps_end(&a);
		run_steps_end(&b);
	}
	/* Chance alone makes one of twenty. */
	CHECK(differing <= 3);
}

TEST(a_sure_but_small_change_is_below_the_threshold)
{
	struct run_steps a = run_make(&(struct made){ 200, 0, 9, 1, NULL });
	struct run_steps b = run_make(&(struct made){ 200, 150000, 9, 2, NULL });
	struct comparison comparison;
	runs_compare(&comparison, &a, &b, 2, false);
	CHECK_INT(comparison.verdict, COMPARE_NO_DIFFERENCE);
	CHECK(comparison.step.is_significant);
	runs_compare(&comparison, &a, &b, 1, false);
	CHECK_INT(comparison.verdict, COMPARE_SLOWER);
	run_steps_end(&a);
	run_steps_end(&b);
}

TEST(runs_of_other_work_are_not_compared_unless_forced)
{
	struct run_steps a = run_make(&(struct made){ 20, 0, 100, 1, NULL });
	struct run_steps b = run_make(&(struct made){ 20, 900000, 200, 2, NULL });
	struct run_steps few = run_make(&(struct made){ 4, 0, 100, 3, NULL });
	struct run_steps none = run_make(&(struct made){ 0, 0, 100, 3, NULL });
	struct comparison comparison;
	runs_compare(&comparison, &a, &b, 2, false);
	CHECK_INT(comparison.verdict, COMPARE_IMPOSSIBLE);
	CHECK_INT(comparison.reason, COMPARE_REASON_KERNELS);
	CHECK(comparison.step.b_median_ns > comparison.step.a_median_ns);
	runs_compare(&comparison, &a, &b, 2, true);
	CHECK_INT(comparison.verdict, COMPARE_SLOWER);
	b.kernels = 109;
	b.anchor = "range";
	runs_compare(&comparison, &a, &b, 2, false);
	CHECK_INT(comparison.verdict, COMPARE_SLOWER);
	a.anchor = "collectives";
	runs_compare(&comparison, &a, &b, 2, false);
	CHECK_INT(comparison.reason, COMPARE_REASON_ANCHOR);
	b.gpu_count = 8;
	runs_compare(&comparison, &a, &b, 2, false);
	CHECK_INT(comparison.reason, COMPARE_REASON_RANKS);
	runs_compare(&comparison, &few, &a, 2, true);
	CHECK_INT(comparison.reason, COMPARE_REASON_FEW_STEPS);
	runs_compare(&comparison, &a, &none, 2, true);
	CHECK_INT(comparison.reason, COMPARE_REASON_FEW_STEPS);
	run_steps_end(&a);
	run_steps_end(&b);
	run_steps_end(&few);
	run_steps_end(&none);
}

/* The numbers of a part; all of them -1 where there is none. */
static struct compared part_of(const struct comparison *comparison, const char *name)
{
	for (size_t i = 0; i < comparison->part_count; i++)
		if (strcmp(comparison->parts[i].name, name) == 0)
			return comparison->parts[i].numbers;
	return (struct compared){ .a_median_ns = -1, .b_median_ns = -1 };
}

TEST(a_cause_that_one_run_does_not_have_took_no_time_there)
{
	struct run_steps a = run_make(&(struct made){ 20, 0, 9, 1, "idle/sync" });
	struct run_steps b = run_make(&(struct made){ 20, 0, 9, 2, "idle/data" });
	struct run_steps unknown = run_make(&(struct made){ 20, 0, 9, 3, NULL });
	struct comparison comparison;
	runs_compare(&comparison, &a, &b, 2, false);
	CHECK_INT(part_of(&comparison, "idle/sync").b_median_ns, 0);
	CHECK_INT(part_of(&comparison, "idle/data").a_median_ns, 0);
	CHECK(part_of(&comparison, "idle/data").is_significant);
	runs_compare(&comparison, &a, &unknown, 2, false);
	CHECK_INT(part_of(&comparison, "idle/sync").a_median_ns, -1);
	CHECK(part_of(&comparison, "idle").a_median_ns > 0);
	run_steps_end(&a);
	run_steps_end(&b);
	run_steps_end(&unknown);
}

TEST(a_step_lasts_as_long_as_on_its_slowest_gpu_and_must_be_whole)
{
	struct run_builder *builder = NULL;
	struct run_steps run;
	CHECK_OK(run_builder_begin(&builder, "made", &error), error);
	for (int64_t number = 9; number >= 7; number--)
		for (int64_t gpu = 0; gpu < (number == 8 ? 1 : 2); gpu++) {
			CHECK_OK(run_builder_add_step(builder, number, number * 10 + gpu, 5,
						      &error),
				 error);
			CHECK_OK(run_builder_add_part(builder, number, "copy", gpu * 100, &error),
				 error);
		}
	CHECK_OK(run_builder_add_part(builder, 99, "copy", 1, &error), error);
	CHECK_OK(run_builder_finish(builder, &run, &error), error);
	CHECK_INT(run.count, 2);
	CHECK_INT(run.gpu_count, 2);
	CHECK_INT(run.kernels, 10);
	CHECK_INT(run.duration_ns[0], 71);
	CHECK_INT(run.duration_ns[1], 91);
	CHECK_INT(run_steps_part(&run, "copy")[0], 50);
	CHECK(run_steps_part(&run, "idle") == NULL);
	run_steps_end(&run);
}

TEST(times_below_zero_and_endless_parts_are_refused)
{
	struct run_builder *builder = NULL;
	bool ok = true;
	CHECK_OK(run_builder_begin(&builder, "made", &error), error);
	CHECK(!run_builder_add_step(builder, 1, -1, 0, &error));
	CHECK_CONTAINS(error.message, "ends before it starts");
	CHECK_OK(run_builder_add_step(builder, 1, INT64_MAX, INT64_MAX, &error), error);
	CHECK_OK(run_builder_add_step(builder, 1, INT64_MAX, INT64_MAX, &error), error);
	CHECK(!run_builder_add_part(builder, 1, "copy", -1, &error));
	CHECK_CONTAINS(error.message, "less than no time");
	for (int i = 0; ok && i < 1000; i++) {
		char name[16];
		(void)snprintf(name, sizeof name, "p%d", i);
		ok = run_builder_add_part(builder, 1, name, INT64_MAX, &error);
	}
	CHECK(!ok);
	CHECK_CONTAINS(error.message, "more than 64 parts");
	run_builder_abandon(builder);
}

TEST(steps_come_out_of_a_sidecar_as_they_went_in)
{
	const char *path = test_path("sidecar.db");
	struct sidecar *sidecar = NULL;
	struct run_steps run;
	const struct analysis_row analysis = { .step_anchor = "range", .world_size = 4 };
	CHECK_OK(sidecar_create(&sidecar, path, 0, &error), error);
	CHECK_OK(sidecar_add_analysis(sidecar, &analysis, &error), error);
	for (int64_t gpu = 0; gpu < 2; gpu++) {
		const struct gpu_time_row row = { .gpu_id = gpu, .rank = gpu };
		CHECK_OK(sidecar_add_gpu_time(sidecar, &row, &error), error);
		for (int64_t number = 0; number < 6; number++) {
			const struct step_row step = {
				.number = number, .gpu_id = gpu, .is_steady = number > 0,
				.duration_ns = 100 + gpu, .comm_ns = 10, .comm_wait_ns = -1,
				.comm_transfer_ns = -1, .kernels = 3, .idle_ns = 6 };
			const struct step_idle_row idle = { .number = number, .gpu_id = gpu,
							    .cause = "sync", .idle_ns = 6 };
			CHECK_OK(sidecar_add_step(sidecar, &step, &error), error);
			CHECK_OK(sidecar_add_step_idle(sidecar, &idle, &error), error);
		}
	}
	CHECK_OK(sidecar_commit(sidecar, &error), error);
	CHECK_OK(run_steps_read(&run, path, &error), error);
	CHECK_INT(run.count, 5);
	CHECK_INT(run.gpu_count, 2);
	CHECK_INT(run.ranks, 4);
	CHECK_INT(run.kernels, 6);
	CHECK_TEXT(run.anchor, "range");
	CHECK_INT(run.duration_ns[4], 101);
	CHECK_INT(run_steps_part(&run, "idle/sync")[0], 6);
	CHECK(run_steps_part(&run, "comm-wait") == NULL);
	run_steps_end(&run);
}

static bool json_read(const char *json, struct run_steps *run)
{
	const char *path = test_path("report.json");
	FILE *file = fopen(path, "wbe");
	CHECK(file != NULL && fputs(json, file) >= 0 && fclose(file) == 0);
	return run_steps_read_json(run, path, &error);
}

TEST(a_report_in_json_gives_its_steps_whatever_the_order_of_its_members)
{
	struct run_steps run;
	CHECK_OK(json_read("{\"steps\":{\"list\":[{\"parts_ns\":{\"copy\":4},\"number\":1,"
			   "\"duration_ns\":11,\"gpu_ns\":[11,7]},"
			   "{\"number\":0,\"duration_ns\":99}],\"first\":1,\"anchor\":\"range\","
			   "\"kernels_per_step\":2},"
			   "\"gpus\":[{\"gpu\":0,\"number\":7},{\"gpu\":1}],\"traces\":["
			   "{\"world_size\":2}],\"version\":1,\"format\":\"laggard-report\"}",
			   &run),
		 error);
	CHECK_INT(run.count, 1);
	CHECK_INT(run.duration_ns[0], 11);
	CHECK_INT(run.kernels, 2);
	CHECK_INT(run.gpu_count, 2);
	CHECK_INT(run.ranks, 2);
	CHECK_TEXT(run.anchor, "range");
	CHECK_INT(run_steps_part(&run, "copy")[0], 4);
	run_steps_end(&run);
}

TEST(json_that_is_no_report_gives_one_error)
{
	static const struct { const char *json, *fragment; } cases[] = {
		{ "[]", "is no report of laggard" },
		{ "{\"format\":\"other\",\"version\":1}", "is no report of laggard" },
		{ "{\"format\":\"laggard-report\"}", "is a report of version -1" },
		{ "{\"format\":\"laggard-report\",\"version\":2}", "is a report of version 2" },
		{ "{\"format\":\"laggard-report\",\"version\":1", "is not valid JSON" },
		{ "{\"format\":\"laggard-report\",\"version\":1,\"steps\":{\"list\":[{\"number\":1,"
		  "\"duration_ns\":5,\"parts_ns\":{\"copy\":-5}}]}}", "less than no time" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct run_steps run = { .arena = NULL };
		CHECK(!json_read(cases[i].json, &run));
		CHECK_INT(error.kind, ERROR_INPUT);
		CHECK_CONTAINS(error.message, "report.json");
		CHECK_CONTAINS(error.message, cases[i].fragment);
	}
	struct run_steps odd;
	CHECK_OK(json_read("{\"format\":\"laggard-report\",\"version\":1,\"steps\":[{\"list\":"
			   "[[{}],{\"number\":{}}]}],\"gpus\":{\"a\":{}},\"traces\":7}", &odd),
		 error);
	CHECK_INT(odd.count, 0);
	run_steps_end(&odd);
}

TEST(extreme_durations_are_compared_without_overflow)
{
	struct run_builder *builder = NULL;
	struct run_steps a = run_make(&(struct made){ 8, 0, 9, 1, NULL }), b;
	struct comparison comparison;
	struct text out;
	CHECK_OK(run_builder_begin(&builder, "b", &error), error);
	for (int64_t i = 0; i < 8; i++) {
		CHECK_OK(run_builder_add_step(builder, i, INT64_MAX, -1, &error), error);
		CHECK_OK(run_builder_add_part(builder, i, "compute", INT64_MAX, &error), error);
	}
	CHECK_OK(run_builder_finish(builder, &b, &error), error);
	const struct compare_options options = { .threshold_e12 = 0 };
	const struct compare_subject subject = { &b, &a, &options, &comparison };
	runs_compare(&comparison, &a, &b, 0, false);
	CHECK_INT(comparison.verdict, COMPARE_SLOWER);
	runs_compare(&comparison, &b, &a, 0, false);
	CHECK_INT(comparison.verdict, COMPARE_FASTER);
	text_begin(&out, 1 << 20);
	compare_add_text(&out, &subject, true);
	compare_add_markdown(&out, &subject);
	compare_add_json(&out, &subject);
	CHECK(text_is_ok(&out));
	text_end(&out);
	run_steps_end(&a);
	run_steps_end(&b);
}
