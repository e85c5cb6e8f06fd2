/* SPDX-License-Identifier: MIT */
/* What an analysis says of the job as a whole: arrows from rank to rank, and findings. */
#include "viewer-export/analysis_draw.h"

#include "base/array.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Findings with texts of their own: rows lend theirs until the next. */
struct findings {
	struct finding_row *rows;
	int64_t *processes;
	size_t count;
	size_t room;
	size_t process_room;
};

static const size_t FINDING_NAME_MAX = 1 << 16;

static bool no_memory(struct error *error)
{
	return fail(error, ERROR_SYSTEM, "no memory to draw an analysis");
}

/* By collective, those whose kernels were met first. */
static int instance_compare(const void *left, const void *right)
{
	const struct analysis_member *a = left, *b = right;
	if (a->instance != b->instance)
		return a->instance < b->instance ? -1 : 1;
	if (a->gpu != b->gpu)
		return a->gpu < b->gpu ? -1 : 1;
	return (a->start_ns > b->start_ns) - (a->start_ns < b->start_ns);
}

static bool flow_write(const struct analysis_view *view, const struct analysis_member *latest,
		       const struct analysis_member *member, struct error *error)
{
	struct export_summary *summary = view->target->summary;
	if (latest->track_id == 0 || member->track_id == 0) {
		summary->waits_unplaced++;
		return true;
	}
	int64_t from_ns = latest->drawn_start_ns;
	int64_t to_ns = from_ns > member->drawn_start_ns ? from_ns : member->drawn_start_ns;
	/* The clocks of two hosts may leave it over before the latest rank begins. */
	if (to_ns >= member->drawn_end_ns) {
		summary->flows_reversed++;
		return true;
	}
	struct export_flow flow = {
		.kind = FLOW_COLLECTIVE,
		.flow_id = (*view->next_flow_id)++,
		.from_track_id = latest->track_id,
		.from_ns = from_ns,
		.from_is_touching = latest->is_touching,
		.to_track_id = member->track_id,
		.to_ns = to_ns,
		.to_start_ns = member->drawn_start_ns,
		.to_is_touching = member->is_touching && to_ns == member->drawn_start_ns,
	};
	summary->flows++;
	return view->target->format->flow(view->target->stream, &flow, error);
}

/* The members of one collective. */
static bool instance_write(const struct analysis_view *view, const struct analysis_member *members,
			   size_t count, struct error *error)
{
	const struct analysis *analysis = view->target->analysis;
	const struct analysis_instance *instance = &analysis->instances[members[0].instance];
	const struct analysis_member *latest = NULL;
	for (size_t i = 0; i < count; i++)
		if (analysis->gpus[members[i].gpu].gpu_id == instance->latest_gpu_id)
			latest = &members[i];
	for (size_t i = 0; latest != NULL && i < count; i++)
		if (&members[i] != latest && members[i].wait_ns > 0 &&
		    !flow_write(view, latest, &members[i], error))
			return false;
	return true;
}

static bool flows_write(const struct analysis_view *view, struct error *error)
{
	struct analysis *analysis = view->target->analysis;
	if (analysis->member_count > 1)
		qsort(analysis->members, analysis->member_count, sizeof analysis->members[0],
		      instance_compare);
	for (size_t begin = 0, end; begin < analysis->member_count; begin = end) {
		for (end = begin + 1; end < analysis->member_count &&
				      analysis->members[end].instance ==
					      analysis->members[begin].instance;)
			end++;
		if (!instance_write(view, &analysis->members[begin], end - begin, error))
			return false;
	}
	return true;
}

static bool finding_keep(struct findings *findings, const struct analysis *analysis,
			 const struct finding_row *row)
{
	struct finding_row *rows = array_grow(findings->rows, &findings->room, findings->count,
					      sizeof rows[0]);
	if (rows == NULL)
		return false;
	findings->rows = rows;
	int64_t *processes = array_grow(findings->processes, &findings->process_room,
					findings->count, sizeof processes[0]);
	if (processes == NULL)
		return false;
	findings->processes = processes;
	const struct analysis_gpu *gpu = analysis_find_gpu(analysis, row->gpu_id);
	processes[findings->count] = gpu == NULL ? 0 : gpu->process_id;
	struct finding_row *made = &rows[findings->count++];
	*made = *row;
	made->name = strdup(row->name);
	made->severity = strdup(row->severity);
	made->text = strdup(row->text);
	made->advice = strdup(row->advice);
	made->evidence = strdup(row->evidence);
	return made->name != NULL && made->severity != NULL && made->text != NULL &&
	       made->advice != NULL && made->evidence != NULL;
}

static void free_text(const char *text)
{
	/* It was made by strdup: the row's members are const for its readers. */
	free((void *)(uintptr_t)text);
}

static void findings_end(struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		free_text(findings->rows[i].name);
		free_text(findings->rows[i].severity);
		free_text(findings->rows[i].text);
		free_text(findings->rows[i].advice);
		free_text(findings->rows[i].evidence);
	}
	free(findings->rows);
	free(findings->processes);
}

static bool findings_read(struct findings *findings, const struct analysis *analysis,
			  struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct finding_row row;
	int result;
	if (!derived_reader_select(analysis->reader, DERIVED_finding, 0, -1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) > 0)
		if (!finding_keep(findings, analysis, &row)) {
			result = -1;
			(void)no_memory(error);
			break;
		}
	trace_cursor_close(cursor);
	return result == 0;
}

static const char *severity_color(const char *severity)
{
	return strcmp(severity, "error") == 0	? "terrible" :
	       strcmp(severity, "warning") == 0 ? "bad" :
						  "good";
}

static bool finding_write(const struct analysis_view *view, const struct finding_row *row,
			  int64_t track_id, int64_t start_ns, int64_t end_ns, struct error *error)
{
	const struct export_format *format = view->target->format;
	struct export_arguments arguments = { .count = 0 };
	struct text name;
	text_begin(&name, FINDING_NAME_MAX);
	text_add_format(&name, "%.100s: %.8000s", row->name, row->text);
	const struct export_label label = {
		.name = text_string(&name), .category = "finding",
		.color = severity_color(row->severity),
	};
	struct export_slice slice = {
		.track_id = track_id,
		.start_ns = start_ns,
		.duration_ns = end_ns - start_ns,
		.arguments = &arguments,
	};
	argument_add_text(&arguments, "severity", row->severity);
	argument_add_text(&arguments, "text", row->text);
	argument_add_text(&arguments, "advice", row->advice);
	if (row->gpu_ns > 0)
		argument_add_integer(&arguments, "GPU time to win ns", row->gpu_ns);
	if (row->rank >= 0)
		argument_add_integer(&arguments, "rank", row->rank);
	argument_add_text(&arguments, "evidence", row->evidence);
	bool ok = text_is_ok(&name) || no_memory(error);
	view->target->summary->slices++;
	ok = ok && format->label_add(view->target->stream, 0, &label, &slice.label, error) &&
	     format->slice(view->target->stream, &slice, error);
	text_end(&name);
	return ok;
}

/* Slices over the window that was analysed, one in the other: the first is the most important. */
static bool findings_write(const struct analysis_view *view, const struct findings *findings,
			   struct error *error)
{
	const struct export_target *target = view->target;
	const struct analysis_row *row = derived_reader_analysis(target->analysis->reader);
	int64_t start_ns = row->window_start_ns, length_ns = -1;
	struct export_process process = {
		.process_id = view->numbers->next_id++, .name = "job", .kind = PROCESS_JOB,
		.rank = -1, .device_id = -1,
	};
	struct export_track track = {
		.track_id = view->numbers->next_id++, .process_id = process.process_id,
		.name = "findings", .order = view->numbers->next_order++, .kind = TRACK_FINDINGS,
		.stream_number = -1,
	};
	if (start_ns >= 0 && row->window_end_ns >= start_ns)
		length_ns = row->window_end_ns - start_ns;
	if (findings->count == 0 || !analysis_span(&start_ns, &length_ns))
		return true;
	int64_t end_ns = start_ns + length_ns - view->base_ns;
	start_ns = start_ns > view->base_ns ? start_ns - view->base_ns : 0;
	if (end_ns < start_ns || !analysis_is_in_window(view, start_ns, end_ns))
		return true;
	target->summary->processes++;
	target->summary->tracks++;
	if (!target->format->process(target->stream, &process, error) ||
	    !target->format->track(target->stream, &track, error))
		return false;
	for (size_t i = 0; i < findings->count; i++)
		if (!finding_write(view, &findings->rows[i], track.track_id, start_ns, end_ns,
				   error))
			return false;
	return true;
}

bool analysis_job_write(const struct analysis_view *view, struct error *error)
{
	const struct export_target *target = view->target;
	struct findings findings = { .count = 0 };
	target->format->labels_forget(target->stream);
	bool ok = findings_read(&findings, target->analysis, error) &&
		  findings_write(view, &findings, error) &&
		  (!view->has_flows || flows_write(view, error));
	const struct export_analysis told = {
		.row = derived_reader_analysis(target->analysis->reader),
		.findings = findings.rows,
		.finding_processes = findings.processes,
		.finding_count = findings.count,
	};
	if (ok && target->format->analysis != NULL)
		ok = target->format->analysis(target->stream, &told, error);
	findings_end(&findings);
	return ok;
}
