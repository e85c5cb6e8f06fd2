/* SPDX-License-Identifier: MIT */
/*
 * `host_cost [LIBCUDA]`: what the program's own threads pay, in ns of this thread's CPU time: an
 * NVTX push and pop, and start and stop of an event of NCCL's profiler plugin. run.py calls it
 * with libtrace.so preloaded and without, and subtracts. With a LIBCUDA (the rig's) a recording is
 * made meanwhile; so that its thread is never behind, the rounds are short and rests lie between
 * them.
 *
 * The program plays NVIDIA's header and NCCL: it uses their interfaces and nothing of ours.
 */
#include "driver.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CORE = 1, CORE2 = 5, MODULES = 7, SLOTS = 20, ROUNDS = 21, PAIRS = 20000, DESCRIPTOR = 256 };

typedef void (*slot_function)(void);

static slot_function slots[MODULES][SLOTS];
static slot_function *tables[MODULES][SLOTS];

struct attributes {
	uint16_t version, size;
	uint32_t category;
	int32_t color_type;
	uint32_t color;
	int32_t payload_type, reserved;
	uint64_t payload;
	int32_t message_type;
	const void *message;
};

struct plugin {
	const char *name;
	int (*init)(void **context, int *mask, const char *name, uint64_t hash, int nodes,
		    int ranks, int rank, void *logger);
	int (*start)(void *context, void **handle, const void *descriptor);
	int (*stop)(void *handle);
};

static int module_get(uint32_t module, slot_function ***table, unsigned *count)
{
	if (module == 0 || module >= MODULES)
		return 0;
	*table = tables[module];
	*count = 16;
	return 1;
}

static const void *export_get(uint32_t id)
{
	static const struct {
		size_t size;
		int (*get)(uint32_t, slot_function ***, unsigned *);
	} callbacks = { sizeof callbacks, module_get };
	return id == 1 ? &callbacks : NULL;
}

static int64_t cpu_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void rest(void)
{
	const struct timespec pause = { .tv_nsec = 60000000 };
	nanosleep(&pause, NULL);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* The median of some rounds, per pair. */
static double cost(void (*round)(void))
{
	double times[ROUNDS];
	round();
	for (int i = 0; i < ROUNDS; i++) {
		rest();
		int64_t begin = cpu_ns();
		round();
		times[i] = (double)(cpu_ns() - begin) / PAIRS;
	}
	qsort(times, ROUNDS, sizeof times[0], by_value);
	return times[ROUNDS / 2];
}

static void text_round(void)
{
	int (*volatile *push)(const char *) = (void *)&slots[CORE][9];
	int (*volatile *pop)(void) = (void *)&slots[CORE][11];
	for (int i = 0; i < PAIRS; i++) {
		if (*push != NULL)
			(*push)("aten::linear");
		if (*pop != NULL)
			(*pop)();
	}
}

static void *domain, *registered;

static void registered_round(void)
{
	int (*volatile *push)(void *, const void *) = (void *)&slots[CORE2][4];
	int (*volatile *pop)(void *) = (void *)&slots[CORE2][5];
	const struct attributes attributes = {
		.version = 3, .size = 48, .message_type = 3, .message = registered,
	};
	for (int i = 0; i < PAIRS; i++) {
		if (*push != NULL)
			(*push)(domain, &attributes);
		if (*pop != NULL)
			(*pop)(domain);
	}
}

static struct plugin *plugin;
static void *context;

/* An event descriptor of version 4, as NCCL 2.27 gives for a collective. */
static void nccl_round(void)
{
	static const char *const function = "AllReduce", *const type = "ncclFloat32",
		*const algorithm = "RING", *const protocol = "SIMPLE";
	unsigned char descriptor[DESCRIPTOR] = { 2 };
	uint64_t sequence = 7, count = 1 << 20;
	memcpy(descriptor + 24, &sequence, 8);
	memcpy(descriptor + 32, &function, 8);
	memcpy(descriptor + 56, &count, 8);
	memcpy(descriptor + 72, &type, 8);
	descriptor[80] = 4;
	descriptor[81] = 17;
	memcpy(descriptor + 88, &algorithm, 8);
	memcpy(descriptor + 96, &protocol, 8);
	for (int i = 0; i < PAIRS && plugin != NULL; i++) {
		void *handle = NULL;
		plugin->start(context, &handle, descriptor);
		plugin->stop(handle);
	}
}

static void clock_round(void)
{
	struct timespec now;
	for (int i = 0; i < PAIRS; i++) {
		clock_gettime(CLOCK_REALTIME, &now);
		clock_gettime(CLOCK_REALTIME, &now);
	}
}

static void cuda_begin(const char *path)
{
	void *driver = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
	int (*init)(unsigned) = NULL;
	void (*activity)(const struct rig_activity *) = NULL;
	if (driver != NULL) {
		*(void **)&init = dlsym(driver, "cuInit");
		*(void **)&activity = dlsym(driver, "rig_driver_activity");
	}
	const struct rig_activity made = { .kind = RIG_ACTIVITY_CONTEXT };
	if (init == NULL || activity == NULL || init(0) != 0) {
		fprintf(stderr, "host_cost: '%s' is not the driver of the rig\n", path);
		exit(1);
	}
	activity(&made);
}

static void tools_find(void)
{
	int (*attach)(const void *(*)(uint32_t)) = NULL;
	const char *tool = getenv("NVTX_INJECTION64_PATH");
	for (int module = 0; module < MODULES; module++)
		for (int i = 0; i < SLOTS; i++)
			tables[module][i] = &slots[module][i];
	void *library = tool == NULL ? NULL : dlopen(tool, RTLD_LAZY);
	if (library != NULL)
		*(void **)&attach = dlsym(library, "InitializeInjectionNvtx2");
	if (attach == NULL || attach(export_get) == 0)
		return;
	void *(*create)(const char *) = (void *(*)(const char *))slots[CORE2][12];
	void *(*add)(void *, const char *) = (void *(*)(void *, const char *))slots[CORE2][10];
	domain = create("NCCL");
	registered = add(domain, "ncclAllReduce");
	plugin = dlsym(library, "ncclProfiler_v4");
	int mask = 0;
	if (plugin != NULL)
		plugin->init(&context, &mask, NULL, 1, 1, 2, 0, NULL);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		cuda_begin(argv[1]);
	tools_find();
	double text = cost(text_round), by_handle = cost(registered_round);
	double nccl = cost(nccl_round), clock = cost(clock_round);
	printf("%.2f %.2f %.2f %.2f\n", text, by_handle, nccl, clock);
	return 0;
}
