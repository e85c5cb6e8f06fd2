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

struct cupti_library;

/* Called from CUPTI's callback when a context came into being: the program really uses the GPU. */
typedef void (*cupti_source_first_use)(void);

/*
 * Finds CUPTI and starts recording with it. On failure nothing runs and `error` is the line to
 * print. Inside InitializeInjection, once.
 */
bool cupti_source_start(const struct settings *settings, cupti_source_first_use first_use,
			struct error *error);

/*
 * Why there will be no GPU records although there is a GPU: another tool has CUPTI. '' if not so.
 */
const char *cupti_source_taken(void);

/* Any thread: buffers that CUPTI completed. NULL: the source did not start. */
struct queue *cupti_source_queue(void);

/*
 * On a thread of ours that will call CUPTI, first: what CUPTI keeps for each thread it allocates
 * now and not when memory may be gone, for which the C library would abort the program.
 */
void cupti_source_meet_thread(void);

/* Fetches pages for the next buffers (page_ahead.h). Drain thread. */
void cupti_source_fill_ahead(void);

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

/*
 * After a flush: looks whether another client took CUPTI away unseen, and takes it back once that
 * one is quiet. `is_host_busy`: ranges or operations were logged since the last call. `hear` gets a
 * stretch without records, in CLOCK_REALTIME; end_ns -1: it lasts. cupti_source_finish tells those
 * that are certain only at the end. Drain thread.
 */
typedef void (*cupti_source_hear_gap)(void *context, int64_t start_ns, int64_t end_ns,
				      const char *reason);
void cupti_source_watch(bool is_host_busy, cupti_source_hear_gap hear, void *context);
void cupti_source_finish(cupti_source_hear_gap hear, void *context);

/* Hands out what was lost or could not be enabled since the last call. Drain thread. */
typedef void (*cupti_source_hear)(void *context, const char *reason, int64_t count);
void cupti_source_take_losses(cupti_source_hear hear, void *context);

/*
 * For another CUPTI client's calls (cupti_entry.c). We want records of this kind; our buffer
 * callbacks go back where they belong; the client came: what stands in buffers now is not for it,
 * and it may want calls that we leave out. Any thread, but no CUPTI callback.
 */
bool cupti_source_wants(uint32_t kind);
void cupti_source_take_back(void);
void cupti_source_client_came(void);

/* The library, NULL before the source runs; whether its buffers are taken unread. Any thread. */
const struct cupti_library *cupti_source_library(void);
bool cupti_source_is_discarding(void);

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

/*
 * CUPTI's numbers of a stream of the calling thread's current context. False without CUPTI, and for
 * streams of other contexts. Any thread, but no CUPTI callback.
 */
bool cupti_source_find_stream(void *stream, uint32_t *context_id, uint32_t *number);

#endif
