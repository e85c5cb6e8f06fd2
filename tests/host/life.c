/* SPDX-License-Identifier: MIT */
/*
 *     life MODE [words that are only there]
 *
 * Prints "ranges N" and what the mode has to say; ends with 0 if the program came to no harm.
 */
#include "life.h"
#include "driver.h"
#include "nvtx.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Atomic int64_t life_clock_offset_ns;
static _Atomic int64_t ranges;

/* The clock of the whole process, libtrace's calls included (the program is linked -rdynamic). */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	if (syscall(SYS_clock_gettime, clock, now) != 0)
		return -1;
	if (clock == CLOCK_REALTIME)
		now->tv_sec += life_clock_offset_ns / 1000000000;
	return 0;
}

/* A file system without locks, where LIFE_NO_LOCKS is set. */
static int lock_refuse(int file, int command, void *argument)
{
	if ((command == F_SETLK || command == F_GETLK || command == F_SETLKW) &&
	    getenv("LIFE_NO_LOCKS") != NULL) {
		errno = ENOLCK;
		return -1;
	}
	return (int)syscall(SYS_fcntl, file, command, argument);
}

int fcntl(int file, int command, ...)
{
	va_list arguments;
	va_start(arguments, command);
	void *argument = va_arg(arguments, void *);
	va_end(arguments);
	return lock_refuse(file, command, argument);
}

int fcntl64(int file, int command, ...)
{
	va_list arguments;
	va_start(arguments, command);
	void *argument = va_arg(arguments, void *);
	va_end(arguments);
	return lock_refuse(file, command, argument);
}

void life_fail(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fprintf(stderr, "life: ");
	vfprintf(stderr, format, arguments);
	fprintf(stderr, "\n");
	va_end(arguments);
	exit(1);
}

static void *symbol(void *library, const char *name)
{
	void *found = dlsym(library, name);
	if (found == NULL)
		life_fail("no %s", name);
	return found;
}

void life_begin(int device)
{
	void *driver = dlopen(getenv("LIFE_DRIVER"), RTLD_NOW | RTLD_GLOBAL);
	if (driver == NULL)
		life_fail("%s", dlerror());
	int (*init)(unsigned);
	void (*activity)(const struct rig_activity *);
	*(void **)&init = symbol(driver, "cuInit");
	*(void **)&activity = symbol(driver, "rig_driver_activity");
	const struct rig_activity context = {
		.kind = RIG_ACTIVITY_CONTEXT, .device = (uint32_t)device,
	};
	if (init(0) != 0)
		life_fail("CUDA does not begin");
	activity(&context);
}

void life_ranges(int count)
{
	for (int i = 0; i < count; i++) {
		rig_nvtx_own.push_text("life");
		rig_nvtx_own.pop(NULL);
	}
	ranges += count;
}

int64_t life_count(void)
{
	return ranges;
}

/*
 * How often the thread of the recording went to sleep by itself, as it does after each of its
 * passes.
 */
static long recording_passes(void)
{
	char path[320], line[256];
	long passes = -1;
	DIR *folder = opendir("/proc/self/task");
	for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
		bool is_recording = false;
		snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
		FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
		while (file != NULL && fgets(line, sizeof line, file) != NULL) {
			if (strcmp(line, "Name:\tlaggard-drain\n") == 0)
				is_recording = true;
			if (is_recording)
				(void)sscanf(line, "voluntary_ctxt_switches: %ld", &passes);
		}
		if (file != NULL)
			fclose(file);
	}
	if (folder != NULL)
		closedir(folder);
	return passes;
}

/* On a busy machine a second may not be enough. */
void life_rest(void)
{
	enum { PASSES = 6, TRIES = 50, TRIES_WITHOUT = 2 };
	const struct timespec rest = { .tv_sec = 1, .tv_nsec = 200000000 };
	const char *preload = getenv("LD_PRELOAD");
	bool is_recorded = preload != NULL && strstr(preload, "libtrace.so") != NULL;
	long first = recording_passes(), now = first;
	for (int i = 0; i < TRIES; i++) {
		nanosleep(&rest, NULL);
		now = recording_passes();
		if (now >= (first < 0 ? 0 : first) + PASSES || !is_recorded ||
		    (now < 0 && i >= TRIES_WITHOUT))
			return;
	}
}

static void plain(void)
{
	life_begin(0);
	life_ranges(1000);
}

/* Long enough for a few commits of a recording that is in a hurry. */
static void short_life(void)
{
	const struct timespec rest = { .tv_nsec = 30000000 };
	life_begin(0);
	for (int i = 0; i < 4; i++) {
		life_ranges(250);
		nanosleep(&rest, NULL);
	}
}

static const struct life_mode others[] = {
	{ "plain", plain }, { "short", short_life }, { NULL, NULL },
};

static void at_exit(void)
{
	printf("ranges %lld\n", (long long)ranges);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const struct life_mode *const tables[] = { others, life_files, life_threads, life_limits,
						    life_killed, life_sustained };
	if (argc < 2)
		life_fail("usage: life MODE [what it does not care for]...");
	atexit(at_exit);
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
		for (const struct life_mode *mode = tables[i]; mode->name != NULL; mode++)
			if (strcmp(mode->name, argv[1]) == 0) {
				mode->run();
				return 0;
			}
	life_fail("no mode '%s'", argv[1]);
}
