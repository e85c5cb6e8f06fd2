/* SPDX-License-Identifier: MIT */
/*
 * What the HTML page draws first: all names and a coarse picture (html_grid.h), a few 10 kB before
 * the data, from which the whole is decoded meanwhile. It holds the records of html_pack.h that
 * describe processes, tracks, counters and findings as they are, of the counters' samples the
 * lowest, the highest and the last of each stretch of time, those labels that the picture uses, and
 *
 *     RECORD_GRID    start, end, level, buckets
 *     RECORD_CELLS   track, rows, instants; the first instant of each bucket that has any (zigzag,
 *                    differences); cells (0: left out, as the picture would be too large); then row
 *                    by row a byte for each bucket (0: nothing, 1 + share * 16 rounded up), and
 *                    labels of those that have any (zigzag, differences)
 *
 * Numbers are LEB128. Memory has a bound; beyond it there is no picture, and the page shows nothing
 * until all is decoded.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_HTML_PICTURE_H
#define VIEWER_EXPORT_HTML_PICTURE_H

#include "base/error.h"
#include "base/text.h"
#include "viewer-export/format.h"
#include "viewer-export/html_pack.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct html_picture;
struct output;

/* False, here and below: memory is short. */
bool html_picture_open(struct html_picture **out);
void html_picture_close(struct html_picture *picture);	/* NULL is fine */

/* A record as it will be put into the data. */
bool html_picture_keep(struct html_picture *picture, enum html_record type,
		       const struct text *record);

bool html_picture_add_track(struct html_picture *picture, const struct export_track *track);
/* Labels of slices; `number` is the one that their slices tell. */
bool html_picture_add_label(struct html_picture *picture, size_t number,
			    const struct export_label *label);
bool html_picture_add_slice(struct html_picture *picture, int64_t track_id, int64_t start_ns,
			    int64_t duration_ns, int64_t label);
bool html_picture_add_instant(struct html_picture *picture, int64_t track_id, int64_t time_ns);
bool html_picture_add_sample(struct html_picture *picture, size_t counter, int64_t time_ns,
			     int64_t value);

bool html_picture_write(struct html_picture *picture, struct output *output, struct error *error);

#endif
