/* SPDX-License-Identifier: MIT */
#include "analyzer/copy_samples.h"

#include <stdlib.h>
#include <string.h>

/* Candidates looked at for one copy: equal copies at the same time are not told apart anyway. */
enum { CANDIDATES_MAX = 64 };

static int copy_compare(const void *left, const void *right)
{
	const struct gpu_copy *a = left, *b = right;
	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? -1 : 1;
	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	return (a->gpu > b->gpu) - (a->gpu < b->gpu);
}

/* Copies by start become copies by bytes and start; those of one size, the common case, are. */
static void sort_by_bytes(struct gpu_copy *copies, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (copies[i - 1].bytes > copies[i].bytes) {
			qsort(copies, count, sizeof *copies, copy_compare);
			return;
		}
}

/* Moves the copies to the device behind those to the host; both stay by start. False: no memory. */
static bool split_by_way(struct gpu_copy *copies, size_t count, size_t *up_count)
{
	struct gpu_copy *downs = malloc((count + 1) * sizeof *downs);
	size_t down_count = 0;
	*up_count = 0;
	for (size_t i = 0; downs != NULL && i < count; i++) {
		if (copies[i].way == COPY_WAY_TO_HOST)
			copies[(*up_count)++] = copies[i];
		else
			downs[down_count++] = copies[i];
	}
	if (downs == NULL)
		return false;
	memcpy(copies + *up_count, downs, down_count * sizeof *downs);
	free(downs);
	return true;
}

/* The earliest free copy to another GPU that begins in time; NULL: none. */
static struct gpu_copy *find_down(const struct gpu_copy *up, struct gpu_copy *downs, size_t count,
			       size_t *first)
{
	while (*first < count && (downs[*first].is_taken || downs[*first].bytes < up->bytes ||
				  (downs[*first].bytes == up->bytes &&
				   downs[*first].start_ns < up->start_ns)))
		++*first;
	for (size_t i = *first; i < count && i - *first < CANDIDATES_MAX; i++) {
		if (downs[i].bytes != up->bytes ||
		    downs[i].start_ns > up->end_ns + STAGED_DELAY_NS)
			return NULL;
		if (!downs[i].is_taken && downs[i].gpu != up->gpu)
			return &downs[i];
	}
	return NULL;
}

static int pair_compare(const void *left, const void *right)
{
	const struct staged_copies *a = left, *b = right;
	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	if (a->from != b->from)
		return a->from < b->from ? -1 : 1;
	return (a->to > b->to) - (a->to < b->to);
}

static size_t pairs_pick(struct staged_copies *all, size_t gpu_count, struct staged_copies *pairs,
			 size_t room)
{
	size_t count = 0, used = 0;
	for (size_t i = 0; i < gpu_count * gpu_count; i++)
		if (all[i].count >= STAGED_COPIES_MIN)
			all[count++] = all[i];
	if (count > 1)
		qsort(all, count, sizeof *all, pair_compare);
	for (; used < count && used < room; used++)
		pairs[used] = all[used];
	return used;
}

bool staged_copies_find(const struct copy_samples *const *gpus, size_t gpu_count,
			struct staged_copies *pairs, size_t room, size_t *count)
{
	size_t copy_count = 0, up_count = 0, first = 0;
	struct gpu_copy *ups = gpu_copies_merge(gpus, gpu_count, &copy_count);
	struct staged_copies *all = calloc(gpu_count * gpu_count + 1, sizeof *all);
	bool ok = ups != NULL && all != NULL && split_by_way(ups, copy_count, &up_count);
	struct gpu_copy *downs = ok ? ups + up_count : NULL;
	size_t down_count = copy_count - up_count;
	if (ok) {
		sort_by_bytes(ups, up_count);
		sort_by_bytes(downs, down_count);
	}
	*count = 0;
	for (size_t i = 0; ok && i < up_count; i++) {
		struct gpu_copy *down = find_down(&ups[i], downs, down_count, &first);
		if (down == NULL)
			continue;
		down->is_taken = true;
		struct staged_copies *pair = &all[ups[i].gpu * gpu_count + down->gpu];
		pair->from = ups[i].gpu;
		pair->to = down->gpu;
		pair->count++;
		pair->bytes = add_saturated(pair->bytes, down->bytes);
		pair->sum_ns = add_saturated(pair->sum_ns, ups[i].end_ns - ups[i].start_ns);
		pair->sum_ns = add_saturated(pair->sum_ns, down->end_ns - down->start_ns);
	}
	if (ok)
		*count = pairs_pick(all, gpu_count, pairs, room);
	free(ups);
	free(all);
	return ok;
}
