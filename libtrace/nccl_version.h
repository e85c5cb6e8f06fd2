/* SPDX-License-Identifier: MIT */
/*
 * The version of the NCCL that the program has mapped, for the trace row.
 *
 * Thread: drain thread only, and not at exit: it asks the dynamic loader.
 */
#ifndef LIBTRACE_NCCL_VERSION_H
#define LIBTRACE_NCCL_VERSION_H

#include "libtrace/drain.h"

#include <stddef.h>

/* Fills in trace.nccl_version once; cheap afterwards. */
void nccl_version_note(struct drain *drain);

/* "2.28.9" from the code that ncclGetVersion gives. */
void nccl_version_format(char *to, size_t size, int code);

#endif
