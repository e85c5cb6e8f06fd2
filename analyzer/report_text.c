/* SPDX-License-Identifier: MIT */
#include "analyzer/report.h"
#include "analyzer/report_lines.h"
#include "analyzer/report_numbers.h"
#include "analyzer/report_sections.h"
#include "analyzer/report_words.h"

#include <string.h>

enum {
	BAR_COLUMNS = 32,
	NAME_COLUMNS = 32,
	BOX_COLUMNS_MAX = REPORT_COLUMNS_MAX - 4,
	IDLE_COLUMNS = 13,	/* "  idle 47.3 %" */
	BARS_MAX = 8,		/* with more GPUs, the table must do, but for those named */
	SCREEN_LINES = 40,	/* of the verdict, the bars and the findings */
	FINDINGS_MIN = 3,
	SEVERITY_COLUMNS = 9,
	HANG = 4,
};

static const size_t WORDS_BYTES_MAX = (size_t)1 << 28;

enum bar_part { BAR_COMPUTE, BAR_TRANSFER, BAR_WAIT, BAR_COPY, BAR_IDLE,
	BAR_NOT_RECORDED, BAR_PARTS };

static const struct {
	const char *name;
	const char *plain;
	const char *unicode;
	const char *color;
} parts[BAR_PARTS] = {
	[BAR_COMPUTE] = { "compute", "#", "\u2588", "\033[32m" },
	[BAR_TRANSFER] = { "transfer", "=", "\u2593", "\033[35m" },
	[BAR_WAIT] = { "wait", "w", "\u2573", "\033[31m" },
	[BAR_COPY] = { "copy", "+", "\u2592", "\033[36m" },
	[BAR_IDLE] = { "idle", ".", "\u00b7", "\033[33m" },
	[BAR_NOT_RECORDED] = { "not recorded", "?", "?", "\033[90m" },
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

/* One line of the verdict, as many lines of the box as it takes. */
static void add_box_words(struct text *out, const struct report_style *style, const char *line,
			  size_t length, size_t columns, bool is_headline)
{
	struct text lines;
	text_begin(&lines, WORDS_BYTES_MAX);
	struct text words;
	text_begin(&words, WORDS_BYTES_MAX);
	text_add_bytes(&words, line, length);
	lines_add(&lines, text_string(&words), columns, 0, HANG, 0);
	out->failed = out->failed || !text_is_ok(&words) || !text_is_ok(&lines);
	const char *at = text_string(&lines);
	for (const char *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
		text_add(out, is_headline && style->has_color ? "\033[1m" : "");
		add_box_line(out, style, at, (size_t)(end - at), columns);
		text_add(out, is_headline && style->has_color ? "\033[0m" : "");
	}
	text_end(&words);
	text_end(&lines);
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
		add_box_words(out, style, line, (size_t)(end - line), columns, is_headline);
		is_headline = false;
	}
	add_box_edge(out, style, columns, false);
	text_end(&words);
}

static int64_t not_recorded_ns(const struct report *report, size_t gpu)
{
	return report->job.gpus[gpu].time.parts.ns[PART_IDLE + CAUSE_NOT_RECORDED];
}

/*
 * A bar whose cells sum to BAR_COLUMNS: each part ends where its running sum ends, so nothing is
 * rounded twice. Communication is one part where waiting is not told apart.
 */
static void add_bar(struct text *out, const struct report *report, size_t gpu,
		    const struct report_style *style)
{
	const struct partition *partition = &report->gpus[gpu].partition;
	const struct report_waits waits = report_waits_of(report, gpu);
	const int64_t parts_ns[BAR_PARTS] = {
		[BAR_COMPUTE] = partition->compute_ns,
		[BAR_TRANSFER] = waits.wait_ns < 0 ? partition->comm_ns : waits.transfer_ns,
		[BAR_WAIT] = waits.wait_ns < 0 ? 0 : waits.wait_ns,
		[BAR_COPY] = partition->copy_ns,
		[BAR_IDLE] = partition->idle_ns - not_recorded_ns(report, gpu),
		[BAR_NOT_RECORDED] = not_recorded_ns(report, gpu),
	};
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

/* What else is known of a GPU: "rank 0, node1, device 0, NVIDIA GeForce RTX 4090, pid 7" */
static void add_identity(struct text *out, const struct report *report, size_t index)
{
	const struct report_gpu *gpu = &report->gpus[index];
	const struct report_trace *trace = &report->traces[gpu->trace];
	if (trace->rank >= 0)
		text_add_format(out, "rank %lld, ", (long long)trace->rank);
	if (trace->host[0] != 0) {
		name_add(out, trace->host, NAME_COLUMNS);
		text_add(out, ", ");
	}
	text_add_format(out, "device %lld", (long long)gpu->device_id);
	if (gpu->name[0] != 0) {
		text_add(out, ", ");
		name_add(out, gpu->name, NAME_COLUMNS);
	}
	if (trace->pid >= 0)
		text_add_format(out, ", pid %lld", (long long)trace->pid);
}

static void add_bar_line(struct text *out, const struct report *report, size_t gpu,
			 const struct report_style *style)
{
	const struct partition *partition = &report->gpus[gpu].partition;
	struct text line;
	text_begin(&line, WORDS_BYTES_MAX);
	text_add_format(out, "  GPU %-3zu ", gpu);
	size_t used = 10;
	if (partition->window_ns > 0) {
		add_bar(out, report, gpu, style);
		text_add(&line, "  idle ");
		number_add_percent(&line, partition->idle_ns - not_recorded_ns(report, gpu),
				   partition->window_ns);
		if (line.length < IDLE_COLUMNS)
			text_add_repeated(&line, ' ', IDLE_COLUMNS - line.length);
		used += BAR_COLUMNS;
	}
	text_add(&line, "  ");
	add_identity(&line, report, gpu);
	out->failed = out->failed || !text_is_ok(&line);
	name_add(out, text_string(&line), REPORT_COLUMNS_MAX - used);
	text_add_char(out, '\n');
	text_end(&line);
}

static void add_bars(struct text *out, const struct report *report,
		     const struct report_style *style)
{
	size_t hidden = 0;
	if (report->gpu_count == 0)
		return;
	text_add(out, "\n  ");
	int shown = report->totals.not_recorded_ns > 0 ? BAR_PARTS : BAR_NOT_RECORDED;
	for (int i = 0; i < shown; i++) {
		add_colored(out, style, parts[i].color,
			    style->has_unicode ? parts[i].unicode : parts[i].plain);
		text_add_format(out, " %s%s", parts[i].name, i + 1 < shown ? "   " : "\n");
	}
	for (size_t g = 0; g < report->gpu_count; g++)
		if (g < BARS_MAX || report->stragglers.gpus[g].is_named)
			add_bar_line(out, report, g, style);
		else
			hidden++;
	if (hidden > 0)
		text_add_format(out, "  and %zu more in the table below\n", hidden);
}

static void add_title(struct text *out, const struct report_style *style, const char *title)
{
	text_add_char(out, '\n');
	add_colored(out, style, "\033[1m", title);
	text_add_char(out, '\n');
}

static void add_finding(struct text *out, const struct report *report,
			const struct finding *finding, const struct report_style *style)
{
	static const char *const colors[] = {
		[SEVERITY_NONE] = "", [SEVERITY_INFO] = "", [SEVERITY_WARNING] = "\033[33m",
		[SEVERITY_ERROR] = "\033[31m",
	};
	const char *severity = severity_name(finding->severity);
	const size_t indent = 2 + SEVERITY_COLUMNS;
	struct text words;
	text_begin(&words, WORDS_BYTES_MAX);
	finding_add_words(&words, report, finding);
	text_add_format(&words, " [%s]\n-> %s", finding_name(finding->id),
			finding_advice(finding->id));
	text_add(out, "  ");
	add_colored(out, style, colors[finding->severity], severity);
	text_add_repeated(out, ' ', SEVERITY_COLUMNS - strlen(severity));
	lines_add(out, text_string(&words), REPORT_COLUMNS_MAX, indent, 3, indent);
	out->failed = out->failed || !text_is_ok(&words);
	text_end(&words);
}

static size_t line_count(const struct text *out, size_t begin)
{
	size_t count = 0;
	for (size_t i = begin; i < out->length; i++)
		count += out->bytes[i] == '\n';
	return count;
}

/* As many as the screen has room for; gives the number of the next one. */
static size_t add_findings(struct text *out, const struct report *report,
			   const struct report_style *style, size_t begin)
{
	size_t shown = 0;
	if (report->finding_count == 0)
		return 0;
	add_title(out, style, "Findings");
	for (; shown < report->finding_count; shown++) {
		size_t length = out->length;
		add_finding(out, report, &report->findings[shown], style);
		if (shown < FINDINGS_MIN || !text_is_ok(out) ||
		    line_count(out, begin) < SCREEN_LINES)
			continue;
		out->length = length;
		out->bytes[length] = 0;
		break;
	}
	if (shown < report->finding_count)
		text_add_format(out, "  and %zu more below the tables\n",
				report->finding_count - shown);
	return shown;
}

static void add_more_findings(struct text *out, const struct report *report,
			      const struct report_style *style, size_t first)
{
	if (first >= report->finding_count)
		return;
	add_title(out, style, "More findings");
	for (size_t i = first; i < report->finding_count; i++)
		add_finding(out, report, &report->findings[i], style);
}

void report_add_section_text(struct text *out, const struct report_section *section,
			     const struct report *report, const struct report_style *style)
{
	struct report_table table;
	struct text notes;
	if (!section->fill(&table, report))
		return;
	add_title(out, style, section->title);
	table_add_plain(out, &table, REPORT_COLUMNS_MAX, style->has_unicode);
	text_begin(&notes, WORDS_BYTES_MAX);
	section_add_notes(&notes, section, report);
	lines_add(out, text_string(&notes), REPORT_COLUMNS_MAX, 2, 0, 0);
	out->failed = out->failed || !text_is_ok(&notes);
	text_end(&notes);
	table_end(&table);
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
	lines_add(out, text_string(&words), REPORT_COLUMNS_MAX, 2, HANG, 0);
	text_end(&words);
}

void report_add_text(struct text *out, const struct report *report,
		     const struct report_style *style)
{
	size_t begin = out->length;
	add_verdict(out, report, style);
	add_bars(out, report, style);
	size_t shown = add_findings(out, report, style, begin);
	for (size_t i = 0; i < report_section_count; i++)
		report_add_section_text(out, &report_sections[i], report, style);
	add_more_findings(out, report, style, shown);
	add_quality(out, report, style);
}
