/* SPDX-License-Identifier: MIT */
#include "tests/unit/harness.h"
#include "tracedb/nccl_names.h"

#include <stddef.h>

TEST(a_kernel_of_every_nccl_generation_names_its_operation)
{
	static const struct { const char *name; const char *operation; } kernels[] = {
		{ "ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevComm*)", "AllReduce" },
		{ "_Z38ncclDevKernel_ReduceScatter_Sum_bf16_R", "ReduceScatter" },
		{ "ncclDevKernel_Reduce_Sum_f32_RING_LL", "Reduce" },
		{ "ncclDevKernel_AllGatherV_RING_LL", "AllGatherV" },
		{ "ncclDevKernel_AllGather_RING_LL", "AllGather" },
		{ "ncclDevKernel_SendRecv(ncclDevKernelArgsStorage<4096ul>)", "SendRecv" },
		{ "ncclDevKernel_Generic_4", "Generic" },
		{ "ncclKernel_AllReduce_TREE_LL_Sum_float(ncclWorkElem)", "AllReduce" },
		{ "ncclKernel_SendRecv_RING_SIMPLE_Sum_int8_t(ncclWorkElem)", "SendRecv" },
		{ "ncclSymDevKernel_AllGather_LLMC", "AllGather" },
		{ "ncclSymkDevKernel_ReduceScatter_LD_sum_f16", "ReduceScatter" },
		{ "_Z30ncclAllReduceRingLLKernel_sum_f328ncclColl", "AllReduce" },
		{ "ncclBroadcastRingLL128Kernel_copy_i8(ncclColl)", "Broadcast" },
		{ "void nvshmem_barrier_kernel()", "" },
		{ "oneRankReduce<FuncPreMulSum<float>>", "" },
		{ "ncclKernelPlan", "" },
		{ "", "" },
	};
	for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++)
		CHECK_TEXT(nccl_operation_of_kernel(kernels[i].name), kernels[i].operation);
	CHECK_TEXT(nccl_operation_of_kernel(NULL), "");
}
