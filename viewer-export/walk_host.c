/* SPDX-License-Identifier: MIT */
/* What happens on the host. */
#include "viewer-export/walk.h"

#include "tracedb/vocabulary.h"
#include "viewer-export/kernel_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A domain of NVTX is an argument; of a framework it is the kind of thing recorded, and so the
 * category.
 */
static bool range_label(struct walk *walk, uint64_t key, const struct range_row *row,
			size_t *handle)
{
	const char *domain = trace_reader_string(walk->reader, row->domain_id);
	bool is_framework = row->kind == RANGE_FRAMEWORK;
	struct export_label label = {
		.name = trace_reader_string(walk->reader, row->name_id),
		.category = !is_framework ? "nvtx" : domain[0] != 0 ? domain : "framework",
	};
	if (!is_framework)
		argument_add_text(&label.arguments, "domain", domain);
	return walk_label_add(walk, key, &label, handle);
}

/* 20 bytes hold "#aarrggbb". */
static void add_details(struct walk *walk, int64_t category_id, int64_t color, int64_t payload_id,
			char color_text[20])
{
	struct export_arguments *arguments = &walk->arguments;
	argument_add_text(arguments, "category", trace_reader_string(walk->reader, category_id));
	if (color != 0) {
		(void)snprintf(color_text, 20, "#%08lx",
			       (unsigned long)((uint64_t)color & 0xffffffff));
		argument_add_text(arguments, "color", color_text);
	}
	argument_add_text(arguments, "payload", trace_reader_string(walk->reader, payload_id));
}

bool walk_write_range(struct walk *walk, const struct walk_span *span, const void *data)
{
	const struct range_row *row = data;
	char color[20];
	int64_t kind = row->kind == RANGE_FRAMEWORK;
	/* Two ids of 28 bits, and the kind in the lowest bit of the domain's. */
	uint64_t key = row->domain_id < 0 || row->domain_id >= 1 << 27 ? 0 :
		       walk_label_key(span->source, row->name_id, row->domain_id << 1 | kind);
	size_t label = walk->target->format->label_find(walk->target->stream, key);
	if (label == LABEL_NONE && !range_label(walk, key, row, &label))
		return false;
	add_details(walk, row->category_id, row->color, row->payload_id, color);
	if (row->end_thread_id != row->thread_id && row->end_thread_id != 0)
		argument_add_integer(&walk->arguments, "end thread", row->end_thread_id);
	if (row->is_open != 0)
		argument_add_text(&walk->arguments, "note", "never closed while recording");
	return walk_put_slice(walk, span, label);
}

bool walk_write_mark(struct walk *walk, const struct walk_span *span, const void *data)
{
	const struct mark_row *row = data;
	char color[20];
	argument_add_text(&walk->arguments, "domain",
			  trace_reader_string(walk->reader, row->domain_id));
	add_details(walk, row->category_id, row->color, row->payload_id, color);
	return walk_put_instant(walk, span, trace_reader_string(walk->reader, row->name_id),
				"mark");
}

bool walk_write_collective(struct walk *walk, const struct walk_span *span, const void *data)
{
	const struct collective_row *row = data;
	char hash[20];
	uint64_t key = walk_label_key(span->source, row->operation_id, 0);
	size_t label = walk->target->format->label_find(walk->target->stream, key);
	if (label == LABEL_NONE) {
		const char *name = trace_reader_string(walk->reader, row->operation_id);
		struct export_label made = {
			.name = name[0] != 0 ? name : "NCCL operation", .category = "nccl",
			.color = "thread_state_iowait",
		};
		if (!walk_label_add(walk, key, &made, &label))
			return false;
	}
	collective_set_arguments(&walk->collectives, row, hash, &walk->arguments);
	if (row->correlation_id != 0)
		argument_add_integer(&walk->arguments, "correlation", row->correlation_id);
	return walk_put_slice(walk, span, label);
}

static const char *api_category(int64_t api)
{
	return api == API_RUNTIME ? "cuda_runtime" : api == API_DRIVER ? "cuda_driver" : "api";
}

static bool call_label(struct walk *walk, uint64_t key, const struct api_call_row *row,
		       size_t *handle)
{
	const char *name = trace_reader_string(walk->reader, row->name_id);
	struct name_part part = call_name_short(name);
	char *shown = malloc(part.length + 1);
	if (shown == NULL)
		return walk_no_memory(walk);
	memcpy(shown, part.bytes, part.length);
	shown[part.length] = 0;
	struct export_label label = {
		.name = shown[0] != 0 ? shown : "unknown call",
		.category = api_category(row->api),
	};
	if (name[part.length] != 0)
		argument_add_text(&label.arguments, "function", name);
	bool ok = walk_label_add(walk, key, &label, handle);
	free(shown);
	return ok;
}

bool walk_write_call(struct walk *walk, const struct walk_span *span, const void *data)
{
	const struct api_call_row *row = data;
	uint64_t key = walk_label_key(span->source, row->name_id, row->api);
	size_t label = walk->target->format->label_find(walk->target->stream, key);
	if (label == LABEL_NONE && !call_label(walk, key, row, &label))
		return false;
	argument_add_integer(&walk->arguments, "correlation", row->correlation_id);
	if (row->return_value != 0)
		argument_add_integer(&walk->arguments, "result", row->return_value);
	struct walk_span launching = *span;
	walk_launches_of_call(walk, span->index, &launching);
	return walk_put_slice(walk, &launching, label);
}

bool walk_write_overhead(struct walk *walk, const struct walk_span *span, const void *data)
{
	const struct overhead_row *row = data;
	uint64_t key = walk_label_key(span->source, row->name_id, 0);
	size_t label = walk->target->format->label_find(walk->target->stream, key);
	if (label == LABEL_NONE) {
		struct export_label made = {
			.name = trace_reader_string(walk->reader, row->name_id),
			.category = "overhead",
			.color = "bad",
		};
		if (!walk_label_add(walk, key, &made, &label))
			return false;
	}
	return walk_put_slice(walk, span, label);
}

/* "running", "sleeping: futex_wait_queue": the letters are those of the system's list of threads.
 */
static const char *state_name(int64_t state)
{
	switch (state) {
	case 'R': return "running";
	case 'S': return "sleeping";
	case 'D': return "waiting for a device";
	case 'T': return "stopped";
	case 't': return "traced";
	case 'Z': return "ended";
	default: return "in another state";
	}
}

bool walk_write_host_sample(struct walk *walk, const struct walk_span *span, const void *data)
{
	const struct host_sample_row *row = data;
	const char *place = trace_reader_string(walk->reader, row->wait_channel_id);
	char name[192];
	(void)snprintf(name, sizeof name, "%s%s%s", state_name(row->state),
		       place[0] != 0 ? ": " : "", place);
	if (row->cpu_time_ns >= 0)
		argument_add_integer(&walk->arguments, "CPU time ns", row->cpu_time_ns);
	if (row->run_delay_ns >= 0)
		argument_add_integer(&walk->arguments, "run delay ns", row->run_delay_ns);
	if (row->processor >= 0)
		argument_add_integer(&walk->arguments, "processor", row->processor);
	return walk_put_instant(walk, span, name, "host");
}

static bool loss_write(struct walk *walk, const struct loss_row *row)
{
	const struct survey *survey = walk->survey;
	bool is_timed = row->first_ns >= survey->first_ns && row->first_ns <= survey->last_ns;
	int64_t time_ns = (is_timed ? row->first_ns : survey->first_ns) + walk->offset_ns;
	struct walk_span span = { .track_id = walk->layout->loss_track_id };
	if (!survey->has_time)
		time_ns = 0;
	if (is_timed && !walk_is_in_window(walk, time_ns, time_ns))
		return true;
	/* Without a time it stands where the timeline begins. */
	if (!is_timed && walk->has_window && time_ns < walk->window_start_ns)
		time_ns = walk->window_start_ns;
	span.start_ns = span.end_ns = time_ns;
	walk->arguments.count = 0;
	argument_add_text(&walk->arguments, "source", row->source);
	argument_add_integer(&walk->arguments, "count", row->count);
	if (row->first_ns >= 0 && row->last_ns >= row->first_ns)
		argument_add_integer(&walk->arguments, "last seen after ns",
				     row->last_ns - row->first_ns);
	return walk_put_instant(walk, &span, row->reason, "loss");
}

bool walk_write_losses(struct walk *walk)
{
	struct trace_cursor *cursor = NULL;
	struct loss_row row;
	int result = 0;
	bool ok = true;
	if (walk->layout->loss_track_id == 0)
		return true;
	if (!trace_reader_select(walk->reader, TABLE_loss, 0, -1, &cursor, walk->error))
		return false;
	while (ok && (result = trace_cursor_next(cursor, &row, walk->error)) > 0)
		ok = loss_write(walk, &row);
	trace_cursor_close(cursor);
	return ok && result == 0;
}
