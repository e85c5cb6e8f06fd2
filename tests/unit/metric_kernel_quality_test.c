/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_contention.h"
#include "analyzer/metric_engines.h"
#include "analyzer/metric_occupancy.h"
#include "tests/unit/harness.h"
#include "tests/unit/trace_fixture.h"

#include <stdlib.h>
#include <string.h>

static struct error error;
static struct trace_fixture fixture;

static int64_t put_symbol(const char *name, int64_t x, int64_t y, int64_t z)
{
	struct kernel_symbol_row symbol = { .grid_x = x, .grid_y = y, .grid_z = z, .block_x = 32 };
	CHECK_OK(trace_writer_string(fixture.writer, name, strlen(name), &symbol.name_id, &error),
		 error);
	CHECK_OK(trace_writer_kernel_symbol(fixture.writer, &symbol, &error), error);
	return symbol.kernel_id;
}

static void put_kernel(int64_t kernel_id, int64_t start_ns, int64_t end_ns)
{
	struct kernel_row row = { .start_ns = start_ns, .duration_ns = end_ns - start_ns,
		.stream_id = fixture.stream_id[1], .kernel_id = kernel_id };
	CHECK_OK(trace_put_kernel(fixture.writer, &row, &error), error);
}

TEST(small_grids_and_short_kernels_are_counted_by_time)
{
	fixture_begin(&fixture, "grids.db", 0, 1);
	int64_t small = put_symbol("small", 4, 0, 0), exact = put_symbol("exact", 2, 8, 8);
	int64_t huge = put_symbol("huge", INT64_MAX, 2, 2), unknown = put_symbol("none", 0, 0, 0);
	put_kernel(small, 0, 30000);
	put_kernel(exact, 30000, 50000);
	put_kernel(huge, 50000, 59999);
	put_kernel(unknown, 60000, 65000);
	fixture_comm(&fixture, 2, 0, 100000);
	put_kernel(small, 90000, 110000);	/* half of it in the window */
	fixture_end(&fixture);
	struct timeline *timeline = fixture_timeline(&fixture);
	struct trace_reader *reader = NULL;
	int64_t *blocks = NULL;
	struct occupancy found;
	const struct time_window window = { 0, 100000 };
	CHECK_OK(trace_reader_open(&reader, fixture.path, &error), error);
	CHECK_OK(kernel_blocks_load(&blocks, timeline, reader, &error), error);
	CHECK(occupancy_measure(&found, timeline, &timeline->gpus[0], blocks, 128, &window));
	CHECK_INT(found.kernels, 5);
	CHECK_INT(found.kernels_ns, 30000 + 20000 + 9999 + 5000 + 10000);
	CHECK_INT(found.shaped_kernels, 4);
	CHECK_INT(found.shaped_ns, found.kernels_ns - 5000);
	CHECK_INT(found.small_grid_kernels, 2);
	CHECK_INT(found.small_grid_ns, 40000);
	CHECK_INT(found.short_kernels, 2);
	CHECK_INT(found.short_ns, 14999);
	CHECK_INT(found.median_ns, 20000);
	CHECK_INT(found.kernels_per_s, 50000);
	CHECK(occupancy_measure(&found, timeline, &timeline->gpus[0], blocks, 0, &window));
	CHECK_INT(found.shaped_kernels, 0);
	CHECK(occupancy_measure(&found, timeline, &timeline->gpus[1], blocks, 128, &window));
	CHECK_INT(found.median_ns, 0);
	free(blocks);
	trace_reader_close(reader);
}

TEST(kernels_beside_communication_are_compared_with_themselves_alone)
{
	fixture_begin(&fixture, "beside.db", 0, 1);
	int64_t slowed = put_symbol("slowed", 1, 1, 1), faster = put_symbol("faster", 1, 1, 1);
	int64_t rare = put_symbol("rare", 1, 1, 1);
	fixture_comm(&fixture, 2, 100000, 200000);
	for (int i = 0; i < 5; i++) {
		put_kernel(slowed, i * 1000, i * 1000 + 100 + i);	/* median 102 */
		put_kernel(slowed, 100000 + i * 1000, 100000 + i * 1000 + 150);
		put_kernel(faster, 10000 + i * 1000, 10000 + i * 1000 + 100);
		put_kernel(faster, 110000 + i * 1000, 110000 + i * 1000 + 80);
		put_kernel(rare, 20000 + i * 1000, 20000 + i * 1000 + 100);
	}
	put_kernel(rare, 199900, 200900);	/* beside, but only once */
	put_kernel(slowed, 200000, 200102);	/* touches, does not overlap: alone */
	put_kernel(slowed, 300000, 309000);	/* reaches out of the window */
	fixture_end(&fixture);
	struct timeline *timeline = fixture_timeline(&fixture);
	const struct time_window window = { 0, 300500 };
	struct contention found;
	CHECK(contention_measure(&found, timeline, &timeline->gpus[0], &window));
	CHECK_INT(found.count, 2);
	CHECK_TEXT(timeline->kernels[found.items[0].kernel].name, "slowed");
	CHECK_INT(found.items[0].alone_count, 6);
	CHECK_INT(found.items[0].alone_median_ns, 102);
	CHECK_INT(found.items[0].beside_count, 5);
	CHECK_INT(found.items[0].beside_median_ns, 150);
	CHECK_INT(found.items[0].cost_ns, 5 * 48);
	CHECK_INT(found.items[1].cost_ns, 0);
	CHECK_INT(found.cost_ns, 5 * 48);
	CHECK_INT(found.compared_ns, 5 * 150 + 5 * 80);
	CHECK_INT(found.beside_ns, 5 * 150 + 5 * 80 + 1000);
	contention_end(&found);
}

TEST(kernel_names_tell_library_precision_and_tensor_cores)
{
	static const struct {
		const char *name;
		enum engine engine;
		enum engine_precision precision;
		enum tensor_use tensor;
	} cases[] = {
		{ "ampere_sgemm_128x64_tn", ENGINE_GEMM, PRECISION_FP32, TENSOR_NONE },
		{ "ampere_fp16_s16816gemm_fp16_128x128_ldg8_f2f_stages_64x3_tn", ENGINE_GEMM,
		  PRECISION_FP16, TENSOR_CORES },
		{ "ampere_bf16_s16816gemm_bf16_64x64_sliced1x2_ldg8_f2f_stages_64x6_nn",
		  ENGINE_GEMM, PRECISION_BF16, TENSOR_CORES },
		{ "volta_h884gemm_256x64_ldg8_nn", ENGINE_GEMM, PRECISION_FP16, TENSOR_CORES },
		{ "cutlass_80_tensorop_s1688gemm_128x128_16x5_nn_align4", ENGINE_GEMM,
		  PRECISION_TF32, TENSOR_CORES },
		{ "void cutlass::Kernel2<cutlass_80_simt_sgemm_128x128_8x4_nn_align1>(Params)",
		  ENGINE_GEMM, PRECISION_FP32, TENSOR_NONE },
		{ "sm80_xmma_gemm_tf32f32_tf32f32_f32_tn_n_tilesize128x128x16_stage4_"
		  "tensor16x8x8_kernel", ENGINE_GEMM, PRECISION_TF32, TENSOR_CORES },
		{ "sm90_xmma_gemm_e4m3bf16_e4m3f32_f32_tn_n_tilesize128x128x128_warpgroupsize1x1x1"
		  "_execute_segment_k_off_kernel__5x_cublas", ENGINE_GEMM, PRECISION_FP8,
		  TENSOR_UNKNOWN },
		{ "sm80_xmma_fprop_implicit_gemm_f16f16_f16f32_f32_nhwckrsc_nhwc_tilesize128x128"
		  "x32_stage4_warpsize2x2x1_g1_tensor16x8x16_kernel", ENGINE_CONVOLUTION,
		  PRECISION_FP16, TENSOR_CORES },
		{ "void implicit_convolve_sgemm<float, float, 1024, 5, 5, 3, 3, 3, 1>",
		  ENGINE_CONVOLUTION, PRECISION_FP32, TENSOR_NONE },
		{ "void cudnn::ops::nchwToNhwcKernel<__half, __half, float>", ENGINE_CONVOLUTION,
		  PRECISION_FP16, TENSOR_UNKNOWN },
		{ "_ZN5flash16flash_fwd_kernelI23Flash_fwd_kernel_traitsILi128", ENGINE_ATTENTION,
		  PRECISION_UNKNOWN, TENSOR_UNKNOWN },
		{ "__myl_MulAddResMul_0x1234", ENGINE_TENSORRT, PRECISION_UNKNOWN, TENSOR_UNKNOWN },
		{ "trt_ampere_h16816cudnn_256x64_ldg8_relu_exp_medium_nhwc_tn_v1", ENGINE_TENSORRT,
		  PRECISION_FP16, TENSOR_CORES },
		{ "triton_poi_fused_add_native_layer_norm_3", ENGINE_TRITON, PRECISION_UNKNOWN,
		  TENSOR_UNKNOWN },
		{ "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add>",
		  ENGINE_PYTORCH, PRECISION_UNKNOWN, TENSOR_NONE },
		{ "_ZN2at6native29vectorized_elementwise_kernelILi4E", ENGINE_PYTORCH,
		  PRECISION_UNKNOWN, TENSOR_NONE },
		{ "void at::native::(anonymous namespace)::multi_tensor_apply_kernel<Adam>",
		  ENGINE_OPTIMIZER, PRECISION_UNKNOWN, TENSOR_NONE },
		{ "void at::native::(anonymous namespace)::CatArrayBatchedCopy<float>", ENGINE_COPY,
		  PRECISION_UNKNOWN, TENSOR_NONE },
		{ "void cub::DeviceRadixSortOnesweepKernel<Policy>", ENGINE_PRIMITIVES,
		  PRECISION_UNKNOWN, TENSOR_NONE },
		{ "ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)", ENGINE_COMMUNICATION,
		  PRECISION_UNKNOWN, TENSOR_NONE },
		{ "my_kernel", ENGINE_OTHER, PRECISION_UNKNOWN, TENSOR_UNKNOWN },
		{ "", ENGINE_OTHER, PRECISION_UNKNOWN, TENSOR_UNKNOWN },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct kernel_engine got = kernel_engine_of(cases[i].name);
		if (got.engine != cases[i].engine || got.precision != cases[i].precision ||
		    got.tensor != cases[i].tensor)
			test_fail(__FILE__, __LINE__, "'%s': %s, %s, %d", cases[i].name,
				  engine_name(got.engine), engine_precision_name(got.precision),
				  (int)got.tensor);
	}
	CHECK_TEXT(engine_name((enum engine)99), "other");
	CHECK_TEXT(engine_precision_name(PRECISION_BF16), "BF16");
}

TEST(engine_totals_sum_kernels_that_ran)
{
	fixture_begin(&fixture, "engines.db", 0, 1);
	int64_t plain = put_symbol("ampere_sgemm_128x64_tn", 1, 1, 1);
	put_kernel(plain, 0, 100);
	put_kernel(plain, 100, 300);
	fixture_comm(&fixture, 2, 0, 50);
	fixture_end(&fixture);
	struct timeline *timeline = fixture_timeline(&fixture);
	struct kernel_total totals[8] = { { 0 } };
	const struct time_window window = { 0, 300 };
	CHECK(timeline->kernel_count <= 8);
	kernel_totals_add(totals, &timeline->gpus[0], &window);
	struct engine_totals sums = engine_totals_measure(timeline, totals);
	CHECK_INT(sums.by_engine[ENGINE_GEMM].count, 2);
	CHECK_INT(sums.by_engine[ENGINE_GEMM].total_ns, 300);
	CHECK_INT(sums.by_engine[ENGINE_COMMUNICATION].total_ns, 50);
	CHECK_INT(sums.by_tensor[TENSOR_NONE].total_ns, 300);
	CHECK_INT(sums.by_precision[PRECISION_FP32].count, 2);
}
