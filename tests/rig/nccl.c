/* SPDX-License-Identifier: MIT */
/* The libnccl.so.2 double: the profiler plugin's host side. */
#include "nccl_plugin.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "nccl_nvtx.h"

typedef void (*logger_function)(int level, unsigned long flags, const char *file, int line,
				const char *format, ...);

struct rig_nccl_plugin rig_nccl_plugin = { .lock = PTHREAD_MUTEX_INITIALIZER };

void rig_nccl_clock_at(int64_t scenario_ns)
{
	if (rig_nccl_plugin.clock)
		rig_nccl_plugin.clock(scenario_ns);
}

void rig_nccl_clock_set(rig_nccl_clock set)
{
	rig_nccl_plugin.clock = set;
}

__attribute__((format(printf, 5, 6))) static void
logger(int level, unsigned long flags, const char *file, int line, const char *format, ...)
{
	va_list arguments;
	const char *wanted = getenv("NCCL_DEBUG");

	if (level > 2 && (!wanted || strcmp(wanted, "INFO")))
		return;
	va_start(arguments, format);
	fprintf(stderr, "rig NCCL %s:%d (%lx) ", file ? file : "", line, flags);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
}

static void *plugin_open(void)
{
	const char *value = getenv("NCCL_PROFILER_PLUGIN");
	char name[256];
	void *library;

	if (value && !strcasecmp(value, "none"))
		return NULL;
	if (value && !strncasecmp(value, "STATIC_PLUGIN", 13))
		return dlopen(NULL, RTLD_NOW | RTLD_LOCAL);
	library = dlopen(value ? value : "libnccl-profiler.so", RTLD_NOW | RTLD_LOCAL);
	if (library || !value || strchr(value, '/') || !strncmp(value, "lib", 3))
		return library;
	snprintf(name, sizeof(name), "libnccl-profiler-%s.so", value);
	return dlopen(name, RTLD_NOW | RTLD_LOCAL);
}

int rig_nccl_newest(void)
{
	const char *known = getenv("RIG_NCCL");

	return known ? (int)strtol(known + (*known == 'v'), NULL, 10) : 5;
}

/* Once a process; failure is remembered. */
static void plugin_load(void)
{
	int newest = rig_nccl_newest();
	void *library;

	if (rig_nccl_plugin.is_loaded)
		return;
	rig_nccl_plugin.is_loaded = true;
	library = newest > 0 ? plugin_open() : NULL;
	for (int version = newest; library && version > 0 && !rig_nccl_plugin.profiler; version--) {
		rig_nccl_plugin.abi = rig_nccl_abi_find(version);
		if (rig_nccl_plugin.abi)
			rig_nccl_plugin.profiler = dlsym(library, rig_nccl_plugin.abi->symbol);
	}
}

static int profiler_init(struct rig_nccl_comm *comm, const char *name)
{
	union {
		void (*any)(void);
		int (*form1)(void **, int *);
		int (*form4)(void **, int *, const char *, uint64_t, int, int, int,
			     logger_function);
		int (*form5)(void **, uint64_t, int *, const char *, int, int, int,
			     logger_function);
	} init = { .any = rig_nccl_plugin.profiler->init };

	switch (rig_nccl_plugin.abi->init_form) {
	case 1:
		return init.form1(&comm->context, &rig_nccl_plugin.mask);
	case 4:
		return init.form4(&comm->context, &rig_nccl_plugin.mask, name, comm->hash, 1,
				  comm->ranks, comm->rank, logger);
	default:
		return init.form5(&comm->context, comm->hash, &rig_nccl_plugin.mask, name, 1,
				  comm->ranks, comm->rank, logger);
	}
}

struct rig_nccl_comm *rig_nccl_comm_create(const struct rig_nccl_init *init)
{
	struct rig_nccl_comm *comm = calloc(1, sizeof(*comm));

	if (!comm)
		return NULL;
	comm->hash = init->hash;
	comm->ranks = init->ranks;
	comm->rank = init->rank;
	comm->device = init->device;
	rig_nccl_clock_at(init->start_ns);
	rig_nccl_nvtx_push_init(comm->ranks, comm->rank, comm->device);
	rig_nccl_clock_at(init->start_ns + (init->end_ns - init->start_ns) / 2);
	pthread_mutex_lock(&rig_nccl_plugin.lock);
	plugin_load();
	if (rig_nccl_plugin.profiler) {
		comm->has_profiler = true;
		if (profiler_init(comm, init->name)) {
			fprintf(stderr, "rig: violation: the profiler's init failed; NCCL < 2.28 "
					"crashes\n");
			comm->has_profiler = false;
		}
	}
	pthread_mutex_unlock(&rig_nccl_plugin.lock);
	rig_nccl_clock_at(init->end_ns);
	rig_nccl_nvtx_pop_init(comm->hash, comm->ranks, comm->rank, comm->device);
	return comm;
}

void rig_nccl_comm_destroy(struct rig_nccl_comm *comm, int64_t start_ns, int64_t end_ns)
{
	if (!comm)
		return;
	rig_nccl_clock_at(start_ns);
	rig_nccl_nvtx_push_destroy(comm->hash, comm->ranks, comm->rank, comm->device);
	if (comm->has_profiler && (comm->context || rig_nccl_plugin.abi->finalizes_null))
		rig_nccl_plugin.profiler->finalize(comm->context);
	rig_nccl_clock_at(end_ns);
	rig_nccl_nvtx_pop();
	free(comm);
}
