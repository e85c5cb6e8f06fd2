/* SPDX-License-Identifier: MIT */
/*
 * Plays a scenario on paper: every process's operations with exact times. All ranks compute all
 * ranks (so that collectives need no talk between processes) and keep the operations of one
 * process.
 * Thread: one.
 */
#ifndef RIG_SIMULATE_H
#define RIG_SIMULATE_H

#include <stddef.h>

#include "driver.h"
#include "scenario.h"

enum rig_op_kind {
	RIG_OP_API, /* followed by `children` activities of that call */
	RIG_OP_ACTIVITY,
	RIG_OP_JOIN, /* waits for another host thread; matters only when they run freely */
	RIG_OP_NVTX, /* push, pop, mark, rstart, rend, thread_name, category: see item->verb */
	RIG_OP_COMM,
	RIG_OP_UNCOMM,
	RIG_OP_COLL, /* followed by the launch's API and kernel */
};

struct rig_op {
	enum rig_op_kind kind;
	int unit, thread, children;
	uint32_t device;		/* ordinal in the process */
	uint32_t correlation;		/* the k-th of the process; what a driver would count */
	uint32_t domain;
	int64_t start_ns, end_ns;	/* of the host; an activity has its own */
	const char *name;		/* of the API; of an NVTX text, expanded */
	const char *payload;		/* of NVTX, expanded */
	const struct rig_item *item;
	struct rig_activity activity;
	/* of a collective or communicator */
	int rank, ranks, sequence;
	int peer;		/* of Send and Recv: the other's rank */
	int64_t step;
	int64_t launch_start_ns, launch_end_ns;
};

struct rig_run {
	struct rig_op *ops;
	size_t count, size;
	int units, units_per_process;
};

enum { RIG_POOLS_MAX = 8 };

bool rig_simulate(const struct rig_scenario *scenario, int process, struct rig_run *run);

/* Inside: simulate.c, simulate_items.c and simulate_coll.c. */
struct rig_unit {
	int index, process;
	uint32_t device;
	uint64_t draws;
	struct { int64_t id, tail; } streams[RIG_STREAMS_MAX];
	int stream_count;
	struct { int64_t time; uint64_t sync_id; } events[RIG_EVENTS_MAX];
	uint64_t sync_count, address;
	struct { uint64_t address; int64_t bytes; } allocations[RIG_EVENTS_MAX];
	struct rig_pool { int64_t bytes, used, threshold; } pools[RIG_POOLS_MAX];
	int sequences[RIG_COMMS_MAX][8];
};

struct rig_simulation {
	const struct rig_scenario *scenario;
	struct rig_run *run;
	int process;		/* whose operations are kept */
	int unit_count, process_count;
	struct rig_unit units[RIG_GPUS_MAX];
	uint64_t comm_units[RIG_COMMS_MAX];	/* masks: the members, in order of their ranks */
	int64_t cursors[RIG_GPUS_MAX][RIG_THREADS_MAX];	/* a process and thread each */
	uint32_t correlations[RIG_GPUS_MAX];
	int64_t step, inner;
	bool has_failed;
};

int64_t rig_draw_below(struct rig_simulation *simulation, struct rig_unit *unit, int64_t bound);
int64_t rig_amount_draw(struct rig_simulation *simulation, struct rig_unit *unit,
			const struct rig_amount *amount);
int64_t *rig_stream_tail(struct rig_simulation *simulation, struct rig_unit *unit, int64_t stream);
bool rig_item_matches(const struct rig_simulation *simulation, const struct rig_item *item,
		      int unit);
/* NULL: of another process, or no memory. */
struct rig_op *rig_op_add(struct rig_simulation *simulation, const struct rig_unit *unit,
			  const struct rig_item *item, enum rig_op_kind kind);
/* An API call and room for one activity (or *activity NULL); counts the correlation. */
void rig_api_add(struct rig_simulation *simulation, struct rig_unit *unit,
		 const struct rig_item *item, const char *name, int64_t start, int64_t end);
void rig_activity_add(struct rig_simulation *simulation, struct rig_unit *unit,
		      const struct rig_item *item, const struct rig_activity *activity);
void rig_kernel_fill(const struct rig_scenario *scenario, const char *key,
		     struct rig_activity *activity);
/* simulate_items.c: one item of one unit; moves its host thread's cursor. */
void rig_unit_item_play(struct rig_simulation *simulation, struct rig_unit *unit,
			const struct rig_item *item, int64_t *cursor);
void rig_coll_play(struct rig_simulation *simulation, const struct rig_item *item);
void rig_comm_play(struct rig_simulation *simulation, const struct rig_item *item);

/* The functions of NCCL that the rig plays. */
enum rig_func {
	RIG_FUNC_ALL_REDUCE,
	RIG_FUNC_ALL_GATHER,
	RIG_FUNC_REDUCE_SCATTER,
	RIG_FUNC_BROADCAST,
	RIG_FUNC_REDUCE,
	RIG_FUNC_SEND_RECV,
	RIG_FUNC_SEND,
	RIG_FUNC_RECV,
	RIG_FUNC_COUNT
};
int rig_func_find(const char *name);	/* -1: none */

#endif
