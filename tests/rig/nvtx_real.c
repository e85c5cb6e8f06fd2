/* SPDX-License-Identifier: MIT */
/* An NVTX instance made by NVIDIA's own headers; compiled only where a toolkit was found. */
#include <stddef.h>

#include <nvtx3/nvToolsExt.h>
#include <nvtx3/nvToolsExtPayload.h>

#include "nvtx.h"

/* The rig's declarations must be the header's, since pointers are handed through. */
#define SAME(ours, member, theirs, field) \
	_Static_assert(offsetof(struct ours, member) == offsetof(theirs, field), #ours "." #member)
_Static_assert(sizeof(struct rig_nvtx_attributes) == sizeof(nvtxEventAttributes_t), "attributes");
SAME(rig_nvtx_attributes, category, nvtxEventAttributes_t, category);
SAME(rig_nvtx_attributes, color_type, nvtxEventAttributes_t, colorType);
SAME(rig_nvtx_attributes, color, nvtxEventAttributes_t, color);
SAME(rig_nvtx_attributes, payload_type, nvtxEventAttributes_t, payloadType);
SAME(rig_nvtx_attributes, reserved, nvtxEventAttributes_t, reserved0);
SAME(rig_nvtx_attributes, payload, nvtxEventAttributes_t, payload);
SAME(rig_nvtx_attributes, message_type, nvtxEventAttributes_t, messageType);
SAME(rig_nvtx_attributes, message, nvtxEventAttributes_t, message);
_Static_assert(sizeof(struct rig_nvtx_payload) == sizeof(nvtxPayloadData_t), "payload");
SAME(rig_nvtx_payload, schema, nvtxPayloadData_t, schemaId);
SAME(rig_nvtx_payload, size, nvtxPayloadData_t, size);
SAME(rig_nvtx_payload, payload, nvtxPayloadData_t, payload);
_Static_assert(sizeof(struct rig_nvtx_schema) == sizeof(nvtxPayloadSchemaAttr_t), "schema");
SAME(rig_nvtx_schema, name, nvtxPayloadSchemaAttr_t, name);
SAME(rig_nvtx_schema, entries, nvtxPayloadSchemaAttr_t, entries);
SAME(rig_nvtx_schema, static_size, nvtxPayloadSchemaAttr_t, payloadStaticSize);
SAME(rig_nvtx_schema, id, nvtxPayloadSchemaAttr_t, schemaId);
_Static_assert(sizeof(struct rig_nvtx_entry) == sizeof(nvtxPayloadSchemaEntry_t), "entry");
SAME(rig_nvtx_entry, type, nvtxPayloadSchemaEntry_t, type);
SAME(rig_nvtx_entry, name, nvtxPayloadSchemaEntry_t, name);
SAME(rig_nvtx_entry, offset, nvtxPayloadSchemaEntry_t, offset);
_Static_assert(sizeof(struct rig_nvtx_enum) == sizeof(nvtxPayloadEnumAttr_t), "enum");
SAME(rig_nvtx_enum, entries, nvtxPayloadEnumAttr_t, entries);
SAME(rig_nvtx_enum, size, nvtxPayloadEnumAttr_t, sizeOfEnum);
SAME(rig_nvtx_enum, id, nvtxPayloadEnumAttr_t, schemaId);
_Static_assert(sizeof(struct rig_nvtx_enum_entry) == sizeof(nvtxPayloadEnum_t), "enum entry");
_Static_assert(RIG_SCHEMA_ID == NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_SCHEMA_ID, "schema bit");
_Static_assert(RIG_ENUM_ID == NVTX_PAYLOAD_ENUM_ATTR_FIELD_SCHEMA_ID, "enum bit");

static void *domain_create(const char *name)
{
	return nvtxDomainCreateA(name);
}

static void *string_register(void *domain, const char *text)
{
	return nvtxDomainRegisterStringA(domain, text);
}

static int push(void *domain, const struct rig_nvtx_attributes *attributes)
{
	const nvtxEventAttributes_t *real = (const void *)attributes;

	return domain ? nvtxDomainRangePushEx(domain, real) : nvtxRangePushEx(real);
}

static int push_text(const char *text)
{
	return nvtxRangePushA(text);
}

static int pop(void *domain)
{
	return domain ? nvtxDomainRangePop(domain) : nvtxRangePop();
}

static void mark(void *domain, const struct rig_nvtx_attributes *attributes)
{
	const nvtxEventAttributes_t *real = (const void *)attributes;

	if (domain)
		nvtxDomainMarkEx(domain, real);
	else
		nvtxMarkEx(real);
}

static void mark_text(const char *text)
{
	nvtxMarkA(text);
}

static uint64_t start(void *domain, const struct rig_nvtx_attributes *attributes)
{
	const nvtxEventAttributes_t *real = (const void *)attributes;

	return domain ? nvtxDomainRangeStartEx(domain, real) : nvtxRangeStartEx(real);
}

static uint64_t start_text(const char *text)
{
	return nvtxRangeStartA(text);
}

static void end(void *domain, uint64_t id)
{
	if (domain)
		nvtxDomainRangeEnd(domain, id);
	else
		nvtxRangeEnd(id);
}

static void name_thread(uint32_t tid, const char *name)
{
	nvtxNameOsThreadA(tid, name);
}

static void name_category(void *domain, uint32_t id, const char *name)
{
	if (domain)
		nvtxDomainNameCategoryA(domain, id, name);
	else
		nvtxNameCategoryA(id, name);
}

static uint64_t schema_register(void *domain, const struct rig_nvtx_schema *schema)
{
	return nvtxPayloadSchemaRegister(domain, (const void *)schema);
}

static uint64_t enum_register(void *domain, const struct rig_nvtx_enum *values)
{
	return nvtxPayloadEnumRegister(domain, (const void *)values);
}

static int pop_payload(void *domain, const struct rig_nvtx_payload *data, size_t count)
{
	return nvtxRangePopPayload(domain, (const void *)data, count);
}

const struct rig_nvtx rig_nvtx_real = {
	.name = "real", .domain_create = domain_create, .string_register = string_register,
	.push = push, .push_text = push_text, .pop = pop, .mark = mark, .mark_text = mark_text,
	.start = start, .start_text = start_text, .end = end, .name_thread = name_thread,
	.name_category = name_category, .schema_register = schema_register,
	.enum_register = enum_register, .pop_payload = pop_payload,
};
