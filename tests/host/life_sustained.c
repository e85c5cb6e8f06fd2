/* SPDX-License-Identifier: MIT */
/*
 * A program whose threads push ranges and marks at a given rate (sustained_test.py): LIFE_THREADS
 * threads, LIFE_RATE records a second altogether (0: as fast as they can), for LIFE_SECONDS. A
 * range is two records, a mark is one.
 */
#include "life.h"
#include "nvtx.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RECORDS_A_TURN = 3, TICK_NS = 10000000, THREADS_MAX = 256 };

static _Atomic int64_t records;
static double rate;		/* of a thread */
static int64_t end_ns;

static int64_t clock_read_ns(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void turns(int64_t count)
{
	static const struct rig_nvtx_attributes attributes = {
		.version = 3, .size = sizeof attributes, .message_type = RIG_MESSAGE_ASCII,
		.message = "mark",
	};
	for (int64_t i = 0; i < count; i++) {
		rig_nvtx_own.push_text("forward");
		rig_nvtx_own.mark(NULL, &attributes);
		rig_nvtx_own.pop(NULL);
	}
	records += RECORDS_A_TURN * count;
}

static void *producer_run(void *argument)
{
	const struct timespec tick = { .tv_nsec = TICK_NS };
	int64_t begin_ns = clock_read_ns(CLOCK_MONOTONIC), now_ns, done = 0;
	(void)argument;
	while ((now_ns = clock_read_ns(CLOCK_MONOTONIC)) < end_ns) {
		int64_t due = (int64_t)((double)(now_ns - begin_ns) / 1e9 * rate / RECORDS_A_TURN);
		if (rate == 0)
			due = done + 1000;
		turns(due - done);
		done = due;
		if (rate != 0)
			nanosleep(&tick, NULL);
	}
	return NULL;
}

/* CPU time of the threads whose name begins so. */
static double thread_cpu_s(const char *wanted)
{
	char path[320], name[64] = "";
	double seconds = 0;
	DIR *folder = opendir("/proc/self/task");
	for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
		long long ns = 0;
		snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
		FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
		if (file == NULL)
			continue;
		bool is_wanted = fgets(name, sizeof name, file) != NULL &&
			strncmp(name, wanted, strlen(wanted)) == 0;
		fclose(file);
		snprintf(path, sizeof path, "/proc/self/task/%s/schedstat", entry->d_name);
		file = is_wanted ? fopen(path, "r") : NULL;
		if (file == NULL)
			continue;
		if (fscanf(file, "%lld", &ns) == 1)
			seconds += (double)ns / 1e9;
		fclose(file);
	}
	if (folder != NULL)
		closedir(folder);
	return seconds;
}

/* Most memory that was resident so far. */
static long memory_high_kib(void)
{
	char line[256];
	long kib = -1;
	FILE *file = fopen("/proc/self/status", "r");
	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		if (sscanf(line, "VmHWM: %ld", &kib) == 1)
			break;
	if (file != NULL)
		fclose(file);
	return kib;
}

static long number_of(const char *variable, long otherwise)
{
	const char *text = getenv(variable);
	return text == NULL ? otherwise : strtol(text, NULL, 10);
}

static void sustained(void)
{
	pthread_t threads[THREADS_MAX];
	int count = (int)number_of("LIFE_THREADS", 64);
	if (count > THREADS_MAX)
		count = THREADS_MAX;
	life_begin(0);
	long before_kib = memory_high_kib();
	rate = (double)number_of("LIFE_RATE", 0) / count;
	int64_t begin_ns = clock_read_ns(CLOCK_MONOTONIC);
	end_ns = begin_ns + number_of("LIFE_SECONDS", 1) * 1000000000;
	for (int i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, producer_run, NULL) != 0)
			life_fail("pthread_create");
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	double seconds = (double)(clock_read_ns(CLOCK_MONOTONIC) - begin_ns) / 1e9;
	double drain_s = thread_cpu_s("laggard-drain");
	double all_s = (double)clock_read_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e9;
	printf("records %lld seconds %.3f drain_cpu %.3f all_cpu %.3f grown_kib %ld\n",
	       (long long)records, seconds, drain_s, all_s, memory_high_kib() - before_kib);
}

const struct life_mode life_sustained[] = { { "sustained", sustained }, { NULL, NULL } };
