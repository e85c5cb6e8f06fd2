/* SPDX-License-Identifier: MIT */
/*
 * Another CUPTI client in this process: torch.profiler, say. CUPTI knows one pair of buffer
 * callbacks, and a second client silently replaces the first one's. The client's calls pass through
 * cupti_entry.c; CUPTI keeps our callbacks, and the client gets its own buffers filled with copies
 * of the records that it asked for, in its own clock: both see everything.
 *
 * What the client gets is what it would get alone, but for this: records carry no mark of when they
 * were ordered, so those that began before the client enabled their kind are told by their stamps.
 *
 * Thread: any. No lock is held over the client's functions; the copies are made on whichever thread
 * CUPTI completes a buffer of ours.
 */
#ifndef LIBTRACE_CUPTI_CLIENT_H
#define LIBTRACE_CUPTI_CLIENT_H

#include "libtrace/cupti_library.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The client registers its callbacks, or the same ones once more. False: no memory. */
bool cupti_client_register(cupti_requested requested, cupti_completed completed);

/* Somebody registered; and wants records at this moment. */
bool cupti_client_is_here(void);
bool cupti_client_is_at_work(void);

/* The client enables or disables a kind of record. */
void cupti_client_want(uint32_t kind, bool is_wanted);
bool cupti_client_wants(uint32_t kind);

/* From now on the client's stamps are of this clock; NULL: CLOCK_REALTIME, as ours are. */
void cupti_client_set_clock(uint64_t (*clock)(void));

/*
 * CUPTI asks for a buffer: so it would ask the client. A client may look whether one of its buffers
 * is out before it fetches records.
 */
void cupti_client_request(void);

/* Copies what the client wants of a buffer that CUPTI completed. */
void cupti_client_copy(const uint16_t *strides, const uint8_t *bytes, size_t valid_bytes);

/* A buffer that is not ours came back: the client's, from before. False: nobody is here. */
bool cupti_client_give(void *context, uint32_t stream, uint8_t *bytes, size_t size,
		       size_t valid_bytes);

/* The client flushes: what was copied so far is handed over. */
void cupti_client_flush(void);

#endif
