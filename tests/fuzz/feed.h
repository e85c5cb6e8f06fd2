/* SPDX-License-Identifier: MIT */
/*
 * Values made from the bytes of a fuzz input: mostly those at the edges, where errors live. Used
 * up, it gives zeros.
 *
 * Thread: one thread.
 */
#ifndef TESTS_FUZZ_FEED_H
#define TESTS_FUZZ_FEED_H

#include <stddef.h>
#include <stdint.h>

struct feed {
	const uint8_t *at;
	size_t left;
};

uint8_t feed_byte(struct feed *feed);
size_t feed_below(struct feed *feed, size_t limit);	/* limit 1 .. 65536 */
uint64_t feed_word(struct feed *feed);			/* eight bytes as they are */

/* The extremes of every width, small numbers, sizes and times as they occur, or any eight bytes. */
int64_t feed_integer(struct feed *feed);

/* Terminated, may hold any other byte: damaged UTF-8, escapes, markup, names that mean something.
 */
enum { FEED_TEXT_BYTES = 512 };
const char *feed_text(struct feed *feed, char text[FEED_TEXT_BYTES]);

#endif
