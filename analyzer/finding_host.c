/* SPDX-License-Identifier: MIT */
#include "analyzer/findings.h"

#include "analyzer/host_detail.h"
#include "analyzer/ratio.h"
#include "analyzer/report.h"

/* Below this share of all GPU time it is not worth a line. */
static const int64_t SHARE_MIN_E12 = RATIO_ONE / 200;

static const struct { enum finding_id id; enum host_doing doing; } kinds[] = {
	{ FINDING_HOST_NO_CPU, HOST_NO_CPU },
	{ FINDING_HOST_DEVICE, HOST_DEVICE },
};

/* By where it waited for a device, of the GPU that lost most. */
static const char *words_of(const struct report *report, size_t gpu, enum host_doing doing)
{
	const struct host_wait *wait = host_detail_longest_wait(&report->gpus[gpu].host);
	if (doing != HOST_DEVICE)
		return NULL;
	return wait == NULL || wait->name == NULL ? "a place that is not known" : wait->name;
}

/* What was seen stands for all that was asked for; GPUs with too few samples stay out. */
static bool find_doing(struct report *report, enum finding_id id, enum host_doing doing)
{
	struct finding finding = { .id = id, .gpu = SIZE_MAX, .per_step_ns = -1 };
	int64_t asked_ns = 0, most_ns = 0, steps = report_steps_used(report);
	size_t most = 0;
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct host_detail *host = &report->gpus[g].host;
		if (host->samples < HOST_SAMPLES_FINDING_MIN)
			continue;
		int64_t lost_ns = share_of(host->asked_ns, host->ns[doing], host->seen_ns);
		asked_ns = add_saturated(asked_ns, host->asked_ns);
		finding.gpu_ns = add_saturated(finding.gpu_ns, lost_ns);
		finding.b = add_saturated(finding.b, host->samples);
		finding.count += lost_ns > 0;
		if (lost_ns > most_ns) {
			most_ns = lost_ns;
			most = g;
		}
	}
	if (finding.gpu_ns == 0)
		return true;
	finding.recoverable_ns = finding.gpu_ns;
	finding.a = ratio_e12(finding.gpu_ns, asked_ns);
	finding.share_e12 = ratio_e12(finding.gpu_ns, report->totals.window_ns);
	if (steps > 0)
		finding.per_step_ns = finding.gpu_ns / (int64_t)report->gpu_count / steps;
	/* Nearly all of it on one GPU: that one is named. */
	if (report->gpu_count > 1 && most_ns > finding.gpu_ns / 10 * 9)
		finding.gpu = most;
	finding.words = words_of(report, most, doing);
	return finding.share_e12 < SHARE_MIN_E12 || finding_add(report, &finding);
}

bool findings_find_host(struct report *report)
{
	bool ok = true;
	for (size_t i = 0; ok && i < sizeof kinds / sizeof kinds[0]; i++)
		ok = find_doing(report, kinds[i].id, kinds[i].doing);
	return ok;
}
