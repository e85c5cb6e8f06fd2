/* SPDX-License-Identifier: MIT */
#include "tracedb/demangle.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

/* The C++ run time's demangler; the whole text comes on the heap, the caller frees it. */
char *__cxa_demangle(const char *mangled, char *buffer, size_t *size, int *status);

/*
 * The same with a callback for the output, which only the static run time offers: there it is
 * linked in together with the other. It matters because a hostile name of 200 bytes can stand for
 * gigabytes of text.
 */
__attribute__((weak)) int __gcclibcxx_demangle_callback(const char *mangled,
							void (*add)(const char *bytes,
								    size_t length, void *context),
							void *context);

struct output {
	char *bytes;
	size_t room;		/* without the terminator */
	size_t length;
	jmp_buf is_full;
};

/*
 * When the room is used up the demangler is left by longjmp: it has only its stack, and is C.
 * Nothing else would end a text that doubles with each letter of its name.
 */
static void output_add(const char *bytes, size_t length, void *context)
{
	struct output *output = context;
	size_t left = output->room - output->length;
	size_t take = length < left ? length : left;
	memcpy(output->bytes + output->length, bytes, take);
	output->length += take;
	if (take < length)
		longjmp(output->is_full, 1);
}

/*
 * A text doubles with two references to an earlier part, each an 'S': so many cannot stand for more
 * than megabytes.
 */
enum { REFERENCES_MAX_ON_HEAP = 40 };

static const char *demangle_on_heap(const char *name, char *out, size_t size)
{
	int status = 0, references = 0;
	for (const char *at = strchr(name, 'S'); at != NULL; at = strchr(at + 1, 'S'))
		if (++references > REFERENCES_MAX_ON_HEAP)
			return name;
	char *text = __cxa_demangle(name, NULL, NULL, &status);
	if (text == NULL)
		return name;
	size_t length = strlen(text);
	if (length < size) {
		memcpy(out, text, length + 1);
	} else {
		memcpy(out, text, size - 4);
		memcpy(out + size - 4, "...", 4);
	}
	free(text);
	return out;
}

/*
 * 0: `output` holds the text; 1: it was too long; 2: not a mangled name. No local lives across the
 * jump.
 */
static int demangle_into(struct output *output, const char *name)
{
	if (setjmp(output->is_full) != 0)
		return 1;
	return __gcclibcxx_demangle_callback(name, output_add, output) == 0 ? 0 : 2;
}

const char *demangle_symbol(const char *name, char *out, size_t size)
{
	if (name[0] != '_' || name[1] != 'Z' || size < 8)
		return name;
	if (__gcclibcxx_demangle_callback == NULL)
		return demangle_on_heap(name, out, size);
	struct output output = { .bytes = out, .room = size - 1 };
	switch (demangle_into(&output, name)) {
	case 0:
		out[output.length] = 0;
		return out;
	case 1:
		memcpy(out + size - 4, "...", 4);
		return out;
	default:
		return name;
	}
}
