/* SPDX-License-Identifier: MIT */
/*
 * `host_bench`: what it costs to look at a thread of the process, running and asleep, as CPU time
 * of the looking thread, and what that makes of one core at the default interval.
 */
#include "libtrace/host_state.h"
#include "libtrace/settings.h"
#include "tests/bench/bench.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { LOOKS = 20000, ROUNDS = 200, NS_PER_S = 1000000000 };

static int64_t thread_cpu_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void *sleeper_main(void *id)
{
	__atomic_store_n((int64_t *)id, (int64_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	for (;;)
		(void)pause();
	return NULL;
}

static int64_t look_cost_ns(int64_t thread_id)
{
	struct host_thread_files files;
	struct host_state state;
	int64_t costs[BENCH_REPETITIONS];
	unsigned refused = 0;
	if (!host_files_open(&files, thread_id))
		bench_fail("thread", "cannot be looked at");
	for (int i = 0; i < BENCH_REPETITIONS; i++) {
		int64_t began_ns = thread_cpu_ns();
		for (int k = 0; k < LOOKS; k++)
			if (!host_state_read(&state, &files, &refused))
				bench_fail("thread", "has ended");
		costs[i] = (thread_cpu_ns() - began_ns) / LOOKS;
	}
	host_files_close(&files);
	return bench_median(costs, BENCH_REPETITIONS);
}

/* As the sampler does it: mostly asleep, so that caches are cold and waking up costs, too. */
static int64_t paced_cost_ns(int64_t thread_id, int64_t interval_ns, bool is_looking)
{
	struct host_thread_files files;
	struct host_state state;
	unsigned refused = 0;
	if (!host_files_open(&files, thread_id))
		bench_fail("thread", "cannot be looked at");
	int64_t began_ns = thread_cpu_ns();
	for (int i = 0; i < ROUNDS; i++) {
		if (is_looking)
			(void)host_state_read(&state, &files, &refused);
		(void)nanosleep(&(struct timespec){ .tv_nsec = interval_ns }, NULL);
	}
	host_files_close(&files);
	return (thread_cpu_ns() - began_ns) / ROUNDS;
}

int main(void)
{
	int64_t id = 0;
	pthread_t sleeper;
	struct settings settings;
	settings_read(&settings, NULL);
	int64_t interval_ns = settings.host_sample_ms * 1000000;
	if (pthread_create(&sleeper, NULL, sleeper_main, &id) != 0)
		bench_fail("thread", "does not start");
	while (__atomic_load_n(&id, __ATOMIC_ACQUIRE) == 0)
		(void)sched_yield();
	int64_t running_ns = look_cost_ns((int64_t)syscall(SYS_gettid));
	int64_t asleep_ns = look_cost_ns(id);
	printf("  host sampler: a look takes %.1f us at a running thread, %.1f us at one asleep\n",
	       (double)running_ns / 1000, (double)asleep_ns / 1000);
	if (interval_ns == 0)
		return 0;
	int64_t waking_ns = paced_cost_ns(id, interval_ns, false);
	int64_t paced_ns = paced_cost_ns(id, interval_ns, true);
	printf("  host sampler: every %" PRId64 " ms %.1f us, of them %.1f us for waking up alone: "
	       "%.2f %% of one core for one thread\n",
	       interval_ns / 1000000, (double)paced_ns / 1000, (double)waking_ns / 1000,
	       100.0 * (double)paced_ns / (double)interval_ns);
	return 0;
}
