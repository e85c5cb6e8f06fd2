/* SPDX-License-Identifier: MIT */
/*
 * The decoder: bytes of a CUPTI activity buffer -> rows of the trace database, through a sink.
 * Pure: no CUPTI, no file, no clock; what it cannot store it counts. So it is tested, fuzzed and
 * measured without a GPU.
 *
 * Records are stepped over by the strides of the *loaded* library, and a field is read only if it
 * lies inside its record's stride. Bytes are trusted to be CUPTI's (names are pointers), but never
 * to be complete.
 *
 * Thread: one thread at a time.
 */
#ifndef LIBTRACE_CUPTI_DECODE_H
#define LIBTRACE_CUPTI_DECODE_H

#include "libtrace/cupti_records.h"
#include "tracedb/tables.h"
#include "libtrace/window_history.h"
#include "tracedb/vocabulary.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where rows go. `put` takes rows of kernel, memcpy, memset, api_call, synchronization, cuda_event,
 * graph_launch, allocation, memory_pool, overhead, gpu_range, sample, external_correlation as they
 * are to be stored. Rows of
 * device, context, stream and thread are facts that may come again, late, or in part: the sink
 * merges them by their key (a stream's key is context and number; its device is -1 when only the
 * context is known).
 */
struct cupti_sink {
	void *context;
	void (*put)(void *context, enum trace_table table, const void *row);
	int64_t (*string)(void *context, const char *text);
	/* Id of the stream; `device_id` -1: that of the context. 0 if it cannot be known. */
	int64_t (*stream)(void *context, int64_t device_id, int64_t context_id, int64_t number);
	int64_t (*device_of)(void *context, int64_t context_id);	/* -1 if unknown */
	int64_t (*kernel_symbol)(void *context, struct kernel_symbol_row *shape, const char *name);
	/* string_id of the call's name, or -1 if such calls are not to be stored. */
	int64_t (*api_name)(void *context, enum api_kind api, uint32_t cbid);
	void (*stream_name)(void *context, int64_t context_id, int64_t number, const char *name);
	/* name may be NULL */
	void (*thread)(void *context, int64_t thread_id, const char *name);
};

struct cupti_decode_options {
	/* [CUPTI_KIND_LIMIT], 0: the library does not know the kind */
	const uint16_t *strides;
	int64_t epoch_ns;
	bool has_api_records;		/* only they advance the correlation epoch */
	int64_t own_thread_id;		/* its API calls are ours, not the program's; 0: none */
};

struct cupti_decoder;

struct cupti_decoder *cupti_decoder_create(const struct cupti_decode_options *options,
					   const struct cupti_sink *sink);
void cupti_decoder_close(struct cupti_decoder *decoder);

/*
 * Stamps (ns, CLOCK_REALTIME) outside low..high are no times: their records are counted, not
 * stored.
 */
void cupti_decoder_set_window(struct cupti_decoder *decoder, int64_t low_ns, int64_t high_ns);

/*
 * Records that lie outside the capture window are left out, uncounted: a gap row stands for them.
 * Without (NULL) none is. Borrowed.
 */
void cupti_decoder_set_history(struct cupti_decoder *decoder, const struct window_history *history);

/*
 * Decodes the records in the first `valid_bytes` bytes (8-aligned). Returns how many records it
 * met.
 */
size_t cupti_decode(struct cupti_decoder *decoder, const void *bytes, size_t valid_bytes);

/*
 * All buffers that there are have been decoded. Records without a time of their own (events,
 * external ids) follow their CUDA call into the trace or out of it; those whose call does not come
 * by the next time are judged by whether the window is open.
 */
void cupti_decoder_settle(struct cupti_decoder *decoder);

/* The newest correlation id so far, with its epoch, where decoding does not begin at the first. */
void cupti_decoder_set_correlation(struct cupti_decoder *decoder, uint64_t last);

/* How many records the bytes hold, as far as the strides tell. Any thread. */
size_t cupti_count_records(const uint16_t *strides, const void *bytes, size_t valid_bytes);

/* Reports what was lost since the last call: "zero timestamp: kernel", ... */
typedef void (*cupti_hear_loss)(void *context, const char *reason, int64_t count);
void cupti_decoder_take_losses(struct cupti_decoder *decoder, cupti_hear_loss hear, void *context);

/* CUPTI's 32-bit id -> epoch << 32 | id; for ids that arrive outside the buffers, too. */
int64_t cupti_decoder_correlation(const struct cupti_decoder *decoder, uint32_t id);

/* The stride table of CUDA 13.0, for synthetic records in tests and benchmarks. */
extern const uint16_t cupti_strides_13_0[CUPTI_KIND_LIMIT];

#endif
