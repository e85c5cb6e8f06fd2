// SPDX-License-Identifier: MIT
// The planted fault: each step copies its input from memory that malloc gave, which is pageable.
// The copy is slow, and the host stands still meanwhile.
//
//     nvcc -O2 -std=c++17 -o pageable_copies samples/pageable_copies.cu
//     laggard run -- ./pageable_copies [steps]
//
// finding: pageable-copies
// played by: pageable-copies
// repair: cudaMallocHost instead of malloc, cudaMemcpyAsync on a stream of its own
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

static const size_t COUNT = 16 << 20;

#define CHECK(call) check((call), #call)

static void check(cudaError_t result, const char *what)
{
	if (result == cudaSuccess)
		return;
	fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(result));
	exit(1);
}

__global__ void layer(float *values)
{
	size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;
	float value = values[i];
	for (int k = 0; k < 2000; k++)
		value = value * 0.999f + 0.001f;
	values[i] = value;
}

int main(int argc, char **argv)
{
	int steps = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 60;
	if (argc > 2 || steps <= 0) {
		fprintf(stderr, "usage: pageable_copies [steps]\n");
		return 2;
	}
	float *input = (float *)malloc(COUNT * sizeof(float)), *values;
	if (input == NULL)
		return 1;
	memset(input, 0, COUNT * sizeof(float));
	CHECK(cudaMalloc(&values, COUNT * sizeof(float)));
	for (int step = 0; step < steps; step++) {
		CHECK(cudaMemcpyAsync(values, input, COUNT * sizeof(float), cudaMemcpyHostToDevice,
				      0));
		for (int i = 0; i < 4; i++)
			layer<<<(unsigned)(COUNT / 256), 256>>>(values);
		CHECK(cudaGetLastError());
		CHECK(cudaStreamSynchronize(0));
	}
	CHECK(cudaFree(values));
	free(input);
	printf("pageable_copies: %d steps\n", steps);
	return 0;
}
