/* SPDX-License-Identifier: MIT */
/*
 * For tests: calls one metric with the integers on standard input and prints what it gives, a row
 * of integers a line. Metrics join `drivers` below; golden_metrics_test.py says what each one
 * reads.
 *
 *     metrics_driver METRIC < integers
 */
#include "analyzer/metric_balance.h"
#include "analyzer/metric_bandwidth.h"
#include "analyzer/metric_blame.h"
#include "analyzer/metric_bubble.h"
#include "analyzer/metric_chain.h"
#include "analyzer/metric_delay.h"
#include "analyzer/metric_frontier.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 64, COLUMNS_MAX = 64 };

static int64_t number_read(void)
{
	int64_t number = 0;
	if (scanf("%" SCNd64, &number) != 1) {
		(void)fprintf(stderr, "a number is missing\n");
		exit(2);
	}
	return number;
}

static size_t count_read(void)
{
	int64_t count = number_read();
	if (count < 0 || count > ROWS_MAX) {
		(void)fprintf(stderr, "%" PRId64 " are too many\n", count);
		exit(2);
	}
	return (size_t)count;
}

static void numbers_read(int64_t *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		numbers[i] = number_read();
}

static void row_print(const int64_t *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)printf("%s%" PRId64, i == 0 ? "" : " ", numbers[i]);
	(void)printf("\n");
}

static void error_exit(const struct error *error)
{
	(void)fprintf(stderr, "%s\n", error->message);
	exit(3);
}

/* window, GPUs, then compute, copy, transfer, wait of each. */
static void chain_drive(void)
{
	struct chain_times gpus[ROWS_MAX];
	int64_t window_ns = number_read();
	size_t count = count_read();
	for (size_t i = 0; i < count; i++) {
		gpus[i].compute_ns = number_read();
		gpus[i].copy_ns = number_read();
		gpus[i].transfer_ns = number_read();
		gpus[i].wait_ns = number_read();
	}
	struct efficiency_chain chain = chain_measure(gpus, count, window_ns);
	row_print((int64_t[]){ chain.parallel_e12, chain.load_balance_e12, chain.copy_e12,
			       chain.transfer_e12, chain.serialisation_e12,
			       chain.orchestration_e12 }, 6);
}

/* GPUs, then compute of each. */
static void balance_drive(void)
{
	int64_t compute_ns[ROWS_MAX];
	size_t count = count_read();
	numbers_read(compute_ns, count);
	struct balance balance = balance_measure(compute_ns, count);
	row_print((int64_t[]){ balance.lambda_e12, balance.cov_e12 }, 2);
}

/*
 * One collective: window, ranks, arrivals, waits. Prints the totals, then per rank fix-one gain,
 * Shapley share, whether it is in the fix-set, whether it was one of the last.
 */
static void blame_drive(void)
{
	int64_t arrival_ns[ROWS_MAX], wait_ns[ROWS_MAX];
	const int64_t step = 0;
	struct blame_input input = { .instance_count = 1, .arrival_ns = arrival_ns,
				     .wait_ns = wait_ns, .step = &step };
	struct blame blame;
	struct error error;
	input.window_ns = number_read();
	input.rank_count = count_read();
	numbers_read(arrival_ns, input.rank_count);
	numbers_read(wait_ns, input.rank_count);
	if (!blame_measure(&blame, &input, &error))
		error_exit(&error);
	row_print((int64_t[]){ blame.caused_ns, blame.fix_all_ns, blame.fix_set_ns }, 3);
	for (size_t i = 0; i < blame.rank_count; i++) {
		const struct blame_rank *rank = &blame.ranks[i];
		row_print((int64_t[]){ rank->fix_one_ns, rank->shapley_ns, rank->is_in_fix_set,
				       rank->times_latest + rank->times_tied }, 4);
	}
	blame_end(&blame);
}

/* Ranks, stages, then the stages of each rank. Prints frontier, exposed, leader of each stage. */
static void frontier_drive(void)
{
	static int64_t duration_ns[ROWS_MAX * COLUMNS_MAX];
	struct frontier_stage stages[COLUMNS_MAX];
	struct error error;
	size_t ranks = count_read(), count = count_read();
	numbers_read(duration_ns, ranks * count);
	if (!frontier_measure(stages, duration_ns, ranks, count, &error))
		error_exit(&error);
	for (size_t i = 0; i < count; i++)
		row_print((int64_t[]){ stages[i].frontier_ns, stages[i].exposed_ns,
				       (int64_t)stages[i].leader }, 3);
}

/* Wait, own waits of the late rank, categories, then their times on the late and the waiting rank.
 */
static void delay_drive(void)
{
	int64_t culprit_ns[ROWS_MAX], waiter_ns[ROWS_MAX];
	int64_t surplus_ns[ROWS_MAX], short_ns[ROWS_MAX], long_ns[ROWS_MAX];
	struct delay_input input = { .culprit_ns = culprit_ns, .waiter_ns = waiter_ns };
	input.wait_ns = number_read();
	input.culprit_wait_ns = number_read();
	input.category_count = count_read();
	numbers_read(culprit_ns, input.category_count);
	numbers_read(waiter_ns, input.category_count);
	struct delay_cost cost = delay_measure(&input, surplus_ns, short_ns, long_ns);
	row_print(surplus_ns, input.category_count);
	row_print(short_ns, input.category_count);
	row_print(&cost.passed_short_ns, 1);
}

/* Stages, micro-batches, interleave. */
static void bubble_drive(void)
{
	struct bubble_share of_total, of_ideal;
	int64_t stages = number_read(), micro_batches = number_read(), interleave = number_read();
	if (!bubble_predict(&of_total, &of_ideal, stages, micro_batches, interleave))
		exit(3);
	row_print((int64_t[]){ of_total.numerator, of_total.denominator, of_ideal.numerator,
			       of_ideal.denominator }, 4);
}

/* Bytes, ranks, bytes a second. */
static void floor_drive(void)
{
	int64_t bytes = number_read(), ranks = number_read(), bytes_per_s = number_read();
	int64_t floor_ps = allreduce_floor_ps(bytes, ranks, bytes_per_s);
	row_print(&floor_ps, 1);
}

static const struct { const char *name; void (*drive)(void); } drivers[] = {
	{ "chain", chain_drive },	{ "balance", balance_drive },
	{ "blame", blame_drive },	{ "frontier", frontier_drive },
	{ "delay", delay_drive },	{ "bubble", bubble_drive },
	{ "allreduce_floor", floor_drive },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof drivers / sizeof drivers[0]; i++) {
		if (strcmp(drivers[i].name, argv[1]) == 0) {
			drivers[i].drive();
			return 0;
		}
	}
	(void)fprintf(stderr, "usage: metrics_driver METRIC < integers\n");
	return 2;
}
