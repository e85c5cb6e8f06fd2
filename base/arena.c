/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES_MIN = 64 * 1024, CHUNK_BYTES_MAX = 16 * 1024 * 1024 };

struct chunk {
	struct chunk *next;
	size_t used;
	size_t size;
	alignas(max_align_t) unsigned char memory[];
};

struct arena {
	struct chunk *chunks;
	size_t bytes;
	size_t bytes_max;
	size_t chunk_bytes;
};

struct arena *arena_create(size_t bytes_max)
{
	struct arena *arena = calloc(1, sizeof *arena);
	if (arena == NULL)
		return NULL;
	arena->bytes_max = bytes_max;
	arena->chunk_bytes = CHUNK_BYTES_MIN;
	return arena;
}

void arena_close(struct arena *arena)
{
	if (arena == NULL)
		return;
	struct chunk *chunk = arena->chunks;
	while (chunk != NULL) {
		struct chunk *next = chunk->next;
		free(chunk);
		chunk = next;
	}
	free(arena);
}

static struct chunk *arena_add_chunk(struct arena *arena, size_t size)
{
	size_t room = size > arena->chunk_bytes ? size : arena->chunk_bytes;
	if (room > SIZE_MAX - sizeof(struct chunk))
		return NULL;
	size_t bytes = room + sizeof(struct chunk);
	if (bytes > arena->bytes_max - arena->bytes)
		return NULL;
	struct chunk *chunk = calloc(1, bytes);
	if (chunk == NULL)
		return NULL;
	chunk->size = room;
	arena->bytes += bytes;
	if (arena->chunk_bytes < CHUNK_BYTES_MAX)
		arena->chunk_bytes *= 2;
	/* A chunk of its own for something big goes behind the open one, whose rest stays usable.
	 */
	if (arena->chunks != NULL && size == room &&
	    arena->chunks->size - arena->chunks->used > 0) {
		chunk->next = arena->chunks->next;
		arena->chunks->next = chunk;
	} else {
		chunk->next = arena->chunks;
		arena->chunks = chunk;
	}
	return chunk;
}

void *arena_take(struct arena *arena, size_t size)
{
	const size_t alignment = alignof(max_align_t);
	if (size > SIZE_MAX - alignment)
		return NULL;
	size = (size + alignment - 1) / alignment * alignment;
	struct chunk *chunk = arena->chunks;
	if (chunk == NULL || chunk->size - chunk->used < size) {
		chunk = arena_add_chunk(arena, size);
		if (chunk == NULL)
			return NULL;
	}
	void *memory = chunk->memory + chunk->used;
	chunk->used += size;
	return memory;
}

void *arena_take_array(struct arena *arena, size_t count, size_t size)
{
	if (size != 0 && count > SIZE_MAX / size)
		return NULL;
	return arena_take(arena, count * size);
}

char *arena_copy_text(struct arena *arena, const char *text, size_t length)
{
	if (length == SIZE_MAX)
		return NULL;
	char *copy = arena_take(arena, length + 1);
	if (copy == NULL)
		return NULL;
	memcpy(copy, text, length);
	copy[length] = 0;
	return copy;
}

size_t arena_bytes(const struct arena *arena)
{
	return arena->bytes;
}
