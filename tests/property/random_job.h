/* SPDX-License-Identifier: MIT */
/*
 * Random traces of a job for property tests: ranks that go through steps with calls, threads,
 * streams, copies, events, graphs and barriers, as orderly or as broken as the seed says. One seed,
 * one job.
 *
 * Thread: one test. Any failure to write ends the test.
 */
#ifndef TESTS_PROPERTY_RANDOM_JOB_H
#define TESTS_PROPERTY_RANDOM_JOB_H

#include <stddef.h>
#include <stdint.h>

enum { RANDOM_RANKS_MAX = 3 };

struct random_job {
	const char *paths[RANDOM_RANKS_MAX];	/* one trace a rank, below the test's folder */
	size_t count;
	int64_t length_ns;	/* from the first row to about the last; of orderly rows */
};

void random_job_write(struct random_job *job, uint64_t seed);
void random_job_remove(const struct random_job *job);

#endif
