// SPDX-License-Identifier: MIT
// What the parts of calibrate.cu (calibrate_*.cuh) share: checked calls whose failure is the
// program's answer, GPUs with what they need to be measured, and the ceilings found. For the main
// thread only.
#pragma once

#include "truth.cuh"

#define TRY(call) calibrate_check((call), #call)

// The one answer of a program that cannot measure: whoever started it reads it from stdout.
[[noreturn]] static inline void calibrate_refuse(const std::string &why)
{
	puts(fields().string("format", "laggard-ceilings").number("version", 1)
		     .string("error", why).json().c_str());
	fflush(stdout);
	exit(1);
}

static inline void calibrate_check(cudaError_t result, const char *what)
{
	if (result == cudaSuccess)
		return;
	std::string call(what);
	calibrate_refuse(call.substr(0, call.find('(')) + ": " + cudaGetErrorString(result));
}

static inline long long median(std::vector<long long> values)
{
	std::sort(values.begin(), values.end());
	return values.empty() ? 0 : values[(values.size() - 1) / 2];
}

static inline long long rate_of(long long bytes, long long ns)
{
	return ns <= 0 ? 0 : (long long)((double)bytes * 1e9 / (double)ns);
}

static const size_t COPY_BYTES = 64 << 20;
static const size_t DEVICE_BYTES = 256 << 20;
enum { TO_DEVICE, TO_HOST, WAYS };

struct gpu {
	int device;
	fields facts;		// its row in "gpus"
	std::string sysfs;	// folder of its PCI device
	cudaStream_t streams[WAYS];
	char *pinned[WAYS], *pageable;	// on the host, COPY_BYTES each
	char *memory[2];	// on the GPU, DEVICE_BYTES each
};

// The list "ceilings": rows of tracedb/ceilings.def.
struct found {
	std::vector<std::string> rows;
	std::string note;

	void add(const char *kind, int gpu_id, int peer_gpu_id, const char *memory, long long mask,
		 long long bytes, long long rate, const std::vector<long long> &ns)
	{
		rows.push_back(fields().string("kind", kind).number("gpu_id", gpu_id)
				       .number("peer_gpu_id", peer_gpu_id).string("memory", memory)
				       .number("together_mask", mask).number("size_bytes", bytes)
				       .number("samples", (long long)ns.size())
				       .number("bytes_per_s", rate)
				       .number("duration_ns", median(ns)).json());
	}
	void say(const std::string &what)
	{
		note += (note.empty() ? "" : "; ") + what;
	}
};
