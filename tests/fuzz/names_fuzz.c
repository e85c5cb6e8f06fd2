/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: names of kernels and calls, mangled and not. An input that begins with 'm' is made
 * of the pieces of mangled names; else it is the name.
 */
#include "tests/fuzz/feed.h"
#include "tests/fuzz/fuzz.h"
#include "tracedb/demangle.h"
#include "tracedb/vocabulary.h"
#include "viewer-export/kernel_name.h"

#include <stdlib.h>
#include <string.h>

const char *const fuzz_name = "names";

static size_t name_make(struct feed *feed, char *name, size_t room)
{
	static const char *const pieces[] = {
		"N",     "E",   "I",    "J",    "S_",    "S0_",   "S1_", "SA_", "St", "Sa",
		"T_",    "T0_", "P",    "R",    "O",     "K",     "1a",  "2bc", "i",  "f",
		"v",     "Dp",  "DpT_", "Lb1E", "Li4E",  "X",     "cl",  "sZ",  "sp", "F",
		"M",     "A4_", "A_",   "Z",    "Ut_",   "UlvE_", "cv",  "dt",  "tw", "fp_",
		"fL0p_", "_Z",  "T",    "DT",   "TL0__", "B3abc",
	};
	size_t length = 2;
	memcpy(name, "_Z", 2);
	while (feed->left > 0 && length + 8 < room) {
		const char *piece = pieces[feed_byte(feed) % (sizeof pieces / sizeof pieces[0])];
		memcpy(name + length, piece, strlen(piece));
		length += strlen(piece);
	}
	return length;
}

static void part_require(struct name_part part, const char *name)
{
	fuzz_require(part.bytes >= name && part.bytes + part.length <= name + strlen(name),
		     "a part of a name lies inside it");
}

static void try_name(const char *name)
{
	static const size_t rooms[] = { 8, 9, 64, DEMANGLE_BYTES };
	char out[DEMANGLE_BYTES];
	const char *rest;
	for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
		const char *readable = demangle_symbol(name, out, rooms[i]);
		fuzz_require(readable == name || readable == out, "the text is one of the two");
		fuzz_require(readable == name || strlen(readable) < rooms[i], "the text fits");
		part_require(kernel_name_short(readable, &rest), readable);
		fuzz_require(rest != NULL, "there are parameters or none");
	}
	part_require(call_name_short(name), name);
	(void)kernel_class_of(name);
	(void)copy_direction_from_name(name, strlen(name));
	(void)memory_kind_from_name(name, strlen(name));
	fuzz_require(datatype_bytes(name) >= 0, "a size");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct feed feed = { bytes, size };
	bool is_made = size > 0 && bytes[0] == 'm';
	size_t room = is_made ? size * 8 + 16 : size + 1;
	char *made = malloc(room), *name = NULL;
	fuzz_require(made != NULL, "memory");
	if (is_made) {
		(void)feed_byte(&feed);
		made[name_make(&feed, made, room)] = 0;
	} else {
		memcpy(made, bytes, size);
		made[size] = 0;
	}
	/* Of exactly the size, so that a sanitizer sees one byte too many. */
	name = strdup(made);
	fuzz_require(name != NULL, "memory");
	try_name(name);
	free(name);
	free(made);
	return 0;
}
