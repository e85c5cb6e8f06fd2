/* SPDX-License-Identifier: MIT */
/*
 * Texts of NVTX in bounded length: narrow texts as they are, wide ones as UTF-8. No locale is
 * consulted.
 *
 * Thread: any; pure.
 */
#ifndef LIBTRACE_NVTX_TEXT_H
#define LIBTRACE_NVTX_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

enum nvtx_text_width { NVTX_TEXT_NARROW = 1, NVTX_TEXT_UTF16 = 2, NVTX_TEXT_UTF32 = 4 };

struct nvtx_text {
	const void *units;	/* NULL: no text */
	enum nvtx_text_width width;
	size_t unit_count;
	size_t length;		/* bytes as UTF-8 */
	bool is_cut;
};

/*
 * Measures `units` up to its terminator or `units_max`, and so that the UTF-8 form fits
 * `length_max`.
 */
struct nvtx_text nvtx_text_measure(const void *units, enum nvtx_text_width width, size_t units_max,
				   size_t length_max);

/* Writes text->length bytes, no terminator. */
void nvtx_text_write(const struct nvtx_text *text, char *to);

_Static_assert(sizeof(wchar_t) == NVTX_TEXT_UTF32, "wide characters are UTF-32 on Linux");

#endif
