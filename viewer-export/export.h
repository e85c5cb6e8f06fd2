/* SPDX-License-Identifier: MIT */
/*
 * Traces into a file that a viewer opens: `laggard export`. One file holds all traces of the set on
 * one time line that begins with the first event of any of them (see origin.h). The same databases
 * give the same bytes.
 *
 * Memory: 5 to 8 bytes for each API call of one trace at a time (4 more where the format wants
 * launches), 32 for each copy, a bit for each span, 12 bytes for each that overlaps another, and
 * what analysis.h says; it does not grow with the number of traces. Where the rows of a table come
 * far out of order of time (a range that is open all the time is written last), 24 bytes more for
 * each of its spans, 72 while they are placed.
 *
 * Thread: one thread at a time; it uses all readers of the set.
 */
#ifndef VIEWER_EXPORT_EXPORT_H
#define VIEWER_EXPORT_EXPORT_H

#include "base/error.h"
#include "tracedb/trace_set.h"
#include "viewer-export/format.h"

#include <stdbool.h>
#include <stdint.h>

/* What to write; EXPORT_ALL is everything. Flows need the calls and what they launched. */
enum {
	EXPORT_KERNELS = 1 << 0,	/* graphs included */
	EXPORT_COPIES = 1 << 1,		/* memsets included */
	EXPORT_CALLS = 1 << 2,
	EXPORT_RANGES = 1 << 3,		/* NVTX and framework ranges and marks */
	EXPORT_SYNC = 1 << 4,		/* synchronization and CUDA events */
	EXPORT_NCCL = 1 << 5,
	EXPORT_OVERHEAD = 1 << 6,
	EXPORT_COUNTERS = 1 << 7,
	EXPORT_FLOWS = 1 << 8,
	EXPORT_ANALYSIS = 1 << 9,	/* what an analysis found; nothing without one */
	EXPORT_LOSSES = 1 << 10,	/* what the recording lost */
	EXPORT_ALL = (1 << 11) - 1
};

/* Told how much of the work is done, in steps of unequal size; may be NULL. */
typedef void (*export_progress)(void *context, int64_t done, int64_t all);

/* Numbers from `first` to `last`, both included. */
struct export_range {
	int64_t first;
	int64_t last;
};

struct export_options {
	const char *format;		/* name of a row in export_formats; NULL: the first */
	const char *output; /* path; "-": standard output; a name ending in .gz is compressed */
	const char *tool_version;	/* goes into the file; NULL: left out */
	unsigned kinds;			/* EXPORT_* bits; 0: all */
	const struct export_range *ranks;	/* only traces of these; NULL: all */
	size_t rank_count;
	int64_t max_bytes;	/* of a file before compression, else several; 0: any */
	bool has_window;		/* only what touches [window_start_ns, window_end_ns), */
	int64_t window_start_ns;	/* in ns since the first GPU activity of the set */
	int64_t window_end_ns;
	bool has_steps;			/* only what touches these steps of the analysis, */
	int64_t first_step;		/* instead of a window */
	int64_t last_step;
	/*
	 * An analysis of these traces: is drawn, and its clocks are those of the time line. NULL:
	 * none. Traces that changed since, or are not in it, are drawn without.
	 */
	const char *analysis_path;
	export_progress progress;
	void *progress_context;
};

/*
 * `summary` may be NULL. On failure nothing is left at the output path, or what was there before;
 * of several files none is left.
 */
bool export_traces(struct trace_set *set, const struct export_options *options,
		   struct export_summary *summary, struct error *error);

/* The analysis knows all traces of the set as they are now. False, too, where it cannot be read. */
bool export_analysis_is_current(struct trace_set *set, const char *path);

/* "kernels,copies,calls" to EXPORT_* bits. ERROR_USAGE names the word and the words that exist. */
bool export_kinds_parse(const char *list, unsigned *kinds, struct error *error);

/* NULL name: the default format. ERROR_USAGE names those that exist. */
bool export_format_find(const struct export_format **format, const char *name, struct error *error);

#endif
