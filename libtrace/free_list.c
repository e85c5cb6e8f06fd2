/* SPDX-License-Identifier: MIT */
#include "libtrace/free_list.h"

#include <stdatomic.h>
#include <stdlib.h>

/*
 * A stack of indices. The head carries a count of changes beside the index (plus one, 0: empty), so
 * that a compare-exchange fails when the same index left and came back meanwhile.
 */
struct free_list {
	_Atomic uint64_t head;
	_Atomic uint32_t next[];	/* index + 1 of the one below, 0: last */
};

static uint64_t head_make(uint64_t before, uint32_t top)
{
	return ((before >> 32) + 1) << 32 | top;
}

struct free_list *free_list_create(uint32_t count)
{
	struct free_list *list = malloc(sizeof *list + count * sizeof list->next[0]);
	if (list == NULL)
		return NULL;
	for (uint32_t i = 0; i < count; i++)
		atomic_init(&list->next[i], i + 1 < count ? i + 2 : 0);
	atomic_init(&list->head, count > 0 ? 1 : 0);
	return list;
}

void free_list_close(struct free_list *list)
{
	free(list);
}

bool free_list_take(struct free_list *list, uint32_t *index)
{
	/* Acquire pairs with the giver's release: what it did to the thing is done. */
	uint64_t head = atomic_load_explicit(&list->head, memory_order_acquire);
	for (;;) {
		uint32_t top = (uint32_t)head;
		if (top == 0)
			return false;
		uint32_t below = atomic_load_explicit(&list->next[top - 1], memory_order_relaxed);
		if (atomic_compare_exchange_weak_explicit(
			    &list->head, &head, head_make(head, below), memory_order_acquire,
			    memory_order_acquire)) {
			*index = top - 1;
			return true;
		}
	}
}

void free_list_give(struct free_list *list, uint32_t index)
{
	uint64_t head = atomic_load_explicit(&list->head, memory_order_relaxed);
	do {
		atomic_store_explicit(&list->next[index], (uint32_t)head, memory_order_relaxed);
	} while (!atomic_compare_exchange_weak_explicit(
		&list->head, &head, head_make(head, index + 1), memory_order_release,
		memory_order_relaxed));
}
