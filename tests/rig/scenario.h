/* SPDX-License-Identifier: MIT */
/*
 * A scenario file, parsed: the machine, the kernels, and the program that every unit (one GPU of
 * one process) plays. README.md has the grammar; truth.py reads the same files with a parser of
 * its own.
 * Thread: parse on one thread, then read-only.
 */
#ifndef RIG_SCENARIO_H
#define RIG_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "machine.h"

enum { RIG_KERNELS_MAX = 64, RIG_ITEMS_MAX = 2000, RIG_SLOWS_MAX = 16, RIG_THREADS_MAX = 8,
	RIG_STREAMS_MAX = 32, RIG_EVENTS_MAX = 64, RIG_COMMS_MAX = 8 };

/* A time with an optional symmetric jitter in permille. */
struct rig_amount {
	int64_t ns;
	int64_t permille;
};

struct rig_kernel {
	char *key, *symbol;
	uint32_t grid[3], block[3];
	uint32_t registers, static_shared, dynamic_shared;
};

struct rig_slow {
	uint64_t units;
	int64_t permille, from, to;	/* steps, both included */
};

#define RIG_VERBS(VERB) \
	VERB(repeat) VERB(end) VERB(host) VERB(api) VERB(launch) VERB(copy) VERB(memset) \
	VERB(peer) VERB(sync) VERB(record) VERB(wait) VERB(malloc) VERB(free) VERB(graph) \
	VERB(pool) VERB(jit) VERB(hostfunc) VERB(migrate) VERB(fault) \
	VERB(overhead) VERB(open) VERB(comm) VERB(uncomm) VERB(coll) VERB(push) VERB(pop) \
	VERB(mark) VERB(rstart) VERB(rend) VERB(thread_name) VERB(category) \
	VERB(stream_name) VERB(join)

enum rig_verb {
#define VERB(name) RIG_VERB_##name,
	RIG_VERBS(VERB)
#undef VERB
	RIG_VERB_COUNT,
};

struct rig_item {
	enum rig_verb verb;
	int line;
	int end;			/* repeat: index of its end; end: of its repeat */
	uint64_t units;			/* mask; all bits by default */
	int64_t step_from, step_to;	/* both included */
	int64_t thread, stream, id, bytes, count, fused, at, value, category, root, with, skew,
		priority, pool;
	int64_t color;			/* -1: none */
	int64_t source_device, destination_device, channels, warps;
	struct rig_amount duration, api, latency;
	char *name, *domain, *direction, *source, *destination, *op, *dtype, *kernel, *via,
		*payload, *nodes, *flag;
	bool is_blocking, has_no_launch, is_registered;
};

struct rig_scenario {
	char *name;
	uint64_t seed;
	int processes;
	struct rig_machine machine;
	int kernel_count, item_count, slow_count;
	struct rig_kernel kernels[RIG_KERNELS_MAX];
	struct rig_item items[RIG_ITEMS_MAX];
	struct rig_slow slows[RIG_SLOWS_MAX];
};

/* False after one line on stderr. The scenario's strings live as long as the process. */
bool rig_scenario_read(struct rig_scenario *scenario, const char *path);
const struct rig_kernel *rig_kernel_find(const struct rig_scenario *scenario, const char *key);
const char *rig_verb_name(enum rig_verb verb);

#endif
