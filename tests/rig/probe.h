/* SPDX-License-Identifier: MIT */
/*
 * Between the halves of the probe: probe.c (CUPTI) and probe_ranges.c (NVTX and NCCL) write lines
 * to one file.
 * Thread: any; a line is begun and ended under one lock.
 */
#ifndef RIG_PROBE_H
#define RIG_PROBE_H

#include <stdio.h>

#define EXPORT __attribute__((visibility("default")))

void probe_line_begin(void);
void probe_line_end(void);
FILE *probe_out(void);
void probe_text(const char *key, const char *value);

#endif
