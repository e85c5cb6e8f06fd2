/* SPDX-License-Identifier: MIT */
#include "analyzer/report_words.h"

#include "analyzer/report_numbers.h"
#include "analyzer/report_table.h"

#include <string.h>

enum { PATH_COLUMNS = 120, REASON_COLUMNS = 200, LOSSES_SHOWN = 20 };

static void add_line(struct text *out, const struct report_trace *trace, int64_t count,
		     const char *words)
{
	if (count == 0)
		return;
	name_add(out, trace->path, PATH_COLUMNS);
	text_add(out, ": ");
	text_add(out, words);
	text_add(out, ": ");
	number_add_count(out, count);
	text_add_char(out, '\n');
}

static void add_losses(struct text *out, const struct report_trace *trace)
{
	for (size_t i = 0; i < trace->loss_count; i++) {
		const struct report_loss *loss = &trace->losses[i];
		name_add(out, trace->path, PATH_COLUMNS);
		if (i == LOSSES_SHOWN) {
			text_add(out, ": and ");
			number_add_count(out, (int64_t)(trace->loss_count - i));
			text_add(out, " more such lines (all in --format json)\n");
			return;
		}
		text_add(out, ": ");
		if (loss->count > 0) {
			text_add(out, "lost ");
			number_add_count(out, loss->count);
			text_add(out, ", ");
		}
		name_add(out, loss->source, REASON_COLUMNS);
		text_add(out, ": ");
		name_add(out, loss->reason, REASON_COLUMNS);
		text_add_char(out, '\n');
	}
}

/* By somebody's wish or by force: what happened then is in no number of the report. */
static void add_gaps(struct text *out, const struct report_trace *trace)
{
	for (size_t i = 0; i < trace->gap_count; i++) {
		const struct report_capture_gap *gap = &trace->gaps[i];
		name_add(out, trace->path, PATH_COLUMNS);
		text_add(out, ": not recorded for ");
		text_add_duration(out, gap->ns);
		if (gap->count > 1) {
			text_add(out, ", in ");
			number_add_count(out, gap->count);
			text_add(out, " stretches");
		}
		if (strcmp(gap->source, "all") != 0) {
			text_add(out, ", ");
			name_add(out, gap->source, REASON_COLUMNS);
		}
		text_add(out, ": ");
		name_add(out, gap->reason, REASON_COLUMNS);
		text_add_char(out, '\n');
	}
}

static void add_launches(struct text *out, const struct report *report, size_t index)
{
	const struct report_trace *trace = &report->traces[index];
	int64_t rows = 0, no_launch = 0, before_launch = 0, overlaps = 0;
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct report_gpu *gpu = &report->gpus[g];
		if (gpu->trace != index)
			continue;
		rows += gpu->rows.gpu_rows;
		no_launch += gpu->no_launch_rows;
		before_launch += gpu->before_launch_rows;
		overlaps += gpu->rows.same_stream_overlaps;
	}
	if (trace->api_calls == 0)
		add_line(out, trace, rows,
			 "no API calls recorded; GPU rows without a known launch");
	else
		add_line(out, trace, no_launch,
			 "GPU rows whose launching call is not in the trace");
	add_line(out, trace, before_launch, "GPU rows that start before their launching call");
	add_line(out, trace, overlaps,
		 "GPU rows that start before an earlier one of their stream has ended");
}

static void add_trace(struct text *out, const struct report *report, size_t index)
{
	const struct report_trace *trace = &report->traces[index];
	if (trace->error != NULL) {
		name_add(out, trace->path, PATH_COLUMNS);
		text_add(out, ": not read: ");
		name_add(out, trace->error, REASON_COLUMNS);
		text_add_char(out, '\n');
		return;
	}
	if (trace->left_out_for != NULL) {
		name_add(out, trace->path, PATH_COLUMNS);
		text_add(out, ": left out: a younger dump of the same process overlaps with it: ");
		name_add(out, trace->left_out_for, PATH_COLUMNS);
		text_add_char(out, '\n');
		return;
	}
	if (trace->gpu_count == 0) {
		name_add(out, trace->path, PATH_COLUMNS);
		text_add(out, ": no GPU work recorded\n");
	}
	if (trace->stop_ns < 0) {
		name_add(out, trace->path, PATH_COLUMNS);
		text_add(out, ": the recording did not end properly (killed, or still running)\n");
	}
	add_losses(out, trace);
	add_gaps(out, trace);
	add_line(out, trace, trace->rejects.negative_duration, "left out, negative duration");
	add_line(out, trace, trace->rejects.time_out_of_range, "left out, impossible time");
	add_line(out, trace, trace->rejects.unknown_stream, "left out, unknown stream");
	add_line(out, trace, trace->missing_symbol_rows,
		 "kernels without a name, counted as compute");
	add_line(out, trace, trace->negative_bytes_rows,
		 "copies with a negative size, counted as 0 bytes");
	add_launches(out, report, index);
	if (trace->overhead_ns > 0) {
		name_add(out, trace->path, PATH_COLUMNS);
		text_add(out, ": profiling itself took ");
		text_add_duration(out, trace->overhead_ns);
		text_add(out, " of host time\n");
	}
}

static void add_repeated(struct text *out, const struct report *report)
{
	for (size_t g = 0; g < report->gpu_count; g++) {
		size_t same_as = report->gpus[g].same_as;
		if (same_as == SIZE_MAX)
			continue;
		name_add(out, report->traces[report->gpus[g].trace].path, PATH_COLUMNS);
		text_add_format(out, ": GPU %zu shows the same work as GPU %zu of ", g, same_as);
		name_add(out, report->traces[report->gpus[same_as].trace].path, PATH_COLUMNS);
		text_add(out, ": both are counted\n");
	}
}

void words_add_quality(struct text *out, const struct report *report)
{
	add_repeated(out, report);
	for (size_t t = 0; t < report->trace_count; t++)
		add_trace(out, report, t);
}
