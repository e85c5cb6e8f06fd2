/* SPDX-License-Identifier: MIT */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;
	(void)clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t bench_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t bench_wall_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

int64_t bench_median(int64_t *values, int count)
{
	qsort(values, (size_t)count, sizeof *values, by_value);
	return values[count / 2];
}

void bench_fail(const char *what, const char *why)
{
	fprintf(stderr, "bench: %s: %s\n", what, why);
	exit(1);
}

int64_t bench_file_bytes(const char *path)
{
	struct stat status;
	char wal[4096];
	int64_t bytes = stat(path, &status) == 0 ? status.st_size : 0;
	(void)snprintf(wal, sizeof wal, "%s-wal", path);
	return bytes + (stat(wal, &status) == 0 ? status.st_size : 0);
}

void bench_remove(const char *path)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char name[4096];
	for (int i = 0; i < 3; i++) {
		(void)snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
		(void)unlink(name);
	}
}
