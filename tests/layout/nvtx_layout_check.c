/* SPDX-License-Identifier: MIT */
/*
 * libtrace's declarations of NVTX against NVIDIA's headers: sizes, offsets and numbers, all at
 * compile time. A program that was built is a check that passed; it prints TAP.
 */
#include "libtrace/nvtx_abi.h"

#include <stdio.h>

#ifdef HAVE_NVTX
#include <nvtx3/nvToolsExt.h>
#include <nvtx3/nvToolsExtPayload.h>

#define SAME_SIZE(ours, theirs) \
	_Static_assert(sizeof(struct ours) == sizeof(theirs), "size of " #theirs)
#define SAME(ours, member, theirs, their_member) \
	_Static_assert(offsetof(struct ours, member) == offsetof(theirs, their_member) && \
		       sizeof(((struct ours *)0)->member) == sizeof(((theirs *)0)->their_member), \
		       #theirs "." #their_member)
#define EQUAL(ours, theirs) _Static_assert((ours) == (theirs), #theirs)

SAME_SIZE(nvtx_event_attributes, nvtxEventAttributes_t);
SAME(nvtx_event_attributes, version, nvtxEventAttributes_t, version);
SAME(nvtx_event_attributes, size, nvtxEventAttributes_t, size);
SAME(nvtx_event_attributes, category, nvtxEventAttributes_t, category);
SAME(nvtx_event_attributes, color_type, nvtxEventAttributes_t, colorType);
SAME(nvtx_event_attributes, color, nvtxEventAttributes_t, color);
SAME(nvtx_event_attributes, payload_type, nvtxEventAttributes_t, payloadType);
SAME(nvtx_event_attributes, payload_count, nvtxEventAttributes_t, reserved0);
SAME(nvtx_event_attributes, payload, nvtxEventAttributes_t, payload);
SAME(nvtx_event_attributes, message_type, nvtxEventAttributes_t, messageType);
SAME(nvtx_event_attributes, message, nvtxEventAttributes_t, message);

SAME_SIZE(nvtx_callbacks_table, NvtxExportTableCallbacks);
SAME(nvtx_callbacks_table, get_module_table, NvtxExportTableCallbacks, GetModuleFunctionTable);

SAME_SIZE(nvtx_extension_segment, nvtxExtModuleSegment_t);
SAME(nvtx_extension_segment, slot_count, nvtxExtModuleSegment_t, slotCount);
SAME(nvtx_extension_segment, slots, nvtxExtModuleSegment_t, functionSlots);
SAME_SIZE(nvtx_extension_module, nvtxExtModuleInfo_t);
SAME(nvtx_extension_module, nvtx_version, nvtxExtModuleInfo_t, nvtxVer);
SAME(nvtx_extension_module, struct_size, nvtxExtModuleInfo_t, structSize);
SAME(nvtx_extension_module, module_id, nvtxExtModuleInfo_t, moduleId);
SAME(nvtx_extension_module, segment_count, nvtxExtModuleInfo_t, segmentsCount);
SAME(nvtx_extension_module, segments, nvtxExtModuleInfo_t, segments);

SAME_SIZE(nvtx_payload_data, nvtxPayloadData_t);
SAME(nvtx_payload_data, schema_id, nvtxPayloadData_t, schemaId);
SAME(nvtx_payload_data, size, nvtxPayloadData_t, size);
SAME(nvtx_payload_data, payload, nvtxPayloadData_t, payload);

SAME_SIZE(nvtx_schema_entry, nvtxPayloadSchemaEntry_t);
SAME(nvtx_schema_entry, flags, nvtxPayloadSchemaEntry_t, flags);
SAME(nvtx_schema_entry, type, nvtxPayloadSchemaEntry_t, type);
SAME(nvtx_schema_entry, name, nvtxPayloadSchemaEntry_t, name);
SAME(nvtx_schema_entry, detail, nvtxPayloadSchemaEntry_t, arrayOrUnionDetail);
SAME(nvtx_schema_entry, offset, nvtxPayloadSchemaEntry_t, offset);

SAME(nvtx_schema_attributes, field_mask, nvtxPayloadSchemaAttr_t, fieldMask);
SAME(nvtx_schema_attributes, name, nvtxPayloadSchemaAttr_t, name);
SAME(nvtx_schema_attributes, type, nvtxPayloadSchemaAttr_t, type);
SAME(nvtx_schema_attributes, flags, nvtxPayloadSchemaAttr_t, flags);
SAME(nvtx_schema_attributes, entries, nvtxPayloadSchemaAttr_t, entries);
SAME(nvtx_schema_attributes, entry_count, nvtxPayloadSchemaAttr_t, numEntries);
SAME(nvtx_schema_attributes, static_size, nvtxPayloadSchemaAttr_t, payloadStaticSize);
SAME(nvtx_schema_attributes, pack_alignment, nvtxPayloadSchemaAttr_t, packAlign);
SAME(nvtx_schema_attributes, schema_id, nvtxPayloadSchemaAttr_t, schemaId);

SAME_SIZE(nvtx_enum_entry, nvtxPayloadEnum_t);
SAME(nvtx_enum_entry, value, nvtxPayloadEnum_t, value);
SAME(nvtx_enum_entry, is_flag, nvtxPayloadEnum_t, isFlag);
SAME(nvtx_enum_attributes, field_mask, nvtxPayloadEnumAttr_t, fieldMask);
SAME(nvtx_enum_attributes, name, nvtxPayloadEnumAttr_t, name);
SAME(nvtx_enum_attributes, entries, nvtxPayloadEnumAttr_t, entries);
SAME(nvtx_enum_attributes, entry_count, nvtxPayloadEnumAttr_t, numEntries);
SAME(nvtx_enum_attributes, size, nvtxPayloadEnumAttr_t, sizeOfEnum);
SAME(nvtx_enum_attributes, schema_id, nvtxPayloadEnumAttr_t, schemaId);

EQUAL((int)NVTX_EXPORT_CALLBACKS, (int)NVTX_ETID_CALLBACKS);
EQUAL((int)NVTX_MODULE_CORE, (int)NVTX_CB_MODULE_CORE);
EQUAL((int)NVTX_MODULE_CUDA, (int)NVTX_CB_MODULE_CUDA);
EQUAL((int)NVTX_MODULE_CUDART, (int)NVTX_CB_MODULE_CUDART);
EQUAL((int)NVTX_MODULE_CORE2, (int)NVTX_CB_MODULE_CORE2);
EQUAL((int)NVTX_MARK_EX, (int)NVTX_CBID_CORE_MarkEx);
EQUAL((int)NVTX_RANGE_START_W, (int)NVTX_CBID_CORE_RangeStartW);
EQUAL((int)NVTX_RANGE_END, (int)NVTX_CBID_CORE_RangeEnd);
EQUAL((int)NVTX_RANGE_PUSH_EX, (int)NVTX_CBID_CORE_RangePushEx);
EQUAL((int)NVTX_RANGE_POP, (int)NVTX_CBID_CORE_RangePop);
EQUAL((int)NVTX_NAME_CATEGORY_A, (int)NVTX_CBID_CORE_NameCategoryA);
EQUAL((int)NVTX_NAME_OS_THREAD_W, (int)NVTX_CBID_CORE_NameOsThreadW);
EQUAL((int)NVTX_CORE_COUNT, (int)NVTX_CBID_CORE_SIZE);
EQUAL((int)NVTX_DOMAIN_MARK_EX, (int)NVTX_CBID_CORE2_DomainMarkEx);
EQUAL((int)NVTX_DOMAIN_RANGE_PUSH_EX, (int)NVTX_CBID_CORE2_DomainRangePushEx);
EQUAL((int)NVTX_DOMAIN_RANGE_POP, (int)NVTX_CBID_CORE2_DomainRangePop);
EQUAL((int)NVTX_DOMAIN_RESOURCE_DESTROY, (int)NVTX_CBID_CORE2_DomainResourceDestroy);
EQUAL((int)NVTX_DOMAIN_NAME_CATEGORY_W, (int)NVTX_CBID_CORE2_DomainNameCategoryW);
EQUAL((int)NVTX_DOMAIN_REGISTER_STRING_A, (int)NVTX_CBID_CORE2_DomainRegisterStringA);
EQUAL((int)NVTX_DOMAIN_CREATE_A, (int)NVTX_CBID_CORE2_DomainCreateA);
EQUAL((int)NVTX_DOMAIN_DESTROY, (int)NVTX_CBID_CORE2_DomainDestroy);
EQUAL((int)NVTX_CORE2_COUNT, (int)NVTX_CBID_CORE2_SIZE);
EQUAL((int)NVTX_NAME_CU_STREAM_A, (int)NVTX_CBID_CUDA_NameCuStreamA);
EQUAL((int)NVTX_CUDA_COUNT, (int)NVTX_CBID_CUDA_SIZE);
EQUAL((int)NVTX_NAME_CUDA_STREAM_A, (int)NVTX_CBID_CUDART_NameCudaStreamA);
EQUAL((int)NVTX_CUDART_COUNT, (int)NVTX_CBID_CUDART_SIZE);

EQUAL((int)NVTX_MESSAGE_ASCII, (int)NVTX_MESSAGE_TYPE_ASCII);
EQUAL((int)NVTX_MESSAGE_WIDE, (int)NVTX_MESSAGE_TYPE_UNICODE);
EQUAL((int)NVTX_MESSAGE_REGISTERED, (int)NVTX_MESSAGE_TYPE_REGISTERED);
EQUAL((int)NVTX_COLOR_TYPE_ARGB, (int)NVTX_COLOR_ARGB);
EQUAL((int)NVTX_PAYLOAD_U64, (int)NVTX_PAYLOAD_TYPE_UNSIGNED_INT64);
EQUAL((int)NVTX_PAYLOAD_I64, (int)NVTX_PAYLOAD_TYPE_INT64);
EQUAL((int)NVTX_PAYLOAD_DOUBLE, (int)NVTX_PAYLOAD_TYPE_DOUBLE);
EQUAL((int)NVTX_PAYLOAD_U32, (int)NVTX_PAYLOAD_TYPE_UNSIGNED_INT32);
EQUAL((int)NVTX_PAYLOAD_I32, (int)NVTX_PAYLOAD_TYPE_INT32);
EQUAL((int)NVTX_PAYLOAD_FLOAT, (int)NVTX_PAYLOAD_TYPE_FLOAT);
EQUAL((int32_t)NVTX_PAYLOAD_EXTENSION, NVTX_PAYLOAD_TYPE_EXT);
EQUAL(NVTX_EXTENSION_PAYLOAD, NVTX_EXT_PAYLOAD_MODULEID);
EQUAL((int)NVTX_SLOT_SCHEMA_REGISTER, NVTX3EXT_CBID_nvtxPayloadSchemaRegister);
EQUAL((int)NVTX_SLOT_ENUM_REGISTER, NVTX3EXT_CBID_nvtxPayloadEnumRegister);
EQUAL((int)NVTX_SLOT_MARK_PAYLOAD, NVTX3EXT_CBID_nvtxMarkPayload);
EQUAL((int)NVTX_SLOT_RANGE_PUSH_PAYLOAD, NVTX3EXT_CBID_nvtxRangePushPayload);
EQUAL((int)NVTX_SLOT_RANGE_POP_PAYLOAD, NVTX3EXT_CBID_nvtxRangePopPayload);
EQUAL((int)NVTX_SLOT_RANGE_START_PAYLOAD, NVTX3EXT_CBID_nvtxRangeStartPayload);
EQUAL((int)NVTX_SLOT_RANGE_END_PAYLOAD, NVTX3EXT_CBID_nvtxRangeEndPayload);
EQUAL((int)NVTX_SLOT_DOMAIN_IS_ENABLED, NVTX3EXT_CBID_nvtxDomainIsEnabled);
EQUAL((int)NVTX_SLOT_TIMESTAMP_GET, NVTX3EXT_CBID_nvtxTimestampGet);
EQUAL((int)NVTX_SLOT_SCOPE_REGISTER, NVTX3EXT_CBID_nvtxScopeRegister);

EQUAL(NVTX_SCHEMA_HAS_NAME, NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_NAME);
EQUAL(NVTX_SCHEMA_HAS_TYPE, NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_TYPE);
EQUAL(NVTX_SCHEMA_HAS_ENTRIES, NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_ENTRIES);
EQUAL(NVTX_SCHEMA_HAS_COUNT, NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_NUM_ENTRIES);
EQUAL(NVTX_SCHEMA_HAS_SIZE, NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_STATIC_SIZE);
EQUAL(NVTX_SCHEMA_HAS_ALIGNMENT, NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_ALIGNMENT);
EQUAL(NVTX_SCHEMA_HAS_ID, NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_SCHEMA_ID);
EQUAL(NVTX_ENUM_HAS_ENTRIES, NVTX_PAYLOAD_ENUM_ATTR_FIELD_ENTRIES);
EQUAL(NVTX_ENUM_HAS_COUNT, NVTX_PAYLOAD_ENUM_ATTR_FIELD_NUM_ENTRIES);
EQUAL(NVTX_ENUM_HAS_SIZE, NVTX_PAYLOAD_ENUM_ATTR_FIELD_SIZE);
EQUAL(NVTX_ENUM_HAS_ID, NVTX_PAYLOAD_ENUM_ATTR_FIELD_SCHEMA_ID);
EQUAL((int)NVTX_SCHEMA_STATIC, NVTX_PAYLOAD_SCHEMA_TYPE_STATIC);
EQUAL((int)NVTX_SCHEMA_UNION_WITH_SELECTOR, NVTX_PAYLOAD_SCHEMA_TYPE_UNION_WITH_INTERNAL_SELECTOR);
EQUAL(NVTX_ENTRY_POINTER, NVTX_PAYLOAD_ENTRY_FLAG_POINTER);
EQUAL(NVTX_ENTRY_OFFSET_FROM_HERE, NVTX_PAYLOAD_ENTRY_FLAG_OFFSET_FROM_HERE);
EQUAL(NVTX_ENTRY_ARRAY_FIXED, NVTX_PAYLOAD_ENTRY_FLAG_ARRAY_FIXED_SIZE);
EQUAL(NVTX_ENTRY_ARRAY_TERMINATED, NVTX_PAYLOAD_ENTRY_FLAG_ARRAY_ZERO_TERMINATED);
EQUAL(NVTX_ENTRY_ARRAY_LENGTH_INDEX, NVTX_PAYLOAD_ENTRY_FLAG_ARRAY_LENGTH_INDEX);
EQUAL(NVTX_ENTRY_ARRAY_LENGTH_PAYLOAD, NVTX_PAYLOAD_ENTRY_FLAG_ARRAY_LENGTH_PAYLOAD_INDEX);
EQUAL(NVTX_ENTRY_DEEP_COPY, NVTX_PAYLOAD_ENTRY_FLAG_DEEP_COPY);
EQUAL(NVTX_ENTRY_HIDE, NVTX_PAYLOAD_ENTRY_FLAG_HIDE);
EQUAL(NVTX_ENTRY_EVENT_MESSAGE, NVTX_PAYLOAD_ENTRY_FLAG_EVENT_MESSAGE);
EQUAL((int)NVTX_TYPE_INT, NVTX_PAYLOAD_ENTRY_TYPE_INT);
EQUAL((int)NVTX_TYPE_ULONGLONG, NVTX_PAYLOAD_ENTRY_TYPE_ULONGLONG);
EQUAL((int)NVTX_TYPE_U64, NVTX_PAYLOAD_ENTRY_TYPE_UINT64);
EQUAL((int)NVTX_TYPE_LONG_DOUBLE, NVTX_PAYLOAD_ENTRY_TYPE_LONGDOUBLE);
EQUAL((int)NVTX_TYPE_SIZE, NVTX_PAYLOAD_ENTRY_TYPE_SIZE);
EQUAL((int)NVTX_TYPE_ADDRESS, NVTX_PAYLOAD_ENTRY_TYPE_ADDRESS);
EQUAL((int)NVTX_TYPE_CHAR32, NVTX_PAYLOAD_ENTRY_TYPE_CHAR32);
EQUAL((int)NVTX_TYPE_BYTE, NVTX_PAYLOAD_ENTRY_TYPE_BYTE);
EQUAL((int)NVTX_TYPE_U128, NVTX_PAYLOAD_ENTRY_TYPE_UINT128);
EQUAL((int)NVTX_TYPE_F128, NVTX_PAYLOAD_ENTRY_TYPE_FLOAT128);
EQUAL((int)NVTX_TYPE_BF16, NVTX_PAYLOAD_ENTRY_TYPE_BF16);
EQUAL((int)NVTX_TYPE_TF32, NVTX_PAYLOAD_ENTRY_TYPE_TF32);
EQUAL((int)NVTX_TYPE_CATEGORY, NVTX_PAYLOAD_ENTRY_TYPE_CATEGORY);
EQUAL((int)NVTX_TYPE_COLOR, NVTX_PAYLOAD_ENTRY_TYPE_COLOR_ARGB);
EQUAL((int)NVTX_TYPE_TID64, NVTX_PAYLOAD_ENTRY_TYPE_TID_UINT64);
EQUAL((int)NVTX_TYPE_CSTRING, NVTX_PAYLOAD_ENTRY_TYPE_CSTRING);
EQUAL((int)NVTX_TYPE_CSTRING_UTF32, NVTX_PAYLOAD_ENTRY_TYPE_CSTRING_UTF32);
EQUAL((int)NVTX_TYPE_REGISTERED_STRING, NVTX_PAYLOAD_ENTRY_TYPE_NVTX_REGISTERED_STRING_HANDLE);
EQUAL((int)NVTX_TYPE_SELECTOR, NVTX_PAYLOAD_ENTRY_TYPE_UNION_SELECTOR);
EQUAL((int)NVTX_TYPE_REFERENCED, NVTX_TYPE_PAYLOAD_SCHEMA_REFERENCED);
EQUAL((int)NVTX_TYPE_RAW, NVTX_TYPE_PAYLOAD_SCHEMA_RAW);
EQUAL(NVTX_SCHEMA_ID_STATIC, NVTX_PAYLOAD_SCHEMA_ID_STATIC_START);
EQUAL(NVTX_SCHEMA_ID_DYNAMIC, NVTX_PAYLOAD_SCHEMA_ID_DYNAMIC_START);

int main(void)
{
	puts("1..1\nok 1 - declarations of NVTX agree with the installed headers");
	return 0;
}
#else
int main(void)
{
	puts("1..0 # SKIP no nvtx3 headers");
	return 0;
}
#endif
