/* SPDX-License-Identifier: MIT */
/*
 * A table of texts that can be laid out for a terminal or as Markdown. Cells are added one after
 * the other, a row is full when each column has one.
 *
 * Names from traces are made harmless here: control characters and invalid bytes become '?'.
 *
 * Thread: one thread at a time.
 */
#ifndef ANALYZER_REPORT_TABLE_H
#define ANALYZER_REPORT_TABLE_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

enum { TABLE_COLUMNS_MAX = 16 };

struct report_table {
	struct text cells;	/* all of them, each with its terminator */
	size_t column_count;
	size_t cell_count;
	bool is_left[TABLE_COLUMNS_MAX];	/* names; numbers stand right */
	bool has_sum_row;	/* the last row is a sum: set off by a rule */
};

/* Headers by '|'; a header that begins with '<' makes a column of names: "<GPU|idle ms|idle" */
void table_begin(struct report_table *table, const char *headers);
void table_end(struct report_table *table);

/* A cell that the caller fills: append to the text, then table_close_cell. */
struct text *table_open_cell(struct report_table *table);
void table_close_cell(struct report_table *table);

void table_add(struct report_table *table, const char *words);

/* A kernel's name, demangled, without what all names have in front ("void ", "at::native::"). */
void table_add_kernel(struct report_table *table, const char *name, size_t columns_max);

/* Adds a name as it may be shown, cut to `columns_max` characters with "..." at the end. */
void name_add(struct text *out, const char *name, size_t columns_max);

/* Characters of a text, each one column wide. */
size_t text_columns(const char *string, size_t length);

/* At most `columns_max` wide: the widest column of names gives way, cut with "..." at its end. */
void table_add_plain(struct text *out, const struct report_table *table, size_t columns_max,
		     bool has_unicode);
void table_add_markdown(struct text *out, const struct report_table *table);

/* Words in Markdown: what has a meaning there is escaped. */
void markdown_add(struct text *out, const char *words);

#endif
