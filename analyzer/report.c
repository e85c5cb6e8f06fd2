/* SPDX-License-Identifier: MIT */
#include "analyzer/report.h"

#include <stdlib.h>

bool report_render(const struct report *report, const struct report_style *style, struct text *out,
		   struct error *error)
{
	switch (style->format) {
	case REPORT_TEXT:
		report_add_text(out, report, style);
		break;
	case REPORT_JSON:
		report_add_json(out, report);
		break;
	case REPORT_MARKDOWN:
		report_add_markdown(out, report);
		break;
	}
	return text_is_ok(out) || fail(error, ERROR_SYSTEM, "cannot write the report: no memory");
}

enum severity report_severity(const struct report *report)
{
	enum severity highest = SEVERITY_NONE;
	for (size_t i = 0; i < report->finding_count; i++)
		if (report->findings[i].severity > highest)
			highest = report->findings[i].severity;
	return highest;
}

void report_close(struct report *report)
{
	if (report == NULL)
		return;
	job_end(&report->job);
	for (size_t i = 0; i < report->arena_count; i++)
		arena_close(report->arenas[i]);
	free(report->arenas);
	free(report);
}
