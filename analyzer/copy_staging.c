/* SPDX-License-Identifier: MIT */
#include "analyzer/copy_samples.h"

#include <stdlib.h>

/* Candidates looked at for one copy: equal copies at the same time are not told apart anyway. */
enum { CANDIDATES_MAX = 64 };

struct half {
	int64_t bytes;
	int64_t start_ns;	/* on the shared clock */
	int64_t end_ns;
	size_t gpu;
	bool is_taken;
};

static int half_compare(const void *left, const void *right)
{
	const struct half *a = left, *b = right;
	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? -1 : 1;
	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	return (a->gpu > b->gpu) - (a->gpu < b->gpu);
}

/* All copies of one way, by bytes and start. */
static struct half *halves_make(const struct copy_samples *const *gpus, size_t gpu_count, int way,
				size_t *count)
{
	size_t total = 0;
	for (size_t g = 0; g < gpu_count; g++)
		total += gpus[g]->count;
	struct half *halves = malloc((total + 1) * sizeof *halves);
	*count = 0;
	for (size_t g = 0; halves != NULL && g < gpu_count; g++)
		for (size_t i = 0; i < gpus[g]->count; i++)
			if (gpus[g]->items[i].way == way)
				halves[(*count)++] = (struct half){
					.bytes = gpus[g]->items[i].bytes,
					.start_ns = gpus[g]->items[i].start_ns +
						gpus[g]->offset_ns,
					.end_ns = gpus[g]->items[i].end_ns + gpus[g]->offset_ns,
					.gpu = g,
				};
	if (halves != NULL && *count > 1)
		qsort(halves, *count, sizeof *halves, half_compare);
	return halves;
}

/* The earliest free copy to another GPU that begins in time; NULL: none. */
static struct half *half_match(const struct half *up, struct half *downs, size_t count,
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
	size_t up_count = 0, down_count = 0, first = 0;
	struct half *ups = halves_make(gpus, gpu_count, COPY_WAY_TO_HOST, &up_count);
	struct half *downs = halves_make(gpus, gpu_count, COPY_WAY_TO_DEVICE, &down_count);
	struct staged_copies *all = calloc(gpu_count * gpu_count + 1, sizeof *all);
	bool ok = ups != NULL && downs != NULL && all != NULL;
	*count = 0;
	for (size_t i = 0; ok && i < up_count; i++) {
		struct half *down = half_match(&ups[i], downs, down_count, &first);
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
	free(downs);
	free(all);
	return ok;
}
