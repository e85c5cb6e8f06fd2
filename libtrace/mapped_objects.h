/* SPDX-License-Identifier: MIT */
/*
 * The shared objects that the host has mapped, by file name: how we find its CUDA runtime, its
 * framework, its libcupti, without loading anything.
 *
 * Thread: any; takes the loader's lock for the time of a walk.
 */
#ifndef LIBTRACE_MAPPED_OBJECTS_H
#define LIBTRACE_MAPPED_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>

enum { MAPPED_PATH_MAX = 1024 };

/*
 * Path of the first mapped object whose file name begins with `prefix` ("libcudart.so"); false:
 * none.
 */
bool mapped_object_find(const char *prefix, char path[MAPPED_PATH_MAX]);

/*
 * Address of a function in a mapped object; NULL if the object is not mapped or has none. Loads
 * nothing.
 */
void *mapped_object_symbol(const char *path, const char *symbol);

#endif
