/* SPDX-License-Identifier: MIT */
#include "analyzer/pcie_ceiling.h"

/*
 * A lane's rate after line coding and packet headers. 26 GB/s, 82.5 % of the 31.5 GB/s of
 * generation 4 x16, is what pinned copies reach on RTX 4090s (23.9 to 27.1 measured by
 * github.com/NVIDIA/nvbandwidth issue 15); the others scale with the lane.
 */
static const int64_t lane_bytes_per_s[] = {
	0, 206000000, 412000000, 812500000, 1625000000, 3250000000, 6500000000,
};

int64_t pcie_ceiling_bytes_per_s(int64_t generation, int64_t width)
{
	const int64_t known = sizeof lane_bytes_per_s / sizeof lane_bytes_per_s[0];
	if (generation < 1 || width < 1 || width > 32)
		return 0;
	return width * lane_bytes_per_s[generation < known ? generation : known - 1];
}
