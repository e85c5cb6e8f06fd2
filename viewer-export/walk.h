/* SPDX-License-Identifier: MIT */
/*
 * The one walk over a trace: every row to a slice, an instant or a counter of the format, every
 * launch to a flow. It reads each table once, in storage order, and keeps no rows.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_WALK_H
#define VIEWER_EXPORT_WALK_H

#include "base/error.h"
#include "viewer-export/collectives.h"
#include "viewer-export/export.h"
#include "viewer-export/gauges.h"
#include "viewer-export/layout.h"
#include "viewer-export/survey.h"

#include <stdbool.h>
#include <stdint.h>

struct walk_symbols;

struct walk {
	const struct export_target *target;
	struct trace_reader *reader;
	struct survey *survey;
	struct layout *layout;
	int64_t offset_ns;		/* from the trace's epoch to the export's time line */
	bool has_window;
	int64_t window_start_ns;	/* on the export's time line */
	int64_t window_end_ns;
	int64_t *next_flow_id;		/* shared by all traces */
	uint32_t *first_flows;	/* by call, from launches_base; NULL: not wanted by the format */
	int64_t launches_base;
	struct collective_set collectives;
	struct gauge_set gauges;
	struct walk_symbols *symbols;
	struct export_arguments arguments;	/* of the slice being written */
	struct error *error;
};

/* A row with its place. Times are on the export's time line. */
struct walk_span {
	const struct span_source *source;
	int64_t track_id;
	int64_t device;		/* index of the GPU's process; -1 on the host */
	size_t index;		/* among the spans of its family */
	int64_t flow_id;	/* of its arrow, or of the first of them */
	uint32_t flow_count;
	int64_t start_ns;
	int64_t end_ns;
	struct lane_place place;
};

bool walk_trace(struct walk *walk, struct error *error);

/*
 * The parts of it, by where things happen: each writes one row. walk->error says what went wrong.
 */
bool walk_write_kernel(struct walk *walk, const struct walk_span *span, const void *row);
bool walk_write_memcpy(struct walk *walk, const struct walk_span *span, const void *row);
bool walk_write_memset(struct walk *walk, const struct walk_span *span, const void *row);
bool walk_write_graph(struct walk *walk, const struct walk_span *span, const void *row);
bool walk_write_projected(struct walk *walk, const struct walk_span *span, const void *row);
bool walk_write_synchronization(struct walk *walk, const struct walk_span *span, const void *row);
bool walk_write_event(struct walk *walk, const struct walk_span *span, const void *row);
bool walk_write_range(struct walk *walk, const struct walk_span *span, const void *row);
bool walk_write_mark(struct walk *walk, const struct walk_span *span, const void *row);
bool walk_write_collective(struct walk *walk, const struct walk_span *span, const void *row);
bool walk_write_call(struct walk *walk, const struct walk_span *span, const void *row);
bool walk_write_overhead(struct walk *walk, const struct walk_span *span, const void *row);
bool walk_write_host_sample(struct walk *walk, const struct walk_span *span, const void *row);

/* Whichever of them it is. */
bool walk_write_row(struct walk *walk, const struct walk_span *span, const union span_row *row);

/*
 * For a format that wants launches: how many arrows leave each call, and so which ids they get.
 * After it, walk_launches_end.
 */
bool walk_launches_count(struct walk *walk);
void walk_launches_end(struct walk *walk);

/* The flow ids of a call. */
void walk_launches_of_call(const struct walk *walk, size_t call, struct walk_span *span);

/* The next of a call's flow ids; without the count, the next of all. */
int64_t walk_launches_take(struct walk *walk, size_t call);

/*
 * Does an arrow lead to the span? It does where the call that launched it is drawn and the span is
 * not over before the call begins. `call` is filled in wherever the trace has it.
 */
enum walk_launch {
	LAUNCH_UNWANTED,	/* by the options */
	LAUNCH_UNKNOWN,		/* the call is not in the trace */
	LAUNCH_HIDDEN,		/* by the window */
	LAUNCH_REVERSED,
	LAUNCH_DRAWN,
};
enum walk_launch walk_launch_find(const struct walk *walk, int64_t start_ns, int64_t end_ns,
				  int64_t correlation_id, struct launch *call);

/* Kernels with their shapes; before the first kernel. */
bool walk_symbols_read(struct walk *walk);
void walk_symbols_end(struct walk *walk);

/* Counters: of the work seen, memory, samples. After everything else. */
bool walk_write_counters(struct walk *walk);

/* What the recording lost, as instants. After everything else. */
bool walk_write_losses(struct walk *walk);

/* Shared by the parts. */
bool walk_is_in_window(const struct walk *walk, int64_t start_ns, int64_t end_ns);
uint64_t walk_label_key(const struct span_source *source, int64_t first, int64_t second);
bool walk_label_add(struct walk *walk, uint64_t key, const struct export_label *label,
		    size_t *handle);
bool walk_put_slice(struct walk *walk, const struct walk_span *span, size_t label);
bool walk_put_instant(struct walk *walk, const struct walk_span *span, const char *name,
		      const char *category);
bool walk_no_memory(struct walk *walk);

#endif
