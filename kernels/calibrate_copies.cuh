// SPDX-License-Identifier: MIT
// The part of calibrate.cu that copies: host and device, each GPU alone, by pairs and all together
// (so that shared root complexes show), GPU to GPU, and device memory. For the main thread only.
#pragma once

#include "calibrate.cuh"

// Copies in a row: the first starts the engine, and only the first half counts, while the others
// surely copy too.
enum { COPIES = 9, COPIES_COUNTED = 4, REPEATS = 3 };

struct lane {
	const gpu *on;
	int way;
	cudaEvent_t marks[COPIES + 1];
	std::vector<long long> ns;	// of single copies
};

static long long event_ns(cudaEvent_t from, cudaEvent_t to)
{
	float ms = 0;
	TRY(cudaEventElapsedTime(&ms, from, to));
	return (long long)((double)ms * 1e6);
}

static lane lane_create(const gpu &on, int way)
{
	lane made = {};
	made.on = &on;
	made.way = way;
	TRY(cudaSetDevice(on.device));
	for (cudaEvent_t &mark : made.marks)
		TRY(cudaEventCreate(&mark));
	return made;
}

static void lane_start(const lane &one)
{
	const gpu &on = *one.on;
	bool is_up = one.way == TO_DEVICE;
	TRY(cudaSetDevice(on.device));
	for (int i = 0; i <= COPIES; i++) {
		TRY(cudaEventRecord(one.marks[i], on.streams[one.way]));
		if (i < COPIES)
			TRY(cudaMemcpyAsync(is_up ? on.memory[0] : on.pinned[one.way],
					    is_up ? on.pinned[one.way] : on.memory[1], COPY_BYTES,
					    is_up ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost,
					    on.streams[one.way]));
	}
}

static void lane_finish(lane &one)
{
	TRY(cudaSetDevice(one.on->device));
	TRY(cudaStreamSynchronize(one.on->streams[one.way]));
	for (int i = 1; i <= COPIES_COUNTED; i++)
		one.ns.push_back(event_ns(one.marks[i], one.marks[i + 1]));
}

// The same copies on some GPUs at once; the lanes then hold their times.
static std::vector<lane> copies_together(const std::vector<const gpu *> &gpus, bool up, bool down)
{
	std::vector<lane> lanes;
	for (const gpu *on : gpus) {
		if (up)
			lanes.push_back(lane_create(*on, TO_DEVICE));
		if (down)
			lanes.push_back(lane_create(*on, TO_HOST));
	}
	for (int repeat = 0; repeat < REPEATS; repeat++) {
		for (const lane &one : lanes)
			lane_start(one);
		for (lane &one : lanes)
			lane_finish(one);
	}
	for (lane &one : lanes)
		for (cudaEvent_t &mark : one.marks)
			TRY(cudaEventDestroy(mark));
	return lanes;
}

static void copies_measure(const std::vector<const gpu *> &gpus, found &all)
{
	long long mask = 0;
	for (const gpu *on : gpus)
		mask |= 1LL << on->device;
	for (int way = 0; way < WAYS; way++)
		for (const lane &one : copies_together(gpus, way == TO_DEVICE, way == TO_HOST))
			all.add(way == TO_DEVICE ? "h2d" : "d2h", one.on->device, -1, "pinned",
				mask, COPY_BYTES, rate_of(COPY_BYTES, median(one.ns)), one.ns);
	std::vector<lane> lanes = copies_together(gpus, true, true);
	for (size_t i = 0; i + 1 < lanes.size(); i += WAYS) {
		long long rate = rate_of(COPY_BYTES, median(lanes[i].ns)) +
			rate_of(COPY_BYTES, median(lanes[i + 1].ns));
		all.add("both", lanes[i].on->device, -1, "pinned", mask, COPY_BYTES, rate,
			lanes[i].ns);
	}
}

// Pageable copies keep the host busy until the data is staged: the host's time is their time.
static void pageable_measure(const gpu &on, found &all)
{
	TRY(cudaSetDevice(on.device));
	for (int way = 0; way < WAYS; way++) {
		std::vector<long long> ns;
		for (int i = 0; i < 1 + REPEATS * 2; i++) {
			long long begin = now_ns();
			TRY(cudaMemcpy(way == TO_DEVICE ? on.memory[0] : on.pageable,
				       way == TO_DEVICE ? on.pageable : on.memory[0], COPY_BYTES,
				       way == TO_DEVICE ? cudaMemcpyHostToDevice :
							  cudaMemcpyDeviceToHost));
			TRY(cudaDeviceSynchronize());
			if (i > 0)
				ns.push_back(now_ns() - begin);
		}
		all.add(way == TO_DEVICE ? "h2d" : "d2h", on.device, -1, "pageable",
			1LL << on.device, COPY_BYTES, rate_of(COPY_BYTES, median(ns)), ns);
	}
}

// What the body enqueues on the GPU's first stream, each time between two events.
template <typename body>
static std::vector<long long> stream_times(const gpu &on, int count, body enqueue)
{
	std::vector<long long> ns;
	cudaEvent_t begin, end;
	TRY(cudaSetDevice(on.device));
	TRY(cudaEventCreate(&begin));
	TRY(cudaEventCreate(&end));
	for (int i = 0; i <= count; i++) {
		TRY(cudaEventRecord(begin, on.streams[0]));
		enqueue();
		TRY(cudaEventRecord(end, on.streams[0]));
		TRY(cudaEventSynchronize(end));
		if (i > 0)	// the first one loads and maps
			ns.push_back(event_ns(begin, end));
	}
	TRY(cudaEventDestroy(begin));
	TRY(cudaEventDestroy(end));
	return ns;
}

static void peer_measure(const gpu &from, const gpu &to, found &all)
{
	int can_access = 0;
	TRY(cudaDeviceCanAccessPeer(&can_access, from.device, to.device));
	if (can_access) {
		TRY(cudaSetDevice(from.device));
		cudaError_t result = cudaDeviceEnablePeerAccess(to.device, 0);
		if (result != cudaSuccess && result != cudaErrorPeerAccessAlreadyEnabled)
			can_access = 0;
		(void)cudaGetLastError();
	}
	std::vector<long long> ns = stream_times(from, REPEATS * 2, [&] {
		TRY(cudaMemcpyPeerAsync(to.memory[0], to.device, from.memory[0], from.device,
					COPY_BYTES, from.streams[0]));
	});
	all.add("peer", from.device, to.device, can_access ? "direct" : "staged",
		1LL << from.device | 1LL << to.device, COPY_BYTES,
		rate_of(COPY_BYTES, median(ns)), ns);
}

extern "C" __global__ void stream_copy(float4 *to, const float4 *from, size_t count)
{
	size_t stride = (size_t)gridDim.x * blockDim.x;
	for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < count; i += stride)
		to[i] = from[i];
}

// Device memory: each byte is read and written, so it counts twice.
static void device_measure(const gpu &on, found &all)
{
	cudaDeviceProp properties;
	TRY(cudaGetDeviceProperties(&properties, on.device));
	const long long mask = 1LL << on.device, moved = 2 * (long long)DEVICE_BYTES;
	std::vector<long long> ns = stream_times(on, REPEATS * 2, [&] {
		TRY(cudaMemcpyAsync(on.memory[1], on.memory[0], DEVICE_BYTES,
				    cudaMemcpyDeviceToDevice, on.streams[0]));
	});
	all.add("device-copy", on.device, -1, "", mask, DEVICE_BYTES, rate_of(moved, median(ns)),
		ns);
	ns = stream_times(on, REPEATS * 2, [&] {
		stream_copy<<<properties.multiProcessorCount * 16, 256, 0, on.streams[0]>>>(
			(float4 *)on.memory[1], (const float4 *)on.memory[0],
			DEVICE_BYTES / sizeof(float4));
		TRY(cudaGetLastError());
	});
	all.add("device-stream", on.device, -1, "", mask, DEVICE_BYTES,
		rate_of(moved, median(ns)), ns);
}

static void calibrate_copies(const std::vector<gpu> &gpus, found &all)
{
	std::vector<const gpu *> every;
	for (const gpu &one : gpus) {
		every.push_back(&one);
		copies_measure({ &one }, all);
		pageable_measure(one, all);
		device_measure(one, all);
	}
	for (size_t a = 0; a < gpus.size(); a++)
		for (size_t b = 0; b < gpus.size(); b++) {
			if (a < b && gpus.size() > 2)
				copies_measure({ &gpus[a], &gpus[b] }, all);
			if (a != b)
				peer_measure(gpus[a], gpus[b], all);
		}
	if (gpus.size() > 1)
		copies_measure(every, all);
}
