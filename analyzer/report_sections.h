/* SPDX-License-Identifier: MIT */
/*
 * The tables of a report, filled from its numbers; text and Markdown lay them out.
 *
 * Thread: one thread at a time.
 */
#ifndef ANALYZER_REPORT_SECTIONS_H
#define ANALYZER_REPORT_SECTIONS_H

#include "analyzer/report.h"
#include "analyzer/report_table.h"

struct report_section {
	const char *title;
	const char *note;	/* one sentence below the table; NULL without */
	/* Begins and fills the table; false: this report has nothing for it, nothing was begun. */
	bool (*fill)(struct report_table *table, const struct report *report);
};

extern const struct report_section report_sections[];
extern const size_t report_section_count;

#endif
