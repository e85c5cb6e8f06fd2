/* SPDX-License-Identifier: MIT */
/*
 * Inside of the NCCL double: the loaded profiler plugin and a communicator, shared by nccl.c
 * (loading, communicators) and nccl_walk.c (the events of a call).
 * Thread: any; the lock guards loading and initialisation.
 */
#ifndef RIG_NCCL_PLUGIN_H
#define RIG_NCCL_PLUGIN_H

#include <pthread.h>

#include "nccl.h"

/* The exported struct of every version. init's form differs, see struct rig_nccl_abi. */
struct rig_nccl_profiler {
	const char *name;
	void (*init)(void);
	int (*start)(void *context, void **handle, void *descriptor);
	int (*stop)(void *handle);
	int (*record)(void *handle, int state, void *arguments);
	int (*finalize)(void *context);
};

struct rig_nccl_comm {
	uint64_t hash;
	int ranks, rank, device;
	bool has_profiler;
	void *context;
	/* Never cleared, as in NCCL: a plugin that does not write gets an old handle stopped
	 * again. */
	void *group_api, *api[64], *launch, *group, *task[64];
};

struct rig_nccl_plugin {
	pthread_mutex_t lock;
	bool is_loaded;
	const struct rig_nccl_abi *abi;
	const struct rig_nccl_profiler *profiler;
	int mask;	/* one for all communicators; the plugin may change it at any time */
	rig_nccl_clock clock;
};
extern struct rig_nccl_plugin rig_nccl_plugin;

/* Newest version of the profiler interface that this NCCL knows; 0: none (before 2.23). */
int rig_nccl_newest(void);

void rig_nccl_clock_at(int64_t scenario_ns);

#endif
