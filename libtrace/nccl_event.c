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

static void text_read(char *to, size_t size, const unsigned char *descriptor, uint8_t offset)
{
	const char *text = NULL;
	if (offset != 0)
		memcpy(&text, descriptor + offset, sizeof text);
	size_t length = text == NULL ? 0 : strnlen(text, size - 1);
	if (length != 0)
		memcpy(to, text, length);
	to[length] = 0;
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
	text_read(event->function, sizeof event->function, bytes, at->function);
	text_read(event->datatype, sizeof event->datatype, bytes, at->datatype);
	text_read(event->algorithm, sizeof event->algorithm, bytes, at->algorithm);
	text_read(event->protocol, sizeof event->protocol, bytes, at->protocol);
}

int64_t nccl_event_bytes(const struct nccl_event *event)
{
	int64_t size =
		strcmp(event->datatype, "Unknown") == 0 ? 1 : datatype_bytes(event->datatype);
	int64_t bytes;
	if (size <= 0 || event->count > INT64_MAX ||
	    __builtin_mul_overflow((int64_t)event->count, size, &bytes))
		return -1;
	return bytes;
}
