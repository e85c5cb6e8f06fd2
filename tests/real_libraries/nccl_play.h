/* SPDX-License-Identifier: MIT */
/*
 * Calls each operation of a real libnccl without a communicator, which it refuses after it has told
 * NVTX all of it; no GPU is needed. A line a call into `list`, if given: "NAME RESULT", "NAME
 * missing" where this NCCL has none, and before them "version NUMBER".
 *
 * Thread: one.
 */
#ifndef TESTS_NCCL_PLAY_H
#define TESTS_NCCL_PLAY_H

#include <stdbool.h>
#include <stdio.h>

bool nccl_play(void *library, FILE *list);

#endif
