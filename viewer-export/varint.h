/* SPDX-License-Identifier: MIT */
/*
 * Numbers of as few bytes as they need: seven bits a byte, the lowest first, the top bit set in all
 * but the last (LEB128, the varint of protocol buffers). Differences of either sign are folded
 * first, so that small ones stay short; they may wrap, and so does adding them again.
 *
 * Thread: pure functions over the caller's memory.
 */
#ifndef VIEWER_EXPORT_VARINT_H
#define VIEWER_EXPORT_VARINT_H

#include <stdint.h>

enum { VARINT_BYTES_MAX = 10 };

/* There is room for VARINT_BYTES_MAX. Returns where the next byte goes. */
static inline char *put_varint(char *to, uint64_t number)
{
	for (; number >= 0x80; number >>= 7)
		*to++ = (char)(unsigned char)(number | 0x80);
	*to++ = (char)(unsigned char)number;
	return to;
}

/* Only what put_varint wrote: nothing is checked. */
static inline const char *get_varint(const char *from, uint64_t *number)
{
	unsigned shift = 0;
	for (*number = 0; (*from & 0x80) != 0; shift += 7)
		*number |= (uint64_t)(*from++ & 0x7f) << shift;
	*number |= (uint64_t)*from++ << shift;
	return from;
}

/* 0, -1, 1, -2, ... to 0, 1, 2, 3, ... */
static inline uint64_t varint_fold(uint64_t difference)
{
	return difference << 1 ^ (0 - (difference >> 63));
}

static inline uint64_t varint_unfold(uint64_t folded)
{
	return folded >> 1 ^ (0 - (folded & 1));
}

#endif
