/* SPDX-License-Identifier: MIT */
/*
 * An analysis database (tracedb/derived.def) beside the traces of an export: which of its traces
 * are those being drawn, how far their clocks are moved, and what is drawn of it. Rows that do not
 * belong to a trace of the export are left out.
 *
 * Memory: 88 bytes for each member of a collective, 72 for each collective. Steps and idle time are
 * read where they stand, in the order in which the analysis wrote them.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_ANALYSIS_H
#define VIEWER_EXPORT_ANALYSIS_H

#include "base/error.h"
#include "base/id_map.h"
#include "tracedb/derived_reader.h"
#include "viewer-export/format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* What is drawn of each GPU: a track, or several where spans overlap (by the error of a clock). */
enum analysis_family { ANALYSIS_STEPS, ANALYSIS_IDLE, ANALYSIS_WAITS, ANALYSIS_FAMILY_COUNT };

/* Beyond it spans are not drawn, but counted: such a file is damaged. */
enum { ANALYSIS_LANES_MAX = 16 };

/* Where the next span of a GPU goes: on the first lane whose spans are over. */
struct analysis_lanes {
	int64_t ends[ANALYSIS_LANES_MAX];
	uint32_t count;
};

struct analysis_gpu {
	int64_t gpu_id;
	int64_t device_id;
	int64_t rank;
	size_t source;			/* in export_head.sources */
	int64_t process_id;		/* 0: not drawn yet */
	int64_t first_tracks[ANALYSIS_FAMILY_COUNT];
	struct analysis_lanes lanes[ANALYSIS_FAMILY_COUNT];
	size_t first_member;		/* in analysis.members */
	size_t member_count;
};

/* A trace of the export. Rows of a table that are its: from `first` to `last`, or none. */
struct analysis_source {
	bool is_known;			/* the analysis has it, and as it is now */
	int64_t trace_id;
	int64_t epoch_ns;
	int64_t offset_ns;		/* onto the clock of the job */
	bool is_exact;			/* nothing but the offset separates the clocks */
	bool has_time;
	int64_t first_ns;		/* of what is drawn, on the clock of the job */
	int64_t last_ns;
	int64_t base_ns;		/* where the time line begins */
	struct { int64_t first, last; } rows[ANALYSIS_WAITS];
};

struct analysis_instance {
	int64_t instance_id;
	size_t communicator;		/* places in analysis.words */
	size_t operation;
	int64_t sequence;
	int64_t bytes;
	int64_t latest_gpu_id;
	int64_t latest_rank;
	int64_t latest_start_ns;
};

/* What one GPU did in a collective, and the kernel that is drawn for it. */
struct analysis_member {
	size_t instance;
	size_t gpu;
	int64_t start_ns;
	int64_t duration_ns;
	int64_t wait_ns;
	int64_t track_id;		/* of its kernel; 0: not met */
	int64_t drawn_start_ns;
	int64_t drawn_end_ns;
	bool is_touching;
};

/* A table that is read from trace to trace. */
struct analysis_scan {
	struct trace_cursor *cursor;
	int64_t next;			/* index of the row that comes next */
};

struct analysis {
	struct derived_reader *reader;
	const char *path;		/* borrowed */
	struct analysis_source *sources;
	size_t source_count;
	struct analysis_gpu *gpus;
	size_t gpu_count, gpu_room;
	struct id_map gpu_at;		/* by gpu_id */
	struct analysis_instance *instances;
	size_t instance_count, instance_room;
	struct id_map instance_at;
	struct analysis_member *members;	/* by GPU and start */
	size_t member_count, member_room;
	char **words;
	size_t word_count, word_room;
	struct bytes_map word_at;
	struct analysis_scan scans[ANALYSIS_WAITS];
	bool has_steady;
	int64_t first_steady;		/* step.number */
};

/*
 * Opens it and finds the sources in it; `sources` have their path and trace. A trace that is not in
 * it, or has changed since, is drawn without. ERROR_INPUT: it cannot be read.
 */
bool analysis_open(struct analysis **out, const char *path, const struct export_source *sources,
		   size_t count, struct error *error);
void analysis_close(struct analysis *analysis);	/* NULL is fine */

/* What is drawn: time bounds, lanes, members. After analysis_open, before anything is drawn. */
bool analysis_survey(struct analysis *analysis, struct error *error);

/* The file is as it was when it was analysed. */
bool analysis_file_is_as(const struct stat *file, const struct analysis_trace_row *row);

/* How many sources it knows. */
size_t analysis_known_count(const struct analysis *analysis);

/* First begin and last end of steps by number, on the clock of the job. False: there are none. */
bool analysis_steps_bounds(const struct analysis *analysis, int64_t first, int64_t last,
			   int64_t *start_ns, int64_t *end_ns, bool *has_steps,
			   struct error *error);

/* The GPU's next span. False: no lane takes it. */
bool analysis_lanes_place(struct analysis_lanes *lanes, int64_t start_ns, int64_t end_ns,
			  uint32_t *lane);

/* A point of the job's clock and a length, cut to what can be computed with; false: no time. */
bool analysis_span(int64_t *start_ns, int64_t *duration_ns);

/* The next row of a table that belongs to the source: as trace_cursor_next. */
int analysis_scan_next(struct analysis *analysis, enum analysis_family family, size_t source,
		       bool is_first, void *row, struct error *error);

/* The place of a text in analysis.words; false: memory is short. */
bool analysis_word(struct analysis *analysis, const char *text, size_t *word);

/* NULL: none of this id. */
struct analysis_gpu *analysis_find_gpu(const struct analysis *analysis, int64_t gpu_id);

/* A kernel of a GPU that is drawn: if it is a member of a collective, arrows can lead there. */
void analysis_meet_kernel(struct analysis *analysis, size_t source, int64_t device_id,
			  const struct analysis_member *drawn);

#endif
