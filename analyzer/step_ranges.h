/* SPDX-License-Identifier: MIT */
/*
 * Steps by the ranges that are called so: the outermost family of them on one thread.
 *
 * Thread: a timeline is only read.
 */
#ifndef ANALYZER_STEP_RANGES_H
#define ANALYZER_STEP_RANGES_H

#include "analyzer/steps.h"

/* Leaves the list alone where there are none. False: memory is short. */
bool step_ranges_find(struct step_list *list, const struct timeline *timeline);

#endif
