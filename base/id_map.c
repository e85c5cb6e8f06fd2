/* SPDX-License-Identifier: MIT */
#include "base/id_map.h"

#include "base/column.h"

#include <stdlib.h>
#include <string.h>

struct id_map_slot {
	uint64_t key;
	int64_t value;
	bool is_used;
};

/* The finaliser of splitmix64: every input bit reaches every output bit. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	x ^= x >> 31;
	return x;
}

static struct id_map_slot *slot_of(struct id_map_slot *slots, size_t slot_count, uint64_t key)
{
	size_t at = (size_t)mix(key) & (slot_count - 1);
	while (slots[at].is_used && slots[at].key != key)
		at = (at + 1) & (slot_count - 1);
	return &slots[at];
}

static bool id_map_grow(struct id_map *map)
{
	size_t slot_count = map->slot_count == 0 ? 64 : map->slot_count * 2;
	struct id_map_slot *slots = column_new(slot_count, sizeof *slots);
	if (slots == NULL)
		return false;
	memset(slots, 0, slot_count * sizeof *slots);
	for (size_t i = 0; i < map->slot_count; i++)
		if (map->slots[i].is_used)
			*slot_of(slots, slot_count, map->slots[i].key) = map->slots[i];
	free(map->slots);
	map->slots = slots;
	map->slot_count = slot_count;
	return true;
}

bool id_map_put(struct id_map *map, uint64_t key, int64_t value)
{
	if ((map->used + 1) * 3 > map->slot_count * 2 && !id_map_grow(map))
		return false;
	struct id_map_slot *slot = slot_of(map->slots, map->slot_count, key);
	if (!slot->is_used)
		map->used++;
	*slot = (struct id_map_slot){ .key = key, .value = value, .is_used = true };
	return true;
}

bool id_map_get(const struct id_map *map, uint64_t key, int64_t *value)
{
	if (map->slot_count == 0)
		return false;
	const struct id_map_slot *slot = slot_of(map->slots, map->slot_count, key);
	if (!slot->is_used)
		return false;
	*value = slot->value;
	return true;
}

void id_map_end(struct id_map *map)
{
	free(map->slots);
	*map = (struct id_map){ 0 };
}

struct bytes_map_entry {
	uint64_t hash;
	int64_t value;
	size_t size;
	unsigned char key[];
};

struct bytes_map_block {
	struct bytes_map_block *next;
	size_t used;
	size_t size;
	uint64_t memory[];
};

enum { BLOCK_BYTES = 64 * 1024 };

uint64_t bytes_hash(const void *bytes, size_t size)
{
	const unsigned char *at = bytes;
	uint64_t hash = UINT64_C(0x9e3779b97f4a7c15) ^ size;
	while (size >= 8) {
		uint64_t word;
		memcpy(&word, at, 8);
		hash = mix(hash ^ word) + UINT64_C(0x9e3779b97f4a7c15);
		at += 8;
		size -= 8;
	}
	uint64_t rest = 0;
	if (size > 0)
		memcpy(&rest, at, size);
	return mix(hash ^ rest);
}

static size_t bytes_map_find(const struct bytes_map *map, uint64_t hash, const void *key,
			     size_t size)
{
	size_t at = (size_t)hash & (map->slot_count - 1);
	for (; map->slots[at] != NULL; at = (at + 1) & (map->slot_count - 1)) {
		const struct bytes_map_entry *entry = map->slots[at];
		if (entry->hash == hash && entry->size == size &&
		    (size == 0 || memcmp(entry->key, key, size) == 0))
			break;
	}
	return at;
}

static bool bytes_map_grow(struct bytes_map *map)
{
	size_t slot_count = map->slot_count == 0 ? 64 : map->slot_count * 2;
	struct bytes_map_entry **slots = calloc(slot_count, sizeof(struct bytes_map_entry *));
	if (slots == NULL)
		return false;
	for (size_t i = 0; i < map->slot_count; i++) {
		struct bytes_map_entry *entry = map->slots[i];
		if (entry == NULL)
			continue;
		size_t at = (size_t)entry->hash & (slot_count - 1);
		while (slots[at] != NULL)
			at = (at + 1) & (slot_count - 1);
		slots[at] = entry;
	}
	map->bytes += (slot_count - map->slot_count) * sizeof(struct bytes_map_entry *);
	free(map->slots);
	map->slots = slots;
	map->slot_count = slot_count;
	return true;
}

static struct bytes_map_entry *bytes_map_take_entry(struct bytes_map *map, size_t size)
{
	size_t needed = (sizeof(struct bytes_map_entry) + size + 7) / 8 * 8;
	struct bytes_map_block *block = map->blocks;
	if (block == NULL || block->size - block->used < needed) {
		size_t room = needed > BLOCK_BYTES ? needed : BLOCK_BYTES;
		block = malloc(sizeof *block + room);
		if (block == NULL)
			return NULL;
		*block = (struct bytes_map_block){ .next = map->blocks, .size = room };
		map->blocks = block;
		map->bytes += sizeof *block + room;
	}
	struct bytes_map_entry *entry =
		(struct bytes_map_entry *)(void *)(block->memory + block->used / 8);
	block->used += needed;
	return entry;
}

bool bytes_map_put(struct bytes_map *map, const void *key, size_t size, int64_t value)
{
	if ((map->used + 1) * 3 > map->slot_count * 2 && !bytes_map_grow(map))
		return false;
	uint64_t hash = bytes_hash(key, size);
	size_t at = bytes_map_find(map, hash, key, size);
	if (map->slots[at] != NULL) {
		map->slots[at]->value = value;
		return true;
	}
	struct bytes_map_entry *entry = bytes_map_take_entry(map, size);
	if (entry == NULL)
		return false;
	entry->hash = hash;
	entry->value = value;
	entry->size = size;
	if (size > 0)
		memcpy(entry->key, key, size);
	map->slots[at] = entry;
	map->used++;
	return true;
}

bool bytes_map_get(const struct bytes_map *map, const void *key, size_t size, int64_t *value)
{
	if (map->slot_count == 0)
		return false;
	size_t at = bytes_map_find(map, bytes_hash(key, size), key, size);
	if (map->slots[at] == NULL)
		return false;
	*value = map->slots[at]->value;
	return true;
}

void bytes_map_end(struct bytes_map *map)
{
	struct bytes_map_block *block = map->blocks;
	while (block != NULL) {
		struct bytes_map_block *next = block->next;
		free(block);
		block = next;
	}
	free(map->slots);
	*map = (struct bytes_map){ 0 };
}
