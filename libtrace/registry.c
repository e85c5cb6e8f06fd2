/* SPDX-License-Identifier: MIT */
#include "libtrace/registry.h"

#include <errno.h>
#include <sys/mman.h>

enum { BLOCK_BYTES = 64 * 1024, BLOCKS_MAX = 1024 };	/* 64 MiB in all */

struct registry_block {
	atomic_size_t used;
	_Alignas(16) unsigned char bytes[];
};

enum { BLOCK_ROOM = BLOCK_BYTES - (int)sizeof(struct registry_block) };

static void *pages_take(size_t size)
{
	void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return pages == MAP_FAILED ? NULL : pages;
}

/* Bump allocation; several threads may bring a fresh block at once, one wins. */
static void *room_take(struct registry *registry, size_t size)
{
	for (;;) {
		/* Acquire pairs with the exchange below: the block's memory is there. */
		struct registry_block *block = atomic_load_explicit(&registry->block,
								    memory_order_acquire);
		if (block != NULL) {
			size_t at = atomic_fetch_add_explicit(&block->used, size,
							      memory_order_relaxed);
			if (at + size <= BLOCK_ROOM)
				return block->bytes + at;
		}
		if (atomic_fetch_add_explicit(&registry->blocks, 1, memory_order_relaxed) >=
		    BLOCKS_MAX) {
			atomic_fetch_sub_explicit(&registry->blocks, 1, memory_order_relaxed);
			return NULL;
		}
		struct registry_block *fresh = pages_take(BLOCK_BYTES);
		if (fresh == NULL ||
		    !atomic_compare_exchange_strong(&registry->block, &block, fresh)) {
			atomic_fetch_sub_explicit(&registry->blocks, 1, memory_order_relaxed);
			if (fresh == NULL)
				return NULL;
			munmap(fresh, BLOCK_BYTES);
		}
	}
}

static struct registry_page *page_of(struct registry *registry, uint32_t index)
{
	_Atomic(struct registry_page *) *slot = &registry->pages[index / REGISTRY_PAGE_RECORDS];
	struct registry_page *page = atomic_load_explicit(slot, memory_order_acquire);
	if (page != NULL)
		return page;
	struct registry_page *fresh = pages_take(sizeof *fresh);
	if (fresh == NULL)
		return NULL;
	if (atomic_compare_exchange_strong(slot, &page, fresh))
		return fresh;
	munmap(fresh, sizeof *fresh);
	return page;
}

void *registry_take(struct registry *registry, size_t size, uint32_t *index)
{
	int error_before = errno;
	void *record = NULL;
	*index = 0;
	if (size > REGISTRY_RECORD_BYTES_MAX ||
	    atomic_load_explicit(&registry->taken, memory_order_relaxed) >=
		    REGISTRY_RECORDS_MAX - 1)
		return NULL;
	uint32_t taken = atomic_fetch_add_explicit(&registry->taken, 1, memory_order_relaxed) + 1;
	if (taken < REGISTRY_RECORDS_MAX && page_of(registry, taken) != NULL)
		record = room_take(registry, (size + 15) & ~(size_t)15);
	if (record != NULL)
		*index = taken;
	errno = error_before;
	return record;
}

void registry_publish(struct registry *registry, uint32_t index, void *record)
{
	struct registry_page *page = page_of(registry, index);
	/* Release pairs with the acquire in registry_at: who sees the record sees it complete. */
	if (page != NULL)
		atomic_store_explicit(&page->records[index % REGISTRY_PAGE_RECORDS], record,
				      memory_order_release);
}

void *registry_at(struct registry *registry, uint64_t index)
{
	if (index == 0 || index >= REGISTRY_RECORDS_MAX)
		return NULL;
	struct registry_page *page = atomic_load_explicit(
		&registry->pages[index / REGISTRY_PAGE_RECORDS], memory_order_acquire);
	if (page == NULL)
		return NULL;
	return atomic_load_explicit(&page->records[index % REGISTRY_PAGE_RECORDS],
				    memory_order_acquire);
}
