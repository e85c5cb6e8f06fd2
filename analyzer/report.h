/* SPDX-License-Identifier: MIT */
/*
 * What an analysis found: numbers and names, no sentences. Every renderer draws from this one
 * struct, so that text, JSON and Markdown cannot disagree.
 *
 * Thread: made by one thread; constant afterwards.
 */
#ifndef ANALYZER_REPORT_H
#define ANALYZER_REPORT_H

#include "analyzer/findings.h"
#include "analyzer/gpu_facts.h"
#include "analyzer/hang.h"
#include "analyzer/host_detail.h"
#include "analyzer/job.h"
#include "analyzer/metric_balance.h"
#include "analyzer/metric_bubble.h"
#include "analyzer/metric_chain.h"
#include "analyzer/metric_partition.h"
#include "analyzer/metric_transfers.h"
#include "analyzer/straggler.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REPORT_KERNELS_MAX = 10, REPORT_MISSING_RANKS_MAX = 1024 };

struct report_loss {
	const char *source;
	const char *reason;
	int64_t count;		/* 0: the row states a fact */
	int64_t first_ns;	/* since the trace's epoch, -1 if unknown */
	int64_t last_ns;
};

/* Stretches in which something was not recorded, for one reason. */
struct report_capture_gap {
	const char *source;	/* what is missing: cupti, nvtx, nccl, nvml, all */
	const char *reason;
	int64_t count;
	int64_t ns;
};

struct report_trace {
	const char *path;
	const char *left_out_for; /* a younger dump of the same work (dump_overlap.h); or NULL */
	const char *error;	/* NULL: read. Otherwise why not, and only `path` is set */
	const char *source;	/* libtrace, kineto, nsys */
	const char *host;	/* "" if unknown */
	const char *boot_id;	/* "" if unknown */
	int64_t pid;		/* -1 if unknown, as rank and world_size */
	int64_t rank;
	int64_t world_size;
	int64_t epoch_ns;	/* 0 .. TIME_LIMIT_NS */
	int64_t stop_ns;	/* -1: recording did not end properly */
	size_t gpu_count;	/* with GPU work */
	struct report_loss *losses;
	size_t loss_count;
	const char *trigger;	/* of a flight recorder's dump; NULL or "" otherwise */
	struct communicator_state *states;
	size_t state_count;
	int64_t lost_records;	/* sum of their counts */
	struct report_capture_gap *gaps;
	size_t gap_count;
	struct timeline_rejects rejects;
	int64_t missing_symbol_rows;
	int64_t negative_bytes_rows;
	int64_t api_calls;
	int64_t overhead_records;	/* profiling's own time, as the source reports it */
	int64_t overhead_ns;
};

/* One of the longest idle gaps of a GPU, with its evidence. */
struct report_gap {
	int64_t start_ns;	/* trace clock */
	int64_t ns;
	enum idle_cause cause;	/* of its longest part */
	int64_t cause_ns;
	int64_t thread_id;	/* that issued what ended it; -1 unknown */
	const char *call;	/* CUDA call that took that part, or NULL */
	const char *range;	/* innermost range of the thread, or NULL */
	const char *next;	/* operation that ended it, or NULL */
};

/* Its causes, steps and waits stand in report.job.gpus, in the same order. */
struct report_gpu {
	size_t trace;		/* index in report.traces */
	size_t same_as;		/* an earlier GPU that shows the very same work; SIZE_MAX: none */
	int64_t device_id;
	const char *name;	/* "" if unknown */
	const char *uuid;
	int64_t window_start_ns;	/* Unix time, where the trace's epoch is known */
	struct partition partition;
	struct row_counts rows;
	int64_t no_launch_rows;		/* of the whole trace */
	int64_t before_launch_rows;
	struct transfers transfers;	/* in an arena */
	struct host_detail host;	/* nothing asked: the trace has no samples of the host */
	struct report_gap worst[WORST_GAPS_MAX];	/* longest first */
	size_t worst_count;
};

struct report_totals {
	int64_t window_ns, compute_ns, comm_ns, copy_ns, idle_ns;	/* saturated */
	int64_t graph_only_ns;
	int64_t not_recorded_ns;	/* of idle_ns: in gaps of the capture, where nobody knows */
	int64_t lost_records;
	int64_t broken_traces;
	int64_t empty_traces;	/* readable, without GPU work */
	int64_t repeated_gpus;	/* whose work another trace shows, too: counted twice in the sums */
};

/* Which ranks of the job are here. */
struct report_ranks {
	int64_t world_size;	/* -1: unknown or not the same in all traces */
	bool is_mixed;		/* the traces name several sizes: more than one job? */
	int64_t captured;	/* different known ranks */
	int64_t missing_count;	/* of world_size */
	int64_t *missing;	/* the first REPORT_MISSING_RANKS_MAX */
	size_t missing_listed;
};

struct report_kernel {
	const char *name;	/* as recorded */
	enum kernel_class class;
	int64_t count;
	int64_t total_ns;
	int64_t longest_ns;
};

/*
 * What moved in the matched instances of a group that lie in the window, by the conventions of
 * nccl-tests; beside report.job.match->groups.
 */
struct report_group {
	int64_t instances;
	int64_t wire_ns;		/* from the last rank's start to the last one's end */
	int64_t algorithm_bytes;	/* -1: sizes not known, as the next */
	int64_t bus_bytes;
	const char *algorithm;	/* of its first instance, NULL unknown */
	const char *protocol;
};

/* Stages that send to each other in a chain, as their Sends and Recvs tell. */
struct pipeline_facts {
	bool is_known;
	int64_t stages;
	int64_t micro_batches;
	struct bubble bubble;
	int64_t *stage;		/* of each GPU; -1: in none */
};

struct report {
	struct arena **arenas;		/* everything below lives in them */
	size_t arena_count;
	struct job job; /* what was compared over the ranks; its measures are gone */
	struct gpu_facts *facts;	/* one a GPU */
	struct stragglers stragglers;
	struct efficiency_chain chain;
	struct report_group *groups;
	int64_t *instance_bytes;	/* of each collective: one rank's argument; -1 unknown */
	int64_t *instance_start_ns;	/* of its first member, on that one's own clock */
	int64_t window_start_ns;	/* of an explicit window: since the first GPU activity */
	int64_t window_end_ns;
	struct report_trace *traces;
	size_t trace_count;
	struct report_gpu *gpus;	/* by rank, host, pid, device */
	size_t gpu_count;
	struct report_totals totals;
	struct report_ranks ranks;
	struct balance balance;
	struct report_kernel
		*kernels; /* with most time first, at most REPORT_KERNELS_MAX a class */
	size_t kernel_count;
	const char *version_words;	/* which versions differ between the traces; NULL: none */
	struct pipeline_facts pipeline;
	struct report_hang *hangs;	/* one a communicator */
	size_t hang_count;
	struct finding *findings;	/* most recoverable time first */
	size_t finding_count;
	size_t finding_room;
};

enum report_format { REPORT_TEXT, REPORT_JSON, REPORT_MARKDOWN };

struct report_style {
	enum report_format format;
	bool has_color;		/* text: ANSI colours */
	bool has_unicode;	/* text: box drawing; otherwise plain ASCII */
};

/* Appends to `out` (begun by the caller). Fails only if memory or the text's maximum is used up. */
bool report_render(const struct report *report, const struct report_style *style, struct text *out,
		   struct error *error);

/* The step (from 0) of a GPU that holds a time of its trace; false outside of all. */
bool report_step_at(const struct report *report, size_t gpu, int64_t time_ns, size_t *step);

/* The shortest or longest duration of the steady steps; 0 without. */
int64_t report_step_extreme_ns(const struct report *report, bool is_longest);

/* Is the exposed communication of a GPU told apart into waiting and transferring? */
bool report_knows_wait(const struct report *report, size_t gpu);

/* Exposed communication; both -1 where it is not told apart. */
struct report_waits {
	int64_t transfer_ns;
	int64_t wait_ns;
};

struct report_waits report_waits_of(const struct report *report, size_t gpu);
/* Over all GPUs: saturated; unknown where one is. */
struct report_waits report_waits_sum(const struct report *report);

/* Steps that the window is made of; 0: it is not made of steps. */
int64_t report_steps_used(const struct report *report);

/* The highest severity among the findings. */
enum severity report_severity(const struct report *report);

void report_close(struct report *report);

/* The three renderers behind report_render. */
void report_add_text(struct text *out, const struct report *report,
		     const struct report_style *style);
void report_add_json(struct text *out, const struct report *report);
void report_add_markdown(struct text *out, const struct report *report);

#endif
