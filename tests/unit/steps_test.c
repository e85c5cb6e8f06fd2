/* SPDX-License-Identifier: MIT */
#include "analyzer/ratio.h"
#include "analyzer/steps.h"
#include "tests/unit/harness.h"
#include "tests/unit/trace_fixture.h"

#include <stdio.h>
#include <string.h>

enum { STEPS_MAX = 128 };

static struct error error;
static struct trace_fixture fixture;
static struct timeline *timeline;
static struct step_list list;
static int64_t bounds[STEPS_MAX + 1];
static int64_t last_correlation;

static int64_t string_id(const char *text)
{
	int64_t id = 0;
	CHECK_OK(trace_writer_string(fixture.writer, text, strlen(text), &id, &error), error);
	return id;
}

static void begin(void)
{
	static const char *const names[] = { "first.db", "second.db" };
	static int used;
	fixture_begin(&fixture, names[used++], 0, 1);
}

static void put_range(const char *name, int64_t thread, int64_t start_ns, int64_t end_ns)
{
	struct range_row row = { .start_ns = start_ns, .duration_ns = end_ns - start_ns,
				 .thread_id = thread, .name_id = string_id(name), .kind = 1 };
	CHECK_OK(trace_put_range(fixture.writer, &row, &error), error);
}

static void put_numbered(const char *name, int64_t number, int64_t start_ns, int64_t end_ns)
{
	char text[64];
	(void)snprintf(text, sizeof text, "%s%lld", name, (long long)number);
	put_range(text, 7, start_ns, end_ns);
}

static void put_call(const char *name, int64_t thread, int64_t start_ns, int64_t end_ns)
{
	struct api_call_row row = { .start_ns = start_ns, .duration_ns = end_ns - start_ns,
				    .thread_id = thread, .name_id = string_id(name),
				    .correlation_id = ++last_correlation };
	CHECK_OK(trace_put_api_call(fixture.writer, &row, &error), error);
}

static void put_kernel(const char *name, int stream, int64_t start_ns, int64_t end_ns,
		       int64_t correlation)
{
	struct kernel_symbol_row symbol = { .name_id = string_id(name), .grid_x = 1 };
	CHECK_OK(trace_writer_kernel_symbol(fixture.writer, &symbol, &error), error);
	struct kernel_row row = { .start_ns = start_ns, .duration_ns = end_ns - start_ns,
				  .stream_id = fixture.stream_id[stream],
				  .kernel_id = symbol.kernel_id, .correlation_id = correlation };
	CHECK_OK(trace_put_kernel(fixture.writer, &row, &error), error);
}

/* A kernel that a thread launched at host_ns. */
static void put_launched(const char *name, int stream, int64_t host_ns, int64_t start_ns,
			 int64_t end_ns)
{
	put_call("cudaLaunchKernel", 9, host_ns, host_ns + 1);
	put_kernel(name, stream, start_ns, end_ns, last_correlation);
}

static void detect(void)
{
	fixture_end(&fixture);
	timeline = fixture_timeline(&fixture);
	steps_end(&list);
	CHECK_OK(steps_detect(&list, timeline, &error), error);
	CHECK(list.count <= STEPS_MAX);
	CHECK_OK(steps_bound(bounds, &list, timeline, 0, &error), error);
}

static bool parse(const char *name)
{
	char family[STEP_FAMILY_MAX];
	int64_t number;
	return step_name_parse(name, family, &number);
}

TEST(names_of_steps_are_told_from_others)
{
	static const char *const yes[] = { "ProfilerStep#12", "step 3", "Step 3", "step_12", "step",
		"iteration7", "Iteration 7", "iter_5", "iter5", "train_step", "training step",
		"batch 12", "global_step=3", "run_training_batch",
		"[pl][profile]run_training_batch", "step=4", "trainstep3", "steps12",
		"mini-batch 3" };
	static const char *const no[] = { "Optimizer.step#Adam.step", "", "12", "forward",
		"step_3_forward", "validation_step", "micro_batch 2", "moveData3", "stepper",
		"aten::batch_norm", "Iter_CachePrep", "training", "[pl][profile]optimizer_step" };
	for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
		if (!parse(yes[i]))
			test_fail(__FILE__, __LINE__, "'%s' is a step", yes[i]);
	for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
		if (parse(no[i]))
			test_fail(__FILE__, __LINE__, "'%s' is no step", no[i]);
}

TEST(a_step_has_the_last_number_of_its_name)
{
	char family[STEP_FAMILY_MAX];
	int64_t number;
	CHECK(step_name_parse("ProfilerStep#12", family, &number));
	CHECK_TEXT(family, "profiler_step");
	CHECK(step_family_is_profiler(family));
	CHECK_INT(number, 12);
	CHECK(step_name_parse("Training Step", family, &number));
	CHECK_TEXT(family, "training_step");
	CHECK_INT(number, -1);
	CHECK(step_name_parse("step 12345678901234567890", family, &number));
	CHECK_INT(number, -1);
}

TEST(kernels_of_optimizers_are_known_by_name)
{
	CHECK(kernel_is_of_optimizer("void at::native::multi_tensor_apply_kernel<FusedAdamMath>"));
	CHECK(kernel_is_of_optimizer("_Z11adam_updatePf"));
	CHECK(!kernel_is_of_optimizer("multi_tensor_apply_kernel<LpNormFunctor<float>>"));
	CHECK(!kernel_is_of_optimizer("ampere_sgemm_128x64_tn"));
	CHECK(!kernel_is_of_optimizer(""));
}

TEST(steps_are_the_outermost_ranges_that_are_called_so)
{
	begin();
	for (int64_t i = 0; i < 5; i++) {
		int64_t at = 1000 * i;
		put_numbered("iteration ", 40 + i, at, at + 900);
		for (int64_t j = 0; j < 4; j++)
			put_range("batch", 7, at + 200 * j, at + 200 * j + 100);
		put_launched("gemm", 1, at + 100, at + 500, at + 1100);
	}
	detect();
	CHECK_INT(list.anchor, STEP_RANGE);
	CHECK_TEXT(list.name, "iteration");
	CHECK_INT(list.count, 5);
	CHECK_INT(list.steps[0].number, 40);
	CHECK_INT(list.steps[4].host_start_ns, 4000);
	CHECK_INT(list.steps[4].host_end_ns, 4900);
	CHECK_INT(list.agreement_e12, -1);
	steps_end(&list);
	steps_end(&list);
}

TEST(one_range_of_the_profiler_is_enough_and_two_of_others_are_not)
{
	begin();
	put_range("step", 7, 0, 10);
	put_range("step", 7, 10, 20);
	put_kernel("a", 1, 1, 2, 0);
	detect();
	CHECK_INT(list.anchor, STEP_NONE);
	CHECK_CONTAINS(list.reason, "nothing recurs");
	begin();
	put_range("ProfilerStep#3", 7, 0, 10);
	put_kernel("a", 1, 1, 2, 0);
	detect();
	CHECK_INT(list.anchor, STEP_RANGE);
	CHECK_INT(list.count, 1);
	CHECK_INT(list.steps[0].number, 3);
	CHECK_INT(bounds[0], 1);
	CHECK_INT(bounds[1], 2);
}

TEST(equal_names_are_counted)
{
	begin();
	for (int64_t i = 0; i < 4; i++)
		put_range("train_step", 7, 100 * i, 100 * i + 90);
	put_kernel("a", 1, 1, 2, 0);
	detect();
	CHECK_INT(list.count, 4);
	CHECK_INT(list.steps[3].number, 3);
}

/* The GPU lags behind the host: work belongs where it was launched. */
TEST(a_gap_belongs_to_the_step_that_ends_it)
{
	begin();
	put_launched("init", 1, -50, 0, 20);
	for (int64_t i = 0; i < 3; i++) {
		int64_t host = 100 * i, gpu = 300 * i + 50;
		put_numbered("step ", i, host, host + 90);
		put_launched("gemm", 1, host + 5, gpu, gpu + 100);
		put_launched("gemm", 1, host + 10, gpu + 120, gpu + 200);
	}
	detect();
	CHECK_INT(bounds[0], 20);
	CHECK_INT(bounds[1], 250);
	CHECK_INT(bounds[2], 550);
	CHECK_INT(bounds[3], 850);
}

TEST(a_batch_fetched_ahead_does_not_begin_a_step)
{
	begin();
	for (int64_t i = 0; i < 3; i++) {
		int64_t host = 100 * i, gpu = 300 * i;
		put_numbered("step ", i, host, host + 90);
		put_launched("ncclDevKernel_AllGather_RING_LL(x)", 2, host + 1, gpu - 30, gpu - 20);
		put_launched("gemm", 1, host + 5, gpu, gpu + 310);
	}
	put_launched("evaluate", 1, 400, 1000, 1100);
	detect();
	CHECK_INT(bounds[0], -30);
	CHECK_INT(bounds[1], 300);
	CHECK_INT(bounds[2], 600);
	CHECK_INT(bounds[3], 910);
}

TEST(a_gpu_without_work_has_no_bounds)
{
	begin();
	for (int64_t i = 0; i < 3; i++)
		put_numbered("step ", i, 100 * i, 100 * i + 90);
	put_kernel("a", 1, 10, 20, 0);
	detect();
	CHECK_OK(steps_bound(bounds, &list, timeline, 1, &error), error);
	CHECK_INT(bounds[0], 0);
	CHECK_INT(bounds[3], 0);
	CHECK_OK(steps_bound(bounds, &list, timeline, 0, &error), error);
	CHECK_INT(bounds[0], 10);
	CHECK_INT(bounds[1], 20);
	CHECK_INT(bounds[3], 20);
}

/* Two all-reduces for each batch and, if `batches` are through, the optimiser. */
static void put_ddp_step(int64_t step, int64_t batches, bool has_optimizer)
{
	for (int64_t batch = 0; batch < batches; batch++) {
		int64_t at = (step * batches + batch) * 1000;
		put_kernel("gemm", 1, at, at + 600, 0);
		put_kernel("ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)", 2, at + 300, at + 500, 0);
		put_kernel("ncclDevKernel_AllReduce_Sum_f32_TREE_LL(x)", 2, at + 550, at + 750, 0);
		for (int64_t i = 0; i < 20; i++)
			put_kernel("relu", 1, at + 600 + i, at + 601 + i, 0);
		if (batch + 1 == batches && has_optimizer) {
			put_kernel("multi_tensor_apply_adam", 1, at + 800, at + 850, 0);
			put_kernel("clip", 1, at + 850, at + 860, 0);
			put_kernel("multi_tensor_apply_adam", 1, at + 860, at + 900, 0);
		}
	}
}

TEST(collectives_that_recur_end_the_steps)
{
	begin();
	for (int64_t i = 0; i < 8; i++)
		put_ddp_step(i, 1, true);
	detect();
	CHECK_INT(list.anchor, STEP_COLLECTIVES);
	CHECK_TEXT(list.name, "AllReduce");
	CHECK_INT(list.count, 8);
	CHECK_INT(list.collectives_per_step, 2);
	CHECK_INT(list.second, STEP_OPTIMIZER);
	CHECK_INT(list.second_count, 8);
	CHECK_INT(list.agreement_e12, RATIO_ONE);
	CHECK_INT(bounds[0], 0);
	for (int64_t i = 0; i < 8; i++)
		CHECK_INT(bounds[i + 1], i * 1000 + 750);
}

TEST(micro_batches_are_put_together_where_the_optimizer_says_so)
{
	begin();
	for (int64_t i = 0; i < 6; i++)
		put_ddp_step(i, 4, true);
	detect();
	CHECK_INT(list.anchor, STEP_COLLECTIVES);
	CHECK_INT(list.count, 6);
	CHECK_INT(list.micro_batches, 4);
	CHECK_INT(list.collectives_per_step, 8);
	CHECK_INT(bounds[1], 3750);
	CHECK_INT(bounds[2], 7750);
	CHECK_INT(bounds[6], 23750);
}

TEST(anchors_that_contradict_each_other_make_no_steps)
{
	begin();
	for (int64_t i = 0; i < 20; i++)
		put_ddp_step(i, 1, i % 3 == 0 || i % 5 == 0);
	detect();
	CHECK_INT(list.anchor, STEP_NONE);
	CHECK_INT(list.count, 0);
	CHECK_CONTAINS(list.reason, "more than 5 %");
}

TEST(an_optimizer_alone_makes_steps)
{
	begin();
	for (int64_t i = 0; i < 6; i++) {
		int64_t at = 1000 * i;
		for (int64_t j = 0; j < 10 + i % 3; j++)
			put_kernel(j % 2 == 0 ? "gemm" : "relu", 1, at + 50 * j,
				   at + 50 * j + 40, 0);
		put_kernel("multi_tensor_apply_adam", 1, at + 800, at + 850, 0);
		put_kernel("clip", 1, at + 850, at + 860, 0);
		put_kernel("multi_tensor_apply_adam", 1, at + 860, at + 900, 0);
	}
	detect();
	CHECK_INT(list.anchor, STEP_OPTIMIZER);
	CHECK_INT(list.count, 6);
	CHECK_INT(bounds[0], 0);
	CHECK_INT(bounds[1], 900);
	CHECK_INT(bounds[6], 5900);
}

TEST(kernels_that_recur_make_steps)
{
	begin();
	put_kernel("init", 1, -100, -90, 0);
	for (int64_t i = 0; i < 6; i++) {
		int64_t at = 1000 * i;
		put_kernel("embed", 1, at, at + 10, 0);
		for (int64_t j = 0; j < 4; j++)
			put_kernel("layer", 1, at + 20 + 50 * j, at + 60 + 50 * j, 0);
		put_kernel("loss", 1, at + 400, at + 500, 0);
	}
	detect();
	CHECK_INT(list.anchor, STEP_KERNELS);
	CHECK_INT(list.count, 6);
	CHECK_INT(bounds[0], -90);
	CHECK_INT(bounds[1], 500);
	CHECK_INT(bounds[6], 5500);
}

TEST(one_kernel_over_and_over_makes_no_steps)
{
	begin();
	for (int64_t i = 0; i < 50; i++)
		put_kernel("gemm", 1, 10 * i, 10 * i + 5, 0);
	detect();
	CHECK_INT(list.anchor, STEP_NONE);
}

TEST(the_optimizer_is_held_against_ranges_that_are_kept)
{
	begin();
	for (int64_t i = 0; i < 8; i++) {
		put_range("ProfilerStep#1", 7, 1000 * i, 1000 * i + 990);
		put_ddp_step(i, 1, i % 2 == 1);
	}
	detect();
	CHECK_INT(list.anchor, STEP_RANGE);
	CHECK_INT(list.count, 8);
	CHECK_INT(list.second, STEP_OPTIMIZER);
	CHECK_INT(list.second_count, 4);
	CHECK_INT(list.agreement_e12, RATIO_ONE);
	CHECK_CONTAINS(list.reason, "not run in every range");
}

/* Every fifth step logs its loss: the optimiser tells that the fives are no steps. */
TEST(the_optimizer_tells_steps_from_what_is_logged_evenly)
{
	begin();
	for (int64_t i = 0; i < 20; i++) {
		put_ddp_step(i, 1, true);
		if (i % 5 == 4)
			put_kernel("ncclDevKernel_Broadcast_RING_LL(x)", 2, i * 1000 + 920,
				   i * 1000 + 930, 0);
	}
	detect();
	CHECK_INT(list.anchor, STEP_OPTIMIZER);
	CHECK_INT(list.count, 20);
	CHECK_INT(list.second, STEP_COLLECTIVES);
	CHECK_INT(list.second_count, 4);
	CHECK_INT(list.agreement_e12, RATIO_ONE);
	CHECK_INT(list.collectives_per_step, 2);
}

TEST(collectives_all_alike_leave_it_to_the_kernels)
{
	begin();
	for (int64_t i = 0; i < 10; i++) {
		int64_t at = 1000 * i;
		put_kernel("embed", 1, at, at + 100, 0);
		put_kernel("ncclDevKernel_SendRecv(x)", 1, at + 100, at + 200, 0);
		put_kernel("gemm", 1, at + 200, at + 300, 0);
		put_kernel("ncclDevKernel_SendRecv(x)", 1, at + 300, at + 400, 0);
	}
	detect();
	CHECK_INT(list.anchor, STEP_KERNELS);
	CHECK_INT(list.count, 10);
	CHECK_INT(list.second, STEP_COLLECTIVES);
	CHECK_INT(list.second_count, 20);
	CHECK_INT(list.collectives_per_step, 2);
}

TEST(step_ranges_of_a_thread_without_calls_come_last)
{
	begin();
	for (int64_t i = 0; i < 4; i++) {
		put_range("batch 1", 8, 1000 * i, 1000 * i + 1000);
		put_range("step", 9, 1000 * i, 1000 * i + 900);
		put_launched("gemm", 1, 1000 * i + 5, 1000 * i + 10, 1000 * i + 20);
	}
	detect();
	CHECK_TEXT(list.name, "step");
}
