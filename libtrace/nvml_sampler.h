/* SPDX-License-Identifier: MIT */
/*
 * The sampler: a second thread of ours that asks NVML every LAGGARD_NVML_INTERVAL_MS how the GPUs
 * of this process fare (power, clocks and what holds them down, temperature, PCIe link, memory),
 * and hands the answers to the drain thread through a bounded ring. What a GPU cannot say is asked
 * once. One round is taken at once when a device comes, one at the end.
 *
 * The thread takes no signals and no lock of ours, allocates nothing, and touches no memory that is
 * ever freed: should NVML keep it for good, the exit of the program goes on without it.
 *
 * Thread: drain thread only.
 */
#ifndef LIBTRACE_NVML_SAMPLER_H
#define LIBTRACE_NVML_SAMPLER_H

#include "libtrace/drain.h"

#include <stdint.h>

struct nvml_device;

struct nvml_pacing {
	int64_t interval_ms;	/* LAGGARD_NVML_INTERVAL_MS; 0: nothing is sampled */
	int64_t throughput_ms;	/* LAGGARD_NVML_PCIE_MS; below a second: each second; 0: never */
};

/*
 * Samples this device from now on; the first one starts the thread. `library` is the handle of
 * dlopen, already initialised; it has to stay.
 */
void nvml_sampler_add(struct drain *drain, void *library, int64_t device_id,
		      struct nvml_device *device, const struct nvml_pacing *pacing);

/* Writes the rows of what was sampled since the last call. */
void nvml_sampler_take(struct drain *drain);

/* A last round, the end of the thread, and its last rows; waits a fraction of a second at most. */
void nvml_sampler_finish(struct drain *drain);

#endif
