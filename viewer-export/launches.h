/* SPDX-License-Identifier: MIT */
/*
 * The calls of a trace by their correlation ids: which one launched what, and where it is drawn.
 * Calls are kept as differences from one to the next, in blocks of LAUNCH_BLOCK, 5 to 8 bytes a
 * call; a block is unpacked when something in it is asked for. Ids come nearly sorted; where they
 * do not, 12 more bytes a call, 20 while they are being sorted.
 *
 * Pure. Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_LAUNCHES_H
#define VIEWER_EXPORT_LAUNCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LAUNCH_BLOCK = 256 };

struct launch {
	int64_t correlation_id;	/* 0: none */
	int64_t start_ns;
	int64_t end_ns;
	uint32_t group;		/* of its thread */
	size_t call;		/* in the order of storage */
};

struct launch_block;
struct launch_page;
struct launch_order;

struct launch_index {
	char *bytes;
	size_t byte_count;
	size_t byte_room;
	struct launch_block *blocks;
	size_t block_count;
	size_t block_room;
	size_t count;
	struct launch last;		/* the differences count from it */
	struct launch_order *order;	/* by (correlation, call); NULL: blocks are searched */
	struct launch_page *pages;	/* unpacked blocks */
	size_t hint;			/* block where the last one was found */
};

/* `launch->call` is filled in. False: memory is short, or there are 2^32 calls. */
bool launch_index_add(struct launch_index *index, const struct launch *launch);
bool launch_index_solve(struct launch_index *index);

/* First call with that correlation id, after launch_index_solve. False: there is none. */
bool launch_index_find(struct launch_index *index, int64_t correlation_id, struct launch *launch);

void launch_index_end(struct launch_index *index);

#endif
