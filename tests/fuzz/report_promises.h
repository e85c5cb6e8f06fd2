/* SPDX-License-Identifier: MIT */
/*
 * What every report and every JSON of ours promises, whatever the trace holds. Ends the program
 * where a promise is broken.
 *
 * Thread: one thread.
 */
#ifndef TESTS_FUZZ_REPORT_PROMISES_H
#define TESTS_FUZZ_REPORT_PROMISES_H

#include "analyzer/analyze.h"

#include <stddef.h>

/* Every nanosecond is accounted for, exactly once. */
void report_require_sums(const struct report *report);

/* All formats render; JSON is JSON; nothing but text and line ends reaches a terminal. */
void report_require_renderings(const struct report *report);

void json_require(const char *bytes, size_t size);
void json_require_file(const char *path);

#endif
