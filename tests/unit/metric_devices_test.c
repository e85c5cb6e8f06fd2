/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_clocks.h"
#include "analyzer/metric_link.h"
#include "analyzer/metric_memory.h"
#include "analyzer/pcie_ceiling.h"
#include "tests/unit/harness.h"
#include "tests/unit/trace_fixture.h"

#include <string.h>

enum { MS = 1000 * 1000 };

static struct error error;
static struct trace_fixture fixture;
static struct device_facts facts;
static struct device_samples samples;
static struct trace_reader *reader;

static void put_sample(const char *counter, int64_t device_id, int64_t time_ns, int64_t value)
{
	struct sample_row row = { .time_ns = time_ns, .device_id = device_id, .value = value };
	CHECK_OK(trace_writer_string(fixture.writer, counter, strlen(counter), &row.counter_id,
				     &error), error);
	CHECK_OK(trace_put_sample(fixture.writer, &row, &error), error);
}

/* GPU 0 is at work from 100 to 200 ms. */
static void begin(const char *name)
{
	struct device_row device = { .name = "Test GPU",
				     .memory_bytes = 1000,
				     .clock_sm_max_mhz = 2520,
				     .power_limit_mw = 450000,
				     .pcie_generation = 1,
				     .pcie_width = 8,
				     .pcie_generation_max = 4,
				     .pcie_width_max = 16,
				     .pcie_replays = 5 };
	fixture_begin(&fixture, name, 0, 1);
	CHECK_OK(trace_writer_replace(fixture.writer, TABLE_device, &device, &error), error);
	fixture_compute(&fixture, 1, 100 * MS, 200 * MS);
}

static struct timeline *load(void)
{
	fixture_end(&fixture);
	CHECK_OK(trace_reader_open(&reader, fixture.path, &error), error);
	CHECK_OK(device_facts_load(&facts, reader, &error), error);
	CHECK_OK(device_samples_load(&samples, reader, &error), error);
	return fixture_timeline(&fixture);
}

static void end(void)
{
	device_samples_end(&samples);
	device_facts_end(&facts);
	trace_reader_close(reader);
}

TEST(pcie_ceilings_follow_generation_and_width)
{
	CHECK_INT(pcie_ceiling_bytes_per_s(4, 16), INT64_C(26000000000));
	CHECK_INT(pcie_ceiling_bytes_per_s(4, 8), INT64_C(13000000000));
	CHECK_INT(pcie_ceiling_bytes_per_s(4, 4), INT64_C(6500000000));
	CHECK_INT(pcie_ceiling_bytes_per_s(3, 16), INT64_C(13000000000));
	CHECK_INT(pcie_ceiling_bytes_per_s(0, 16), 0);
	CHECK_INT(pcie_ceiling_bytes_per_s(4, 0), 0);
	CHECK_INT(pcie_ceiling_bytes_per_s(INT64_MAX, INT64_MAX), 0);
	CHECK_INT(pcie_ceiling_bytes_per_s(99, 16), pcie_ceiling_bytes_per_s(6, 16));
}

TEST(a_slow_link_at_rest_is_no_slow_link)
{
	begin("rest.db");
	put_sample("pcie_generation", 0, 50 * MS, 1);
	for (int i = 0; i < 4; i++) {
		put_sample("pcie_generation", 0, (110 + 10 * i) * MS, 4);
		put_sample("pcie_width", 0, (110 + 10 * i) * MS, 16);
	}
	put_sample("pcie_generation", 0, 221 * MS, 1);
	struct timeline *timeline = load();
	struct link link = link_measure(&timeline->gpus[0], &facts, &samples);
	CHECK_INT(link.loaded_samples, 4);
	CHECK_INT(link.generation_first, 1);
	CHECK_INT(link.generation_loaded, 4);
	CHECK_INT(link.generation_lowest, 4);
	CHECK(!link.is_generation_low);
	CHECK(!link.is_width_low);
	CHECK_INT(link.ceiling_bytes_per_s, INT64_C(26000000000));
	CHECK_INT(link.replays, -1);
	end();
}

TEST(a_narrow_link_under_load_and_replays_are_told)
{
	begin("narrow.db");
	for (int i = 4; i >= 0; i--) {	/* out of order */
		put_sample("pcie_generation", 0, (110 + 10 * i) * MS, i == 2 ? 1 : 3);
		put_sample("pcie_width", 0, (110 + 10 * i) * MS, 4);
	}
	put_sample("pcie_replays", 0, 5 * MS, INT64_MIN);	/* nonsense */
	put_sample("pcie_replays", 0, 10 * MS, 6);
	put_sample("pcie_replays", 0, 150 * MS, 9);
	put_sample("pcie_replays", 0, 160 * MS, 0);	/* reset */
	put_sample("pcie_replays", 0, 170 * MS, 2);
	put_sample("unheard_of", 0, 170 * MS, 2);
	struct timeline *timeline = load();
	struct link link = link_measure(&timeline->gpus[0], &facts, &samples);
	CHECK(link.is_generation_low);
	CHECK(link.is_width_low);
	CHECK_INT(link.generation_loaded, 3);
	CHECK_INT(link.generation_lowest, 1);
	CHECK_INT(link.width_loaded, 4);
	CHECK_INT(link.replays, 1 + 3 + 2);
	CHECK_INT(link.ceiling_bytes_per_s, 4 * INT64_C(812500000));
	CHECK_INT(link.ceiling_max_bytes_per_s, INT64_C(26000000000));
	end();
}

TEST(without_samples_only_the_first_width_speaks)
{
	begin("first.db");
	struct timeline *timeline = load();
	struct link link = link_measure(&timeline->gpus[0], &facts, &samples);
	CHECK(!link.is_generation_low);
	CHECK(link.is_width_low);
	CHECK_INT(link.ceiling_bytes_per_s, INT64_C(13000000000));
	link = link_measure(&timeline->gpus[1], &facts, &samples);
	CHECK(!link.is_width_low);
	CHECK_INT(link.ceiling_bytes_per_s, 0);
	end();
}

TEST(clocks_are_those_under_load_and_reasons_are_counted_by_kind)
{
	begin("clocks.db");
	put_sample("clock_sm_mhz", 0, 50 * MS, 210);
	put_sample("clock_sm_mhz", 0, 120 * MS, 2000);
	put_sample("clock_sm_mhz", 0, 140 * MS, 1500);
	put_sample("clock_sm_mhz", 1, 140 * MS, 9);
	put_sample("power_mw", 0, 130 * MS, 449000);
	put_sample("power_limit_mw", 0, 130 * MS, 400000);
	put_sample("clock_event_reasons", 0, 50 * MS, 0x1);
	put_sample("clock_event_reasons", 0, 110 * MS, 0x4);
	put_sample("clock_event_reasons", 0, 120 * MS, 0x4 | 0x20 | 0x40);
	put_sample("clock_event_reasons", 0, 130 * MS, 0x88);
	put_sample("clock_event_reasons", 0, 140 * MS, 0);
	put_sample("clock_event_reasons", 0, 190 * MS, 0x20);
	struct timeline *timeline = load();
	const struct time_window window = { 0, 180 * MS };
	struct clocks clocks = clocks_measure(&timeline->gpus[0], &facts, &samples, &window);
	CHECK_INT(clocks.clock_sm_mhz.count, 2);
	CHECK_INT(clocks.clock_sm_mhz.min, 1500);
	CHECK_INT(clocks.clock_sm_mhz.max, 2000);
	CHECK_INT(clocks.clock_sm_mhz.mean, 1750);
	CHECK_INT(clocks.clock_sm_max_mhz, 2520);
	CHECK_INT(clocks.power_mw.max, 449000);
	CHECK_INT(clocks.power_limit_mw, 400000);
	CHECK_INT(clocks.temperature_c.count, 0);
	CHECK_INT(clocks.reason_samples, 4);
	CHECK_INT(clocks.power_samples, 2);
	CHECK_INT(clocks.thermal_samples, 1);
	CHECK_INT(clocks.hardware_samples, 1);
	CHECK_INT(clocks.reasons[0], 0);
	CHECK_INT(clocks.reasons[2], 2);
	end();
}

static void put_memory(int64_t time_ns, int64_t operation, int64_t address, int64_t bytes,
		       int is_framework)
{
	struct allocation_row row = { .time_ns = time_ns,
				      .operation = operation,
				      .memory = MEMORY_DEVICE,
				      .address = address,
				      .bytes = bytes,
				      .is_framework = is_framework,
				      .total_bytes = -1,
				      .reserved_bytes = -1 };
	CHECK_OK(trace_put_allocation(fixture.writer, &row, &error), error);
}

TEST(memory_peaks_churn_and_headroom)
{
	begin("memory.db");
	put_memory(10, 1, 0x1000, 300, 0);
	put_memory(20, 1, 0x2000, 400, 0);
	put_memory(60, 2, 0x1000, 0, 0);	/* a release need not say how much */
	put_memory(50, 2, 0x9000, 50, 0);	/* taken before the trace */
	put_memory(70, 1, 0x1000, 100, 0);
	put_memory(200, 1, 0x5000, 4000, 0);	/* after the window */
	put_sample("memory_used_bytes", 0, 80, 800);
	put_sample("memory_used_bytes", 0, 150, 999);
	struct timeline *timeline = load();
	const struct time_window windows[] = { { 30, 100 }, { 30, 100 } };
	struct memories memories;
	CHECK_OK(memories_measure(&memories, reader, timeline, windows, &facts, &samples, &error),
		 error);
	CHECK_INT(memories.count, 2);
	const struct memory *memory = &memories.items[0];
	CHECK_INT(memory->cuda.allocations, 1);
	CHECK_INT(memory->cuda.releases, 2);
	CHECK_INT(memory->cuda.unmatched_releases, 1);
	CHECK_INT(memory->cuda.allocated_bytes, 100);
	CHECK_INT(memory->cuda.peak_bytes, 700);
	CHECK_INT(memory->cuda.held_bytes, 500);
	CHECK_INT(memory->used_peak_bytes, 800);
	CHECK_INT(memory->headroom_bytes, 200);
	CHECK(!memory->is_framework_only);
	CHECK_INT(memories.items[1].headroom_bytes, -1);
	CHECK(!memories.items[1].is_framework_only);
	memories_end(&memories);
	end();
}

TEST(a_framework_cache_is_counted_apart)
{
	begin("cache.db");
	put_memory(10, 1, 0x1000, 300, 1);
	struct allocation_row row = { .time_ns = 20,
				      .operation = 1,
				      .address = 0x2000,
				      .bytes = 100,
				      .is_framework = 1,
				      .total_bytes = 450,
				      .reserved_bytes = 600 };
	CHECK_OK(trace_put_allocation(fixture.writer, &row, &error), error);
	struct timeline *timeline = load();
	const struct time_window windows[] = { { 0, 100 }, { 0, 100 } };
	struct memories memories;
	CHECK_OK(memories_measure(&memories, reader, timeline, windows, &facts, &samples, &error),
		 error);
	CHECK(memories.items[0].is_framework_only);
	CHECK_INT(memories.items[0].framework.peak_bytes, 450);
	CHECK_INT(memories.items[0].framework.allocations, 2);
	CHECK_INT(memories.items[0].reserved_peak_bytes, 600);
	CHECK_INT(memories.items[0].headroom_bytes, 400);
	CHECK_INT(memories.items[0].cuda.peak_bytes, 0);
	memories_end(&memories);
	end();
}

static void put_pool(int64_t time_ns, int64_t operation, int64_t address, int64_t bytes)
{
	struct memory_pool_row row = { .time_ns = time_ns, .operation = operation, .kind = 1,
				       .address = address, .bytes = bytes, .used_bytes = 1 };
	CHECK_OK(trace_put_memory_pool(fixture.writer, &row, &error), error);
}

TEST(pools_count_as_held_and_their_calls_apart)
{
	begin("pools.db");
	put_pool(10, 1, 0x100, 0);
	put_pool(12, 4, 0x100, 700);
	put_memory(12, 1, 0x1000, 100, 0);
	put_pool(14, 4, 0x200, 150);	/* another pool, before the window */
	put_pool(40, 4, 0x200, 180);
	put_memory(40, 1, 0x2000, 30, 0);
	put_pool(50, 3, 0x100, 300);	/* trimmed */
	put_pool(60, 5, 0x200, 180);
	put_memory(60, 2, 0x2000, 30, 0);
	put_pool(70, 2, 0x200, 180);	/* destroyed: gives all of it back */
	put_pool(120, 4, 0x100, 5000);	/* after the window */
	struct timeline *timeline = load();
	const struct time_window windows[] = { { 30, 100 }, { 30, 100 } };
	struct memories memories;
	CHECK_OK(memories_measure(&memories, reader, timeline, windows, &facts, &samples, &error),
		 error);
	CHECK_INT(memories.items[0].pool_peak_bytes, 880);
	CHECK_INT(memories.items[0].pool_calls, 2);
	CHECK_INT(memories.items[0].cuda.allocations + memories.items[0].cuda.releases, 2);
	CHECK_INT(memories.items[0].cuda.peak_bytes, 130);
	CHECK_INT(memories.items[0].headroom_bytes, 120);
	CHECK_INT(memories.items[1].pool_peak_bytes, 0);
	memories_end(&memories);
	end();
}
