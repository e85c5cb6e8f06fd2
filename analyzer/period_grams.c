/* SPDX-License-Identifier: MIT */
#include "analyzer/period_grams.h"

#include "base/column.h"
#include "base/id_map.h"

#include <stdlib.h>
#include <string.h>

#define HASH_BASE UINT64_C(0x9e3779b97f4a7c15)

/* Tokens are often small numbers: spread their bits first. */
static uint64_t mix(uint64_t value)
{
	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

bool stretch_hash_begin(struct stretch_hash *hash, const uint64_t *tokens, size_t count)
{
	hash->prefix = column_new(count + 1, sizeof *hash->prefix);
	if (hash->prefix == NULL)
		return false;
	hash->powers[0] = HASH_BASE;
	for (size_t i = 1; i < PERIOD_POWERS; i++)
		hash->powers[i] = hash->powers[i - 1] * hash->powers[i - 1];
	hash->prefix[0] = 0;
	for (size_t i = 0; i < count; i++)
		hash->prefix[i + 1] = hash->prefix[i] * HASH_BASE + mix(tokens[i] + HASH_BASE);
	return true;
}

uint64_t stretch_hash_of(const struct stretch_hash *hash, size_t from, size_t to)
{
	uint64_t power = 1;
	size_t bit = 0;
	for (size_t length = to - from; length > 0; length >>= 1, bit++) {
		if ((length & 1) != 0)
			power *= hash->powers[bit];
	}
	return hash->prefix[to] - hash->prefix[from] * power;
}

void stretch_hash_end(struct stretch_hash *hash)
{
	free(hash->prefix);
	hash->prefix = NULL;
}

static bool kinds_number(struct grams *grams, uint32_t *kind_of, const struct stretch_hash *hash,
			 size_t count, size_t width)
{
	struct id_map kinds = { 0 };
	bool is_ok = true;
	for (size_t i = 0; is_ok && i < count; i++) {
		uint64_t key = stretch_hash_of(hash, i, i + width);
		int64_t kind;
		if (!id_map_get(&kinds, key, &kind)) {
			kind = (int64_t)grams->kinds++;
			is_ok = id_map_put(&kinds, key, kind);
		}
		kind_of[i] = (uint32_t)kind;
	}
	id_map_end(&kinds);
	return is_ok;
}

bool grams_begin(struct grams *grams, const struct stretch_hash *hash, size_t count, size_t width)
{
	*grams = (struct grams){ 0 };
	count = count < width ? 0 : count - width + 1;
	uint32_t *kind_of = column_new(count, sizeof *kind_of);
	bool is_ok = kind_of != NULL && kinds_number(grams, kind_of, hash, count, width);
	if (!is_ok)
		goto out;
	grams->first = calloc(grams->kinds + 2, sizeof *grams->first);
	grams->places = column_new(count, sizeof *grams->places);
	is_ok = grams->first != NULL && grams->places != NULL;
	if (!is_ok)
		goto out;
	/* Counted two places on, filled one place on: then each kind's begin is where it is. */
	for (size_t i = 0; i < count; i++)
		grams->first[kind_of[i] + 2]++;
	for (size_t kind = 2; kind <= grams->kinds; kind++)
		grams->first[kind] += grams->first[kind - 1];
	for (size_t i = 0; i < count; i++)
		grams->places[grams->first[kind_of[i] + 1]++] = (uint32_t)i;
out:
	free(kind_of);
	if (!is_ok)
		grams_end(grams);
	return is_ok;
}

void grams_end(struct grams *grams)
{
	free(grams->first);
	free(grams->places);
	*grams = (struct grams){ 0 };
}
