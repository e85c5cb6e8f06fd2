/* SPDX-License-Identifier: MIT */
#include "libtrace/environment.h"

#include <stdlib.h>
#include <string.h>

const char *const environment_names[] = {
	"CUDA_VISIBLE_DEVICES",
	"CUDA_DEVICE_ORDER",
	"CUDA_LAUNCH_BLOCKING",
	"CUDA_DEVICE_MAX_CONNECTIONS",
	"CUDA_MODULE_LOADING",
	"NCCL_P2P_DISABLE",
	"NCCL_P2P_LEVEL",
	"NCCL_SHM_DISABLE",
	"NCCL_IB_DISABLE",
	"NCCL_NET",
	"NCCL_NET_GDR_LEVEL",
	"NCCL_SOCKET_IFNAME",
	"NCCL_ALGO",
	"NCCL_PROTO",
	"NCCL_MIN_NCHANNELS",
	"NCCL_MAX_NCHANNELS",
	"NCCL_NTHREADS",
	"NCCL_BUFFSIZE",
	"NCCL_LAUNCH_MODE",
	"NCCL_CUMEM_ENABLE",
	"PYTORCH_CUDA_ALLOC_CONF",
	"PYTORCH_NO_CUDA_MEMORY_CACHING",
	"TORCH_NCCL_ASYNC_ERROR_HANDLING",
	"TORCH_NCCL_BLOCKING_WAIT",
	"OMP_NUM_THREADS",
};
const size_t environment_count = sizeof environment_names / sizeof environment_names[0];

void environment_read(char text[ENVIRONMENT_TEXT_MAX])
{
	size_t used = 0;
	for (size_t i = 0; i < environment_count; i++) {
		const char *value = getenv(environment_names[i]);
		if (value == NULL)
			continue;
		size_t name_size = strlen(environment_names[i]);
		size_t value_size = strnlen(value, ENVIRONMENT_VALUE_MAX);
		if (used + name_size + value_size + 3 > ENVIRONMENT_TEXT_MAX)
			break;
		memcpy(text + used, environment_names[i], name_size);
		used += name_size;
		text[used++] = '=';
		for (size_t at = 0; at < value_size; at++)
			text[used++] = (unsigned char)value[at] < 0x20 ? ' ' : value[at];
		text[used++] = '\n';
	}
	text[used] = 0;
}
