/* SPDX-License-Identifier: MIT */
#include "libtrace/nvtx_level.h"
#include "libtrace/nvtx_event.h"

#include <stddef.h>

enum { DOMAINS_COUNTED = 12, LEVELS_MARKED = 64 };

struct level {
	uint32_t domain;
	int32_t depth;
	uint64_t marks[NVTX_RANGE_MARKS];	/* a bit a level of each kind of mark */
};

static _Thread_local struct level levels[DOMAINS_COUNTED]
	__attribute__((tls_model("initial-exec")));
static _Thread_local int32_t uncounted __attribute__((tls_model("initial-exec")));

/* The domain's counter; a counter at 0 may change its domain. */
static struct level *level_of(uint32_t domain)
{
	struct level *unused = NULL;
	for (size_t i = 0; i < DOMAINS_COUNTED; i++) {
		if (levels[i].domain == domain && levels[i].depth > 0)
			return &levels[i];
		if (levels[i].depth == 0 && unused == NULL)
			unused = &levels[i];
	}
	if (unused != NULL)
		unused->domain = domain;
	return unused;
}

static void marks_keep(struct level *level, unsigned marks)
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

static unsigned marks_of(const struct level *level)
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
	struct level *level = level_of(domain);
	if (level == NULL) {
		uncounted++;
		return NVTX_LEVEL_UNKNOWN;
	}
	marks_keep(level, marks);
	return level->depth++;
}

int32_t nvtx_level_pop(uint32_t domain, unsigned *marks)
{
	*marks = NVTX_RANGE_RECORDED;
	struct level *level = level_of(domain);
	if (level != NULL && level->depth > 0) {
		level->depth--;
		*marks = marks_of(level);
		return level->depth;
	}
	if (uncounted > 0) {
		uncounted--;
		return NVTX_LEVEL_UNKNOWN;
	}
	return -1;
}
