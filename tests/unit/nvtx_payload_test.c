/* SPDX-License-Identifier: MIT */
#include "libtrace/nvtx_payload.h"
#include "tests/unit/harness.h"

#include <stdlib.h>
#include <string.h>

enum { DOMAIN = 7 };

static const struct nvtx_schema_scope scope = { .domain = DOMAIN, .time_ns = INT64_MAX };
static struct nvtx_payload_damage damage;

static uint64_t schema_of(const struct nvtx_schema_entry *entries, size_t count, uint64_t type,
			  size_t size)
{
	const struct nvtx_schema_attributes attributes = {
		.field_mask = NVTX_SCHEMA_HAS_TYPE | NVTX_SCHEMA_HAS_ENTRIES |
			      NVTX_SCHEMA_HAS_COUNT | (size == 0 ? 0 : NVTX_SCHEMA_HAS_SIZE),
		.type = type,
		.entries = entries,
		.entry_count = count,
		.static_size = size,
	};
	uint64_t id = nvtx_define_schema(&scope, &attributes);
	CHECK(id >= NVTX_SCHEMA_ID_DYNAMIC);
	return id;
}

#define SCHEMA(entries) \
	schema_of(entries, sizeof(entries) / sizeof(entries)[0], NVTX_SCHEMA_STATIC, 0)
#define DYNAMIC(entries) \
	schema_of(entries, sizeof(entries) / sizeof(entries)[0], NVTX_SCHEMA_DYNAMIC, 0)

static uint64_t enum_of(const struct nvtx_enum_entry *entries, size_t count, size_t size)
{
	const struct nvtx_enum_attributes attributes = {
		.field_mask = NVTX_ENUM_HAS_ENTRIES | NVTX_ENUM_HAS_COUNT | NVTX_ENUM_HAS_SIZE,
		.entries = entries, .entry_count = count, .size = size,
	};
	return nvtx_define_enum(&scope, &attributes);
}

static const char *json_of_blobs(const struct nvtx_blob *blobs, size_t count)
{
	static struct text out;
	const struct nvtx_payload payload = { .scope = scope, .blobs = blobs, .blob_count = count };
	damage = (struct nvtx_payload_damage){ 0 };
	text_end(&out);
	text_begin(&out, NVTX_PAYLOAD_JSON_BYTES_MAX);
	nvtx_payload_add_json(&out, &payload, &damage);
	return text_string(&out);
}

static const char *json_of(uint64_t schema_id, const void *bytes, size_t size)
{
	const struct nvtx_blob blob = {
		.schema_id = schema_id, .address = (uintptr_t)bytes, .bytes = bytes, .size = size,
	};
	return json_of_blobs(&blob, 1);
}

TEST(offsets_left_out_follow_natural_alignment)
{
	static const struct nvtx_schema_entry entries[] = {
		{ .type = NVTX_TYPE_U8, .name = "a" }, { .type = NVTX_TYPE_I32, .name = "b" },
		{ .type = NVTX_TYPE_DOUBLE, .name = "c" }, { .type = NVTX_TYPE_SHORT, .name = "d" },
		{ .type = NVTX_TYPE_ADDRESS, .name = "e" }, { .type = NVTX_TYPE_FLOAT },
	};
	struct {
		uint8_t a;
		int32_t b;
		double c;
		short d;
		void *e;
		float f;
	} value = { 200, -3, 0.25, -7, (void *)0xabc, 1e10f };
	CHECK_TEXT(json_of(SCHEMA(entries), &value, sizeof value),
		   "{\"a\":200,\"b\":-3,\"c\":0.25,\"d\":-7,\"e\":\"0xabc\",\"5\":1e+10}");
	CHECK_INT(damage.unknown + damage.truncated, 0);
}

TEST(given_offsets_are_kept_and_skip)
{
	static const struct nvtx_schema_entry entries[] = {
		{ .type = NVTX_TYPE_U64, .name = "NCCL communicator ID" },
		{ .type = NVTX_TYPE_INT, .name = "op", .offset = 16 },
		{ .type = NVTX_TYPE_INT, .name = "next" },
	};
	struct {
		uint64_t id, hole;
		int op, next;
	} value = { 1, UINT64_MAX, 5, 6 };
	CHECK_TEXT(json_of(SCHEMA(entries), &value, sizeof value),
		   "{\"NCCL communicator ID\":\"0x1\",\"op\":5,\"next\":6}");
}

TEST(enums_are_written_by_name_and_flags_joined)
{
	static const struct nvtx_enum_entry plain[] = { { "Low", 0, 0 },
							{ "High", (uint64_t)-1, 0 } };
	static const struct nvtx_enum_entry flags[] = { { "Read", 1, 1 }, { "Write", 2, 1 } };
	uint64_t plain_id = enum_of(plain, 2, 4), flags_id = enum_of(flags, 2, 1);
	const struct nvtx_schema_entry entries[] = {
		{ .type = plain_id, .name = "p" }, { .type = plain_id, .name = "q" },
		{ .type = flags_id, .name = "f" }, { .type = flags_id, .name = "g" },
	};
	struct {
		int p, q;
		uint8_t f, g;
	} value = { -1, 9, 3, 7 };
	CHECK_TEXT(json_of(SCHEMA(entries), &value, sizeof value),
		   "{\"p\":\"High\",\"q\":9,\"f\":\"Read|Write\",\"g\":7}");
}

TEST(structs_nest_and_arrays_repeat)
{
	static const struct nvtx_schema_entry inner_entries[] = {
		{ .type = NVTX_TYPE_CHAR, .name = "c" }, { .type = NVTX_TYPE_U64, .name = "n" },
	};
	uint64_t inner = SCHEMA(inner_entries);
	const struct nvtx_schema_entry entries[] = {
		{ .type = NVTX_TYPE_BYTE, .name = "pad" },
		{ .type = inner, .name = "pair", .flags = NVTX_ENTRY_ARRAY_FIXED, .detail = 2 },
		{ .type = NVTX_TYPE_I16,
		  .name = "v",
		  .flags = NVTX_ENTRY_ARRAY_FIXED,
		  .detail = 3 },
		{ .type = NVTX_TYPE_CHAR,
		  .name = "s",
		  .flags = NVTX_ENTRY_ARRAY_FIXED,
		  .detail = 6 },
		{ .type = NVTX_TYPE_BYTE,
		  .name = "raw",
		  .flags = NVTX_ENTRY_ARRAY_FIXED,
		  .detail = 2 },
	};
	struct {
		uint8_t pad;
		struct {
			char c;
			uint64_t n;
		} pair[2];
		int16_t v[3];
		char s[6];
		uint8_t raw[2];
	} value = { 1, { { 'x', 1 }, { 7, 2 } }, { 1, -2, 3 }, "ab\"", { 0xde, 0xad } };
	CHECK_TEXT(json_of(SCHEMA(entries), &value, sizeof value),
		   "{\"pad\":\"0x1\",\"pair\":[{\"c\":\"x\",\"n\":1},{\"c\":7,\"n\":2}],"
		   "\"v\":[1,-2,3],\"s\":\"ab\\\"\",\"raw\":\"0xdead\"}");
}

TEST(texts_lie_inside_or_behind_pointers)
{
	static const char far_text[] = "far away";
	static const struct nvtx_schema_entry entries[] = {
		{ .type = NVTX_TYPE_CSTRING, .name = "in", .detail = 5 },
		{ .type = NVTX_TYPE_CSTRING_UTF8, .name = "out",
		  .flags = NVTX_ENTRY_POINTER | NVTX_ENTRY_DEEP_COPY },
		{ .type = NVTX_TYPE_CSTRING, .name = "gone", .flags = NVTX_ENTRY_POINTER },
	};
	struct {
		char in[5];
		const char *out, *gone;
	} value = { "12345", far_text, (const char *)0x10 };
	const struct nvtx_blob blobs[] = {
		{ .schema_id = SCHEMA(entries), .bytes = (const void *)&value, .size = sizeof value,
		  .address = (uintptr_t)&value },
		{ .schema_id = NVTX_TYPE_REFERENCED, .bytes = (const void *)far_text, .size = 8,
		  .address = (uintptr_t)far_text },
	};
	CHECK_TEXT(json_of_blobs(blobs, 2), "{\"in\":\"12345\",\"out\":\"far away\"}");
	CHECK_INT(damage.truncated, 1);
}

TEST(dynamic_layouts_depend_on_what_came_before)
{
	static const struct nvtx_schema_entry entries[] = {
		{ .type = NVTX_TYPE_U16, .name = "n" },
		{ .type = NVTX_TYPE_U16,
		  .name = "v",
		  .flags = NVTX_ENTRY_ARRAY_LENGTH_INDEX,
		  .detail = 0 },
		{ .type = NVTX_TYPE_CSTRING, .name = "t", .flags = NVTX_ENTRY_ARRAY_TERMINATED },
		{ .type = NVTX_TYPE_U8, .name = "last" },
	};
	static const unsigned char value[] = { 2, 0, 10, 0, 20, 0, 'h', 'i', 0, 99 };
	CHECK_TEXT(json_of(DYNAMIC(entries), value, sizeof value),
		   "{\"n\":2,\"v\":[10,20],\"t\":\"hi\",\"last\":99}");
	CHECK_INT(damage.unknown + damage.truncated, 0);
}

TEST(what_is_not_known_is_left_out_and_counted)
{
	static const struct nvtx_schema_entry entries[] = {
		{ .type = NVTX_TYPE_U32, .name = "before" },
		{ .type = 66, .name = "undefined type" },
		{ .type = UINT64_C(0x7777777), .name = "undefined schema" },
		{ .type = NVTX_TYPE_U32, .name = "after", .offset = 4 },
		{ .type = NVTX_TYPE_U64, .name = "beyond", .offset = 4000 },
		{ .type = NVTX_TYPE_U8, .name = "huge", .flags = NVTX_ENTRY_ARRAY_FIXED,
		  .detail = UINT64_MAX },
	};
	const uint32_t value[] = { 1, 2 };
	CHECK_TEXT(json_of(SCHEMA(entries), value, sizeof value), "{\"before\":1,\"after\":2}");
	CHECK_INT(damage.unknown, 2);
	CHECK_INT(damage.truncated, 2);
}

TEST(a_union_shows_all_its_members_in_the_same_place)
{
	static const struct nvtx_schema_entry members[] = {
		{ .type = NVTX_TYPE_U8, .name = "small" }, { .type = NVTX_TYPE_U64, .name = "big" },
		{ .type = NVTX_TYPE_U16, .name = "pair", .flags = NVTX_ENTRY_ARRAY_FIXED,
		  .detail = 2 },
	};
	uint64_t either = schema_of(members, 3, NVTX_SCHEMA_UNION, 0);
	const struct nvtx_schema_entry entries[] = {
		{ .type = either, .name = "u" }, { .type = NVTX_TYPE_INT, .name = "after" },
	};
	struct {
		uint64_t u;
		int after;
	} value = { 0x10203, 6 };
	CHECK_TEXT(json_of(SCHEMA(entries), &value, sizeof value),
		   "{\"u\":{\"small\":3,\"big\":66051,\"pair\":[515,1]},\"after\":6}");
	CHECK_INT(damage.unknown + damage.truncated, 0);
	CHECK_TEXT(json_of(either, &value.u, sizeof value.u),
		   "{\"small\":3,\"big\":66051,\"pair\":[515,1]}");
}

TEST(members_of_a_union_with_a_selector_lie_behind_it)
{
	static const struct nvtx_schema_entry members[] = {
		{ .type = NVTX_TYPE_SELECTOR, .name = "which" },
		{ .type = NVTX_TYPE_I32, .name = "number" },
		{ .type = NVTX_TYPE_FLOAT, .name = "real" },
	};
	uint64_t either = schema_of(members, 3, NVTX_SCHEMA_UNION_WITH_SELECTOR, 0);
	const struct nvtx_schema_entry entries[] = {
		{ .type = either, .name = "u" }, { .type = NVTX_TYPE_INT, .name = "after" },
	};
	struct {
		struct {
			uint64_t which;
			float real;
		} u;
		int after;
	} value = { { 1, 1.5f }, 6 };
	CHECK_TEXT(json_of(SCHEMA(entries), &value, sizeof value),
		   "{\"u\":{\"which\":1,\"number\":1069547520,\"real\":1.5},\"after\":6}");
	CHECK_INT(damage.unknown + damage.truncated, 0);
}

TEST(a_schema_that_holds_itself_ends)
{
	struct nvtx_schema_entry entries[] = {
		{ .type = NVTX_SCHEMA_ID_STATIC + 1, .name = "self" }, { .type = NVTX_TYPE_INT },
	};
	struct nvtx_schema_attributes attributes = {
		.field_mask = NVTX_SCHEMA_HAS_ENTRIES | NVTX_SCHEMA_HAS_COUNT | NVTX_SCHEMA_HAS_ID,
		.entries = entries, .entry_count = 2, .schema_id = NVTX_SCHEMA_ID_STATIC + 1,
	};
	const char value[64] = "";
	uint64_t id = nvtx_define_schema(&scope, &attributes);
	(void)json_of(id, value, sizeof value);
}

TEST(predefined_types_and_several_blobs_are_values_and_an_array)
{
	static const uint32_t number = 17;
	static const char name[] = "text";
	const struct nvtx_blob blobs[] = {
		{ .schema_id = NVTX_TYPE_U32, .bytes = (const void *)&number, .size = 4 },
		{ .schema_id = NVTX_TYPE_CSTRING, .bytes = (const void *)name, .size = 4 },
		{ .schema_id = NVTX_TYPE_RAW, .bytes = (const void *)name, .size = 2 },
		{ .schema_id = UINT64_C(0x99999999), .bytes = (const void *)name, .size = 1 },
	};
	CHECK_TEXT(json_of_blobs(blobs, 4), "[17,\"text\",\"0x7465\",\"0x74\"]");
	CHECK_INT(damage.unknown, 1);
}

TEST(half_precision_numbers_are_numbers)
{
	static const struct nvtx_schema_entry entries[] = {
		{ .type = NVTX_TYPE_F16, .name = "h" }, { .type = NVTX_TYPE_BF16, .name = "b" },
		{ .type = NVTX_TYPE_F16, .name = "inf" },
	};
	const uint16_t value[] = { 0x3e00, 0xc040, 0x7c00 };
	CHECK_TEXT(json_of(SCHEMA(entries), value, sizeof value),
		   "{\"h\":1.5,\"b\":-3,\"inf\":\"Infinity\"}");
}

TEST(an_id_registered_anew_means_the_layout_of_its_time)
{
	static const struct nvtx_schema_entry first[] = { { .type = NVTX_TYPE_U32,
							    .name = "old" } };
	static const struct nvtx_schema_entry second[] = { { .type = NVTX_TYPE_U32,
							     .name = "new" } };
	struct nvtx_schema_attributes attributes = {
		.field_mask = NVTX_SCHEMA_HAS_ENTRIES | NVTX_SCHEMA_HAS_COUNT | NVTX_SCHEMA_HAS_ID,
		.entries = first, .entry_count = 1, .schema_id = NVTX_SCHEMA_ID_STATIC + 9,
	};
	uint64_t id = nvtx_define_schema(&scope, &attributes);
	struct nvtx_schema_scope before = scope;
	before.time_ns = nvtx_schema_find(&scope, id)->registered_ns;
	attributes.entries = second;
	nvtx_define_schema(&scope, &attributes);
	CHECK_TEXT(nvtx_field_name(nvtx_schema_find(&scope, id),
				   nvtx_schema_find(&scope, id)->fields),
		   "new");
	const struct nvtx_schema *old = nvtx_schema_find(&before, id);
	CHECK_TEXT(nvtx_field_name(old, old->fields), "old");
	const struct nvtx_schema_scope other = { .domain = DOMAIN + 1, .time_ns = INT64_MAX };
	CHECK(nvtx_schema_find(&other, id) == NULL);
}

static uint64_t random_state = 88172645463325252;

static uint64_t random_next(uint64_t bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % bound;
}

static struct nvtx_schema_entry random_entry(uint64_t schemas)
{
	struct nvtx_schema_entry entry = {
		.flags = random_next(4) == 0 ? random_next(1 << 12) : random_next(5) << 4,
		.type = random_next(6) == 0 ? NVTX_SCHEMA_ID_DYNAMIC + random_next(schemas + 1) :
		random_next(8) == 0 ? random_next(1200) : 1 + random_next(34),
		.name = random_next(3) == 0 ? NULL : "name",
		.detail = random_next(8) == 0 ? random_next(UINT64_MAX) : random_next(9),
		.offset = random_next(3) == 0 ? random_next(80) : 0,
	};
	return entry;
}

TEST(random_schemas_over_random_bytes_do_no_harm)
{
	for (uint64_t round = 0; round < 3000; round++) {
		struct nvtx_schema_entry entries[12];
		unsigned char *bytes = malloc(64);
		struct nvtx_schema_attributes attributes = {
			.field_mask = random_next(512) | NVTX_SCHEMA_HAS_ENTRIES |
				      NVTX_SCHEMA_HAS_COUNT,
			.name = "schema", .type = random_next(5), .entries = entries,
			.entry_count = random_next(13), .static_size = random_next(70),
			.pack_alignment = random_next(10),
		};
		for (size_t i = 0; i < 12; i++)
			entries[i] = random_entry(round);
		for (size_t i = 0; i < 64; i++)
			bytes[i] = (unsigned char)random_next(random_next(2) == 0 ? 3 : 256);
		uint64_t id = nvtx_define_schema(&scope, &attributes);
		(void)json_of(id, bytes, random_next(65));
		free(bytes);
	}
}
