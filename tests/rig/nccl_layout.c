/* SPDX-License-Identifier: MIT */
#include "nccl_layout.h"

#include <stddef.h>

#define COLL4 .sequence = 24, .func = 32, .send = 40, .receive = 48, .count = 56, .root = 64, \
	.dtype = 72, .channels = 80, .warps = 81, .algo = 88, .proto = 96
#define P2P4 .func = 24, .send = 32, .dtype = 40, .count = 48, .peer = 56, .channels = 60
#define P2P2 .name = 24, .hash = 32, .func = 40, .send = 48, .dtype = 56, .count = 64, .peer = 72
#define COLL2 .name = 24, .hash = 32, .sequence = 40, .func = 48, .send = 56, .receive = 64, \
	.count = 72, .root = 80, .dtype = 88

static const struct rig_nccl_abi abis[] = {
	{
		.version = 1,
		.symbol = "ncclProfiler_v1",
		.size = 120,
		.has_enums = true,
		.init_form = 1,
		.finalizes_null = true,
		.coll = { .name = 24,
			  .hash = 32,
			  .sequence = 40,
			  .func = 48,
			  .send = 56,
			  .receive = 64,
			  .count = 72,
			  .root = 80,
			  .dtype = 84,
			  .op = 88,
			  .traffic = 96,
			  .channels = 104,
			  .warps = 105,
			  .algo = 106,
			  .proto = 107 },
		.p2p = { P2P2 },
	},
	{
		.version = 2,
		.symbol = "ncclProfiler_v2",
		.size = 128,
		.init_form = 1,
		.finalizes_null = true,
		.coll = { COLL2, .traffic = 96, .channels = 104, .warps = 105, .algo = 112,
			  .proto = 120 },
		.p2p = { P2P2 },
	},
	{
		.version = 3,
		.symbol = "ncclProfiler_v3",
		.size = 120,
		.init_form = 1,
		.finalizes_null = true,
		.coll = { COLL2, .channels = 96, .warps = 97, .algo = 104, .proto = 112 },
		.p2p = { P2P2 },
	},
	{
		.version = 4,
		.symbol = "ncclProfiler_v4",
		.size = 104,
		.init_form = 4,
		.finalizes_null = true,
		.coll = { COLL4 },
		.p2p = { P2P4 },
	},
	{
		.version = 5,
		.symbol = "ncclProfiler_v5",
		.size = 112,
		.has_wide_type = true,
		.has_api_events = true,
		.init_form = 5,
		.coll = { COLL4, .group = 104 },
		.p2p = { P2P4, .group = 64 },
	},
	{
		.version = 6,
		.symbol = "ncclProfiler_v6",
		.size = 112,
		.has_wide_type = true,
		.has_api_events = true,
		.init_form = 5,
		.coll = { COLL4, .group = 104 },
		.p2p = { P2P4, .group = 64 },
	},
	{
		.version = 7,
		.symbol = "ncclProfiler_v7",
		.size = 136,
		.has_wide_type = true,
		.has_api_events = true,
		.init_form = 5,
		.coll = { COLL4, .group = 104, .variant = 112, .is_symmetric = 120, .tag = 128 },
		.p2p = { P2P4, .group = 64, .tag = 72 },
		.api_tag_coll = 72,
		.api_tag_p2p = 64,
	},
};

const struct rig_nccl_abi *rig_nccl_abi_find(int version)
{
	for (size_t i = 0; i < sizeof(abis) / sizeof(abis[0]); i++) {
		if (abis[i].version == version)
			return &abis[i];
	}
	return NULL;
}
