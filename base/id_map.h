/* SPDX-License-Identifier: MIT */
/*
 * Maps from a 64-bit key, or from bytes, to a 64-bit value: open addressing, linear probing, grown
 * at 2/3.
 *
 *     struct id_map map = { 0 };
 *     id_map_put(&map, correlation, row);      false: memory is short
 *     if (id_map_get(&map, correlation, &row)) ...
 *     id_map_end(&map);
 *
 * Thread: one thread at a time; any number of readers while nobody puts.
 */
#ifndef BASE_ID_MAP_H
#define BASE_ID_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct id_map_slot;

struct id_map {
	struct id_map_slot *slots;
	size_t slot_count;	/* 0 or a power of two */
	size_t used;
};

/* Sets or replaces. */
bool id_map_put(struct id_map *map, uint64_t key, int64_t value);
bool id_map_get(const struct id_map *map, uint64_t key, int64_t *value);
void id_map_end(struct id_map *map);

/*
 * Keys of bytes (texts, launch shapes). The table copies the key; equal keys have equal values.
 * Pointers to stored keys stay valid until bytes_map_end.
 */
struct bytes_map_entry;
struct bytes_map_block;

struct bytes_map {
	struct bytes_map_entry **slots;
	size_t slot_count;
	size_t used;
	struct bytes_map_block *blocks;	/* memory of the entries */
	size_t bytes;		/* memory taken, for bounds */
};

bool bytes_map_put(struct bytes_map *map, const void *key, size_t size, int64_t value);
bool bytes_map_get(const struct bytes_map *map, const void *key, size_t size, int64_t *value);
void bytes_map_end(struct bytes_map *map);

/* 64-bit mix of bytes, good enough for tables; not for strangers' keys in a server. */
uint64_t bytes_hash(const void *bytes, size_t size);

#endif
