/* SPDX-License-Identifier: MIT */
/*
 * Two GPUs' sequences of the same operation, laid over each other by order and proven by their
 * ends.
 *
 * Pure. Thread: any.
 */
#ifndef ANALYZER_COLLECTIVE_ORDER_H
#define ANALYZER_COLLECTIVE_ORDER_H

#include "analyzer/collective_match.h"

/* Ascending by start. */
struct order_side {
	const int64_t *start_ns;
	const int64_t *end_ns;
	size_t count;
};

struct order_rule {
	int64_t error_ns;	/* of the clocks as they are */
	bool is_clock_open;	/* an offset between them is conceivable */
	bool is_clock_shared;	/* they should be one clock: an offset needs strong evidence */
};

struct order_match {
	enum match_reason reason;
	int64_t shift;		/* b[k] is a[k + shift] */
	bool is_offset;		/* only with an offset of the clocks: fit the ends */
	int64_t worst_ns;	/* largest difference of ends, if they differ */
};

/* What ends of one barrier may differ by. */
int64_t order_tolerance_ns(int64_t shorter_ns, int64_t error_ns);

/* False: memory is short. */
bool order_match(struct order_match *match, const struct order_side *a, const struct order_side *b,
		 const struct order_rule *rule);

#endif
