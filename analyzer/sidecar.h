/* SPDX-License-Identifier: MIT */
/*
 * The sidecar: what an analysis found, as an analysis database (tracedb/derived.def) beside the
 * traces. The GPUs come first (sidecar_add_gpu_time); wherever a later row names a gpu_id, its
 * trace_id and rank are filled in from there. Nothing is seen under the name of the file until
 * sidecar_commit.
 *
 * Thread: one thread at a time.
 */
#ifndef ANALYZER_SIDECAR_H
#define ANALYZER_SIDECAR_H

#include "base/error.h"
#include "base/text.h"
#include "tracedb/derived.h"

#include <stdbool.h>
#include <stdint.h>

#define SIDECAR_NAME "laggard-analysis.db"

struct sidecar;

/* One piece of idle time, with one cause. Texts may be NULL: not known. */
struct sidecar_piece {
	int64_t gpu_id;
	int64_t start_ns;	/* Unix time on the clock of the job */
	int64_t duration_ns;
	const char *cause;
	int64_t gap;		/* number of the stretch on its GPU */
	int64_t step;		/* -1: in none */
	int64_t thread_id;	/* 0: not known */
	const char *call;
	const char *range;
	const char *next;
};

/* Where the sidecar of a trace file, or of a folder of traces, stands. */
void sidecar_add_path(struct text *path, const char *trace_or_folder);

/* Pieces of idle time that are shorter than `shortest_gap_ns` go into one row a GPU and cause. */
bool sidecar_create(struct sidecar **out, const char *path, int64_t shortest_gap_ns,
		    struct error *error);

/* `analysis_id` and `shortest_gap_ns` are filled in. */
bool sidecar_add_analysis(struct sidecar *sidecar, const struct analysis_row *row,
			  struct error *error);

/* `file_bytes` and `changed_ns` are filled in from the file at its path. */
bool sidecar_add_analysis_trace(struct sidecar *sidecar, const struct analysis_trace_row *row,
				struct error *error);

bool sidecar_add_gpu_time(struct sidecar *sidecar, const struct gpu_time_row *row,
			  struct error *error);
bool sidecar_add_piece(struct sidecar *sidecar, const struct sidecar_piece *piece,
		       struct error *error);

/* Pieces of a GPU and cause that are known only as a sum. */
bool sidecar_add_rest(struct sidecar *sidecar, int64_t gpu_id, const char *cause,
		      int64_t duration_ns, int64_t pieces, struct error *error);

/* Rows as they are, but for trace_id and rank. */
bool sidecar_add_step(struct sidecar *sidecar, const struct step_row *row, struct error *error);
bool sidecar_add_step_idle(struct sidecar *sidecar, const struct step_idle_row *row,
			   struct error *error);
bool sidecar_add_idle_cause(struct sidecar *sidecar, const struct idle_cause_row *row,
			    struct error *error);
bool sidecar_add_absent_cause(struct sidecar *sidecar, const struct absent_cause_row *row,
			      struct error *error);
bool sidecar_add_collective_instance(struct sidecar *sidecar,
				     const struct collective_instance_row *row,
				     struct error *error);
bool sidecar_add_collective_member(struct sidecar *sidecar, const struct collective_member_row *row,
				   struct error *error);
bool sidecar_add_blame(struct sidecar *sidecar, const struct blame_row *row, struct error *error);
bool sidecar_add_blame_cause(struct sidecar *sidecar, const struct blame_cause_row *row,
			     struct error *error);
bool sidecar_add_transfer_problem(struct sidecar *sidecar, const struct transfer_problem_row *row,
				  struct error *error);

/* `finding_id` is filled in: findings are numbered as they come. */
bool sidecar_add_finding(struct sidecar *sidecar, const struct finding_row *row,
			 struct error *error);

/* The file gets its name. The sidecar is gone, also on failure; then what stood there stays. */
bool sidecar_commit(struct sidecar *sidecar, struct error *error);

/* Gone without a trace. NULL is fine. */
void sidecar_abandon(struct sidecar *sidecar);

#endif
