/* SPDX-License-Identifier: MIT */
/*
 * The functions that NVTX calls instead of doing nothing. They run on the program's threads: stamp,
 * append to the thread's log, return the nesting level. Domain and string handles are indexes of
 * definitions.
 */
#include "libtrace/nvtx_event.h"
#include "libtrace/nvtx_handlers.h"
#include "libtrace/nvtx_level.h"
#include "libtrace/nvtx_source.h"
#include "libtrace/window_watch.h"
#include "libtrace/capture_window.h"

#include <stdatomic.h>
#include <string.h>

/* Ids of start/end ranges are unique in the process: another library may end what one started. */
static atomic_ullong ranges_started;

uint32_t nvtx_domain_of(const void *handle)
{
	uintptr_t index = (uintptr_t)handle;
	return index <= UINT32_MAX ? (uint32_t)index : 0;
}

void nvtx_handle_mark(struct nvtx_event_source *source)
{
	if (capture_window_is_open())
		nvtx_event_append(NVTX_EVENT_MARK, source);
}

/* Does the range make a communicator? */
static bool is_fact(const struct nvtx_event_source *source)
{
	static const char prefix[] = "ncclComm";
	if (source->head.domain == 0 || source->head.string == 0)
		return false;
	const struct nvtx_name *domain = nvtx_name_at(source->head.domain, NVTX_DEFINED_DOMAIN);
	const struct nvtx_name *name = nvtx_name_at(source->head.string, NVTX_DEFINED_STRING);
	return domain != NULL && name != NULL && strcmp(domain->text, "NCCL") == 0 &&
	       strncmp(name->text, prefix, sizeof prefix - 1) == 0;
}

/* A range begins: opens the window perhaps, and says what its end has to know. */
static unsigned marks_take(const struct nvtx_event_source *source)
{
	uint64_t flags = capture_window_flags();
	unsigned marks = 0;
	if ((flags & WINDOW_WATCHES) != 0) {
		marks = window_watch_open(source);
		flags = capture_window_flags();
	}
	if ((flags & WINDOW_OPEN) != 0 || is_fact(source))
		marks |= NVTX_RANGE_RECORDED;
	return marks;
}

int nvtx_handle_push(struct nvtx_event_source *source)
{
	unsigned marks = marks_take(source);
	int level = nvtx_level_push(source->head.domain, marks);
	source->head.level = level;
	if ((marks & NVTX_RANGE_RECORDED) != 0)
		nvtx_event_append(NVTX_EVENT_PUSH, source);
	return level;
}

int nvtx_handle_pop(struct nvtx_event_source *source)
{
	unsigned marks;
	int level = nvtx_level_pop(source->head.domain, &marks);
	source->head.level = level;
	if ((marks & NVTX_RANGE_RECORDED) != 0)
		nvtx_event_append(NVTX_EVENT_POP, source);
	if ((marks & WATCHED_MASK) != 0)
		window_watch_close(marks);
	return level;
}

/*
 * The id carries what the end has to know: its lowest bits are the marks, that of recorded ranges
 * turned round, so that the end of a range that never began is still counted.
 */
uint64_t nvtx_handle_start(struct nvtx_event_source *source)
{
	unsigned marks = marks_take(source);
	uint64_t number = atomic_fetch_add_explicit(&ranges_started, 1, memory_order_relaxed) + 1;
	uint64_t range_id = number << NVTX_RANGE_MARKS | (marks ^ NVTX_RANGE_RECORDED);
	source->head.range_id = range_id;
	if ((marks & NVTX_RANGE_RECORDED) != 0)
		nvtx_event_append(NVTX_EVENT_START, source);
	return range_id;
}

void nvtx_handle_end(struct nvtx_event_source *source, uint64_t range_id)
{
	unsigned marks = (unsigned)(range_id & 7) ^ NVTX_RANGE_RECORDED;
	source->head.range_id = range_id;
	if ((marks & NVTX_RANGE_RECORDED) != 0)
		nvtx_event_append(NVTX_EVENT_END, source);
	if ((marks & WATCHED_MASK) != 0)
		window_watch_close(marks);
}

/* Always inlined, so that the return address is that of the handler: the calling library. */
static inline __attribute__((always_inline)) struct nvtx_event_source
from_attributes(const void *domain, const void *attributes)
{
	struct nvtx_event_source source = { .head.domain = nvtx_domain_of(domain) };
	/* While nothing is recorded only NCCL's calls matter, and these have a domain. */
	if (capture_window_flags() == 0 && source.head.domain == 0)
		return source;
	nvtx_event_from_attributes(&source, attributes);
	/* Schemas of the default domain are per library: remember who called. */
	if (source.payload != NULL && source.head.domain == 0)
		source.head.caller = (uintptr_t)__builtin_return_address(0);
	return source;
}

static struct nvtx_event_source from_text(const void *text, enum nvtx_text_width width)
{
	if (capture_window_flags() == 0)
		return (struct nvtx_event_source){ 0 };
	return (struct nvtx_event_source){
		.text = nvtx_text_measure(text, width, SIZE_MAX, NVTX_EVENT_TEXT_BYTES_MAX),
	};
}

static void mark_ex(const void *attributes)
{
	struct nvtx_event_source source = from_attributes(NULL, attributes);
	nvtx_handle_mark(&source);
}

static void mark_a(const char *text)
{
	struct nvtx_event_source source = from_text(text, NVTX_TEXT_NARROW);
	nvtx_handle_mark(&source);
}

static void mark_w(const wchar_t *text)
{
	struct nvtx_event_source source = from_text(text, NVTX_TEXT_UTF32);
	nvtx_handle_mark(&source);
}

static uint64_t range_start_ex(const void *attributes)
{
	struct nvtx_event_source source = from_attributes(NULL, attributes);
	return nvtx_handle_start(&source);
}

static uint64_t range_start_a(const char *text)
{
	struct nvtx_event_source source = from_text(text, NVTX_TEXT_NARROW);
	return nvtx_handle_start(&source);
}

static uint64_t range_start_w(const wchar_t *text)
{
	struct nvtx_event_source source = from_text(text, NVTX_TEXT_UTF32);
	return nvtx_handle_start(&source);
}

static void range_end(uint64_t range_id)
{
	struct nvtx_event_source source = { 0 };
	nvtx_handle_end(&source, range_id);
}

static int range_push_ex(const void *attributes)
{
	struct nvtx_event_source source = from_attributes(NULL, attributes);
	return nvtx_handle_push(&source);
}

static int range_push_a(const char *text)
{
	struct nvtx_event_source source = from_text(text, NVTX_TEXT_NARROW);
	return nvtx_handle_push(&source);
}

static int range_push_w(const wchar_t *text)
{
	struct nvtx_event_source source = from_text(text, NVTX_TEXT_UTF32);
	return nvtx_handle_push(&source);
}

static int range_pop(void)
{
	struct nvtx_event_source source = { 0 };
	return nvtx_handle_pop(&source);
}

static void domain_mark_ex(void *domain, const void *attributes)
{
	struct nvtx_event_source source = from_attributes(domain, attributes);
	nvtx_handle_mark(&source);
}

static uint64_t domain_range_start_ex(void *domain, const void *attributes)
{
	struct nvtx_event_source source = from_attributes(domain, attributes);
	return nvtx_handle_start(&source);
}

static void domain_range_end(void *domain, uint64_t range_id)
{
	struct nvtx_event_source source = { .head.domain = nvtx_domain_of(domain) };
	nvtx_handle_end(&source, range_id);
}

static int domain_range_push_ex(void *domain, const void *attributes)
{
	struct nvtx_event_source source = from_attributes(domain, attributes);
	return nvtx_handle_push(&source);
}

static int domain_range_pop(void *domain)
{
	struct nvtx_event_source source = { .head.domain = nvtx_domain_of(domain) };
	return nvtx_handle_pop(&source);
}

/* Defines a name and wakes the drain's interest; the index is the handle. */
static uint32_t define(enum nvtx_definition_kind kind, uint32_t domain, uint64_t id,
		       struct nvtx_text text)
{
	uint32_t index = nvtx_define_name(kind, domain, id, &text);
	if (kind != NVTX_DEFINED_DOMAIN && kind != NVTX_DEFINED_STRING) {
		struct nvtx_event_source source = { 0 };
		nvtx_event_append(NVTX_EVENT_DEFINED, &source);
	}
	return index;
}

static struct nvtx_text narrow(const char *text)
{
	return nvtx_text_measure(text, NVTX_TEXT_NARROW, SIZE_MAX, NVTX_NAME_BYTES_MAX);
}

static struct nvtx_text wide(const wchar_t *text)
{
	return nvtx_text_measure(text, NVTX_TEXT_UTF32, SIZE_MAX, NVTX_NAME_BYTES_MAX);
}

static void name_category_a(uint32_t category, const char *name)
{
	define(NVTX_DEFINED_CATEGORY, 0, category, narrow(name));
}

static void name_category_w(uint32_t category, const wchar_t *name)
{
	define(NVTX_DEFINED_CATEGORY, 0, category, wide(name));
}

static void name_os_thread_a(uint32_t thread_id, const char *name)
{
	define(NVTX_DEFINED_THREAD, 0, thread_id, narrow(name));
}

static void name_os_thread_w(uint32_t thread_id, const wchar_t *name)
{
	define(NVTX_DEFINED_THREAD, 0, thread_id, wide(name));
}

static void domain_name_category_a(void *domain, uint32_t category, const char *name)
{
	define(NVTX_DEFINED_CATEGORY, nvtx_domain_of(domain), category, narrow(name));
}

static void domain_name_category_w(void *domain, uint32_t category, const wchar_t *name)
{
	define(NVTX_DEFINED_CATEGORY, nvtx_domain_of(domain), category, wide(name));
}

static void *handle_of(uint32_t index)
{
	return (void *)(uintptr_t)index;
}

static void *domain_register_string_a(void *domain, const char *text)
{
	return handle_of(define(NVTX_DEFINED_STRING, nvtx_domain_of(domain), 0, narrow(text)));
}

static void *domain_register_string_w(void *domain, const wchar_t *text)
{
	return handle_of(define(NVTX_DEFINED_STRING, nvtx_domain_of(domain), 0, wide(text)));
}

static void *domain_create_a(const char *name)
{
	return handle_of(define(NVTX_DEFINED_DOMAIN, 0, 0, narrow(name)));
}

static void *domain_create_w(const wchar_t *name)
{
	return handle_of(define(NVTX_DEFINED_DOMAIN, 0, 0, wide(name)));
}

/* Handles stay valid for ever: a late event of a destroyed domain still has its name. */
static void domain_destroy(void *domain)
{
	(void)domain;
}

static void *domain_resource_create(void *domain, const void *attributes)
{
	(void)attributes;
	return handle_of(define(NVTX_DEFINED_OBJECT, nvtx_domain_of(domain), 0, narrow(NULL)));
}

static void domain_resource_destroy(void *resource)
{
	(void)resource;
}

static void name_device_a(int device, const char *name)
{
	define(NVTX_DEFINED_DEVICE, 0, (uint64_t)device, narrow(name));
}

static void name_device_w(int device, const wchar_t *name)
{
	define(NVTX_DEFINED_DEVICE, 0, (uint64_t)device, wide(name));
}

static void name_stream_a(void *stream, const char *name)
{
	define(NVTX_DEFINED_STREAM, 0, (uintptr_t)stream, narrow(name));
}

static void name_stream_w(void *stream, const wchar_t *name)
{
	define(NVTX_DEFINED_STREAM, 0, (uintptr_t)stream, wide(name));
}

struct handler {
	enum nvtx_module module;
	unsigned callback;
	nvtx_function function;
};

#define HANDLER(module, callback, function) \
	{ \
		NVTX_MODULE_##module, callback, (nvtx_function)(function) \
	}

static const struct handler handlers[] = {
	HANDLER(CORE, NVTX_MARK_EX, mark_ex),
	HANDLER(CORE, NVTX_MARK_A, mark_a),
	HANDLER(CORE, NVTX_MARK_W, mark_w),
	HANDLER(CORE, NVTX_RANGE_START_EX, range_start_ex),
	HANDLER(CORE, NVTX_RANGE_START_A, range_start_a),
	HANDLER(CORE, NVTX_RANGE_START_W, range_start_w),
	HANDLER(CORE, NVTX_RANGE_END, range_end),
	HANDLER(CORE, NVTX_RANGE_PUSH_EX, range_push_ex),
	HANDLER(CORE, NVTX_RANGE_PUSH_A, range_push_a),
	HANDLER(CORE, NVTX_RANGE_PUSH_W, range_push_w),
	HANDLER(CORE, NVTX_RANGE_POP, range_pop),
	HANDLER(CORE, NVTX_NAME_CATEGORY_A, name_category_a),
	HANDLER(CORE, NVTX_NAME_CATEGORY_W, name_category_w),
	HANDLER(CORE, NVTX_NAME_OS_THREAD_A, name_os_thread_a),
	HANDLER(CORE, NVTX_NAME_OS_THREAD_W, name_os_thread_w),
	HANDLER(CORE2, NVTX_DOMAIN_MARK_EX, domain_mark_ex),
	HANDLER(CORE2, NVTX_DOMAIN_RANGE_START_EX, domain_range_start_ex),
	HANDLER(CORE2, NVTX_DOMAIN_RANGE_END, domain_range_end),
	HANDLER(CORE2, NVTX_DOMAIN_RANGE_PUSH_EX, domain_range_push_ex),
	HANDLER(CORE2, NVTX_DOMAIN_RANGE_POP, domain_range_pop),
	HANDLER(CORE2, NVTX_DOMAIN_RESOURCE_CREATE, domain_resource_create),
	HANDLER(CORE2, NVTX_DOMAIN_RESOURCE_DESTROY, domain_resource_destroy),
	HANDLER(CORE2, NVTX_DOMAIN_NAME_CATEGORY_A, domain_name_category_a),
	HANDLER(CORE2, NVTX_DOMAIN_NAME_CATEGORY_W, domain_name_category_w),
	HANDLER(CORE2, NVTX_DOMAIN_REGISTER_STRING_A, domain_register_string_a),
	HANDLER(CORE2, NVTX_DOMAIN_REGISTER_STRING_W, domain_register_string_w),
	HANDLER(CORE2, NVTX_DOMAIN_CREATE_A, domain_create_a),
	HANDLER(CORE2, NVTX_DOMAIN_CREATE_W, domain_create_w),
	HANDLER(CORE2, NVTX_DOMAIN_DESTROY, domain_destroy),
	HANDLER(CUDA, NVTX_NAME_CU_DEVICE_A, name_device_a),
	HANDLER(CUDA, NVTX_NAME_CU_DEVICE_W, name_device_w),
	HANDLER(CUDA, NVTX_NAME_CU_STREAM_A, name_stream_a),
	HANDLER(CUDA, NVTX_NAME_CU_STREAM_W, name_stream_w),
	HANDLER(CUDART, NVTX_NAME_CUDA_DEVICE_A, name_device_a),
	HANDLER(CUDART, NVTX_NAME_CUDA_DEVICE_W, name_device_w),
	HANDLER(CUDART, NVTX_NAME_CUDA_STREAM_A, name_stream_a),
	HANDLER(CUDART, NVTX_NAME_CUDA_STREAM_W, name_stream_w),
};

/* The v2 library's tables are shorter than the v3 headers': each slot is checked. */
int nvtx_source_attach(void *get_export_table)
{
	nvtx_get_export_table get_table;
	int attached = 0;
	if (get_export_table == NULL)
		return 0;
	memcpy(&get_table, &get_export_table, sizeof get_table);
	const struct nvtx_callbacks_table *callbacks = get_table(NVTX_EXPORT_CALLBACKS);
	if (callbacks == NULL || callbacks->struct_size < sizeof *callbacks)
		return 0;
	for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
		nvtx_function **slots = NULL;
		unsigned count = 0;
		if (callbacks->get_module_table((int)handlers[i].module, &slots, &count) != 1 ||
		    slots == NULL || handlers[i].callback >= count ||
		    slots[handlers[i].callback] == NULL)
			continue;
		*slots[handlers[i].callback] = handlers[i].function;
		attached = 1;
	}
	return attached;
}
