/* SPDX-License-Identifier: MIT */
/*
 * A tool of NVTX's that lists on stderr what it is told of domains, schemas and ranges with
 * payloads: a decoder of its own, made from NVIDIA's headers, nothing of libtrace. Payloads are
 * read by the schema that was registered for them. For one thread at a time, and for as many
 * schemas as NCCL has.
 */
#include <nvtx3/nvToolsExt.h>
#include <nvtx3/nvToolsExtPayload.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCHEMAS_MAX = 64, ENTRIES_MAX = 16, NAME_MAX_BYTES = 64 };

struct entry { uint64_t type, offset; char name[NAME_MAX_BYTES]; };
static struct {
	uint64_t id;
	size_t count;
	struct entry entries[ENTRIES_MAX];
} schemas[SCHEMAS_MAX];
static size_t schema_count;
static char *texts[256];
static size_t text_count;

static uint64_t schema_register(nvtxDomainHandle_t domain,
				const nvtxPayloadSchemaAttr_t *attributes)
{
	(void)domain;
	if (schema_count == SCHEMAS_MAX)
		return 0;
	size_t count = attributes->numEntries < ENTRIES_MAX ? attributes->numEntries : ENTRIES_MAX;
	schemas[schema_count].id = attributes->schemaId;
	schemas[schema_count].count = count;
	fprintf(stderr, "schema %" PRIu64 " mask %" PRIx64 " type %d name %s size %zu:",
		attributes->schemaId, attributes->fieldMask, (int)attributes->type,
		(attributes->fieldMask & NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_NAME) == 0 ||
				attributes->name == NULL
			? "-"
			: attributes->name,
		(attributes->fieldMask & NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_STATIC_SIZE) == 0
			? (size_t)0
			: attributes->payloadStaticSize);
	for (size_t i = 0; i < count; i++) {
		const nvtxPayloadSchemaEntry_t *from = &attributes->entries[i];
		struct entry *to = &schemas[schema_count].entries[i];
		to->type = from->type;
		to->offset = from->offset;
		snprintf(to->name, sizeof to->name, "%s", from->name);
		fprintf(stderr, " {%s, %" PRIu64 " @ %" PRIu64 "}", from->name, from->type,
			from->offset);
	}
	fputc('\n', stderr);
	schema_count++;
	return attributes->schemaId;
}

static uint64_t enum_register(nvtxDomainHandle_t domain, const nvtxPayloadEnumAttr_t *attributes)
{
	(void)domain;
	fprintf(stderr, "enum %" PRIu64 " mask %" PRIx64 " size %zu:", attributes->schemaId,
		attributes->fieldMask, attributes->sizeOfEnum);
	for (size_t i = 0; i < attributes->numEntries; i++)
		fprintf(stderr, " %s=%" PRIu64, attributes->entries[i].name,
			attributes->entries[i].value);
	fputc('\n', stderr);
	return attributes->schemaId;
}

static void payload_list(const nvtxPayloadData_t *data)
{
	fprintf(stderr, " schema %" PRIu64 " bytes %zu", data->schemaId, data->size);
	for (size_t i = 0; i < schema_count; i++) {
		if (schemas[i].id != data->schemaId)
			continue;
		for (size_t k = 0; k < schemas[i].count; k++) {
			const struct entry *entry = &schemas[i].entries[k];
			uint64_t value = 0;
			/* Numbers of four bytes, but for the two types of eight. */
			size_t size = entry->type == NVTX_PAYLOAD_ENTRY_TYPE_UINT64 ||
				entry->type == NVTX_PAYLOAD_ENTRY_TYPE_SIZE ? 8 : 4;
			memcpy(&value, (const char *)data->payload + entry->offset, size);
			fprintf(stderr, " {%s = %" PRIu64 "}", entry->name, value);
		}
		return;
	}
}

static int range_push(nvtxDomainHandle_t domain, const nvtxEventAttributes_t *event)
{
	(void)domain;
	size_t text = (size_t)event->message.registered;
	fprintf(stderr, "push %s payloads %d", event->messageType == NVTX_MESSAGE_TYPE_REGISTERED &&
		text >= 1 && text <= text_count ? texts[text - 1] : "?",
		event->payloadType == (int32_t)NVTX_PAYLOAD_TYPE_EXT ? event->reserved0 : 0);
	if (event->payloadType == (int32_t)NVTX_PAYLOAD_TYPE_EXT) {
		const nvtxPayloadData_t *data;
		memcpy(&data, &event->payload.ullValue, sizeof data);
		payload_list(data);
	}
	fputc('\n', stderr);
	return 0;
}

static int range_pop(nvtxDomainHandle_t domain)
{
	(void)domain;
	fputs("pop\n", stderr);
	return 0;
}

static int range_pop_payload(nvtxDomainHandle_t domain, const nvtxPayloadData_t *data, size_t count)
{
	(void)domain;
	fprintf(stderr, "pop payloads %zu", count);
	payload_list(data);
	fputc('\n', stderr);
	return 0;
}

static nvtxDomainHandle_t domain_create(const char *name)
{
	static char domains[16];
	static size_t count;
	fprintf(stderr, "domain %s\n", name);
	return (nvtxDomainHandle_t)(void *)&domains[count++ % sizeof domains];
}

static nvtxStringHandle_t string_register(nvtxDomainHandle_t domain, const char *text)
{
	(void)domain;
	if (text_count < sizeof texts / sizeof texts[0])
		texts[text_count++] = strdup(text);
	return (nvtxStringHandle_t)text_count;
}

static void slot_set(NvtxFunctionTable table, unsigned count, unsigned cbid,
		     NvtxFunctionPointer function)
{
	if (cbid < count)
		*table[cbid] = function;
}

int InitializeInjectionNvtx2(NvtxGetExportTableFunc_t get_export_table);
int InitializeInjectionNvtx2(NvtxGetExportTableFunc_t get_export_table)
{
	const NvtxExportTableCallbacks *callbacks = get_export_table(NVTX_ETID_CALLBACKS);
	NvtxFunctionTable table;
	unsigned count;
	if (callbacks == NULL ||
	    !callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &table, &count))
		return 0;
	slot_set(table, count, NVTX_CBID_CORE2_DomainCreateA, (NvtxFunctionPointer)domain_create);
	slot_set(table, count, NVTX_CBID_CORE2_DomainRegisterStringA,
		 (NvtxFunctionPointer)string_register);
	slot_set(table, count, NVTX_CBID_CORE2_DomainRangePushEx, (NvtxFunctionPointer)range_push);
	slot_set(table, count, NVTX_CBID_CORE2_DomainRangePop, (NvtxFunctionPointer)range_pop);
	return 1;
}

int InitializeInjectionNvtxExtension(nvtxExtModuleInfo_t *module);
int InitializeInjectionNvtxExtension(nvtxExtModuleInfo_t *module)
{
	if (module->moduleId != NVTX_EXT_PAYLOAD_MODULEID || module->segmentsCount < 1)
		return 1;
	intptr_t *slots = module->segments->functionSlots;
	size_t count = module->segments->slotCount;
	fprintf(stderr, "extension compatibility %x slots %zu\n", (unsigned)module->compatId,
		count);
	if (count > NVTX3EXT_CBID_nvtxPayloadEnumRegister) {
		slots[NVTX3EXT_CBID_nvtxPayloadSchemaRegister] = (intptr_t)schema_register;
		slots[NVTX3EXT_CBID_nvtxPayloadEnumRegister] = (intptr_t)enum_register;
	}
	if (count > NVTX3EXT_CBID_nvtxRangePopPayload)
		slots[NVTX3EXT_CBID_nvtxRangePopPayload] = (intptr_t)range_pop_payload;
	return 1;
}
