/* SPDX-License-Identifier: MIT */
/*
 * The environment variables that change how CUDA, NCCL and the frameworks run a program. Only names
 * from a fixed list are read, none that carries a secret.
 *
 * Thread: while nobody changes the environment.
 */
#ifndef LIBTRACE_ENVIRONMENT_H
#define LIBTRACE_ENVIRONMENT_H

#include <stddef.h>

enum { ENVIRONMENT_VALUE_MAX = 256, ENVIRONMENT_TEXT_MAX = 8192 };

/* The names, in the order in which they are written. */
extern const char *const environment_names[];
extern const size_t environment_count;

/*
 * Those that are set, one name=value a line; control characters become spaces, long values are cut.
 */
void environment_read(char text[ENVIRONMENT_TEXT_MAX]);

#endif
