/* SPDX-License-Identifier: MIT */
/*
 * The training program's second half: plays the simulated operations of one process through the
 * doubles.
 * Thread: the main thread starts and ends it; the scenario's host threads are made inside.
 */
#ifndef RIG_PLAY_H
#define RIG_PLAY_H

#include "simulate.h"

/* How the program spends the time until its next operation. */
enum rig_way { RIG_WAY_SLEEP, RIG_WAY_SPIN, RIG_WAY_PIPE };

struct rig_play_options {
	bool is_concurrent;	/* host threads run freely; else in the scenario's order */
	uint32_t first_device;	/* ordinal of the process's first GPU */
	bool is_realtime;	/* wait until an operation's time has come */
	enum rig_way way;	/* how */
	/*
	 * From the first collective of this step on the job hangs (-1: never): this process
	 * enqueues it and its kernel never ends, or, missing, does not even come to it.
	 */
	int64_t hang_step;
	bool is_missing;
	void (*hang)(void);	/* does not return */
	int64_t event_step; /* call at_step before the first operation of this step; -1: never */
	void (*at_step)(void);
	void (*step_begins)(int64_t step);	/* NULL, or before the first operation of each */
};

bool rig_play(const struct rig_scenario *scenario, const struct rig_run *run,
	      const struct rig_play_options *options);
void rig_dump(const struct rig_run *run);

/* play_nvtx.c: the application's own ranges and marks. */
void rig_play_nvtx(const struct rig_op *op);

#endif
