/* SPDX-License-Identifier: MIT */
/*
 * What an analysis adds to the timeline: on each GPU its steps, its idle time by cause and its
 * waits in collectives; over all traces the arrows from the latest rank of a collective to those
 * that waited for it; on a process of the job the findings.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_ANALYSIS_DRAW_H
#define VIEWER_EXPORT_ANALYSIS_DRAW_H

#include "viewer-export/layout.h"

struct analysis_view {
	const struct export_target *target;
	struct layout_numbers *numbers;
	int64_t *next_flow_id;
	bool has_window;
	int64_t window_start_ns;	/* on the export's time line */
	int64_t window_end_ns;
	bool has_flows;
	int64_t base_ns;		/* of the job: where the time line begins */
};

/* As walk_is_in_window. */
bool analysis_is_in_window(const struct analysis_view *view, int64_t start_ns, int64_t end_ns);

/* The tracks of a GPU whose process was just told. Nothing where the analysis has none of it. */
bool analysis_tracks_write(struct analysis *analysis, const struct export_target *target,
			   struct layout_numbers *numbers, size_t source,
			   const struct layout_process *process, struct error *error);

/* The slices of a trace's GPUs. */
bool analysis_source_write(const struct analysis_view *view, size_t source, struct error *error);

/* After all traces: arrows, findings, and the whole to the format. */
bool analysis_job_write(const struct analysis_view *view, struct error *error);

#endif
