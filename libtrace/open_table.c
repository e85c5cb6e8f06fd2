/* SPDX-License-Identifier: MIT */
#include "libtrace/open_table.h"

#include <stdlib.h>

struct open_table_slot {
	uint64_t key;
	void *entry;	/* NULL: free */
};

void open_table_begin(struct open_table *table, size_t entry_bytes, size_t entries_max)
{
	*table = (struct open_table){ .entry_bytes = entry_bytes, .entries_max = entries_max };
}

void open_table_end(struct open_table *table)
{
	for (size_t i = 0; i < table->slot_count; i++)
		free(table->slots[i].entry);
	free(table->slots);
	open_table_begin(table, table->entry_bytes, table->entries_max);
}

/* Keys are counters: multiply by an odd constant and take the upper bits' mix. */
static size_t slot_of(const struct open_table *table, uint64_t key)
{
	uint64_t mixed = key * UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(mixed ^ (mixed >> 32)) & (table->slot_count - 1);
}

static size_t slot_find(const struct open_table *table, uint64_t key)
{
	size_t at = slot_of(table, key);
	while (table->slots[at].entry != NULL && table->slots[at].key != key)
		at = (at + 1) & (table->slot_count - 1);
	return at;
}

static bool table_grow(struct open_table *table)
{
	struct open_table grown = *table;
	grown.slot_count = table->slot_count == 0 ? 64 : table->slot_count * 2;
	grown.slots = calloc(grown.slot_count, sizeof *grown.slots);
	if (grown.slots == NULL)
		return false;
	for (size_t i = 0; i < table->slot_count; i++)
		if (table->slots[i].entry != NULL)
			grown.slots[slot_find(&grown, table->slots[i].key)] = table->slots[i];
	free(table->slots);
	*table = grown;
	return true;
}

void *open_table_find(const struct open_table *table, uint64_t key)
{
	return table->used == 0 ? NULL : table->slots[slot_find(table, key)].entry;
}

void *open_table_entry(struct open_table *table, uint64_t key)
{
	void *entry = open_table_find(table, key);
	if (entry != NULL)
		return entry;
	if (table->used >= table->entries_max)
		return NULL;
	if ((table->used + 1) * 2 > table->slot_count && !table_grow(table))
		return NULL;
	entry = calloc(1, table->entry_bytes);
	if (entry == NULL)
		return NULL;
	table->slots[slot_find(table, key)] = (struct open_table_slot){ key, entry };
	table->used++;
	return entry;
}

/* Moves later members of the probe run back, so that no tombstones are needed. */
void open_table_remove(struct open_table *table, uint64_t key)
{
	if (table->used == 0)
		return;
	size_t mask = table->slot_count - 1;
	size_t hole = slot_find(table, key);
	if (table->slots[hole].entry == NULL)
		return;
	free(table->slots[hole].entry);
	for (size_t at = (hole + 1) & mask; table->slots[at].entry != NULL; at = (at + 1) & mask) {
		size_t home = slot_of(table, table->slots[at].key);
		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		table->slots[hole] = table->slots[at];
		hole = at;
	}
	table->slots[hole].entry = NULL;
	table->used--;
}

void *open_table_next(const struct open_table *table, size_t *position, uint64_t *key)
{
	for (; *position < table->slot_count; (*position)++) {
		if (table->slots[*position].entry == NULL)
			continue;
		*key = table->slots[*position].key;
		return table->slots[(*position)++].entry;
	}
	return NULL;
}
