/* SPDX-License-Identifier: MIT */
#include "analyzer/report.h"
#include "analyzer/report_json_parts.h"
#include "analyzer/report_numbers.h"
#include "analyzer/report_words.h"
#include "tracedb/demangle.h"
#include "tracedb/vocabulary.h"

#include <string.h>

enum { RATE_DECIMALS = 6, SENTENCE_BYTES_MAX = 1 << 28 };

static void json_rate(struct text *out, const struct transfer *transfer)
{
	json_key(out, "gb_per_s");
	if (!number_add_rate(out, transfer->bytes, transfer->busy_ns, RATE_DECIMALS))
		text_add(out, "null");
}

static void add_window(struct text *out, const struct report *report)
{
	json_open(out, "window", '{');
	json_key(out, "kind");
	text_add_json(out, window_kind_name(report->job.window));
	json_text_or_null(out, "reason", report->job.window_reason);
	if (report->job.window == WINDOW_EXPLICIT) {
		json_integer(out, "start_ns", report->window_start_ns);
		if (report->window_end_ns == INT64_MAX)
			json_null(out, "end_ns");
		else
			json_integer(out, "end_ns", report->window_end_ns);
	}
	text_add_char(out, '}');
}

static void add_losses(struct text *out, const struct report_trace *trace)
{
	json_open(out, "losses", '[');
	for (size_t i = 0; i < trace->loss_count; i++) {
		const struct report_loss *loss = &trace->losses[i];
		json_next(out);
		text_add_char(out, '{');
		json_key(out, "source");
		text_add_json(out, loss->source);
		json_key(out, "reason");
		text_add_json(out, loss->reason);
		json_integer(out, "count", loss->count);
		json_integer_or_null(out, "first_ns", loss->first_ns);
		json_integer_or_null(out, "last_ns", loss->last_ns);
		text_add_char(out, '}');
	}
	text_add_char(out, ']');
}

static void add_gaps(struct text *out, const struct report_trace *trace)
{
	json_open(out, "capture_gaps", '[');
	for (size_t i = 0; i < trace->gap_count; i++) {
		const struct report_capture_gap *gap = &trace->gaps[i];
		json_next(out);
		text_add_char(out, '{');
		json_key(out, "source");
		text_add_json(out, gap->source);
		json_key(out, "reason");
		text_add_json(out, gap->reason);
		json_integer(out, "count", gap->count);
		json_integer(out, "ns", gap->ns);
		text_add_char(out, '}');
	}
	text_add_char(out, ']');
}

/* Sums over the trace's GPUs; what a GPU has of each stands in `gpus`. */
static void add_row_oddities(struct text *out, const struct report *report, size_t trace)
{
	struct row_counts sum = { 0 };
	int64_t no_launch_rows = 0, before_launch_rows = 0;
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct report_gpu *gpu = &report->gpus[g];
		if (gpu->trace != trace)
			continue;
		sum.gpu_rows += gpu->rows.gpu_rows;
		sum.zero_duration_rows += gpu->rows.zero_duration_rows;
		sum.same_stream_overlaps += gpu->rows.same_stream_overlaps;
		no_launch_rows += gpu->no_launch_rows;
		before_launch_rows += gpu->before_launch_rows;
	}
	json_integer(out, "gpu_rows", sum.gpu_rows);
	json_integer(out, "no_launch_rows", no_launch_rows);
	json_integer(out, "before_launch_rows", before_launch_rows);
	json_integer(out, "zero_dur_rows", sum.zero_duration_rows);
	json_integer(out, "same_stream_overlaps", sum.same_stream_overlaps);
}

static void add_quality(struct text *out, const struct report *report, size_t index)
{
	const struct report_trace *trace = &report->traces[index];
	json_open(out, "quality", '{');
	json_bool(out, "is_complete", trace->stop_ns >= 0);
	json_integer(out, "lost_records", trace->lost_records);
	add_losses(out, trace);
	add_gaps(out, trace);
	json_open(out, "rejected_rows", '{');
	json_integer(out, "negative_duration", trace->rejects.negative_duration);
	json_integer(out, "time_out_of_range", trace->rejects.time_out_of_range);
	json_integer(out, "unknown_stream", trace->rejects.unknown_stream);
	text_add_char(out, '}');
	json_integer(out, "missing_symbol_rows", trace->missing_symbol_rows);
	json_integer(out, "negative_bytes_rows", trace->negative_bytes_rows);
	json_integer(out, "api_calls", trace->api_calls);
	add_row_oddities(out, report, index);
	json_integer(out, "overhead_records", trace->overhead_records);
	json_integer(out, "overhead_ns", trace->overhead_ns);
	text_add_char(out, '}');
}

static void add_traces(struct text *out, const struct report *report)
{
	json_open(out, "traces", '[');
	for (size_t t = 0; t < report->trace_count; t++) {
		const struct report_trace *trace = &report->traces[t];
		json_open_item(out);
		json_key(out, "path");
		text_add_json(out, trace->path);
		json_text_or_null(out, "error", trace->error);
		json_text_or_null(out, "source", trace->source);
		if (trace->left_out_for != NULL)
			json_text_or_null(out, "left_out_for", trace->left_out_for);
		if (trace->trigger != NULL && trace->trigger[0] != 0)
			json_text_or_null(out, "trigger", trace->trigger);
		json_text_or_null(out, "host", trace->host);
		json_integer_or_null(out, "pid", trace->pid);
		json_integer_or_null(out, "rank", trace->rank);
		json_integer_or_null(out, "world_size", trace->world_size);
		json_integer(out, "gpus", (int64_t)trace->gpu_count);
		if (trace->error != NULL)
			json_null(out, "quality");
		else
			add_quality(out, report, t);
		text_add_char(out, '}');
	}
	text_add(out, "]");
}

static void add_partition(struct text *out, const struct partition *partition)
{
	json_integer(out, "window_ns", partition->window_ns);
	json_integer(out, "compute_ns", partition->compute_ns);
	json_integer(out, "comm_ns", partition->comm_ns);
	json_integer(out, "copy_ns", partition->copy_ns);
	json_integer(out, "idle_ns", partition->idle_ns);
	json_integer(out, "busy_union_ns", partition->window_ns - partition->idle_ns);
	json_integer(out, "compute_union_ns", partition->compute_union_ns);
	json_integer(out, "comm_union_ns", partition->comm_union_ns);
	json_integer(out, "copy_union_ns", partition->copy_union_ns);
	json_integer(out, "comm_compute_overlap_ns", partition->comm_compute_overlap_ns);
	json_integer(out, "idle_gaps", partition->idle_gaps);
	json_integer(out, "longest_gap_ns", partition->longest_gap_ns);
	json_integer(out, "longest_gap_start_ns", partition->longest_gap_start_ns);
	json_integer(out, "graph_only_ns", partition->graph_only_ns);
}

static void add_rows(struct text *out, const struct report_gpu *gpu)
{
	const struct row_counts *rows = &gpu->rows;
	json_integer(out, "gpu_rows", rows->gpu_rows);
	json_integer(out, "kernels", rows->kernels);
	json_integer(out, "comm_kernels", rows->comm_kernels);
	json_integer(out, "copies", rows->memcpys + rows->memsets);
	json_integer(out, "memcpys", rows->memcpys);
	json_integer(out, "memsets", rows->memsets);
	json_integer(out, "memset_bytes", rows->memset_bytes);
	json_integer(out, "memset_ns", rows->memset_ns);
	json_integer(out, "graphs", rows->graphs);
	json_integer(out, "streams", rows->streams);
	json_integer(out, "zero_dur_rows", rows->zero_duration_rows);
	json_integer(out, "no_launch_rows", gpu->no_launch_rows);
	json_integer(out, "before_launch_rows", gpu->before_launch_rows);
	json_integer(out, "same_stream_overlaps", rows->same_stream_overlaps);
	json_integer(out, "same_stream_overlap_max_ns", rows->same_stream_overlap_max_ns);
}

static void add_transfer_sums(struct text *out, const struct transfer *transfer)
{
	json_integer(out, "count", transfer->count);
	json_integer(out, "bytes", transfer->bytes);
	json_integer(out, "sum_ns", transfer->sum_ns);
	json_integer(out, "busy_ns", transfer->busy_ns);
	json_integer(out, "exposed_ns", transfer->exposed_ns);
	json_integer(out, "small_count", transfer->small_count);
	json_integer(out, "small_ns", transfer->small_ns);
	json_rate(out, transfer);
}

static void add_directions(struct text *out, const struct transfers *transfers)
{
	json_open(out, "directions", '[');
	for (size_t i = 0; i < transfers->direction_count; i++) {
		json_next(out);
		text_add_char(out, '{');
		json_key(out, "direction");
		text_add_json(out, copy_direction_name(transfers->by_direction[i].direction));
		add_transfer_sums(out, &transfers->by_direction[i]);
		text_add_char(out, '}');
	}
	text_add_char(out, ']');
}

static void add_gpus(struct text *out, const struct report *report)
{
	json_open(out, "gpus", '[');
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct report_gpu *gpu = &report->gpus[g];
		const struct report_trace *trace = &report->traces[gpu->trace];
		json_open_item(out);
		json_integer(out, "gpu", (int64_t)g);
		json_integer(out, "trace", (int64_t)gpu->trace);
		json_text_or_null(out, "name", gpu->name);
		json_text_or_null(out, "uuid", gpu->uuid);
		json_integer_or_null(out, "rank", trace->rank);
		json_text_or_null(out, "host", trace->host);
		json_integer_or_null(out, "pid", trace->pid);
		json_integer(out, "device", gpu->device_id);
		json_integer(out, "window_start_ns", gpu->window_start_ns);
		add_partition(out, &gpu->partition);
		add_rows(out, gpu);
		json_add_gpu_time(out, report, g);
		add_directions(out, &gpu->transfers);
		text_add_char(out, '}');
	}
	text_add_char(out, ']');
}

static void add_transfers(struct text *out, const struct report *report)
{
	json_open(out, "transfers", '[');
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct report_gpu *gpu = &report->gpus[g];
		for (size_t i = 0; i < gpu->transfers.kind_count; i++) {
			const struct transfer *transfer = &gpu->transfers.by_kind[i];
			json_open_item(out);
			json_integer(out, "gpu", (int64_t)g);
			json_integer_or_null(out, "rank", report->traces[gpu->trace].rank);
			json_key(out, "direction");
			text_add_json(out, copy_direction_name(transfer->direction));
			json_key(out, "source_memory");
			text_add_json(out, memory_kind_name(transfer->source_memory));
			json_key(out, "destination_memory");
			text_add_json(out, memory_kind_name(transfer->destination_memory));
			add_transfer_sums(out, transfer);
			text_add_char(out, '}');
		}
	}
	text_add_char(out, ']');
}

static void add_balance(struct text *out, const struct report *report)
{
	const struct balance *balance = &report->balance;
	json_open(out, "balance", '{');
	json_integer(out, "gpus", (int64_t)balance->gpu_count);
	json_ratio_or_null(out, "lambda", balance->is_known ? balance->lambda_e12 : -1);
	json_ratio_or_null(out, "cov", balance->is_known ? balance->cov_e12 : -1);
	json_integer_or_null(out, "most_gpu", balance->is_known ? (int64_t)balance->most : -1);
	json_integer_or_null(out, "least_gpu", balance->is_known ? (int64_t)balance->least : -1);
	json_integer_or_null(out, "most_compute_ns", balance->is_known ? balance->most_ns : -1);
	json_integer_or_null(out, "least_compute_ns", balance->is_known ? balance->least_ns : -1);
	json_integer(out, "sum_compute_ns", balance->sum_ns);
	text_add_char(out, '}');
}

static void add_ranks(struct text *out, const struct report *report)
{
	const struct report_ranks *ranks = &report->ranks;
	json_open(out, "ranks", '{');
	json_integer_or_null(out, "world_size", ranks->world_size);
	json_integer(out, "captured", ranks->captured);
	json_integer(out, "missing_count", ranks->missing_count);
	json_open(out, "missing", '[');
	for (size_t i = 0; i < ranks->missing_listed; i++) {
		json_next(out);
		text_add_integer(out, ranks->missing[i]);
	}
	text_add(out, "]}");
}

static void add_kernels(struct text *out, const struct report *report)
{
	char readable[DEMANGLE_BYTES];
	json_open(out, "top_kernels", '[');
	for (size_t i = 0; i < report->kernel_count; i++) {
		const struct report_kernel *kernel = &report->kernels[i];
		json_open_item(out);
		json_key(out, "name");
		text_add_json(out, demangle_symbol(kernel->name, readable, sizeof readable));
		json_key(out, "class");
		text_add_json(out,
			      kernel->class == KERNEL_COMMUNICATION ? "communication" : "compute");
		json_integer(out, "count", kernel->count);
		json_integer(out, "total_ns", kernel->total_ns);
		json_integer(out, "longest_ns", kernel->longest_ns);
		text_add_char(out, '}');
	}
	text_add_char(out, ']');
}

static void json_words(struct text *out, const char *key, const struct report *report,
		       const struct finding *finding,
		       void (*add)(struct text *out, const struct report *report,
				   const struct finding *finding))
{
	struct text words;
	text_begin(&words, SENTENCE_BYTES_MAX);
	add(&words, report, finding);
	if (!text_is_ok(&words))
		out->failed = true;
	json_text_or_null(out, key, text_string(&words));
	text_end(&words);
}

static void add_finding(struct text *out, const struct report *report,
			const struct finding *finding)
{
	bool has_gpu = finding->gpu != SIZE_MAX;
	json_open_item(out);
	json_key(out, "id");
	text_add_json(out, finding_name(finding->id));
	json_key(out, "severity");
	text_add_json(out, severity_name(finding->severity));
	json_integer(out, "gpu_ns", finding->gpu_ns);
	json_integer(out, "recoverable_ns", finding->recoverable_ns);
	json_integer_or_null(out, "per_step_ns", finding->per_step_ns);
	json_ratio_or_null(out, "share", finding->share_e12);
	json_integer(out, "count", finding->count);
	json_integer_or_null(out, "gpu", has_gpu ? (int64_t)finding->gpu : -1);
	json_integer_or_null(out, "rank", has_gpu ?
			     report->traces[report->gpus[finding->gpu].trace].rank : -1);
	json_bool(out, "is_accusation", finding->is_accusation);
	json_words(out, "text", report, finding, finding_add_words);
	json_text_or_null(out, "advice", finding_advice(finding->id));
	json_words(out, "evidence", report, finding, finding_add_evidence);
	text_add_char(out, '}');
}

static void add_hang_ranks(struct text *out, const char *key, const int64_t *ranks, size_t count)
{
	json_open(out, key, '[');
	for (size_t i = 0; i < count; i++) {
		json_next(out);
		text_add_integer(out, ranks[i]);
	}
	text_add_char(out, ']');
}

/* Only where dumps of flight recorders say that something hung. */
static void add_hangs(struct text *out, const struct report *report)
{
	if (report->hang_count == 0)
		return;
	json_open(out, "hangs", '[');
	for (size_t i = 0; i < report->hang_count; i++) {
		const struct report_hang *hang = &report->hangs[i];
		json_open_item(out);
		json_integer(out, "communicator_hash", hang->hash);
		json_integer(out, "rank_count", hang->rank_count);
		json_text_or_null(out, "operation", hang->operation);
		json_integer_or_null(out, "sequence", hang->sequence);
		json_integer(out, "waiting_ns", hang->waiting_ns);
		add_hang_ranks(out, "waiting", hang->waiting, hang->waiting_count);
		add_hang_ranks(out, "missing", hang->missing, hang->missing_count);
		add_hang_ranks(out, "unknown", hang->unknown, hang->unknown_count);
		json_bool(out, "is_mixed", hang->is_mixed);
		text_add_char(out, '}');
	}
	text_add_char(out, ']');
}

static void add_findings(struct text *out, const struct report *report)
{
	json_open(out, "findings", '[');
	for (size_t i = 0; i < report->finding_count; i++)
		add_finding(out, report, &report->findings[i]);
	text_add_char(out, ']');
}

void report_add_json(struct text *out, const struct report *report)
{
	static void (*const parts[])(struct text *out, const struct report *report) = {
		add_window, add_ranks, add_traces, add_gpus, add_transfers, add_kernels,
	};
	text_add(out, "{\"format\":\"laggard-report\",\"version\":1");
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		parts[i](out, report);
	add_balance(out, report);
	json_add_facts(out, report);
	json_add_job(out, report);
	add_hangs(out, report);
	add_findings(out, report);
	text_add(out, "}\n");
}
