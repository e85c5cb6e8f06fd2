/* SPDX-License-Identifier: MIT */
#include "libtrace/nccl_abi.h"

/* Per-channel kernel and proxy events are not asked for: they cost, and CUPTI times the kernels. */
#define MASK_OPERATIONS (int)(NCCL_TYPE_GROUP | NCCL_TYPE_COLL | NCCL_TYPE_P2P)
#define MASK_CALLS \
	(int)(NCCL_TYPE_GROUP_API | NCCL_TYPE_COLL_API | NCCL_TYPE_P2P_API | \
	      NCCL_TYPE_KERNEL_LAUNCH)

/* Of v1, trafficBytes is left alone: an estimate that later releases no longer make. */
#define COLL_V1 \
	.name = 24, .hash = 32, .sequence = 40, .function = 48, .count = 72, .peer = 80, \
	.datatype = 84, .channels = 104, .warps = 105, .algorithm = 106, .protocol = 107
#define COLL_V2 \
	.name = 24, .hash = 32, .sequence = 40, .function = 48, .count = 72, .peer = 80, \
	.datatype = 88
#define COLL_V4 \
	.sequence = 24, .function = 32, .count = 56, .peer = 64, .datatype = 72, .channels = 80, \
	.warps = 81, .algorithm = 88, .protocol = 96
#define P2P_V1 \
	.name = 24, .hash = 32, .function = 40, .datatype = 56, .count = 64, .peer = 72
#define P2P_V4 .function = 24, .datatype = 40, .count = 48, .peer = 56, .channels = 60
#define COLL_API_V5 .function = 24, .count = 32, .datatype = 40, .peer = 48, .is_captured = 64
#define P2P_API_V5 .function = 24, .count = 32, .datatype = 40, .is_captured = 56
#define CE_COLL_V6 .sequence = 24, .function = 32, .count = 56, .peer = 64, .datatype = 72

const struct nccl_abi nccl_abis[NCCL_ABI_NEWEST + 1] = {
	[1] = {
		.version = 1, .mask = MASK_OPERATIONS, .type_bytes = 1, .has_numbers = true,
		.has_late_ranks = true,
		.kinds = { [NCCL_COLL] = { COLL_V1 }, [NCCL_P2P] = { P2P_V1 } },
	},
	[2] = {
		.version = 2, .mask = MASK_OPERATIONS, .type_bytes = 1, .has_late_ranks = true,
		.kinds = {
			[NCCL_COLL] = { COLL_V2, .channels = 104, .warps = 105, .algorithm = 112,
					.protocol = 120 },
			[NCCL_P2P] = { P2P_V1 },
		},
	},
	[3] = {
		.version = 3, .mask = MASK_OPERATIONS, .type_bytes = 1, .has_late_ranks = true,
		.kinds = {
			[NCCL_COLL] = { COLL_V2, .channels = 96, .warps = 97, .algorithm = 104,
					.protocol = 112 },
			[NCCL_P2P] = { P2P_V1 },
		},
	},
	[4] = {
		.version = 4, .mask = MASK_OPERATIONS, .type_bytes = 1,
		.kinds = { [NCCL_COLL] = { COLL_V4 }, [NCCL_P2P] = { P2P_V4 } },
	},
	[5] = {
		.version = 5, .mask = MASK_OPERATIONS | MASK_CALLS, .type_bytes = 8,
		.kinds = {
			[NCCL_COLL] = { COLL_V4 }, [NCCL_P2P] = { P2P_V4 },
			[NCCL_COLL_API] = { COLL_API_V5 }, [NCCL_P2P_API] = { P2P_API_V5 },
		},
	},
	[6] = {
		.version = 6, .mask = MASK_OPERATIONS | MASK_CALLS | (int)NCCL_TYPE_CE_COLL,
		.type_bytes = 8,
		.kinds = {
			[NCCL_COLL] = { COLL_V4 }, [NCCL_P2P] = { P2P_V4 },
			[NCCL_COLL_API] = { COLL_API_V5 }, [NCCL_P2P_API] = { P2P_API_V5 },
			[NCCL_CE_COLL] = { CE_COLL_V6 },
		},
	},
	[7] = {
		.version = 7, .mask = MASK_OPERATIONS | MASK_CALLS | (int)NCCL_TYPE_CE_COLL,
		.type_bytes = 8,
		.kinds = {
			[NCCL_COLL] = { COLL_V4, .variant = 112 }, [NCCL_P2P] = { P2P_V4 },
			[NCCL_COLL_API] = { COLL_API_V5 }, [NCCL_P2P_API] = { P2P_API_V5 },
			[NCCL_CE_COLL] = { CE_COLL_V6 },
		},
	},
};

#define NAMED(names, number) ((number) < sizeof(names) / sizeof((names)[0]) ? (names)[number] : "")

const char *nccl_v1_function(uint8_t number)
{
	static const char *const names[] = {
		"Broadcast", "Reduce", "AllGather", "ReduceScatter", "AllReduce", "SendRecv",
		"Send", "Recv",
	};
	return NAMED(names, number);
}

const char *nccl_v1_datatype(uint8_t number)
{
	static const char *const names[] = {
		"ncclInt8", "ncclUint8", "ncclInt32", "ncclUint32", "ncclInt64", "ncclUint64",
		"ncclFloat16", "ncclFloat32", "ncclFloat64", "ncclBfloat16", "ncclFloat8e4m3",
		"ncclFloat8e5m2",
	};
	return NAMED(names, number);
}

const char *nccl_v1_algorithm(uint8_t number)
{
	static const char *const names[] = {
		"TREE", "RING", "COLLNET_DIRECT", "COLLNET_CHAIN", "NVLS", "NVLS_TREE", "PAT",
	};
	return NAMED(names, number);
}

const char *nccl_v1_protocol(uint8_t number)
{
	static const char *const names[] = { "LL", "LL128", "SIMPLE" };
	return NAMED(names, number);
}
