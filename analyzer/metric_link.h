/* SPDX-License-Identifier: MIT */
/*
 * The PCIe link of each device: what it could be, what it was while the GPU worked, and replays,
 * the sign of a bad riser or slot. A slow link at rest is normal and says nothing.
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_METRIC_LINK_H
#define ANALYZER_METRIC_LINK_H

#include "analyzer/copy_samples.h"
#include "analyzer/device_facts.h"
#include "analyzer/device_samples.h"

/* Fewer samples under load prove nothing about the link. */
enum { LINK_SAMPLES_MIN = 3 };

struct link {
	int64_t device_id;
	int64_t generation_max;		/* what GPU and slot allow; 0 if unknown, as all below */
	int64_t width_max;
	int64_t generation_first;	/* when first asked, at work or not */
	int64_t width_first;
	int64_t generation_loaded;	/* highest seen under load */
	int64_t width_loaded;
	int64_t generation_lowest;	/* lowest seen under load: a link that retrains */
	int64_t width_lowest;
	int64_t loaded_samples;		/* of the generation */
	int64_t replays;		/* while the trace ran; -1 if unknown */
	bool is_generation_low;		/* below its maximum in every sample under load */
	bool is_width_low;		/* the same; without samples by what it was first */
	int64_t generation_used;	/* that the ceiling is of: under load, or the maximum */
	int64_t width_used;
	int64_t ceiling_bytes_per_s;	/* of the link under load; its maximum without samples */
	int64_t ceiling_max_bytes_per_s;
	/* By way of the copy: the same nominal rates, until gpu_ceilings_apply knows better. */
	int64_t way_bytes_per_s[COPY_WAY_COUNT];
	int64_t way_max_bytes_per_s[COPY_WAY_COUNT];
	bool is_measured;		/* way_bytes_per_s: one at least */
};

struct link link_measure(const struct timeline_gpu *gpu, const struct device_facts *facts,
			 const struct device_samples *samples);

#endif
