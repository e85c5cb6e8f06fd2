/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_engines.h"

#include <string.h>

/* The first fragment that occurs decides: the special before the general. */
static const struct { const char *fragment; enum engine engine; } engine_fragments[] = {
	{ "trt_", ENGINE_TENSORRT },
	{ "__myl", ENGINE_TENSORRT },
	{ "myelin", ENGINE_TENSORRT },
	{ "ForeignNode", ENGINE_TENSORRT },
	{ "nvinfer", ENGINE_TENSORRT },
	{ "tensorrt", ENGINE_TENSORRT },
	{ "triton_", ENGINE_TRITON },
	{ "flash_fwd", ENGINE_ATTENTION },
	{ "flash_bwd", ENGINE_ATTENTION },
	{ "flash_attn", ENGINE_ATTENTION },
	{ "FlashAttn", ENGINE_ATTENTION },
	{ "fmha", ENGINE_ATTENTION },
	{ "sdpa", ENGINE_ATTENTION },
	{ "AttentionKernel", ENGINE_ATTENTION },
	{ "AttentionBackwardKernel", ENGINE_ATTENTION },
	{ "paged_attention", ENGINE_ATTENTION },
	{ "multi_tensor_apply", ENGINE_OPTIMIZER },
	{ "multi_tensor", ENGINE_OPTIMIZER },
	{ "FusedOptimizer", ENGINE_OPTIMIZER },
	{ "FusedAdam", ENGINE_OPTIMIZER },
	{ "fused_adam", ENGINE_OPTIMIZER },
	{ "adam_cuda", ENGINE_OPTIMIZER },
	{ "AdamFunctor", ENGINE_OPTIMIZER },
	{ "kOptimizer", ENGINE_OPTIMIZER },
	{ "direct_copy_kernel", ENGINE_COPY },
	{ "CatArrayBatchedCopy", ENGINE_COPY },
	{ "memcpy", ENGINE_COPY },
	{ "at::native", ENGINE_PYTORCH },
	{ "N2at6native", ENGINE_PYTORCH },
	{ "at_cuda_detail", ENGINE_PYTORCH },
	{ "implicit_gemm", ENGINE_CONVOLUTION },
	{ "implicit_convolve", ENGINE_CONVOLUTION },
	{ "cudnn", ENGINE_CONVOLUTION },
	{ "fprop", ENGINE_CONVOLUTION },
	{ "dgrad", ENGINE_CONVOLUTION },
	{ "wgrad", ENGINE_CONVOLUTION },
	{ "winograd", ENGINE_CONVOLUTION },
	{ "cub::", ENGINE_PRIMITIVES },
	{ "N3cub", ENGINE_PRIMITIVES },
	{ "thrust::", ENGINE_PRIMITIVES },
	{ "N6thrust", ENGINE_PRIMITIVES },
	{ "cublas", ENGINE_GEMM },
	{ "cutlass", ENGINE_GEMM },
	{ "gemm", ENGINE_GEMM },
	{ "Gemm", ENGINE_GEMM },
	{ "GEMM", ENGINE_GEMM },
	{ "gemv", ENGINE_GEMM },
	{ "splitKreduce", ENGINE_GEMM },
	{ "nvjet", ENGINE_GEMM },
	{ "xmma", ENGINE_GEMM },
};

/* As above. What a product reads comes before what it adds up in: f16 before f32. */
static const struct { const char *fragment; enum engine_precision precision; } precisions[] = {
	{ "e4m3", PRECISION_FP8 },	  { "e5m2", PRECISION_FP8 },
	{ "fp8", PRECISION_FP8 },	  { "bf16", PRECISION_BF16 },
	{ "bfloat16", PRECISION_BF16 },	  { "BFloat16", PRECISION_BF16 },
	{ "tf32", PRECISION_TF32 },	  { "f16", PRECISION_FP16 },
	{ "fp16", PRECISION_FP16 },	  { "half", PRECISION_FP16 },
	{ "Half", PRECISION_FP16 },	  { "hgemm", PRECISION_FP16 },
	{ "h884", PRECISION_FP16 },	  { "h1688", PRECISION_FP16 },
	{ "h16816", PRECISION_FP16 },	  { "_i8", PRECISION_INT8 },
	{ "i16832", PRECISION_INT8 },	  { "int8", PRECISION_INT8 },
	{ "igemm", PRECISION_INT8 },	  { "imma", PRECISION_INT8 },
	{ "dgemm", PRECISION_FP64 },	  { "f64", PRECISION_FP64 },
	{ "d884", PRECISION_FP64 },	  { "double", PRECISION_FP64 },
	{ "s1688gemm", PRECISION_TF32 },  { "sgemm", PRECISION_FP32 },
	{ "scudnn", PRECISION_FP32 },	  { "f32", PRECISION_FP32 },
	{ "ffma", PRECISION_FP32 },	  { "float", PRECISION_FP32 },
};

/* Shapes of the matrix instructions (m8n8k4, m16n8k8, ...), then names of what does without. */
static const struct { const char *fragment; enum tensor_use tensor; } tensors[] = {
	{ "tensorop", TENSOR_CORES },	{ "hmma", TENSOR_CORES },
	{ "imma", TENSOR_CORES },	{ "gmma", TENSOR_CORES },
	{ "884gemm", TENSOR_CORES },	{ "884cudnn", TENSOR_CORES },
	{ "1688", TENSOR_CORES },	{ "16816", TENSOR_CORES },
	{ "16832", TENSOR_CORES },	{ "tensor16x8x", TENSOR_CORES },
	{ "tensor8x8x", TENSOR_CORES }, { "nvjet", TENSOR_CORES },
	{ "tf32", TENSOR_CORES },	{ "simt", TENSOR_NONE },
	{ "Simt", TENSOR_NONE },	{ "ffma", TENSOR_NONE },
	{ "sgemm", TENSOR_NONE },	{ "scudnn", TENSOR_NONE },
	{ "gemv", TENSOR_NONE },	{ "splitKreduce", TENSOR_NONE },
};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

const char *engine_name(enum engine engine)
{
	static const char *const names[ENGINE_COUNT] = {
		[ENGINE_OTHER] = "other",
		[ENGINE_COMMUNICATION] = "communication",
		[ENGINE_GEMM] = "cuBLAS, CUTLASS",
		[ENGINE_CONVOLUTION] = "cuDNN",
		[ENGINE_ATTENTION] = "attention",
		[ENGINE_TENSORRT] = "TensorRT",
		[ENGINE_TRITON] = "Triton",
		[ENGINE_PYTORCH] = "PyTorch",
		[ENGINE_OPTIMIZER] = "optimizer",
		[ENGINE_COPY] = "copy kernels",
		[ENGINE_PRIMITIVES] = "CUB, Thrust",
	};
	return (unsigned)engine < ENGINE_COUNT ? names[engine] : names[ENGINE_OTHER];
}

const char *engine_precision_name(enum engine_precision precision)
{
	static const char *const names[PRECISION_COUNT] = {
		"unknown", "FP8", "INT8", "FP16", "BF16", "TF32", "FP32", "FP64",
	};
	return (unsigned)precision < PRECISION_COUNT ? names[precision] : names[0];
}

bool engine_is_matrix(enum engine engine)
{
	return engine == ENGINE_GEMM || engine == ENGINE_CONVOLUTION ||
		engine == ENGINE_ATTENTION || engine == ENGINE_TENSORRT;
}

struct kernel_engine kernel_engine_of(const char *name)
{
	struct kernel_engine found = { .engine = ENGINE_OTHER };
	if (kernel_class_of(name) == KERNEL_COMMUNICATION) {
		found.engine = ENGINE_COMMUNICATION;
		found.tensor = TENSOR_NONE;
		return found;
	}
	for (size_t i = 0; i < COUNT_OF(engine_fragments); i++)
		if (strstr(name, engine_fragments[i].fragment) != NULL) {
			found.engine = engine_fragments[i].engine;
			break;
		}
	if (!engine_is_matrix(found.engine)) {
		bool is_sure = found.engine != ENGINE_OTHER && found.engine != ENGINE_TRITON;
		found.tensor = is_sure ? TENSOR_NONE : TENSOR_UNKNOWN;
		return found;
	}
	for (size_t i = 0; i < COUNT_OF(precisions) && found.precision == PRECISION_UNKNOWN; i++)
		if (strstr(name, precisions[i].fragment) != NULL)
			found.precision = precisions[i].precision;
	for (size_t i = 0; i < COUNT_OF(tensors) && found.tensor == TENSOR_UNKNOWN; i++)
		if (strstr(name, tensors[i].fragment) != NULL)
			found.tensor = tensors[i].tensor;
	return found;
}

static void total_add(struct engine_total *total, const struct kernel_total *kernel)
{
	total->count += kernel->count;
	total->total_ns = add_saturated(total->total_ns, kernel->total_ns);
}

struct engine_totals engine_totals_measure(const struct timeline *timeline,
					   const struct kernel_total *kernels)
{
	struct engine_totals totals = { 0 };
	for (size_t i = 0; i < timeline->kernel_count; i++) {
		if (kernels[i].count == 0)
			continue;
		struct kernel_engine engine = kernel_engine_of(timeline->kernels[i].name);
		total_add(&totals.by_engine[engine.engine], &kernels[i]);
		if (!engine_is_matrix(engine.engine))
			continue;
		total_add(&totals.by_precision[engine.precision], &kernels[i]);
		total_add(&totals.by_tensor[engine.tensor], &kernels[i]);
	}
	return totals;
}
