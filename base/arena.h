/* SPDX-License-Identifier: MIT */
/*
 * Arena: memory that is freed all at once, one arena a command. Born with a maximum.
 * Allocation failure and the maximum both give NULL; the caller says what it was for.
 *
 * Thread: one thread at a time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena;

/* `bytes_max` bounds everything the arena may ever hold. NULL when memory is short. */
struct arena *arena_create(size_t bytes_max);
void arena_close(struct arena *arena);

/* Zeroed memory, aligned for any object; lives until arena_close. */
void *arena_take(struct arena *arena, size_t size);
void *arena_take_array(struct arena *arena, size_t count, size_t size);

/* A terminated copy of `length` bytes. */
char *arena_copy_text(struct arena *arena, const char *text, size_t length);

/* Bytes taken from the system so far. */
size_t arena_bytes(const struct arena *arena);

#endif
