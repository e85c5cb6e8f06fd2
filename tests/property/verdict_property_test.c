/* SPDX-License-Identifier: MIT */
/*
 * A balanced job never sees a rank named, and a late rank is always found: simulated runs of 2 to 8
 * ranks and 5 to 60 steps of one second, with several collectives a step.
 */
#include "analyzer/metric_statistics.h"
#include "analyzer/metric_verdict.h"
#include "tests/unit/harness.h"

#include <math.h>

enum { RANKS_MAX = 8, STEPS_MAX = 60, A_STEP_MAX = 3, RUNS = 1000 };

#define STEP_NS INT64_C(1000000000)

enum jitter { JITTER_UNIFORM, JITTER_HEAVY };

struct run {
	size_t ranks;
	size_t steps;
	size_t a_step;		/* collectives */
	int64_t arrival_ns[STEPS_MAX * A_STEP_MAX * RANKS_MAX];
	int64_t wait_ns[STEPS_MAX * A_STEP_MAX * RANKS_MAX];
	int64_t step[STEPS_MAX * A_STEP_MAX];
};

/* 0 .. width, or a Pareto tail: half are below 0.6 width, one in 30 is above 9, up to a step. */
static int64_t jitter_draw(uint64_t *state, enum jitter jitter, int64_t width_ns)
{
	double u = ((double)(random_next(state) >> 12) + 0.5) / 4503599627370496.0;
	if (jitter == JITTER_UNIFORM)
		return (int64_t)(u * (double)width_ns);
	double heavy = (pow(u, -1 / 1.5) - 1) * (double)width_ns;
	return heavy > (double)STEP_NS ? STEP_NS : (int64_t)heavy;
}

static void run_fill(struct run *run, uint64_t *state, enum jitter jitter, int64_t width_ns,
		     size_t steps_min, size_t ranks_min)
{
	run->ranks = ranks_min + random_below(state, RANKS_MAX - ranks_min + 1);
	run->steps = steps_min + random_below(state, STEPS_MAX - steps_min + 1);
	run->a_step = 1 + random_below(state, A_STEP_MAX);
	for (size_t i = 0; i < run->steps * run->a_step; i++) {
		run->step[i] = (int64_t)(i / run->a_step);
		for (size_t rank = 0; rank < run->ranks; rank++)
			run->arrival_ns[i * run->ranks + rank] =
				(int64_t)i * STEP_NS / (int64_t)run->a_step +
				jitter_draw(state, jitter, width_ns);
	}
}

/* The rank comes late to the first collective of the step. */
static void run_delay(struct run *run, size_t step, size_t rank, int64_t ns)
{
	run->arrival_ns[step * run->a_step * run->ranks + rank] += ns;
}

static struct verdict run_judge(struct run *run)
{
	struct blame_input input = {
		.rank_count = run->ranks, .instance_count = run->steps * run->a_step,
		.arrival_ns = run->arrival_ns, .wait_ns = run->wait_ns, .step = run->step,
		.clock_error_ns = 1000, .window_ns = (int64_t)run->steps * STEP_NS,
	};
	struct verdict verdict;
	struct blame blame;
	struct error error;
	for (size_t i = 0; i < input.instance_count; i++) {
		int64_t *arrival_ns = &run->arrival_ns[i * run->ranks], last_ns = 0;
		for (size_t rank = 0; rank < run->ranks; rank++)
			if (rank == 0 || arrival_ns[rank] > last_ns)
				last_ns = arrival_ns[rank];
		for (size_t rank = 0; rank < run->ranks; rank++)
			run->wait_ns[i * run->ranks + rank] = last_ns - arrival_ns[rank];
	}
	CHECK_OK(blame_measure(&blame, &input, &error), error);
	CHECK_OK(verdict_decide(&verdict, &blame, &input, &verdict_gates_usual, &error), error);
	blame_end(&blame);
	return verdict;
}

TEST(balanced_runs_accuse_nobody)
{
	uint64_t state = 2024;
	struct run run;
	/* From a hundredth of what would matter to half a step. */
	const int64_t widths_ns[] = { STEP_NS / 10000, STEP_NS / 50, STEP_NS / 10, STEP_NS / 2 };
	for (int i = 0; i < RUNS * 4; i++) {
		run_fill(&run, &state, i % 2 == 0 ? JITTER_UNIFORM : JITTER_HEAVY,
			 widths_ns[i / 2 % 4], 5, 2);
		struct verdict verdict = run_judge(&run);
		if (verdict.kind == VERDICT_CULPRIT || verdict.kind == VERDICT_CO_CULPRITS ||
		    verdict.named_count != 0)
			test_fail(__FILE__, __LINE__, "run %d of %zu ranks, %zu steps: %s", i,
				  run.ranks, run.steps, verdict.reason);
		verdict_end(&verdict);
	}
}

static void check_named(const struct run *run, struct verdict *verdict, size_t first, size_t second,
			int number)
{
	size_t want = first == second ? 1 : 2;
	enum verdict_kind kind = want == 1 ? VERDICT_CULPRIT : VERDICT_CO_CULPRITS;
	if (verdict->kind != kind || verdict->named_count != want ||
	    !verdict->ranks[first].is_named || !verdict->ranks[second].is_named)
		test_fail(__FILE__, __LINE__,
			  "run %d of %zu ranks, %zu steps, %zu a step: verdict %d, %zu named: %s",
			  number, run->ranks, run->steps, run->a_step, (int)verdict->kind,
			  verdict->named_count, verdict->reason);
	CHECK(verdict->may_be_critical == (run->steps >= 20));
	verdict_end(verdict);
}

/* 5 to 30 % of a step late; the jitter is uniform, a twentieth of that where steps are few. */
TEST(one_late_rank_is_always_found)
{
	uint64_t state = 7;
	struct run run;
	for (int i = 0; i < RUNS; i++) {
		bool is_long = i % 2 == 0;
		run_fill(&run, &state, JITTER_UNIFORM, STEP_NS / (is_long ? 150 : 1000),
			 is_long ? 12 : 5, 2);
		size_t late = random_below(&state, run.ranks);
		int64_t late_ns = STEP_NS / 100 * (5 + (int64_t)random_below(&state, 26));
		for (size_t step = 0; step < run.steps; step++)
			run_delay(&run, step, late, late_ns);
		struct verdict verdict = run_judge(&run);
		check_named(&run, &verdict, late, late, i);
	}
}

TEST(two_ranks_late_together_are_both_found)
{
	uint64_t state = 8;
	struct run run;
	for (int i = 0; i < RUNS; i++) {
		bool is_long = i % 2 == 0;
		run_fill(&run, &state, JITTER_UNIFORM, STEP_NS / (is_long ? 150 : 1000),
			 is_long ? 12 : 5, 4);
		size_t first = random_below(&state, run.ranks);
		size_t second = (first + 1 + random_below(&state, run.ranks - 1)) % run.ranks;
		for (size_t step = 0; step < run.steps; step++) {
			run_delay(&run, step, first, STEP_NS / 10);
			run_delay(&run, step, second, STEP_NS / 10);
		}
		struct verdict verdict = run_judge(&run);
		check_named(&run, &verdict, first, second, i);
	}
}

/* Late in every step, but by anything from 2 to 40 %: the votes alone convict. */
TEST(a_rank_late_by_varying_amounts_is_found_in_thirty_steps)
{
	uint64_t state = 9;
	struct run run;
	for (int i = 0; i < RUNS; i++) {
		run_fill(&run, &state, JITTER_UNIFORM, STEP_NS / 100, 30, 2);
		size_t late = random_below(&state, run.ranks);
		for (size_t step = 0; step < run.steps; step++)
			run_delay(&run, step, late,
				  STEP_NS / 50 + (int64_t)random_below(&state, STEP_NS / 100 * 38));
		struct verdict verdict = run_judge(&run);
		check_named(&run, &verdict, late, late, i);
	}
}

TEST(a_rotating_straggler_is_no_culprit)
{
	uint64_t state = 10;
	struct run run;
	for (int i = 0; i < RUNS; i++) {
		run_fill(&run, &state, JITTER_UNIFORM, STEP_NS / 500, 12, 2);
		size_t at = random_below(&state, run.ranks);
		for (size_t step = 0; step < run.steps; step++) {
			at = i % 2 == 0 ? at + 1 : random_below(&state, run.ranks);
			run_delay(&run, step, at % run.ranks, STEP_NS / 10);
		}
		struct verdict verdict = run_judge(&run);
		if (verdict.kind != VERDICT_ROTATING || verdict.named_count != 0)
			test_fail(__FILE__, __LINE__, "run %d of %zu ranks, %zu steps: %d, %s", i,
				  run.ranks, run.steps, (int)verdict.kind, verdict.reason);
		verdict_end(&verdict);
	}
}

TEST(too_few_steps_are_said_to_be_too_few)
{
	uint64_t state = 11;
	struct run run;
	for (size_t steps = 1; steps <= 4; steps++) {
		run_fill(&run, &state, JITTER_UNIFORM, STEP_NS / 1000, 5, 2);
		run.ranks = 2;
		run.steps = steps;
		run.a_step = 1;
		for (size_t i = 0; i < steps; i++) {
			run.arrival_ns[i * 2] = (int64_t)i * STEP_NS;
			run.arrival_ns[i * 2 + 1] = (int64_t)i * STEP_NS + STEP_NS / 10;
			run.step[i] = (int64_t)i;
		}
		struct verdict verdict = run_judge(&run);
		CHECK_INT(verdict.kind, VERDICT_UNKNOWN);
		verdict_end(&verdict);
	}
}
