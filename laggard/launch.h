/* SPDX-License-Identifier: MIT */
/*
 * Runs a program as a shell would: same terminal, same process group, signals passed on, its exit
 * status ours.
 *
 * Thread: main thread only, before any other exists.
 */
#ifndef LAGGARD_LAUNCH_H
#define LAGGARD_LAUNCH_H

#include "base/error.h"

#include <stdbool.h>

enum {
	LAUNCH_NOT_EXECUTABLE = 126,
	LAUNCH_NOT_FOUND = 127,
	LAUNCH_SIGNAL_BASE = 128,
};

/*
 * Runs `argv` with the environment of this process and waits for its end. `*status` is its exit
 * status, or 128 + signal. False: it could not be started; `*status` is then 126 or 127 where the
 * program is to blame, else 0.
 *
 * Signals: what the terminal sends (Ctrl-C) reaches the program by itself; what is sent to this
 * process alone is passed on. The program's own dispositions and mask are those that this process
 * was started with.
 */
bool launch_program(char *const *argv, int *status, struct error *error);

/*
 * Why LD_PRELOAD cannot work on the program named `name`, as the end of a sentence ("it is
 * statically linked"); NULL where nothing speaks against it.
 */
const char *launch_preload_obstacle(const char *name);

#endif
