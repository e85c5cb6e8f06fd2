/* SPDX-License-Identifier: MIT */
/* Texts, arguments and labels of a Perfetto trace: each long thing once, then by its number. */
#include "viewer-export/perfetto.h"

#include <stdio.h>
#include <string.h>

enum {
	INTERNED_BYTES_MAX = 1 << 25,	/* of a table in memory */
	STRING_BYTES_MAX = 1 << 16,	/* longer ones seldom come twice */
};

/* Kinds of GPU work; numbers below those of queues. */
enum stage {
	STAGE_KERNEL = 1,
	STAGE_COPY,
	STAGE_MEMSET,
	STAGE_GRAPH,
	STAGE_OTHER,
	STAGE_END
};

static const uint32_t table_fields[INTERNED_TABLE_COUNT] = {
	[INTERNED_CATEGORIES] = 1,
	[INTERNED_NAMES] = 2,
	[INTERNED_ANNOTATION_NAMES] = 3,
	[INTERNED_STRINGS] = 29,
	[INTERNED_KERNELS] = 1000,
	[INTERNED_COMPUTE_NAMES] = 1001,
};

static bool interned_write(struct export_stream *stream, enum perfetto_table table,
			   const char *bytes, size_t length, uint64_t iid, struct error *error)
{
	struct text *text = &stream->text;
	size_t packet = perfetto_packet_begin(stream);
	size_t data = protobuf_begin(text, PACKET_INTERNED_DATA);
	size_t entry = protobuf_begin(text, table_fields[table]);
	protobuf_add_varint(text, INTERNED_IID, iid);
	if (table == INTERNED_KERNELS)
		text_add_bytes(text, bytes, length);
	else
		protobuf_add_string(text, INTERNED_NAME, bytes);
	protobuf_end(text, entry);
	protobuf_end(text, data);
	return perfetto_packet_end(stream, packet, error);
}

bool perfetto_intern(struct export_stream *stream, enum perfetto_table table, const char *bytes,
		     size_t length, uint64_t *iid, struct error *error)
{
	struct perfetto *perfetto = stream->state;
	struct bytes_map *map = &perfetto->interned[table];
	int64_t found;
	*iid = 0;
	if (bytes_map_get(map, bytes, length, &found)) {
		*iid = (uint64_t)found;
		return true;
	}
	if (length > STRING_BYTES_MAX || map->bytes + length > INTERNED_BYTES_MAX)
		return true;
	found = (int64_t)++perfetto->next_iids[table];
	if (!bytes_map_put(map, bytes, length, found))
		return perfetto_no_memory(error);
	*iid = (uint64_t)found;
	return interned_write(stream, table, bytes, length, *iid, error);
}

bool perfetto_add_text(struct export_stream *stream, struct text *message,
		       enum perfetto_table table, uint32_t iid_field, uint32_t field,
		       const char *string, struct error *error)
{
	uint64_t iid;
	if (!perfetto_intern(stream, table, string, strlen(string), &iid, error))
		return false;
	if (iid != 0)
		protobuf_add_varint(message, iid_field, iid);
	else
		protobuf_add_string(message, field, string);
	return true;
}

static bool add_annotation(struct export_stream *stream, struct text *message, uint32_t field,
			   const struct export_argument *argument, struct error *error)
{
	size_t begin = protobuf_begin(message, field);
	bool ok = perfetto_add_text(stream, message, INTERNED_ANNOTATION_NAMES,
				    ANNOTATION_NAME_IID, ANNOTATION_NAME, argument->key, error);
	switch (argument->type) {
	case ARGUMENT_INTEGER:
		protobuf_add_integer(message, ANNOTATION_INTEGER, argument->number);
		break;
	case ARGUMENT_THOUSANDTHS:
		protobuf_add_double(message, ANNOTATION_DOUBLE, (double)argument->number / 1000);
		break;
	case ARGUMENT_TRIPLE:
		for (int i = 0; i < 3; i++) {
			size_t element = protobuf_begin(message, ANNOTATION_ELEMENT);
			protobuf_add_integer(message, ANNOTATION_INTEGER,
					     i == 0 ? argument->number : argument->more[i - 1]);
			protobuf_end(message, element);
		}
		break;
	case ARGUMENT_TEXT:
		ok = ok && perfetto_add_text(stream, message, INTERNED_STRINGS,
					     ANNOTATION_STRING_IID, ANNOTATION_STRING,
					     argument->text, error);
		break;
	}
	protobuf_end(message, begin);
	return ok;
}

/* Names by which Perfetto's own pages find what they show of a kernel. */
static const char *compute_key(const char *key)
{
	static const struct { const char *ours, *theirs; } names[] = {
		{ "registers per thread", "registers_per_thread" },
		{ "static shared bytes", "shared_mem_static" },
		{ "dynamic shared bytes", "shared_mem_dynamic" },
	};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(names[i].ours, key) == 0)
			return names[i].theirs;
	return key;
}

static bool add_compute_number(struct export_stream *stream, struct text *message, uint32_t field,
			       const char *key, int64_t number, struct error *error)
{
	size_t begin = protobuf_begin(message, field);
	bool ok = perfetto_add_text(stream, message, INTERNED_COMPUTE_NAMES, COMPUTE_NAME_IID,
				    COMPUTE_NAME, compute_key(key), error);
	protobuf_add_integer(message, COMPUTE_INTEGER, number);
	protobuf_end(message, begin);
	return ok;
}

/* These arguments have no lists: a grid becomes three of them. */
static bool add_compute_triple(struct export_stream *stream, struct text *message, uint32_t field,
			       const struct export_argument *argument, struct error *error)
{
	static const char axes[] = { 'x', 'y', 'z' };
	char key[64];
	for (int i = 0; i < 3; i++) {
		(void)snprintf(key, sizeof key, "%s.%c", argument->key, axes[i]);
		if (!add_compute_number(stream, message, field, key,
					i == 0 ? argument->number : argument->more[i - 1], error))
			return false;
	}
	return true;
}

static bool add_compute(struct export_stream *stream, struct text *message, uint32_t field,
			const struct export_argument *argument, struct error *error)
{
	if (argument->type == ARGUMENT_INTEGER)
		return add_compute_number(stream, message, field, argument->key, argument->number,
					  error);
	if (argument->type == ARGUMENT_TRIPLE)
		return add_compute_triple(stream, message, field, argument, error);
	size_t begin = protobuf_begin(message, field);
	bool ok = perfetto_add_text(stream, message, INTERNED_COMPUTE_NAMES, COMPUTE_NAME_IID,
				    COMPUTE_NAME, argument->key, error);
	if (argument->type == ARGUMENT_THOUSANDTHS)
		protobuf_add_double(message, COMPUTE_DOUBLE, (double)argument->number / 1000);
	else
		ok = ok && perfetto_add_text(stream, message, INTERNED_STRINGS, COMPUTE_STRING_IID,
					     COMPUTE_STRING, argument->text, error);
	protobuf_end(message, begin);
	return ok;
}

bool perfetto_add_arguments(struct export_stream *stream, struct text *message, uint32_t field,
			    enum perfetto_arguments as, const struct export_arguments *arguments,
			    struct error *error)
{
	for (size_t i = 0; arguments != NULL && i < arguments->count; i++) {
		const struct export_argument *argument = &arguments->list[i];
		if (!(as == AS_ANNOTATIONS ?
			      add_annotation(stream, message, field, argument, error) :
			      add_compute(stream, message, field, argument, error)))
			return false;
	}
	return true;
}

static enum stage stage_of(const char *category)
{
	static const char *const categories[STAGE_END] = {
		[STAGE_KERNEL] = "kernel",
		[STAGE_COPY] = "gpu_memcpy",
		[STAGE_MEMSET] = "gpu_memset",
		[STAGE_GRAPH] = "cuda_graph",
	};
	for (int i = STAGE_KERNEL; i < STAGE_OTHER; i++)
		if (strcmp(categories[i], category) == 0)
			return (enum stage)i;
	return STAGE_OTHER;
}

bool perfetto_stages_write(struct export_stream *stream, struct error *error)
{
	static const char *const names[STAGE_END] = {
		[STAGE_KERNEL] = "Kernel", [STAGE_COPY] = "Memcpy", [STAGE_MEMSET] = "Memset",
		[STAGE_GRAPH] = "Graph", [STAGE_OTHER] = "GPU work",
	};
	enum { CATEGORY_OTHER = 0, CATEGORY_COMPUTE = 2 };
	struct text *text = &stream->text;
	size_t packet = perfetto_packet_begin(stream);
	size_t data = protobuf_begin(text, PACKET_INTERNED_DATA);
	for (uint64_t i = STAGE_KERNEL; i < STAGE_END; i++) {
		size_t entry = protobuf_begin(text, INTERNED_SPECIFICATIONS);
		protobuf_add_varint(text, INTERNED_IID, i);
		protobuf_add_string(text, INTERNED_NAME, names[i]);
		protobuf_add_varint(text, SPECIFICATION_CATEGORY,
				    i == STAGE_KERNEL ? CATEGORY_COMPUTE : CATEGORY_OTHER);
		protobuf_end(text, entry);
	}
	protobuf_end(text, data);
	return perfetto_packet_end(stream, packet, error);
}

static void add_shape(struct text *message, uint32_t field, const struct export_argument *shape)
{
	size_t begin = protobuf_begin(message, field);
	for (uint32_t i = 0; i < 3; i++) {
		int64_t number = i == 0 ? shape->number : shape->more[i - 1];
		protobuf_add_varint(message, i + 1, (uint64_t)number & UINT32_MAX);
	}
	protobuf_end(message, begin);
}

/*
 * A kernel once, with all that its launches share: its name, with the parameters where they are
 * known, and what it needs of a multiprocessor. Its grid belongs to the launch.
 */
static bool kernel_encode(struct export_stream *stream, const struct export_label *label,
			  struct text *kernel, struct text *launch, struct error *error)
{
	struct export_arguments rest = { .count = 0 };
	const char *parameters = NULL;
	for (size_t i = 0; i < label->arguments.count; i++) {
		const struct export_argument *argument = &label->arguments.list[i];
		if (strcmp(argument->key, "grid") == 0)
			add_shape(launch, LAUNCH_GRID, argument);
		else if (strcmp(argument->key, "block") == 0)
			add_shape(launch, LAUNCH_BLOCK, argument);
		else if (strcmp(argument->key, "parameters") == 0)
			parameters = argument->text;
		else
			rest.list[rest.count++] = *argument;
	}
	protobuf_add_string(kernel, INTERNED_NAME, label->name);
	if (parameters != NULL) {
		size_t begin = protobuf_begin(kernel, KERNEL_DEMANGLED);
		text_add_utf8(kernel, label->name, strlen(label->name));
		text_add_utf8(kernel, parameters, strlen(parameters));
		protobuf_end(kernel, begin);
	}
	return perfetto_add_arguments(stream, kernel, KERNEL_ARGUMENT, AS_COMPUTE, &rest, error);
}

static bool work_encode(struct export_stream *stream, const struct export_label *label,
			enum stage stage, struct perfetto_label *made, struct error *error)
{
	struct perfetto *perfetto = stream->state;
	struct text *text = &perfetto->labels_text, *scratch = &perfetto->scratch;
	uint64_t kernel_iid = 0;
	made->launch.begin = text->length;
	text_clear(scratch);
	if (stage == STAGE_KERNEL) {
		if (!kernel_encode(stream, label, scratch, text, error))
			return false;
		if (!text_is_ok(scratch))
			return perfetto_no_memory(error);
		if (!perfetto_intern(stream, INTERNED_KERNELS, text_string(scratch),
				     scratch->length, &kernel_iid, error))
			return false;
	}
	if (kernel_iid == 0 && !perfetto_add_arguments(stream, text, LAUNCH_ARGUMENT, AS_COMPUTE,
						       &label->arguments, error))
		return false;
	made->launch.length = text->length - made->launch.begin;
	made->stage.begin = text->length;
	protobuf_add_varint(text, STAGE_STAGE_IID, stage);
	if (kernel_iid != 0)
		protobuf_add_varint(text, STAGE_KERNEL_IID, kernel_iid);
	if (!perfetto_add_text(stream, text, INTERNED_NAMES, STAGE_NAME_IID, STAGE_NAME,
			       label->name, error))
		return false;
	made->stage.length = text->length - made->stage.begin;
	return true;
}

bool perfetto_label_encode(struct export_stream *stream, const struct export_label *label,
			   struct perfetto_label *made, struct error *error)
{
	struct perfetto *perfetto = stream->state;
	struct text *text = &perfetto->labels_text;
	enum stage stage = stage_of(label->category);
	*made = (struct perfetto_label){ .event = { .begin = text->length } };
	if (!perfetto_add_text(stream, text, INTERNED_NAMES, EVENT_NAME_IID, EVENT_NAME,
			       label->name, error) ||
	    !perfetto_add_text(stream, text, INTERNED_CATEGORIES, EVENT_CATEGORY_IID,
			       EVENT_CATEGORY, label->category, error))
		return false;
	/* What a label is for shows its category: GPU work is drawn as GPU work. */
	if (stage == STAGE_OTHER &&
	    !perfetto_add_arguments(stream, text, EVENT_ANNOTATION, AS_ANNOTATIONS,
				    &label->arguments, error))
		return false;
	made->event.length = text->length - made->event.begin;
	return work_encode(stream, label, stage, made, error);
}

void perfetto_interned_end(struct perfetto *perfetto)
{
	for (int i = 0; i < INTERNED_TABLE_COUNT; i++)
		bytes_map_end(&perfetto->interned[i]);
}
