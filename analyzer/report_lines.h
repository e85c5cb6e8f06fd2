/* SPDX-License-Identifier: MIT */
/*
 * Lines of words, broken where they are too wide: behind the last blank that fits and does not
 * follow a number, the rest indented. Columns are characters (text_columns).
 *
 * Thread: one text, one thread.
 */
#ifndef ANALYZER_REPORT_LINES_H
#define ANALYZER_REPORT_LINES_H

#include "base/text.h"

#include <stddef.h>

enum { REPORT_COLUMNS_MAX = 100 };

/*
 * Adds `words`, one or more lines, as lines of at most `columns` columns that begin with `indent`
 * blanks, the broken ones with `hang` more. Where a caller has begun the first line already,
 * `begun` is how many columns it has used; it is not indented then.
 */
void lines_add(struct text *out, const char *words, size_t columns, size_t indent, size_t hang,
	       size_t begun);

/* Bytes of `line` (of `length`) that go into `columns`, without the blank that follows. */
size_t line_fitting_length(const char *line, size_t length, size_t columns);

#endif
