/* SPDX-License-Identifier: MIT */
/*
 * NCCL's profiler plugin interface: its struct, its event types, and where each version of it keeps
 * the members of its event descriptors. A version is a row of data: nothing else of ours knows one.
 *
 * Thread: constant data.
 */
#ifndef LIBTRACE_NCCL_ABI_H
#define LIBTRACE_NCCL_ABI_H

#include <stddef.h>
#include <stdint.h>

/* Types of events, and bits of the activation mask. */
#define NCCL_TYPE_GROUP (UINT64_C(1) << 0)
#define NCCL_TYPE_COLL (UINT64_C(1) << 1)
#define NCCL_TYPE_P2P (UINT64_C(1) << 2)
#define NCCL_TYPE_GROUP_API (UINT64_C(1) << 8)
#define NCCL_TYPE_COLL_API (UINT64_C(1) << 9)
#define NCCL_TYPE_P2P_API (UINT64_C(1) << 10)
#define NCCL_TYPE_KERNEL_LAUNCH (UINT64_C(1) << 11)
#define NCCL_TYPE_CE_COLL (UINT64_C(1) << 12)

/* What we make of them. */
enum nccl_kind {
	NCCL_NO_EVENT, NCCL_GROUP, NCCL_COLL, NCCL_P2P, NCCL_GROUP_API, NCCL_COLL_API, NCCL_P2P_API,
	NCCL_KERNEL_LAUNCH, NCCL_CE_COLL, NCCL_KIND_COUNT,
};

typedef void (*nccl_function)(void);

/* Every version's struct; only the arguments of init differ. All functions return 0 for success. */
struct nccl_profiler {
	const char *name;
	nccl_function init;
	int (*start_event)(void *context, void **handle, const void *descriptor);
	int (*stop_event)(void *handle);
	int (*record_event_state)(void *handle, int state, const void *arguments);
	int (*finalize)(void *context);
};

/* Offsets into a descriptor, 0: the version does not have it. */
struct nccl_offsets {
	uint8_t function;	/* const char * */
	uint8_t datatype;	/* const char * */
	uint8_t algorithm;	/* const char * */
	uint8_t protocol;	/* const char * */
	uint8_t count;		/* size_t */
	uint8_t sequence;	/* uint64_t */
	uint8_t peer;		/* int: root or peer */
	uint8_t channels;	/* uint8_t */
	uint8_t warps;		/* uint8_t */
	uint8_t is_captured;	/* bool */
};

enum { NCCL_PARENT_OFFSET = 8 };

struct nccl_abi {
	int version;
	int mask;		/* the event types we ask for */
	size_t type_bytes; /* of the type at offset 0: up to v4 one byte, with garbage behind it */
	struct nccl_offsets kinds[NCCL_KIND_COUNT];
};

extern const struct nccl_abi nccl_abi_v4;
extern const struct nccl_abi nccl_abi_v5;
extern const struct nccl_abi nccl_abi_v6;

#endif
