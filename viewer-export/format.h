/* SPDX-License-Identifier: MIT */
/*
 * What an output format is: a row of functions that one walk over the traces calls. The walk knows
 * the traces and no format, a format knows its file and no trace. A new format is one file
 * format_<name>.c and one row in formats.c.
 *
 * The order of calls: begin; trace by trace its processes and tracks, then its slices, instants,
 * counters and flows (a flow after the slices of both its ends, a slice after the slice that it
 * lies in where both start together, and after one of its track that ends where it starts, but for
 * GPU work); then, where there is an analysis, the process of the job with its track and slices,
 * flows from trace to trace, and analysis; end. Times are nanoseconds since the base of the export,
 * never negative.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_FORMAT_H
#define VIEWER_EXPORT_FORMAT_H

#include "base/error.h"
#include "base/text.h"
#include "tracedb/derived.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output;
struct trace_reader;

/*
 * Process and track ids: dense, from 1, shared by both kinds, so that no track is taken for a main
 * thread.
 */

enum export_argument_type {
	ARGUMENT_INTEGER,
	ARGUMENT_THOUSANDTHS,	/* number / 1000, with three digits */
	ARGUMENT_TRIPLE,	/* three numbers: a grid */
	ARGUMENT_TEXT,
};

struct export_argument {
	const char *key;	/* a literal of ours: needs no escaping */
	enum export_argument_type type;
	int64_t number;
	int64_t more[2];
	const char *text;
};

enum { EXPORT_ARGUMENTS_MAX = 24 };

struct export_arguments {
	struct export_argument list[EXPORT_ARGUMENTS_MAX];
	size_t count;
};

/* What many slices have in common: a kernel with its shape, a function, a range. */
struct export_label {
	const char *name;
	const char *category;
	const char *color;	/* reserved colour name of the Trace Viewer, or NULL */
	struct export_arguments arguments;
};

enum export_process_kind {
	PROCESS_HOST,	/* the host side of a trace */
	PROCESS_GPU,	/* one GPU as a trace saw it */
	PROCESS_JOB,	/* what belongs to no single trace */
};

struct export_process {
	int64_t process_id;
	const char *name;
	int64_t order;
	enum export_process_kind kind;
	size_t source;		/* index in export_head.sources; 0 of a job */
	int64_t rank;		/* -1: unknown */
	int64_t device_id;	/* of a GPU, in its trace; -1: unknown */
};

/* What lies on a track; the values of enum span_family come first, in their order. */
enum export_track_kind {
	TRACK_RANGES,
	TRACK_COLLECTIVES,
	TRACK_CALLS,
	TRACK_OVERHEAD,
	TRACK_HOST,		/* what a launching thread did, sampled */
	TRACK_WORK,		/* kernels, copies and memsets of a stream */
	TRACK_GRAPHS,
	TRACK_PROJECTED,
	TRACK_SYNC,
	TRACK_EVENTS,
	TRACK_STEPS,		/* from the analysis: the steps of a GPU */
	TRACK_IDLE,		/* from the analysis: idle time of a GPU, by cause */
	TRACK_WAITS,		/* from the analysis: waiting for other ranks inside collectives */
	TRACK_FINDINGS,
	TRACK_LOSSES,		/* what the recording lost; on the host */
};

struct export_track {
	int64_t track_id;
	int64_t process_id;
	const char *name;
	int64_t order;
	enum export_track_kind kind;
	int64_t thread_id;	/* of a host track; 0: none */
	int64_t stream_number;	/* of a GPU's track, as CUDA counts them; -1: none */
	uint32_t lane;		/* spans that overlap lie on lanes 0, 1, ... of one group */
	struct export_arguments arguments;	/* of every slice on it */
};

struct export_slice {
	int64_t track_id;
	int64_t start_ns;
	int64_t duration_ns;
	size_t label;		/* from label_find or label_add */
	const struct export_arguments *arguments;
	/*
	 * Only for a format that wants launches: of a call, the flow ids of all arrows that will
	 * leave it; of what was launched, that of its arrow (and a count of 1).
	 */
	int64_t flow_id;
	uint32_t flow_count;
};

struct export_instant {
	int64_t track_id;
	int64_t time_ns;
	const char *name;
	const char *category;
	const struct export_arguments *arguments;
};

struct export_counter {
	int64_t process_id;
	const char *name;
	const char *series;
	int64_t time_ns;
	int64_t value;
};

enum export_flow_kind {
	FLOW_LAUNCH,	/* from a call to what it launched */
	FLOW_COLLECTIVE, /* from the latest rank of a collective to one that waited for it */
};

/* An arrow; from_ns <= to_ns, each inside its slice. */
struct export_flow {
	enum export_flow_kind kind;
	int64_t flow_id;	/* from 1, one for each arrow */
	int64_t from_track_id;
	int64_t from_ns;
	bool from_is_touching;	/* another slice of the track ends at from_ns */
	int64_t to_track_id;
	int64_t to_ns;
	int64_t to_start_ns;	/* where the slice begins that it leads to */
	bool to_is_touching;
	bool to_is_empty;	/* the slice has no length */
};

/* A trace of the set, for the head of the file. */
struct export_source {
	const char *path;
	const struct trace_row *trace;
	/* Added to its times where an analysis aligned the clocks of several hosts. */
	int64_t clock_offset_ns;
	bool is_analysed;	/* what the analysis found of it is drawn */
};

/* What an analysis found, as its sidecar says it. Texts are any bytes. */
struct export_analysis {
	const struct analysis_row *row;
	const struct finding_row *findings;	/* the most important first */
	const int64_t *finding_processes;	/* the GPU that shows each most; 0: none */
	size_t finding_count;
};

struct export_head {
	int64_t base_ns;	/* Unix time of 0 */
	const char *tool_version;
	const struct export_source *sources;
	size_t source_count;
	const struct analysis_row *analysis;	/* NULL: none is drawn */
	size_t part;		/* of several files, from 1; 0: the only one */
	size_t part_count;
	bool has_window;	/* only what touches [window_start_ns, window_end_ns) comes; */
	int64_t window_start_ns;	/* INT64_MAX is the end of time */
	int64_t window_end_ns;
};

/* What was written and what could not be, for the end of the file and for the person. */
struct export_summary {
	int64_t processes;
	int64_t tracks;
	int64_t slices;
	int64_t instants;
	int64_t counters;
	int64_t flows;
	int64_t launches_unknown; /* GPU work whose launch call is not in the trace: no flow */
	int64_t flows_reversed;   /* GPU work that is over before its launch call begins: no flow */
	int64_t spans_crowded;		/* beyond LANES_MAX overlapping spans: share a lane */
	int64_t waits_unplaced;	/* waited in a collective whose kernels were not met: no flow */
	int64_t flows_across;		/* from one file of several to another: left out */
	int64_t files;
	int64_t bytes;			/* of all files before compression */
	int64_t rows;			/* of a format that writes tables */
	int64_t tables;
};

/* A format while it writes: its text is flushed to the output when it has grown. */
struct export_stream {
	struct output *output;
	struct text text;
	void *state;		/* of the format */
};

/* A trace as a format that reads its tables by itself gets it. */
struct export_trace {
	struct trace_reader *reader;
	const struct export_source *source;
	int64_t epoch_ns;	/* its time 0 on the clock of the job */
	bool is_unix;		/* that clock counts from 1970 */
	bool has_time;		/* false: no event at all; the times below are the trace's own */
	int64_t first_ns;
	int64_t last_ns;
	bool has_window;
	int64_t window_start_ns;
	int64_t window_end_ns;
};

struct export_set {
	const struct export_trace *traces;
	size_t count;
	unsigned kinds;		/* EXPORT_* bits of export.h */
	const char *tool_version;	/* NULL: not told */
	const char *output_path;
	void (*progress)(void *context, int64_t done, int64_t all);	/* may be NULL */
	void *progress_context;
};

#define LABEL_NONE SIZE_MAX

struct export_format {
	const char *name;	/* --format NAME */
	const char *extension;	/* with its dot */
	const char *summary;	/* one line for the help */
	const char *opened_in;	/* what opens it, for the person who wrote it; NULL: not told */
	bool is_divisible;	/* into several files, by time: parts.h */
	bool is_for_perfetto;	/* ui.perfetto.dev opens it */
	bool wants_launches;	/* slices tell their flow ids: what is launched is counted before */
	/*
	 * Writes everything by itself, for a format that wants rows of tables and no timeline. Then
	 * none of the functions below is called, and they may be NULL.
	 */
	bool (*write_set)(struct export_stream *stream, const struct export_set *set,
			  struct export_summary *summary, struct error *error);
	bool (*begin)(struct export_stream *stream, const struct export_head *head,
		      struct error *error);
	bool (*process)(struct export_stream *stream, const struct export_process *process,
			struct error *error);
	bool (*track)(struct export_stream *stream, const struct export_track *track,
		      struct error *error);
	/*
	 * Labels are kept by a key of the walk's (0: not kept), and all may be forgotten at any
	 * label_add. Keys mean something within one trace only: before each, labels_forget.
	 */
	void (*labels_forget)(struct export_stream *stream);
	size_t (*label_find)(struct export_stream *stream, uint64_t key);
	bool (*label_add)(struct export_stream *stream, uint64_t key,
			  const struct export_label *label, size_t *handle, struct error *error);
	bool (*slice)(struct export_stream *stream, const struct export_slice *slice,
		      struct error *error);
	bool (*instant)(struct export_stream *stream, const struct export_instant *instant,
			struct error *error);
	bool (*counter)(struct export_stream *stream, const struct export_counter *counter,
			struct error *error);
	bool (*flow)(struct export_stream *stream, const struct export_flow *flow,
		     struct error *error);
	/* May be NULL: then the format shows of an analysis what lies on tracks. */
	bool (*analysis)(struct export_stream *stream, const struct export_analysis *analysis,
			 struct error *error);
	bool (*end)(struct export_stream *stream, const struct export_summary *summary,
		    struct error *error);
	void (*free)(struct export_stream *stream);	/* also after a failure */
};

extern const struct export_format chrome_format;
extern const struct export_format perfetto_format;
extern const struct export_format html_format;
extern const struct export_format svg_format;
extern const struct export_format nsys_format;

/* Ends with NULL; the first is the default. */
extern const struct export_format *const export_formats[];

/* Short words for pages: "host", "gpu", "job"; "work", "calls", ... */
const char *export_process_kind_name(enum export_process_kind kind);
const char *export_track_kind_name(enum export_track_kind kind);

void argument_add_integer(struct export_arguments *arguments, const char *key, int64_t number);
void argument_add_thousandths(struct export_arguments *arguments, const char *key, int64_t number);
void argument_add_triple(struct export_arguments *arguments, const char *key, int64_t x, int64_t y,
			 int64_t z);

/* Nothing is added for an empty text. */
void argument_add_text(struct export_arguments *arguments, const char *key, const char *text);

#endif
