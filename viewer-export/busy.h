/* SPDX-License-Identifier: MIT */
/*
 * How busy a track is, bucket by bucket: the time that is covered by at least one span (a union,
 * never a sum), exact to the nanosecond, from one pass over spans that come nearly in the order of
 * their starts. The buckets of all tracks of a trace share one grid whose widths are powers of two,
 * so that a grid that must widen merges pairs and stays exact.
 *
 *     busy_grid_begin(&grid, first_ns, last_ns, count)
 *     busy_add(&busy, &grid, &span) ...            spans may be out of order by BUSY_PENDING / 2
 *     busy_finish(&busy, &grid)
 *
 * What comes later than that is added as far as it is certain; the buckets at its ends, whose cover
 * is not known any more, are marked: busy_is_marked. Their owner computes them from the rows with
 * busy_fill, and then all are exact.
 *
 * Pure. Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_BUSY_H
#define VIEWER_EXPORT_BUSY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Spans of a track that wait for others that may begin before them. */
enum { BUSY_PENDING = 2048 };

/* Bucket i covers [(first + i) << level, (first + i + 1) << level). */
struct busy_grid {
	unsigned level;
	int64_t first;
	size_t count;
	int64_t first_ns;	/* times seen so far: all lie on the grid */
	int64_t last_ns;
};

struct busy_span {
	int64_t start_ns;
	int64_t end_ns;
	uint32_t name;
};

struct busy_bucket {
	int64_t busy_ns;
	int64_t longest_ns;	/* the largest piece that one span gave, and its name */
	uint32_t name;
	uint32_t count;		/* spans that begin here */
};

struct busy {
	struct busy_bucket *buckets;	/* grid.count; NULL: no span yet */
	uint64_t *full;			/* bits of buckets that a late span covers wholly */
	uint64_t *marks;		/* bits of buckets that are to be computed anew */
	struct busy_span *pending;
	size_t pending_count;
	size_t pending_room;
	bool has_begun;
	int64_t last_start_ns;	/* of the spans added; before it the cover is final */
	int64_t end_ns;		/* their latest end; [last_start_ns, end_ns) is covered */
};

int64_t busy_grid_bucket(const struct busy_grid *grid, int64_t time_ns);
int64_t busy_grid_start_ns(const struct busy_grid *grid, size_t bucket);
void busy_grid_begin(struct busy_grid *grid, int64_t first_ns, int64_t last_ns, size_t count);

/* The grid that holds these times, too: the same or a coarser one, of at most `count` buckets. */
struct busy_grid busy_grid_widened(const struct busy_grid *grid, int64_t first_ns, int64_t last_ns,
				   size_t count);

/* Moves the buckets from one grid to a wider one. False: memory is short. */
bool busy_widen(struct busy *busy, const struct busy_grid *from, const struct busy_grid *to);

/* The span lies on the grid. False: memory is short. */
bool busy_add(struct busy *busy, const struct busy_grid *grid, const struct busy_span *span);

/* After the last span. */
void busy_finish(struct busy *busy, const struct busy_grid *grid);
void busy_end(struct busy *busy);

bool busy_is_marked(const struct busy *busy, size_t bucket);
void busy_clear_mark(struct busy *busy, size_t bucket);

/*
 * Buckets from the spans themselves, in any order (they are sorted): bucket i covers
 * [(first + i) << level, ...). What lies outside is cut off; counts are of spans that begin inside.
 */
void busy_fill(struct busy_bucket *buckets, size_t count, int64_t first, unsigned level,
	       struct busy_span *spans, size_t span_count);

/* The least level, from `least` on, at which `count` buckets hold [start_ns, end_ns). */
unsigned busy_level(int64_t start_ns, int64_t end_ns, int64_t count, unsigned least);

/* Adds what `from` says to a coarser bucket. */
void busy_bucket_merge(struct busy_bucket *bucket, const struct busy_bucket *from);

#endif
