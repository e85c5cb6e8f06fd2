/* SPDX-License-Identifier: MIT */
/*
 * Few samples that stand for all of a counter: of each stretch of time the lowest, the highest and
 * the last, as they were. Stretches widen as time goes on, by powers of two.
 *
 * Pure. Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_HTML_SAMPLES_H
#define VIEWER_EXPORT_HTML_SAMPLES_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTML_STRETCHES = 256 };

struct html_sample {
	int64_t time_ns;
	int64_t value;
};

struct html_stretch {
	bool is_used;
	struct html_sample lowest, highest, last;
};

/* All zeros is empty. */
struct html_samples {
	unsigned level;
	struct html_stretch stretches[HTML_STRETCHES];
};

void html_samples_add(struct html_samples *samples, int64_t time_ns, int64_t value);

/* As RECORD_SAMPLES has them: count, times, values. */
void html_samples_write(const struct html_samples *samples, struct text *text);

#endif
