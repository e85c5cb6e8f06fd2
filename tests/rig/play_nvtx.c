/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cupti_layout.h"
#include "nvtx.h"
#include "play.h"

enum { DOMAINS_MAX = 8, STRINGS_MAX = 256, RANGES_MAX = 1024, TYPE_U64 = 18, TYPE_DOUBLE = 20 };

/* What an "ext:" payload carries. */
struct progress {
	uint64_t step;
	double loss;
	int32_t phase;
};

static struct {
	pthread_mutex_t lock;
	const struct rig_nvtx *nvtx;
	struct { char *name; void *handle; uint64_t schema; } domains[DOMAINS_MAX];
	int domain_count;
	struct { char *text; void *domain, *handle; } strings[STRINGS_MAX];
	int string_count;
	_Atomic uint64_t ranges[RANGES_MAX];
	atomic_bool is_started[RANGES_MAX];
} app = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Index 0 is the default domain. */
static int domain_find(const char *name)
{
	int i;

	if (!app.nvtx) {
		app.nvtx = rig_nvtx_select(true);
		app.domain_count = 1;
	}
	if (!name)
		return 0;
	for (i = 1; i < app.domain_count; i++) {
		if (!strcmp(app.domains[i].name, name))
			return i;
	}
	if (app.domain_count == DOMAINS_MAX)
		return 0;
	app.domain_count++;
	app.domains[i].name = strdup(name);
	app.domains[i].handle = app.nvtx->domain_create(name);
	return i;
}

static void *string_find(int domain, const char *text)
{
	void *handle = app.domains[domain].handle;

	for (int i = 0; i < app.string_count; i++) {
		if (app.strings[i].domain == handle && !strcmp(app.strings[i].text, text))
			return app.strings[i].handle;
	}
	void *string = app.nvtx->string_register(handle, text);

	if (app.string_count < STRINGS_MAX) {
		app.strings[app.string_count].text = strdup(text);
		app.strings[app.string_count].domain = handle;
		app.strings[app.string_count++].handle = string;
	}
	return string;
}

/* A static schema with an enum, registered at a domain's first use; the tool gives the ids. */
static uint64_t schema_find(int domain)
{
	static const struct rig_nvtx_enum_entry phases[] = {
		{ "forward", 0, 0 }, { "backward", 1, 0 }, { "optimizer", 2, 0 },
	};
	const struct rig_nvtx_enum values = {
		.mask = RIG_ENUM_NAME | RIG_ENUM_ENTRIES | RIG_ENUM_COUNT | RIG_ENUM_SIZE,
		.name = "phase", .entries = phases, .entry_count = 3, .size = 4,
	};
	void *handle = app.domains[domain].handle;

	if (!app.domains[domain].schema) {
		struct rig_nvtx_entry entries[] = {
			{ .type = TYPE_U64, .name = "step", .offset = 0 },
			{ .type = TYPE_DOUBLE, .name = "loss", .offset = 8 },
			{ .type = app.nvtx->enum_register(handle, &values), .name = "phase",
				.offset = 16 },
		};
		const struct rig_nvtx_schema schema = {
			.mask = RIG_SCHEMA_NAME | RIG_SCHEMA_TYPE | RIG_SCHEMA_ENTRIES |
				RIG_SCHEMA_COUNT | RIG_SCHEMA_SIZE,
			.name = "progress", .type = 1, .entries = entries, .entry_count = 3,
			.static_size = sizeof(struct progress),
		};

		app.domains[domain].schema = app.nvtx->schema_register(handle, &schema);
	}
	return app.domains[domain].schema;
}

/* "u64:5", "f64:1.5", "ext:12,0.25,2". The extended data must outlive the call only. */
static void payload_set(struct rig_nvtx_attributes *attributes, const char *text, int domain,
			struct rig_nvtx_payload *data, struct progress *progress)
{
	const char *value = strchr(text, ':');

	if (!value)
		return;
	value++;
	if (!strncmp(text, "ext:", 4)) {
		unsigned long long step = 0;
		int phase = 0;

		memset(progress, 0, sizeof(*progress));
		if (sscanf(value, "%llu,%lf,%d", &step, &progress->loss, &phase) != 3)
			return;
		progress->step = step;
		progress->phase = phase;
		*data = (struct rig_nvtx_payload){ schema_find(domain), sizeof(*progress),
						   progress };
		if (!data->schema)
			return;		/* NVTX v2 has no payloads */
		attributes->payload_type = RIG_PAYLOAD_EXTENSION;
		attributes->reserved = 1;
		attributes->payload.u64 = (uint64_t)(uintptr_t)data;
	} else if (!strncmp(text, "u64", 3)) {
		attributes->payload_type = RIG_PAYLOAD_U64;
		attributes->payload.u64 = strtoull(value, NULL, 10);
	} else if (!strncmp(text, "i64", 3)) {
		attributes->payload_type = RIG_PAYLOAD_I64;
		attributes->payload.i64 = strtoll(value, NULL, 10);
	} else if (!strncmp(text, "f64", 3)) {
		attributes->payload_type = RIG_PAYLOAD_F64;
		attributes->payload.f64 = strtod(value, NULL);
	} else if (!strncmp(text, "u32", 3)) {
		attributes->payload_type = RIG_PAYLOAD_U32;
		attributes->payload.u32 = (uint32_t)strtoul(value, NULL, 10);
	} else if (!strncmp(text, "i32", 3)) {
		attributes->payload_type = RIG_PAYLOAD_I32;
		attributes->payload.i32 = (int32_t)strtol(value, NULL, 10);
	} else if (!strncmp(text, "f32", 3)) {
		attributes->payload_type = RIG_PAYLOAD_F32;
		attributes->payload.f32 = strtof(value, NULL);
	}
}

/* Waits for the other thread that starts the range, when host threads run freely. */
static uint64_t range_take(int64_t id)
{
	while (!atomic_load(&app.is_started[id]))
		nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
	atomic_store(&app.is_started[id], false);	/* the id may be used again */
	return atomic_load(&app.ranges[id]);
}

static void range_keep(int64_t id, uint64_t range)
{
	atomic_store(&app.ranges[id], range);
	atomic_store(&app.is_started[id], true);
}

static void text_event(const struct rig_op *op)
{
	switch ((int)op->item->verb) {
	case RIG_VERB_push: app.nvtx->push_text(op->name); break;
	case RIG_VERB_mark: app.nvtx->mark_text(op->name); break;
	case RIG_VERB_rstart:
		range_keep(op->item->id % RANGES_MAX, app.nvtx->start_text(op->name));
		break;
	}
}

static void attributes_event(const struct rig_op *op, void *domain,
			     const struct rig_nvtx_attributes *attributes)
{
	switch ((int)op->item->verb) {
	case RIG_VERB_push: app.nvtx->push(domain, attributes); break;
	case RIG_VERB_mark: app.nvtx->mark(domain, attributes); break;
	case RIG_VERB_rstart:
		range_keep(op->item->id % RANGES_MAX, app.nvtx->start(domain, attributes));
		break;
	}
}

/* A stream handle of the rig is its STREAM record. */
static void stream_name(const struct rig_item *item, const char *name)
{
	const struct rig_nvtx *nvtx = app.nvtx->name_stream ? app.nvtx : &rig_nvtx_own;
	struct rig_record_stream stream = { .streamId = (uint32_t)item->stream };

	nvtx->name_stream(&stream, name);
}

void rig_play_nvtx(const struct rig_op *op)
{
	const struct rig_item *item = op->item;
	struct rig_nvtx_attributes attributes = {
		.version = 3, .size = sizeof(attributes), .category = (uint32_t)item->category,
	};
	struct rig_nvtx_payload data;
	struct progress progress;

	pthread_mutex_lock(&app.lock);
	int domain = domain_find(item->domain);
	void *handle = app.domains[domain].handle;

	if (item->color >= 0) {
		attributes.color_type = 1;
		attributes.color = (uint32_t)item->color;
	}
	if (op->payload)
		payload_set(&attributes, op->payload, domain, &data, &progress);
	if (op->name) {
		attributes.message_type =
			item->is_registered ? RIG_MESSAGE_REGISTERED : RIG_MESSAGE_ASCII;
		attributes.message = item->is_registered ? string_find(domain, op->name) : op->name;
	}
	pthread_mutex_unlock(&app.lock);
	if (item->verb == RIG_VERB_pop)
		app.nvtx->pop(handle);
	else if (item->verb == RIG_VERB_rend)
		app.nvtx->end(handle, range_take(item->id % RANGES_MAX));
	else if (item->verb == RIG_VERB_thread_name)
		app.nvtx->name_thread((uint32_t)syscall(SYS_gettid), op->name);
	else if (item->verb == RIG_VERB_stream_name)
		stream_name(item, op->name);
	else if (item->verb == RIG_VERB_category)
		app.nvtx->name_category(handle, (uint32_t)item->id, op->name);
	else if (!domain && item->color < 0 && !item->category && !op->payload &&
		 !item->is_registered)
		text_event(op);
	else
		attributes_event(op, handle, &attributes);
}
