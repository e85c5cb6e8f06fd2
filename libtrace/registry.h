/* SPDX-License-Identifier: MIT */
/*
 * Permanent, bounded records that the host's threads add and the drain thread reads: what NVTX and
 * NCCL define once and then mention by handle (domains, registered strings, schemas,
 * communicators). A record is never moved, changed or freed, so its index serves as the handle that
 * the host gets, and stale or foreign handles are merely not found.
 *
 * Thread: any thread, at the same time; lock-free, so that neither a fork nor a signal can leave it
 * locked. Memory comes from mmap, not from the host's heap. errno is kept.
 */
#ifndef LIBTRACE_REGISTRY_H
#define LIBTRACE_REGISTRY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
	REGISTRY_PAGE_RECORDS = 1024,
	REGISTRY_PAGE_COUNT = 256,
	REGISTRY_RECORDS_MAX = REGISTRY_PAGE_RECORDS * REGISTRY_PAGE_COUNT,
	REGISTRY_RECORD_BYTES_MAX = 32 * 1024,
};

struct registry_block;

struct registry_page {
	_Atomic(void *) records[REGISTRY_PAGE_RECORDS];
};

/* All zero is an empty registry. */
struct registry {
	atomic_uint taken;
	atomic_uint blocks;
	_Atomic(struct registry_block *) block;
	_Atomic(struct registry_page *) pages[REGISTRY_PAGE_COUNT];
};

/* Zeroed room for a record and its index (from 1); NULL when the bounds or memory are reached. */
void *registry_take(struct registry *registry, size_t size, uint32_t *index);

/* From here on others see the record; it must be complete. */
void registry_publish(struct registry *registry, uint32_t index, void *record);

/* The record, or NULL if there is none (yet). */
void *registry_at(struct registry *registry, uint64_t index);

#endif
