/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: NVTX payloads by schemas that lie. The input defines a few schemas and enums, which
 * name each other and themselves, and then gives the bytes of some blobs.
 *
 * The definitions are permanent in a process; here each run begins with none, for which their
 * source is part of this file.
 */
#include "libtrace/nvtx_definitions.c"
#include "libtrace/nvtx_payload.h"
#include "tests/fuzz/feed.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/report_promises.h"

#include <stdlib.h>

const char *const fuzz_name = "payload";

enum { SCHEMAS_MAX = 6, ENTRIES_MAX = 10, BLOBS_MAX = 4, BLOB_BYTES_MAX = 300, DOMAIN = 7 };

struct made {
	uint64_t ids[SCHEMAS_MAX];
	size_t count;
};

static const struct nvtx_schema_scope scope = { .domain = DOMAIN, .time_ns = INT64_MAX };

static void definitions_forget(void)
{
	static unsigned runs;
	memset(schema_buckets, 0, sizeof schema_buckets);
	if (++runs % 256 != 0)
		return;
	/*
	 * The registry never frees; what fills up is begun anew, at the price of a few pages a
	 * time.
	 */
	for (size_t i = 0; i < REGISTRY_PAGE_COUNT; i++)
		if (definitions.pages[i] != NULL)
			memset(definitions.pages[i], 0, sizeof *definitions.pages[i]);
	definitions.taken = 0;
}

static uint64_t type_make(struct feed *feed, const struct made *made)
{
	uint8_t choice = feed_byte(feed);
	if (choice < 0x40 && made->count > 0)
		return made->ids[choice % made->count];
	if (choice < 0x50)
		return NVTX_SCHEMA_ID_STATIC + choice % 8; /* perhaps defined later, or never */
	if (choice < 0xe0)
		return choice % 110;
	return (uint64_t)feed_integer(feed);
}

static uint64_t flags_make(struct feed *feed)
{
	static const uint64_t common[] = {
		0,
		NVTX_ENTRY_ARRAY_FIXED,
		NVTX_ENTRY_ARRAY_TERMINATED,
		NVTX_ENTRY_ARRAY_LENGTH_INDEX,
		NVTX_ENTRY_ARRAY_LENGTH_PAYLOAD,
		NVTX_ENTRY_POINTER,
		NVTX_ENTRY_POINTER | NVTX_ENTRY_ARRAY_TERMINATED,
		NVTX_ENTRY_POINTER | NVTX_ENTRY_ARRAY_LENGTH_INDEX,
		NVTX_ENTRY_HIDE,
		NVTX_ENTRY_OFFSET_FROM_BASE,
		NVTX_ENTRY_EVENT_MESSAGE,
	};
	uint8_t choice = feed_byte(feed);
	return choice < 0xe0 ? common[choice % (sizeof common / sizeof common[0])]
			     : feed_word(feed);
}

static void enum_make(struct feed *feed, struct made *made)
{
	static char texts[ENTRIES_MAX][FEED_TEXT_BYTES];
	struct nvtx_enum_entry entries[ENTRIES_MAX];
	size_t count = feed_below(feed, ENTRIES_MAX + 1);
	for (size_t i = 0; i < count; i++) {
		entries[i].name = feed_text(feed, texts[i]);
		entries[i].value = (uint64_t)feed_integer(feed);
		entries[i].is_flag = (int8_t)(feed_byte(feed) % 2);
	}
	const struct nvtx_enum_attributes attributes = {
		.field_mask = NVTX_ENUM_HAS_ENTRIES | NVTX_ENUM_HAS_COUNT | NVTX_ENUM_HAS_SIZE |
			      NVTX_ENUM_HAS_ID,
		.entries = entries, .entry_count = count, .size = (size_t)feed_integer(feed),
		.schema_id = type_make(feed, made),
	};
	made->ids[made->count++] = nvtx_define_enum(&scope, &attributes);
}

static void schema_make(struct feed *feed, struct made *made)
{
	static char texts[ENTRIES_MAX][FEED_TEXT_BYTES];
	struct nvtx_schema_entry entries[ENTRIES_MAX] = { 0 };
	size_t count = feed_below(feed, ENTRIES_MAX + 1);
	uint64_t optional = feed_byte(feed);
	for (size_t i = 0; i < count; i++) {
		entries[i].flags = flags_make(feed);
		entries[i].type = type_make(feed, made);
		entries[i].name = feed_byte(feed) % 4 == 0 ? NULL : feed_text(feed, texts[i]);
		entries[i].detail = (uint64_t)feed_integer(feed);
		entries[i].offset = feed_byte(feed) < 0xc0 ? 0 : (uint64_t)feed_integer(feed);
	}
	const struct nvtx_schema_attributes attributes = {
		.field_mask = NVTX_SCHEMA_HAS_ENTRIES | NVTX_SCHEMA_HAS_COUNT |
			      (optional & (NVTX_SCHEMA_HAS_TYPE | NVTX_SCHEMA_HAS_SIZE |
					   NVTX_SCHEMA_HAS_ALIGNMENT)) |
			      ((optional & 1) != 0 ? NVTX_SCHEMA_HAS_ID : 0),
		.type = feed_byte(feed) % 6, .entries = entries, .entry_count = count,
		.static_size = (size_t)feed_integer(feed),
		.pack_alignment = (size_t)feed_integer(feed), .schema_id = type_make(feed, made),
	};
	made->ids[made->count++] = nvtx_define_schema(&scope, &attributes);
}

/* Of exactly the size, so that a sanitizer sees one byte too many. */
static void blob_make(struct feed *feed, const struct made *made, struct nvtx_blob *blobs,
		      size_t index)
{
	size_t size = feed_below(feed, BLOB_BYTES_MAX);
	unsigned char *bytes = malloc(size == 0 ? 1 : size);
	fuzz_require(bytes != NULL, "memory");
	for (size_t i = 0; i < size; i++)
		bytes[i] = feed_byte(feed);
	blobs[index] = (struct nvtx_blob){
		.schema_id = type_make(feed, made), .address = (uintptr_t)bytes, .bytes = bytes,
		.size = size, .is_cut = feed_byte(feed) % 8 == 1,
	};
	/* A pointer into a blob of the event, as a program would have it. */
	uint64_t address = blobs[feed_below(feed, index + 1)].address + feed_byte(feed);
	if (size >= sizeof address && feed_byte(feed) % 2 == 0)
		memcpy(bytes + feed_below(feed, size - sizeof address + 1), &address,
		       sizeof address);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct feed feed = { bytes, size };
	struct made made = { .count = 0 };
	struct nvtx_blob blobs[BLOBS_MAX];
	struct nvtx_payload_damage damage = { 0 };
	struct text out;
	definitions_forget();
	for (size_t wanted = 1 + feed_below(&feed, SCHEMAS_MAX); made.count < wanted;) {
		if (feed_byte(&feed) % 4 == 3)
			enum_make(&feed, &made);
		else
			schema_make(&feed, &made);
	}
	size_t count = 1 + feed_below(&feed, BLOBS_MAX);
	for (size_t i = 0; i < count; i++)
		blob_make(&feed, &made, blobs, i);
	const struct nvtx_payload payload = { .scope = scope, .blobs = blobs, .blob_count = count };
	text_begin(&out, NVTX_PAYLOAD_JSON_BYTES_MAX);
	nvtx_payload_add_json(&out, &payload, &damage);
	if (text_is_ok(&out) && out.length > 0)
		json_require(text_string(&out), out.length);
	text_clear(&out);
	nvtx_value_add_json(&out, (uint32_t)feed_byte(&feed) % 8, feed_word(&feed));
	if (out.length > 0)
		json_require(text_string(&out), out.length);
	text_end(&out);
	for (size_t i = 0; i < count; i++)
		free((void *)(uintptr_t)blobs[i].bytes);
	return 0;
}
