/* SPDX-License-Identifier: MIT */
#include "analyzer/report.h"
#include "analyzer/report_sections.h"
#include "analyzer/report_words.h"

#include <string.h>

static const size_t WORDS_BYTES_MAX = (size_t)1 << 28;

/* Lines as a list. */
static void add_list(struct text *out,
		     void (*add_words)(struct text *out, const struct report *report),
		     const struct report *report, const char *if_empty)
{
	struct text words;
	text_begin(&words, WORDS_BYTES_MAX);
	add_words(&words, report);
	if (!text_is_ok(&words))
		out->failed = true;
	if (words.length == 0)
		text_add_format(out, "%s\n", if_empty);
	char *line = words.bytes;
	for (char *end; line != NULL && (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = 0;
		text_add(out, "- ");
		markdown_add(out, line);
		text_add_char(out, '\n');
	}
	text_end(&words);
}

/* Names of the trace among them. */
static void add_words(struct text *out, const struct report *report, const struct finding *finding)
{
	struct text words;
	text_begin(&words, WORDS_BYTES_MAX);
	finding_add_words(&words, report, finding);
	if (!text_is_ok(&words))
		out->failed = true;
	markdown_add(out, text_string(&words));
	text_end(&words);
}

static void add_notes(struct text *out, const struct report_section *section,
		      const struct report *report)
{
	struct text notes;
	text_begin(&notes, WORDS_BYTES_MAX);
	section_add_notes(&notes, section, report);
	if (!text_is_ok(&notes))
		out->failed = true;
	char *line = notes.bytes;
	for (char *end; line != NULL && (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = 0;
		text_add_char(out, '\n');
		markdown_add(out, line);
		text_add_char(out, '\n');
	}
	text_end(&notes);
}

static void add_findings(struct text *out, const struct report *report)
{
	if (report->finding_count == 0)
		return;
	text_add(out, "\n## Findings\n\n");
	for (size_t i = 0; i < report->finding_count; i++) {
		const struct finding *finding = &report->findings[i];
		text_add_format(out, "- **%s** `%s`: ", severity_name(finding->severity),
				finding_name(finding->id));
		add_words(out, report, finding);
		text_add(out, " -> ");
		markdown_add(out, finding_advice(finding->id));
		text_add_char(out, '\n');
	}
}

void report_add_markdown(struct text *out, const struct report *report)
{
	text_add(out, "# laggard report\n\n");
	add_list(out, words_add_verdict, report, "");
	add_findings(out, report);
	for (size_t i = 0; i < report_section_count; i++) {
		const struct report_section *section = &report_sections[i];
		struct report_table table;
		if (!section->fill(&table, report))
			continue;
		text_add_format(out, "\n## %s\n\n", section->title);
		table_add_markdown(out, &table);
		add_notes(out, section, report);
		table_end(&table);
	}
	text_add(out, "\n## Capture quality\n\n");
	add_list(out, words_add_quality, report, "nothing lost, nothing odd");
}
