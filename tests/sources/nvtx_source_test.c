/* SPDX-License-Identifier: MIT */
#include "libtrace/nvtx_source.h"
#include "tests/sources/fake_drain.h"
#include "tests/sources/fake_nvtx.h"
#include "tests/unit/harness.h"
#include "tracedb/vocabulary.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct fake_nvtx nvtx;

static struct drain *begin(void)
{
	struct drain *drain = fake_drain_create();
	CHECK(fake_nvtx_attach(&nvtx, false));
	CHECK(fake_nvtx_extend(&nvtx, 63));
	return drain;
}

TEST(push_and_pop_make_a_range_and_return_levels)
{
	struct drain *drain = begin();
	CHECK_INT(nvtx.push_a("outer"), 0);
	CHECK_INT(nvtx.push_a("inner"), 1);
	CHECK_INT(nvtx.pop(), 1);
	CHECK_INT(nvtx.pop(), 0);
	fake_drain_finish(drain);
	const struct range_row *outer = fake_range(drain, "outer");
	const struct range_row *inner = fake_range(drain, "inner");
	CHECK(outer != NULL && inner != NULL);
	CHECK_INT(outer->kind, RANGE_PUSH_POP);
	CHECK_INT(outer->thread_id, syscall(SYS_gettid));
	CHECK_INT(outer->end_thread_id, outer->thread_id);
	CHECK_INT(outer->is_open, 0);
	CHECK_INT(outer->domain_id, 0);
	CHECK(outer->start_ns <= inner->start_ns);
	CHECK(inner->start_ns + inner->duration_ns <= outer->start_ns + outer->duration_ns);
}

TEST(a_pop_without_push_is_an_error_and_counted)
{
	struct drain *drain = begin();
	CHECK_INT(nvtx.pop(), -1);
	CHECK_INT(nvtx.push_a("a"), 0);
	CHECK_INT(nvtx.pop(), 0);
	fake_drain_finish(drain);
	CHECK_INT(fake_loss(drain, "nvtx", "pop without push"), 1);
	CHECK_INT(fake_count(drain, TABLE_range), 1);
}

TEST(ranges_still_open_at_the_end_are_written_as_open)
{
	struct drain *drain = begin();
	nvtx.push_a("pushed");
	nvtx.start_a("started");
	fake_drain_finish(drain);
	CHECK_INT(fake_range(drain, "pushed")->is_open, 1);
	CHECK_INT(fake_range(drain, "started")->is_open, 1);
	CHECK_INT(fake_range(drain, "started")->kind, RANGE_START_END);
	CHECK(fake_range(drain, "pushed")->duration_ns > 0);
}

TEST(domains_have_their_own_stacks_names_and_categories)
{
	struct drain *drain = begin();
	void *one = nvtx.domain_create_a("one");
	void *two = nvtx.domain_create_a("two");
	CHECK(one != NULL && two != NULL && one != two);
	nvtx.domain_name_category_a(one, 7, "loading");
	struct nvtx_event_attributes attributes = fake_attributes("in one");
	attributes.category = 7;
	attributes.color_type = NVTX_COLOR_TYPE_ARGB;
	attributes.color = 0xff00ff00;
	CHECK_INT(nvtx.domain_push_ex(one, &attributes), 0);
	attributes.message = (uintptr_t)"in two";
	CHECK_INT(nvtx.domain_push_ex(two, &attributes), 0);
	CHECK_INT(nvtx.domain_pop(one), 0);
	nvtx.domain_destroy(two);
	CHECK_INT(nvtx.domain_pop(two), 0);
	fake_drain_finish(drain);
	const struct range_row *row = fake_range(drain, "in one");
	CHECK_TEXT(fake_text(drain, row->domain_id), "one");
	CHECK_TEXT(fake_text(drain, row->category_id), "loading");
	CHECK_INT(row->color, 0xff00ff00);
	row = fake_range(drain, "in two");
	CHECK_TEXT(fake_text(drain, row->domain_id), "two");
	CHECK_TEXT(fake_text(drain, row->category_id), "7");
}

TEST(registered_and_wide_texts_arrive_as_utf8)
{
	static const int wide[] = { 'g', 0xfc, 'n', 0x1f600, 0 };
	struct drain *drain = begin();
	void *domain = nvtx.domain_create_a("d");
	struct nvtx_event_attributes attributes = fake_attributes(NULL);
	attributes.message_type = NVTX_MESSAGE_REGISTERED;
	attributes.message = (uintptr_t)nvtx.register_string_a(domain, "registered");
	nvtx.domain_mark_ex(domain, &attributes);
	attributes.message = (uintptr_t)nvtx.register_string_w(domain, wide);
	nvtx.domain_mark_ex(domain, &attributes);
	nvtx.mark_w(wide + 1);
	fake_drain_finish(drain);
	CHECK(fake_mark(drain, "registered") != NULL);
	CHECK(fake_mark(drain, "g\xc3\xbcn\xf0\x9f\x98\x80") != NULL);
	CHECK(fake_mark(drain, "\xc3\xbcn\xf0\x9f\x98\x80") != NULL);
}

TEST(each_kind_of_payload_becomes_json)
{
	static const struct {
		int32_t type;
		uint64_t bits;
		const char *json;
	} cases[] = {
		{ NVTX_PAYLOAD_U64, 42, "42" },
		{ NVTX_PAYLOAD_U64, UINT64_MAX, "\"18446744073709551615\"" },
		{ NVTX_PAYLOAD_I64, (uint64_t)-5, "-5" },
		{ NVTX_PAYLOAD_DOUBLE, UINT64_C(0x3ff8000000000000), "1.5" },
		{ NVTX_PAYLOAD_DOUBLE, UINT64_C(0x7ff0000000000000), "\"Infinity\"" },
		{ NVTX_PAYLOAD_U32, UINT64_C(0xeeeeeeee00000007), "7" },
		{ NVTX_PAYLOAD_I32, UINT64_C(0xeeeeeeeeffffffff), "-1" },
		{ NVTX_PAYLOAD_FLOAT, UINT64_C(0xeeeeeeee3fc00000), "1.5" },
	};
	struct drain *drain = begin();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct nvtx_event_attributes attributes = fake_attributes("mark");
		attributes.payload_type = cases[i].type;
		attributes.payload = cases[i].bits;
		nvtx.mark_ex(&attributes);
	}
	fake_drain_finish(drain);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct mark_row *row = fake_row(drain, TABLE_mark, i);
		CHECK_TEXT(fake_text(drain, row->payload_id), cases[i].json);
	}
}

TEST(strange_arguments_do_no_harm)
{
	struct drain *drain = begin();
	struct nvtx_event_attributes small = fake_attributes("not reached");
	small.size = 8;		/* an older struct: no message */
	errno = 77;
	nvtx.mark_a(NULL);
	nvtx.mark_ex(NULL);
	nvtx.mark_ex(&small);
	nvtx.push_ex(NULL);
	nvtx.pop();
	nvtx.domain_mark_ex((void *)0x7fffdeadbeef, &small);
	small.size = 48;
	small.message_type = NVTX_MESSAGE_REGISTERED;
	small.message = 0x123456;
	nvtx.mark_ex(&small);
	small.payload_type = (int32_t)NVTX_PAYLOAD_EXTENSION;
	small.payload_count = 3;
	small.payload = 0;
	nvtx.mark_ex(&small);
	nvtx.end(1000);
	nvtx.end(999);		/* as if it had begun outside the window, watched */
	nvtx.register_string_a(NULL, NULL);
	nvtx.domain_create_a(NULL);
	nvtx.name_thread_a(1, NULL);
	CHECK_INT(errno, 77);
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_mark), 6);
	CHECK_INT(fake_count(drain, TABLE_range), 1);
	CHECK_INT(fake_loss(drain, "nvtx", "end without start"), 1);
	CHECK(fake_mark(drain, "not reached") == NULL);
}

TEST(the_shorter_tables_of_nvtx_2_are_not_overrun)
{
	struct drain *drain = fake_drain_create();
	CHECK(fake_nvtx_attach(&nvtx, true));
	CHECK_INT(nvtx.push_a("v2"), 0);
	CHECK_INT(nvtx.pop(), 0);
	fake_drain_finish(drain);
	CHECK(fake_range(drain, "v2") != NULL);
	CHECK_INT(nvtx_source_attach(NULL), 0);
}

TEST(only_the_slots_that_a_module_has_are_filled)
{
	CHECK(fake_nvtx_extend(&nvtx, 2));
	CHECK(nvtx.slots[0] != 0 && nvtx.slots[1] != 0);
	CHECK_INT(nvtx.slots[2], 0);
	CHECK_INT(nvtx_source_attach_extension(NULL), 0);
}

TEST(texts_beyond_the_bound_are_cut_and_counted)
{
	static char text[100000];
	struct drain *drain = begin();
	memset(text, 'x', sizeof text - 1);
	nvtx.mark_a(text);
	fake_drain_finish(drain);
	const struct mark_row *row = fake_row(drain, TABLE_mark, 0);
	CHECK_INT(strlen(fake_text(drain, row->name_id)), 8192);
	CHECK_INT(fake_loss(drain, "nvtx", "text cut"), 1);
}

TEST(threads_and_streams_get_their_names)
{
	struct drain *drain = begin();
	nvtx.name_thread_a(4711, "NCCL Progress 0");
	nvtx.name_cuda_stream_a((void *)0x1234, "copies");
	fake_drain_consume(drain);
	CHECK_INT(fake_loss(drain, "nvtx", "name of a CUDA stream or device not used"), -1);
	CHECK_INT(fake_count(drain, TABLE_stream), 1);
	const struct stream_row *stream = fake_row(drain, TABLE_stream, 0);
	CHECK_INT(stream->context_id, 3);
	CHECK_INT(stream->number, 0x1234);
	CHECK_TEXT(fake_text(drain, stream->name_id), "copies");
	nvtx.name_cuda_stream_a(NULL, "nobody's");
	fake_drain_consume(drain);
	CHECK_INT(fake_loss(drain, "nvtx", "name of a CUDA stream or device not used"), 1);
	CHECK_TEXT(fake_thread_name(drain, 4711), "NCCL Progress 0");
}

TEST(message_category_and_colour_may_come_in_the_payload)
{
	static const struct nvtx_schema_entry entries[] = {
		{ .type = NVTX_TYPE_CSTRING, .name = "message", .detail = 16,
		  .flags = NVTX_ENTRY_EVENT_MESSAGE },
		{ .type = NVTX_TYPE_CATEGORY, .name = "category" },
		{ .type = NVTX_TYPE_COLOR, .name = "color" },
	};
	const struct nvtx_schema_attributes attributes = {
		.field_mask = NVTX_SCHEMA_HAS_ENTRIES | NVTX_SCHEMA_HAS_COUNT,
		.entries = entries, .entry_count = 3,
	};
	struct {
		char message[16];
		uint32_t category, color;
	} value = { "from payload", 4, 0xff0000ff };
	struct drain *drain = begin();
	nvtx.name_category_a(4, "fourth");
	uint64_t id = fake_schema_register(&nvtx, NULL, &attributes);
	struct nvtx_payload_data data = { id, sizeof value, &value };
	CHECK_INT(fake_push_payload(&nvtx, NULL, &data, 1), 0);
	nvtx.pop();
	fake_drain_finish(drain);
	const struct range_row *row = fake_range(drain, "from payload");
	CHECK(row != NULL);
	CHECK_TEXT(fake_text(drain, row->category_id), "fourth");
	CHECK_INT(row->color, 0xff0000ff);
}

TEST(pointers_that_ask_for_a_deep_copy_are_followed_during_the_call)
{
	static const struct nvtx_schema_entry entries[] = {
		{ .type = NVTX_TYPE_CSTRING, .name = "text",
		  .flags = NVTX_ENTRY_POINTER | NVTX_ENTRY_DEEP_COPY },
		{ .type = NVTX_TYPE_U16, .name = "dims", .detail = 3,
		  .flags = NVTX_ENTRY_POINTER | NVTX_ENTRY_DEEP_COPY | NVTX_ENTRY_ARRAY_FIXED },
	};
	const struct nvtx_schema_attributes attributes = {
		.field_mask = NVTX_SCHEMA_HAS_ENTRIES | NVTX_SCHEMA_HAS_COUNT,
		.entries = entries, .entry_count = 2,
	};
	char text[] = "somewhere else";
	uint16_t dims[] = { 3, 224, 224 };
	struct {
		const char *text;
		const uint16_t *dims;
	} value = { text, dims };
	struct drain *drain = begin();
	void *domain = nvtx.domain_create_a("deep");
	struct nvtx_payload_data data = {
		fake_schema_register(&nvtx, domain, &attributes), sizeof value, &value,
	};
	fake_push_payload(&nvtx, domain, &data, 1);
	memset(text, 'z', sizeof text);
	memset(dims, 0, sizeof dims);
	nvtx.domain_pop(domain);
	fake_drain_finish(drain);
	const struct range_row *row = fake_row(drain, TABLE_range, 0);
	CHECK_TEXT(fake_text(drain, row->payload_id),
		   "{\"text\":\"somewhere else\",\"dims\":[3,224,224]}");
	CHECK_INT(fake_loss(drain, "nvtx", "payload cut"), -1);
}

static uint64_t handed_over;

static void *end_it(void *unused)
{
	(void)unused;
	nvtx.end(handed_over);
	return NULL;
}

TEST(a_range_may_end_on_another_thread_and_be_read_in_any_order)
{
	struct drain *drain = begin();
	pthread_t thread;
	nvtx.mark_a("first record of this thread");
	for (int i = 0; i < 2; i++) {
		handed_over = nvtx.start_a("across");
		CHECK(handed_over != 0);
		pthread_create(&thread, NULL, end_it, NULL);
		pthread_join(thread, NULL);
	}
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_range), 2);
	const struct range_row *row = fake_row(drain, TABLE_range, 0);
	CHECK_INT(row->thread_id, syscall(SYS_gettid));
	CHECK(row->end_thread_id != row->thread_id);
	CHECK_INT(row->is_open, 0);
}

static void *push_twice(void *unused)
{
	(void)unused;
	nvtx.push_a("left open");
	nvtx.push_a("left open too");
	return NULL;
}

TEST(ranges_that_a_thread_left_open_do_not_disturb_the_next)
{
	struct drain *drain = begin();
	pthread_t thread;
	pthread_create(&thread, NULL, push_twice, NULL);
	pthread_join(thread, NULL);
	CHECK_INT(nvtx.push_a("mine"), 0);
	CHECK_INT(nvtx.pop(), 0);
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_range), 3);
	CHECK_INT(fake_range(drain, "mine")->is_open, 0);
	CHECK_INT(fake_range(drain, "left open")->is_open, 1);
}

enum { PUSHING_THREADS = 8, PUSHES = 2000 };

static void *push_many(void *domain)
{
	struct nvtx_event_attributes attributes = fake_attributes("busy");
	for (int i = 0; i < PUSHES; i++) {
		nvtx.domain_push_ex(domain, &attributes);
		nvtx.push_a("plain");
		nvtx.register_string_a(domain, "again");
		nvtx.pop();
		nvtx.domain_pop(domain);
	}
	return NULL;
}

TEST(many_threads_push_while_the_drain_reads)
{
	struct drain *drain = begin();
	pthread_t threads[PUSHING_THREADS];
	void *domain = nvtx.domain_create_a("busy domain");
	for (int i = 0; i < PUSHING_THREADS; i++)
		pthread_create(&threads[i], NULL, push_many, domain);
	for (int i = 0; i < 50; i++)
		fake_drain_consume(drain);
	for (int i = 0; i < PUSHING_THREADS; i++)
		pthread_join(threads[i], NULL);
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_range), 2 * PUSHING_THREADS * PUSHES);
	CHECK_INT(fake_loss(drain, "nvtx", "pop without push"), -1);
	CHECK_INT(fake_loss(drain, "nvtx", "push without pop"), -1);
}
