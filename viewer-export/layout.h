/* SPDX-License-Identifier: MIT */
/*
 * Where everything stands in the viewer: a process for the host side of a trace and one for each of
 * its GPUs, tracks in their order, with names that a person reads.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_LAYOUT_H
#define VIEWER_EXPORT_LAYOUT_H

#include "base/error.h"
#include "viewer-export/analysis.h"
#include "viewer-export/format.h"
#include "viewer-export/layout_facts.h"
#include "viewer-export/survey.h"

#include <stdbool.h>
#include <stdint.h>

struct layout_process {
	int64_t device_id;
	int64_t process_id;
};

struct layout {
	struct survey *survey;		/* borrowed */
	size_t source;			/* index of the trace in export_head.sources */
	struct layout_facts facts;
	int64_t host_process_id;	/* 0: nothing on the host side */
	bool has_host_gauges;
	bool has_losses;
	int64_t loss_track_id;		/* 0: nothing was lost */
	struct layout_process *devices;	/* by device id */
	struct id_map device_at;
	size_t device_count;
	size_t device_room;
	int64_t *first_tracks[FAMILY_COUNT];	/* by group: track of lane 0; the others follow */
	int64_t *group_devices[FAMILY_COUNT];	/* by group: index of its device; -1 on the host */
};

/* Ids and order numbers shared by all traces of an export. */
struct layout_numbers {
	int64_t next_id;	/* of processes and tracks */
	int64_t next_order;
};

/* A format that is being written. */
struct export_target {
	const struct export_format *format;
	struct export_stream *stream;
	struct export_summary *summary;
	struct analysis *analysis;	/* NULL: none */
};

/* Places the trace and tells the format its processes and tracks. */
bool layout_make(struct layout *layout, struct survey *survey, size_t source,
		 struct layout_numbers *numbers, const struct export_target *target,
		 struct error *error);
void layout_end(struct layout *layout);

/* Index of a device in layout->devices; -1 if it has no process. */
int64_t layout_device_index(const struct layout *layout, int64_t device_id);

#endif
