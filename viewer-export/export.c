/* SPDX-License-Identifier: MIT */
#include "viewer-export/export.h"

#include "viewer-export/layout.h"
#include "viewer-export/origin.h"
#include "viewer-export/output.h"
#include "viewer-export/survey.h"
#include "viewer-export/walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct { const char *name; unsigned kinds; } kind_names[] = {
	{ "kernels", EXPORT_KERNELS }, { "copies", EXPORT_COPIES },
	{ "gpu", EXPORT_KERNELS | EXPORT_COPIES }, { "calls", EXPORT_CALLS },
	{ "ranges", EXPORT_RANGES }, { "sync", EXPORT_SYNC }, { "nccl", EXPORT_NCCL },
	{ "overhead", EXPORT_OVERHEAD }, { "counters", EXPORT_COUNTERS },
	{ "flows", EXPORT_FLOWS }, { "all", EXPORT_ALL },
};

/* An export while it runs. */
struct export {
	struct trace_set *set;
	const struct export_options *options;
	unsigned kinds;
	size_t *inputs;		/* indexes of the traces that could be read */
	size_t input_count;
	struct export_source *sources;
	struct origins origins;
	struct layout_numbers numbers;
	int64_t next_flow_id;
	int64_t steps_done;
	struct export_stream stream;
	struct export_summary summary;
	struct export_target target;
};

static bool kind_find(const char *word, size_t length, unsigned *kinds)
{
	for (size_t i = 0; i < sizeof kind_names / sizeof kind_names[0]; i++)
		if (strlen(kind_names[i].name) == length &&
		    memcmp(kind_names[i].name, word, length) == 0) {
			*kinds |= kind_names[i].kinds;
			return true;
		}
	return false;
}

bool export_kinds_parse(const char *list, unsigned *kinds, struct error *error)
{
	*kinds = 0;
	for (const char *word = list;; ) {
		size_t length = strcspn(word, ",");
		if (!kind_find(word, length, kinds))
			return fail(error, ERROR_USAGE,
				    "nothing to export is called '%.*s': kernels, "
				    "copies, gpu, calls, ranges, sync, nccl, overhead, counters, "
				    "flows, all",
				    (int)(length < 100 ? length : 100), word);
		if (word[length] == 0)
			return true;
		word += length + 1;
	}
}

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

static bool inputs_open(struct export *export, struct error *error)
{
	size_t count = trace_set_count(export->set);
	export->inputs = calloc(count + 1, sizeof export->inputs[0]);
	export->sources = calloc(count + 1, sizeof export->sources[0]);
	if (export->inputs == NULL || export->sources == NULL)
		return no_memory(error);
	for (size_t i = 0; i < count; i++) {
		const struct trace_input *input = trace_set_input(export->set, i);
		if (input->reader == NULL)
			continue;
		if (!trace_reader_load_strings(input->reader, error))
			return false;
		export->sources[export->input_count] = (struct export_source){
			input->path, trace_reader_trace(input->reader)
		};
		export->inputs[export->input_count++] = i;
	}
	return true;
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
		bool ok = survey_times(&survey, reader_at(export, i), export->kinds, error) &&
			  origin_widen(export, &survey, error);
		survey_end(&survey);
		if (!ok)
			return false;
		step(export);
	}
	return true;
}

static bool head_write(struct export *export, struct error *error)
{
	const struct origins *origins = &export->origins;
	struct export_head head = {
		.base_ns = origins->unix_time.has_base ? origins->unix_time.base_ns :
							 origins->own_time.base_ns,
		.tool_version = export->options->tool_version,
		.sources = export->sources,
		.source_count = export->input_count,
	};
	return export->target.format->begin(&export->stream, &head, error);
}

static bool trace_write(struct export *export, struct survey *survey, size_t source,
			struct error *error)
{
	struct layout layout;
	const struct origin *origin = origins_find(&export->origins, survey);
	const struct export_options *options = export->options;
	struct walk walk = {
		.target = &export->target,
		.reader = survey->reader,
		.survey = survey,
		.layout = &layout,
		.offset_ns = survey_epoch_ns(survey) - origin->base_ns,
		.has_window = options->has_window,
		.window_start_ns = origin_window_ns(origin, options->window_start_ns),
		.window_end_ns = origin_window_ns(origin, options->window_end_ns),
		.next_flow_id = &export->next_flow_id,
	};
	bool ok = layout_make(&layout, survey, source, &export->numbers, &export->target, error) &&
		  walk_trace(&walk, error);
	layout_end(&layout);
	return ok;
}

static bool traces_write(struct export *export, struct error *error)
{
	bool is_single = export->input_count == 1;
	bool ok = is_single || (origins_make(export, error) && head_write(export, error));
	for (size_t i = 0; ok && i < export->input_count; i++) {
		struct survey survey;
		ok = survey_make(&survey, reader_at(export, i), export->kinds, error);
		step(export);
		if (ok && is_single)
			ok = origin_widen(export, &survey, error) && head_write(export, error);
		ok = ok && trace_write(export, &survey, i, error);
		survey_end(&survey);
		step(export);
	}
	return ok;
}

bool export_traces(struct trace_set *set, const struct export_options *options,
		   struct export_summary *summary, struct error *error)
{
	struct export export = {
		.set = set,
		.options = options,
		.kinds = options->kinds != 0 ? options->kinds : EXPORT_ALL,
		.numbers = { .next_id = 1, .next_order = 1 },
		.next_flow_id = 1,
	};
	export.target.stream = &export.stream;
	export.target.summary = &export.summary;
	bool ok = export_format_find(&export.target.format, options->format, error) &&
		  inputs_open(&export, error) &&
		  output_open(&export.stream.output, options->output, error);
	if (ok) {
		ok = traces_write(&export, error) &&
		     export.target.format->end(&export.stream, &export.summary, error);
		export.target.format->free(&export.stream);
		export.summary.bytes = output_bytes(export.stream.output);
		if (ok)
			ok = output_commit(export.stream.output, error);
		else
			output_abandon(export.stream.output);
	}
	if (ok && summary != NULL)
		*summary = export.summary;
	free(export.inputs);
	free(export.sources);
	return ok;
}
