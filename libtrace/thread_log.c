/* SPDX-License-Identifier: MIT */
#include "libtrace/thread_log.h"
#include "libtrace/free_list.h"
#include "libtrace/page_ahead.h"
#include "libtrace/thread_state.h"

#include <errno.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	BLOCK_BYTES = 64 * 1024,	/* holds the largest record */
	LOG_COUNT_MAX = 8192,		/* threads that log at the same time */
	BLOCKS_A_VISIT = 32,		/* read of one log before the others have their turn */
};
#define NO_BLOCK UINT32_MAX

struct record_header {
	uint32_t payload_bytes;	/* followed by as many, rounded up to 8 */
	uint16_t type;
	uint16_t source;
};

struct block {
	_Atomic uint32_t used;	/* bytes published */
	_Atomic uint32_t next;	/* block that follows, NO_BLOCK so far */
	alignas(16) unsigned char bytes[BLOCK_BYTES - 16];
};

_Static_assert(sizeof(struct block) == BLOCK_BYTES, "blocks tile the memory");
_Static_assert(sizeof(struct record_header) % 8 == 0, "payloads are 8-aligned");
_Static_assert(LOG_RECORD_BYTES_MAX + sizeof(struct record_header) <= BLOCK_BYTES - 16,
	       "a record fits");

enum log_state { LOG_FREE = 0, LOG_LIVE, LOG_FINISHED };

/* One thread's chain: the producer owns write_*, the drain read_*; both know the state. */
struct log {
	_Atomic uint32_t state;
	_Atomic uint32_t first_block;	/* set with the first record */
	int64_t thread_id;
	struct block *write_at;		/* of write_block */
	uint32_t write_block;
	uint32_t write_used;
	uint32_t write_pending;		/* bytes of the record between begin and end; 0 outside */
	uint32_t read_block;
	uint32_t read_used;
};

struct logs {
	struct block *blocks;
	size_t blocks_bytes;
	struct free_list *free_blocks;
	struct page_ahead ahead;
	struct log *logs;
	bool is_behind;			/* after the last drain: a log was left unfinished */
	_Atomic uint32_t log_high;	/* logs ever used */
	_Atomic int64_t lost[LOG_SOURCE_COUNT];
};

/* NULL: not started, or stopped. Release/acquire pairs make what it points to visible. */
static struct logs *_Atomic logs_open;
static struct logs *_Atomic logs_made;	/* also after the stop: the drain reads on */
static void (*_Atomic log_begun)(void);
static pthread_key_t exit_key;
static pthread_once_t exit_key_once = PTHREAD_ONCE_INIT;
static bool has_exit_key;
static atomic_bool was_refused;

/* A thread ends: its log is read to the end, then used again. */
static void thread_ended(void *value)
{
	struct log *log = value;
	if (laggard_thread.log != log)
		return;	/* a forked child's */
	laggard_thread.log = NULL;
	atomic_store_explicit(&log->state, LOG_FINISHED, memory_order_release);
}

static void exit_key_create(void)
{
	has_exit_key = pthread_key_create(&exit_key, thread_ended) == 0;
}

static void *pages_take(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

static void logs_free(struct logs *logs)
{
	if (logs == NULL)
		return;
	if (logs->blocks != NULL)
		(void)munmap(logs->blocks, logs->blocks_bytes);
	if (logs->logs != NULL)
		(void)munmap(logs->logs, LOG_COUNT_MAX * sizeof *logs->logs);
	free_list_close(logs->free_blocks);
	free(logs);
}

bool thread_log_start(size_t memory_bytes)
{
	if (atomic_load_explicit(&logs_made, memory_order_acquire) != NULL)
		return true;
	int errno_before = errno;
	(void)pthread_once(&exit_key_once, exit_key_create);
	struct logs *logs = calloc(1, sizeof *logs);
	bool ok = false;
	if (logs == NULL)
		goto out;
	uint32_t block_count = (uint32_t)(memory_bytes / BLOCK_BYTES);
	logs->blocks_bytes = (size_t)block_count * BLOCK_BYTES;
	logs->blocks = pages_take(logs->blocks_bytes);
	logs->logs = pages_take(LOG_COUNT_MAX * sizeof *logs->logs);
	logs->free_blocks = free_list_create(block_count);
	if (logs->blocks == NULL || logs->logs == NULL || logs->free_blocks == NULL)
		goto out;
	logs->ahead = (struct page_ahead){
		.memory = (unsigned char *)logs->blocks, .unit_bytes = BLOCK_BYTES,
		.unit_count = block_count,
	};
	struct logs *none = NULL;
	ok = true;
	if (atomic_compare_exchange_strong_explicit(&logs_made, &none, logs, memory_order_acq_rel,
						    memory_order_acquire)) {
		atomic_store_explicit(&logs_open, logs, memory_order_release);
		logs = NULL;	/* otherwise another thread was faster */
	}
out:
	logs_free(logs);
	if (!ok)
		atomic_store_explicit(&was_refused, true, memory_order_relaxed);
	errno = errno_before;
	return ok;
}

bool thread_log_was_refused(void)
{
	return atomic_load_explicit(&was_refused, memory_order_relaxed);
}

void thread_log_stop(void)
{
	atomic_store_explicit(&logs_open, NULL, memory_order_release);
}

void thread_log_forget(void)
{
	struct logs *logs = atomic_load_explicit(&logs_made, memory_order_acquire);
	atomic_store_explicit(&logs_open, NULL, memory_order_release);
	atomic_store_explicit(&logs_made, NULL, memory_order_release);
	laggard_thread.log = NULL;
	/* The small heap parts stay: free() is not allowed here when the parent has threads. */
	if (logs != NULL) {
		(void)munmap(logs->blocks, logs->blocks_bytes);
		(void)munmap(logs->logs, LOG_COUNT_MAX * sizeof *logs->logs);
	}
}

static void log_tell(void)
{
	void (*begun)(void) = atomic_exchange_explicit(&log_begun, NULL, memory_order_acq_rel);
	if (begun != NULL)
		begun();
}

void thread_log_watch(void (*begun)(void))
{
	struct logs *logs = atomic_load_explicit(&logs_made, memory_order_acquire);
	/* Sequentially consistent, as log_high is: either log_take sees it, or the log is seen. */
	atomic_store(&log_begun, begun);
	if (logs != NULL && atomic_load(&logs->log_high) > 0)
		log_tell();
}

static bool log_claim(struct logs *logs, uint32_t i)
{
	uint32_t expected = LOG_FREE;
	return atomic_compare_exchange_strong_explicit(&logs->logs[i].state, &expected, LOG_LIVE,
						       memory_order_acquire, memory_order_relaxed);
}

/* A log for the calling thread: one that is free again, else the next unused. */
static struct log *log_take(struct logs *logs)
{
	uint32_t high = atomic_load_explicit(&logs->log_high, memory_order_acquire);
	uint32_t i = 0;
	while (i < high && !log_claim(logs, i))
		i++;
	if (i == high) {
		do {
			i = atomic_fetch_add_explicit(&logs->log_high, 1, memory_order_acq_rel);
			if (i >= LOG_COUNT_MAX) {
				atomic_fetch_sub_explicit(&logs->log_high, 1, memory_order_acq_rel);
				return NULL;
			}
		} while (!log_claim(logs, i));
	}
	struct log *log = &logs->logs[i];
	log->thread_id = (int64_t)syscall(SYS_gettid);
	log->write_block = NO_BLOCK;
	log->write_at = NULL;
	log->write_used = 0;
	log->write_pending = 0;
	if (!has_exit_key || pthread_setspecific(exit_key, log) != 0) {
		atomic_store_explicit(&log->state, LOG_FREE, memory_order_release);
		return NULL;
	}
	laggard_thread.log = log;
	log_tell();
	return log;
}

/* A fresh block at the end of the chain. */
static bool log_add_block(struct logs *logs, struct log *log)
{
	uint32_t index;
	if (!free_list_take(logs->free_blocks, &index))
		return false;
	page_ahead_note(&logs->ahead, index);
	struct block *block = &logs->blocks[index];
	atomic_store_explicit(&block->used, 0, memory_order_relaxed);
	atomic_store_explicit(&block->next, NO_BLOCK, memory_order_relaxed);
	/* Release: a drain that sees the block sees it empty, and all records of the one before. */
	if (log->write_block == NO_BLOCK)
		atomic_store_explicit(&log->first_block, index + 1, memory_order_release);
	else
		atomic_store_explicit(&logs->blocks[log->write_block].next, index,
				      memory_order_release);
	log->write_block = index;
	log->write_at = block;
	log->write_used = 0;
	return true;
}

static uint32_t record_bytes(size_t payload_bytes)
{
	return (uint32_t)((payload_bytes + 7) / 8 * 8 + sizeof(struct record_header));
}

static bool log_has_room(const struct log *log, uint32_t needed)
{
	return log->write_at != NULL && sizeof log->write_at->bytes - log->write_used >= needed;
}

/* A thread's first record, and the first of each block. */
static struct log *log_make_room(struct logs *logs, enum log_source source, size_t size)
{
	int errno_before = errno;
	struct log *log = laggard_thread.log;
	bool ok = size <= LOG_RECORD_BYTES_MAX;
	if (ok && log == NULL)
		log = log_take(logs);
	/* Pending: a signal handler came between begin and end. */
	ok = ok && log != NULL && log->write_pending == 0 &&
		(log_has_room(log, record_bytes(size)) || log_add_block(logs, log));
	if (!ok)
		atomic_fetch_add_explicit(&logs->lost[source], 1, memory_order_relaxed);
	errno = errno_before;
	return ok ? log : NULL;
}

void *thread_log_begin(enum log_source source, uint16_t type, size_t size)
{
	struct logs *logs = atomic_load_explicit(&logs_open, memory_order_acquire);
	if (logs == NULL)
		return NULL;
	struct log *log = laggard_thread.log;
	uint32_t needed = record_bytes(size);
	if (size > LOG_RECORD_BYTES_MAX || log == NULL || log->write_pending != 0 ||
	    !log_has_room(log, needed)) {
		log = log_make_room(logs, source, size);
		if (log == NULL)
			return NULL;
	}
	struct record_header *header = (void *)(log->write_at->bytes + log->write_used);
	*header = (struct record_header){
		.payload_bytes = (uint32_t)size, .type = type, .source = (uint16_t)source,
	};
	log->write_pending = needed;
	return header + 1;
}

void thread_log_end(void)
{
	struct log *log = laggard_thread.log;
	if (log == NULL || log->write_pending == 0)
		return;
	log->write_used += log->write_pending;
	log->write_pending = 0;
	/* Release pairs with the drain's acquire: the record's bytes are there. */
	atomic_store_explicit(&log->write_at->used, log->write_used, memory_order_release);
}

static size_t block_drain(const struct log *log, const struct block *block, uint32_t from,
			  uint32_t to, log_consume consume, void *context)
{
	size_t count = 0;
	while (from < to) {
		const struct record_header *header = (const void *)(block->bytes + from);
		struct log_record record = {
			.source = (enum log_source)header->source, .type = header->type,
			.thread_id = log->thread_id, .payload = header + 1,
			.size = header->payload_bytes,
		};
		consume(context, &record);
		from += record_bytes(header->payload_bytes);
		count++;
	}
	return count;
}

static size_t log_drain(struct logs *logs, struct log *log, log_consume consume, void *context)
{
	size_t count = 0;
	/* The state first: what is published before the thread ended is read below. */
	bool is_finished = atomic_load_explicit(&log->state, memory_order_acquire) == LOG_FINISHED;
	if (log->read_block == 0) {
		log->read_block = atomic_load_explicit(&log->first_block, memory_order_acquire);
		log->read_used = 0;
	}
	for (int visited = 0; log->read_block != 0; visited++) {
		if (visited == BLOCKS_A_VISIT) {
			logs->is_behind = true;
			return count;
		}
		uint32_t index = log->read_block - 1;
		struct block *block = &logs->blocks[index];
		/* `next` before `used`: the chain grows only after the last record of a block. */
		uint32_t next = atomic_load_explicit(&block->next, memory_order_acquire);
		uint32_t used = atomic_load_explicit(&block->used, memory_order_acquire);
		count += block_drain(log, block, log->read_used, used, consume, context);
		log->read_used = used;
		if (next == NO_BLOCK && !is_finished)
			return count;
		free_list_give(logs->free_blocks, index);
		log->read_block = next == NO_BLOCK ? 0 : next + 1;
		log->read_used = 0;
	}
	if (is_finished) {
		atomic_store_explicit(&log->first_block, 0, memory_order_relaxed);
		atomic_store_explicit(&log->state, LOG_FREE, memory_order_release);
	}
	return count;
}

size_t thread_log_drain(log_consume consume, void *context)
{
	struct logs *logs = atomic_load_explicit(&logs_made, memory_order_acquire);
	if (logs == NULL)
		return 0;
	size_t count = 0;
	logs->is_behind = false;
	page_ahead_fill(&logs->ahead);
	uint32_t high = atomic_load_explicit(&logs->log_high, memory_order_acquire);
	for (uint32_t i = 0; i < high && i < LOG_COUNT_MAX; i++)
		if (atomic_load_explicit(&logs->logs[i].state, memory_order_acquire) != LOG_FREE)
			count += log_drain(logs, &logs->logs[i], consume, context);
	return count;
}

bool thread_log_is_behind(void)
{
	const struct logs *logs = atomic_load_explicit(&logs_made, memory_order_acquire);
	return logs != NULL && logs->is_behind;
}

int64_t thread_log_take_lost(enum log_source source)
{
	struct logs *logs = atomic_load_explicit(&logs_made, memory_order_acquire);
	if (logs == NULL)
		return 0;
	return atomic_exchange_explicit(&logs->lost[source], 0, memory_order_relaxed);
}
