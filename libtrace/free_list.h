/* SPDX-License-Identifier: MIT */
/*
 * Free list: which of N equal things are unused, last given first taken (what is warm is used
 * again, what was never needed is never touched). O(1), lock-free, allocates nothing after
 * creation.
 *
 * Thread: take and give on any thread; create and close while nobody else uses it.
 */
#ifndef LIBTRACE_FREE_LIST_H
#define LIBTRACE_FREE_LIST_H

#include <stdbool.h>
#include <stdint.h>

struct free_list;

/* All of 0..count-1 are free; 0 is taken first. NULL when memory is short. */
struct free_list *free_list_create(uint32_t count);
void free_list_close(struct free_list *list);

/* False when none is left. */
bool free_list_take(struct free_list *list, uint32_t *index);
void free_list_give(struct free_list *list, uint32_t index);

#endif
