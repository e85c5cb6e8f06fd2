/* SPDX-License-Identifier: MIT */
#include "analyzer/gpu_ceilings.h"

#include <string.h>
#include <strings.h>
#include <time.h>

/* A machine's links belong to its host: a GPU that moved to another one has other ceilings. */
static bool is_same_gpu(const struct ceilings *set, const struct calibrated_gpu_row *row,
			const struct gpu_identity *gpu)
{
	if (gpu->host[0] == 0 || strcmp(set->calibration.host, gpu->host) != 0)
		return false;
	if (gpu->uuid[0] != 0)
		return strcasecmp(row->uuid, gpu->uuid) == 0;
	/* Domains are written with four digits or eight: the ends are compared. */
	size_t length = strlen(gpu->pci_bus_id), known = strlen(row->pci_bus_id);
	if (length == 0 || known == 0 || strcmp(row->name, gpu->name) != 0)
		return false;
	size_t common = length < known ? length : known;
	return strcasecmp(gpu->pci_bus_id + length - common, row->pci_bus_id + known - common) == 0;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void copy_take(struct gpu_ceilings *found, const struct ceiling_row *row, int way,
		      const struct ceilings *set)
{
	const int64_t all = (INT64_C(1) << set->gpu_count) - 1;
	if (strcmp(row->memory, "pinned") != 0)
		return;
	if (row->together_mask == INT64_C(1) << row->gpu_id)
		found->alone_bytes_per_s[way] =
			larger(found->alone_bytes_per_s[way], row->bytes_per_s);
	else if (row->together_mask == all)
		found->together_bytes_per_s[way] =
			larger(found->together_bytes_per_s[way], row->bytes_per_s);
}

static struct gpu_ceilings gpu_collect(const struct ceilings *set, int64_t gpu_id)
{
	const struct calibrated_gpu_row *gpu = &set->gpus[gpu_id];
	const int64_t all = (INT64_C(1) << set->gpu_count) - 1;
	struct gpu_ceilings found = {
		.made_ns = set->calibration.made_ns,
		.pcie_generation = larger(gpu->pcie_generation, 0),
		.pcie_width = larger(gpu->pcie_width, 0),
	};
	for (size_t i = 0; i < set->item_count; i++) {
		const struct ceiling_row *row = &set->items[i];
		const enum ceiling_kind kind = ceiling_kind_of(row->kind);
		if (row->gpu_id == gpu_id && kind == CEILING_TO_DEVICE)
			copy_take(&found, row, COPY_WAY_TO_DEVICE, set);
		else if (row->gpu_id == gpu_id && kind == CEILING_TO_HOST)
			copy_take(&found, row, COPY_WAY_TO_HOST, set);
		else if (row->gpu_id == gpu_id && kind == CEILING_LAUNCH_CALL)
			found.launch_call_ns = row->duration_ns;
		else if (kind == CEILING_ALL_REDUCE && row->together_mask == all)
			found.bus_bytes_per_s = larger(found.bus_bytes_per_s, row->bytes_per_s);
	}
	if (found.bus_bytes_per_s > 0)
		found.bus_gpus = (int64_t)set->gpu_count;
	return found;
}

struct gpu_ceilings gpu_ceilings_find(const struct ceilings *ceilings, size_t count,
				      const struct gpu_identity *gpu)
{
	struct gpu_ceilings newest = { 0 };
	for (size_t i = 0; i < count; i++) {
		const struct ceilings *set = &ceilings[i];
		if (set->calibration.made_ns <= newest.made_ns)
			continue;
		for (size_t g = 0; g < set->gpu_count; g++)
			if (is_same_gpu(set, &set->gpus[g], gpu)) {
				newest = gpu_collect(set, (int64_t)g);
				break;
			}
	}
	return newest;
}

/* An unknown number on either side says nothing against it. */
static bool is_link(const struct gpu_ceilings *ceilings, int64_t generation, int64_t width)
{
	return (ceilings->pcie_generation == 0 || generation <= 0 ||
		ceilings->pcie_generation == generation) &&
	       (ceilings->pcie_width == 0 || width <= 0 || ceilings->pcie_width == width);
}

void gpu_ceilings_apply(const struct gpu_ceilings *ceilings, struct link *link)
{
	bool is_current = is_link(ceilings, link->generation_used, link->width_used);
	bool is_max = is_link(ceilings, link->generation_max, link->width_max);
	for (int way = 0; way < COPY_WAY_COUNT; way++) {
		int64_t rate = ceilings->alone_bytes_per_s[way];
		if (rate <= 0)
			continue;
		if (is_current) {
			link->way_bytes_per_s[way] = rate;
			link->is_measured = true;
		}
		if (is_max)
			link->way_max_bytes_per_s[way] = rate;
	}
}

void gpu_ceilings_add_date(struct text *out, const struct gpu_ceilings *ceilings)
{
	const time_t seconds = (time_t)(ceilings->made_ns / 1000000000);
	struct tm date;
	if (gmtime_r(&seconds, &date) == NULL)
		text_add(out, "an unknown day");
	else
		text_add_format(out, "%04d-%02d-%02d", date.tm_year + 1900, date.tm_mon + 1,
				date.tm_mday);
}
