/* SPDX-License-Identifier: MIT */
#include "libtrace/nvtx_level.h"
#include "libtrace/nvtx_event.h"
#include "libtrace/thread_state.h"

#include <stddef.h>

enum { LEVELS_MARKED = 64 };

/* The domain's counter; a counter at 0 may change its domain. */
static struct nvtx_domain_level *level_of(uint32_t domain)
{
	struct nvtx_domain_level *unused = NULL;
	for (size_t i = 0; i < NVTX_DOMAINS_COUNTED; i++) {
		if (laggard_thread.levels[i].domain == domain && laggard_thread.levels[i].depth > 0)
			return &laggard_thread.levels[i];
		if (laggard_thread.levels[i].depth == 0 && unused == NULL)
			unused = &laggard_thread.levels[i];
	}
	if (unused != NULL)
		unused->domain = domain;
	return unused;
}

static void marks_keep(struct nvtx_domain_level *level, unsigned marks)
{
	if (level->depth >= LEVELS_MARKED)
		return;
	uint64_t bit = UINT64_C(1) << level->depth;
	for (unsigned i = 0; i < NVTX_RANGE_MARKS; i++) {
		if ((marks & 1u << i) != 0)
			level->marks[i] |= bit;
		else
			level->marks[i] &= ~bit;
	}
}

static unsigned marks_of(const struct nvtx_domain_level *level)
{
	unsigned marks = 0;
	if (level->depth >= LEVELS_MARKED)
		return NVTX_RANGE_RECORDED;
	for (unsigned i = 0; i < NVTX_RANGE_MARKS; i++)
		marks |= (unsigned)(level->marks[i] >> level->depth & 1) << i;
	return marks;
}

int32_t nvtx_level_push(uint32_t domain, unsigned marks)
{
	struct nvtx_domain_level *level = level_of(domain);
	if (level == NULL) {
		laggard_thread.uncounted_levels++;
		return NVTX_LEVEL_UNKNOWN;
	}
	marks_keep(level, marks);
	return level->depth++;
}

int32_t nvtx_level_pop(uint32_t domain, unsigned *marks)
{
	*marks = NVTX_RANGE_RECORDED;
	struct nvtx_domain_level *level = level_of(domain);
	if (level != NULL && level->depth > 0) {
		level->depth--;
		*marks = marks_of(level);
		return level->depth;
	}
	if (laggard_thread.uncounted_levels > 0) {
		laggard_thread.uncounted_levels--;
		return NVTX_LEVEL_UNKNOWN;
	}
	return -1;
}
