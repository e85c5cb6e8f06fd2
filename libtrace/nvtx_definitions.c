/* SPDX-License-Identifier: MIT */
#include "libtrace/nvtx_definitions.h"
#include "libtrace/host_facts.h"
#include "libtrace/nvtx_number.h"
#include "libtrace/registry.h"

#include <link.h>
#include <stdatomic.h>
#include <string.h>

enum { SCHEMA_BUCKETS = 256 };

/* NVTX calls with no pointer of ours, so what it defines is reached through these. */
static struct registry definitions;
static _Atomic(struct nvtx_schema *) schema_buckets[SCHEMA_BUCKETS];
static atomic_ullong refused_count;
static atomic_ullong ids_given;
static atomic_bool deep_copies_wanted;

static uint32_t refuse(void)
{
	atomic_fetch_add_explicit(&refused_count, 1, memory_order_relaxed);
	return 0;
}

uint64_t nvtx_definitions_refused(void)
{
	return atomic_load_explicit(&refused_count, memory_order_relaxed);
}

bool nvtx_definitions_have_deep_copies(void)
{
	return atomic_load_explicit(&deep_copies_wanted, memory_order_relaxed);
}

uint32_t nvtx_define_name(enum nvtx_definition_kind kind, uint32_t domain, uint64_t id,
			  const struct nvtx_text *text)
{
	uint32_t index;
	struct nvtx_name *name =
		registry_take(&definitions, sizeof *name + text->length + 1, &index);
	if (name == NULL)
		return refuse();
	name->head = (struct nvtx_definition){ kind, domain };
	name->id = id;
	name->length = text->length;
	name->is_cut = text->is_cut;
	nvtx_text_write(text, name->text);
	registry_publish(&definitions, index, name);
	return index;
}

const struct nvtx_definition *nvtx_definition_at(uint64_t index)
{
	return registry_at(&definitions, index);
}

const struct nvtx_name *nvtx_name_at(uint64_t index, enum nvtx_definition_kind kind)
{
	const struct nvtx_definition *definition = registry_at(&definitions, index);
	if (definition == NULL || definition->kind != kind)
		return NULL;
	return (const struct nvtx_name *)definition;
}

static size_t bucket_of(uint32_t domain, uint64_t id)
{
	uint64_t mixed = (id ^ ((uint64_t)domain << 40)) * UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(mixed >> 56) % SCHEMA_BUCKETS;
}

struct object_search {
	uintptr_t address;
	struct nvtx_schema *schema;
};

static int object_visit(struct dl_phdr_info *object, size_t size, void *context)
{
	struct object_search *search = context;
	(void)size;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		if (object->dlpi_phdr[i].p_type != PT_LOAD)
			continue;
		uintptr_t begin = object->dlpi_addr + object->dlpi_phdr[i].p_vaddr;
		uintptr_t end = begin + object->dlpi_phdr[i].p_memsz;
		if (search->address >= begin && search->address < end) {
			search->schema->object_begin = begin;
			search->schema->object_end = end;
			return 1;
		}
	}
	return 0;
}

/* Room for a schema with `count` fields whose names take `name_bytes`. */
static struct nvtx_schema *schema_take(const struct nvtx_schema_scope *scope, size_t count,
				       size_t name_bytes, uint32_t *index)
{
	if (count > NVTX_SCHEMA_ENTRIES_MAX)
		return NULL;
	struct nvtx_schema *schema =
		registry_take(&definitions,
			      sizeof *schema + count * sizeof schema->fields[0] + name_bytes,
			      index);
	if (schema == NULL)
		return NULL;
	schema->head = (struct nvtx_definition){ NVTX_DEFINED_SCHEMA, scope->domain };
	schema->field_count = count;
	schema->alignment = 1;
	if (scope->domain == 0) {
		struct object_search search = { scope->caller, schema };
		dl_iterate_phdr(object_visit, &search);
	}
	return schema;
}

/* A program chooses ids from NVTX_SCHEMA_ID_STATIC on; anything else gets one of ours. */
static uint64_t schema_publish(struct nvtx_schema *schema, uint32_t index, uint64_t wanted_id)
{
	schema->id = wanted_id >= NVTX_SCHEMA_ID_STATIC ? wanted_id :
		     NVTX_SCHEMA_ID_DYNAMIC + atomic_fetch_add(&ids_given, 1);
	schema->registered_ns = realtime_ns();
	_Atomic(struct nvtx_schema *) *bucket =
		&schema_buckets[bucket_of(schema->head.domain, schema->id)];
	schema->next = atomic_load_explicit(bucket, memory_order_acquire);
	/* Release pairs with the acquire in nvtx_schema_find. */
	while (!atomic_compare_exchange_weak_explicit(bucket, &schema->next, schema,
						      memory_order_acq_rel, memory_order_acquire))
		;
	registry_publish(&definitions, index, schema);
	return schema->id;
}

static size_t name_room(const char *name)
{
	return name == NULL ? 0 : strnlen(name, NVTX_ENTRY_NAME_BYTES_MAX) + 1;
}

/* Copies the name behind what is already there; moves *at. */
static uint32_t name_store(struct nvtx_schema *schema, size_t *at, const char *name)
{
	if (name == NULL)
		return 0;
	uint32_t begin = (uint32_t)*at;
	size_t length = strnlen(name, NVTX_ENTRY_NAME_BYTES_MAX);
	memcpy((char *)schema + begin, name, length);
	*at += length + 1;	/* the record is zeroed: terminated */
	return begin;
}

static size_t names_begin(const struct nvtx_schema *schema)
{
	return sizeof *schema + schema->field_count * sizeof schema->fields[0];
}

static bool is_power_of_two(size_t value)
{
	return value != 0 && (value & (value - 1)) == 0;
}

/*
 * What a member means for its struct. A nested schema that is registered later is taken to hold 8
 * bytes.
 */
static void field_note(const struct nvtx_schema_scope *scope, struct nvtx_schema *schema,
		       const struct nvtx_schema_field *field)
{
	const struct nvtx_schema *nested = NULL;
	size_t alignment = sizeof(void *);
	bool is_pointer = (field->flags & NVTX_ENTRY_POINTER) != 0;
	if (!is_pointer && field->type < NVTX_SCHEMA_ID_STATIC)
		alignment = nvtx_number_type_of(field->type).alignment;
	else if (!is_pointer)
		nested = nvtx_schema_find(scope, field->type);
	if (nested != NULL)
		alignment = nested->alignment;
	if (schema->pack_alignment != 0 && alignment > schema->pack_alignment)
		alignment = schema->pack_alignment;
	if (alignment > schema->alignment)
		schema->alignment = alignment;
	if (is_pointer ? (field->flags & NVTX_ENTRY_DEEP_COPY) != 0 :
	    nested != NULL && nested->has_deep_copies)
		schema->has_deep_copies = true;
}

uint64_t nvtx_define_schema(const struct nvtx_schema_scope *scope,
			    const struct nvtx_schema_attributes *attributes)
{
	uint64_t mask = attributes == NULL ? 0 : attributes->field_mask;
	if ((mask & NVTX_SCHEMA_HAS_ENTRIES) == 0 || (mask & NVTX_SCHEMA_HAS_COUNT) == 0 ||
	    attributes->entries == NULL)
		return refuse();
	size_t count = attributes->entry_count;
	const struct nvtx_schema_entry *entries = attributes->entries;
	size_t name_bytes = 0;
	for (size_t i = 0; i < count && i < NVTX_SCHEMA_ENTRIES_MAX; i++)
		name_bytes += name_room(entries[i].name);
	uint32_t index;
	struct nvtx_schema *schema = schema_take(scope, count, name_bytes, &index);
	if (schema == NULL)
		return refuse();
	schema->type = (mask & NVTX_SCHEMA_HAS_TYPE) != 0 ? attributes->type : NVTX_SCHEMA_STATIC;
	if ((mask & NVTX_SCHEMA_HAS_SIZE) != 0)
		schema->static_size = attributes->static_size;
	if ((mask & NVTX_SCHEMA_HAS_ALIGNMENT) != 0 && is_power_of_two(attributes->pack_alignment))
		schema->pack_alignment = attributes->pack_alignment;
	size_t names_at = names_begin(schema);
	for (size_t i = 0; i < count; i++) {
		schema->fields[i] = (struct nvtx_schema_field){
			.flags = entries[i].flags, .type = entries[i].type,
			.detail = entries[i].detail, .offset = entries[i].offset,
			.name_at = name_store(schema, &names_at, entries[i].name),
		};
		field_note(scope, schema, &schema->fields[i]);
	}
	if (schema->has_deep_copies)
		atomic_store_explicit(&deep_copies_wanted, true, memory_order_relaxed);
	return schema_publish(schema, index,
			      (mask & NVTX_SCHEMA_HAS_ID) != 0 ? attributes->schema_id : 0);
}

uint64_t nvtx_define_enum(const struct nvtx_schema_scope *scope,
			  const struct nvtx_enum_attributes *attributes)
{
	uint64_t mask = attributes == NULL ? 0 : attributes->field_mask;
	if ((mask & NVTX_ENUM_HAS_ENTRIES) == 0 || (mask & NVTX_ENUM_HAS_COUNT) == 0 ||
	    attributes->entries == NULL)
		return refuse();
	size_t count = attributes->entry_count;
	const struct nvtx_enum_entry *entries = attributes->entries;
	size_t name_bytes = 0;
	for (size_t i = 0; i < count && i < NVTX_SCHEMA_ENTRIES_MAX; i++)
		name_bytes += name_room(entries[i].name);
	uint32_t index;
	struct nvtx_schema *schema = schema_take(scope, count, name_bytes, &index);
	if (schema == NULL)
		return refuse();
	schema->is_enum = true;
	schema->static_size = (mask & NVTX_ENUM_HAS_SIZE) != 0 ? attributes->size : sizeof(int);
	schema->alignment = is_power_of_two(schema->static_size) ? schema->static_size : 1;
	size_t names_at = names_begin(schema);
	for (size_t i = 0; i < count; i++)
		schema->fields[i] = (struct nvtx_schema_field){
			.flags = entries[i].is_flag != 0, .detail = entries[i].value,
			.name_at = name_store(schema, &names_at, entries[i].name),
		};
	return schema_publish(schema, index,
			      (mask & NVTX_ENUM_HAS_ID) != 0 ? attributes->schema_id : 0);
}

static bool is_registered_by(const struct nvtx_schema *schema, uintptr_t caller)
{
	return schema->object_begin == 0 || caller == 0 ||
	       (caller >= schema->object_begin && caller < schema->object_end);
}

/*
 * The newest one before the event; of the calling library where libraries share the default domain.
 * If there is none (the clock was set back, the caller is unknown), the nearest to it.
 */
const struct nvtx_schema *nvtx_schema_find(const struct nvtx_schema_scope *scope, uint64_t id)
{
	const struct nvtx_schema *best = NULL;
	int best_points = -1;
	const struct nvtx_schema *schema = atomic_load_explicit(
		&schema_buckets[bucket_of(scope->domain, id)], memory_order_acquire);
	for (; schema != NULL && best_points < 3; schema = schema->next) {
		if (schema->id != id || schema->head.domain != scope->domain)
			continue;
		int points = (is_registered_by(schema, scope->caller) ? 2 : 0) +
			     (schema->registered_ns <= scope->time_ns ? 1 : 0);
		if (points > best_points) {
			best = schema;
			best_points = points;
		}
	}
	return best;
}

const char *nvtx_field_name(const struct nvtx_schema *schema, const struct nvtx_schema_field *field)
{
	return field->name_at == 0 ? NULL : (const char *)schema + field->name_at;
}
