/* SPDX-License-Identifier: MIT */
#include "analyzer/gpu_facts.h"

#include "analyzer/ratio.h"
#include "base/id_map.h"

#include <stdlib.h>
#include <string.h>

enum {
	SAME_PROGRAM_PERCENT = 50,
	/*
	 * Of a nominal ceiling, which is what the best copies reach: 24.7 GB/s of 26 on 16 lanes of
	 * generation 4, where RTX 4090s were measured at 23.9 to 26.4. Of a measured one: all.
	 */
	PINNED_SHARE_PERCENT = 95,
};

/* What the trace tells about all of its GPUs. */
struct loaded {
	struct device_facts devices;
	struct device_samples samples;
	struct memories memories;
	struct time_window *windows;	/* one a GPU of the timeline */
	struct kernel_total *totals;
	int64_t *blocks;
};

static bool no_memory(const struct trace_reader *reader, struct error *error)
{
	return fail(error, ERROR_SYSTEM, "cannot analyse '%s': no memory for its kernels",
		    trace_reader_path(reader));
}

static int work_order(const void *left, const void *right)
{
	const struct kernel_work *a = left, *b = right;
	return (a->signature > b->signature) - (a->signature < b->signature);
}

static bool work_keep(struct gpu_facts *facts, const struct timeline *timeline,
		      const struct loaded *loaded)
{
	size_t used = 0;
	for (size_t k = 0; k < timeline->kernel_count; k++)
		used += loaded->totals[k].count > 0 &&
			timeline->kernels[k].class == KERNEL_COMPUTE;
	facts->work = malloc((used + 1) * sizeof *facts->work);
	if (facts->work == NULL)
		return false;
	for (size_t k = 0; k < timeline->kernel_count; k++) {
		const struct timeline_kernel *kernel = &timeline->kernels[k];
		if (loaded->totals[k].count == 0 || kernel->class != KERNEL_COMPUTE)
			continue;
		uint64_t shape = (uint64_t)loaded->blocks[k] * UINT64_C(0x9E3779B97F4A7C15);
		facts->work[facts->work_count++] = (struct kernel_work){
			.signature = bytes_hash(kernel->name, strlen(kernel->name)) ^ shape,
			.count = loaded->totals[k].count,
			.total_ns = loaded->totals[k].total_ns,
		};
	}
	if (facts->work_count > 1)
		qsort(facts->work, facts->work_count, sizeof *facts->work, work_order);
	size_t kept = 0;
	for (size_t i = 0; i < facts->work_count; i++) {
		if (kept > 0 && facts->work[kept - 1].signature == facts->work[i].signature) {
			facts->work[kept - 1].count += facts->work[i].count;
			facts->work[kept - 1].total_ns = add_saturated(
				facts->work[kept - 1].total_ns, facts->work[i].total_ns);
		} else
			facts->work[kept++] = facts->work[i];
	}
	facts->work_count = kept;
	return true;
}

/* What the link can carry: measured on this machine, or nominal. */
static void measure_link(struct gpu_facts *facts, const struct timeline_gpu *timed,
			 const struct facts_source *source, const struct loaded *loaded)
{
	const struct gpu_identity identity = {
		.host = trace_reader_trace(source->reader)->host,
		.uuid = timed->uuid,
		.pci_bus_id = timed->pci_bus_id,
		.name = timed->name,
	};
	facts->link = link_measure(timed, &loaded->devices, &loaded->samples);
	facts->ceilings =
		gpu_ceilings_find(source->ceilings, source->ceilings_count, &identity);
	gpu_ceilings_apply(&facts->ceilings, &facts->link);
}

static bool measure_copies(struct gpu_facts *facts, const struct job_gpu *gpu,
			   const struct timeline *timeline)
{
	const struct timeline_gpu *timed = &timeline->gpus[gpu->gpu];
	int64_t pinned_bytes_per_s[COPY_WAY_COUNT];
	for (int way = 0; way < COPY_WAY_COUNT; way++)
		pinned_bytes_per_s[way] = facts->link.is_measured ?
			facts->link.way_bytes_per_s[way] :
			share_of(facts->link.way_bytes_per_s[way], PINNED_SHARE_PERCENT, 100);
	if (!copy_problems_measure(&facts->copies, timeline, timed, &gpu->window,
				   pinned_bytes_per_s) ||
	    !copy_samples_take(&facts->samples, timed, &gpu->window))
		return false;
	for (int way = 0; way < COPY_WAY_COUNT; way++)
		facts->samples.alone_bytes_per_s[way] = facts->ceilings.alone_bytes_per_s[way];
	return true;
}

static bool measure_gpu(struct gpu_facts *facts, const struct job_gpu *gpu,
			const struct facts_source *source, struct loaded *loaded)
{
	const struct timeline *timeline = source->timeline;
	const struct trace_row *trace = trace_reader_trace(source->reader);
	const struct timeline_gpu *timed = &timeline->gpus[gpu->gpu];
	const struct device_row *device = device_facts_find(&loaded->devices, timed->device_id);
	struct contention contention = { 0 };
	memset(loaded->totals, 0, timeline->kernel_count * sizeof *loaded->totals);
	kernel_totals_add(loaded->totals, timed, &gpu->window);
	facts->engines = engine_totals_measure(timeline, loaded->totals);
	measure_link(facts, timed, source, loaded);
	facts->clocks = clocks_measure(timed, &loaded->devices, &loaded->samples, &gpu->window);
	facts->environment = environment_facts_of(trace);
	facts->known_problems = known_problems_of(trace, &timed->name, 1);
	if (gpu->gpu < loaded->memories.count)
		facts->memory = loaded->memories.items[gpu->gpu];
	bool ok = work_keep(facts, timeline, loaded) &&
		measure_copies(facts, gpu, timeline) &&
		occupancy_measure(&facts->occupancy, timeline, timed, loaded->blocks,
				  device == NULL ? 0 : device->sm_count, &gpu->window) &&
		contention_measure(&contention, timeline, timed, &gpu->window);
	facts->contention_ns = contention.cost_ns;
	contention_end(&contention);
	return ok;
}

bool gpu_facts_measure(struct gpu_facts *facts, const struct job *job, size_t trace,
		       const struct facts_source *source, struct error *error)
{
	struct trace_reader *reader = source->reader;
	const struct timeline *timeline = source->timeline;
	struct loaded loaded = { 0 };
	loaded.windows = calloc(timeline->gpu_count + 1, sizeof *loaded.windows);
	loaded.totals = calloc(timeline->kernel_count + 1, sizeof *loaded.totals);
	bool ok = (loaded.windows != NULL && loaded.totals != NULL) || no_memory(reader, error);
	for (size_t g = 0; ok && g < job->gpu_count; g++)
		if (job->gpus[g].trace == trace)
			loaded.windows[job->gpus[g].gpu] = job->gpus[g].window;
	ok = ok && device_facts_load(&loaded.devices, reader, error) &&
	     device_samples_load(&loaded.samples, reader, error) &&
	     kernel_blocks_load(&loaded.blocks, timeline, reader, error) &&
	     memories_measure(&loaded.memories, reader, timeline, loaded.windows, &loaded.devices,
			      &loaded.samples, error);
	for (size_t g = 0; ok && g < job->gpu_count; g++)
		if (job->gpus[g].trace == trace)
			ok = measure_gpu(&facts[g], &job->gpus[g], source, &loaded) ||
			     no_memory(reader, error);
	device_facts_end(&loaded.devices);
	device_samples_end(&loaded.samples);
	memories_end(&loaded.memories);
	free(loaded.windows);
	free(loaded.totals);
	free(loaded.blocks);
	return ok;
}

void gpu_facts_end(struct gpu_facts *facts)
{
	copy_samples_end(&facts->samples);
	free(facts->work);
	*facts = (struct gpu_facts){ 0 };
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

struct work_difference work_compare(const struct gpu_facts *late, const struct gpu_facts *other)
{
	struct work_difference difference = { 0 };
	int64_t late_ns = 0, other_ns = 0;
	size_t at = 0;
	for (size_t i = 0; i < other->work_count; i++)
		other_ns = add_saturated(other_ns, other->work[i].total_ns);
	for (size_t i = 0; i < late->work_count; i++) {
		const struct kernel_work *mine = &late->work[i];
		late_ns = add_saturated(late_ns, mine->total_ns);
		while (at < other->work_count && other->work[at].signature < mine->signature)
			at++;
		if (at == other->work_count || other->work[at].signature != mine->signature)
			continue;
		const struct kernel_work *theirs = &other->work[at];
		int64_t common = smaller(mine->count, theirs->count);
		difference.common_count += common;
		difference.slower_ns += mine->total_ns / mine->count * common -
					theirs->total_ns / theirs->count * common;
	}
	difference.more_ns = late_ns - other_ns - difference.slower_ns;
	return difference;
}

bool work_is_same_program(const struct gpu_facts *a, const struct gpu_facts *b)
{
	int64_t common = work_compare(a, b).common_count, all_a = 0, all_b = 0;
	for (size_t i = 0; i < a->work_count; i++)
		all_a += a->work[i].count;
	for (size_t i = 0; i < b->work_count; i++)
		all_b += b->work[i].count;
	return common >= smaller(all_a, all_b) / 100 * SAME_PROGRAM_PERCENT;
}
