/* SPDX-License-Identifier: MIT */
#include "analyzer/report.h"
#include "analyzer/report_numbers.h"
#include "analyzer/report_sections.h"
#include "analyzer/report_words.h"

#include <string.h>

enum { BAR_COLUMNS = 40, NAME_COLUMNS = 32, BOX_COLUMNS_MAX = 96, BAR_PARTS = 4 };
static const size_t WORDS_BYTES_MAX = (size_t)1 << 28;

static const struct {
	const char *name;
	const char *plain;
	const char *unicode;
	const char *color;
} parts[BAR_PARTS] = {
	{ "compute", "#", "\u2588", "\033[32m" },
	{ "comm", "=", "\u2593", "\033[35m" },
	{ "copy", "+", "\u2592", "\033[36m" },
	{ "idle", ".", "\u00b7", "\033[33m" },
};

static void add_colored(struct text *out, const struct report_style *style, const char *color,
			const char *words)
{
	text_add(out, style->has_color ? color : "");
	text_add(out, words);
	text_add(out, style->has_color ? "\033[0m" : "");
}

static void add_repeated(struct text *out, const char *words, size_t count)
{
	while (count-- > 0)
		text_add(out, words);
}

static size_t longest_line(const char *lines)
{
	size_t longest = 0;
	for (const char *end; (end = strchr(lines, '\n')) != NULL; lines = end + 1) {
		size_t columns = text_columns(lines, (size_t)(end - lines));
		longest = columns > longest ? columns : longest;
	}
	return longest;
}

static void add_box_edge(struct text *out, const struct report_style *style, size_t columns,
			 bool is_top)
{
	const char *left = is_top ? "\u250c" : "\u2514", *right = is_top ? "\u2510" : "\u2518";
	text_add(out, style->has_unicode ? left : "+");
	add_repeated(out, style->has_unicode ? "\u2500" : "-", columns + 2);
	text_add(out, style->has_unicode ? right : "+");
	text_add_char(out, '\n');
}

static void add_box_line(struct text *out, const struct report_style *style, const char *line,
			 size_t length, size_t columns)
{
	const char *side = style->has_unicode ? "\u2502" : "|";
	size_t used = text_columns(line, length);
	text_add_format(out, "%s %.*s", side, (int)length, line);
	if (used < columns)
		text_add_repeated(out, ' ', columns - used);
	text_add_format(out, " %s\n", side);
}

/*
 * Where to break a line that is wider than the box: behind the last blank that fits. The words are
 * ours: ASCII.
 */
static size_t fitting_length(const char *line, size_t length, size_t columns)
{
	if (length <= columns)
		return length;
	size_t at = columns;
	while (at > columns / 2 && line[at] != ' ')
		at--;
	return line[at] == ' ' ? at : columns;
}

static void add_verdict(struct text *out, const struct report *report,
			const struct report_style *style)
{
	struct text words;
	text_begin(&words, WORDS_BYTES_MAX);
	words_add_verdict(&words, report);
	if (!text_is_ok(&words))
		out->failed = true;
	size_t columns = longest_line(text_string(&words));
	columns = columns > BOX_COLUMNS_MAX ? BOX_COLUMNS_MAX : columns;
	add_box_edge(out, style, columns, true);
	bool is_headline = true;
	const char *line = text_string(&words);
	for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		while (line < end) {
			size_t length = fitting_length(line, (size_t)(end - line), columns);
			text_add(out, is_headline && style->has_color ? "\033[1m" : "");
			add_box_line(out, style, line, length, columns);
			text_add(out, is_headline && style->has_color ? "\033[0m" : "");
			line += length + (line[length] == ' ');
		}
		is_headline = false;
	}
	add_box_edge(out, style, columns, false);
	text_end(&words);
}

/*
 * A bar whose cells sum to BAR_COLUMNS: each part ends where its running sum ends, so nothing is
 * rounded twice.
 */
static void add_bar(struct text *out, const struct partition *partition,
		    const struct report_style *style)
{
	const int64_t parts_ns[BAR_PARTS] = { partition->compute_ns, partition->comm_ns,
					       partition->copy_ns, partition->idle_ns };
	int64_t sum_ns = 0, drawn = 0;
	for (int i = 0; i < BAR_PARTS; i++) {
		sum_ns += parts_ns[i];
		int64_t end = partition->window_ns < BAR_COLUMNS
				      ? sum_ns * BAR_COLUMNS / partition->window_ns
				      : sum_ns / (partition->window_ns / BAR_COLUMNS);
		end = end > BAR_COLUMNS || i + 1 == BAR_PARTS ? BAR_COLUMNS : end;
		if (end > drawn) {
			text_add(out, style->has_color ? parts[i].color : "");
			add_repeated(out, style->has_unicode ? parts[i].unicode : parts[i].plain,
				     (size_t)(end - drawn));
			text_add(out, style->has_color ? "\033[0m" : "");
		}
		drawn = end > drawn ? end : drawn;
	}
}

/* What else is known of a GPU: "rank 0, device 0, NVIDIA GeForce RTX 4090, node1, pid 7" */
static void add_identity(struct text *out, const struct report *report, size_t index)
{
	const struct report_gpu *gpu = &report->gpus[index];
	const struct report_trace *trace = &report->traces[gpu->trace];
	if (trace->rank >= 0)
		text_add_format(out, "rank %lld, ", (long long)trace->rank);
	text_add_format(out, "device %lld", (long long)gpu->device_id);
	if (gpu->name[0] != 0) {
		text_add(out, ", ");
		name_add(out, gpu->name, NAME_COLUMNS);
	}
	if (trace->host[0] != 0) {
		text_add(out, ", ");
		name_add(out, trace->host, NAME_COLUMNS);
	}
	if (trace->pid >= 0)
		text_add_format(out, ", pid %lld", (long long)trace->pid);
}

static void add_bars(struct text *out, const struct report *report,
		     const struct report_style *style)
{
	if (report->gpu_count == 0)
		return;
	text_add(out, "\n  ");
	for (int i = 0; i < BAR_PARTS; i++) {
		add_colored(out, style, parts[i].color,
			    style->has_unicode ? parts[i].unicode : parts[i].plain);
		text_add_format(out, " %s%s", parts[i].name, i + 1 < BAR_PARTS ? "   " : "\n");
	}
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct partition *partition = &report->gpus[g].partition;
		text_add_format(out, "  GPU %-3zu ", g);
		if (partition->window_ns > 0) {
			add_bar(out, partition, style);
			text_add(out, "  idle ");
			number_add_percent(out, partition->idle_ns, partition->window_ns);
		}
		text_add(out, "  ");
		add_identity(out, report, g);
		text_add_char(out, '\n');
	}
}

static void add_title(struct text *out, const struct report_style *style, const char *title)
{
	text_add_char(out, '\n');
	add_colored(out, style, "\033[1m", title);
	text_add_char(out, '\n');
}

static void add_findings(struct text *out, const struct report *report,
			 const struct report_style *style)
{
	static const char *const colors[] = {
		[SEVERITY_NONE] = "", [SEVERITY_INFO] = "", [SEVERITY_WARNING] = "\033[33m",
		[SEVERITY_ERROR] = "\033[31m",
	};
	if (report->finding_count == 0)
		return;
	add_title(out, style, "Findings");
	for (size_t i = 0; i < report->finding_count; i++) {
		const struct finding *finding = &report->findings[i];
		text_add(out, "  ");
		add_colored(out, style, colors[finding->severity],
			    severity_name(finding->severity));
		text_add_repeated(out, ' ', 9 - strlen(severity_name(finding->severity)));
		finding_add_words(out, report, finding);
		text_add_format(out, " [%s]\n", finding_name(finding->id));
	}
}

static void add_quality(struct text *out, const struct report *report,
			const struct report_style *style)
{
	struct text words;
	text_begin(&words, WORDS_BYTES_MAX);
	words_add_quality(&words, report);
	if (!text_is_ok(&words))
		out->failed = true;
	add_title(out, style, "Capture quality");
	if (words.length == 0)
		text_add(out, "  nothing lost, nothing odd\n");
	const char *line = text_string(&words);
	for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
		text_add_format(out, "  %.*s\n", (int)(end - line), line);
	text_end(&words);
}

void report_add_text(struct text *out, const struct report *report,
		     const struct report_style *style)
{
	add_verdict(out, report, style);
	add_bars(out, report, style);
	add_findings(out, report, style);
	for (size_t i = 0; i < report_section_count; i++) {
		const struct report_section *section = &report_sections[i];
		struct report_table table;
		if (!section->fill(&table, report))
			continue;
		add_title(out, style, section->title);
		table_add_plain(out, &table, style->has_unicode);
		if (section->note != NULL)
			text_add_format(out, "  %s\n", section->note);
		table_end(&table);
	}
	add_quality(out, report, style);
}
