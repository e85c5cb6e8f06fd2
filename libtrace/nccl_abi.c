/* SPDX-License-Identifier: MIT */
#include "libtrace/nccl_abi.h"

/* Per-channel kernel and proxy events are not asked for: they cost, and CUPTI times the kernels. */
#define MASK_OPERATIONS (int)(NCCL_TYPE_GROUP | NCCL_TYPE_COLL | NCCL_TYPE_P2P)
#define MASK_CALLS \
	(int)(NCCL_TYPE_GROUP_API | NCCL_TYPE_COLL_API | NCCL_TYPE_P2P_API | \
	      NCCL_TYPE_KERNEL_LAUNCH)

#define COLL_V4 { \
	.sequence = 24, .function = 32, .count = 56, .peer = 64, .datatype = 72, .channels = 80, \
	.warps = 81, .algorithm = 88, .protocol = 96 }
#define P2P_V4 { .function = 24, .datatype = 40, .count = 48, .peer = 56, .channels = 60 }
#define COLL_API_V5 { .function = 24, .count = 32, .datatype = 40, .peer = 48, .is_captured = 64 }
#define P2P_API_V5 { .function = 24, .count = 32, .datatype = 40, .is_captured = 56 }
#define CE_COLL_V6 { .sequence = 24, .function = 32, .count = 56, .peer = 64, .datatype = 72 }

const struct nccl_abi nccl_abi_v4 = {
	.version = 4, .mask = MASK_OPERATIONS, .type_bytes = 1,
	.kinds = { [NCCL_COLL] = COLL_V4, [NCCL_P2P] = P2P_V4 },
};

const struct nccl_abi nccl_abi_v5 = {
	.version = 5, .mask = MASK_OPERATIONS | MASK_CALLS, .type_bytes = 8,
	.kinds = {
		[NCCL_COLL] = COLL_V4, [NCCL_P2P] = P2P_V4, [NCCL_COLL_API] = COLL_API_V5,
		[NCCL_P2P_API] = P2P_API_V5,
	},
};

const struct nccl_abi nccl_abi_v6 = {
	.version = 6, .mask = MASK_OPERATIONS | MASK_CALLS | (int)NCCL_TYPE_CE_COLL,
	.type_bytes = 8,
	.kinds = {
		[NCCL_COLL] = COLL_V4, [NCCL_P2P] = P2P_V4, [NCCL_COLL_API] = COLL_API_V5,
		[NCCL_P2P_API] = P2P_API_V5, [NCCL_CE_COLL] = CE_COLL_V6,
	},
};
