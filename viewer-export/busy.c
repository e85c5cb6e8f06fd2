/* SPDX-License-Identifier: MIT */
#include "viewer-export/busy.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

/* Right shifts of negative numbers round down with every compiler that builds this. */
static int64_t bucket_of(int64_t time_ns, unsigned level)
{
	return time_ns >> level;
}

static int64_t start_of(int64_t bucket, unsigned level)
{
	return (int64_t)((uint64_t)bucket << level);
}

static size_t word_count(size_t buckets)
{
	return (buckets + 63) / 64;
}

static bool bit_is_set(const uint64_t *bits, size_t at)
{
	return (bits[at / 64] >> (at % 64) & 1) != 0;
}

static void bit_set(uint64_t *bits, size_t at)
{
	bits[at / 64] |= UINT64_C(1) << (at % 64);
}

int64_t busy_grid_bucket(const struct busy_grid *grid, int64_t time_ns)
{
	return bucket_of(time_ns, grid->level) - grid->first;
}

int64_t busy_grid_start_ns(const struct busy_grid *grid, size_t bucket)
{
	return start_of(grid->first + (int64_t)bucket, grid->level);
}

static struct busy_grid grid_of(int64_t first_ns, int64_t last_ns, size_t count, unsigned level)
{
	while (bucket_of(last_ns, level) - bucket_of(first_ns, level) >= (int64_t)count)
		level++;
	return (struct busy_grid){
		.level = level, .first = bucket_of(first_ns, level), .count = count,
		.first_ns = first_ns, .last_ns = last_ns,
	};
}

void busy_grid_begin(struct busy_grid *grid, int64_t first_ns, int64_t last_ns, size_t count)
{
	*grid = grid_of(first_ns, last_ns, count, 0);
}

struct busy_grid busy_grid_widened(const struct busy_grid *grid, int64_t first_ns, int64_t last_ns,
				   size_t count)
{
	first_ns = first_ns < grid->first_ns ? first_ns : grid->first_ns;
	last_ns = last_ns > grid->last_ns ? last_ns : grid->last_ns;
	struct busy_grid wide = *grid;
	wide.first_ns = first_ns;
	wide.last_ns = last_ns;
	if (count == grid->count && busy_grid_bucket(grid, first_ns) >= 0 &&
	    busy_grid_bucket(grid, last_ns) < (int64_t)count)
		return wide;
	return grid_of(first_ns, last_ns, count, grid->level);
}

unsigned busy_level(int64_t start_ns, int64_t end_ns, int64_t count, unsigned least)
{
	unsigned level = least;
	while (((end_ns - 1) >> level) - (start_ns >> level) >= count)
		level++;
	return level;
}

void busy_bucket_merge(struct busy_bucket *bucket, const struct busy_bucket *from)
{
	bucket->busy_ns += from->busy_ns;
	if (from->longest_ns > bucket->longest_ns) {
		bucket->longest_ns = from->longest_ns;
		bucket->name = from->name;
	}
	bucket->count += from->count;
}

static bool buckets_make(struct busy *busy, size_t count)
{
	busy->buckets = calloc(count, sizeof busy->buckets[0]);
	busy->full = calloc(word_count(count), sizeof busy->full[0]);
	busy->marks = calloc(word_count(count), sizeof busy->marks[0]);
	return busy->buckets != NULL && busy->full != NULL && busy->marks != NULL;
}

static void buckets_free(struct busy *busy)
{
	free(busy->buckets);
	free(busy->full);
	free(busy->marks);
}

bool busy_widen(struct busy *busy, const struct busy_grid *from, const struct busy_grid *to)
{
	struct busy wide = *busy;
	if (busy->buckets == NULL)
		return true;
	if (!buckets_make(&wide, to->count)) {
		buckets_free(&wide);
		return false;
	}
	for (size_t i = 0; i < from->count; i++) {
		const struct busy_bucket *bucket = &busy->buckets[i];
		if (bucket->busy_ns == 0 && bucket->count == 0 && !bit_is_set(busy->marks, i))
			continue;
		size_t at = (size_t)busy_grid_bucket(to, busy_grid_start_ns(from, i));
		busy_bucket_merge(&wide.buckets[at], bucket);
		if (bit_is_set(busy->marks, i))
			bit_set(wide.marks, at);
	}
	buckets_free(busy);
	*busy = wide;
	return true;
}

/* A piece that no other span of the track covers, inside the buckets. */
static void piece_add(struct busy_bucket *buckets, int64_t first, unsigned level, int64_t start_ns,
		      int64_t end_ns, uint32_t name)
{
	while (start_ns < end_ns) {
		int64_t at = bucket_of(start_ns, level);
		int64_t stop_ns = start_of(at + 1, level);
		struct busy_bucket piece = {
			.busy_ns = (end_ns < stop_ns ? end_ns : stop_ns) - start_ns, .name = name,
		};
		piece.longest_ns = piece.busy_ns;
		busy_bucket_merge(&buckets[at - first], &piece);
		start_ns += piece.busy_ns;
	}
}

/* Bucket `at` is covered by one span from end to end. */
static void bucket_fill_up(struct busy *busy, const struct busy_grid *grid, size_t at,
			   uint32_t name)
{
	int64_t width_ns = INT64_C(1) << grid->level;
	busy->buckets[at].busy_ns = width_ns;
	if (busy->buckets[at].longest_ns < width_ns) {
		busy->buckets[at].longest_ns = width_ns;
		busy->buckets[at].name = name;
	}
	bit_set(busy->full, at);
}

/*
 * A span that begins before what was added last: which of [start, end) was covered is not known any
 * more. Wholly covered buckets are full whatever it was; those at the ends are marked.
 */
static void late_add(struct busy *busy, const struct busy_grid *grid, int64_t start_ns,
		     int64_t end_ns, uint32_t name)
{
	if (start_ns >= end_ns)
		return;
	size_t first = (size_t)busy_grid_bucket(grid, start_ns);
	size_t last = (size_t)busy_grid_bucket(grid, end_ns - 1);
	bit_set(busy->marks, first);
	bit_set(busy->marks, last);
	for (size_t at = first + 1; at < last;) {
		if (at % 64 == 0 && busy->full[at / 64] == UINT64_MAX) {
			at += 64;	/* by words: many late spans may cover the same buckets */
			continue;
		}
		if (!bit_is_set(busy->full, at))
			bucket_fill_up(busy, grid, at, name);
		at++;
	}
}

static void span_settle(struct busy *busy, const struct busy_grid *grid,
			const struct busy_span *span)
{
	int64_t start_ns = span->start_ns;
	if (busy->has_begun && start_ns < busy->last_start_ns)
		late_add(busy, grid, start_ns,
			 span->end_ns < busy->last_start_ns ? span->end_ns : busy->last_start_ns,
			 span->name);
	else
		busy->last_start_ns = start_ns;
	if (!busy->has_begun)
		busy->end_ns = start_ns;
	busy->has_begun = true;
	if (start_ns < busy->end_ns)
		start_ns = busy->end_ns;
	if (start_ns >= span->end_ns)
		return;
	piece_add(busy->buckets, grid->first, grid->level, start_ns, span->end_ns, span->name);
	busy->end_ns = span->end_ns;
}

static int span_compare(const void *left, const void *right)
{
	const struct busy_span *a = left, *b = right;
	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	return (a->end_ns < b->end_ns) - (a->end_ns > b->end_ns);
}

static void spans_sort(struct busy_span *spans, size_t count)
{
	bool is_sorted = true;
	for (size_t i = 1; is_sorted && i < count; i++)
		is_sorted = spans[i - 1].start_ns <= spans[i].start_ns;
	if (!is_sorted)
		qsort(spans, count, sizeof spans[0], span_compare);
}

static void pending_settle(struct busy *busy, const struct busy_grid *grid, size_t count)
{
	if (count == 0)
		return;
	spans_sort(busy->pending, busy->pending_count);
	for (size_t i = 0; i < count; i++)
		span_settle(busy, grid, &busy->pending[i]);
	busy->pending_count -= count;
	memmove(busy->pending, busy->pending + count,
		busy->pending_count * sizeof busy->pending[0]);
}

bool busy_add(struct busy *busy, const struct busy_grid *grid, const struct busy_span *span)
{
	if (busy->buckets == NULL && !buckets_make(busy, grid->count)) {
		buckets_free(busy);
		busy->buckets = NULL;
		return false;
	}
	busy->buckets[busy_grid_bucket(grid, span->start_ns)].count++;
	if (span->end_ns <= span->start_ns)
		return true;
	struct busy_span *pending = array_grow(busy->pending, &busy->pending_room,
					       busy->pending_count, sizeof pending[0]);
	if (pending == NULL)
		return false;
	busy->pending = pending;
	pending[busy->pending_count++] = *span;
	if (busy->pending_count == BUSY_PENDING)
		pending_settle(busy, grid, BUSY_PENDING / 2);
	return true;
}

void busy_finish(struct busy *busy, const struct busy_grid *grid)
{
	pending_settle(busy, grid, busy->pending_count);
	free(busy->pending);
	busy->pending = NULL;
	busy->pending_room = 0;
}

void busy_end(struct busy *busy)
{
	buckets_free(busy);
	free(busy->pending);
	*busy = (struct busy){ .buckets = NULL };
}

bool busy_is_marked(const struct busy *busy, size_t bucket)
{
	return busy->buckets != NULL && bit_is_set(busy->marks, bucket);
}

void busy_clear_mark(struct busy *busy, size_t bucket)
{
	busy->marks[bucket / 64] &= ~(UINT64_C(1) << (bucket % 64));
}

void busy_fill(struct busy_bucket *buckets, size_t count, int64_t first, unsigned level,
	       struct busy_span *spans, size_t span_count)
{
	int64_t begin_ns = start_of(first, level), end_ns = start_of(first + (int64_t)count, level);
	int64_t covered_ns = begin_ns;
	memset(buckets, 0, count * sizeof buckets[0]);
	spans_sort(spans, span_count);
	for (size_t i = 0; i < span_count; i++) {
		const struct busy_span *span = &spans[i];
		int64_t start_ns = span->start_ns > covered_ns ? span->start_ns : covered_ns;
		int64_t stop_ns = span->end_ns < end_ns ? span->end_ns : end_ns;
		if (span->start_ns >= begin_ns && span->start_ns < end_ns)
			buckets[bucket_of(span->start_ns, level) - first].count++;
		if (start_ns >= stop_ns)
			continue;
		piece_add(buckets, first, level, start_ns, stop_ns, span->name);
		covered_ns = stop_ns;
	}
}
