/* SPDX-License-Identifier: MIT */
/*
 * Errors on demand: RIG_FAULTS fail=FUNCTION:N:CODE has the Nth call of that function answer CODE
 * and do nothing; RIG_CALLS=FILE lists at the end how often each function was called, so that a
 * test can go through all N of all functions.
 * Thread: any.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cupti.h"

enum { FUNCTIONS_MAX = 96 };

static struct {
	pthread_mutex_t lock;	/* of `counts` */
	struct { const char *name; long count; } counts[FUNCTIONS_MAX];
	const char *list;	/* RIG_CALLS */
	char failing[64];	/* "" if none */
	long at, code;
	atomic_long seen;
	pid_t pid;
} calls = { .lock = PTHREAD_MUTEX_INITIALIZER };

__attribute__((constructor)) static void calls_load(void)
{
	const char *faults = getenv("RIG_FAULTS");
	const char *at = faults ? strstr(faults, "fail=") : NULL;

	calls.list = getenv("RIG_CALLS");
	calls.pid = getpid();
	if (at && sscanf(at, "fail=%63[^:]:%ld:%ld", calls.failing, &calls.at, &calls.code) != 3)
		calls.failing[0] = 0;
}

/* Also in a destructor of the library: whoever calls later is not counted. */
__attribute__((destructor)) static void calls_list(void)
{
	FILE *file = calls.list && getpid() == calls.pid ? fopen(calls.list, "w") : NULL;

	if (!file)
		return;
	for (int i = 0; i < FUNCTIONS_MAX && calls.counts[i].name; i++)
		fprintf(file, "%s %ld\n", calls.counts[i].name, calls.counts[i].count);
	fclose(file);
}

static void call_count(const char *function)
{
	pthread_mutex_lock(&calls.lock);
	for (int i = 0; i < FUNCTIONS_MAX; i++) {
		if (calls.counts[i].name && strcmp(calls.counts[i].name, function))
			continue;
		calls.counts[i].name = function;
		calls.counts[i].count++;
		break;
	}
	pthread_mutex_unlock(&calls.lock);
}

int rig_call_begin(const char *function)
{
	if (calls.list)
		call_count(function);
	if (!calls.failing[0] || strcmp(calls.failing, function))
		return 0;
	return atomic_fetch_add(&calls.seen, 1) + 1 == calls.at ? (int)calls.code : 0;
}
