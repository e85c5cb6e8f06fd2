/* SPDX-License-Identifier: MIT */
#include "analyzer/findings.h"

#include "analyzer/ratio.h"
#include "analyzer/report.h"
#include "base/array.h"

#include <string.h>

enum { WINDOWS_EQUAL_PERCENT = 90 };

static const struct {
	const char *name;
	int64_t warning_permille;
	int64_t error_permille;
	const char *advice;
} finding_kinds[FINDING_COUNT] = {
#define FINDING(enumerator, name, warning, error, one, all, advice, evidence) \
	[enumerator] = { name, warning, error, advice },
#include "analyzer/findings.def"
#undef FINDING
};

const char *finding_name(enum finding_id id)
{
	return finding_kinds[id].name;
}

const char *finding_advice(enum finding_id id)
{
	return finding_kinds[id].advice;
}

void finding_thresholds(enum finding_id id, int64_t *warning_permille, int64_t *error_permille)
{
	*warning_permille = finding_kinds[id].warning_permille;
	*error_permille = finding_kinds[id].error_permille;
}

bool finding_find(const char *name, enum finding_id *id)
{
	for (int i = 0; i < FINDING_COUNT; i++)
		if (strcmp(finding_kinds[i].name, name) == 0) {
			*id = (enum finding_id)i;
			return true;
		}
	return false;
}

const char *severity_name(enum severity severity)
{
	static const char *const names[] = {
		[SEVERITY_NONE] = "none", [SEVERITY_INFO] = "info", [SEVERITY_WARNING] = "warning",
		[SEVERITY_ERROR] = "error",
	};
	return names[severity];
}

/* A finding about the capture has no share: its share counts as 0, so that 1000 means "never". */
enum severity finding_severity(enum finding_id id, int64_t share_e12)
{
	int64_t share = share_e12 < 0 ? 0 : share_e12;
	if (finding_kinds[id].error_permille < 1000 &&
	    share >= finding_kinds[id].error_permille * (RATIO_ONE / 1000))
		return SEVERITY_ERROR;
	if (finding_kinds[id].warning_permille < 1000 &&
	    share >= finding_kinds[id].warning_permille * (RATIO_ONE / 1000))
		return SEVERITY_WARNING;
	return SEVERITY_INFO;
}

static bool is_before(const struct finding *a, const struct finding *b)
{
	if (a->recoverable_ns != b->recoverable_ns)
		return a->recoverable_ns > b->recoverable_ns;
	return a->gpu_ns > b->gpu_ns;
}

bool finding_add(struct report *report, const struct finding *finding)
{
	struct finding *findings = array_grow(report->findings, &report->finding_room,
					      report->finding_count, sizeof *findings);
	if (findings == NULL)
		return false;
	report->findings = findings;
	size_t place = report->finding_count++;
	for (; place > 0 && is_before(finding, &findings[place - 1]); place--)
		findings[place] = findings[place - 1];
	findings[place] = *finding;
	if (findings[place].severity == SEVERITY_NONE)
		findings[place].severity = finding_severity(finding->id, finding->share_e12);
	return true;
}

static int64_t gpu_part_ns(const struct report *report, size_t g, enum finding_id id)
{
	const struct report_gpu *gpu = &report->gpus[g];
	if (id == FINDING_IDLE)	/* as far as is known */
		return gpu->partition.idle_ns -
		       report->job.gpus[g].time.parts.ns[PART_IDLE + CAUSE_NOT_RECORDED];
	return id == FINDING_COMMUNICATION ? gpu->partition.comm_ns : gpu->partition.copy_ns;
}

/*
 * One of the three parts without compute; the GPU that shows it most is the one with the largest
 * share. For communication none is named: in a collective the one that all wait for communicates
 * least.
 */
static bool find_part(struct report *report, enum finding_id id, int64_t part_ns)
{
	struct finding finding = { .id = id, .gpu_ns = part_ns, .gpu = SIZE_MAX,
				   .per_step_ns = -1 };
	int64_t largest_e12 = 0;
	finding.share_e12 = ratio_e12(part_ns, report->totals.window_ns);
	if (report->totals.window_ns == 0 ||
	    finding_severity(id, finding.share_e12) < SEVERITY_WARNING)
		return true;
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct report_gpu *gpu = &report->gpus[g];
		int64_t share_e12 = ratio_e12(gpu_part_ns(report, g, id), gpu->partition.window_ns);
		finding.count += gpu_part_ns(report, g, id) > 0;
		if (id != FINDING_COMMUNICATION && gpu->partition.window_ns > 0 &&
		    share_e12 > largest_e12) {
			largest_e12 = share_e12;
			finding.gpu = g;
		}
	}
	return finding_add(report, &finding);
}

/* One that was killed or started late had less time to compute; that is no imbalance. */
static bool has_equal_windows(const struct report *report)
{
	int64_t least_ns = INT64_MAX, most_ns = 0;
	for (size_t g = 0; g < report->gpu_count; g++) {
		int64_t window_ns = report->gpus[g].partition.window_ns;
		least_ns = window_ns < least_ns ? window_ns : least_ns;
		most_ns = window_ns > most_ns ? window_ns : most_ns;
	}
	return least_ns >= most_ns / 100 * WINDOWS_EQUAL_PERCENT;
}

/*
 * The GPU time that is lost when all wait for the GPU with most compute: sum of (most - own). GPUs
 * of different jobs do not wait for each other, nor those with different programs (stages of a
 * pipeline).
 */
static bool find_imbalance(struct report *report)
{
	const struct balance *balance = &report->balance;
	struct finding finding = { .id = FINDING_IMBALANCE, .share_e12 = balance->lambda_e12,
		.per_step_ns = -1, .gpu = balance->most, .count = (int64_t)report->gpu_count };
	if (!balance->is_known || report->ranks.is_mixed || !has_equal_windows(report) ||
	    finding_severity(finding.id, finding.share_e12) < SEVERITY_WARNING ||
	    !work_is_same_program(&report->facts[balance->most], &report->facts[balance->least]))
		return true;
	for (size_t g = 0; g < report->gpu_count; g++)
		finding.gpu_ns = add_saturated(finding.gpu_ns, balance->most_ns -
					       report->gpus[g].partition.compute_ns);
	return finding_add(report, &finding);
}

static bool find_in_capture(struct report *report, enum finding_id id, int64_t count)
{
	return count == 0 ||
	       finding_add(report, &(struct finding){ .id = id, .share_e12 = -1, .count = count,
						      .per_step_ns = -1, .gpu = SIZE_MAX });
}

static bool find_capture(struct report *report)
{
	int64_t rejected = 0;
	for (size_t t = 0; t < report->trace_count; t++) {
		const struct timeline_rejects *rejects = &report->traces[t].rejects;
		rejected += rejects->negative_duration + rejects->time_out_of_range +
			    rejects->unknown_stream;
	}
	return find_in_capture(report, FINDING_TRACE_UNREADABLE, report->totals.broken_traces) &&
	       find_in_capture(report, FINDING_RECORDS_LOST, report->totals.lost_records) &&
	       find_in_capture(report, FINDING_ROWS_REJECTED, rejected) &&
	       find_in_capture(report, FINDING_GPU_TWICE, report->totals.repeated_gpus) &&
	       find_in_capture(report, FINDING_TRACE_WITHOUT_GPU_WORK,
			       report->totals.empty_traces) &&
	       find_in_capture(report, FINDING_RANKS_MISSING, report->ranks.missing_count);
}

bool findings_find(struct report *report, struct error *error)
{
	report->finding_count = 0;
	bool ok = findings_find_hangs(report) && findings_find_stragglers(report) &&
		  findings_find_causes(report) && findings_find_host(report) &&
		  findings_find_transfers(report) && findings_find_devices(report) &&
		  find_part(report, FINDING_IDLE,
			    report->totals.idle_ns - report->totals.not_recorded_ns) &&
		  find_part(report, FINDING_COMMUNICATION, report->totals.comm_ns) &&
		  find_part(report, FINDING_COPY, report->totals.copy_ns) &&
		  find_imbalance(report) && find_capture(report);
	return ok || fail(error, ERROR_SYSTEM, "cannot analyse: no memory for the findings");
}
