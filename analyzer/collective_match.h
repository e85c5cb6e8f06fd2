/* SPDX-License-Identifier: MIT */
/*
 * Which communication kernels of different GPUs are one and the same operation, how far the GPUs'
 * clocks are apart, and who waited for whom in each operation.
 *
 * Kernels that know their communicator and sequence are matched by (communicator, operation,
 * sequence), never across communicators. Others are matched by order: of each operation the k-th
 * kernel on every GPU, with one GPU's sequence shifted where it was captured for longer. Order
 * alone proves nothing, so the ends must agree: within 100 us + the clocks' error + a fiftieth of
 * the shorter kernel, on 95 % of the instances, or nothing is matched and the reason is given.
 * Where the clocks are not known to agree, a constant (or drifting) difference of ends is their
 * offset and a scattered one a mismatch.
 *
 * Memory: 40 bytes a kernel while matching, then 104 an instance, 40 a member and 4 a kernel. Time:
 * O(n log n) in kernels, plus that of metric_clock; GPUs are compared in pairs.
 *
 * Pure. Thread: any; a result may be read by any number of threads.
 */
#ifndef ANALYZER_COLLECTIVE_MATCH_H
#define ANALYZER_COLLECTIVE_MATCH_H

#include "analyzer/clock_fit.h"
#include "analyzer/comm_kernel.h"
#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COLLECTIVE_ENDS_TOLERANCE_NS INT64_C(100000)
/* Clocks of one host may contradict each other by this before they are no longer believed. */
#define COLLECTIVE_CLOCK_TOLERANCE_NS INT64_C(50000)
#define COLLECTIVE_NONE UINT32_MAX

enum clock_state {
	CLOCK_UNKNOWN,		/* shares no matched barrier with its reference */
	CLOCK_SAME,		/* same host: as it is, not contradicted by any barrier */
	CLOCK_VERIFIED,		/* perhaps another host: barriers agree with it as it is */
	CLOCK_ESTIMATED,	/* offset from barriers */
};

const char *clock_state_name(enum clock_state state);	/* "same", ... */

struct lane_clock {
	enum clock_state state;
	size_t reference;	/* lane that it is compared with; itself: nothing to compare */
	size_t barrier_count;	/* that the comparison rests upon; 0 where it is only assumed */
	int64_t offset_ns;	/* to add to epoch_ns + t, median over time */
	int64_t error_ns;	/* of times aligned to the reference's; -1: not known */
	int64_t low_ns;		/* bounds of the offset; +-INT64_MAX: none */
	int64_t high_ns;
	int64_t drift_ppb;	/* that the offset grows by, ns a second */
	size_t jump_count;
	/* How far the barriers exclude that a clock of the same host is right as it is; 0: no. */
	int64_t contradiction_ns;
	bool is_feasible;	/* false: barriers contradict each other whatever the offset */
	int64_t shift_ns;	/* for collective_align: from the trace's time to the result's */
	struct clock_fit fit;
};

enum match_reason {
	MATCH_DONE,
	MATCH_ALONE,		/* no other GPU captured has it */
	MATCH_ENDS_DIFFER,	/* `worst_ns`: not the same instances */
	MATCH_TOO_FEW,		/* to tell an offset of clocks from a mismatch */
	MATCH_AMBIGUOUS,	/* several shifts fit */
	MATCH_NO_PEER,		/* Send or Recv without communicator, rank or peer */
	MATCH_ABSENT,		/* keys known, but no instance has all GPUs captured */
};

/* One operation of one communicator, or of all whose communicator is not known, on some GPUs. */
struct collective_group {
	int64_t communicator_hash;	/* 0: unknown */
	const char *operation;		/* borrowed from the lanes */
	int64_t rank_count;		/* that should take part; -1: unknown */
	size_t lane_count; /* that have such kernels; of a match by order: that match */
	size_t matched;			/* instances */
	size_t kernel_count;
	size_t unmatched;		/* kernels */
	int64_t bytes;			/* sum over instances of one member's; -1: unknown */
	int64_t wait_ns;		/* sums over members */
	int64_t transfer_ns;
	bool is_keyed;			/* by sequence, not by order */
	bool is_barrier;		/* everybody waits for the latest */
	bool is_wait_known;		/* who waits for whom is */
	bool is_complete;		/* all ranks are among the members */
	enum match_reason reason;	/* why there is none; MATCH_DONE if there is one */
	int64_t worst_ns;		/* largest difference of ends that was in the way */
};

struct collective_member {
	uint32_t lane;
	uint32_t kernel;		/* place in the lane's kernels */
	int64_t start_ns;		/* aligned, since base_ns of the result */
	int64_t end_ns;
	int64_t wait_ns;		/* wait + transfer = end - start */
	int64_t transfer_ns;		/* an upper bound where ranks are missing */
};

struct collective_instance {
	uint32_t group;
	uint32_t member_count;
	size_t first_member;
	int64_t sequence;		/* -1: unknown */
	int64_t start_ns;		/* earliest */
	int64_t end_ns;			/* latest */
	int64_t latest_start_ns;
	int64_t start_spread_ns;
	int64_t end_spread_ns;
	int64_t error_ns;		/* of comparisons between its members; -1: unknown */
	int64_t lead_ns;	/* latest start - latest of the others' */
	int64_t wait_ns;		/* sum */
	uint32_t latest_member;		/* place in members; the first of several */
	uint32_t latest_count;		/* members that start at latest_start_ns */
	bool is_wait_known;		/* false: waits are 0 and mean nothing */
	bool is_ordered;		/* who is latest is no matter of the clocks' error */
	bool is_complete;
};

struct collective_match {
	int64_t base_ns;		/* what the aligned times count from */
	size_t lane_count;
	struct lane_clock *clocks;	/* by lane */
	uint32_t **member_of;		/* [lane][kernel]: place in members, or COLLECTIVE_NONE */
	struct collective_group *groups;
	size_t group_count;
	struct collective_instance *instances;	/* by start */
	size_t instance_count;
	struct collective_member *members;	/* of an instance: by lane */
	size_t member_count;
};

/* Lanes must outlive the result. The error is about memory only. */
bool collective_match(struct collective_match **out, const struct comm_lane *lanes, size_t count,
		      struct error *error);
void collective_match_close(struct collective_match *match);

/* A time of the lane's trace on the clock that all members' times are on. */
int64_t collective_align(const struct collective_match *match, size_t lane, int64_t time_ns);

/* Appends why a group has no instances, for people; nothing where it has. */
void collective_reason_add(struct text *text, const struct collective_group *group);

/* Does nobody leave such an operation before everybody has entered? */
bool operation_is_barrier(const char *operation);

#endif
