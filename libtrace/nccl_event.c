/* SPDX-License-Identifier: MIT */
#include "libtrace/nccl_event.h"
#include "tracedb/vocabulary.h"

#include <string.h>

enum nccl_kind nccl_event_kind(const struct nccl_abi *abi, const void *descriptor)
{
	static const struct {
		uint64_t type;
		enum nccl_kind kind;
	} kinds[] = {
		{ NCCL_TYPE_GROUP, NCCL_GROUP },
		{ NCCL_TYPE_COLL, NCCL_COLL },
		{ NCCL_TYPE_P2P, NCCL_P2P },
		{ NCCL_TYPE_GROUP_API, NCCL_GROUP_API },
		{ NCCL_TYPE_COLL_API, NCCL_COLL_API },
		{ NCCL_TYPE_P2P_API, NCCL_P2P_API },
		{ NCCL_TYPE_KERNEL_LAUNCH, NCCL_KERNEL_LAUNCH },
		{ NCCL_TYPE_CE_COLL, NCCL_CE_COLL },
	};
	uint64_t type = 0;
	memcpy(&type, descriptor, abi->type_bytes);
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (kinds[i].type == type && (type & (uint64_t)abi->mask) != 0)
			return kinds[i].kind;
	return NCCL_NO_EVENT;
}

static void text_copy(char *to, size_t size, const char *text)
{
	size_t length = text == NULL ? 0 : strnlen(text, size - 1);
	if (length != 0)
		memcpy(to, text, length);
	to[length] = 0;
}

static void text_read(char *to, size_t size, const unsigned char *descriptor, uint8_t offset)
{
	const char *text = NULL;
	if (offset != 0)
		memcpy(&text, descriptor + offset, sizeof text);
	text_copy(to, size, text);
}

static void numbers_read(struct nccl_event *event, const unsigned char *bytes,
			 const struct nccl_offsets *at)
{
	text_copy(event->function, sizeof event->function, nccl_v1_function(bytes[at->function]));
	text_copy(event->datatype, sizeof event->datatype, nccl_v1_datatype(bytes[at->datatype]));
	if (at->algorithm == 0)
		return;
	text_copy(event->algorithm, sizeof event->algorithm,
		  nccl_v1_algorithm(bytes[at->algorithm]));
	text_copy(event->protocol, sizeof event->protocol, nccl_v1_protocol(bytes[at->protocol]));
}

/* NCCL says "Unknown" of algorithms it has no name for, and of the one datatype it forgot. */
static void texts_read(struct nccl_event *event, const unsigned char *bytes,
		       const struct nccl_offsets *at)
{
	text_read(event->function, sizeof event->function, bytes, at->function);
	text_read(event->datatype, sizeof event->datatype, bytes, at->datatype);
	text_read(event->algorithm, sizeof event->algorithm, bytes, at->algorithm);
	text_read(event->protocol, sizeof event->protocol, bytes, at->protocol);
	if (strcmp(event->datatype, "Unknown") == 0)
		text_copy(event->datatype, sizeof event->datatype, "ncclUint8");
	if (strcmp(event->algorithm, "Unknown") == 0)
		event->algorithm[0] = 0;
	if (strcmp(event->protocol, "Unknown") == 0)
		event->protocol[0] = 0;
	if (event->algorithm[0] == 0)
		text_read(event->algorithm, sizeof event->algorithm, bytes, at->variant);
}

static void number_read(void *to, size_t size, const unsigned char *descriptor, uint8_t offset)
{
	if (offset != 0)
		memcpy(to, descriptor + offset, size);
}

void nccl_event_decode(struct nccl_event *event, const struct nccl_abi *abi, enum nccl_kind kind,
		       const void *descriptor)
{
	const struct nccl_offsets *at = &abi->kinds[kind];
	const unsigned char *bytes = descriptor;
	uint8_t is_captured = 0;
	event->kind = (uint8_t)kind;
	event->peer = -1;
	event->has_sequence = at->sequence != 0;
	number_read(&event->parent, sizeof event->parent, bytes, NCCL_PARENT_OFFSET);
	number_read(&event->count, sizeof event->count, bytes, at->count);
	number_read(&event->sequence, sizeof event->sequence, bytes, at->sequence);
	number_read(&event->peer, sizeof event->peer, bytes, at->peer);
	number_read(&event->channels, sizeof event->channels, bytes, at->channels);
	number_read(&event->warps, sizeof event->warps, bytes, at->warps);
	number_read(&is_captured, sizeof is_captured, bytes, at->is_captured);
	event->is_captured = is_captured != 0;
	if (abi->has_numbers)
		numbers_read(event, bytes, at);
	else
		texts_read(event, bytes, at);
}

void nccl_event_whose(struct nccl_owner *owner, const struct nccl_abi *abi, enum nccl_kind kind,
		      const void *descriptor)
{
	const struct nccl_offsets *at = &abi->kinds[kind];
	number_read(&owner->hash, sizeof owner->hash, descriptor, at->hash);
	number_read(&owner->rank, sizeof owner->rank, descriptor, NCCL_RANK_OFFSET);
	text_read(owner->name, sizeof owner->name, descriptor, at->name);
}

bool nccl_event_is_rewritten(const struct nccl_event *event)
{
	return (event->kind == NCCL_COLL || event->kind == NCCL_CE_COLL) &&
	       strcmp(event->datatype, "ncclInt8") == 0 &&
	       (strcmp(event->function, "AllGather") == 0 ||
		strcmp(event->function, "Broadcast") == 0);
}

int64_t nccl_event_bytes(const struct nccl_event *event)
{
	int64_t size = datatype_bytes(event->datatype);
	int64_t bytes;
	if (size <= 0 || event->count > INT64_MAX ||
	    __builtin_mul_overflow((int64_t)event->count, size, &bytes))
		return -1;
	return bytes;
}
