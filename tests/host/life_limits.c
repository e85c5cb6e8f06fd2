/* SPDX-License-Identifier: MIT */
/* Memory and disk that are not there. */
#include "life.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static long address_space_kib(void)
{
	char line[256];
	long kib = 0;
	FILE *file = fopen("/proc/self/status", "r");
	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		if (sscanf(line, "VmSize: %ld", &kib) == 1)
			break;
	if (file != NULL)
		fclose(file);
	return kib;
}

/* LIFE_SPARE_KIB more than now, and not a byte beyond. */
static void memory_limit_set(void)
{
	const char *spare = getenv("LIFE_SPARE_KIB");
	rlim_t bytes =
		(rlim_t)(address_space_kib() + (spare == NULL ? 0 : strtol(spare, NULL, 10))) *
		1024;
	const struct rlimit limit = { bytes, RLIM_INFINITY };
	setrlimit(RLIMIT_AS, &limit);
}

static void memory_lift(void)
{
	const struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	setrlimit(RLIMIT_AS, &limit);
}

/* Short of memory from the start. */
static void no_memory_first(void)
{
	memory_limit_set();
	life_begin(0);
	life_ranges(1000);
	life_rest();
	memory_lift();
	life_ranges(1000);
}

/* Short of memory later, when the recording is under way. */
static void no_memory_later(void)
{
	life_begin(0);
	life_ranges(1000);
	life_rest();
	memory_limit_set();
	for (int i = 0; i < 20; i++) {
		life_ranges(1000);
		usleep(50000);
	}
	memory_lift();
	life_ranges(1000);
}

/* The disk is full from the first byte on, or after LIFE_FILE_KIB. */
static void no_disk(void)
{
	const char *size = getenv("LIFE_FILE_KIB");
	const rlim_t bytes = (rlim_t)(size == NULL ? 0 : strtol(size, NULL, 10)) * 1024;
	const struct rlimit limit = { bytes, RLIM_INFINITY };
	signal(SIGXFSZ, SIG_DFL);
	setrlimit(RLIMIT_FSIZE, &limit);
	life_begin(0);
	for (int i = 0; i < 10; i++) {
		life_ranges(5000);
		usleep(100000);
	}
}

const struct life_mode life_limits[] = {
	{ "no-memory-first", no_memory_first }, { "no-memory-later", no_memory_later },
	{ "no-disk", no_disk }, { NULL, NULL },
};
