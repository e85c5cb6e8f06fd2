/* SPDX-License-Identifier: MIT */
#include "tracedb/demangle.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

/* The C++ run time's demangler; the whole text comes on the heap, the caller frees it. */
char *__cxa_demangle(const char *mangled, char *buffer, size_t *size, int *status);

/*
 * The same with a callback for the output, which only the static run time offers: there it is linked in together
 * with the other. It matters because a hostile name of 200 bytes can stand for gigabytes of text.
 */
__attribute__((weak)) int __gcclibcxx_demangle_callback(
	const char *mangled, void (*add)(const char *bytes, size_t length, void *context), void *context);

struct output {
	char *bytes;
	size_t room;		/* without the terminator */
	size_t length;
	jmp_buf is_full;
};

/*
 * When the room is used up the demangler is left by longjmp: it has only its stack, and is C. Nothing else would end
 * a text that doubles with each letter of its name.
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

static const char *demangle_on_heap(const char *name, char *out, size_t size)
{
	int status = 0;
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

const char *demangle_symbol(const char *name, char *out, size_t size)
{
	if (name[0] != '_' || name[1] != 'Z' || size < 8)
		return name;
	if (__gcclibcxx_demangle_callback == NULL)
		return demangle_on_heap(name, out, size);
	struct output output = { .bytes = out, .room = size - 1 };
	if (setjmp(output.is_full) != 0) {
		memcpy(out + size - 4, "...", 4);
		return out;
	}
	if (__gcclibcxx_demangle_callback(name, output_add, &output) != 0)
		return name;
	out[output.length] = 0;
	return out;
}
