/* SPDX-License-Identifier: MIT */
#include "libtrace/nvtx_level.h"
#include "libtrace/nvtx_event.h"

#include <stddef.h>

enum { DOMAINS_COUNTED = 12 };

struct level {
	uint32_t domain;
	int32_t depth;
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

int32_t nvtx_level_push(uint32_t domain)
{
	struct level *level = level_of(domain);
	if (level == NULL) {
		uncounted++;
		return NVTX_LEVEL_UNKNOWN;
	}
	return level->depth++;
}

int32_t nvtx_level_pop(uint32_t domain)
{
	struct level *level = level_of(domain);
	if (level != NULL && level->depth > 0)
		return --level->depth;
	if (uncounted > 0) {
		uncounted--;
		return NVTX_LEVEL_UNKNOWN;
	}
	return -1;
}
