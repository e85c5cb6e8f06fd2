/* SPDX-License-Identifier: MIT */
#include "analyzer/copy_samples.h"

#include "analyzer/ratio.h"

#include <stdlib.h>

enum copy_way copy_way_of(uint32_t transfer_kind)
{
	if (transfer_kind >= TRANSFER_KIND_COUNT)
		return COPY_WAY_COUNT;
	int direction = transfer_kind_direction(transfer_kind);
	if (direction == COPY_HTOD || direction == COPY_HTOA)
		return COPY_WAY_TO_DEVICE;
	if (direction == COPY_DTOH || direction == COPY_ATOH)
		return COPY_WAY_TO_HOST;
	return COPY_WAY_COUNT;
}

bool copy_is_pageable(uint32_t transfer_kind)
{
	enum copy_way way = copy_way_of(transfer_kind);
	if (way == COPY_WAY_COUNT)
		return false;
	int memory = way == COPY_WAY_TO_DEVICE ? transfer_kind_source(transfer_kind) :
		transfer_kind_destination(transfer_kind);
	return memory == MEMORY_PAGEABLE;
}

int64_t copy_rate(int64_t bytes, int64_t duration_ns)
{
	/* bytes / ns in 1e-12, so a thousandth of it is bytes / s */
	return duration_ns <= 0 ? 0 : ratio_e12(bytes, duration_ns) / 1000;
}

static bool is_sample(const struct lane *lane, size_t i, const struct time_window *window)
{
	return lane->bytes[i] >= LARGE_COPY_BYTES && lane->end_ns[i] > lane->start_ns[i] &&
		lane->start_ns[i] >= window->start_ns && lane->end_ns[i] <= window->end_ns &&
		copy_way_of(lane->what[i]) != COPY_WAY_COUNT;
}

bool copy_samples_take(struct copy_samples *samples, const struct timeline_gpu *gpu,
		       const struct time_window *window)
{
	const struct lane *lane = &gpu->lanes[LANE_COPY];
	size_t count = 0;
	*samples = (struct copy_samples){ 0 };
	for (size_t i = 0; i < lane->count; i++)
		count += is_sample(lane, i, window);
	size_t kept = count < COPY_SAMPLES_MAX ? count : COPY_SAMPLES_MAX;
	samples->left_out = (int64_t)(count - kept);
	samples->items = malloc((kept + 1) * sizeof *samples->items);
	if (samples->items == NULL)
		return false;
	for (size_t i = 0; i < lane->count && samples->count < kept; i++)
		if (is_sample(lane, i, window))
			samples->items[samples->count++] = (struct copy_sample){
				.start_ns = lane->start_ns[i],
				.end_ns = lane->end_ns[i],
				.bytes = lane->bytes[i],
				.way = (uint8_t)copy_way_of(lane->what[i]),
				.is_pageable = copy_is_pageable(lane->what[i]),
			};
	return true;
}

void copy_samples_end(struct copy_samples *samples)
{
	free(samples->items);
	*samples = (struct copy_samples){ 0 };
}

struct gpu_copy *gpu_copies_merge(const struct copy_samples *const *gpus, size_t gpu_count,
				  size_t *count)
{
	size_t total = 0;
	for (size_t g = 0; g < gpu_count; g++)
		total += gpus[g]->count;
	struct gpu_copy *copies = malloc((total + 1) * sizeof *copies);
	size_t *next = calloc(gpu_count + 1, sizeof *next);
	bool ok = copies != NULL && next != NULL;
	for (*count = 0; ok && *count < total; ++*count) {
		struct gpu_copy earliest = { .gpu = gpu_count };
		for (size_t g = 0; g < gpu_count; g++) {
			if (next[g] == gpus[g]->count)
				continue;
			const struct copy_sample *sample = &gpus[g]->items[next[g]];
			int64_t start_ns = sample->start_ns + gpus[g]->offset_ns;
			if (earliest.gpu == gpu_count || start_ns < earliest.start_ns)
				earliest = (struct gpu_copy){
					.start_ns = start_ns,
					.end_ns = sample->end_ns + gpus[g]->offset_ns,
					.bytes = sample->bytes,
					.way = sample->way,
					.gpu = g,
				};
		}
		copies[*count] = earliest;
		next[earliest.gpu]++;
	}
	free(next);
	if (ok)
		return copies;
	free(copies);
	return NULL;
}
