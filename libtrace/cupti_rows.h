/* SPDX-License-Identifier: MIT */
/*
 * The inside of the decoder, shared by its three files: cupti_decode.c walks, cupti_rows.c turns
 * one record of each kind into rows, cupti_memory_rows.c those that tell of memory.
 *
 * Thread: as the decoder.
 */
#ifndef LIBTRACE_CUPTI_ROWS_H
#define LIBTRACE_CUPTI_ROWS_H

#include "libtrace/cupti_decode.h"

enum decode_loss {
	LOSS_ZERO_TIMESTAMP,	/* CUPTI's "not collected": its device buffers ran out */
	LOSS_INCOMPLETE,	/* begun, not ended, when it was flushed by force */
	LOSS_END_BEFORE_START,
	LOSS_IMPLAUSIBLE_TIME,	/* another time base, or garbage */
	LOSS_SHORT_RECORD,	/* stride smaller than what we must read */
	LOSS_UNKNOWN_KIND,	/* the rest of its buffer cannot be read */
	LOSS_CUT,		/* the buffer ends within a record */
	LOSS_COUNT
};

/* A row without a time of its own, while its CUDA call is not decoded yet. */
struct untimed_row {
	uint32_t correlation;
	enum trace_table table;
	bool is_old;		/* it was there at the last settling */
	union {
		struct cuda_event_row event;
		struct external_correlation_row external;
	} row;
};

enum { UNTIMED_MAX = 256 };

struct cupti_decoder {
	uint16_t strides[CUPTI_KIND_LIMIT];
	struct cupti_sink sink;
	int64_t epoch_ns, low_ns, high_ns;
	const struct window_history *history;	/* or NULL */
	int64_t own_thread_id;
	bool has_api_records;
	uint64_t correlation_last;	/* the newest id, with its epoch */
	bool has_correlation;
	int64_t thread_last;
	struct untimed_row untimed[UNTIMED_MAX];
	size_t untimed_count;
	uint64_t named_devices;		/* bits: the stream of their unified memory has its name */
	int64_t losses[CUPTI_KIND_LIMIT][LOSS_COUNT];
};

/*
 * Start and duration if the stamps are times; otherwise the record is counted as lost. False, and
 * nothing counted, for one outside the capture window.
 */
bool cupti_span_take(struct cupti_decoder *decoder, uint32_t kind, uint64_t start, uint64_t end,
		     int64_t *start_ns, int64_t *duration_ns);

/* The full id of a record; those of API records move the epoch on. */
int64_t cupti_correlation_take(struct cupti_decoder *decoder, uint32_t id, bool is_api);

/* Stores such a row once its call shows that it lies in the capture window. */
void cupti_untimed_put(struct cupti_decoder *decoder, const struct untimed_row *row);

/* The call of this id, in the window or not. */
void cupti_untimed_call(struct cupti_decoder *decoder, uint32_t correlation, uint64_t start,
			uint64_t end);

/* What to do with a record of each kind; `decode` is NULL for kinds that are skipped. */
struct cupti_row_maker {
	const char *name;	/* NULL: not known by name */
	void (*decode)(struct cupti_decoder *decoder, const void *record, size_t stride);
	size_t bytes_min;	/* what `decode` reads without asking CUPTI_HAS */
};

/* cupti_memory_rows.c */
void cupti_decode_memory(struct cupti_decoder *decoder, const void *bytes, size_t stride);
void cupti_decode_memory_pool(struct cupti_decoder *decoder, const void *bytes, size_t stride);
void cupti_decode_unified_memory(struct cupti_decoder *decoder, const void *bytes, size_t stride);

extern const struct cupti_row_maker cupti_row_makers[CUPTI_KIND_LIMIT];

#endif
