// SPDX-License-Identifier: MIT
// A small data-parallel "training" on all GPUs of one process, with nothing but CUDA: something to
// record. Each step copies a batch in, multiplies matrices, and averages the gradients through the
// host, which is what a machine without peer-to-peer has to do.
//
//     nvcc -O2 -o train samples/train.cu && laggard run -- ./train [steps]
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

enum { SIZE = 1024, TILE = 16, LAYERS = 4, GPUS_MAX = 16 };

#define CHECK(call) check((call), #call)

static void check(cudaError_t result, const char *what)
{
	if (result == cudaSuccess)
		return;
	fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(result));
	exit(1);
}

// One layer: out = in * weights, tile by tile.
__global__ void multiply(const float *in, const float *weights, float *out)
{
	__shared__ float a[TILE][TILE], b[TILE][TILE];
	int row = blockIdx.y * TILE + threadIdx.y;
	int column = blockIdx.x * TILE + threadIdx.x;
	float sum = 0;
	for (int tile = 0; tile < SIZE / TILE; tile++) {
		a[threadIdx.y][threadIdx.x] = in[row * SIZE + tile * TILE + threadIdx.x];
		b[threadIdx.y][threadIdx.x] = weights[(tile * TILE + threadIdx.y) * SIZE + column];
		__syncthreads();
		for (int i = 0; i < TILE; i++)
			sum += a[threadIdx.y][i] * b[i][threadIdx.x];
		__syncthreads();
	}
	out[row * SIZE + column] = sum;
}

__global__ void update(float *weights, const float *gradient)
{
	int i = blockIdx.x * blockDim.x + threadIdx.x;
	weights[i] = 0.9f * weights[i] + 1e-6f * gradient[i];
}

struct replica {
	int device;
	cudaStream_t stream;
	float *weights, *in, *out;	// on the GPU
	float *batch, *gradient;	// pinned, on the host
};

static const size_t BYTES = sizeof(float) * SIZE * SIZE;

static replica replica_create(int device)
{
	replica made = {};
	made.device = device;
	CHECK(cudaSetDevice(device));
	CHECK(cudaStreamCreateWithFlags(&made.stream, cudaStreamNonBlocking));
	CHECK(cudaMalloc(&made.weights, BYTES));
	CHECK(cudaMalloc(&made.in, BYTES));
	CHECK(cudaMalloc(&made.out, BYTES));
	CHECK(cudaMallocHost(&made.batch, BYTES));
	CHECK(cudaMallocHost(&made.gradient, BYTES));
	CHECK(cudaMemsetAsync(made.weights, 0, BYTES, made.stream));
	for (size_t i = 0; i < SIZE * SIZE; i++)
		made.batch[i] = (float)(i % 97) / 97;
	return made;
}

static void replica_forward_backward(const replica &one)
{
	dim3 grid(SIZE / TILE, SIZE / TILE), block(TILE, TILE);
	CHECK(cudaSetDevice(one.device));
	CHECK(cudaMemcpyAsync(one.in, one.batch, BYTES, cudaMemcpyHostToDevice, one.stream));
	for (int layer = 0; layer < LAYERS; layer++) {
		multiply<<<grid, block, 0, one.stream>>>(one.in, one.weights, one.out);
		multiply<<<grid, block, 0, one.stream>>>(one.out, one.weights, one.in);
	}
	CHECK(cudaGetLastError());
	CHECK(cudaMemcpyAsync(one.gradient, one.in, BYTES, cudaMemcpyDeviceToHost, one.stream));
}

static void replica_update(const replica &one)
{
	CHECK(cudaSetDevice(one.device));
	CHECK(cudaMemcpyAsync(one.in, one.gradient, BYTES, cudaMemcpyHostToDevice, one.stream));
	update<<<SIZE * SIZE / 256, 256, 0, one.stream>>>(one.weights, one.in);
	CHECK(cudaGetLastError());
}

// The all-reduce of a machine without peer-to-peer: the host waits for all, adds, hands back.
static void gradients_average(std::vector<replica> &replicas)
{
	for (const replica &one : replicas) {
		CHECK(cudaSetDevice(one.device));
		CHECK(cudaStreamSynchronize(one.stream));
	}
	for (size_t i = 0; i < SIZE * SIZE; i++) {
		float sum = 0;
		for (const replica &one : replicas)
			sum += one.gradient[i];
		for (const replica &one : replicas)
			one.gradient[i] = sum / (float)replicas.size();
	}
}

int main(int argc, char **argv)
{
	int count = 0;
	int steps = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 20;
	if (argc > 2 || steps <= 0) {
		fprintf(stderr, "usage: train [steps]\n");
		return 2;
	}
	CHECK(cudaGetDeviceCount(&count));
	std::vector<replica> replicas;
	for (int device = 0; device < count && device < GPUS_MAX; device++)
		replicas.push_back(replica_create(device));
	for (int step = 0; step < steps; step++) {
		for (const replica &one : replicas)
			replica_forward_backward(one);
		gradients_average(replicas);
		for (const replica &one : replicas)
			replica_update(one);
	}
	for (const replica &one : replicas) {
		CHECK(cudaSetDevice(one.device));
		CHECK(cudaStreamSynchronize(one.stream));
	}
	printf("%d steps on %zu GPU(s)\n", steps, replicas.size());
	return 0;
}
