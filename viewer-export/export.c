/* SPDX-License-Identifier: MIT */
#include "viewer-export/export.h"

#include "tracedb/vocabulary.h"
#include "viewer-export/analysis_draw.h"
#include "viewer-export/layout.h"
#include "viewer-export/origin.h"
#include "viewer-export/output.h"
#include "viewer-export/parts.h"
#include "viewer-export/survey.h"
#include "viewer-export/walk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An export while it runs. */
struct export {
	struct trace_set *set;
	const struct export_options *options;
	unsigned kinds;
	size_t *inputs;		/* indexes of the traces that could be read and are wanted */
	size_t input_count;
	size_t *others;		/* of those that could be read and are not wanted */
	size_t other_count;
	struct export_source *sources;
	struct analysis *analysis;	/* NULL: none */
	bool has_window;
	int64_t steps_start_ns;		/* of the wanted steps, on the clock of the job */
	int64_t steps_end_ns;
	struct origins origins;
	struct layout_numbers numbers;
	int64_t next_flow_id;
	int64_t steps_done;
	struct export_target target;
};

bool export_format_find(const struct export_format **format, const char *name, struct error *error)
{
	char known[256] = "";
	for (size_t i = 0; export_formats[i] != NULL; i++) {
		if (name == NULL || strcmp(export_formats[i]->name, name) == 0) {
			*format = export_formats[i];
			return true;
		}
		size_t used = strlen(known);
		(void)snprintf(known + used, sizeof known - used, "%s%s", i == 0 ? "" : ", ",
			       export_formats[i]->name);
	}
	return fail(error, ERROR_USAGE, "unknown format '%.100s': %s", name, known);
}

static bool no_memory(struct error *error)
{
	return fail(error, ERROR_SYSTEM, "no memory to export");
}

static struct trace_reader *reader_at(const struct export *export, size_t index)
{
	return trace_set_input(export->set, export->inputs[index])->reader;
}

static void step(struct export *export)
{
	if (export->options->progress != NULL)
		export->options->progress(export->options->progress_context, ++export->steps_done,
					  3 * (int64_t)export->input_count);
}

static bool is_wanted(const struct export_options *options, const struct trace_row *trace)
{
	for (size_t i = 0; options != NULL && i < options->rank_count; i++)
		if (trace->rank >= options->ranks[i].first && trace->rank <= options->ranks[i].last)
			return true;
	return options == NULL || options->rank_count == 0;
}

static bool no_rank(const struct export *export, struct error *error)
{
	const struct trace_set *set = export->set;
	struct text known;
	text_begin(&known, 1 << 12);
	for (size_t i = 0; i < export->other_count; i++)
		text_add_format(&known, "%s%" PRId64, i == 0 ? "" : ", ",
				trace_reader_trace(trace_set_input(set, export->others[i])->reader)
					->rank);
	(void)fail(error, ERROR_USAGE, "no trace is of such a rank; there are ranks %s",
		   text_string(&known));
	text_end(&known);
	return false;
}

/* `options` may be NULL: every trace is wanted, and nothing is read yet. */
static bool inputs_open(struct export *export, const struct export_options *options,
			struct error *error)
{
	size_t count = trace_set_count(export->set);
	export->inputs = calloc(count + 1, sizeof export->inputs[0]);
	export->others = calloc(count + 1, sizeof export->others[0]);
	export->sources = calloc(count + 1, sizeof export->sources[0]);
	if (export->inputs == NULL || export->others == NULL || export->sources == NULL)
		return no_memory(error);
	for (size_t i = 0; i < count; i++) {
		const struct trace_input *input = trace_set_input(export->set, i);
		if (input->reader == NULL)
			continue;
		if (!is_wanted(options, trace_reader_trace(input->reader))) {
			export->others[export->other_count++] = i;
			continue;
		}
		if (options != NULL && !trace_reader_load_strings(input->reader, error))
			return false;
		export->sources[export->input_count] = (struct export_source){
			.path = input->path, .trace = trace_reader_trace(input->reader),
		};
		export->inputs[export->input_count++] = i;
	}
	return export->input_count > 0 || export->other_count == 0 || no_rank(export, error);
}

/* What the analysis draws of the trace, and where its clock stands. */
static void survey_join(const struct export *export, struct survey *survey, size_t source)
{
	if (export->analysis == NULL || !export->analysis->sources[source].is_known)
		return;
	const struct analysis_source *from = &export->analysis->sources[source];
	survey->clock_offset_ns = from->offset_ns;
	if ((export->kinds & EXPORT_ANALYSIS) == 0 || !from->has_time)
		return;
	survey_widen(survey, from->first_ns - survey_epoch_ns(survey),
		     from->last_ns - survey_epoch_ns(survey));
}

static bool origin_widen(struct export *export, const struct survey *survey, struct error *error)
{
	struct origin *origin = origins_find(&export->origins, survey);
	origin_add_events(origin, survey);
	return !export->options->has_window || origin_add_work(origin, survey, error);
}

/* With several traces the common origin must be known before the first is written. */
static bool origins_make(struct export *export, struct error *error)
{
	for (size_t i = 0; i < export->input_count; i++) {
		struct survey survey;
		bool ok = survey_times(&survey, reader_at(export, i), export->kinds, error);
		survey_join(export, &survey, i);
		ok = ok && origin_widen(export, &survey, error);
		survey_end(&survey);
		if (!ok)
			return false;
		step(export);
	}
	return true;
}

static const struct origin *job_origin(const struct export *export)
{
	const struct origins *origins = &export->origins;
	return origins->unix_time.has_base ? &origins->unix_time : &origins->own_time;
}

static void window_set(const struct export *export, const struct origin *origin,
		       int64_t *start_ns, int64_t *end_ns)
{
	const struct export_options *options = export->options;
	if (options->has_steps) {
		*start_ns = export->steps_start_ns - origin->base_ns;
		*end_ns = export->steps_end_ns - origin->base_ns;
	} else {
		*start_ns = origin_window_ns(origin, options->window_start_ns);
		*end_ns = origin_window_ns(origin, options->window_end_ns);
	}
}

static bool head_write(struct export *export, struct error *error)
{
	const struct origin *origin = job_origin(export);
	struct export_head head = {
		.base_ns = origin->base_ns,
		.tool_version = export->options->tool_version,
		.sources = export->sources,
		.source_count = export->input_count,
		.has_window = export->has_window,
	};
	window_set(export, origin, &head.window_start_ns, &head.window_end_ns);
	if (export->target.analysis != NULL)
		head.analysis = derived_reader_analysis(export->analysis->reader);
	return export->target.format->begin(export->target.stream, &head, error);
}

static struct analysis_view view_make(struct export *export, const struct origin *origin)
{
	struct analysis_view view = {
		.target = &export->target,
		.numbers = &export->numbers,
		.next_flow_id = &export->next_flow_id,
		.has_window = export->has_window,
		.has_flows = (export->kinds & EXPORT_FLOWS) != 0,
		.base_ns = job_origin(export)->base_ns,
	};
	window_set(export, origin, &view.window_start_ns, &view.window_end_ns);
	return view;
}

static bool trace_write(struct export *export, struct survey *survey, size_t source,
			struct error *error)
{
	struct layout layout;
	const struct origin *origin = origins_find(&export->origins, survey);
	struct walk walk = {
		.target = &export->target,
		.reader = survey->reader,
		.survey = survey,
		.layout = &layout,
		.offset_ns = survey_epoch_ns(survey) - origin->base_ns,
		.has_window = export->has_window,
		.next_flow_id = &export->next_flow_id,
	};
	window_set(export, origin, &walk.window_start_ns, &walk.window_end_ns);
	if (export->analysis != NULL)
		export->analysis->sources[source].base_ns = origin->base_ns;
	bool ok = layout_make(&layout, survey, source, &export->numbers, &export->target, error) &&
		  walk_trace(&walk, error);
	layout_end(&layout);
	if (ok && export->target.analysis != NULL) {
		struct analysis_view view = view_make(export, origin);
		ok = analysis_source_write(&view, source, error);
	}
	return ok;
}

static bool job_write(struct export *export, struct error *error)
{
	if (export->target.analysis == NULL)
		return true;
	struct analysis_view view = view_make(export, job_origin(export));
	return analysis_job_write(&view, error);
}

/* The window counts from the first GPU activity of all traces, whichever are written. */
static bool others_add_work(struct export *export, struct error *error)
{
	for (size_t i = 0; export->options->has_window && i < export->other_count; i++) {
		const struct survey survey = {
			.reader = trace_set_input(export->set, export->others[i])->reader,
		};
		if (!origin_add_work(origins_find(&export->origins, &survey), &survey, error))
			return false;
	}
	return true;
}

static bool traces_write(struct export *export, struct error *error)
{
	bool is_single = export->input_count == 1;
	if (!others_add_work(export, error))
		return false;
	bool ok = is_single || (origins_make(export, error) && head_write(export, error));
	for (size_t i = 0; ok && i < export->input_count; i++) {
		struct survey survey;
		ok = survey_make(&survey, reader_at(export, i), export->kinds, error);
		survey_join(export, &survey, i);
		step(export);
		if (ok && is_single)
			ok = origin_widen(export, &survey, error) && head_write(export, error);
		ok = ok && trace_write(export, &survey, i, error);
		survey_end(&survey);
		step(export);
	}
	return ok && job_write(export, error);
}

/* The times of an input that a format needs which reads the tables by itself. */
static void export_trace_make(const struct export *export, struct export_trace *trace,
			      const struct survey *survey, size_t source)
{
	*trace = (struct export_trace){
		.reader = survey->reader,
		.source = &export->sources[source],
		.epoch_ns = survey_epoch_ns(survey),
		.is_unix = epoch_is_unix(survey_epoch_ns(survey)),
		.has_time = survey->has_time,
		.first_ns = survey->first_ns,
		.last_ns = survey->last_ns,
		.has_window = export->has_window,
	};
}

static int64_t less_or_end(int64_t time_ns, int64_t offset_ns)
{
	int64_t result_ns;
	if (time_ns == INT64_MAX || __builtin_sub_overflow(time_ns, offset_ns, &result_ns))
		return INT64_MAX;
	return result_ns;
}

/* Once all are looked at, the window is known: onto the time of each trace. */
static void export_trace_window(struct export *export, struct export_trace *trace)
{
	struct origins *origins = &export->origins;
	const struct origin *origin = trace->is_unix ? &origins->unix_time : &origins->own_time;
	int64_t start_ns, end_ns, offset_ns = trace->epoch_ns - origin->base_ns;
	window_set(export, origin, &start_ns, &end_ns);
	trace->window_start_ns = less_or_end(start_ns, offset_ns);
	trace->window_end_ns = less_or_end(end_ns, offset_ns);
}

static bool set_write(struct export *export, struct error *error)
{
	struct export_trace *traces = calloc(export->input_count + 1, sizeof *traces);
	const struct export_set set = {
		.traces = traces, .count = export->input_count, .kinds = export->kinds,
		.tool_version = export->options->tool_version,
		.output_path = export->options->output,
		.progress = export->options->progress,
		.progress_context = export->options->progress_context,
	};
	bool ok = traces != NULL ? others_add_work(export, error) : no_memory(error);
	for (size_t i = 0; ok && i < export->input_count; i++) {
		struct survey survey;
		ok = survey_times(&survey, reader_at(export, i), export->kinds, error);
		survey.clock_offset_ns = export->sources[i].clock_offset_ns;
		ok = ok && origin_widen(export, &survey, error);
		export_trace_make(export, &traces[i], &survey, i);
		survey_end(&survey);
	}
	for (size_t i = 0; ok && i < export->input_count; i++)
		export_trace_window(export, &traces[i]);
	ok = ok && export->target.format->write_set(export->target.stream, &set,
						    export->target.summary, error);
	free(traces);
	return ok;
}

static bool steps_find(struct export *export, struct error *error)
{
	const struct export_options *options = export->options;
	bool has_steps = false;
	if (export->analysis != NULL &&
	    !analysis_steps_bounds(export->analysis, options->first_step, options->last_step,
				   &export->steps_start_ns, &export->steps_end_ns, &has_steps,
				   error))
		return false;
	if (!has_steps)
		return fail(error, ERROR_USAGE, "no steps %" PRId64 "..%" PRId64 " to export: %s",
			    options->first_step, options->last_step,
			    export->analysis == NULL ? "there is no analysis of these traces" :
			    "the analysis found none of these numbers");
	return true;
}

static bool analysis_take(struct export *export, struct error *error)
{
	const struct export_options *options = export->options;
	if (options->analysis_path != NULL) {
		if (!analysis_open(&export->analysis, options->analysis_path, export->sources,
				   export->input_count, error) ||
		    !analysis_survey(export->analysis, error))
			return false;
		for (size_t i = 0; i < export->input_count; i++) {
			const struct analysis_source *source = &export->analysis->sources[i];
			export->sources[i].clock_offset_ns = source->offset_ns;
			export->sources[i].is_analysed = source->is_known;
		}
		if ((export->kinds & EXPORT_ANALYSIS) != 0 &&
		    analysis_known_count(export->analysis) > 0)
			export->target.analysis = export->analysis;
	}
	return !options->has_steps || steps_find(export, error);
}

static void export_end(struct export *export)
{
	analysis_close(export->analysis);
	free(export->inputs);
	free(export->others);
	free(export->sources);
}

bool export_analysis_is_current(struct trace_set *set, const char *path)
{
	struct export export = { .set = set };
	struct error ignored;
	bool ok = inputs_open(&export, NULL, &ignored) &&
		  analysis_open(&export.analysis, path, export.sources, export.input_count,
				&ignored) &&
		  analysis_known_count(export.analysis) == export.input_count;
	export_end(&export);
	return ok;
}

/* Everything once, through a format to what its stream writes to. */
static bool pass_run(struct trace_set *set, const struct export_options *options,
		     const struct export_format *format, struct export_stream *stream,
		     struct export_summary *summary, struct error *error)
{
	struct export export = {
		.set = set,
		.options = options,
		.kinds = options->kinds != 0 ? options->kinds : EXPORT_ALL,
		.has_window = options->has_window || options->has_steps,
		.numbers = { .next_id = 1, .next_order = 1 },
		.next_flow_id = 1,
		.target = { .format = format, .stream = stream, .summary = summary },
	};
	*summary = (struct export_summary){ .files = 1 };
	bool ok = inputs_open(&export, options, error) && analysis_take(&export, error);
	if (ok && format->write_set != NULL)
		ok = set_write(&export, error);
	else
		ok = ok && traces_write(&export, error) && format->end(stream, summary, error);
	if (format->free != NULL)
		format->free(stream);
	export_end(&export);
	return ok;
}

static bool file_write(struct trace_set *set, const struct export_options *options,
		       const struct export_format *format, struct export_summary *summary,
		       struct error *error)
{
	struct export_stream stream = { .output = NULL };
	if (!output_open(&stream.output, options->output, error))
		return false;
	bool ok = pass_run(set, options, format, &stream, summary, error);
	summary->bytes = output_bytes(stream.output);
	if (ok)
		return output_commit(stream.output, error);
	output_abandon(stream.output);
	return false;
}

static bool plan_make(struct parts_plan *plan, struct trace_set *set,
		      const struct export_options *options, const struct export_format *format,
		      struct error *error)
{
	struct export_stream stream = { .output = NULL };
	struct export_summary summary, own = { .files = 0 };
	struct parts_measure *measure = malloc(sizeof *measure);
	if (measure == NULL)
		return no_memory(error);
	struct parts parts = {
		.format = format, .measure = measure, .streams = &stream, .summaries = &own,
	};
	struct export_stream before = { .state = &parts };
	parts_measure_begin(measure);
	bool ok = output_open_nowhere(&stream.output, error) &&
		  pass_run(set, options, &parts_format, &before, &summary, error) &&
		  parts_plan_make(plan, measure, options->max_bytes, error);
	output_abandon(stream.output);
	free(measure);
	return ok;
}

/* All outputs of one export, and their names. */
struct part_files {
	struct export_stream streams[PARTS_MAX];
	struct text paths[PARTS_MAX];
	size_t count;
};

static bool part_files_open(struct part_files *files, const struct export_options *options,
			    const struct export_format *format, struct error *error)
{
	bool ok = true;
	for (size_t i = 0; ok && i < files->count; i++) {
		text_begin(&files->paths[i], 1 << 16);
		ok = (part_path(&files->paths[i], options->output, format->extension, i + 1) ||
		      no_memory(error)) &&
		     output_open(&files->streams[i].output, text_string(&files->paths[i]), error);
	}
	return ok;
}

/* Either all get their names, or those that had one already are removed again. */
static bool part_files_close(struct part_files *files, bool ok, int64_t *bytes,
			     struct error *error)
{
	size_t named = 0;
	for (size_t i = 0; i < files->count; i++) {
		struct output *output = files->streams[i].output;
		if (ok)
			*bytes += output_bytes(output);
		if (!ok)
			output_abandon(output);
		else if (output_commit(output, error))
			named++;
		else
			ok = false;
	}
	for (size_t i = 0; !ok && i < named; i++)
		(void)unlink(text_string(&files->paths[i]));
	for (size_t i = 0; i < files->count; i++)
		text_end(&files->paths[i]);
	return ok;
}

static bool parts_write(struct trace_set *set, const struct export_options *options,
			const struct export_format *format, const struct parts_plan *plan,
			struct export_summary *summary, struct error *error)
{
	struct export_summary summaries[PARTS_MAX] = { { .files = 0 } };
	struct part_files files = { .count = plan->count };
	struct parts parts = {
		.format = format, .plan = plan, .streams = files.streams, .summaries = summaries,
	};
	struct export_stream before = { .state = &parts };
	bool ok = part_files_open(&files, options, format, error) &&
		  pass_run(set, options, &parts_format, &before, summary, error);
	summary->files = (int64_t)plan->count;
	summary->flows -= parts.flows_across;
	summary->flows_across = parts.flows_across;
	return part_files_close(&files, ok, &summary->bytes, error);
}

bool export_traces(struct trace_set *set, const struct export_options *options,
		   struct export_summary *summary, struct error *error)
{
	const struct export_format *format;
	struct export_summary own;
	struct parts_plan plan = { .count = 1 };
	summary = summary == NULL ? &own : summary;
	if (!export_format_find(&format, options->format, error))
		return false;
	if (options->max_bytes == 0)
		return file_write(set, options, format, summary, error);
	if (!format->is_divisible || strcmp(options->output, "-") == 0)
		return fail(error, ERROR_USAGE, "%s cannot be divided into several files",
			    format->is_divisible ? "standard output" : format->name);
	if (!plan_make(&plan, set, options, format, error))
		return false;
	return plan.count == 1 ? file_write(set, options, format, summary, error) :
				 parts_write(set, options, format, &plan, summary, error);
}
