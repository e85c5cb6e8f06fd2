/* SPDX-License-Identifier: MIT */
#include "libtrace/cupti_kinds.h"
#include "libtrace/cupti_session.h"

#include <string.h>

void cupti_options_set(const struct cupti_library *library, const struct settings *settings,
		       cupti_hear_refused refused)
{
	uint8_t on = 1, off = 0;
	cupti_session_set_attribute(library, CUPTI_ATTRIBUTE_ZEROED_BUFFERS, &on, sizeof on);
	/* One buffer for all threads: memory stays bounded however many threads call. */
	cupti_session_set_attribute(library, CUPTI_ATTRIBUTE_PER_THREAD_BUFFERS, &off, sizeof off);
	size_t bytes = (size_t)settings->device_buffer_kb * 1024;
	if (bytes != 0)
		cupti_session_set_attribute(library, CUPTI_ATTRIBUTE_DEVICE_BUFFER_BYTES, &bytes,
					    sizeof bytes);
	size_t limit = (size_t)settings->device_buffers;
	if (limit != 0)
		cupti_session_set_attribute(library, CUPTI_ATTRIBUTE_DEVICE_BUFFER_LIMIT, &limit,
					    sizeof limit);
	uint32_t result = library->set_thread_id_type == NULL
		? CUPTI_OK : library->set_thread_id_type(CUPTI_THREAD_ID_SYSTEM);
	if (result != CUPTI_OK)
		refused("threads of calls have other numbers than those of ranges", 0, result);
	/* These are calls of the old way: mixed with the new one they may do harm to others. */
	if (cupti_session_way() != CUPTI_WAY_ALONE)
		return;
	/*
	 * By default cudaEventQuery and cudaStreamQuery make records even when they find that the
	 * work is not done: a caching allocator polls, and no such query waited for anything.
	 */
	result = settings->sync && library->enable_all_sync_records != NULL
		? library->enable_all_sync_records(0) : CUPTI_OK;
	if (result != CUPTI_OK)
		refused("queries that found work not done are recorded, too", 0, result);
	result = settings->events && library->enable_event_stamps != NULL
		? library->enable_event_stamps(1) : CUPTI_OK;
	if (result != CUPTI_OK)
		refused("when events happened on the GPU", 0, result);
}

void cupti_kinds_choose(const struct settings *settings, uint32_t version,
			struct cupti_kind_choice choices[CUPTI_KIND_CHOICES])
{
	bool has_api = settings->api != API_CHOICE_OFF;
	bool has_graphs = settings->graphs == GRAPH_CHOICE_GRAPH;
	bool may_disable = version >= CUPTI_VERSION_KERNELS_DISABLE;
	const struct cupti_kind_choice list[CUPTI_KIND_CHOICES] = {
		{ CUPTI_KIND_DEVICE, true, false, false, false },
		{ CUPTI_KIND_CONTEXT, true, false, false, false },
		{ CUPTI_KIND_STREAM, true, false, false, false },
		{ CUPTI_KIND_CONCURRENT_KERNEL, true, true, may_disable, false },
		{ CUPTI_KIND_MEMCPY, true, false, true, false },
		{ CUPTI_KIND_MEMCPY2, true, false, true, false },
		{ CUPTI_KIND_MEMSET, true, false, true, false },
		{ CUPTI_KIND_GRAPH_TRACE, has_graphs, false, false, false },
		{ CUPTI_KIND_RUNTIME, has_api, false, true, false },
		{ CUPTI_KIND_DRIVER, has_api, false, true, false },
		{ CUPTI_KIND_SYNCHRONIZATION, settings->sync, false, true, false },
		{ CUPTI_KIND_CUDA_EVENT, settings->events, false, true, false },
		{ CUPTI_KIND_MEMORY2, settings->memory_events, false, true, false },
		{ CUPTI_KIND_MEMORY_POOL, settings->memory_events, false, true, false },
		{ CUPTI_KIND_NAME, true, false, false, false },
		{ CUPTI_KIND_OVERHEAD, true, false, true, false },
		{ CUPTI_KIND_JIT, true, false, true, false },
		{ CUPTI_KIND_HOST_LAUNCH, true, false, true, true },
		{ CUPTI_KIND_GRAPH_HOST_NODE, !has_graphs, false, true, true },
		{ CUPTI_KIND_EXTERNAL_CORRELATION, has_api && settings->nccl, false, true, false },
	};
	memcpy(choices, list, sizeof list);
}

uint32_t cupti_unified_memory_enable(const struct cupti_library *library)
{
	static const struct { uint32_t counter; bool is_vital; } counters[] = {
		{ CUPTI_UNIFIED_HTOD, true }, { CUPTI_UNIFIED_DTOH, true },
		{ CUPTI_UNIFIED_GPU_FAULTS, false }, { CUPTI_UNIFIED_CPU_FAULT, false },
		{ CUPTI_UNIFIED_DTOD, false },
	};
	if (library->configure_unified_memory == NULL || cupti_session_way() != CUPTI_WAY_ALONE)
		return CUPTI_NOT_SUPPORTED;
	/* One at a time: a device that lacks one of them may have the others. */
	for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
		struct cupti_unified_memory_config config = {
			.scope = CUPTI_UNIFIED_SCOPE_DEVICE, .counter = counters[i].counter,
			.enable = 1,
		};
		uint32_t result = library->configure_unified_memory(&config, 1);
		if (result != CUPTI_OK && counters[i].is_vital)
			return result;
	}
	return cupti_session_enable(library, CUPTI_KIND_UNIFIED_MEMORY);
}
