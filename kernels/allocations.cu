// SPDX-License-Identifier: MIT
// A known pattern of allocations: cudaMalloc, stream-ordered (cudaMallocAsync), pinned and managed.
// Sizes are multiples of 2 MiB, which is what the driver hands out, and odd enough to be nobody
// else's.
#include "truth.cuh"

static const size_t MIB = 1024 * 1024;
static const size_t PLAIN = 14 * MIB, KEPT = 22 * MIB, ASYNC = 26 * MIB, PINNED = 34 * MIB,
		    MANAGED = 38 * MIB;
enum { PLAIN_COUNT = 10, KEPT_COUNT = 3, ASYNC_COUNT = 8, PINNED_COUNT = 2, MANAGED_COUNT = 2 };

static void allocations_truth(truth *all, const char *memory, size_t bytes, int allocated,
			      int released)
{
	fields which = fields().string("memory", memory).number("bytes", (long long)bytes);
	all->add("allocations", which, allocated);
	all->add("releases", which, released);
	all->add("allocated_bytes_left", which, (long long)bytes * (allocated - released));
}

static void plain(truth *all)
{
	void *memory[PLAIN_COUNT], *kept;
	for (void *&one : memory)
		CUDA(cudaMalloc(&one, PLAIN));
	for (void *one : memory)
		CUDA(cudaFree(one));
	for (int i = 0; i < KEPT_COUNT; i++)
		CUDA(cudaMalloc(&kept, KEPT));
	allocations_truth(all, "device", PLAIN, PLAIN_COUNT, PLAIN_COUNT);
	allocations_truth(all, "device", KEPT, KEPT_COUNT, 0);
}

static void stream_ordered(truth *all)
{
	cudaStream_t stream;
	int has_pools = 0;
	CUDA(cudaDeviceGetAttribute(&has_pools, cudaDevAttrMemoryPoolsSupported, 0));
	all->figure("has_memory_pools", has_pools);
	if (!has_pools)
		return;
	CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
	for (int i = 0; i < ASYNC_COUNT; i++) {
		void *memory;
		CUDA(cudaMallocAsync(&memory, ASYNC, stream));
		CUDA(cudaMemsetAsync(memory, 0, ASYNC, stream));
		CUDA(cudaFreeAsync(memory, stream));
	}
	CUDA(cudaStreamSynchronize(stream));
	CUDA(cudaStreamDestroy(stream));
	allocations_truth(all, "device", ASYNC, ASYNC_COUNT, ASYNC_COUNT);
	all->add("memsets", fields().number("bytes", (long long)ASYNC), ASYNC_COUNT);
}

static void on_the_host(truth *all)
{
	for (int i = 0; i < PINNED_COUNT; i++) {
		void *memory;
		CUDA(cudaMallocHost(&memory, PINNED));
		CUDA(cudaFreeHost(memory));
	}
	for (int i = 0; i < MANAGED_COUNT; i++) {
		void *memory;
		CUDA(cudaMallocManaged(&memory, MANAGED));
		CUDA(cudaFree(memory));
	}
	allocations_truth(all, "pinned", PINNED, PINNED_COUNT, PINNED_COUNT);
	allocations_truth(all, "managed", MANAGED, MANAGED_COUNT, MANAGED_COUNT);
}

int main()
{
	truth all;
	plain(&all);
	stream_ordered(&all);
	on_the_host(&all);
	truth_print("allocations", all);
	return 0;
}
