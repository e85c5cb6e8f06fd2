/* SPDX-License-Identifier: MIT */
/*
 * NCCL's profiler plugin interface: its struct, its event types, and where each version of it keeps
 * the members of its event descriptors. A version is a row of data: nothing else of ours knows one.
 *
 * Thread: constant data.
 */
#ifndef LIBTRACE_NCCL_ABI_H
#define LIBTRACE_NCCL_ABI_H

#include <stdbool.h>
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
	uint8_t function;	/* const char *, in v1 a uint8_t; so are the next three */
	uint8_t datatype;
	uint8_t algorithm;
	uint8_t protocol;
	uint8_t variant;	/* const char *: which kernel, where the algorithm does not say */
	uint8_t count;		/* size_t */
	uint8_t sequence;	/* uint64_t */
	uint8_t peer;		/* int: root or peer */
	uint8_t channels;	/* uint8_t */
	uint8_t warps;		/* uint8_t */
	uint8_t is_captured;	/* bool */
	uint8_t name;		/* const char *: the communicator's; before v4 only here */
	uint8_t hash;		/* uint64_t: the communicator's; before v4 only here */
};

enum { NCCL_PARENT_OFFSET = 8, NCCL_RANK_OFFSET = 16 };

struct nccl_abi {
	int version;
	int mask;		/* the event types we ask for */
	size_t type_bytes; /* of the type at offset 0: up to v4 one byte, with garbage behind it */
	bool has_numbers;	/* v1: functions, datatypes, ... are numbers and not texts */
	bool has_late_ranks;	/* before v4: init does not say whose communicator it is */
	struct nccl_offsets kinds[NCCL_KIND_COUNT];
};

enum { NCCL_ABI_NEWEST = 7 };

/* By version, from 1. */
extern const struct nccl_abi nccl_abis[NCCL_ABI_NEWEST + 1];

/* What v1's numbers mean; "" for numbers that were never given a meaning. */
const char *nccl_v1_function(uint8_t number);
const char *nccl_v1_datatype(uint8_t number);
const char *nccl_v1_algorithm(uint8_t number);
const char *nccl_v1_protocol(uint8_t number);

#endif
