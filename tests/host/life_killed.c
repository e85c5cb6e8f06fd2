/* SPDX-License-Identifier: MIT */
/*
 * A program that will be killed at any moment (kill_test.py). It numbers what it does: the ranges
 * of each of its threads by their colour, kernels by their grid, and keeps the time of each number
 * in the file LIFE_PROGRESS, which outlives it.
 */
#include "driver.h"
#include "life.h"
#include "nvtx.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4, NUMBERS = 1 << 17, BURST = 5, PAUSE_NS = 2000000 };

/* Times are CLOCK_REALTIME ns; entry 0 of a producer is its thread id, number n stands at n. */
struct progress {
	_Atomic int64_t times[THREADS + 1][NUMBERS];	/* the last one: kernels */
};

static struct progress *progress;

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void *ranges_run(void *argument)
{
	_Atomic int64_t *times = progress->times[(intptr_t)argument];
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	times[0] = syscall(SYS_gettid);
	for (uint32_t number = 1; number < NUMBERS; number++) {
		const struct rig_nvtx_attributes attributes = {
			.version = 3, .size = sizeof attributes, .color_type = 1, .color = number,
			.message_type = RIG_MESSAGE_ASCII, .message = "numbered",
		};
		rig_nvtx_own.push(NULL, &attributes);
		rig_nvtx_own.pop(NULL);
		times[number] = now_ns();
		if (number % BURST == 0)
			nanosleep(&pause, NULL);
	}
	return NULL;
}

static void *kernels_run(void *argument)
{
	void (*activity)(const struct rig_activity *);
	uint32_t (*enter)(const struct rig_api *);
	void (*leave)(const struct rig_api *, uint32_t);
	*(void **)&activity = dlsym(argument, "rig_driver_activity");
	*(void **)&enter = dlsym(argument, "rig_driver_api_enter");
	*(void **)&leave = dlsym(argument, "rig_driver_api_exit");
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	_Atomic int64_t *times = progress->times[THREADS];
	for (uint32_t number = 1; number < NUMBERS; number++) {
		int64_t now = now_ns();
		struct rig_api call = {
			.name = "cudaLaunchKernel", .start_ns = now, .end_ns = now + 1000,
			.domain = RIG_DOMAIN_RUNTIME,
		};
		uint32_t correlation = enter(&call);
		const struct rig_activity kernel = {
			.kind = RIG_ACTIVITY_KERNEL, .correlation = correlation, .stream = 7,
			.start_ns = now + 500, .end_ns = now + 1500, .name = "_Z6numberv",
			.grid = { 1, 1, 1 }, .block = { 32, 1, 1 }, .graph_node_id = number,
		};
		activity(&kernel);
		leave(&call, correlation);
		if (number % BURST != 0)
			continue;
		/* What was launched is done, and CUPTI knows. */
		call.name = "cudaDeviceSynchronize";
		correlation = enter(&call);
		leave(&call, correlation);
		now = now_ns();
		for (uint32_t done = number - BURST + 1; done <= number; done++)
			times[done] = now;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void killed(void)
{
	pthread_t thread;
	int file = open(getenv("LIFE_PROGRESS"), O_RDWR | O_CREAT, 0600);
	if (file < 0 || ftruncate(file, sizeof *progress) != 0)
		life_fail("no LIFE_PROGRESS");
	progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (progress == MAP_FAILED)
		life_fail("mmap");
	close(file);
	life_begin(0);
	void *driver = dlopen(getenv("LIFE_DRIVER"), RTLD_NOW | RTLD_NOLOAD);
	for (intptr_t i = 0; i < THREADS; i++)
		pthread_create(&thread, NULL, ranges_run, (void *)i);
	pthread_create(&thread, NULL, kernels_run, driver);
	for (;;)
		pause();
}

const struct life_mode life_killed[] = { { "killed", killed }, { NULL, NULL } };
