// SPDX-License-Identifier: MIT
// Known copies: to and from the GPU and on it, pinned, pageable and managed, from 4 bytes to 256
// MiB; memsets; and copies between GPUs where there are several.
#include "truth.cuh"

#include <cstring>

static const size_t KIB = 1024, MIB = 1024 * KIB;
static const size_t SIZES[] = { 4, 4 * KIB, 64 * KIB + 4, MIB, 16 * MIB, 256 * MIB };
// A size of its own, so that the timed copies can be told apart.
static const size_t TIMED = 200 * MIB;
static const size_t LARGEST = 256 * MIB, MANAGED = 12 * MIB, PEER = 20 * MIB;
enum { SMALL_REPEATS = 20, LARGE_REPEATS = 3, MANAGED_REPEATS = 4, PEER_REPEATS = 5 };

static int repeats_of(size_t bytes)
{
	return bytes <= MIB ? SMALL_REPEATS : LARGE_REPEATS;
}

struct ends {
	const char *direction, *source, *destination;
};

static fields kind_of(const ends &kind, size_t bytes)
{
	return fields().string("direction", kind.direction).string("source", kind.source)
		.string("destination", kind.destination).number("bytes", (long long)bytes);
}

// Every size, several times each; the answer is how many bytes that were.
static long long copy_all(truth *all, const ends &kind, void *to, const void *from,
			  cudaMemcpyKind direction)
{
	long long total = 0;
	for (size_t bytes : SIZES) {
		for (int i = 0; i < repeats_of(bytes); i++)
			CUDA(cudaMemcpy(to, from, bytes, direction));
		all->add("copies", kind_of(kind, bytes), repeats_of(bytes));
		total += (long long)bytes * repeats_of(bytes);
	}
	return total;
}

// How long the GPU needs for pinned copies, by CUDA events around them: these add their own time,
// so a profiler may find less, but hardly more.
static long long copy_timed(truth *all, const ends &kind, void *to, const void *from,
			    cudaMemcpyKind direction)
{
	enum { COUNT = 4 };
	const size_t bytes = TIMED;
	cudaEvent_t begin, end;
	float elapsed_ms = 0;
	CUDA(cudaEventCreate(&begin));
	CUDA(cudaEventCreate(&end));
	CUDA(cudaEventRecord(begin, 0));
	for (int i = 0; i < COUNT; i++)
		CUDA(cudaMemcpyAsync(to, from, bytes, direction, 0));
	CUDA(cudaEventRecord(end, 0));
	CUDA(cudaEventSynchronize(end));
	CUDA(cudaEventElapsedTime(&elapsed_ms, begin, end));
	long long elapsed_ns = (long long)((double)elapsed_ms * 1e6);
	all->add("copies", kind_of(kind, bytes), COUNT);
	all->add("copy_time", kind_of(kind, bytes), elapsed_ns,
		 { elapsed_ns / 20 + 20000 * COUNT, elapsed_ns / 200 + 5000 * COUNT });
	CUDA(cudaEventDestroy(begin));
	CUDA(cudaEventDestroy(end));
	return COUNT * (long long)bytes;
}

static void copies_of(truth *all, const ends &kind, void *to, const void *from,
		      cudaMemcpyKind direction, bool is_timed)
{
	long long total = copy_all(all, kind, to, from, direction);
	if (is_timed)
		total += copy_timed(all, kind, to, from, direction);
	all->add("copied_bytes",
		 fields().string("direction", kind.direction)
			 .string("source", kind.source)
			 .string("destination", kind.destination),
		 total);
}

static void managed_copies(truth *all, void *device)
{
	void *managed;
	CUDA(cudaMallocManaged(&managed, MANAGED));
	memset(managed, 1, MANAGED);
	for (int i = 0; i < MANAGED_REPEATS; i++)
		CUDA(cudaMemcpy(device, managed, MANAGED, cudaMemcpyDefault));
	// Where managed pages lie decides about the direction; that they are managed does not
	// change.
	all->add("copies", fields().string("source", "managed").number("bytes", (long long)MANAGED),
		 MANAGED_REPEATS);
	CUDA(cudaFree(managed));
}

static void memsets(truth *all, void *device)
{
	const size_t sizes[] = { 8, 8 * KIB, 24 * MIB };
	for (size_t bytes : sizes) {
		for (int i = 0; i < SMALL_REPEATS; i++)
			CUDA(cudaMemsetAsync(device, 0, bytes, 0));
		all->add("memsets", fields().number("bytes", (long long)bytes), SMALL_REPEATS);
	}
	CUDA(cudaStreamSynchronize(0));
}

static void peer_copies(truth *all)
{
	int count = 0;
	void *here, *there;
	CUDA(cudaGetDeviceCount(&count));
	all->figure("gpus", count);
	if (count < 2)
		return;
	CUDA(cudaMalloc(&here, PEER));
	CUDA(cudaSetDevice(1));
	CUDA(cudaMalloc(&there, PEER));
	for (int i = 0; i < PEER_REPEATS; i++)
		CUDA(cudaMemcpyPeer(there, 1, here, 0, PEER));
	CUDA(cudaFree(there));
	CUDA(cudaSetDevice(0));
	CUDA(cudaFree(here));
	all->add("copies", fields().string("direction", "peer").number("bytes", (long long)PEER),
		 PEER_REPEATS);
}

int main()
{
	truth all;
	void *device, *other, *pinned, *pageable = malloc(LARGEST);
	CUDA(cudaMalloc(&device, LARGEST));
	CUDA(cudaMalloc(&other, LARGEST));
	CUDA(cudaMallocHost(&pinned, LARGEST));
	if (pageable == nullptr)
		die("copies: no memory");
	memset(pageable, 1, LARGEST);
	memset(pinned, 1, LARGEST);
	copies_of(&all, { "h2d", "pinned", "device" }, device, pinned, cudaMemcpyHostToDevice,
		  true);
	copies_of(&all, { "d2h", "device", "pinned" }, pinned, device, cudaMemcpyDeviceToHost,
		  true);
	copies_of(&all, { "h2d", "pageable", "device" }, device, pageable, cudaMemcpyHostToDevice,
		  false);
	copies_of(&all, { "d2h", "device", "pageable" }, pageable, device, cudaMemcpyDeviceToHost,
		  false);
	copies_of(&all, { "d2d", "device", "device" }, other, device, cudaMemcpyDeviceToDevice,
		  false);
	managed_copies(&all, device);
	memsets(&all, device);
	peer_copies(&all);
	truth_print("copies", all);
	return 0;
}
