/* SPDX-License-Identifier: MIT */
/*
 * Each kind of finding explained: what it is, how it is computed, from when on it is a warning or
 * an error, and which table of the report shows its numbers.
 *
 * Thread: constant data and pure functions.
 */
#ifndef ANALYZER_FINDING_EXPLANATIONS_H
#define ANALYZER_FINDING_EXPLANATIONS_H

#include "analyzer/report.h"
#include "analyzer/report_sections.h"
#include "base/text.h"

struct finding_explanation {
	const char *what;	/* half a sentence */
	const char *how;	/* whole sentences */
	const char *of;		/* what its thresholds are shares of; NULL: all GPU time */
	bool (*table)(struct report_table *table, const struct report *report);	/* or NULL */
};

const struct finding_explanation *finding_explanation(enum finding_id id);

/* A list of all kinds, one a line. */
void explanations_add_list(struct text *out);

/* What is known without a trace: what, how, thresholds, advice. */
void explanation_add_kind(struct text *out, enum finding_id id);

/* One finding of a report: sentence, numbers, and the question that shows its evidence. */
void explanation_add_finding(struct text *out, const struct report *report,
			     const struct finding *finding);

/* The table of the report that belongs to the kind; nothing without. */
void explanation_add_table(struct text *out, const struct report *report, enum finding_id id,
			   const struct report_style *style);

#endif
