// SPDX-License-Identifier: MIT
// Copies that a kernel hides wholly, and copies that nothing hides. The kernel holds its stream
// until the host lets it go, so what the host copies in between on another stream runs beside it,
// without any doubt.
#include "truth.cuh"

static const size_t MIB = 1024 * 1024;
static const size_t HIDDEN = 32 * MIB, HIDDEN_BACK = 24 * MIB, EXPOSED = 16 * MIB;
// Rather a wrong result than a GPU that hangs.
static const unsigned long long HOLD_NS_MAX = 5000000000ULL;
static const unsigned long long ALONE_NS = 5000000;
enum { COPIES = 8 };

// Shared by the host and the kernel, in mapped memory.
struct signals {
	volatile int has_started, may_end, gave_up;
};

extern "C" __global__ void hold(signals *shared)
{
	unsigned long long begin = globaltimer();
	shared->has_started = 1;
	__threadfence_system();
	while (!shared->may_end)
		if (globaltimer() - begin > HOLD_NS_MAX) {
			shared->gave_up = 1;
			break;
		}
}

extern "C" __global__ void alone(unsigned long long ns, stamp *out)
{
	spin(ns, out);
}

struct memory {
	char *device, *device_back, *host, *host_back;
	signals *shared, *shared_on_gpu;
	stamp *stamps;
	cudaStream_t kernels, copies;
};

static memory memory_create()
{
	memory made = {};
	CUDA(cudaMalloc(&made.device, HIDDEN));
	CUDA(cudaMalloc(&made.device_back, HIDDEN));
	CUDA(cudaMalloc(&made.stamps, sizeof(stamp)));
	CUDA(cudaMallocHost(&made.host, HIDDEN));
	CUDA(cudaMallocHost(&made.host_back, HIDDEN));
	CUDA(cudaHostAlloc(&made.shared, sizeof(signals), cudaHostAllocMapped));
	CUDA(cudaHostGetDevicePointer(&made.shared_on_gpu, made.shared, 0));
	CUDA(cudaStreamCreateWithFlags(&made.kernels, cudaStreamNonBlocking));
	CUDA(cudaStreamCreateWithFlags(&made.copies, cudaStreamNonBlocking));
	return made;
}

// One run of the holding kernel, with or without copies beside it.
static void hold_round(const memory &at, bool has_copies)
{
	*at.shared = {};
	hold<<<1, 1, 0, at.kernels>>>(at.shared_on_gpu);
	CUDA(cudaGetLastError());
	for (long long begin = now_ns(); !at.shared->has_started;)
		if (now_ns() - begin > (long long)HOLD_NS_MAX)
			die("overlap: the kernel does not start");
	for (int i = 0; has_copies && i < COPIES; i++) {
		CUDA(cudaMemcpyAsync(at.device, at.host, HIDDEN, cudaMemcpyHostToDevice,
				     at.copies));
		CUDA(cudaMemcpyAsync(at.host_back, at.device_back, HIDDEN_BACK,
				     cudaMemcpyDeviceToHost, at.copies));
	}
	CUDA(cudaStreamSynchronize(at.copies));
	at.shared->may_end = 1;
	CUDA(cudaStreamSynchronize(at.kernels));
	if (at.shared->gave_up)
		die("overlap: the copies waited for the kernel, or took longer than %llu ns",
		    HOLD_NS_MAX);
}

static void exposed_round(const memory &at)
{
	for (int i = 0; i < COPIES; i++) {
		alone<<<1, 1, 0, at.kernels>>>(ALONE_NS, at.stamps);
		CUDA(cudaGetLastError());
		CUDA(cudaStreamSynchronize(at.kernels));
		CUDA(cudaMemcpyAsync(at.device, at.host, EXPOSED, cudaMemcpyHostToDevice,
				     at.copies));
		CUDA(cudaStreamSynchronize(at.copies));
	}
}

static void copies_truth(truth *all, const char *direction, size_t bytes, const char *beside,
			 int permille)
{
	fields which = fields().string("direction", direction).number("bytes", (long long)bytes);
	all->add("copies", which, COPIES);
	all->add("hidden_permille", which.string("name", beside), permille);
}

int main()
{
	truth all;
	memory at = memory_create();
	hold_round(at, false);		// loads all code, which may wait for the GPU
	hold_round(at, true);
	exposed_round(at);
	all.kernels("hold", 2);
	all.kernels("alone", COPIES);
	copies_truth(&all, "h2d", HIDDEN, "hold", 1000);
	copies_truth(&all, "d2h", HIDDEN_BACK, "hold", 1000);
	copies_truth(&all, "h2d", EXPOSED, "alone", 0);
	truth_print("overlap", all);
	return 0;
}
