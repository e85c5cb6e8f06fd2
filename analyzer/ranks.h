/* SPDX-License-Identifier: MIT */
/*
 * Which ranks of a job were captured, and which were not.
 *
 * Thread: pure functions over the report.
 */
#ifndef ANALYZER_RANKS_H
#define ANALYZER_RANKS_H

#include <stdbool.h>

struct report;

/* Fills report->ranks from its traces. Missing ranks are named only if every trace says its rank.
 */
bool ranks_find(struct report *report);

#endif
