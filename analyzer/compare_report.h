/* SPDX-License-Identifier: MIT */
/*
 * A comparison of two runs as text, JSON or Markdown.
 *
 * Thread: one text, one thread.
 */
#ifndef ANALYZER_COMPARE_REPORT_H
#define ANALYZER_COMPARE_REPORT_H

#include "analyzer/compare.h"
#include "base/text.h"

#include <stdbool.h>

struct compare_subject {
	const struct run_steps *a, *b;
	const struct compare_options *options;
	const struct comparison *comparison;
};

/* Lines that end with '\n'; the first is the verdict. */
void compare_add_words(struct text *out, const struct compare_subject *subject);

void compare_add_text(struct text *out, const struct compare_subject *subject, bool has_unicode);
void compare_add_markdown(struct text *out, const struct compare_subject *subject);

/* One object: format "laggard-diff", version 1 */
void compare_add_json(struct text *out, const struct compare_subject *subject);

#endif
