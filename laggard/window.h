/* SPDX-License-Identifier: MIT */
/*
 * `--window steady|all|START..END`: a part of the time line, in ns since its begin.
 *
 * Thread: pure functions.
 */
#ifndef LAGGARD_WINDOW_H
#define LAGGARD_WINDOW_H

#include "analyzer/job.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct window {
	bool is_steady;		/* the steady steps; only where the caller allows it */
	bool is_all;
	int64_t start_ns;	/* half-open: [start_ns, end_ns) */
	int64_t end_ns;
};

/* What it means to the analysis. */
enum window_kind window_kind_of(const struct window *window);

/*
 * A time is a decimal number with ns, us, ms or s ("1.25s"), or a whole number of nanoseconds. An
 * empty START is the begin, an empty END the end. Exact: no floating point. Fails with ERROR_USAGE.
 */
bool window_parse(struct window *window, const char *value, bool may_be_steady,
		  struct error *error);

#endif
