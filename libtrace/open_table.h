/* SPDX-License-Identifier: MIT */
/*
 * Things begun and not yet ended (start/end ranges, NCCL events), by a 64-bit key. The logs of
 * different threads are read one after the other, so an end may be seen before its begin: an entry
 * holds either half.
 *
 * Thread: one thread (the drain).
 */
#ifndef LIBTRACE_OPEN_TABLE_H
#define LIBTRACE_OPEN_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct open_table_slot;

struct open_table {
	size_t entry_bytes;
	size_t entries_max;
	size_t used;
	size_t slot_count;	/* 0 or a power of two */
	struct open_table_slot *slots;
};

void open_table_begin(struct open_table *table, size_t entry_bytes, size_t entries_max);
void open_table_end(struct open_table *table);

/*
 * The entry of the key, zeroed if it is new; NULL when the bound or memory is reached. Stays where
 * it is.
 */
void *open_table_entry(struct open_table *table, uint64_t key);
void *open_table_find(const struct open_table *table, uint64_t key);
void open_table_remove(struct open_table *table, uint64_t key);

/*
 * Walks all entries in no order: start with *position = 0. NULL at the end. Nothing may be added
 * meanwhile.
 */
void *open_table_next(const struct open_table *table, size_t *position, uint64_t *key);

#endif
