/* SPDX-License-Identifier: MIT */
/*
 * The tables of a report, filled from its numbers; text and Markdown lay them out. A new table is a
 * row in report_sections.c and its function here.
 *
 * Thread: one thread at a time.
 */
#ifndef ANALYZER_REPORT_SECTIONS_H
#define ANALYZER_REPORT_SECTIONS_H

#include "analyzer/report.h"
#include "analyzer/report_table.h"

struct report_section {
	const char *title;
	const char *note;	/* below the table; NULL without */
	/* Begins and fills the table; false: this report has nothing for it, nothing was begun. */
	bool (*fill)(struct report_table *table, const struct report *report);
	/* What to say below it that needs the report's numbers: whole lines. May be NULL. */
	void (*add_note)(struct text *out, const struct report *report);
};

extern const struct report_section report_sections[];
extern const size_t report_section_count;

/* All that stands below its table, in lines. */
void section_add_notes(struct text *out, const struct report_section *section,
		       const struct report *report);

/* With its title, table and notes; nothing where the report has nothing for it. */
void report_add_section_text(struct text *out, const struct report_section *section,
			     const struct report *report, const struct report_style *style);

/* report_sections_time.c */
bool section_fill_time(struct report_table *table, const struct report *report);
void section_add_time_note(struct text *out, const struct report *report);
bool section_fill_steps(struct report_table *table, const struct report *report);
void section_add_steps_note(struct text *out, const struct report *report);
bool section_fill_chain(struct report_table *table, const struct report *report);
bool section_fill_balance(struct report_table *table, const struct report *report);
void section_add_balance_note(struct text *out, const struct report *report);

/* report_sections_idle.c */
bool section_fill_idle(struct report_table *table, const struct report *report);
void section_add_idle_note(struct text *out, const struct report *report);
bool section_fill_gaps(struct report_table *table, const struct report *report);
void section_add_gaps_note(struct text *out, const struct report *report);
bool section_fill_absent(struct report_table *table, const struct report *report);
void section_add_absent_note(struct text *out, const struct report *report);

/* report_sections_host.c */
bool section_fill_host(struct report_table *table, const struct report *report);
void section_add_host_note(struct text *out, const struct report *report);

/* report_sections_ranks.c */
bool section_fill_blame(struct report_table *table, const struct report *report);
void section_add_blame_note(struct text *out, const struct report *report);
bool section_fill_latest(struct report_table *table, const struct report *report);
void section_add_latest_note(struct text *out, const struct report *report);
bool section_fill_collectives(struct report_table *table, const struct report *report);
void section_add_collectives_note(struct text *out, const struct report *report);
bool section_fill_clocks(struct report_table *table, const struct report *report);

/* report_sections_devices.c */
bool section_fill_transfers(struct report_table *table, const struct report *report);
void section_add_transfers_note(struct text *out, const struct report *report);
bool section_fill_kernels(struct report_table *table, const struct report *report);
bool section_fill_engines(struct report_table *table, const struct report *report);
void section_add_engines_note(struct text *out, const struct report *report);
bool section_fill_devices(struct report_table *table, const struct report *report);

#endif
