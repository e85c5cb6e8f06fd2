/* SPDX-License-Identifier: MIT */
#include "analyzer/intervals.h"

#include "analyzer/times.h"

#include "base/column.h"

#include <assert.h>
#include <stdlib.h>

bool intervals_add(struct intervals *intervals, int64_t start_ns, int64_t end_ns)
{
	if (end_ns <= start_ns)
		return true;
	if (intervals->count > 0) {
		struct interval *last = &intervals->items[intervals->count - 1];
		assert(start_ns >= last->start_ns);
		if (start_ns <= last->end_ns) {
			last->end_ns = time_later(last->end_ns, end_ns);
			return true;
		}
	}
	if (intervals->count == intervals->room) {
		size_t room = intervals->room == 0 ? 64 : intervals->room + intervals->room / 2;
		if (!column_resize(&intervals->items, room, sizeof *intervals->items))
			return false;
		intervals->room = room;
	}
	intervals->items[intervals->count++] = (struct interval){ start_ns, end_ns };
	return true;
}

void intervals_clear(struct intervals *intervals)
{
	intervals->count = 0;
}

void intervals_end(struct intervals *intervals)
{
	free(intervals->items);
	*intervals = (struct intervals){ 0 };
}

bool intervals_union(struct intervals *out, const struct intervals *a, const struct intervals *b)
{
	size_t i = 0, k = 0;
	intervals_clear(out);
	while (i < a->count || k < b->count) {
		bool is_from_a = k == b->count ||
			(i < a->count && a->items[i].start_ns <= b->items[k].start_ns);
		struct interval next = is_from_a ? a->items[i++] : b->items[k++];
		if (!intervals_add(out, next.start_ns, next.end_ns))
			return false;
	}
	return true;
}

bool intervals_intersection(struct intervals *out, const struct intervals *a,
			    const struct intervals *b)
{
	size_t i = 0, k = 0;
	intervals_clear(out);
	while (i < a->count && k < b->count) {
		const struct interval *x = &a->items[i], *y = &b->items[k];
		if (!intervals_add(out, time_later(x->start_ns, y->start_ns),
				   time_earlier(x->end_ns, y->end_ns)))
			return false;
		if (x->end_ns < y->end_ns)
			i++;
		else
			k++;
	}
	return true;
}

int64_t intervals_common_length(const struct intervals *a, const struct intervals *b)
{
	size_t i = 0, k = 0;
	int64_t length_ns = 0;
	while (i < a->count && k < b->count) {
		const struct interval *x = &a->items[i], *y = &b->items[k];
		int64_t start_ns = time_later(x->start_ns, y->start_ns);
		int64_t end_ns = time_earlier(x->end_ns, y->end_ns);
		if (end_ns > start_ns)
			length_ns += end_ns - start_ns;
		if (x->end_ns < y->end_ns)
			i++;
		else
			k++;
	}
	return length_ns;
}

bool intervals_difference(struct intervals *out, const struct intervals *a,
			  const struct intervals *b)
{
	size_t k = 0;
	intervals_clear(out);
	for (size_t i = 0; i < a->count; i++) {
		int64_t at_ns = a->items[i].start_ns;
		int64_t end_ns = a->items[i].end_ns;
		while (k < b->count && b->items[k].end_ns <= at_ns)
			k++;
		/* The last one may reach into the next item of `a`: `k` stays on it. */
		for (size_t hole = k; hole < b->count && b->items[hole].start_ns < end_ns; hole++) {
			if (!intervals_add(out, at_ns, b->items[hole].start_ns))
				return false;
			at_ns = time_later(at_ns, b->items[hole].end_ns);
			k = hole;
		}
		if (!intervals_add(out, at_ns, end_ns))
			return false;
	}
	return true;
}

bool intervals_gaps(struct intervals *out, const struct intervals *busy, int64_t start_ns,
		    int64_t end_ns)
{
	struct interval window = { start_ns, end_ns };
	struct intervals whole = { &window, end_ns > start_ns, 1 };
	return intervals_difference(out, &whole, busy);
}

int64_t intervals_length(const struct intervals *intervals)
{
	int64_t length_ns = 0;
	for (size_t i = 0; i < intervals->count; i++)
		length_ns += intervals->items[i].end_ns - intervals->items[i].start_ns;
	return length_ns;
}
