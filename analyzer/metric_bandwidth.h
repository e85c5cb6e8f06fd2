/* SPDX-License-Identifier: MIT */
/*
 * Bandwidth of collectives by the conventions of nccl-tests. Bytes a second are integers; a GB is
 * 1e9 bytes.
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_METRIC_BANDWIDTH_H
#define ANALYZER_METRIC_BANDWIDTH_H

#include <stdbool.h>
#include <stdint.h>

struct bandwidth {
	int64_t algorithm_bytes_per_s;	/* size of the whole operation / time */
	int64_t bus_bytes_per_s; /* what each link must have carried, comparable with a ceiling */
};

/*
 * `operation` is a name of the vocabulary ("AllReduce"), `bytes` the argument of one rank's call:
 * the buffer of AllReduce, Broadcast, Reduce, Send and Recv, what one rank contributes to AllGather
 * and receives from ReduceScatter, what goes to one peer in AlltoAll, Gather and Scatter. `time_ns`
 * runs from the last rank's start to the last rank's end. False for an operation that moves no
 * data or is not known, and where a number is not positive.
 */
bool bandwidth_measure(struct bandwidth *bandwidth, const char *operation, int64_t bytes,
		       int64_t rank_count, int64_t time_ns);

/*
 * The shortest time of an AllReduce at a bus bandwidth, in picoseconds, rounded to nearest; -1
 * where a number is not positive, INT64_MAX where it does not fit.
 */
int64_t allreduce_floor_ps(int64_t bytes, int64_t rank_count, int64_t bus_bytes_per_s);

#endif
