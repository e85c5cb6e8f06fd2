/* SPDX-License-Identifier: MIT */
#include "analyzer/findings.h"

#include "analyzer/ratio.h"
#include "analyzer/report.h"

#include <string.h>

enum {
	THROTTLED_PERCENT = 5,	/* of the samples */
	POWER_PERCENT = 50,	/* the power limit is reached by every busy GPU now and then */
	UNDERFILLED_PERCENT = 30,
	MEMORY_FULL_PERCENT = 5,
	MEMORY_FREE_PERCENT = 50,
	CHURN_A_STEP = 2,
};

static bool add_fact(struct report *report, struct finding *finding)
{
	finding->per_step_ns = -1;
	if (finding->gpu_ns == 0 && finding->share_e12 == 0)
		finding->share_e12 = -1;
	return finding_add(report, finding);
}

static bool find_throttled(struct report *report, size_t gpu)
{
	const struct clocks *clocks = &report->facts[gpu].clocks;
	int64_t worst = 0;
	struct finding finding = { .id = FINDING_THROTTLED, .gpu = gpu };
	if (clocks->reason_samples == 0)
		return true;
	for (int i = 0; i < CLOCK_REASON_COUNT; i++) {
		const struct clock_reason *reason = &clock_reasons[i];
		int64_t limit = reason->class == CLOCK_REASON_POWER ? POWER_PERCENT :
			THROTTLED_PERCENT;
		if (reason->class == CLOCK_REASON_BENIGN || clocks->reasons[i] <= worst ||
		    clocks->reasons[i] * 100 <= clocks->reason_samples * limit)
			continue;
		worst = clocks->reasons[i];
		finding.words = reason->name;
	}
	finding.a = ratio_e12(worst, clocks->reason_samples);
	return worst == 0 || add_fact(report, &finding);
}

static bool find_underfilled(struct report *report)
{
	struct finding finding = { .id = FINDING_UNDERFILLED, .gpu = SIZE_MAX };
	int64_t shaped_ns = 0;
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct occupancy *occupancy = &report->facts[g].occupancy;
		finding.gpu_ns = add_saturated(finding.gpu_ns, occupancy->small_grid_ns);
		shaped_ns = add_saturated(shaped_ns, occupancy->shaped_ns);
	}
	finding.a = finding.share_e12 = shaped_ns == 0 ? 0 : ratio_e12(finding.gpu_ns, shaped_ns);
	return finding.a < RATIO_ONE / 100 * UNDERFILLED_PERCENT || add_fact(report, &finding);
}

static bool find_memory(struct report *report, size_t gpu)
{
	const struct memory *memory = &report->facts[gpu].memory;
	const struct job_steps *steps = &report->job.steps;
	int64_t used = steps->is_known ? (int64_t)(steps->choice.end - steps->choice.first) : 0;
	/* A pool of CUDA's is made for being asked in every step. */
	int64_t calls = memory->cuda.allocations + memory->cuda.releases - memory->pool_calls;
	struct finding full = { .id = FINDING_MEMORY_FULL, .gpu = gpu,
				.a = memory->headroom_bytes, .b = memory->device_bytes };
	struct finding churn = { .id = FINDING_MEMORY_CHURN, .gpu = gpu, .count = calls,
				 .a = used == 0 ? 0 : calls / used };
	if (memory->device_bytes > 0 && memory->headroom_bytes >= 0 &&
	    memory->headroom_bytes <= memory->device_bytes / 100 * MEMORY_FULL_PERCENT &&
	    !add_fact(report, &full))
		return false;
	return used == 0 || report->job.window != WINDOW_STEADY || calls < CHURN_A_STEP * used ||
	       add_fact(report, &churn);
}

/* Room for a larger batch is worth a line where the GPUs are not busy computing. */
static bool find_memory_free(struct report *report)
{
	struct finding finding = { .id = FINDING_MEMORY_FREE, .gpu = SIZE_MAX, .a = INT64_MAX };
	if (report->gpu_count == 0 ||
	    report->totals.compute_ns >= report->totals.window_ns / 10 * 9)
		return true;
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct memory *memory = &report->facts[g].memory;
		if (memory->device_bytes <= 0 || memory->headroom_bytes < 0 ||
		    memory->headroom_bytes < memory->device_bytes / 100 * MEMORY_FREE_PERCENT)
			return true;
		if (memory->headroom_bytes < finding.a)
			finding.a = memory->headroom_bytes;
	}
	return add_fact(report, &finding);
}

static bool find_settings(struct report *report, size_t gpu)
{
	static const char *const problems[PROBLEM_COUNT] = {
		[PROBLEM_DRIVER_P2P] = "this driver offers peer access that the GPU does not have: "
				       "copies between GPUs may be wrong or hang; update it, or "
				       "NCCL_P2P_DISABLE=1",
		[PROBLEM_NCCL_BLACKWELL] = "this NCCL fails on this GPU",
		[PROBLEM_SLOW_CONV3D] = "this PyTorch does 3D convolutions without cuDNN",
	};
	const struct gpu_facts *facts = &report->facts[gpu];
	const struct environment_facts *set = &facts->environment;
	const struct { bool is_set; const char *words; } settings[] = {
		{ set->is_launch_blocking,
		  "CUDA_LAUNCH_BLOCKING makes every launch wait for its kernel's end" },
		{ set->is_shm_disabled && report->gpu_count > 1,
		  "NCCL_SHM_DISABLE sends the traffic of GPUs of one host over the network" },
		{ set->is_cache_disabled,
		  "PYTORCH_NO_CUDA_MEMORY_CACHING calls cudaMalloc for every tensor" },
	};
	bool ok = true;
	for (int i = 0; ok && i < PROBLEM_COUNT; i++)
		if ((facts->known_problems & 1u << i) != 0)
			ok = add_fact(report, &(struct finding){ .id = FINDING_KNOWN_PROBLEM,
								 .gpu = gpu,
								 .words = problems[i] });
	for (size_t i = 0; ok && i < sizeof settings / sizeof settings[0]; i++)
		if (settings[i].is_set)
			ok = add_fact(report, &(struct finding){ .id = FINDING_SETTING, .gpu = gpu,
								 .words = settings[i].words });
	return ok;
}

static bool find_clock(struct report *report, size_t gpu)
{
	const struct lane_clock *clock = &report->job.match->clocks[gpu];
	struct finding finding = {
		.id = FINDING_CLOCKS, .gpu = gpu,
		.a = clock->offset_ns < 0 ? -clock->offset_ns : clock->offset_ns,
		.b = clock->error_ns < 0 ? 0 : clock->error_ns,
	};
	return clock->state != CLOCK_ESTIMATED || add_fact(report, &finding);
}

bool findings_find_devices(struct report *report)
{
	struct finding versions = { .id = FINDING_VERSIONS, .gpu = SIZE_MAX,
				    .words = report->version_words };
	bool ok = report->version_words == NULL || add_fact(report, &versions);
	for (size_t g = 0; ok && g < report->gpu_count; g++)
		ok = find_throttled(report, g) && find_memory(report, g) &&
		     find_settings(report, g) && find_clock(report, g);
	return ok && find_underfilled(report) && find_memory_free(report);
}
