/* SPDX-License-Identifier: MIT */
#include "analyzer/copy_samples.h"

#include "analyzer/intervals.h"
#include "analyzer/ratio.h"
#include "analyzer/value_select.h"

#include <stdlib.h>

enum side { SIDE_ALONE, SIDE_TOGETHER, SIDE_COUNT, SIDE_NEITHER = SIDE_COUNT };

/* Rates of one GPU and way, and the copies that ran together. */
struct rates {
	int64_t *values[SIDE_COUNT];
	int64_t counts[SIDE_COUNT];
};

/* When any GPU but one copies. */
static bool others_find(struct intervals *others, const struct gpu_copy *copies, size_t count,
			size_t own)
{
	intervals_clear(others);
	for (size_t i = 0; i < count; i++)
		if (copies[i].gpu != own &&
		    !intervals_add(others, copies[i].start_ns, copies[i].end_ns))
			return false;
	return true;
}

/* `first`: the earliest of the others that may still touch; starts only grow. */
static enum side side_of(const struct copy_sample *sample, int64_t offset_ns,
			 const struct intervals *others, size_t *first)
{
	int64_t start_ns = sample->start_ns + offset_ns, end_ns = sample->end_ns + offset_ns;
	int64_t common_ns = 0;
	while (*first < others->count && others->items[*first].end_ns <= start_ns)
		++*first;
	for (size_t i = *first; i < others->count && others->items[i].start_ns < end_ns; i++) {
		int64_t from = others->items[i].start_ns, to = others->items[i].end_ns;
		common_ns += (to < end_ns ? to : end_ns) - (from > start_ns ? from : start_ns);
	}
	if (common_ns == 0)
		return SIDE_ALONE;
	return common_ns >= end_ns - start_ns - common_ns ? SIDE_TOGETHER : SIDE_NEITHER;
}

static void rates_fill(struct rates *rates, const struct copy_samples *gpu, int way,
		       const struct intervals *others)
{
	size_t first = 0;
	rates->counts[SIDE_ALONE] = rates->counts[SIDE_TOGETHER] = 0;
	for (size_t i = 0; i < gpu->count; i++) {
		const struct copy_sample *sample = &gpu->items[i];
		if (sample->way != way || sample->is_pageable)
			continue;
		enum side side = side_of(sample, gpu->offset_ns, others, &first);
		if (side == SIDE_NEITHER)
			continue;
		rates->values[side][rates->counts[side]++] =
			copy_rate(sample->bytes, sample->end_ns - sample->start_ns);
	}
}

/* How much longer than at the rate alone the copies took that ran together. */
static int64_t measure_lost(const struct copy_samples *gpu, int way,
			    const struct intervals *others, int64_t alone_bytes_per_s)
{
	int64_t lost_ns = 0;
	size_t first = 0;
	for (size_t i = 0; i < gpu->count; i++) {
		const struct copy_sample *sample = &gpu->items[i];
		if (sample->way != way || sample->is_pageable ||
		    side_of(sample, gpu->offset_ns, others, &first) != SIDE_TOGETHER)
			continue;
		int64_t alone_ns = ratio_e12(sample->bytes, alone_bytes_per_s) / 1000;
		lost_ns = add_saturated(lost_ns, sample->end_ns - sample->start_ns - alone_ns);
	}
	return lost_ns > 0 ? lost_ns : 0;
}

static struct root_contention gpu_compare(struct rates *rates, const struct copy_samples *gpu,
					  int way, const struct intervals *others)
{
	rates_fill(rates, gpu, way, others);
	struct root_contention found = {
		.alone_count = rates->counts[SIDE_ALONE],
		.together_count = rates->counts[SIDE_TOGETHER],
	};
	found.is_alone_known = found.alone_count < ROOT_SAMPLES_MIN &&
			       gpu->alone_bytes_per_s[way] > 0;
	if ((found.alone_count < ROOT_SAMPLES_MIN && !found.is_alone_known) ||
	    found.together_count < ROOT_SAMPLES_MIN)
		return found;
	found.alone_bytes_per_s = found.is_alone_known ? gpu->alone_bytes_per_s[way] :
		value_select_median(rates->values[SIDE_ALONE], (size_t)found.alone_count);
	found.together_bytes_per_s =
		value_select_median(rates->values[SIDE_TOGETHER], (size_t)found.together_count);
	found.is_comparable = found.alone_bytes_per_s > 0;
	if (found.is_comparable)
		found.lost_ns = measure_lost(gpu, way, others, found.alone_bytes_per_s);
	return found;
}

bool root_contention_measure(const struct copy_samples *const *gpus, size_t gpu_count,
			     struct root_contention *found)
{
	struct intervals others = { 0 };
	size_t count = 0;
	struct gpu_copy *copies = gpu_copies_merge(gpus, gpu_count, &count);
	bool ok = copies != NULL;
	for (size_t g = 0; ok && g < gpu_count; g++) {
		size_t size = (gpus[g]->count + 1) * sizeof(int64_t);
		struct rates rates = { .values = { malloc(size), malloc(size) } };
		ok = rates.values[SIDE_ALONE] != NULL && rates.values[SIDE_TOGETHER] != NULL &&
			others_find(&others, copies, count, g);
		for (int way = 0; ok && way < COPY_WAY_COUNT; way++)
			found[g * COPY_WAY_COUNT + (size_t)way] =
				gpu_compare(&rates, gpus[g], way, &others);
		free(rates.values[SIDE_ALONE]);
		free(rates.values[SIDE_TOGETHER]);
	}
	free(copies);
	intervals_end(&others);
	return ok;
}
