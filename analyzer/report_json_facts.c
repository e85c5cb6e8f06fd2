/* SPDX-License-Identifier: MIT */
#include "analyzer/report_json_parts.h"

static void add_copy_sum(struct text *out, const char *key, const struct copy_sum *sum)
{
	json_open(out, key, '{');
	json_integer(out, "count", sum->count);
	json_integer(out, "bytes", sum->bytes);
	json_integer(out, "busy_ns", sum->busy_ns);
	json_integer(out, "exposed_ns", sum->exposed_ns);
	text_add_char(out, '}');
}

static void add_copies(struct text *out, const struct copy_problems *copies)
{
	static const char *const ways[COPY_WAY_COUNT] = {
		[COPY_WAY_TO_DEVICE] = "to_device", [COPY_WAY_TO_HOST] = "to_host",
	};
	json_open(out, "copy_problems", '{');
	for (int way = 0; way < COPY_WAY_COUNT; way++) {
		const struct pageable_copies *pageable = &copies->pageable[way];
		json_open(out, ways[way], '{');
		add_copy_sum(out, "pageable", &pageable->sum);
		json_integer(out, "pageable_blocking", pageable->blocking_count);
		json_integer_or_null(out, "pageable_recoverable_ns", pageable->recoverable_ns);
		json_integer(out, "pinned_bytes_per_s", pageable->pinned_bytes_per_s);
		add_copy_sum(out, "on_compute_stream", &copies->in_line[way]);
		json_integer(out, "large", copies->large[way].count);
		json_integer(out, "large_bytes_per_s", copies->large[way].bytes_per_s);
		text_add_char(out, '}');
	}
	add_copy_sum(out, "small", &copies->small);
	json_integer_or_null(out, "readbacks_waited_for",
			     copies->readbacks.is_known ? copies->readbacks.count : -1);
	json_integer(out, "readbacks", copies->readbacks.small_count);
	text_add_char(out, '}');
}

static void add_link(struct text *out, const struct link *link)
{
	json_open(out, "pcie", '{');
	json_integer(out, "generation", link->generation_loaded > 0 ? link->generation_loaded :
		     link->generation_first);
	json_integer(out, "width",
		     link->width_loaded > 0 ? link->width_loaded : link->width_first);
	json_integer(out, "generation_max", link->generation_max);
	json_integer(out, "width_max", link->width_max);
	json_bool(out, "is_below_max", link->is_width_low || link->is_generation_low);
	json_integer(out, "ceiling_bytes_per_s", link->ceiling_bytes_per_s);
	json_text_or_null(out, "ceiling_source", link->is_measured ? "measured" :
		  link->ceiling_bytes_per_s > 0 ? "nominal" : "unknown");
	json_integer(out, "ceiling_to_device_bytes_per_s",
		     link->way_bytes_per_s[COPY_WAY_TO_DEVICE]);
	json_integer(out, "ceiling_to_host_bytes_per_s", link->way_bytes_per_s[COPY_WAY_TO_HOST]);
	json_integer_or_null(out, "replays", link->replays);
	text_add_char(out, '}');
}

static void add_ceilings(struct text *out, const struct gpu_ceilings *ceilings)
{
	if (ceilings->made_ns == 0) {
		json_null(out, "calibration");
		return;
	}
	json_open(out, "calibration", '{');
	json_integer(out, "made_ns", ceilings->made_ns);
	json_integer(out, "alone_to_device_bytes_per_s",
		     ceilings->alone_bytes_per_s[COPY_WAY_TO_DEVICE]);
	json_integer(out, "alone_to_host_bytes_per_s",
		     ceilings->alone_bytes_per_s[COPY_WAY_TO_HOST]);
	json_integer(out, "together_to_device_bytes_per_s",
		     ceilings->together_bytes_per_s[COPY_WAY_TO_DEVICE]);
	json_integer(out, "together_to_host_bytes_per_s",
		     ceilings->together_bytes_per_s[COPY_WAY_TO_HOST]);
	json_integer(out, "bus_bytes_per_s", ceilings->bus_bytes_per_s);
	json_integer(out, "bus_gpus", ceilings->bus_gpus);
	json_integer(out, "launch_call_ns", ceilings->launch_call_ns);
	text_add_char(out, '}');
}

static void add_range(struct text *out, const char *key, const struct sample_range *range)
{
	if (range->count == 0) {
		json_null(out, key);
		return;
	}
	json_open(out, key, '{');
	json_integer(out, "samples", range->count);
	json_integer(out, "min", range->min);
	json_integer(out, "mean", range->mean);
	json_integer(out, "max", range->max);
	text_add_char(out, '}');
}

static void add_clocks(struct text *out, const struct clocks *clocks)
{
	json_open(out, "clocks", '{');
	add_range(out, "clock_sm_mhz", &clocks->clock_sm_mhz);
	json_integer(out, "clock_sm_max_mhz", clocks->clock_sm_max_mhz);
	add_range(out, "power_mw", &clocks->power_mw);
	json_integer(out, "power_limit_mw", clocks->power_limit_mw);
	add_range(out, "temperature_c", &clocks->temperature_c);
	json_integer(out, "reason_samples", clocks->reason_samples);
	json_open(out, "reasons", '{');
	for (int i = 0; i < CLOCK_REASON_COUNT; i++)
		if (clocks->reasons[i] > 0)
			json_integer(out, clock_reasons[i].name, clocks->reasons[i]);
	text_add(out, "}}");
}

static void add_memory(struct text *out, const struct memory *memory)
{
	json_open(out, "memory", '{');
	json_integer(out, "device_bytes", memory->device_bytes);
	json_integer(out, "peak_bytes", memory->cuda.peak_bytes);
	json_integer(out, "allocations", memory->cuda.allocations);
	json_integer(out, "releases", memory->cuda.releases);
	json_integer(out, "pool_peak_bytes", memory->pool_peak_bytes);
	json_integer(out, "pool_calls", memory->pool_calls);
	json_integer(out, "framework_peak_bytes", memory->framework.peak_bytes);
	json_integer_or_null(out, "reserved_peak_bytes", memory->reserved_peak_bytes);
	json_integer_or_null(out, "used_peak_bytes", memory->used_peak_bytes);
	json_integer_or_null(out, "headroom_bytes", memory->headroom_bytes);
	text_add_char(out, '}');
}

static void add_occupancy(struct text *out, const struct occupancy *occupancy)
{
	json_open(out, "kernels_size", '{');
	json_integer(out, "median_ns", occupancy->median_ns);
	json_integer(out, "short", occupancy->short_kernels);
	json_integer(out, "small_grid_kernels", occupancy->small_grid_kernels);
	json_integer(out, "small_grid_ns", occupancy->small_grid_ns);
	json_integer(out, "sm_count", occupancy->sm_count);
	text_add_char(out, '}');
}

static void add_engines(struct text *out, const struct engine_totals *engines)
{
	json_open(out, "engines", '[');
	for (int i = 0; i < ENGINE_COUNT; i++) {
		if (engines->by_engine[i].count == 0)
			continue;
		json_next(out);
		text_add_char(out, '{');
		json_key(out, "engine");
		text_add_json(out, engine_name((enum engine)i));
		json_integer(out, "count", engines->by_engine[i].count);
		json_integer(out, "ns", engines->by_engine[i].total_ns);
		text_add_char(out, '}');
	}
	text_add_char(out, ']');
}

void json_add_facts(struct text *out, const struct report *report)
{
	json_open(out, "devices", '[');
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct gpu_facts *facts = &report->facts[g];
		json_open_item(out);
		json_integer(out, "gpu", (int64_t)g);
		json_integer_or_null(out, "rank", report->traces[report->gpus[g].trace].rank);
		add_link(out, &facts->link);
		add_ceilings(out, &facts->ceilings);
		add_clocks(out, &facts->clocks);
		add_memory(out, &facts->memory);
		add_occupancy(out, &facts->occupancy);
		add_copies(out, &facts->copies);
		json_integer(out, "slowed_by_communication_ns", facts->contention_ns);
		add_engines(out, &facts->engines);
		text_add_char(out, '}');
	}
	text_add_char(out, ']');
	json_open(out, "pipeline", '{');
	json_bool(out, "is_known", report->pipeline.is_known);
	if (report->pipeline.is_known) {
		json_integer(out, "stages", report->pipeline.stages);
		json_integer(out, "micro_batches", report->pipeline.micro_batches);
		json_ratio_or_null(out, "bubble_predicted", report->pipeline.bubble.predicted_e12);
		json_ratio_or_null(out, "bubble_measured", report->pipeline.bubble.measured_e12);
		json_ratio_or_null(out, "stage_imbalance", report->pipeline.bubble.imbalance_e12);
	}
	text_add_char(out, '}');
}
