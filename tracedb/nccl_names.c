/* SPDX-License-Identifier: MIT */
#include "tracedb/nccl_names.h"

#include <stdbool.h>
#include <string.h>

/* Where one begins another, the longer stands first. */
static const char *const operations[] = {
	"AllReduce", "AllGatherV", "AllGather", "ReduceScatter", "Reduce", "Broadcast", "SendRecv",
	"AlltoAll", "Generic",
};

/* What stands before the operation since NCCL 2.8. */
static const char *const prefixes[] = {
	"ncclDevKernel_", "ncclKernel_", "ncclSymkDevKernel_", "ncclSymDevKernel_",
};

static const char *operation_at(const char *text)
{
	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
		if (strncmp(text, operations[i], strlen(operations[i])) == 0)
			return operations[i];
	return "";
}

/* NCCL up to 2.7: nccl<Operation><Algorithm><Protocol>Kernel_<reduction>_<type>. */
static const char *operation_of_old(const char *name)
{
	for (const char *at = strstr(name, "nccl"); at != NULL; at = strstr(at + 4, "nccl")) {
		const char *operation = operation_at(at + 4);
		if (operation[0] != '\0' && strstr(at, "Kernel") != NULL)
			return operation;
	}
	return "";
}

const char *nccl_operation_of_kernel(const char *name)
{
	if (name == NULL)
		return "";
	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
		const char *at = strstr(name, prefixes[i]);
		if (at != NULL)
			return operation_at(at + strlen(prefixes[i]));
	}
	return operation_of_old(name);
}
