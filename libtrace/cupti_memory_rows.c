/* SPDX-License-Identifier: MIT */
/* Records that tell of memory: allocations, their pools, pages that move by themselves. */
#include "libtrace/cupti_rows.h"

/* "As much as there is" is UINT64_MAX to CUDA. */
static int64_t bytes_of(uint64_t bytes)
{
	return bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
}

/* How large the pool is after an allocation from it or a release to it. */
static void pool_use_put(struct cupti_decoder *decoder, const struct cupti_memory *record,
			 const struct allocation_row *allocation)
{
	const struct memory_pool_row row = {
		.time_ns = allocation->time_ns,
		.operation = record->operation == ALLOCATION_ALLOCATE ? POOL_ALLOCATED
								       : POOL_RELEASED,
		.device_id = record->device,
		.kind = record->pool_type,
		.address = (int64_t)record->pool_address,
		.bytes = bytes_of(record->pool_size),
		.used_bytes = bytes_of(record->pool_used),
		.release_threshold_bytes = bytes_of(record->pool_threshold),
		.correlation_id = allocation->correlation_id,
	};
	decoder->sink.put(decoder->sink.context, TABLE_memory_pool, &row);
}

void cupti_decode_memory(struct cupti_decoder *decoder, const void *bytes, size_t stride)
{
	const struct cupti_memory *record = bytes;
	struct allocation_row row = { .total_bytes = -1, .reserved_bytes = -1 };
	int64_t duration_ns;
	if (!cupti_span_take(decoder, record->kind, record->timestamp, record->timestamp,
			     &row.time_ns, &duration_ns))
		return;
	row.operation = record->operation;
	row.device_id = record->device;
	row.memory = record->memory_kind;
	row.address = (int64_t)record->address;
	row.bytes = (int64_t)record->bytes;
	row.correlation_id = cupti_correlation_take(decoder, record->correlation, false);
	decoder->sink.put(decoder->sink.context, TABLE_allocation, &row);
	/* Only a pool of this process says its sizes. */
	if (CUPTI_HAS(cupti_memory, pool_used, stride) &&
	    record->pool_type == CUPTI_POOL_LOCAL && record->pool_address != 0)
		pool_use_put(decoder, record, &row);
}

void cupti_decode_memory_pool(struct cupti_decoder *decoder, const void *bytes, size_t stride)
{
	(void)stride;
	const struct cupti_memory_pool *record = bytes;
	bool is_local = record->pool_type == CUPTI_POOL_LOCAL;
	struct memory_pool_row row = {
		.operation = record->operation, .device_id = record->device,
		.kind = record->pool_type, .address = (int64_t)record->address,
		.bytes = is_local ? bytes_of(record->bytes) : -1,
		.used_bytes = is_local ? bytes_of(record->used) : -1,
		.release_threshold_bytes = is_local ? bytes_of(record->threshold) : -1,
	};
	int64_t duration_ns;
	if (!cupti_span_take(decoder, record->kind, record->timestamp, record->timestamp,
			     &row.time_ns, &duration_ns))
		return;
	row.correlation_id = cupti_correlation_take(decoder, record->correlation, false);
	decoder->sink.put(decoder->sink.context, TABLE_memory_pool, &row);
}

/*
 * Pages move without a stream (CUPTI calls its stream field invalid), so each device gets one of
 * its own: number 0 of context 0, which CUPTI gives to nobody.
 */
static int64_t unified_stream_take(struct cupti_decoder *decoder, uint32_t device)
{
	const struct cupti_sink *sink = &decoder->sink;
	uint64_t bit = device < 64 ? (uint64_t)1 << device : 0;
	if ((decoder->named_devices & bit) != bit) {
		decoder->named_devices |= bit;
		const struct stream_row row = {
			.device_id = device,
			.name_id = sink->string(sink->context, "unified memory"),
		};
		sink->put(sink->context, TABLE_stream, &row);
	}
	return sink->stream(sink->context, device, 0, 0);
}

/* A migration: managed memory on both sides is what tells it from a copy that somebody called. */
static void migration_put(struct cupti_decoder *decoder, const struct cupti_unified_memory *record)
{
	struct memcpy_row row = {
		.source_memory = MEMORY_MANAGED, .destination_memory = MEMORY_MANAGED,
		.bytes = bytes_of(record->value), .source_device_id = -1,
		.destination_device_id = -1, .is_async = -1,
	};
	uint32_t device = record->destination;
	if (!cupti_span_take(decoder, record->kind, record->start, record->end, &row.start_ns,
			     &row.duration_ns))
		return;
	if (record->counter == CUPTI_UNIFIED_HTOD) {
		row.direction = COPY_HTOD;
	} else if (record->counter == CUPTI_UNIFIED_DTOH) {
		row.direction = COPY_DTOH;
		device = record->source;
	} else {
		row.direction = COPY_PTOP;
		row.source_device_id = record->source;
		row.destination_device_id = record->destination;
	}
	row.stream_id = unified_stream_take(decoder, device);
	decoder->sink.put(decoder->sink.context, TABLE_memcpy, &row);
}

static void counter_put(struct cupti_decoder *decoder, const struct cupti_unified_memory *record,
			const char *name, int64_t device_id, int64_t value)
{
	const struct cupti_sink *sink = &decoder->sink;
	struct sample_row row = { .device_id = device_id, .value = value };
	int64_t duration_ns;
	if (!cupti_span_take(decoder, record->kind, record->start, record->start, &row.time_ns,
			     &duration_ns))
		return;
	row.counter_id = sink->string(sink->context, name);
	sink->put(sink->context, TABLE_sample, &row);
}

void cupti_decode_unified_memory(struct cupti_decoder *decoder, const void *bytes, size_t stride)
{
	(void)stride;
	const struct cupti_unified_memory *record = bytes;
	switch (record->counter) {
	case CUPTI_UNIFIED_HTOD:
	case CUPTI_UNIFIED_DTOH:
	case CUPTI_UNIFIED_DTOD:
		migration_put(decoder, record);
		break;
	case CUPTI_UNIFIED_GPU_FAULTS:
		counter_put(decoder, record, "gpu_page_faults", record->source,
			    bytes_of(record->value));
		break;
	case CUPTI_UNIFIED_CPU_FAULT:
		/* `value` is where in the program; CUPTI does not say whose page it was. */
		counter_put(decoder, record, "cpu_page_faults", -1, 1);
		break;
	default:	/* none of the others is switched on */
		break;
	}
}
