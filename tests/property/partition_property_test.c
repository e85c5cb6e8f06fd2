/* SPDX-License-Identifier: MIT */
/*
 * Property: whatever traces hold, every nanosecond of every GPU is told exactly once: by what ran,
 * by why nothing ran, by why nothing computed, by step and by interval between barriers; waiting
 * and transferring make up each collective; and blame hands out just the waits there are. In every
 * kind of window; and what two windows that meet say sums to what one over both says.
 *
 * Method: random jobs (random_job.h); a failure names the seed. PROPERTY_JOBS says how many,
 * PROPERTY_SEED from where.
 */
#include "tests/property/random_job.h"
#include "tests/unit/harness.h"
#include "analyzer/analyze.h"

#include <stdlib.h>

enum { JOBS = 250 };

static uint64_t seed_now;
static const char *window_now;

#define CHECK_SEED(condition) \
	do { \
		if (!(condition)) \
			test_fail(__FILE__, __LINE__, "seed %llu, window %s: %s", \
				  (unsigned long long)seed_now, window_now, #condition); \
	} while (0)

static void check_sum(const char *what, int64_t got, int64_t want, size_t gpu)
{
	if (got != want)
		test_fail(__FILE__, __LINE__, "seed %llu, window %s, GPU %zu: %s: %lld, not %lld",
			  (unsigned long long)seed_now, window_now, gpu, what, (long long)got,
			  (long long)want);
}

static void check_parts(const struct time_parts *parts)
{
	for (int part = 0; part < PART_COUNT; part++)
		CHECK_SEED(parts->ns[part] >= 0);
}

static void check_slices(const struct interval *items, const struct time_parts *parts, size_t count,
			 size_t gpu)
{
	for (size_t i = 0; i < count; i++) {
		check_parts(&parts[i]);
		CHECK_SEED(i == 0 || items[i - 1].end_ns <= items[i].start_ns);
		int64_t length_ns = items[i].end_ns - items[i].start_ns, absent_ns = 0;
		for (int cause = 0; cause < CAUSE_COUNT; cause++)
			absent_ns += parts[i].absent_ns[cause];
		check_sum("parts of a slice", time_parts_sum(&parts[i]), length_ns, gpu);
		check_sum("a slice without compute", absent_ns,
			  length_ns - parts[i].ns[PART_COMPUTE], gpu);
	}
}

/* Each communication kernel's exposed wait is within its wait, and they make up the GPU's. */
static void check_waits(const struct job *job, const struct job_gpu *gpu, size_t place)
{
	int64_t sum_ns = 0;
	const struct comm_lane *lane = &job->lanes[gpu->lane];
	for (size_t k = 0; k < lane->count; k++) {
		uint32_t member = job->match->member_of[gpu->lane][k];
		int64_t wait_ns = member == COLLECTIVE_NONE ? 0 :
			job->match->members[member].wait_ns;
		CHECK_SEED(gpu->exposed_wait_ns[k] >= 0 && gpu->exposed_wait_ns[k] <= wait_ns);
		sum_ns += gpu->exposed_wait_ns[k];
	}
	check_sum("exposed waits", sum_ns, gpu->time.parts.ns[PART_WAIT], place);
}

static void check_worst(const struct gpu_time *time, const struct partition *partition)
{
	for (size_t i = 0; i < time->worst_count; i++) {
		const struct idle_gap *gap = &time->worst[i];
		int64_t ns = gap->end_ns - gap->start_ns;
		CHECK_SEED(gap->start_ns >= partition->window.start_ns);
		CHECK_SEED(gap->end_ns <= partition->window.end_ns);
		CHECK_SEED(gap->cause_ns > 0 && gap->cause_ns <= ns);
		CHECK_SEED(ns <= partition->longest_gap_ns);
		CHECK_SEED(i == 0 || ns <= gap[-1].end_ns - gap[-1].start_ns);
	}
}

static void check_gpu(const struct report *report, size_t place)
{
	const struct partition *partition = &report->gpus[place].partition;
	const struct job_gpu *gpu = &report->job.gpus[place];
	const int64_t *ns = gpu->time.parts.ns;
	int64_t absent_ns = 0;
	check_parts(&gpu->time.parts);
	for (int cause = 0; cause < CAUSE_COUNT; cause++) {
		CHECK_SEED(gpu->time.parts.absent_ns[cause] >= 0);
		absent_ns += gpu->time.parts.absent_ns[cause];
	}
	check_sum("all parts", time_parts_sum(&gpu->time.parts), partition->window_ns, place);
	check_sum("compute", ns[PART_COMPUTE], partition->compute_ns, place);
	check_sum("wait + transfer", ns[PART_WAIT] + ns[PART_TRANSFER], partition->comm_ns, place);
	check_sum("copies", time_parts_copy(&gpu->time.parts), partition->copy_ns, place);
	check_sum("idle causes", time_parts_idle(&gpu->time.parts), partition->idle_ns, place);
	check_sum("absent causes", absent_ns, partition->window_ns - partition->compute_ns, place);
	check_sum("four parts", partition->compute_ns + partition->comm_ns + partition->copy_ns +
		  partition->idle_ns, partition->window_ns, place);
	check_worst(&gpu->time, partition);
	check_waits(&report->job, gpu, place);
	for (size_t set = 0; set < SYNC_SETS_MAX; set++)
		check_slices(gpu->sync[set].items, gpu->sync[set].parts, gpu->sync[set].count,
			     place);
	if (gpu->step_ns == NULL)
		return;
	check_slices(gpu->steps, gpu->step_parts, report->job.steps.count, place);
	for (size_t i = 0; i < report->job.steps.count; i++)
		check_sum("a step", time_parts_sum(&gpu->step_parts[i]),
			  gpu->step_ns[i + 1] - gpu->step_ns[i], place);
}

static void check_collectives(const struct collective_match *match)
{
	for (size_t i = 0; i < match->instance_count; i++) {
		const struct collective_instance *instance = &match->instances[i];
		int64_t wait_ns = 0;
		for (size_t m = 0; m < instance->member_count; m++) {
			const struct collective_member *member =
				&match->members[instance->first_member + m];
			CHECK_SEED(member->wait_ns >= 0 && member->transfer_ns >= 0);
			CHECK_SEED(member->wait_ns + member->transfer_ns ==
				   member->end_ns - member->start_ns);
			wait_ns = add_saturated(wait_ns, member->wait_ns);
		}
		CHECK_SEED(instance->wait_ns == wait_ns);
		CHECK_SEED(instance->is_wait_known || wait_ns == 0);
	}
}

static void check_blame(const struct report *report)
{
	const struct stragglers *stragglers = &report->stragglers;
	int64_t caused_ns = 0, root_ns = 0, latest = 0;
	CHECK_SEED(stragglers->gpu_count == 0 || stragglers->gpu_count == report->gpu_count);
	for (size_t g = 0; g < stragglers->gpu_count; g++) {
		const struct rank_blame *blame = &stragglers->gpus[g];
		check_parts(&blame->cause);
		CHECK_SEED(blame->unknown_ns >= 0 && blame->caused_ns >= 0);
		check_sum("causes of waits",
			  add_saturated(time_parts_sum(&blame->cause), blame->unknown_ns),
			  blame->root_ns, g);
		caused_ns = add_saturated(caused_ns, blame->caused_ns);
		root_ns = add_saturated(root_ns, blame->root_ns);
		latest += blame->times_latest;
		CHECK_SEED(!blame->is_named || stragglers->kind == STRAGGLER_CULPRIT ||
			   stragglers->kind == STRAGGLER_CO_CULPRITS);
	}
	CHECK_SEED(caused_ns <= stragglers->waits_ns);
	CHECK_SEED(root_ns <= stragglers->waits_ns);
	CHECK_SEED(latest <= stragglers->instances);
}

static struct report *analyse(const struct random_job *job, const struct analyze_options *options)
{
	struct trace_set *set = NULL;
	struct report *report = NULL;
	struct error error = { 0 };
	window_now = window_kind_name(options->window);
	CHECK_OK(trace_set_open(&set, job->paths, job->count, NULL, &error), error);
	if (!analyze_traces(set, options, &report, &error))
		CHECK_SEED(options->window == WINDOW_EXPLICIT && error.kind == ERROR_USAGE);
	trace_set_close(set);
	if (report == NULL)
		return NULL;
	for (size_t g = 0; g < report->gpu_count; g++)
		check_gpu(report, g);
	check_collectives(report->job.match);
	check_blame(report);
	return report;
}

/* Windows [start, cut) and [cut, end) against [start, end). */
static void check_halves(const struct random_job *job, int64_t start_ns, int64_t cut_ns,
			 int64_t end_ns)
{
	const int64_t bounds_ns[3][2] = { { start_ns, end_ns }, { start_ns, cut_ns },
					  { cut_ns, end_ns } };
	struct report *reports[3] = { NULL };
	for (int i = 0; i < 3; i++) {
		const struct analyze_options options = { .window = WINDOW_EXPLICIT,
			.window_start_ns = bounds_ns[i][0], .window_end_ns = bounds_ns[i][1],
			.thread_count = 1 };
		reports[i] = analyse(job, &options);
	}
	bool is_all = reports[0] != NULL && reports[1] != NULL && reports[2] != NULL;
	for (size_t g = 0; is_all && g < reports[0]->gpu_count; g++) {
		const struct gpu_time *whole = &reports[0]->job.gpus[g].time;
		const struct gpu_time *one = &reports[1]->job.gpus[g].time;
		const struct gpu_time *other = &reports[2]->job.gpus[g].time;
		for (int part = 0; part < PART_COUNT; part++)
			check_sum(time_part_name((enum time_part)part),
				  one->parts.ns[part] + other->parts.ns[part],
				  whole->parts.ns[part], g);
		for (int cause = 0; cause < CAUSE_COUNT; cause++)
			check_sum(idle_cause_name((enum idle_cause)cause),
				  one->parts.absent_ns[cause] + other->parts.absent_ns[cause],
				  whole->parts.absent_ns[cause], g);
	}
	for (int i = 0; i < 3; i++)
		report_close(reports[i]);
}

/* Before a GPU's first operation a gap begins with the window: from the last GPU's first on. */
static int64_t last_start(const struct report *report)
{
	int64_t first_ns = INT64_MAX, last_ns = INT64_MIN;
	for (size_t g = 0; g < report->gpu_count; g++) {
		int64_t start_ns = report->gpus[g].window_start_ns;
		first_ns = start_ns < first_ns ? start_ns : first_ns;
		last_ns = start_ns > last_ns ? start_ns : last_ns;
	}
	return report->gpu_count == 0 ? 0 : (int64_t)((uint64_t)last_ns - (uint64_t)first_ns);
}

static void check_job(uint64_t seed)
{
	struct random_job job;
	int64_t start_ns = 0;
	seed_now = seed;
	random_job_write(&job, seed);
	for (int kind = WINDOW_STEADY; kind <= WINDOW_ALL; kind++) {
		const struct analyze_options options = { .window = (enum window_kind)kind,
							 .thread_count = 1 };
		struct report *report = analyse(&job, &options);
		if (kind == WINDOW_ALL)
			start_ns = last_start(report);
		report_close(report);
	}
	if (start_ns >= 0 && start_ns < job.length_ns)
		check_halves(&job, start_ns, start_ns + 1 + (int64_t)(seed * 7919 %
			     (uint64_t)(job.length_ns - start_ns)), job.length_ns + 2);
	random_job_remove(&job);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

TEST(every_nanosecond_of_random_jobs_is_told_once_in_all_windows)
{
	uint64_t first = setting("PROPERTY_SEED", 1), count = setting("PROPERTY_JOBS", JOBS);
	for (uint64_t seed = first; seed < first + count; seed++)
		check_job(seed);
}
