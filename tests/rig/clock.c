/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"

static int64_t base;
static _Thread_local int64_t now = -1;

void rig_clock_base_set(int64_t epoch_ns)
{
	base = epoch_ns;
}

int64_t rig_clock_base(void)
{
	return base;
}

void rig_clock_set(int64_t scenario_ns)
{
	now = base + scenario_ns;
}

void rig_clock_clear(void)
{
	now = -1;
}

int64_t rig_clock_real(void)
{
	struct timespec real;

	syscall(SYS_clock_gettime, CLOCK_REALTIME, &real);
	return (int64_t)real.tv_sec * 1000000000 + real.tv_nsec;
}

/* Exported from the program, so it stands before libc's in every library's lookup. */
RIG_EXPORT int clock_gettime(clockid_t clock, struct timespec *stamp)
{
	if (clock == CLOCK_REALTIME && now >= 0) {
		stamp->tv_sec = (time_t)(now / 1000000000);
		stamp->tv_nsec = (long)(now % 1000000000);
		return 0;
	}
	return (int)syscall(SYS_clock_gettime, clock, stamp);
}
