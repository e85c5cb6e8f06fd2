/* SPDX-License-Identifier: MIT */
/*
 * One NCCL event of any ABI version, in one form: what the plugin's callbacks log and the drain
 * reads.
 *
 * Thread: any; pure.
 */
#ifndef LIBTRACE_NCCL_EVENT_H
#define LIBTRACE_NCCL_EVENT_H

#include "libtrace/nccl_abi.h"

#include <stdbool.h>
#include <stdint.h>

enum nccl_record_type {
	NCCL_RECORD_START = 1,	/* struct nccl_event */
	NCCL_RECORD_STOP,	/* struct nccl_stop */
	NCCL_RECORD_CONTEXT,	/* empty: there is a new context */
};

/* Texts are copies, cut to fit: NCCL's own are literals that go when its library does. */
struct nccl_event {
	int64_t time_ns;	/* CLOCK_REALTIME */
	uint64_t handle;	/* what NCCL holds: number << 4 | kind */
	uint64_t parent;	/* a handle, perhaps a stale or foreign one */
	uint64_t external_id;	/* the launch bracket it came after, 0 without */
	uint64_t count;
	uint64_t sequence;
	uint32_t context;
	int32_t peer;		/* or root; -1 without */
	uint8_t kind;		/* enum nccl_kind */
	uint8_t channels;
	uint8_t warps;
	bool is_captured;
	bool has_sequence;
	char function[24];
	char datatype[24];
	char algorithm[28];
	char protocol[15];
};

struct nccl_stop {
	int64_t time_ns;
	uint64_t handle;
};

/* The kind of a descriptor; NCCL_NO_EVENT for types we do not want. */
enum nccl_kind nccl_event_kind(const struct nccl_abi *abi, const void *descriptor);

/* Fills what the descriptor says. It lies on NCCL's stack: nothing of it is kept. */
void nccl_event_decode(struct nccl_event *event, const struct nccl_abi *abi, enum nccl_kind kind,
		       const void *descriptor);

/* 0 is no handle. */
static inline enum nccl_kind nccl_handle_kind(uint64_t handle)
{
	return (enum nccl_kind)(handle & 15);
}

/* Whose operation it is: before v4 only the events of operations say so. */
struct nccl_owner {
	uint64_t hash;		/* of the communicator, 0 if unknown */
	int rank;
	char name[64];		/* of the communicator, or empty */
};
void nccl_event_whose(struct nccl_owner *owner, const struct nccl_abi *abi, enum nccl_kind kind,
		      const void *descriptor);

/*
 * NCCL turns the elements of all-gathers and broadcasts into bytes ("ncclInt8"): their count and
 * datatype are not those of the call, but where its own event tells them.
 */
bool nccl_event_is_rewritten(const struct nccl_event *event);

/* Bytes of the call's argument, -1 if the datatype is a new one. */
int64_t nccl_event_bytes(const struct nccl_event *event);

#endif
