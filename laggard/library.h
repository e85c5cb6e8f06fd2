/* SPDX-License-Identifier: MIT */
/*
 * Where libtrace.so and the measuring program are: beside this program as built or installed.
 *
 * Thread: main thread only.
 */
#ifndef LAGGARD_LIBRARY_H
#define LAGGARD_LIBRARY_H

#include "base/error.h"

#include <limits.h>
#include <stdbool.h>

/*
 * The absolute path that LD_PRELOAD needs; LAGGARD_LIBTRACE if set. Fails naming every place that
 * was looked at.
 */
bool library_find(char path[PATH_MAX], struct error *error);

/* The program that measures for `laggard calibrate` (kernels/calibrate.cu). */
bool library_find_calibrate(char path[PATH_MAX], struct error *error);

#endif
