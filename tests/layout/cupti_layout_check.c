/* SPDX-License-Identifier: MIT */
/*
 * libtrace's own declarations of CUPTI's records (TAP), compared with
 * tests/layout/cupti_layouts.csv, with the headers of CUDA 13.0 or later where they were found at
 * build time, and with the strides that the real library of that toolkit uses (argument 1, if
 * given).
 */
#include "libtrace/cupti_library.h"
#include "libtrace/cupti_records.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_CUPTI_HEADERS
#include <cupti.h>
#endif

static int count, failed;

static void result(bool is_ok, const char *name)
{
	count++;
	failed += !is_ok;
	printf("%s %d - %s\n", is_ok ? "ok" : "not ok", count, name);
}

struct field {
	const char *kind, *ours, *theirs;
	size_t offset, size;
	size_t their_offset, their_size;	/* 0, 0 without the headers */
};

#define SIZE_OF(type, field) sizeof(((type *)0)->field)
#define RECORD(record)
#ifdef HAVE_CUPTI_HEADERS
#define FIELD(record, field, their_field) \
	{ KIND_##record, #record "." #field, #their_field, offsetof(struct record, field), \
	  SIZE_OF(struct record, field), offsetof(THEIRS_##record, their_field), \
	  SIZE_OF(THEIRS_##record, their_field) },
#else
#define FIELD(record, field, their_field) \
	{ KIND_##record, #record "." #field, #their_field, offsetof(struct record, field), \
	  SIZE_OF(struct record, field), 0, 0 },
#endif
static const struct field fields[] = {
#include "tests/layout/cupti_fields.def"
};
#undef RECORD
#undef FIELD
enum { FIELD_COUNT = sizeof fields / sizeof fields[0] };

/* One line of the table: kind,kind_id,field,offset,size,... ; false at its end. */
static bool line_read(FILE *file, char line[256], char *columns[5])
{
	if (fgets(line, 256, file) == NULL)
		return false;
	char *at = line;
	for (int i = 0; i < 5; i++) {
		columns[i] = at;
		at += strcspn(at, ",\n");
		if (*at != 0)
			*at++ = 0;
	}
	return true;
}

static bool table_has(const char *path, const struct field *field)
{
	char line[256], *columns[5];
	FILE *file = fopen(path, "re");
	bool is_equal = false;
	while (file != NULL && !is_equal && line_read(file, line, columns))
		is_equal = strcmp(columns[0], field->kind) == 0 &&
			   strcmp(columns[2], field->theirs) == 0 &&
			   strtoul(columns[3], NULL, 10) == field->offset &&
			   strtoul(columns[4], NULL, 10) == field->size;
	if (file != NULL)
		(void)fclose(file);
	return is_equal;
}

static void table_check(void)
{
	bool is_equal = true;
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		if (table_has("tests/layout/cupti_layouts.csv", &fields[i]))
			continue;
		printf("# %s: %zu bytes at %zu\n", fields[i].ours, fields[i].size,
		       fields[i].offset);
		is_equal = false;
	}
	result(is_equal, "every field stands where the table of layouts says");
}

#ifdef HAVE_CUPTI_HEADERS
static void constants_check(void)
{
	static const struct { const char *name; long ours, theirs; } pairs[] = {
#define CONSTANT(ours, theirs) { #ours, (long)(ours), (long)(theirs) },
#include "tests/layout/cupti_constants.def"
#undef CONSTANT
	};
	bool is_equal = true;
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		if (pairs[i].ours == pairs[i].theirs)
			continue;
		printf("# %s is %ld, not %ld\n", pairs[i].name, pairs[i].ours, pairs[i].theirs);
		is_equal = false;
	}
	result(is_equal, "the constants are those of CUPTI's headers");
}

static void headers_check(void)
{
	bool is_equal = true;
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		if (fields[i].offset == fields[i].their_offset &&
		    fields[i].size == fields[i].their_size)
			continue;
		printf("# %s: %zu bytes at %zu, not %zu at %zu\n", fields[i].ours, fields[i].size,
		       fields[i].offset, fields[i].their_size, fields[i].their_offset);
		is_equal = false;
	}
	result(is_equal, "every field stands where CUPTI's headers say");
	is_equal = true;
#define FIELD(record, field, their_field)
#define RECORD(record) \
	if (sizeof(struct record) != sizeof(THEIRS_##record)) { \
		printf("# %s: %zu bytes, not %zu\n", #record, sizeof(struct record), \
		       sizeof(THEIRS_##record)); \
		is_equal = false; \
	}
#include "tests/layout/cupti_fields.def"
#undef RECORD
#undef FIELD
	result(is_equal, "every record has the size of CUPTI's headers");
	/* Grown with 13.2. */
	result((CUPTI_SUBSCRIBER_PARAMS_FIRST_BYTES == sizeof(CUpti_SubscriberParams) ||
		sizeof(struct cupti_subscriber_params) == sizeof(CUpti_SubscriberParams)) &&
		       sizeof(struct cupti_state_data) == sizeof(CUpti_StateData) &&
		       offsetof(struct cupti_state_data, message) ==
			       offsetof(CUpti_StateData, notification.message) &&
		       offsetof(CUpti_ResourceData, context) == 0,
	       "the callbacks' structs are those of CUPTI's headers");
	constants_check();
}
#else
static void headers_check(void)
{
	printf("ok %d - every field stands where CUPTI's headers say # SKIP no headers of 13.0\n",
	       ++count);
}
#endif

/* A newer library may append to a record, never shorten it. */
static void library_check(const char *path)
{
	struct cupti_library library;
	struct error error = { 0 };
	bool is_open = cupti_library_open(&library, path, &error);
	if (!is_open)
		printf("# %s\n", error.message);
	result(is_open, "libtrace finds what it needs in the real libcupti");
	if (!is_open)
		return;
	static const struct { uint32_t kind; size_t size; } sizes[] = {
		{ CUPTI_KIND_MEMCPY, sizeof(struct cupti_memcpy) },
		{ CUPTI_KIND_MEMSET, sizeof(struct cupti_memset) },
		{ CUPTI_KIND_CONCURRENT_KERNEL, sizeof(struct cupti_kernel) },
		{ CUPTI_KIND_RUNTIME, sizeof(struct cupti_api) },
		{ CUPTI_KIND_DEVICE, sizeof(struct cupti_device) },
		{ CUPTI_KIND_CONTEXT, sizeof(struct cupti_context) },
		{ CUPTI_KIND_NAME, sizeof(struct cupti_name) },
		{ CUPTI_KIND_OVERHEAD, sizeof(struct cupti_overhead) },
		{ CUPTI_KIND_MEMCPY2, sizeof(struct cupti_peer_copy) },
		{ CUPTI_KIND_CUDA_EVENT, sizeof(struct cupti_event) },
		{ CUPTI_KIND_STREAM, sizeof(struct cupti_stream) },
		{ CUPTI_KIND_SYNCHRONIZATION, sizeof(struct cupti_synchronization) },
		{ CUPTI_KIND_EXTERNAL_CORRELATION, sizeof(struct cupti_external_correlation) },
		{ CUPTI_KIND_MEMORY2, sizeof(struct cupti_memory) },
		{ CUPTI_KIND_GRAPH_TRACE, sizeof(struct cupti_graph_trace) },
	};
	bool is_equal = true;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		size_t stride = library.strides[sizes[i].kind];
		if (stride >= sizes[i].size || (library.version < 130000 && stride > 0))
			continue;
		printf("# kind %u: stride %zu, our declaration %zu\n", sizes[i].kind, stride,
		       sizes[i].size);
		is_equal = false;
	}
	result(is_equal, "the real libcupti's strides hold our records");
}

int main(int argc, char **argv)
{
	table_check();
	headers_check();
	if (argc > 1)
		library_check(argv[1]);
	else
		printf("ok %d - the real libcupti # SKIP none installed\n", ++count);
	printf("1..%d\n", count);
	return failed == 0 ? 0 : 1;
}
