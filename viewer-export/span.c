/* SPDX-License-Identifier: MIT */
#include "viewer-export/span.h"

#include "tracedb/vocabulary.h"
#include "viewer-export/export.h"

#include <string.h>

static struct span_key kernel_key(const void *row)
{
	return (struct span_key){ ((const struct kernel_row *)row)->stream_id, 0 };
}

static struct span_key memcpy_key(const void *row)
{
	return (struct span_key){ ((const struct memcpy_row *)row)->stream_id, 0 };
}

static struct span_key memset_key(const void *row)
{
	return (struct span_key){ ((const struct memset_row *)row)->stream_id, 0 };
}

static struct span_key call_key(const void *row)
{
	return (struct span_key){ ((const struct api_call_row *)row)->thread_id, 0 };
}

static struct span_key synchronization_key(const void *row)
{
	const struct synchronization_row *synchronization = row;
	if (synchronization->stream_id != 0)
		return (struct span_key){ synchronization->stream_id, 0 };
	/* Contexts are few, and device -1 is "unknown": both fit one number. */
	uint64_t device = ((uint64_t)synchronization->device_id + 1) & 0xffff;
	return (struct span_key){ 0,
				  (int64_t)((uint64_t)synchronization->context_id << 16 | device) };
}

static struct span_key event_key(const void *row)
{
	return (struct span_key){ ((const struct cuda_event_row *)row)->stream_id, 0 };
}

static struct span_key graph_key(const void *row)
{
	return (struct span_key){ ((const struct graph_launch_row *)row)->stream_id, 0 };
}

static struct span_key range_key(const void *row)
{
	const struct range_row *range = row;
	int64_t second = range->kind == RANGE_FRAMEWORK ? RANGES_FRAMEWORK :
			 range->kind == RANGE_START_END ? RANGES_START_END :
			 range->domain_id < 0		? 0 :
							  range->domain_id;
	return (struct span_key){ range->thread_id, second };
}

static struct span_key mark_key(const void *row)
{
	const struct mark_row *mark = row;
	return (struct span_key){ mark->thread_id, mark->domain_id < 0 ? 0 : mark->domain_id };
}

static struct span_key projected_key(const void *row)
{
	return (struct span_key){ ((const struct gpu_range_row *)row)->stream_id, 0 };
}

static struct span_key collective_key(const void *row)
{
	const struct collective_row *collective = row;
	return (struct span_key){ collective->thread_id, collective->witness };
}

static struct span_key overhead_key(const void *row)
{
	return (struct span_key){ ((const struct overhead_row *)row)->thread_id, 0 };
}

static struct span_key host_key(const void *row)
{
	return (struct span_key){ ((const struct host_sample_row *)row)->thread_id, 0 };
}

static struct span_key allocation_key(const void *row)
{
	const struct allocation_row *allocation = row;
	return memory_is_on_host(allocation->memory) ?
		       (struct span_key){ 0, GAUGES_HOST } :
		       (struct span_key){ allocation->device_id, 0 };
}

static struct span_key sample_key(const void *row)
{
	return (struct span_key){ ((const struct sample_row *)row)->device_id, 0 };
}

bool memory_is_on_host(int64_t memory)
{
	return memory == MEMORY_PAGEABLE || memory == MEMORY_PINNED || memory == MEMORY_HOST;
}

#define SPANS(table_name) \
	.table = TABLE_##table_name, .start_column = COLUMN_##table_name##_start_ns, \
	.duration_column = COLUMN_##table_name##_duration_ns
#define POINTS(table_name) \
	.table = TABLE_##table_name, .start_column = COLUMN_##table_name##_time_ns, \
	.duration_column = -1
#define CORRELATED(table_name) \
	.correlation_column = COLUMN_##table_name##_correlation_id
#define UNCORRELATED .correlation_column = -1
#define SPAN_BITS(table, key) \
	(COLUMN_BIT(table, start_ns) | COLUMN_BIT(table, duration_ns) | COLUMN_BIT(table, key))
#define POINT_BITS(table, key) (COLUMN_BIT(table, time_ns) | COLUMN_BIT(table, key))

const struct span_source span_sources[] = {
	{ SPANS(range), .family = FAMILY_RANGE, .kind = EXPORT_RANGES, .key = range_key,
	  UNCORRELATED,
	  .columns = SPAN_BITS(range, thread_id) | COLUMN_BIT(range, kind) |
		     COLUMN_BIT(range, domain_id) },
	{ POINTS(mark), .family = FAMILY_RANGE, .kind = EXPORT_RANGES, .key = mark_key,
	  UNCORRELATED, .columns = POINT_BITS(mark, thread_id) | COLUMN_BIT(mark, domain_id) },
	{ SPANS(collective), .family = FAMILY_COLLECTIVE, .kind = EXPORT_NCCL,
	  .key = collective_key, CORRELATED(collective),
	  .columns = SPAN_BITS(collective, thread_id) | COLUMN_BIT(collective, witness) },
	{ SPANS(api_call), .family = FAMILY_CALL, .kind = EXPORT_CALLS, .key = call_key,
	  CORRELATED(api_call),
	  .columns = SPAN_BITS(api_call, thread_id) | COLUMN_BIT(api_call, correlation_id) |
		     COLUMN_BIT(api_call, name_id) },
	{ SPANS(overhead), .family = FAMILY_OVERHEAD, .kind = EXPORT_OVERHEAD, .key = overhead_key,
	  UNCORRELATED, .columns = SPAN_BITS(overhead, thread_id) },
	{ SPANS(kernel), .family = FAMILY_WORK, .kind = EXPORT_KERNELS, .key = kernel_key,
	  CORRELATED(kernel), .columns = SPAN_BITS(kernel, stream_id) },
	{ SPANS(memcpy), .family = FAMILY_WORK, .kind = EXPORT_COPIES, .key = memcpy_key,
	  CORRELATED(memcpy), .columns = SPAN_BITS(memcpy, stream_id) },
	{ SPANS(memset), .family = FAMILY_WORK, .kind = EXPORT_COPIES, .key = memset_key,
	  CORRELATED(memset), .columns = SPAN_BITS(memset, stream_id) },
	{ SPANS(graph_launch), .family = FAMILY_GRAPH, .kind = EXPORT_KERNELS, .key = graph_key,
	  CORRELATED(graph_launch), .columns = SPAN_BITS(graph_launch, stream_id) },
	{ SPANS(gpu_range), .family = FAMILY_PROJECTED, .kind = EXPORT_RANGES, .key = projected_key,
	  UNCORRELATED, .columns = SPAN_BITS(gpu_range, stream_id) },
	{ SPANS(synchronization), .family = FAMILY_SYNC, .kind = EXPORT_SYNC,
	  .key = synchronization_key, CORRELATED(synchronization),
	  .columns = SPAN_BITS(synchronization, stream_id) |
		     COLUMN_BIT(synchronization, context_id) |
		     COLUMN_BIT(synchronization, device_id) },
	{ POINTS(cuda_event), .family = FAMILY_EVENT, .kind = EXPORT_SYNC, .key = event_key,
	  CORRELATED(cuda_event), .columns = POINT_BITS(cuda_event, stream_id) },
	{ POINTS(allocation), .family = FAMILY_GAUGE, .kind = EXPORT_COUNTERS,
	  .key = allocation_key, UNCORRELATED,
	  .columns = POINT_BITS(allocation, device_id) | COLUMN_BIT(allocation, memory) },
	{ POINTS(sample), .family = FAMILY_GAUGE, .kind = EXPORT_COUNTERS, .key = sample_key,
	  UNCORRELATED, .columns = POINT_BITS(sample, device_id) },
	/* Last: rows are named by the place of their table here. */
	{ POINTS(host_sample), .family = FAMILY_HOST, .kind = EXPORT_COUNTERS, .key = host_key,
	  UNCORRELATED, .columns = POINT_BITS(host_sample, thread_id) },
};

const size_t span_source_count = sizeof span_sources / sizeof span_sources[0];

enum lane_rule span_family_rule(enum span_family family)
{
	return family == FAMILY_WORK || family == FAMILY_GRAPH || family == FAMILY_SYNC ?
		       LANE_APART :
		       LANE_NESTED;
}

bool span_family_has_flows(enum span_family family)
{
	return family == FAMILY_WORK || family == FAMILY_GRAPH;
}

bool span_family_is_on_device(enum span_family family)
{
	return family >= FAMILY_WORK;
}

int64_t span_time_cut(int64_t time_ns)
{
	const int64_t limit = INT64_MAX / 4;
	return time_ns > limit ? limit : time_ns < -limit ? -limit : time_ns;
}

static int64_t column_value(const struct span_source *source, const void *row, int column)
{
	int64_t value;
	memcpy(&value, (const char *)row + trace_tables[source->table].columns[column].offset,
	       sizeof value);
	return value;
}

struct span span_of_row(const struct span_source *source, const void *row)
{
	struct span span = { .start_ns = span_time_cut(
				     column_value(source, row, source->start_column)) };
	span.end_ns = span.start_ns;
	if (source->duration_column >= 0) {
		int64_t duration = column_value(source, row, source->duration_column);
		if (duration > 0)
			span.end_ns = span_time_cut(span.start_ns + span_time_cut(duration));
	}
	return span;
}

int64_t span_correlation(const struct span_source *source, const void *row)
{
	return source->correlation_column < 0 ?
		       0 :
		       column_value(source, row, source->correlation_column);
}

bool span_touches(int64_t start_ns, int64_t end_ns, int64_t first_ns, int64_t stop_ns)
{
	return start_ns < stop_ns && (end_ns > first_ns || start_ns >= first_ns);
}

bool span_is_timed(const struct span_source *source, const void *row)
{
	return source->table != TABLE_cuda_event ||
	       ((const struct cuda_event_row *)row)->time_ns >= 0;
}
