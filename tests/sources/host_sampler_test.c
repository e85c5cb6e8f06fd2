/* SPDX-License-Identifier: MIT */
/* The sampler of launching threads, on threads of this very process. */
#include "libtrace/host_sampler.h"
#include "tests/sources/fake_drain.h"
#include "tests/unit/harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS = 12 };

struct sleeper {
	pthread_t thread;
	_Atomic int64_t id;
	atomic_bool is_over;
};

static void *sleeper_main(void *context)
{
	struct sleeper *sleeper = context;
	atomic_store(&sleeper->id, (int64_t)syscall(SYS_gettid));
	while (!atomic_load(&sleeper->is_over))
		usleep(1000);
	return NULL;
}

static void sleeper_begin(struct sleeper *sleeper)
{
	CHECK(pthread_create(&sleeper->thread, NULL, sleeper_main, sleeper) == 0);
	while (atomic_load(&sleeper->id) == 0)
		usleep(1000);
}

static void sleeper_end(struct sleeper *sleeper)
{
	atomic_store(&sleeper->is_over, true);
	(void)pthread_join(sleeper->thread, NULL);
}

static size_t rows_of(const struct drain *drain, int64_t thread_id, const char *wait)
{
	size_t count = 0;
	for (size_t i = 0; i < fake_count(drain, TABLE_host_sample); i++) {
		const struct host_sample_row *row = fake_row(drain, TABLE_host_sample, i);
		count += row->thread_id == thread_id &&
			 (wait == NULL ||
			  strstr(fake_text(drain, row->wait_channel_id), wait) != NULL);
	}
	return count;
}

/* Until the thread has so many rows; a slow machine takes longer. */
static void rows_await(struct drain *drain, int64_t thread_id, size_t wanted)
{
	for (int i = 0; i < 2000 && rows_of(drain, thread_id, NULL) < wanted; i++) {
		usleep(5000);
		host_sampler_take(drain);
	}
	CHECK(rows_of(drain, thread_id, NULL) >= wanted);
}

TEST(only_threads_that_launched_are_looked_at)
{
	struct sleeper heard = { .id = 0 }, other = { .id = 0 };
	struct drain *drain = fake_drain_create();
	sleeper_begin(&heard);
	sleeper_begin(&other);
	host_sampler_begin(1);
	host_sampler_take(drain);	/* nobody launched: no thread is started for that */
	CHECK_INT((int64_t)fake_count(drain, TABLE_host_sample), 0);
	host_sampler_hear(heard.id);
	rows_await(drain, heard.id, 20);
	CHECK(rows_of(drain, heard.id, "nanosleep") > 0);
	CHECK_INT((int64_t)rows_of(drain, other.id, NULL), 0);
	host_sampler_finish(drain);
	size_t rows = fake_count(drain, TABLE_host_sample);
	usleep(20000);
	host_sampler_take(drain);
	CHECK_INT((int64_t)fake_count(drain, TABLE_host_sample), (int64_t)rows);
	sleeper_end(&heard);
	sleeper_end(&other);
}

static int files_open(void)
{
	int count = 0;
	for (int file = 0; file < 256; file++)
		count += fcntl(file, F_GETFD) >= 0;
	return count;
}

TEST(a_thread_that_ends_makes_room_and_its_files_are_closed)
{
	struct sleeper first = { .id = 0 }, second = { .id = 0 };
	struct drain *drain = fake_drain_create();
	host_sampler_begin(1);
	int before = files_open();
	sleeper_begin(&first);
	host_sampler_hear(first.id);
	rows_await(drain, first.id, 3);
	sleeper_end(&first);
	sleeper_begin(&second);
	host_sampler_hear(second.id);
	rows_await(drain, second.id, 3);
	host_sampler_finish(drain);
	for (int i = 0; i < 2000 && files_open() != before; i++)
		usleep(5000);
	CHECK_INT(files_open(), before);
	sleeper_end(&second);
}

TEST(more_threads_than_places_are_said_and_the_latest_are_looked_at)
{
	static struct sleeper sleepers[THREADS];
	struct drain *drain = fake_drain_create();
	host_sampler_begin(1);
	for (int i = 0; i < THREADS; i++) {
		sleeper_begin(&sleepers[i]);
		host_sampler_hear(sleepers[i].id);
	}
	rows_await(drain, sleepers[THREADS - 1].id, 3);
	CHECK_INT(fake_loss(drain, "host", "more than 8 threads launch: only the latest are "
			    "sampled"), 0);
	host_sampler_finish(drain);
	for (int i = 0; i < THREADS; i++)
		sleeper_end(&sleepers[i]);
}

TEST(a_sampler_that_is_off_does_nothing)
{
	struct drain *drain = fake_drain_create();
	host_sampler_begin(0);
	host_sampler_hear((int64_t)syscall(SYS_gettid));
	host_sampler_take(drain);
	usleep(10000);
	host_sampler_finish(drain);
	CHECK_INT((int64_t)fake_count(drain, TABLE_host_sample), 0);
}
