/* SPDX-License-Identifier: MIT */
/*
 * Where kernels come from and what they compute with, as far as their names tell: library,
 * precision, tensor cores or not. Names may be mangled or demangled.
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_METRIC_ENGINES_H
#define ANALYZER_METRIC_ENGINES_H

#include "analyzer/metric_kernels.h"

enum engine {
	ENGINE_OTHER,
	ENGINE_COMMUNICATION,
	ENGINE_GEMM,		/* cuBLAS, cuBLASLt, CUTLASS */
	ENGINE_CONVOLUTION,	/* cuDNN */
	ENGINE_ATTENTION,	/* FlashAttention, memory-efficient and cuDNN's attention */
	ENGINE_TENSORRT,
	ENGINE_TRITON,
	ENGINE_PYTORCH,		/* at::native */
	ENGINE_OPTIMIZER,	/* multi-tensor kernels: optimizers, gradient norms */
	ENGINE_COPY,		/* kernels that only move data */
	ENGINE_PRIMITIVES,	/* CUB, Thrust */
	ENGINE_COUNT
};

enum engine_precision {
	PRECISION_UNKNOWN,
	PRECISION_FP8,
	PRECISION_INT8,
	PRECISION_FP16,
	PRECISION_BF16,
	PRECISION_TF32,
	PRECISION_FP32,
	PRECISION_FP64,
	PRECISION_COUNT
};

enum tensor_use { TENSOR_UNKNOWN, TENSOR_NONE, TENSOR_CORES, TENSOR_USE_COUNT };

struct kernel_engine {
	enum engine engine;
	enum engine_precision precision;	/* only of matrix kernels */
	enum tensor_use tensor;
};

struct kernel_engine kernel_engine_of(const char *name);

/* "cuBLAS, CUTLASS", "TF32"; any value is accepted. */
const char *engine_name(enum engine engine);
const char *engine_precision_name(enum engine_precision precision);

/* Do tensor cores matter to it at all: products, convolutions, attention? */
bool engine_is_matrix(enum engine engine);

struct engine_total {
	int64_t count;
	int64_t total_ns;
};

struct engine_totals {
	struct engine_total by_engine[ENGINE_COUNT];
	/* Of matrix kernels: */
	struct engine_total by_precision[PRECISION_COUNT];
	struct engine_total by_tensor[TENSOR_USE_COUNT];
};

/* `kernels` has timeline->kernel_count items (kernel_totals_add). */
struct engine_totals engine_totals_measure(const struct timeline *timeline,
					   const struct kernel_total *kernels);

#endif
