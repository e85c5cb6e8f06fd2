/* SPDX-License-Identifier: MIT */
/*
 * What a GPU of a trace can do at best, as `laggard calibrate` measured it on that very machine:
 * the GPU is the same by uuid (or by PCI bus id and name where a trace has no uuid) on the same
 * host. Where nothing was measured, nominal rates remain (pcie_ceiling.h).
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_GPU_CEILINGS_H
#define ANALYZER_GPU_CEILINGS_H

#include "analyzer/copy_samples.h"
#include "analyzer/metric_link.h"
#include "base/text.h"
#include "tracedb/ceilings.h"

/* All 0 where nothing was measured; so is each number that was not. */
struct gpu_ceilings {
	int64_t made_ns;	/* when: Unix time */
	int64_t pcie_generation;	/* of the link while it was measured */
	int64_t pcie_width;
	int64_t alone_bytes_per_s[COPY_WAY_COUNT];	/* pinned copies of this GPU alone */
	int64_t together_bytes_per_s[COPY_WAY_COUNT];	/* while all GPUs of the machine copy */
	int64_t bus_bytes_per_s;	/* NCCL's AllReduce over all GPUs, at its best size */
	int64_t bus_gpus;
	int64_t launch_call_ns;		/* the host's time of one launch */
};

struct gpu_identity {
	const char *host;
	const char *uuid;
	const char *pci_bus_id;
	const char *name;
};

/* Of several measurements of the GPU the newest. */
struct gpu_ceilings gpu_ceilings_find(const struct ceilings *ceilings, size_t count,
				      const struct gpu_identity *gpu);

/*
 * Measured rates take the place of nominal ones in `link`: as its ceiling where it is the link that
 * was measured, as its maximum where the measured one was at the maximum.
 */
void gpu_ceilings_apply(const struct gpu_ceilings *ceilings, struct link *link);

/* "2025-01-31" of made_ns, in UTC. */
void gpu_ceilings_add_date(struct text *out, const struct gpu_ceilings *ceilings);

#endif
