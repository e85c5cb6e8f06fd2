/* SPDX-License-Identifier: MIT */
/*
 * Where each run of `width` tokens (a gram) occurs in a sequence, and hashes of stretches of it.
 *
 * Thread: one thread at a time.
 */
#ifndef ANALYZER_PERIOD_GRAMS_H
#define ANALYZER_PERIOD_GRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PERIOD_POWERS = 32 };

/* Hashes of any stretch of a sequence in O(log length). Equal hashes are to be checked. */
struct stretch_hash {
	uint64_t *prefix;	/* count + 1 */
	uint64_t powers[PERIOD_POWERS];
};

bool stretch_hash_begin(struct stretch_hash *hash, const uint64_t *tokens, size_t count);
uint64_t stretch_hash_of(const struct stretch_hash *hash, size_t from, size_t to);
void stretch_hash_end(struct stretch_hash *hash);

struct grams {
	size_t kinds;
	uint32_t *first;	/* kinds + 1: where a kind's places begin */
	uint32_t *places;	/* ascending for each kind */
};

/* `count` <= UINT32_MAX. False: memory is short. */
bool grams_begin(struct grams *grams, const struct stretch_hash *hash, size_t count, size_t width);
void grams_end(struct grams *grams);

#endif
