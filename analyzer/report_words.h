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

/* "4-7, 9" */
void words_add_ranges(struct text *out, const int64_t *values, size_t count);

#endif
