/* SPDX-License-Identifier: MIT */
/*
 * cupti_probe [-c] [-l LIBRARY]... [CUPTI]: what libtrace's own search and loading make of a real
 * libcupti, as lines of words; no device is needed. CUPTI is as in LAGGARD_CUPTI, without it
 * libtrace searches. -l maps a library first, as a framework does, -c prints what the calls by
 * which tracing starts and ends answer instead. Exit status 1: libtrace does not take it; the
 * reason stands on stderr.
 */
#include "libtrace/cupti_library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* Results and callbacks that libtrace names in what it says or writes. */
static const uint32_t results[] = { 0, 1, 7, 8, 12, 14, 15, 21, 27, 35, 38, 39, 999 };
static const struct { uint32_t domain, cbid; } callbacks[] = {
	{ 2, 20 }, { 2, 31 }, { 2, 41 }, { 2, 131 }, { 2, 147 }, { 2, 165 }, { 2, 171 }, { 2, 172 },
	{ 2, 211 }, { 2, 311 }, { 2, 430 }, { 1, 126 }, { 1, 307 }, { 1, 514 }, { 1, 652 },
};

static void library_print(const struct cupti_library *library)
{
	printf("path %s\nversion %u\n", library->path, library->version);
	for (uint32_t kind = 1; kind < CUPTI_KIND_LIMIT; kind++)
		if (library->strides[kind] != 0)
			printf("stride %u %u\n", kind, library->strides[kind]);
#define FUNCTION(required, member, name, arguments) \
	printf("function %s %s\n", name, library->member != NULL ? "there" : "missing");
	CUPTI_FUNCTIONS(FUNCTION)
#undef FUNCTION
	for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
		char number[32];
		printf("result %u %s\n", results[i],
		       cupti_result_text(library, results[i], number));
	}
	for (size_t i = 0; i < sizeof callbacks / sizeof callbacks[0]; i++) {
		const char *name = NULL;
		if (library->get_callback_name(callbacks[i].domain, callbacks[i].cbid, &name) == 0)
			printf("callback %u %u %s\n", callbacks[i].domain, callbacks[i].cbid, name);
	}
}

static void callback(void *user, uint32_t domain, uint32_t cbid, const void *data)
{
	(void)user, (void)domain, (void)cbid, (void)data;
}

static void buffer_requested(uint8_t **buffer, size_t *size, size_t *max_records)
{
	static _Alignas(8) uint8_t bytes[65536];
	*buffer = bytes;
	*size = sizeof bytes;
	*max_records = 0;
}

static void buffer_completed(void *context, uint32_t stream, uint8_t *buffer, size_t size,
			     size_t valid_size)
{
	(void)context, (void)stream, (void)buffer, (void)size, (void)valid_size;
}

/* What the library answers behind one kernel record: `valid` bytes of the rest hold `filler`. */
static uint32_t next_answer(const struct cupti_library *library, size_t valid, uint8_t filler)
{
	static _Alignas(8) uint8_t bytes[4096];
	const uint32_t kind = CUPTI_KIND_CONCURRENT_KERNEL;
	uint16_t stride = library->strides[kind];
	memset(bytes, filler, sizeof bytes);
	memset(bytes, 0, stride);
	memcpy(bytes, &kind, sizeof kind);
	void *record = NULL;
	uint32_t first = library->get_next_record(bytes, stride + valid, &record);
	return first != 0 ? 1000 + first : library->get_next_record(bytes, stride + valid, &record);
}

/* In libtrace's order. Where there is no device all of them are refused, and how is what counts. */
static void answers_print(const struct cupti_library *library)
{
	void *subscriber = NULL;
	uint8_t on = 1;
	size_t size = sizeof on, dropped = 0;
	printf("answer subscribe %u\n", library->subscribe(&subscriber, callback, NULL));
	printf("answer set_attribute %u\n", library->set_attribute(5, &size, &on));
	printf("answer set_thread_id_type %u\n", library->set_thread_id_type(1));
	printf("answer enable_callback %u\n", library->enable_callback(1, NULL, 3, 1));
	printf("answer register_callbacks %u\n",
	       library->register_callbacks(buffer_requested, buffer_completed));
	printf("answer enable %u\n", library->enable(CUPTI_KIND_CONCURRENT_KERNEL));
	printf("answer push_external %u\n", library->push_external(5, 1));
	printf("answer flush_all %u\n", library->flush_all(1));
	printf("answer get_dropped %u\n", library->get_dropped(NULL, 0, &dropped));
	printf("answer disable %u\n", library->disable(CUPTI_KIND_CONCURRENT_KERNEL));
	printf("answer unsubscribe %u\n", library->unsubscribe(subscriber));
	printf("answer next_at_end %u\n", next_answer(library, 0, 0));
	printf("answer next_of_zeros %u\n", next_answer(library, 512, 0));
	printf("answer next_of_garbage %u\n", next_answer(library, 512, 0xff));
	printf("answer next_of_cut_kind %u\n", next_answer(library, 3, 0));
}

int main(int argc, char **argv)
{
	static struct cupti_library library;
	struct error error = { 0 };
	int at = 1;
	bool has_answers = argc > 1 && strcmp(argv[1], "-c") == 0;
	at += has_answers;
	for (; at + 1 < argc && strcmp(argv[at], "-l") == 0; at += 2) {
		if (dlopen(argv[at + 1], RTLD_NOW | RTLD_LOCAL) == NULL) {
			fprintf(stderr, "cupti_probe: %s\n", dlerror());
			return 2;
		}
	}
	if (!cupti_library_open(&library, at < argc ? argv[at] : "", &error)) {
		fprintf(stderr, "cupti_probe: %s\n", error.message);
		return 1;
	}
	if (has_answers)
		answers_print(&library);
	else
		library_print(&library);
	return 0;
}
