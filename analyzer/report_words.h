/* SPDX-License-Identifier: MIT */
/*
 * The sentences of a report, made from its numbers: what a person reads first, and what is known
 * about the capture. Text and Markdown lay them out; each sentence is made in one place.
 *
 * Thread: one text, one thread.
 */
#ifndef ANALYZER_REPORT_WORDS_H
#define ANALYZER_REPORT_WORDS_H

#include "analyzer/report.h"
#include "base/text.h"

#include <stddef.h>

/* Lines end with '\n'. The first is the headline. */
void words_add_verdict(struct text *out, const struct report *report);

/*
 * What is in the traces besides GPU time: losses, errors, oddities; one line each, none if there is
 * nothing odd.
 */
void words_add_quality(struct text *out, const struct report *report);

/* One sentence without its end. */
void words_add_finding(struct text *out, const struct report *report,
		       const struct finding *finding);

/* "GPU 2 (rank 2)" */
void words_add_gpu(struct text *out, const struct report *report, size_t gpu);

/* "rank 2", or "GPU 2" where a process has several or the rank is not known */
void words_add_who(struct text *out, const struct report *report, size_t gpu);

/* "1 rank", "2,000 ranks" */
void words_add_counted(struct text *out, int64_t count, const char *one, const char *many);

/* "4 of 8 ranks captured, missing: 4-7" */
void words_add_missing(struct text *out, const struct report *report);

/* Lines about collectives that could not be matched, and why; nothing if all were. */
void words_add_unmatched(struct text *out, const struct report *report);

/* "4-7, 9" */
void words_add_ranges(struct text *out, const int64_t *values, size_t count);

#endif
