/* SPDX-License-Identifier: MIT */
/*
 * The training program's clock: between clock_set and clock_clear this thread's CLOCK_REALTIME is
 * the scenario's time, so that a tracer which stamps NVTX ranges or NCCL events with clock_gettime
 * gets exact, known stamps. Other threads and other clocks see real time.
 * Thread: any; the setting is the calling thread's own.
 */
#ifndef RIG_CLOCK_H
#define RIG_CLOCK_H

#include <stdint.h>

void rig_clock_base_set(int64_t epoch_ns); /* REALTIME of scenario time 0; once, before threads */
int64_t rig_clock_base(void);
void rig_clock_set(int64_t scenario_ns);
void rig_clock_clear(void);
int64_t rig_clock_real(void);

#endif
