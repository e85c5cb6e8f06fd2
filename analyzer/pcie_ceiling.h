/* SPDX-License-Identifier: MIT */
/*
 * What a PCIe link can carry.
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_PCIE_CEILING_H
#define ANALYZER_PCIE_CEILING_H

#include <stdint.h>

/*
 * Bytes a second one way that large copies reach at best over a link of this generation and width:
 * 26 GB/s on 16 lanes of generation 4. 0 if the link is unknown.
 */
int64_t pcie_ceiling_bytes_per_s(int64_t generation, int64_t width);

#endif
