/* SPDX-License-Identifier: MIT */
/*
 * NCCL's side of the profiler plugin, declared independently of libtrace/nccl_abi.h: the structs of
 * v4, v5 and v6 as a compiler lays them out, and the plugin's functions with their real arguments.
 *
 * Thread: declarations only.
 */
#ifndef TESTS_SOURCES_NCCL_HOST_H
#define TESTS_SOURCES_NCCL_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct host_coll_v4 {
	uint64_t seq_number;
	const char *func;
	const void *send;
	void *recv;
	size_t count;
	int root;
	const char *datatype;
	uint8_t n_channels;
	uint8_t n_warps;
	const char *algo;
	const char *proto;
};

struct host_p2p_v4 {
	const char *func;
	void *buff;
	const char *datatype;
	size_t count;
	int peer;
	uint8_t n_channels;
};

struct host_descriptor_v4 {
	uint8_t type;
	void *parent;
	int rank;
	union {
		struct host_coll_v4 coll;
		struct host_p2p_v4 p2p;
	};
};

struct host_descriptor_v5 {
	uint64_t type;
	void *parent;
	int rank;
	union {
		struct {
			bool graph_captured;
			int group_depth;
		} group_api;
		struct {
			const char *func;
			size_t count;
			const char *datatype;
			int root;
			void *stream;
			bool graph_captured;
		} coll_api;
		struct {
			const char *func;
			size_t count;
			const char *datatype;
			void *stream;
			bool graph_captured;
		} p2p_api;
		struct {
			void *stream;
		} kernel_launch;
		struct {
			struct host_coll_v4 coll;
			void *parent_group;
		} coll;
		struct {
			struct host_p2p_v4 p2p;
			void *parent_group;
		} p2p;
		struct {		/* v6 */
			uint64_t seq_number;
			const char *func;
			const void *send;
			void *recv;
			size_t count;
			int root;
			const char *datatype;
			const char *sync_strategy;
			bool intra_batch_sync;
			uint32_t batch_size;
			uint32_t num_batches;
			uint32_t ce_seq_num;
			void *stream;
		} ce_coll;
	};
};

struct host_profiler_v4 {
	const char *name;
	int (*init)(void **context, int *mask, const char *name, uint64_t hash, int nodes,
		    int ranks, int rank,
		    void (*logger)(int, unsigned long, const char *, int, const char *, ...));
	int (*start)(void *context, void **handle, struct host_descriptor_v4 *descriptor);
	int (*stop)(void *handle);
	int (*record)(void *handle, int state, void *arguments);
	int (*finalize)(void *context);
};

struct host_profiler_v5 {
	const char *name;
	int (*init)(void **context, uint64_t id, int *mask, const char *name, int nodes, int ranks,
		    int rank,
		    void (*logger)(int, unsigned long, const char *, int, const char *, ...));
	int (*start)(void *context, void **handle, struct host_descriptor_v5 *descriptor);
	int (*stop)(void *handle);
	int (*record)(void *handle, int state, void *arguments);
	int (*finalize)(void *context);
};

_Static_assert(sizeof(struct host_descriptor_v4) == 104, "v4");
_Static_assert(offsetof(struct host_descriptor_v4, coll.proto) == 96, "v4");
_Static_assert(offsetof(struct host_descriptor_v5, coll_api.graph_captured) == 64, "v5");
_Static_assert(offsetof(struct host_descriptor_v5, p2p_api.graph_captured) == 56, "v5");
_Static_assert(offsetof(struct host_descriptor_v5, coll.parent_group) == 104, "v5");
_Static_assert(offsetof(struct host_descriptor_v5, p2p.parent_group) == 64, "v5");
_Static_assert(offsetof(struct host_descriptor_v5, ce_coll.stream) == 104, "v6");
_Static_assert(sizeof(struct host_descriptor_v5) == 112, "v5, v6");

#endif
