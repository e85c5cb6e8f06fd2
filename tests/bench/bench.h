/* SPDX-License-Identifier: MIT */
/*
 * What the benchmarks share: a stopwatch, medians, and how a ratio is printed. Figures are ratios
 * of medians over interleaved repetitions in one run; absolute times of a shared machine mean
 * little.
 *
 * Thread: single-threaded programs.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stdint.h>

enum { BENCH_REPETITIONS = 5 };

/* CPU time of this process, all threads, ns. */
int64_t bench_cpu_ns(void);
int64_t bench_wall_ns(void);

/* Sorts in place. */
int64_t bench_median(int64_t *values, int count);

/* Ends the program with a message on stderr, status 1. */
_Noreturn void bench_fail(const char *what, const char *why);

/* Bytes of a file and of its -wal. */
int64_t bench_file_bytes(const char *path);
void bench_remove(const char *path);

#endif
