/* SPDX-License-Identifier: MIT */
#include "libtrace/nccl_ranges.h"
#include "libtrace/nccl_calls.h"
#include "libtrace/nccl_communicators.h"
#include "libtrace/nccl_version.h"
#include "tracedb/vocabulary.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum call_field {
	FIELD_COMMUNICATOR, FIELD_PARENT, FIELD_BYTES, FIELD_REDUCTION, FIELD_ROOT, FIELD_PEER,
	FIELD_RANK, FIELD_RANK_COUNT, FIELD_DEVICE, FIELD_OTHER,
};

static const struct {
	const char *name;
	enum call_field field;
} fields[] = {
	{ "NCCL communicator ID", FIELD_COMMUNICATOR },
	{ "Parent NCCL communicator ID", FIELD_PARENT },
	{ "Message size [bytes]", FIELD_BYTES }, { "Bytes", FIELD_BYTES },
	{ "Reduction operation", FIELD_REDUCTION }, { "Root", FIELD_ROOT },
	{ "Peer rank", FIELD_PEER }, { "Rank", FIELD_RANK }, { "No. of ranks", FIELD_RANK_COUNT },
	{ "CUDA device", FIELD_DEVICE },
};

bool nccl_range_is_call(const char *domain, const char *text)
{
	return strcmp(domain, "NCCL") == 0 && strncmp(text, "nccl", 4) == 0;
}

void nccl_call_begin(struct nccl_call *call)
{
	*call = (struct nccl_call){
		.bytes = -1, .root = -1, .peer = -1, .rank = -1, .rank_count = -1, .device_id = -1,
	};
}

static enum call_field field_of(const char *name)
{
	for (size_t i = 0; name != NULL && i < sizeof fields / sizeof fields[0]; i++)
		if (strcmp(fields[i].name, name) == 0)
			return fields[i].field;
	return FIELD_OTHER;
}

/* User-made operators lie outside the enum: their number is all there is. */
static void reduction_read(struct nccl_call *call, const struct nvtx_field *field, uint64_t value)
{
	const char *name =
		field->nested == NULL ? NULL : nvtx_enumerator_name(field->nested, value);
	if (name != NULL)
		(void)snprintf(call->reduction, sizeof call->reduction, "%s", name);
	else
		(void)snprintf(call->reduction, sizeof call->reduction, "%" PRIu64, value);
}

static void field_read(struct nccl_call *call, const struct nvtx_field *field)
{
	uint64_t value;
	if (!field->is_supported || !nvtx_field_integer(field, &value))
		return;
	switch (field_of(nvtx_field_name(field->schema, field->entry))) {
	case FIELD_COMMUNICATOR:
		call->communicator = value;
		break;
	case FIELD_PARENT:
		call->parent = value;
		break;
	case FIELD_BYTES:
		call->bytes = value > INT64_MAX ? -1 : (int64_t)value;
		break;
	case FIELD_REDUCTION:
		reduction_read(call, field, value);
		break;
	case FIELD_ROOT:
		call->root = (int64_t)value;
		break;
	case FIELD_PEER:
		call->peer = (int64_t)value;
		break;
	case FIELD_RANK:
		call->rank = (int64_t)value;
		break;
	case FIELD_RANK_COUNT:
		call->rank_count = (int64_t)value;
		break;
	case FIELD_DEVICE:
		call->device_id = (int64_t)value;
		break;
	case FIELD_OTHER:
		break;
	}
}

void nccl_call_read(struct nccl_call *call, const struct nvtx_payload *payload)
{
	for (size_t i = 0; i < payload->blob_count; i++) {
		const struct nvtx_schema *schema = nvtx_blob_schema(payload, &payload->blobs[i]);
		struct nvtx_cursor cursor;
		struct nvtx_field field;
		if (schema == NULL)
			continue;
		nvtx_cursor_begin(&cursor, payload, schema, payload->blobs[i].bytes,
				  payload->blobs[i].size);
		while (nvtx_cursor_next(&cursor, &field))
			field_read(call, &field);
	}
}

/*
 * Initialisation tells whose rank is what. A split or a grown communicator gives its parent's
 * ranks, and a shrunk one even its parent's id: what is said there of the new one is its id and its
 * GPU.
 */
static void communicator_read(struct drain *drain, const struct nccl_call *call, const char *text,
			      int64_t thread_id)
{
	bool is_child = call->parent != 0;
	if (!is_child && strncmp(text, "ncclCommSplit", 13) == 0)
		return;		/* before 2.25: its parent's numbers, and nobody's hash */
	if (strncmp(text, "ncclComm", 8) != 0 || strncmp(text, "ncclCommShrink", 14) == 0 ||
	    call->rank < 0 || call->rank_count <= 0)
		return;
	const struct nccl_member member = {
		.hash = call->communicator, .rank = is_child ? -1 : call->rank,
		.rank_count = is_child ? -1 : call->rank_count, .node_count = -1,
		.device_id = call->device_id, .parent_hash = call->parent, .thread_id = thread_id,
	};
	(void)nccl_communicator_note(drain, &member);
}

void nccl_call_open(struct drain *drain, struct nccl_call *call, const char *text,
		    const struct range_row *range)
{
	const char *operation = nccl_operation_of_call(text, strlen(text));
	if (operation == NULL)
		return;
	const struct nccl_told told = {
		.thread_id = range->thread_id, .start_ns = range->start_ns, .duration_ns = -1,
		.hash = call->communicator, .operation = operation, .bytes = call->bytes,
		.peer = call->peer >= 0 ? call->peer : call->root,
		.reduction_id = drain_string(drain, call->reduction, strlen(call->reduction)),
	};
	call->told = nccl_calls_begin(drain, &told);
}

void nccl_call_drop(struct nccl_call *call)
{
	nccl_calls_drop(call->told);
}

void nccl_call_close(struct drain *drain, const struct nccl_call *call, const char *text,
		     const struct range_row *range)
{
	nccl_version_note(drain);
	if (call->told != 0)
		nccl_calls_end(drain, call->told, range->duration_ns);
	else if (strcmp(text, "ncclGroupStart") == 0)
		nccl_calls_group(drain, range->thread_id, 1);
	else if (strcmp(text, "ncclGroupEnd") == 0)
		nccl_calls_group(drain, range->thread_id, -1);
	else
		communicator_read(drain, call, text, range->thread_id);
}
