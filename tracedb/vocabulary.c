/* SPDX-License-Identifier: MIT */
#include "tracedb/vocabulary.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char *const direction_names[COPY_DIRECTION_COUNT] = {
	[COPY_UNKNOWN] = "Unknown", [COPY_HTOD] = "HtoD", [COPY_DTOH] = "DtoH",
	[COPY_HTOA] = "HtoA",       [COPY_ATOH] = "AtoH", [COPY_ATOA] = "AtoA",
	[COPY_ATOD] = "AtoD",       [COPY_DTOA] = "DtoA", [COPY_DTOD] = "DtoD",
	[COPY_HTOH] = "HtoH",       [COPY_PTOP] = "PtoP",
};

static const char *const memory_names[MEMORY_KIND_COUNT] = {
	[MEMORY_UNKNOWN] = "Unknown", [MEMORY_PAGEABLE] = "Pageable", [MEMORY_PINNED] = "Pinned",
	[MEMORY_DEVICE] = "Device", [MEMORY_ARRAY] = "Array", [MEMORY_MANAGED] = "Managed",
	[MEMORY_DEVICE_STATIC] = "Device Static", [MEMORY_MANAGED_STATIC] = "Managed Static",
	[MEMORY_HOST] = "Host",
};

static const char *const synchronization_names[SYNCHRONIZATION_KIND_COUNT] = {
	[SYNCHRONIZATION_UNKNOWN] = "Unknown Sync", [SYNCHRONIZATION_EVENT] = "Event Sync",
	[SYNCHRONIZATION_STREAM_WAIT_EVENT] = "Stream Wait Event",
	[SYNCHRONIZATION_STREAM] = "Stream Sync", [SYNCHRONIZATION_CONTEXT] = "Context Sync",
};

static const char *name_at(const char *const *names, int64_t count, int64_t value)
{
	return value >= 0 && value < count ? names[value] : names[0];
}

const char *copy_direction_name(int64_t direction)
{
	return name_at(direction_names, COPY_DIRECTION_COUNT, direction);
}

const char *memory_kind_name(int64_t kind)
{
	return name_at(memory_names, MEMORY_KIND_COUNT, kind);
}

const char *synchronization_kind_name(int64_t kind)
{
	return name_at(synchronization_names, SYNCHRONIZATION_KIND_COUNT, kind);
}

static int name_find(const char *const *names, int count, const char *name, size_t length)
{
	for (int i = 0; i < count; i++)
		if (strlen(names[i]) == length && strncasecmp(names[i], name, length) == 0)
			return i;
	return 0;
}

enum copy_direction copy_direction_from_name(const char *name, size_t length)
{
	return (enum copy_direction)name_find(direction_names, COPY_DIRECTION_COUNT, name, length);
}

enum memory_kind memory_kind_from_name(const char *name, size_t length)
{
	return (enum memory_kind)name_find(memory_names, MEMORY_KIND_COUNT, name, length);
}

bool epoch_is_unix(int64_t epoch_ns)
{
	return epoch_ns >= INT64_C(100000000000000000);	/* 1973 */
}

/* ncclAllReduceRingLLKernel_sum_f32: NCCL up to 2.7. Host symbols like ncclKernelPlan do not match.
 */
static bool is_old_nccl_kernel(const char *at)
{
	at += 4;	/* behind "nccl" */
	if (!isupper((unsigned char)*at))
		return false;
	const char *word = at;
	while (isalnum((unsigned char)*at))
		at++;
	return *at == '_' && at - word > 6 && memcmp(at - 6, "Kernel", 6) == 0;
}

static bool is_nccl_kernel(const char *name)
{
	for (const char *at = strstr(name, "nccl"); at != NULL; at = strstr(at + 4, "nccl")) {
		const char *rest = at + 4;
		if (strncmp(rest, "Kernel_", 7) == 0 || strncmp(rest, "DevKernel_", 10) == 0 ||
		    strncmp(rest, "SymDevKernel_", 13) == 0 ||
		    strncmp(rest, "SymkDevKernel_", 14) == 0 || is_old_nccl_kernel(at))
			return true;
	}
	return false;
}

bool overhead_is_code_loading(const char *name)
{
	static const char *const kinds[] = {
		"Driver Compiler", "Runtime Triggered Module Loading", "Lazy Function Loading",
		"JIT Compilation", "JIT Cache Load", "JIT Cache Store", "JIT",
	};
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(name, kinds[i]) == 0)
			return true;
	return false;
}

enum kernel_class kernel_class_of(const char *name)
{
	static const char *const fragments[] = {
		"oneRankReduce",
		"nvshmem",
		"cross_device_reduce",
		"multimem_all_reduce",
		"multimem_one_shot",
		"multimem_all_gather",
		"one_shot_all_reduce",
		"two_shot_all_reduce",
		"deep_ep",
		"internode8dispatch",
		"internode7combine",
		"internode::dispatch",
		"internode::combine",
		"intranode::dispatch",
		"intranode::combine",
		"intranode8dispatch",
		"intranode7combine",
	};
	if (is_nccl_kernel(name))
		return KERNEL_COMMUNICATION;
	for (size_t i = 0; i < sizeof fragments / sizeof fragments[0]; i++)
		if (strstr(name, fragments[i]) != NULL)
			return KERNEL_COMMUNICATION;
	return KERNEL_COMPUTE;
}

int64_t datatype_bytes(const char *name)
{
	static const struct { const char *name; int64_t bytes; } types[] = {
		{ "ncclInt8", 1 }, { "ncclUint8", 1 }, { "ncclInt32", 4 }, { "ncclUint32", 4 },
		{ "ncclInt64", 8 }, { "ncclUint64", 8 }, { "ncclFloat16", 2 }, { "ncclFloat32", 4 },
		{ "ncclFloat64", 8 }, { "ncclBfloat16", 2 }, { "ncclFloat8e4m3", 1 },
		{ "ncclFloat8e5m2", 1 },
		{ "Byte", 1 }, { "Char", 1 }, { "Bool", 1 }, { "Short", 2 }, { "Half", 2 },
		{ "BFloat16", 2 }, { "Int", 4 }, { "Float", 4 }, { "Long", 8 }, { "Double", 8 },
		{ "Float8_e4m3fn", 1 }, { "Float8_e5m2", 1 }, { "Float8_e4m3fnuz", 1 },
		{ "Float8_e5m2fnuz", 1 },
	};
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (strcmp(types[i].name, name) == 0)
			return types[i].bytes;
	return 0;
}

const char *nccl_operation_of_call(const char *name, size_t length)
{
	static const struct { const char *call; const char *operation; } operations[] = {
		{ "ncclAllReduce", "AllReduce" }, { "ncclAllGather", "AllGather" },
		{ "ncclReduceScatter", "ReduceScatter" }, { "ncclBroadcast", "Broadcast" },
		{ "ncclBcast", "Broadcast" }, { "ncclReduce", "Reduce" }, { "ncclSend", "Send" },
		{ "ncclRecv", "Recv" }, { "ncclAlltoAll", "AlltoAll" },
		{ "ncclAllToAll", "AlltoAll" }, { "ncclGather", "Gather" },
		{ "ncclScatter", "Scatter" },
	};
	if (length > 6 && memcmp(name + length - 6, "Config", 6) == 0)
		length -= 6;
	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
		if (strlen(operations[i].call) == length &&
		    memcmp(operations[i].call, name, length) == 0)
			return operations[i].operation;
	return NULL;
}
