/* SPDX-License-Identifier: MIT */
#include "cupti_layout.h"

/* Columns: 11.8, 12.4, 13.0, 13.4. Kinds that were removed in 13.0 are left out everywhere. */
static const uint16_t strides[RIG_KINDS][4] = {
	[1] = { 88, 88, 96, 112 },	[2] = { 88, 88, 88, 104 },
	[3] = { 200, 208, 216, 248 },	[4] = { 40, 40, 40, 40 },
	[5] = { 40, 40, 40, 40 },	[8] = { 176, 184, 184, 192 },
	[9] = { 16, 24, 32, 40 },	[10] = { 200, 208, 216, 248 },
	[11] = { 32, 32, 32, 32 },	[12] = { 56, 56, 56, 56 },
	[13] = { 32, 32, 40, 40 },	[17] = { 40, 56, 56, 56 },
	[18] = { 144, 144, 144, 144 },	[19] = { 40, 40, 40, 40 },
	[20] = { 40, 40, 40, 40 },	[22] = { 96, 96, 96, 96 },
	[25] = { 64, 64, 104, 104 },	[26] = { 32, 32, 32, 32 },
	[27] = { 24, 24, 24, 24 },	[28] = { 24, 24, 24, 24 },
	[33] = { 152, 152, 152, 152 },	[34] = { 152, 152, 152, 152 },
	[35] = { 120, 120, 120, 120 },	[36] = { 24, 24, 56, 56 },
	[37] = { 24, 24, 24, 24 },	[38] = { 40, 40, 56, 56 },
	[39] = { 24, 24, 24, 24 },	[40] = { 136, 136, 136, 88 },
	[45] = { 80, 80, 80, 80 },	[46] = { 168, 168, 168, 168 },
	[47] = { 40, 40, 40, 40 },	[48] = { 40, 40, 40, 40 },
	[49] = { 120, 120, 128, 128 },	[50] = { 72, 72, 80, 80 },
	[51] = { 48, 56, 56, 56 },	[52] = { 64, 72, 72, 72 },
	[53] = { 0, 0, 56, 56 },	[54] = { 0, 0, 64, 64 },
	[55] = { 0, 0, 32, 32 },	[56] = { 0, 0, 0, 56 },
	[57] = { 0, 0, 0, 24 },		[58] = { 0, 0, 0, 48 },
	[59] = { 0, 0, 0, 304 },
};

#define SIZE(type, size) _Static_assert(sizeof(struct rig_record_##type) == (size), #type)
SIZE(memcpy, 112);
SIZE(memset, 104);
SIZE(kernel, 248);
SIZE(api, 40);
SIZE(device, 192);
SIZE(context, 40);
SIZE(overhead, 56);
SIZE(memcpy2, 96);
SIZE(cuda_event, 56);
SIZE(stream, 24);
SIZE(synchronization, 56);
SIZE(external_correlation, 24);
SIZE(memory2, 128);
SIZE(graph_trace, 56);
SIZE(unified_memory_counter, 104);
SIZE(memory_pool, 80);
SIZE(jit, 72);
SIZE(host_launch, 48);

size_t rig_stride(uint32_t kind)
{
	return kind < RIG_KINDS ? strides[kind][rig_version.column] : 0;
}
