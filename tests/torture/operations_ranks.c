/* SPDX-License-Identifier: MIT */
#include "tests/torture/operations_parts.h"

#include "analyzer/analyze.h"
#include "analyzer/sidecar_write.h"
#include "base/text.h"
#include "tracedb/trace_set.h"
#include "viewer-export/export.h"

#include <unistd.h>

static bool ranks_open(struct trace_set **set, const struct place *place, struct outcome *outcome,
		       struct error *error)
{
	char paths[2][PATH_BYTES];
	path_in(paths[0], place->in, "rank0.db");
	path_in(paths[1], place->in, "rank1.db");
	const char *const arguments[] = { paths[0], paths[1] };
	if (!trace_set_open(set, arguments, 2, NULL, error))
		return false;
	outcome->is_loss_told = trace_set_broken_count(*set) > 0;
	return true;
}

static bool analyze_and_render(struct trace_set *set, const struct analyze_options *options,
			       struct outcome *outcome, struct error *error)
{
	static const enum report_format formats[] = { REPORT_TEXT, REPORT_JSON, REPORT_MARKDOWN };
	struct report *report = NULL;
	if (!analyze_traces(set, options, &report, error))
		return false;
	bool ok = true;
	for (size_t i = 0; i < report->trace_count; i++)
		outcome->is_loss_told |= report->traces[i].error != NULL;
	for (size_t i = 0; ok && i < 3; i++) {
		const struct report_style style = { .format = formats[i] };
		struct text text;
		text_begin(&text, 1 << 24);
		ok = report_render(report, &style, &text, error);
		sign(outcome, text_string(&text), text.length);
		text_end(&text);
	}
	report_close(report);
	return ok;
}

bool run_analyze(const struct place *place, struct outcome *outcome, struct error *error)
{
	const struct analyze_options options = { .thread_count = 1 };
	struct trace_set *set = NULL;
	if (!ranks_open(&set, place, outcome, error))
		return false;
	bool ok = analyze_and_render(set, &options, outcome, error);
	trace_set_close(set);
	return ok;
}

bool run_analyze_window(const struct place *place, struct outcome *outcome, struct error *error)
{
	const struct analyze_options options = { .thread_count = 2, .window = WINDOW_EXPLICIT,
						 .window_start_ns = 100, .window_end_ns = 2000 };
	struct trace_set *set = NULL;
	if (!ranks_open(&set, place, outcome, error))
		return false;
	bool ok = analyze_and_render(set, &options, outcome, error);
	trace_set_close(set);
	return ok;
}

static bool export_as(const struct place *place, const char *format, const char *name,
		      struct outcome *outcome, struct error *error)
{
	char path[PATH_BYTES];
	struct trace_set *set = NULL;
	struct export_summary summary = { 0 };
	path_in(path, place->out, name);
	const struct export_options options = { .format = format, .output = path };
	if (!ranks_open(&set, place, outcome, error))
		return false;
	bool ok = export_traces(set, &options, &summary, error);
	trace_set_close(set);
	if (!ok)
		return false;
	sign_integer(outcome, summary.slices);
	sign_integer(outcome, summary.flows);
	sign_integer(outcome, summary.tracks);
	sign_integer(outcome, summary.rows);
	return true;
}

bool run_export(const struct place *place, struct outcome *outcome, struct error *error)
{
	return export_as(place, "chrome", "timeline.json", outcome, error);
}

bool run_export_packed(const struct place *place, struct outcome *outcome, struct error *error)
{
	return export_as(place, "chrome", "timeline.json.gz", outcome, error);
}

bool run_export_perfetto(const struct place *place, struct outcome *outcome, struct error *error)
{
	return export_as(place, "perfetto", "timeline.pftrace", outcome, error);
}

/* In several files, with the analysis made before. */
bool run_export_analysed(const struct place *place, struct outcome *outcome, struct error *error)
{
	char path[PATH_BYTES], sidecar[PATH_BYTES];
	const struct analyze_options analyze = {
		.window_end_ns = INT64_MAX, .thread_count = 1, .keeps_pieces = true,
	};
	const struct sidecar_origin origin = { .tool_version = "torture", .options = "" };
	const struct export_options options = {
		.output = path, .analysis_path = sidecar, .max_bytes = 40000,
	};
	struct trace_set *set = NULL;
	struct report *report = NULL;
	struct export_summary summary = { 0 };
	path_in(path, place->out, "timeline.json");
	path_in(sidecar, place->out, "analysis.db");
	if (!ranks_open(&set, place, outcome, error))
		return false;
	bool ok = analyze_traces(set, &analyze, &report, error) &&
		  sidecar_write(report, sidecar, &origin, error);
	for (size_t i = 0; ok && i < report->trace_count; i++)
		outcome->is_loss_told |= report->traces[i].error != NULL;
	report_close(report);
	ok = ok && export_traces(set, &options, &summary, error);
	trace_set_close(set);
	(void)unlink(sidecar);
	if (!ok)
		return false;
	sign_integer(outcome, summary.slices);
	sign_integer(outcome, summary.flows);
	sign_integer(outcome, summary.files);
	return true;
}

bool run_export_svg(const struct place *place, struct outcome *outcome, struct error *error)
{
	return export_as(place, "svg", "timeline.svg", outcome, error);
}

bool run_export_nsys(const struct place *place, struct outcome *outcome, struct error *error)
{
	return export_as(place, "nsys", "timeline.sqlite", outcome, error);
}

bool run_export_html(const struct place *place, struct outcome *outcome, struct error *error)
{
	return export_as(place, "html", "timeline.html", outcome, error);
}
