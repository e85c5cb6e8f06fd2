/* SPDX-License-Identifier: MIT */
/*
 * The simulated GPUs: what the doubles of the driver, CUPTI and NVML say about each board. A test
 * double: the figures come from the `gpu` lines of the scenario named by RIG_SCENARIO, else four
 * made-up RTX 4090s.
 * Thread: load on one thread, then read-only.
 */
#ifndef RIG_MACHINE_H
#define RIG_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#define RIG_EXPORT __attribute__((visibility("default")))

enum { RIG_GPUS_MAX = 16 };

struct rig_gpu {
	char name[96];
	char uuid[48];		/* "GPU-xxxxxxxx-..." */
	uint8_t uuid_bytes[16];
	char pci[32];		/* "00000000:01:00.0" */
	int64_t sm_count, memory_bytes, copy_engines, major, minor;
	int64_t pcie_gen, pcie_width, pcie_gen_max, pcie_width_max, pcie_rx_kb, pcie_tx_kb, replays;
	int64_t power_mw, power_limit_mw, energy_mj, temperature, performance_state;
	int64_t sm_mhz, memory_mhz, sm_mhz_max, memory_mhz_max, reasons;
	int64_t memory_used, utilization_gpu, utilization_memory;
	int64_t lost;		/* 1: every NVML call on it answers 15, GPU is lost */
	int64_t stuck;		/* 1: nvmlDeviceGetPowerUsage never comes back */
	int64_t forbidden;	/* the same bits: calls that answer 4, no permission */
	int64_t slow_ms;	/* what nvmlDeviceGetUtilizationRates takes */
	int64_t mig;		/* 1: MIG is on */
	int64_t unsupported;	/* bits of enum rig_unsupported: calls that answer 3 */
};

enum rig_unsupported {
	RIG_NO_POWER = 1,
	RIG_NO_ENERGY = 2,
	RIG_NO_THROUGHPUT = 4,
	RIG_NO_REASONS = 8,
	RIG_NO_REPLAY = 16,
	RIG_NO_POWER_NOW = 32,	/* field 186; the averages remain */
};

struct rig_machine {
	int gpu_count;
	struct rig_gpu gpus[RIG_GPUS_MAX];
	char driver_version[32];
};

void rig_machine_default(struct rig_machine *machine);
bool rig_machine_set(struct rig_machine *machine, int gpu, const char *key, const char *value);
/* The machine of the scenario in RIG_SCENARIO; an unreadable one leaves the default. */
void rig_machine_load(struct rig_machine *machine);

#endif
