/* SPDX-License-Identifier: MIT */
/* What happens on a GPU. */
#include "base/array.h"
#include "viewer-export/walk.h"

#include "tracedb/demangle.h"
#include "viewer-export/kernel_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct walk_symbols {
	struct id_map symbol_at;
	struct kernel_symbol_row *rows;
	bool *is_communication;
	size_t count;
	size_t row_room;
	size_t flag_room;
};

/* Reserved colours of the Trace Viewer; compute kernels are coloured by name. */
static const char *const COLOR_COMMUNICATION = "thread_state_iowait";
static const char *const COLOR_COPY = "rail_load";
static const char *const COLOR_MEMSET = "olive";
static const char *const COLOR_WAIT = "grey";
static const char *const COLOR_GRAPH = "rail_animation";

static bool symbol_keep(struct walk *walk, const struct kernel_symbol_row *row)
{
	struct walk_symbols *symbols = walk->symbols;
	struct kernel_symbol_row *rows = array_grow(symbols->rows, &symbols->row_room,
						    symbols->count, sizeof rows[0]);
	if (rows == NULL)
		return false;
	symbols->rows = rows;
	bool *flags = array_grow(symbols->is_communication, &symbols->flag_room, symbols->count,
				 sizeof flags[0]);
	if (flags == NULL)
		return false;
	symbols->is_communication = flags;
	rows[symbols->count] = *row;
	flags[symbols->count] = kernel_class_of(trace_reader_string(walk->reader, row->name_id)) ==
				KERNEL_COMMUNICATION;
	return id_map_put(&symbols->symbol_at, (uint64_t)row->kernel_id, (int64_t)symbols->count++);
}

bool walk_symbols_read(struct walk *walk)
{
	struct trace_cursor *cursor = NULL;
	struct kernel_symbol_row row;
	int result = 0;
	bool ok = true;
	if ((walk->survey->kinds & EXPORT_KERNELS) == 0)
		return true;
	walk->symbols = calloc(1, sizeof *walk->symbols);
	if (walk->symbols == NULL)
		return walk_no_memory(walk);
	if (!trace_reader_select(walk->reader, TABLE_kernel_symbol, 0, -1, &cursor, walk->error))
		return false;
	while (ok && (result = trace_cursor_next(cursor, &row, walk->error)) > 0)
		ok = symbol_keep(walk, &row);
	trace_cursor_close(cursor);
	return ok ? result == 0 : walk_no_memory(walk);
}

void walk_symbols_end(struct walk *walk)
{
	struct walk_symbols *symbols = walk->symbols;
	if (symbols == NULL)
		return;
	id_map_end(&symbols->symbol_at);
	free(symbols->rows);
	free(symbols->is_communication);
	free(symbols);
	walk->symbols = NULL;
}

static void add_unless(struct export_arguments *arguments, const char *key, int64_t number,
		       int64_t boring)
{
	if (number != boring)
		argument_add_integer(arguments, key, number);
}

static void add_graph(struct walk *walk, int64_t graph_id, int64_t graph_node_id)
{
	add_unless(&walk->arguments, "graph id", graph_id, 0);
	add_unless(&walk->arguments, "graph node id", graph_node_id, 0);
}

/* Arrows to a collective's kernel come when those of all ranks are known. */
static void member_meet(struct walk *walk, const struct walk_span *span)
{
	struct analysis *analysis = walk->target->analysis;
	if (analysis == NULL || span->device < 0)
		return;
	const struct analysis_member drawn = {
		.start_ns = span->start_ns + analysis->sources[walk->layout->source].base_ns,
		.duration_ns = span->end_ns - span->start_ns,
		.track_id = span->track_id,
		.drawn_start_ns = span->start_ns,
		.drawn_end_ns = span->end_ns,
		.is_touching = span->place.is_touching,
	};
	analysis_meet_kernel(analysis, walk->layout->source,
			     walk->layout->devices[span->device].device_id, &drawn);
}

static bool flow_write(struct walk *walk, const struct walk_span *span, const struct launch *call)
{
	int64_t call_ns = call->start_ns + walk->offset_ns;
	struct lane_place place = lane_set_at(&walk->survey->lanes[FAMILY_CALL], call->call);
	struct export_flow flow = {
		.flow_id = span->flow_id,
		.from_track_id = walk->layout->first_tracks[FAMILY_CALL][call->group] +
				 (int64_t)place.lane,
		.from_ns = call_ns,
		.from_is_touching = place.is_touching,
		.to_track_id = span->track_id,
		.to_ns = call_ns > span->start_ns ? call_ns : span->start_ns,
		.to_start_ns = span->start_ns,
		.to_is_touching = span->place.is_touching,
		.to_is_empty = span->start_ns == span->end_ns,
	};
	walk->target->summary->flows++;
	return walk->target->format->flow(walk->target->stream, &flow, walk->error);
}

/* The span, and the arrow from the call that launched it where both are drawn. */
static bool launched_write(struct walk *walk, const struct walk_span *span, size_t label,
			   int64_t correlation_id)
{
	struct walk_span launched = *span;
	struct launch call;
	enum walk_launch launch = walk_launch_find(walk, span->start_ns, span->end_ns,
						   correlation_id, &call);
	if (launch == LAUNCH_DRAWN) {
		launched.flow_id = walk_launches_take(walk, call.call);
		launched.flow_count = 1;
	}
	if (!walk_put_slice(walk, &launched, label))
		return false;
	walk->target->summary->launches_unknown += launch == LAUNCH_UNKNOWN;
	walk->target->summary->flows_reversed += launch == LAUNCH_REVERSED;
	if (launch == LAUNCH_UNWANTED || launch == LAUNCH_UNKNOWN)
		return true;
	if (!gauge_set_launch(&walk->gauges, span->device, call.start_ns + walk->offset_ns,
			      span->end_ns))
		return walk_no_memory(walk);
	return launch != LAUNCH_DRAWN || flow_write(walk, &launched, &call);
}

static void label_add_shape(struct export_arguments *arguments,
			    const struct kernel_symbol_row *symbol)
{
	argument_add_triple(arguments, "grid", symbol->grid_x, symbol->grid_y, symbol->grid_z);
	argument_add_triple(arguments, "block", symbol->block_x, symbol->block_y, symbol->block_z);
	if (symbol->cluster_x != 0)
		argument_add_triple(arguments, "cluster", symbol->cluster_x, symbol->cluster_y,
				    symbol->cluster_z);
	argument_add_integer(arguments, "registers per thread", symbol->registers);
	add_unless(arguments, "static shared bytes", symbol->static_shared_bytes, 0);
	add_unless(arguments, "dynamic shared bytes", symbol->dynamic_shared_bytes, 0);
	add_unless(arguments, "local bytes per thread", symbol->local_bytes_per_thread, 0);
	add_unless(arguments, "launch type", symbol->launch_type, 0);
}

/* A terminated copy of a part of a name, on the heap. */
static char *part_copy(struct name_part part)
{
	char *copy = malloc(part.length + 1);
	if (copy != NULL) {
		memcpy(copy, part.bytes, part.length);
		copy[part.length] = 0;
	}
	return copy;
}

static bool kernel_label(struct walk *walk, uint64_t key, int64_t symbol_at, size_t *handle)
{
	static const struct kernel_symbol_row unknown = { .kernel_id = 0 };
	const struct kernel_symbol_row *symbol = symbol_at < 0 ? &unknown :
								 &walk->symbols->rows[symbol_at];
	char demangled[DEMANGLE_BYTES];
	const char *parameters = "";
	const char *name = demangle_symbol(trace_reader_string(walk->reader, symbol->name_id),
					   demangled, sizeof demangled);
	char *shown = part_copy(kernel_name_short(name[0] != 0 ? name : "unknown kernel",
						  &parameters));
	struct export_label label = { .name = shown, .category = "kernel" };
	if (shown == NULL)
		return walk_no_memory(walk);
	if (symbol_at >= 0) {
		if (symbol->block_x != 0)
			label_add_shape(&label.arguments, symbol);
		if (walk->symbols->is_communication[symbol_at])
			label.color = COLOR_COMMUNICATION;
	}
	argument_add_text(&label.arguments, "parameters", parameters);
	bool ok = walk_label_add(walk, key, &label, handle);
	free(shown);
	return ok;
}

bool walk_write_kernel(struct walk *walk, const struct walk_span *span, const void *data)
{
	const struct kernel_row *row = data;
	const struct export_format *format = walk->target->format;
	struct walk_symbols *symbols = walk->symbols;
	char hash[20];
	int64_t symbol_at, operations;
	if (!id_map_get(&symbols->symbol_at, (uint64_t)row->kernel_id, &symbol_at))
		symbol_at = -1;
	uint64_t key = walk_label_key(span->source, symbol_at + 1, 0);
	size_t label = format->label_find(walk->target->stream, key);
	if (label == LABEL_NONE && !kernel_label(walk, key, symbol_at, &label))
		return false;
	argument_add_integer(&walk->arguments, "correlation", row->correlation_id);
	add_graph(walk, row->graph_id, row->graph_node_id);
	if (symbol_at >= 0 && symbols->is_communication[symbol_at]) {
		member_meet(walk, span);
		const struct collective_row *collective = collective_set_find(
			&walk->collectives, row->correlation_id, &operations);
		if (collective != NULL) {
			collective_set_arguments(&walk->collectives, collective, hash,
						 &walk->arguments);
			add_unless(&walk->arguments, "operations", operations, 1);
		}
	}
	return launched_write(walk, span, label, row->correlation_id);
}

static bool copy_label(struct walk *walk, uint64_t key, const struct memcpy_row *row,
		       size_t *handle)
{
	char name[96];
	(void)snprintf(name, sizeof name, "Memcpy %s (%s -> %s)",
		       copy_direction_name(row->direction), memory_kind_name(row->source_memory),
		       memory_kind_name(row->destination_memory));
	struct export_label label = {
		.name = name, .category = "gpu_memcpy", .color = COLOR_COPY,
	};
	return walk_label_add(walk, key, &label, handle);
}

bool walk_write_memcpy(struct walk *walk, const struct walk_span *span, const void *data)
{
	const struct memcpy_row *row = data;
	struct export_arguments *arguments = &walk->arguments;
	int64_t duration_ns = span->end_ns - span->start_ns;
	/* Kinds beyond 255 are damage: no key fits them all. */
	bool is_plain = row->direction >= 0 && row->source_memory >= 0 &&
			row->source_memory < 256 && row->destination_memory >= 0 &&
			row->destination_memory < 256;
	uint64_t key = is_plain ? walk_label_key(span->source, row->direction,
						 row->source_memory << 8 | row->destination_memory)
				: 0;
	size_t label = walk->target->format->label_find(walk->target->stream, key);
	if (label == LABEL_NONE && !copy_label(walk, key, row, &label))
		return false;
	argument_add_integer(arguments, "bytes", row->bytes);
	if (row->bytes > 0 && duration_ns > 0)
		argument_add_thousandths(arguments, "GB/s",
					 copy_megabytes_per_s(row->bytes, duration_ns));
	add_unless(arguments, "from device", row->source_device_id, -1);
	add_unless(arguments, "to device", row->destination_device_id, -1);
	add_unless(arguments, "async", row->is_async, -1);
	if (row->copy_count > 1)
		argument_add_integer(arguments, "copies", row->copy_count);
	argument_add_integer(arguments, "correlation", row->correlation_id);
	add_graph(walk, row->graph_id, row->graph_node_id);
	if (!gauge_set_copy(&walk->gauges, span->device, row->direction, row->bytes, span->start_ns,
			    span->end_ns))
		return walk_no_memory(walk);
	return launched_write(walk, span, label, row->correlation_id);
}

bool walk_write_memset(struct walk *walk, const struct walk_span *span, const void *data)
{
	const struct memset_row *row = data;
	struct export_arguments *arguments = &walk->arguments;
	int64_t duration_ns = span->end_ns - span->start_ns;
	uint64_t key = walk_label_key(span->source, row->memory, 0);
	size_t label = walk->target->format->label_find(walk->target->stream, key);
	if (label == LABEL_NONE) {
		char name[64];
		(void)snprintf(name, sizeof name, "Memset (%s)", memory_kind_name(row->memory));
		struct export_label made = {
			.name = name, .category = "gpu_memset", .color = COLOR_MEMSET,
		};
		if (!walk_label_add(walk, key, &made, &label))
			return false;
	}
	argument_add_integer(arguments, "bytes", row->bytes);
	argument_add_integer(arguments, "value", row->value);
	if (row->bytes > 0 && duration_ns > 0)
		argument_add_thousandths(arguments, "GB/s",
					 copy_megabytes_per_s(row->bytes, duration_ns));
	argument_add_integer(arguments, "correlation", row->correlation_id);
	add_graph(walk, row->graph_id, row->graph_node_id);
	return launched_write(walk, span, label, row->correlation_id);
}

bool walk_write_graph(struct walk *walk, const struct walk_span *span, const void *data)
{
	const struct graph_launch_row *row = data;
	uint64_t key = walk_label_key(span->source, row->graph_id, 0);
	size_t label = walk->target->format->label_find(walk->target->stream, key);
	if (label == LABEL_NONE) {
		char name[48];
		(void)snprintf(name, sizeof name, "CUDA graph %lld", (long long)row->graph_id);
		struct export_label made = { .name = name, .category = "cuda_graph",
						     .color = COLOR_GRAPH };
		argument_add_integer(&made.arguments, "graph id", row->graph_id);
		if (!walk_label_add(walk, key, &made, &label))
			return false;
	}
	argument_add_integer(&walk->arguments, "correlation", row->correlation_id);
	return launched_write(walk, span, label, row->correlation_id);
}

bool walk_write_projected(struct walk *walk, const struct walk_span *span, const void *data)
{
	const struct gpu_range_row *row = data;
	uint64_t key = walk_label_key(span->source, row->name_id, 0);
	size_t label = walk->target->format->label_find(walk->target->stream, key);
	if (label == LABEL_NONE) {
		struct export_label made = {
			.name = trace_reader_string(walk->reader, row->name_id),
			.category = "gpu_range",
		};
		if (!walk_label_add(walk, key, &made, &label))
			return false;
	}
	return walk_put_slice(walk, span, label);
}

bool walk_write_synchronization(struct walk *walk, const struct walk_span *span, const void *data)
{
	const struct synchronization_row *row = data;
	uint64_t key = walk_label_key(span->source, row->kind, 0);
	size_t label = walk->target->format->label_find(walk->target->stream, key);
	if (label == LABEL_NONE) {
		struct export_label made = {
			.name = synchronization_kind_name(row->kind),
			.category = "sync",
			.color = COLOR_WAIT,
		};
		if (!walk_label_add(walk, key, &made, &label))
			return false;
	}
	add_unless(&walk->arguments, "event id", row->event_id, -1);
	add_unless(&walk->arguments, "event record", row->event_sync_id, 0);
	argument_add_integer(&walk->arguments, "correlation", row->correlation_id);
	return walk_put_slice(walk, span, label);
}

bool walk_write_event(struct walk *walk, const struct walk_span *span, const void *data)
{
	const struct cuda_event_row *row = data;
	char name[48];
	(void)snprintf(name, sizeof name, "event %lld", (long long)row->event_id);
	argument_add_integer(&walk->arguments, "event id", row->event_id);
	add_unless(&walk->arguments, "event record", row->event_sync_id, 0);
	argument_add_integer(&walk->arguments, "correlation", row->correlation_id);
	return walk_put_instant(walk, span, name, "cuda_event");
}
