/* SPDX-License-Identifier: MIT */
/*
 * From what was measured of each trace and compared over all of them to one report.
 *
 * Thread: one thread, after all traces are measured; their readers are still open.
 */
#ifndef ANALYZER_REPORT_MAKE_H
#define ANALYZER_REPORT_MAKE_H

#include "analyzer/analyze.h"
#include "analyzer/trace_measures.h"

struct report_parts {
	struct trace_measures *measures;
	size_t count;
	struct job *job;		/* taken: empty afterwards, if the report was made */
	struct gpu_facts **facts;	/* the same */
	const struct analyze_options *options;
};

bool report_make(struct report **out, const struct report_parts *parts, struct error *error);

#endif
