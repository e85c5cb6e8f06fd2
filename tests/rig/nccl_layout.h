/* SPDX-License-Identifier: MIT */
/*
 * The profiler plugin ABI, a table row a version: where the fields of an event descriptor lie.
 * Declared apart from libtrace on purpose.
 * Thread: any, read-only.
 */
#ifndef RIG_NCCL_LAYOUT_H
#define RIG_NCCL_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

enum rig_nccl_func { RIG_NCCL_ALL_REDUCE, RIG_NCCL_ALL_GATHER, RIG_NCCL_REDUCE_SCATTER,
	RIG_NCCL_BROADCAST, RIG_NCCL_REDUCE, RIG_NCCL_SEND_RECV, RIG_NCCL_SEND, RIG_NCCL_RECV,
	RIG_NCCL_FUNCS };

enum { RIG_EVENT_GROUP = 1, RIG_EVENT_COLL = 2, RIG_EVENT_P2P = 4, RIG_EVENT_PROXY_OP = 8,
	RIG_EVENT_PROXY_STEP = 0x10, RIG_EVENT_PROXY_CTRL = 0x20, RIG_EVENT_KERNEL_CH = 0x40,
	RIG_EVENT_NET = 0x80, RIG_EVENT_GROUP_API = 0x100, RIG_EVENT_COLL_API = 0x200,
	RIG_EVENT_P2P_API = 0x400, RIG_EVENT_KERNEL_LAUNCH = 0x800 };

/* Offsets in a descriptor; 0: the version has no such field. */
struct rig_nccl_offsets {
	uint16_t name, hash, sequence, func, send, receive, count, root, dtype, op, traffic,
		channels, warps, algo, proto, group, variant, is_symmetric, tag, peer;
};

struct rig_nccl_abi {
	int version;
	const char *symbol;
	uint16_t size;			/* of the descriptor */
	bool has_wide_type;		/* u64 type; before: u8 and seven bytes of garbage */
	bool has_enums; /* func, dtype, algo, proto as small integers, not strings */
	bool has_api_events;
	int init_form;			/* 1: mask only, 4: with hash, 5: commId first */
	bool finalizes_null;		/* calls finalize(NULL) after an init without a context */
	struct rig_nccl_offsets coll, p2p;
	uint16_t api_tag_coll, api_tag_p2p;
};

const struct rig_nccl_abi *rig_nccl_abi_find(int version);

#endif
