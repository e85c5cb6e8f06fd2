/* SPDX-License-Identifier: MIT */
/*
 * Options that select by number or size: `--ranks 0,2-3`, `--steps 5..8`, `--max-size 200M`.
 *
 * Thread: pure functions.
 */
#ifndef LAGGARD_SELECTION_H
#define LAGGARD_SELECTION_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct export_range;

enum { SELECTION_RANGES_MAX = 64 };

/* "0,2-3"; at most SELECTION_RANGES_MAX parts. All fail with ERROR_USAGE. */
bool selection_parse_ranks(struct export_range *ranges, size_t *count, const char *value,
			   struct error *error);

/* "5..8", "5..", "..8" or "5", both ends included. */
bool selection_parse_steps(int64_t *first, int64_t *last, const char *value, struct error *error);

/* A whole number of bytes, with k, M or G for powers of 1000. */
bool selection_parse_size(int64_t *bytes, const char *value, struct error *error);

#endif
