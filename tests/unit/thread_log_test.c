/* SPDX-License-Identifier: MIT */
#include "libtrace/thread_log.h"
#include "tests/unit/harness.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 6, RECORDS = 20000, MIB = 1 << 20 };

struct seen {
	int64_t count;
	int64_t bytes;
	int64_t next[THREADS + 1];
	int64_t thread_id;
	uint16_t type;
	char text[32];
};

struct numbered {
	int32_t producer, number;
	char filler[];
};

static void see(void *context, const struct log_record *record)
{
	struct seen *seen = context;
	seen->count++;
	seen->bytes += (int64_t)record->size;
	seen->thread_id = record->thread_id;
	seen->type = record->type;
	if (record->size < sizeof seen->text)
		memcpy(seen->text, record->payload, record->size);
}

static bool write_text(const char *text)
{
	char *room = thread_log_begin(LOG_SOURCE_NVTX, 7, strlen(text) + 1);
	if (room == NULL)
		return false;
	memcpy(room, text, strlen(text) + 1);
	thread_log_end();
	return true;
}

TEST(a_thread_log_takes_nothing_before_it_starts_and_after_it_stops)
{
	struct seen seen = { 0 };
	CHECK(!write_text("before"));
	CHECK_INT(thread_log_drain(see, &seen), 0);
	CHECK(thread_log_start(MIB));
	CHECK(thread_log_start(MIB));
	CHECK(write_text("within"));
	thread_log_stop();
	CHECK(!write_text("after"));
	CHECK_INT(thread_log_drain(see, &seen), 1);
	CHECK_TEXT(seen.text, "within");
	CHECK_INT(seen.type, 7);
	CHECK_INT(seen.thread_id, syscall(SYS_gettid));
}

TEST(a_record_is_seen_only_when_it_is_complete)
{
	struct seen seen = { 0 };
	CHECK(thread_log_start(MIB));
	char *room = thread_log_begin(LOG_SOURCE_NCCL, 1, 8);
	CHECK(room != NULL);
	CHECK_INT((uintptr_t)room % 8, 0);
	CHECK_INT(thread_log_drain(see, &seen), 0);
	memset(room, 0, 8);
	thread_log_end();
	CHECK_INT(thread_log_drain(see, &seen), 1);
	CHECK_INT(thread_log_drain(see, &seen), 0);
}

TEST(a_full_thread_log_counts_what_it_does_not_take_and_recovers)
{
	struct seen seen = { 0 };
	int64_t taken = 0, refused = 0;
	CHECK(thread_log_start(MIB));
	errno = 42;
	for (int i = 0; i < 100; i++) {
		char *room = thread_log_begin(LOG_SOURCE_NVTX, 1, LOG_RECORD_BYTES_MAX);
		taken += room != NULL;
		refused += room == NULL;
		thread_log_end();
	}
	CHECK_INT(errno, 42);
	CHECK_INT(taken, 16);
	CHECK_INT(thread_log_take_lost(LOG_SOURCE_NVTX), refused);
	CHECK_INT(thread_log_take_lost(LOG_SOURCE_NVTX), 0);
	CHECK_INT(thread_log_take_lost(LOG_SOURCE_NCCL), 0);
	CHECK_INT(thread_log_drain(see, &seen), taken);
	CHECK(write_text("again"));
	CHECK_INT(thread_log_drain(see, &seen), 1);
}

TEST(a_record_that_is_too_long_or_nested_is_counted)
{
	CHECK(thread_log_start(MIB));
	CHECK(thread_log_begin(LOG_SOURCE_NVTX, 1, LOG_RECORD_BYTES_MAX + 1) == NULL);
	CHECK_INT(thread_log_take_lost(LOG_SOURCE_NVTX), 1);
	CHECK(thread_log_begin(LOG_SOURCE_NVTX, 1, 8) != NULL);
	CHECK(thread_log_begin(LOG_SOURCE_NVTX, 1, 8) == NULL);
	thread_log_end();
	CHECK_INT(thread_log_take_lost(LOG_SOURCE_NVTX), 1);
}

static void *write_one(void *context)
{
	CHECK(write_text(context));
	return NULL;
}

TEST(logs_of_threads_that_ended_are_read_and_used_again)
{
	struct seen seen = { 0 };
	CHECK(thread_log_start(MIB));
	/* Far more threads than blocks: each gives its block back when it was read. */
	for (int round = 0; round < 500; round++) {
		pthread_t thread;
		CHECK_INT(pthread_create(&thread, NULL, write_one, (void *)(uintptr_t)"short"), 0);
		CHECK_INT(pthread_join(thread, NULL), 0);
		CHECK_INT(thread_log_drain(see, &seen), 1);
	}
	CHECK_INT(seen.count, 500);
	CHECK_INT(thread_log_take_lost(LOG_SOURCE_NVTX), 0);
}

TEST(a_forked_child_logs_nothing_of_its_parent_and_nothing_after)
{
	struct seen seen = { 0 };
	CHECK(thread_log_start(MIB));
	CHECK(write_text("parent"));
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		thread_log_forget();
		bool is_silent = !write_text("child") && thread_log_drain(see, &seen) == 0;
		bool is_new = thread_log_start(MIB) && write_text("own") &&
			thread_log_drain(see, &seen) == 1 && strcmp(seen.text, "own") == 0 &&
			seen.thread_id == getpid();
		_exit(is_silent && is_new ? 0 : 1);
	}
	int status = 0;
	CHECK_INT(waitpid(child, &status, 0), child);
	CHECK_INT(status, 0);
	CHECK_INT(thread_log_drain(see, &seen), 1);
	CHECK_TEXT(seen.text, "parent");
}

static atomic_int still_writing;
static _Atomic int64_t refused_total;

static void *write_many(void *context)
{
	int32_t producer = *(const int32_t *)context;
	for (int32_t i = 0; i < RECORDS; i++) {
		struct numbered *record = thread_log_begin(LOG_SOURCE_NCCL, (uint16_t)producer,
							   sizeof *record + (size_t)(i % 200));
		if (record == NULL) {
			atomic_fetch_add(&refused_total, 1);
			continue;
		}
		record->producer = producer;
		record->number = i;
		memset(record->filler, producer, (size_t)(i % 200));
		thread_log_end();
	}
	atomic_fetch_sub(&still_writing, 1);
	return NULL;
}

static void see_numbered(void *context, const struct log_record *record)
{
	struct seen *seen = context;
	const struct numbered *numbered = record->payload;
	CHECK_INT(numbered->producer, record->type);
	CHECK(numbered->number >= seen->next[numbered->producer]);
	CHECK_INT(record->size, sizeof *numbered + (size_t)(numbered->number % 200));
	for (int i = 0; i < numbered->number % 200; i++)
		CHECK_INT(numbered->filler[i], numbered->producer);
	seen->next[numbered->producer] = numbered->number + 1;
	seen->count++;
}

TEST(many_threads_log_in_order_while_the_drain_reads)
{
	struct seen seen = { 0 };
	pthread_t threads[THREADS];
	int32_t numbers[THREADS];
	CHECK(thread_log_start(2 * MIB));
	atomic_store(&still_writing, THREADS);
	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i + 1;
		CHECK_INT(pthread_create(&threads[i], NULL, write_many, &numbers[i]), 0);
	}
	while (atomic_load(&still_writing) > 0)
		(void)thread_log_drain(see_numbered, &seen);
	for (int i = 0; i < THREADS; i++)
		CHECK_INT(pthread_join(threads[i], NULL), 0);
	(void)thread_log_drain(see_numbered, &seen);
	CHECK_INT(seen.count + atomic_load(&refused_total), (int64_t)THREADS * RECORDS);
	CHECK_INT(thread_log_take_lost(LOG_SOURCE_NCCL), atomic_load(&refused_total));
}

TEST(a_thread_that_writes_much_leaves_the_other_logs_their_turn)
{
	struct seen seen = { 0 };
	int64_t written = 0;
	CHECK(thread_log_start(8 * MIB));
	while (written < 3000) {
		char *room = thread_log_begin(LOG_SOURCE_NVTX, 1, 2000);
		CHECK(room != NULL);
		memset(room, 0, 2000);
		thread_log_end();
		written++;
	}
	int64_t first = (int64_t)thread_log_drain(see, &seen);
	CHECK(first > 0 && first < written);
	CHECK(thread_log_is_behind());
	while (thread_log_is_behind())
		(void)thread_log_drain(see, &seen);
	CHECK_INT(seen.count, written);
	CHECK_INT(thread_log_drain(see, &seen), 0);
	CHECK(!thread_log_is_behind());
}
