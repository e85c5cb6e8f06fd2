/* SPDX-License-Identifier: MIT */
/*
 * NVML as a source of facts: PCIe link, power limit, clocks, memory, identity of the GPUs that the
 * process uses, and the driver's version. Devices are found by PCI id or UUID: NVML's order of them
 * is not CUDA's.
 *
 * Thread: drain thread only. Loads the library at the first call (tens of milliseconds).
 */
#ifndef LIBTRACE_NVML_SOURCE_H
#define LIBTRACE_NVML_SOURCE_H

#include "libtrace/drain.h"

/*
 * Completes the rows of the devices used so far; to be called again when there are more. They are
 * sampled as `pacing` says from then on (nvml_sampler.h).
 */
struct nvml_pacing;
void nvml_source_start(struct drain *drain, const struct nvml_pacing *pacing);

#endif
