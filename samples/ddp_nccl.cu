// SPDX-License-Identifier: MIT
// Data-parallel "training" with NCCL, a thread a GPU of one process. The planted fault: the host of
// the last GPU does something else in the middle of each step, and all the others wait in the
// AllReduce.
//
//     nvcc -O2 -std=c++17 -o ddp_nccl samples/ddp_nccl.cu -lnccl
//     laggard run -- ./ddp_nccl [steps]
//
// finding: host-late
// rank: last
// played by: late-host
// repair: whatever the thread does there (logging, checks, I/O) belongs on another thread
#include <cuda_runtime.h>
#include <nccl.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

static const size_t PARAMETERS = 16 << 20;
static const std::chrono::milliseconds LATE(5);
enum { LAYERS = 8, BUCKETS = 4 };

#define CHECK(call) check((call), #call)

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	exit(1);
}

static void check(cudaError_t result, const char *what)
{
	if (result != cudaSuccess)
		fail(what, cudaGetErrorString(result));
}

static void check(ncclResult_t result, const char *what)
{
	if (result != ncclSuccess)
		fail(what, ncclGetErrorString(result));
}

// One layer's work: a few hundred operations a parameter.
__global__ void layer(float *gradient, const float *weights, size_t count)
{
	size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;
	if (i >= count)
		return;
	float value = weights[i];
	for (int k = 0; k < 200; k++)
		value = value * 0.999f + 0.001f;
	gradient[i] = value;
}

__global__ void update(float *weights, const float *gradient, size_t count)
{
	size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;
	if (i < count)
		weights[i] -= 1e-4f * gradient[i];
}

static void train(int device, bool is_late, int steps, ncclComm_t comm)
{
	const unsigned blocks = (unsigned)(PARAMETERS / 256);
	float *weights, *gradient;
	cudaStream_t compute, reduce;
	cudaEvent_t ready, reduced;
	CHECK(cudaSetDevice(device));
	CHECK(cudaMalloc(&weights, PARAMETERS * sizeof(float)));
	CHECK(cudaMalloc(&gradient, PARAMETERS * sizeof(float)));
	CHECK(cudaMemset(weights, 0, PARAMETERS * sizeof(float)));
	CHECK(cudaStreamCreateWithFlags(&compute, cudaStreamNonBlocking));
	CHECK(cudaStreamCreateWithFlags(&reduce, cudaStreamNonBlocking));
	CHECK(cudaEventCreateWithFlags(&ready, cudaEventDisableTiming));
	CHECK(cudaEventCreateWithFlags(&reduced, cudaEventDisableTiming));
	for (int step = 0; step < steps; step++) {
		for (int i = 0; i < LAYERS; i++) {
			if (is_late && i == LAYERS / 2) {
				CHECK(cudaStreamSynchronize(compute));
				std::this_thread::sleep_for(LATE);
			}
			layer<<<blocks, 256, 0, compute>>>(gradient, weights, PARAMETERS);
		}
		CHECK(cudaGetLastError());
		CHECK(cudaEventRecord(ready, compute));
		CHECK(cudaStreamWaitEvent(reduce, ready, 0));
		for (int b = 0; b < BUCKETS; b++) {
			float *bucket = gradient + b * (PARAMETERS / BUCKETS);
			CHECK(ncclAllReduce(bucket, bucket, PARAMETERS / BUCKETS, ncclFloat,
					    ncclAvg, comm, reduce));
		}
		CHECK(cudaEventRecord(reduced, reduce));
		CHECK(cudaStreamWaitEvent(compute, reduced, 0));
		update<<<blocks, 256, 0, compute>>>(weights, gradient, PARAMETERS);
		CHECK(cudaGetLastError());
	}
	CHECK(cudaStreamSynchronize(compute));
}

int main(int argc, char **argv)
{
	int count = 0, steps = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 60;
	if (argc > 2 || steps <= 0) {
		fprintf(stderr, "usage: ddp_nccl [steps]\n");
		return 2;
	}
	CHECK(cudaGetDeviceCount(&count));
	std::vector<ncclComm_t> comms((size_t)count);
	std::vector<std::thread> threads;
	CHECK(ncclCommInitAll(comms.data(), count, NULL));
	for (int device = 0; device < count; device++)
		threads.emplace_back(train, device, device == count - 1, steps,
				     comms[(size_t)device]);
	for (std::thread &thread : threads)
		thread.join();
	for (ncclComm_t comm : comms)
		CHECK(ncclCommDestroy(comm));
	printf("ddp_nccl: %d steps on %d GPU(s)\n", steps, count);
	return 0;
}
