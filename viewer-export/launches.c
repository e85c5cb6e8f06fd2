/* SPDX-License-Identifier: MIT */
#include "viewer-export/launches.h"

#include "base/array.h"
#include "viewer-export/varint.h"

#include <stdlib.h>
#include <string.h>

enum {
	PAGE_COUNT = 64,
	LAUNCH_BYTES_MAX = 4 * VARINT_BYTES_MAX,
	CROWD_MAX = 16,		/* blocks that an id may lie in before all are sorted */
};

/* Ids of calls without one do not count in the bounds. */
struct launch_block {
	size_t first_byte;
	int64_t min;
	int64_t max;
	int64_t max_before;	/* greatest max up to this block */
	int64_t min_behind;	/* smallest min from this block on */
};

struct launch_page {
	size_t block;		/* + 1; 0: nothing unpacked */
	size_t count;
	size_t hint;
	bool is_sorted;		/* ids grow strictly */
	struct launch launches[LAUNCH_BLOCK];
};

struct launch_order {
	int64_t correlation_id;
	uint32_t call;
};

static uint64_t since(int64_t value, int64_t before)
{
	return (uint64_t)value - (uint64_t)before;
}

static struct launch_block *block_open(struct launch_index *index)
{
	if (index->count % LAUNCH_BLOCK != 0)
		return &index->blocks[index->block_count - 1];
	struct launch_block *blocks = array_grow(index->blocks, &index->block_room,
						 index->block_count, sizeof blocks[0]);
	if (blocks == NULL)
		return NULL;
	index->blocks = blocks;
	index->last = (struct launch){ .call = 0 };
	blocks[index->block_count] = (struct launch_block){
		.first_byte = index->byte_count, .min = INT64_MAX, .max = INT64_MIN,
	};
	return &blocks[index->block_count++];
}

bool launch_index_add(struct launch_index *index, const struct launch *launch)
{
	struct launch_block *block = index->count < UINT32_MAX ? block_open(index) : NULL;
	if (block == NULL)
		return false;
	if (index->byte_count + LAUNCH_BYTES_MAX > index->byte_room) {
		size_t room = index->byte_room + index->byte_room / 4 + (1 << 16);
		char *bytes = realloc(index->bytes, room);
		if (bytes == NULL)
			return false;
		index->bytes = bytes;
		index->byte_room = room;
	}
	char *to = index->bytes + index->byte_count;
	to = put_varint(to, varint_fold(since(launch->correlation_id, index->last.correlation_id)));
	to = put_varint(to, varint_fold(since(launch->start_ns, index->last.start_ns)));
	to = put_varint(to, since(launch->end_ns, launch->start_ns));
	to = put_varint(to, launch->group);
	index->byte_count = (size_t)(to - index->bytes);
	index->last = *launch;
	index->count++;
	if (launch->correlation_id == 0)
		return true;
	if (launch->correlation_id < block->min)
		block->min = launch->correlation_id;
	if (launch->correlation_id > block->max)
		block->max = launch->correlation_id;
	return true;
}

static void page_unpack(const struct launch_index *index, struct launch_page *page, size_t block)
{
	const char *from = index->bytes + index->blocks[block].first_byte;
	size_t first = block * LAUNCH_BLOCK;
	struct launch last = { .call = 0 };
	page->block = block + 1;
	page->hint = 0;
	page->is_sorted = true;
	page->count = index->count - first < LAUNCH_BLOCK ? index->count - first : LAUNCH_BLOCK;
	for (size_t i = 0; i < page->count; i++) {
		uint64_t correlation, start, length, group;
		from = get_varint(from, &correlation);
		from = get_varint(from, &start);
		from = get_varint(from, &length);
		from = get_varint(from, &group);
		int64_t id = (int64_t)((uint64_t)last.correlation_id + varint_unfold(correlation));
		int64_t start_ns = (int64_t)((uint64_t)last.start_ns + varint_unfold(start));
		page->is_sorted = page->is_sorted && (i == 0 || id > last.correlation_id);
		last = page->launches[i] = (struct launch){
			.correlation_id = id,
			.start_ns = start_ns,
			.end_ns = (int64_t)((uint64_t)start_ns + length),
			.group = (uint32_t)group,
			.call = first + i,
		};
	}
}

static struct launch_page *page_of(const struct launch_index *index, size_t block)
{
	struct launch_page *page = &index->pages[block % PAGE_COUNT];
	if (page->block != block + 1)
		page_unpack(index, page, block);
	return page;
}

/* The first block whose ids, or those before it, reach `wanted`. */
static size_t block_lowest(const struct launch_index *index, int64_t wanted)
{
	size_t low = 0, high = index->block_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (index->blocks[middle].max_before < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* How many blocks an id may lie in is what the search costs. */
static bool is_crowded(const struct launch_index *index)
{
	size_t all = 0, high = 0;
	for (size_t i = 0; i < index->block_count; i++) {
		if (index->blocks[i].min > index->blocks[i].max)
			continue;
		high = i;
		while (high < index->block_count &&
		       index->blocks[high].min_behind <= index->blocks[i].max &&
		       high - i <= 4 * CROWD_MAX)
			high++;
		size_t low = block_lowest(index, index->blocks[i].min);
		all += high - (low < i ? low : i);
	}
	return all / CROWD_MAX > index->block_count;
}

static int order_compare(const void *left, const void *right)
{
	const struct launch_order *a = left, *b = right;
	if (a->correlation_id != b->correlation_id)
		return a->correlation_id < b->correlation_id ? -1 : 1;
	return (a->call > b->call) - (a->call < b->call);
}

static bool order_make(struct launch_index *index)
{
	index->order = malloc(index->count * sizeof index->order[0]);
	if (index->order == NULL)
		return false;
	for (size_t i = 0; i < index->count; i++) {
		const struct launch_page *page = page_of(index, i / LAUNCH_BLOCK);
		index->order[i] = (struct launch_order){
			page->launches[i % LAUNCH_BLOCK].correlation_id, (uint32_t)i
		};
	}
	qsort(index->order, index->count, sizeof index->order[0], order_compare);
	return true;
}

bool launch_index_solve(struct launch_index *index)
{
	if (index->count == 0)
		return true;
	index->pages = calloc(PAGE_COUNT, sizeof index->pages[0]);
	if (index->pages == NULL)
		return false;
	int64_t max = INT64_MIN, min = INT64_MAX;
	for (size_t i = 0; i < index->block_count; i++) {
		max = index->blocks[i].max > max ? index->blocks[i].max : max;
		index->blocks[i].max_before = max;
	}
	for (size_t i = index->block_count; i-- > 0;) {
		min = index->blocks[i].min < min ? index->blocks[i].min : min;
		index->blocks[i].min_behind = min;
	}
	return !is_crowded(index) || order_make(index);
}

/* In a block whose ids grow, most often the one behind the last that was found. */
static bool page_find_sorted(struct launch_page *page, int64_t wanted, size_t *at)
{
	size_t low = 0, high = page->count;
	if (page->hint + 1 < page->count &&
	    page->launches[page->hint + 1].correlation_id == wanted) {
		*at = ++page->hint;
		return true;
	}
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (page->launches[middle].correlation_id < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	*at = page->hint = low;
	return low < page->count && page->launches[low].correlation_id == wanted;
}

static bool page_find(struct launch_page *page, int64_t wanted, struct launch *launch)
{
	size_t at = 0;
	if (page->is_sorted) {
		if (!page_find_sorted(page, wanted, &at))
			return false;
	} else {
		while (at < page->count && page->launches[at].correlation_id != wanted)
			at++;
	}
	if (at < page->count)
		*launch = page->launches[at];
	return at < page->count;
}

static bool order_find(struct launch_index *index, int64_t wanted, struct launch *launch)
{
	size_t low = 0, high = index->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (index->order[middle].correlation_id < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == index->count || index->order[low].correlation_id != wanted)
		return false;
	size_t call = index->order[low].call;
	*launch = page_of(index, call / LAUNCH_BLOCK)->launches[call % LAUNCH_BLOCK];
	return true;
}

bool launch_index_find(struct launch_index *index, int64_t correlation_id, struct launch *launch)
{
	if (correlation_id == 0 || index->count == 0)
		return false;
	if (index->order != NULL)
		return order_find(index, correlation_id, launch);
	size_t block = index->hint;
	if (index->blocks[block].max_before < correlation_id ||
	    (block > 0 && index->blocks[block - 1].max_before >= correlation_id))
		block = block_lowest(index, correlation_id);
	for (; block < index->block_count && index->blocks[block].min_behind <= correlation_id;
	     block++) {
		if (index->blocks[block].min > correlation_id ||
		    index->blocks[block].max < correlation_id ||
		    !page_find(page_of(index, block), correlation_id, launch))
			continue;
		index->hint = block;
		return true;
	}
	return false;
}

void launch_index_end(struct launch_index *index)
{
	free(index->bytes);
	free(index->blocks);
	free(index->order);
	free(index->pages);
	*index = (struct launch_index){ .count = 0 };
}
