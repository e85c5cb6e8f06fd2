/* SPDX-License-Identifier: MIT */
/*
 * The CUPTI source: subscribes, says which records it wants, takes CUPTI's buffers, and hands
 * completed ones to the drain through a queue. No lock is held over a CUPTI call.
 *
 * Thread: as said at each function.
 */
#ifndef LIBTRACE_CUPTI_SOURCE_H
#define LIBTRACE_CUPTI_SOURCE_H

#include "base/error.h"
#include "libtrace/api_filter.h"
#include "libtrace/buffer_pool.h"
#include "libtrace/queue.h"
#include "libtrace/settings.h"
#include "tracedb/vocabulary.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called from CUPTI's callback when a context came into being: the program really uses the GPU. */
typedef void (*cupti_source_first_use)(void);

/*
 * Finds CUPTI and starts recording with it. On failure nothing runs and `error` is the line to
 * print. Inside InitializeInjection, once.
 */
bool cupti_source_start(const struct settings *settings, cupti_source_first_use first_use,
			struct error *error);

/* Any thread: buffers that CUPTI completed. NULL: the source did not start. */
struct queue *cupti_source_queue(void);

/* The drain is done with a buffer. Drain thread. */
void cupti_source_give(struct activity_buffer *buffer);

/* Fetches what is complete; `is_forced`: everything, complete or not. Drain thread. */
void cupti_source_flush(bool is_forced);

/* Buffers that CUPTI holds at the moment. Any thread. */
int64_t cupti_source_outstanding(void);

/* From now on buffers are taken back unread. Any thread. */
void cupti_source_discard(void);

/*
 * Nothing can be written any more, but the program runs on: the records that cost it most are
 * switched off. Drain thread.
 */
void cupti_source_give_up(void);

/*
 * Switches the records that cost the program time off, and on again; what they say of contexts,
 * streams and names goes on. The kernels' records go on, too, with CUPTI older than CUDA 13.0
 * update 1, where switching them off has deadlocked, and those of whole graphs, which CUPTI wants
 * to know of before a graph is made. Any thread but one inside a buffer callback; one at a time.
 */
void cupti_source_switch(bool is_on);

/* Hands out what was lost or could not be enabled since the last call. Drain thread. */
typedef void (*cupti_source_hear)(void *context, const char *reason, int64_t count);
void cupti_source_take_losses(cupti_source_hear hear, void *context);

/* Facts about the loaded library. Any thread, after the start. */
const uint16_t *cupti_source_strides(void);
uint32_t cupti_source_version(void);
const char *cupti_source_path(void);
const char *cupti_source_api_name(enum api_kind api, uint32_t cbid);

/*
 * Brackets what the calling thread launches, for external_correlation; nest properly. No-ops
 * without CUPTI. Any thread, but no CUPTI callback.
 */
void cupti_source_push_external(uint64_t id);
void cupti_source_pop_external(void);

#endif
