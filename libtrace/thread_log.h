/* SPDX-License-Identifier: MIT */
/*
 * Per-thread logs: how the NVTX and NCCL sources hand events of the host's threads to the drain
 * thread.
 *
 * A producer appends records to a chain of fixed-size blocks that only it writes; it publishes each
 * record with one release store. The drain thread reads every thread's log in order, whenever it
 * runs. Blocks come from a bounded pool made at start; when the pool is empty the record is not
 * taken and counted as lost.
 *
 * Thread: begin/end on the producing thread only (they never block, never allocate from the heap
 * after the thread's first record, keep errno); drain functions on the drain thread only.
 */
#ifndef LIBTRACE_THREAD_LOG_H
#define LIBTRACE_THREAD_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOG_RECORD_BYTES_MAX = 32 * 1024 };	/* longer texts are cut, and the cut is counted */

/* Which source a record belongs to; `type` within the source is its own affair. */
enum log_source { LOG_SOURCE_NVTX = 1, LOG_SOURCE_NCCL = 2 };
enum { LOG_SOURCE_COUNT = 3 };

/*
 * Room for a record of `size` payload bytes (8-aligned), or NULL: capture is off, this is a forked
 * child, or no memory (counted). Fill it, then call thread_log_end on the same thread; nothing may
 * be nested between.
 */
void *thread_log_begin(enum log_source source, uint16_t type, size_t size);
void thread_log_end(void);

/* What the drain hands to a source's consume function. */
struct log_record {
	enum log_source source;
	uint16_t type;
	int64_t thread_id;	/* gettid of the producer */
	const void *payload;
	size_t size;
};

/*
 * Makes the logs ready, once; `memory_bytes` bounds all blocks. Until then, and after
 * thread_log_stop, thread_log_begin gives NULL. False when memory is short. Any thread.
 */
bool thread_log_start(size_t memory_bytes);
void thread_log_stop(void);

/* A start failed once: whoever asked for it does without the logs. Any thread. */
bool thread_log_was_refused(void);
/*
 * Calls `begun` once, on the thread that logs the first record of its own; at once where one has
 * logged already. Any thread, once.
 */
void thread_log_watch(void (*begun)(void));

/* In a forked child, on its only thread: the parent's records are forgotten, the logs closed. */
void thread_log_forget(void);

/*
 * Hands the records published so far to `consume`, each thread's in order, but not all of a thread
 * that writes faster than they are read: then thread_log_is_behind says that there are more. Drain
 * thread. Returns how many.
 */
typedef void (*log_consume)(void *context, const struct log_record *record);
size_t thread_log_drain(log_consume consume, void *context);

bool thread_log_is_behind(void);

/* Records lost since the last call for lack of memory. Drain thread. */
int64_t thread_log_take_lost(enum log_source source);

#endif
