// SPDX-License-Identifier: MIT
// The part of calibrate.cu that launches empty kernels: what a launch costs the host, how long
// until the kernel starts on an idle GPU, and how fast the GPU takes one after the other. For the
// main thread only.
#pragma once

#include "calibrate.cuh"

enum { LAUNCHES = 256, LAUNCH_REPEATS = 40, HANDSHAKES = 64, STARTS = 64 };

extern "C" __global__ void nothing()
{
}

// Answers the host's flag with the GPU's time, `count` times.
extern "C" __global__ void handshake(volatile unsigned *flag, volatile unsigned long long *time,
				     unsigned count)
{
	for (unsigned i = 1; i <= count; i++) {
		while (*flag < i)
			;
		unsigned long long now = globaltimer();
		time[i] = now;
		__threadfence_system();
		time[0] = i;
	}
}

extern "C" __global__ void say_start(volatile unsigned long long *time)
{
	*time = globaltimer();
	__threadfence_system();
}

struct mapped {
	volatile unsigned *flag;
	volatile unsigned long long *time;	// [0]: how many were answered
};

// The host's clock minus the GPU's, from the fastest of many handshakes: half of its round trip is
// how wrong that may be.
static long long clock_offset_ns(const gpu &on, const mapped &shared)
{
	long long best = -1, offset = 0;
	*shared.flag = 0;
	shared.time[0] = 0;
	handshake<<<1, 1, 0, on.streams[0]>>>(shared.flag, shared.time, HANDSHAKES);
	TRY(cudaGetLastError());
	for (unsigned i = 1; i <= HANDSHAKES; i++) {
		long long asked = now_ns(), deadline = asked + 5000000000LL;
		*shared.flag = i;
		while (shared.time[0] < i)
			if (now_ns() > deadline)
				calibrate_refuse("the GPU does not answer through mapped memory");
		long long answered = now_ns(), trip = answered - asked;
		if (best >= 0 && trip >= best)
			continue;
		best = trip;
		offset = asked + trip / 2 - (long long)shared.time[i];
	}
	TRY(cudaStreamSynchronize(on.streams[0]));
	return offset;
}

static void starts_measure(const gpu &on, const mapped &shared, found &all)
{
	std::vector<long long> ns;
	long long offset = clock_offset_ns(on, shared);
	for (int i = 0; i < STARTS; i++) {
		long long called = now_ns();
		say_start<<<1, 1, 0, on.streams[0]>>>(shared.time);
		TRY(cudaStreamSynchronize(on.streams[0]));
		long long started = (long long)shared.time[0] + offset;
		ns.push_back(started > called ? started - called : 1);
	}
	TRY(cudaGetLastError());
	all.add("launch-to-start", on.device, -1, "", 1LL << on.device, 0, 0, ns);
}

static void launches_of(const gpu &on, found &all)
{
	std::vector<long long> call, finish;
	for (int repeat = 0; repeat <= LAUNCH_REPEATS; repeat++) {
		long long begin = now_ns();
		for (int i = 0; i < LAUNCHES; i++)
			nothing<<<1, 1, 0, on.streams[0]>>>();
		long long launched = now_ns();
		TRY(cudaStreamSynchronize(on.streams[0]));
		if (repeat == 0)
			continue;
		call.push_back((launched - begin) / LAUNCHES);
		finish.push_back((now_ns() - begin) / LAUNCHES);
	}
	TRY(cudaGetLastError());
	all.add("launch-call", on.device, -1, "", 1LL << on.device, 0, 0, call);
	all.add("launch-rate", on.device, -1, "", 1LL << on.device, 0, 0, finish);
}

static void calibrate_launches(const std::vector<gpu> &gpus, found &all)
{
	for (const gpu &on : gpus) {
		void *memory;
		TRY(cudaSetDevice(on.device));
		TRY(cudaHostAlloc(&memory, 4096, cudaHostAllocMapped));
		mapped shared = { (volatile unsigned *)memory,
				  (volatile unsigned long long *)((char *)memory + 64) };
		launches_of(on, all);
		starts_measure(on, shared, all);
		TRY(cudaFreeHost(memory));
	}
}
