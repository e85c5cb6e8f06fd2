/* SPDX-License-Identifier: MIT */
#include "analyzer/findings.h"

#include "analyzer/collective_match.h"
#include "analyzer/metric_bubble.h"
#include "analyzer/ratio.h"
#include "analyzer/report.h"
#include "analyzer/report_numbers.h"

#include <stdlib.h>
#include <string.h>

enum { STAGED_PAIRS_MAX = 16, WORDS_BYTES = 256, BUS_FAIR_PERCENT = 70 };

static const int64_t SHARE_MIN_E12 = RATIO_ONE / 200;

/* A loss that is the sum of what single GPUs lose. */
static void loss_fill(struct finding *finding, const struct report *report, int64_t gpu_ns)
{
	int64_t steps = report_steps_used(report);
	finding->gpu_ns = finding->recoverable_ns = gpu_ns;
	finding->share_e12 = ratio_e12(gpu_ns, report->totals.window_ns);
	finding->per_step_ns = steps == 0 || report->gpu_count == 0 ? -1 :
		gpu_ns / steps / (int64_t)(finding->gpu == SIZE_MAX ? report->gpu_count : 1);
}

static bool loss_add(struct report *report, struct finding *finding, int64_t gpu_ns)
{
	loss_fill(finding, report, gpu_ns);
	return finding->share_e12 < SHARE_MIN_E12 || finding_add(report, finding);
}

static int64_t pageable_ns(const struct gpu_facts *facts)
{
	int64_t ns = 0;
	for (int way = 0; way < COPY_WAY_COUNT; way++)
		if (facts->copies.pageable[way].recoverable_ns > 0)
			ns = add_saturated(ns, facts->copies.pageable[way].recoverable_ns);
	return ns;
}

static bool find_pageable(struct report *report)
{
	struct finding finding = { .id = FINDING_PAGEABLE, .gpu = SIZE_MAX };
	int64_t sum_ns = 0;
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct copy_problems *copies = &report->facts[g].copies;
		for (int way = 0; way < COPY_WAY_COUNT; way++) {
			finding.count += copies->pageable[way].sum.count;
			finding.a = add_saturated(finding.a, copies->pageable[way].sum.bytes);
		}
		sum_ns = add_saturated(sum_ns, pageable_ns(&report->facts[g]));
	}
	return loss_add(report, &finding, sum_ns);
}

static bool find_small(struct report *report)
{
	struct finding finding = { .id = FINDING_SMALL_COPIES, .gpu = SIZE_MAX };
	int64_t sum_ns = 0;
	for (size_t g = 0; g < report->gpu_count; g++) {
		finding.count += report->facts[g].copies.small.count;
		sum_ns = add_saturated(sum_ns, report->facts[g].copies.small.exposed_ns);
	}
	return loss_add(report, &finding, sum_ns);
}

static const char *pair_words(struct report *report, const struct staged_copies *pair)
{
	struct text words;
	text_begin(&words, WORDS_BYTES);
	text_add_format(&words, "GPU %zu to GPU %zu", pair->from, pair->to);
	const char *kept = text_is_ok(&words) ?
		arena_copy_text(report->arenas[0], text_string(&words), words.length) : NULL;
	text_end(&words);
	return kept == NULL ? "" : kept;
}

/* GPUs of one host can stage copies for each other, and share root complexes. */
static bool is_same_host(const struct report *report, size_t a, size_t b)
{
	const struct report_trace *x = &report->traces[report->gpus[a].trace];
	const struct report_trace *y = &report->traces[report->gpus[b].trace];
	return strcmp(x->host, y->host) == 0;
}

struct host_copies {
	const struct copy_samples **samples;
	size_t *gpu;
	size_t count;
};

static void host_collect(struct host_copies *host, struct report *report, size_t first)
{
	host->count = 0;
	for (size_t g = first; g < report->gpu_count; g++) {
		if (!is_same_host(report, first, g))
			continue;
		const struct report_trace *trace = &report->traces[report->gpus[g].trace];
		int64_t offset_ns = trace->epoch_ns + report->job.match->clocks[g].offset_ns;
		/* On one clock, and near 0: epochs are Unix times. */
		report->facts[g].samples.offset_ns = offset_ns - report->job.match->base_ns;
		host->samples[host->count] = &report->facts[g].samples;
		host->gpu[host->count++] = g;
	}
}

static bool find_staged(struct report *report, const struct host_copies *host, int64_t *staged_ns)
{
	struct staged_copies pairs[STAGED_PAIRS_MAX];
	size_t count = 0;
	if (!staged_copies_find(host->samples, host->count, pairs, STAGED_PAIRS_MAX, &count))
		return false;
	struct finding finding = { .id = FINDING_STAGED, .gpu = SIZE_MAX };
	int64_t sum_ns = 0;
	for (size_t i = 0; i < count; i++) {
		pairs[i].from = host->gpu[pairs[i].from];
		pairs[i].to = host->gpu[pairs[i].to];
		finding.count += pairs[i].count;
		finding.a = add_saturated(finding.a, pairs[i].bytes);
		sum_ns = add_saturated(sum_ns, pairs[i].sum_ns);
	}
	if (count == 0)
		return true;
	finding.words = pair_words(report, &pairs[0]);
	*staged_ns = add_saturated(*staged_ns, sum_ns);
	return loss_add(report, &finding, sum_ns);
}

static bool find_shared(struct report *report, const struct host_copies *host)
{
	struct root_contention *found =
		calloc(host->count * COPY_WAY_COUNT + 1, sizeof *found);
	bool ok = found != NULL &&
		  root_contention_measure(host->samples, host->count, found);
	for (size_t i = 0; ok && i < host->count * COPY_WAY_COUNT; i++) {
		const struct root_contention *one = &found[i];
		struct finding finding = {
			.id = FINDING_LINK_SHARED, .gpu = host->gpu[i / COPY_WAY_COUNT],
			.a = one->alone_bytes_per_s, .b = one->together_bytes_per_s,
			.words = one->is_alone_known ? " (as calibrated)" : "",
		};
		if (one->is_comparable && one->together_bytes_per_s <
					  one->alone_bytes_per_s / 100 * BUS_FAIR_PERCENT)
			ok = loss_add(report, &finding, one->lost_ns);
	}
	free(found);
	return ok;
}

static bool find_between_gpus(struct report *report, int64_t *staged_ns)
{
	struct host_copies host = { 0 };
	host.samples = calloc(report->gpu_count + 1, sizeof *host.samples);
	host.gpu = calloc(report->gpu_count + 1, sizeof *host.gpu);
	bool ok = host.samples != NULL && host.gpu != NULL;
	for (size_t g = 0; ok && g < report->gpu_count; g++) {
		bool is_first = true;
		for (size_t before = 0; before < g; before++)
			is_first = is_first && !is_same_host(report, before, g);
		if (!is_first)
			continue;
		host_collect(&host, report, g);
		ok = host.count < 2 || (find_staged(report, &host, staged_ns) &&
					find_shared(report, &host));
	}
	free(host.samples);
	free(host.gpu);
	return ok;
}

/* Copies between kernels of the same stream; those already explained otherwise do not count again.
 */
static bool find_in_line(struct report *report, int64_t staged_ns)
{
	struct finding finding = { .id = FINDING_COPIES_IN_LINE, .gpu = SIZE_MAX };
	int64_t sum_ns = 0, explained_ns = staged_ns;
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct copy_problems *copies = &report->facts[g].copies;
		for (int way = 0; way < COPY_WAY_COUNT; way++) {
			finding.count += copies->in_line[way].count;
			sum_ns = add_saturated(sum_ns, copies->in_line[way].exposed_ns);
		}
		explained_ns = add_saturated(explained_ns, pageable_ns(&report->facts[g]));
	}
	return loss_add(report, &finding, sum_ns > explained_ns ? sum_ns - explained_ns : 0);
}

static bool is_accused(const struct report *report, size_t gpu, enum finding_id id)
{
	for (size_t i = 0; i < report->finding_count; i++)
		if (report->findings[i].gpu == gpu && report->findings[i].id == id)
			return true;
	return false;
}

/* A link below what slot and card allow costs the exposed copies over it the difference. */
static bool find_links(struct report *report)
{
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct link *link = &report->facts[g].link;
		const struct time_parts *parts = &report->job.gpus[g].time.parts;
		if ((!link->is_width_low && !link->is_generation_low) ||
		    is_accused(report, g, FINDING_LINK) ||
		    link->ceiling_max_bytes_per_s <= 0)
			continue;
		int64_t generation = link->generation_loaded > 0 ? link->generation_loaded :
			link->generation_first;
		int64_t width = link->width_loaded > 0 ? link->width_loaded : link->width_first;
		const int64_t copies_ns[COPY_WAY_COUNT] = {
			[COPY_WAY_TO_DEVICE] = parts->ns[PART_COPY_HTOD],
			[COPY_WAY_TO_HOST] = parts->ns[PART_COPY_DTOH],
		};
		int64_t lost_ns = 0;
		for (int way = 0; way < COPY_WAY_COUNT; way++) {
			int64_t rate = link->way_bytes_per_s[way];
			int64_t max = link->way_max_bytes_per_s[way];
			if (max > rate)
				lost_ns += copies_ns[way] - share_of(copies_ns[way], rate, max);
		}
		struct finding finding = { .id = FINDING_LINK, .gpu = g,
					   .a = generation << 8 | width,
					   .words = "below what slot and card allow" };
		loss_fill(&finding, report, lost_ns);
		if (!finding_add(report, &finding))
			return false;
		if (link->replays > 0 &&
		    !finding_add(report, &(struct finding){
				.id = FINDING_LINK_ERRORS, .gpu = g, .count = link->replays,
				.share_e12 = -1, .per_step_ns = -1 }))
			return false;
	}
	return true;
}

/* What this machine can do in the trace's situation: other GPUs of the job copy, too, or not. */
static int64_t reachable_bytes_per_s(const struct report *report, size_t gpu, int way)
{
	const struct gpu_ceilings *ceilings = &report->facts[gpu].ceilings;
	for (size_t other = 0; other < report->gpu_count; other++)
		if (other != gpu && is_same_host(report, gpu, other) &&
		    ceilings->together_bytes_per_s[way] > 0)
			return ceilings->together_bytes_per_s[way];
	return ceilings->alone_bytes_per_s[way];
}

/*
 * Large pinned copies far below what was measured on this very GPU, though its link is the same and
 * no other GPU explains it. Nominal rates would not do: many a machine never reaches them.
 */
static bool find_below_ceiling(struct report *report)
{
	static const char *const words[COPY_WAY_COUNT] = {
		[COPY_WAY_TO_DEVICE] = "to the device", [COPY_WAY_TO_HOST] = "to the host",
	};
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct copy_problems *copies = &report->facts[g].copies;
		const struct transfers *transfers = &report->gpus[g].transfers;
		if (is_accused(report, g, FINDING_LINK) ||
		    is_accused(report, g, FINDING_LINK_SHARED))
			continue;
		for (int way = 0; way < COPY_WAY_COUNT; way++) {
			const struct large_copies *large = &copies->large[way];
			int64_t ceiling = reachable_bytes_per_s(report, g, way), exposed_ns = 0;
			for (size_t i = 0; i < transfers->direction_count; i++)
				if (transfers->by_direction[i].direction ==
				    (way == COPY_WAY_TO_DEVICE ? COPY_HTOD : COPY_DTOH))
					exposed_ns = transfers->by_direction[i].exposed_ns;
			exposed_ns -= copies->pageable[way].sum.exposed_ns;
			if (large->count < ROOT_SAMPLES_MIN || exposed_ns <= 0 ||
			    large->bytes_per_s >= ceiling / 100 * BUS_FAIR_PERCENT)
				continue;
			struct finding finding = { .id = FINDING_BELOW_CEILING, .gpu = g,
						   .a = ceiling, .b = large->bytes_per_s,
						   .words = words[way] };
			int64_t fair_ns = share_of(exposed_ns, large->bytes_per_s, ceiling);
			if (!loss_add(report, &finding, exposed_ns - fair_ns))
				return false;
		}
	}
	return true;
}

/* What a ring over these GPUs can carry. */
struct bus_ceiling {
	int64_t bytes_per_s;	/* 0 unknown */
	bool is_measured;	/* by NCCL over as many GPUs; else of the slowest link among them */
};

static struct bus_ceiling bus_ceiling_of(const struct report *report)
{
	struct bus_ceiling bus = { .is_measured = report->gpu_count > 0 };
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct gpu_ceilings *ceilings = &report->facts[g].ceilings;
		bus.is_measured = bus.is_measured && is_same_host(report, 0, g) &&
				  ceilings->bus_gpus == (int64_t)report->gpu_count;
		if (bus.is_measured)
			bus.bytes_per_s = ceilings->bus_bytes_per_s;
	}
	if (bus.is_measured)
		return bus;
	bus.bytes_per_s = 0;
	for (size_t g = 0; g < report->gpu_count; g++)
		for (int way = 0; way < COPY_WAY_COUNT; way++) {
			int64_t ceiling = report->facts[g].link.way_bytes_per_s[way];
			if (ceiling > 0 && (bus.bytes_per_s == 0 || ceiling < bus.bytes_per_s))
				bus.bytes_per_s = ceiling;
		}
	return bus;
}

static const char *bus_words(struct report *report, int64_t bytes_per_s,
			     const struct bus_ceiling *bus)
{
	struct text words;
	bool is_told = true;
	for (size_t g = 0; g < report->gpu_count; g++)
		is_told = is_told && report_knows_wait(report, g);
	text_begin(&words, WORDS_BYTES);
	if (!is_told)
		text_add(&words, ", waiting for other ranks included");
	if (bytes_per_s > 0) {
		text_add(&words, ", bus bandwidth ");
		(void)number_add_rate(&words, bytes_per_s, 1000000000, 1);
		text_add(&words, " GB/s");
	}
	if (bytes_per_s > 0 && bus->is_measured) {
		text_add(&words, " of ");
		(void)number_add_rate(&words, bus->bytes_per_s, 1000000000, 1);
		text_add(&words, " measured");
	}
	const char *kept = text_is_ok(&words) ?
		arena_copy_text(report->arenas[0], text_string(&words), words.length) : NULL;
	text_end(&words);
	return kept == NULL ? "" : kept;
}

/*
 * Compute that waits for data to move. What could be won is known only where the bus bandwidth is
 * below a fair share of what the slowest link can carry.
 */
static bool find_blocking(struct report *report)
{
	int64_t blocked_ns = 0, bus_bytes = 0, wire_ns = 0;
	struct finding finding = { .id = FINDING_BLOCKING_COMM, .gpu = SIZE_MAX };
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct gpu_time *time = &report->job.gpus[g].time;
		int64_t moving_ns = time->parts.absent_ns[CAUSE_COMM] - time->parts.ns[PART_WAIT];
		blocked_ns = add_saturated(blocked_ns, moving_ns > 0 ? moving_ns : 0);
	}
	for (size_t i = 0; i < report->job.match->group_count; i++)
		if (report->groups[i].bus_bytes > 0) {
			bus_bytes = add_saturated(bus_bytes, report->groups[i].bus_bytes);
			wire_ns = add_saturated(wire_ns, report->groups[i].wire_ns);
		}
	loss_fill(&finding, report, blocked_ns);
	finding.recoverable_ns = 0;
	/* Nothing moves 9 GB a nanosecond: such a size is hostile. */
	finding.a = wire_ns <= 0 || bus_bytes / wire_ns > 9000000000 ? 0 :
		share_of(1000000000, bus_bytes % wire_ns, wire_ns) +
		bus_bytes / wire_ns * 1000000000;
	const struct bus_ceiling bus = bus_ceiling_of(report);
	int64_t fair = bus.bytes_per_s / 100 * BUS_FAIR_PERCENT;
	finding.words = bus_words(report, finding.a, &bus);
	if (finding.a > 0 && finding.a < fair)
		finding.recoverable_ns = blocked_ns - share_of(blocked_ns, finding.a, fair);
	return finding.share_e12 < SHARE_MIN_E12 || finding_add(report, &finding);
}

static bool find_contention(struct report *report)
{
	struct finding finding = { .id = FINDING_CONTENTION, .gpu = SIZE_MAX };
	int64_t sum_ns = 0;
	for (size_t g = 0; g < report->gpu_count; g++)
		sum_ns = add_saturated(sum_ns, report->facts[g].contention_ns);
	loss_fill(&finding, report, sum_ns);
	finding.recoverable_ns = 0;	/* without it the communication would be exposed */
	return finding.share_e12 < SHARE_MIN_E12 || finding_add(report, &finding);
}

static bool find_bubble(struct report *report)
{
	const struct pipeline_facts *pipeline = &report->pipeline;
	struct finding finding = {
		.id = FINDING_BUBBLE, .gpu = SIZE_MAX, .count = pipeline->stages,
		.a = pipeline->micro_batches, .b = pipeline->bubble.predicted_e12,
	};
	if (!pipeline->is_known)
		return true;
	int64_t bubbles_ns = report->totals.window_ns;
	bubbles_ns = bubbles_ns / 1000000 * (pipeline->bubble.predicted_e12 / 1000000) / 1000000 *
		1000000;
	loss_fill(&finding, report, bubbles_ns);
	finding.recoverable_ns = 0;
	return finding_add(report, &finding);
}

bool findings_find_transfers(struct report *report)
{
	int64_t staged_ns = 0;
	if (report->gpu_count == 0 || report->totals.window_ns == 0)
		return true;
	return find_pageable(report) && find_small(report) &&
	       find_between_gpus(report, &staged_ns) && find_in_line(report, staged_ns) &&
	       find_links(report) && find_below_ceiling(report) && find_blocking(report) &&
	       find_contention(report) && find_bubble(report);
}
