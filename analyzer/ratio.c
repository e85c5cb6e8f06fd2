/* SPDX-License-Identifier: MIT */
#include "analyzer/ratio.h"

#include <math.h>

__extension__ typedef unsigned __int128 wide;

static int64_t divide_e12(wide numerator, wide denominator)
{
	/* The whole part first: numerator * 1e12 need not fit. */
	if (denominator == 0 || numerator / denominator >= (wide)(INT64_MAX / RATIO_ONE))
		return INT64_MAX;
	wide whole = numerator / denominator;
	wide rest = numerator % denominator;
	while (rest > (wide)-1 / ((wide)RATIO_ONE * 2)) {
		rest >>= 1;
		denominator >>= 1;
	}
	return (int64_t)(whole * (wide)RATIO_ONE +
			 (rest * (wide)RATIO_ONE * 2 + denominator) / (denominator * 2));
}

int64_t ratio_e12(int64_t numerator, int64_t denominator)
{
	return divide_e12((wide)numerator, (wide)denominator);
}

int64_t share_of(int64_t whole, int64_t part, int64_t of)
{
	return of == 0 ? 0 : (int64_t)((wide)whole * (wide)part / (wide)of);
}

int64_t imbalance_e12(const int64_t *values, size_t count)
{
	wide sum = 0, largest = 0;
	for (size_t i = 0; i < count; i++) {
		sum += (uint64_t)values[i];
		largest = (wide)values[i] > largest ? (wide)values[i] : largest;
	}
	return sum == 0 ? -1 : divide_e12(largest * count - sum, sum);
}

int64_t variation_e12(const int64_t *values, size_t count)
{
	wide sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += (uint64_t)values[i];
	if (sum == 0)
		return -1;
	/* The deviations are exact integers; only their squares and the root are not. */
	long double squares = 0;
	for (size_t i = 0; i < count; i++) {
		wide scaled = (wide)values[i] * count;
		long double deviation = (long double)(scaled > sum ? scaled - sum : sum - scaled);
		squares += deviation * deviation;
	}
	long double variation = sqrtl(squares / (long double)count) / (long double)sum;
	return (int64_t)llroundl(variation * (long double)RATIO_ONE);
}
