/* SPDX-License-Identifier: MIT */
#include "libtrace/cupti_decode.h"
#include "libtrace/cupti_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const loss_names[LOSS_COUNT] = {
	[LOSS_ZERO_TIMESTAMP] = "zero timestamp",
	[LOSS_INCOMPLETE] = "incomplete at the end",
	[LOSS_END_BEFORE_START] = "end before start",
	[LOSS_IMPLAUSIBLE_TIME] = "implausible timestamp",
	[LOSS_SHORT_RECORD] = "record too short",
	[LOSS_UNKNOWN_KIND] = "unknown kind; rest of the buffer skipped",
	[LOSS_CUT] = "buffer ends within a record",
};

static void lose(struct cupti_decoder *decoder, uint32_t kind, enum decode_loss loss)
{
	decoder->losses[kind < CUPTI_KIND_LIMIT ? kind : 0][loss]++;
}

/*
 * Ids count up and wrap at 2^32; records come unordered, but never half a round apart. So the full
 * id is the one nearest to the newest.
 */
static uint64_t correlation_extend(const struct cupti_decoder *decoder, uint32_t id)
{
	if (!decoder->has_correlation)
		return id;
	uint64_t last = decoder->correlation_last;
	uint32_t forward = id - (uint32_t)last;
	if (forward <= INT32_MAX)
		return last + forward;
	uint64_t backward = (uint32_t)last - id;	/* modulo 2^32 */
	backward = (uint32_t)backward;
	return backward <= last ? last - backward : id;
}

int64_t cupti_decoder_correlation(const struct cupti_decoder *decoder, uint32_t id)
{
	return id == 0 ? 0 : (int64_t)correlation_extend(decoder, id);
}

int64_t cupti_correlation_take(struct cupti_decoder *decoder, uint32_t id, bool is_api)
{
	if (id == 0)
		return 0;
	uint64_t full = correlation_extend(decoder, id);
	if (is_api || !decoder->has_api_records) {
		if (!decoder->has_correlation || full > decoder->correlation_last)
			decoder->correlation_last = full;
		decoder->has_correlation = true;
	}
	return (int64_t)full;
}

bool cupti_span_take(struct cupti_decoder *decoder, uint32_t kind, uint64_t start, uint64_t end,
		     int64_t *start_ns, int64_t *duration_ns)
{
	if (start == 0 || end == 0) {
		lose(decoder, kind, start == 0 ? LOSS_ZERO_TIMESTAMP : LOSS_INCOMPLETE);
		return false;
	}
	if (end < start) {
		lose(decoder, kind, LOSS_END_BEFORE_START);
		return false;
	}
	if (start > INT64_MAX || end > INT64_MAX || (int64_t)start < decoder->low_ns ||
	    (int64_t)end > decoder->high_ns) {
		lose(decoder, kind, LOSS_IMPLAUSIBLE_TIME);
		return false;
	}
	if (decoder->history != NULL &&
	    !window_history_has(decoder->history, (int64_t)start, (int64_t)end))
		return false;
	*start_ns = (int64_t)start - decoder->epoch_ns;
	*duration_ns = (int64_t)(end - start);
	return true;
}

struct cupti_decoder *cupti_decoder_create(const struct cupti_decode_options *options,
					   const struct cupti_sink *sink)
{
	struct cupti_decoder *decoder = calloc(1, sizeof *decoder);
	if (decoder == NULL)
		return NULL;
	memcpy(decoder->strides, options->strides, sizeof decoder->strides);
	decoder->sink = *sink;
	decoder->epoch_ns = options->epoch_ns;
	decoder->has_api_records = options->has_api_records;
	decoder->own_thread_id = options->own_thread_id;
	decoder->high_ns = INT64_MAX;
	return decoder;
}

void cupti_decoder_close(struct cupti_decoder *decoder)
{
	free(decoder);
}

void cupti_decoder_set_window(struct cupti_decoder *decoder, int64_t low_ns, int64_t high_ns)
{
	decoder->low_ns = low_ns;
	decoder->high_ns = high_ns;
}

void cupti_decoder_set_history(struct cupti_decoder *decoder, const struct window_history *history)
{
	decoder->history = history;
}

void cupti_decoder_set_correlation(struct cupti_decoder *decoder, uint64_t last)
{
	decoder->correlation_last = last;
	decoder->has_correlation = true;
}

/* Kind and stride of the record at `at`; 0 where the walk must end. */
static size_t record_step(const uint16_t *strides, const uint8_t *at, size_t left, uint32_t *kind)
{
	*kind = CUPTI_KIND_INVALID;
	if (left < sizeof *kind)
		return 0;
	memcpy(kind, at, sizeof *kind);
	return *kind < CUPTI_KIND_LIMIT ? strides[*kind] : 0;
}

size_t cupti_count_records(const uint16_t *strides, const void *bytes, size_t valid_bytes)
{
	const uint8_t *at = bytes;
	size_t count = 0, left = valid_bytes, stride;
	uint32_t kind;
	while ((stride = record_step(strides, at, left, &kind)) != 0 && stride <= left) {
		count++;
		at += stride;
		left -= stride;
	}
	return count;
}

size_t cupti_decode(struct cupti_decoder *decoder, const void *bytes, size_t valid_bytes)
{
	const uint8_t *at = bytes;
	size_t count = 0, left = valid_bytes;
	while (left > 0) {
		uint32_t kind;
		size_t stride = record_step(decoder->strides, at, left, &kind);
		if (stride == 0 || stride > left) {
			lose(decoder, kind, stride == 0 ? LOSS_UNKNOWN_KIND : LOSS_CUT);
			break;
		}
		const struct cupti_row_maker *maker = &cupti_row_makers[kind];
		if (maker->decode != NULL && stride >= maker->bytes_min)
			maker->decode(decoder, at, stride);
		else if (maker->decode != NULL)
			lose(decoder, kind, LOSS_SHORT_RECORD);
		count++;
		at += stride;
		left -= stride;
	}
	return count;
}

static void untimed_store(struct cupti_decoder *decoder, const struct untimed_row *row)
{
	decoder->sink.put(decoder->sink.context, row->table, &row->row);
}

static void untimed_remove(struct cupti_decoder *decoder, size_t i)
{
	decoder->untimed[i] = decoder->untimed[--decoder->untimed_count];
}

/* Has the window been open ever since the beginning? */
static bool is_all_kept(const struct cupti_decoder *decoder)
{
	return decoder->history == NULL ||
		(decoder->history->is_open && decoder->history->count == 0);
}

void cupti_untimed_put(struct cupti_decoder *decoder, const struct untimed_row *row)
{
	if (is_all_kept(decoder))
		untimed_store(decoder, row);
	else if (decoder->has_api_records && row->correlation != 0 &&
		 decoder->untimed_count < UNTIMED_MAX)
		decoder->untimed[decoder->untimed_count++] = *row;
	else if (decoder->history->is_open)
		untimed_store(decoder, row);
}

void cupti_untimed_call(struct cupti_decoder *decoder, uint32_t correlation, uint64_t start,
			uint64_t end)
{
	for (size_t i = decoder->untimed_count; i > 0; i--) {
		const struct untimed_row *row = &decoder->untimed[i - 1];
		if (row->correlation != correlation)
			continue;
		if (window_history_has(decoder->history, (int64_t)start, (int64_t)end))
			untimed_store(decoder, row);
		untimed_remove(decoder, i - 1);
	}
}

void cupti_decoder_settle(struct cupti_decoder *decoder)
{
	for (size_t i = decoder->untimed_count; i > 0; i--) {
		struct untimed_row *row = &decoder->untimed[i - 1];
		if (row->is_old) {
			if (decoder->history->is_open)
				untimed_store(decoder, row);
			untimed_remove(decoder, i - 1);
		} else {
			row->is_old = true;
		}
	}
}

void cupti_decoder_take_losses(struct cupti_decoder *decoder, cupti_hear_loss hear, void *context)
{
	for (uint32_t kind = 0; kind < CUPTI_KIND_LIMIT; kind++) {
		for (int loss = 0; loss < LOSS_COUNT; loss++) {
			int64_t count = decoder->losses[kind][loss];
			if (count == 0)
				continue;
			char reason[128];
			if (cupti_row_makers[kind].name != NULL)
				(void)snprintf(reason, sizeof reason, "%s: %s", loss_names[loss],
					       cupti_row_makers[kind].name);
			else
				(void)snprintf(reason, sizeof reason, "%s: kind %" PRIu32,
					       loss_names[loss], kind);
			hear(context, reason, count);
			decoder->losses[kind][loss] = 0;
		}
	}
}

const uint16_t cupti_strides_13_0[CUPTI_KIND_LIMIT] = {
	[CUPTI_KIND_MEMCPY] = 96, [CUPTI_KIND_MEMSET] = 88, [CUPTI_KIND_KERNEL] = 216,
	[CUPTI_KIND_DRIVER] = 40, [CUPTI_KIND_RUNTIME] = 40, [CUPTI_KIND_INTERNAL_LAUNCH_API] = 40,
	[CUPTI_KIND_DEVICE] = 184, [CUPTI_KIND_CONTEXT] = 32, [CUPTI_KIND_CONCURRENT_KERNEL] = 216,
	[CUPTI_KIND_NAME] = 32, [CUPTI_KIND_OVERHEAD] = 56, [CUPTI_KIND_MEMCPY2] = 96,
	[CUPTI_KIND_CUDA_EVENT] = 56, [CUPTI_KIND_STREAM] = 24, [CUPTI_KIND_SYNCHRONIZATION] = 56,
	[CUPTI_KIND_EXTERNAL_CORRELATION] = 24, [CUPTI_KIND_MEMORY2] = 128,
	[CUPTI_KIND_GRAPH_TRACE] = 56, [CUPTI_KIND_UNIFIED_MEMORY] = 104,
	[CUPTI_KIND_MEMORY_POOL] = 80, [CUPTI_KIND_JIT] = 72,
};
