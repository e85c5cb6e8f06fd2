// SPDX-License-Identifier: MIT
// What every program of kernels/ shares: checked CUDA calls, GPU stamps, spinning kernels' inner
// loop, and the truth that it prints as one JSON object (README.md). For the main thread of each
// program only.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <unistd.h>
#include <vector>

#define CUDA(call) cuda_check((call), #call, __FILE__, __LINE__)

[[noreturn]] static inline void die(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static inline void cuda_check(cudaError_t result, const char *what, const char *file, int line)
{
	if (result != cudaSuccess)
		die("%s:%d: %s: %s", file, line, what, cudaGetErrorString(result));
}

// ---- time on the host and on the GPU

static inline long long now_ns(clockid_t clock = CLOCK_MONOTONIC)
{
	timespec now;
	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static inline void sleep_ns(long long ns)
{
	timespec left = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };
	while (nanosleep(&left, &left) != 0)
		;
}

// When a kernel's only thread began and ended its work, in ns of %globaltimer: the GPU's own clock.
struct stamp {
	unsigned long long start, end;
};

static __device__ __forceinline__ unsigned long long globaltimer()
{
	unsigned long long now;
	asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
	return now;
}

static __device__ __forceinline__ void spin_until(unsigned long long end)
{
	while (globaltimer() < end)
		;
}

static __device__ __forceinline__ void spin(unsigned long long ns, stamp *out)
{
	unsigned long long start = globaltimer();
	spin_until(start + ns);
	out->start = start;
	out->end = globaltimer();
}

extern "C" __global__ void timer_step(unsigned long long *steps, int count)
{
	for (int i = 0; i < count; i++) {
		unsigned long long before = globaltimer(), now = before;
		while (now == before)
			now = globaltimer();
		steps[i] = now - before;
	}
}

// The step of %globaltimer (32 ns to about 1 us): no stamp is better than that.
static inline long long timer_step_ns()
{
	enum { COUNT = 32 };
	unsigned long long *steps, found[COUNT];
	CUDA(cudaMalloc(&steps, sizeof found));
	timer_step<<<1, 1>>>(steps, COUNT);
	CUDA(cudaGetLastError());
	CUDA(cudaMemcpy(found, steps, sizeof found, cudaMemcpyDeviceToHost));
	CUDA(cudaFree(steps));
	std::sort(found, found + COUNT);
	return (long long)found[COUNT / 2];
}

// Stamps in device memory, one a launch: fetched with one copy at the end, that nothing disturbs.
struct stamps {
	stamp *on_gpu = nullptr;
	std::vector<stamp> values;

	explicit stamps(size_t count) : values(count)
	{
		CUDA(cudaMalloc(&on_gpu, count * sizeof(stamp)));
	}
	void fetch()
	{
		CUDA(cudaMemcpy(values.data(), on_gpu, values.size() * sizeof(stamp),
				cudaMemcpyDeviceToHost));
	}
	long long duration(size_t i) const
	{
		return (long long)(values[i].end - values[i].start);
	}
};

// ---- the truth

// One JSON object being written.
class fields {
	std::string text = "{";

	void name(const char *key)
	{
		text += text.size() > 1 ? ", \"" : "\"";
		text += key;
		text += "\": ";
	}

public:
	fields &raw(const char *key, const std::string &json)
	{
		name(key);
		text += json;
		return *this;
	}
	fields &number(const char *key, long long value)
	{
		return raw(key, std::to_string(value));
	}
	fields &string(const char *key, const std::string &value)
	{
		std::string quoted = "\"";
		for (char c : value) {
			if (c == '"' || c == '\\')
				quoted += '\\';
			quoted += (unsigned char)c < ' ' ? ' ' : c;
		}
		return raw(key, quoted + "\"");
	}
	std::string json() const
	{
		return text + "}";
	}
};

static inline std::string json_list(const std::vector<std::string> &items)
{
	std::string text = "[";
	for (size_t i = 0; i < items.size(); i++)
		text += (i > 0 ? ",\n  " : "") + items[i];
	return text + "]";
}

static inline std::string json_list(const std::vector<long long> &numbers)
{
	std::vector<std::string> texts;
	for (long long number : numbers)
		texts.push_back(std::to_string(number));
	return json_list(texts);
}

// How far what is found may lie below and above what is expected.
struct tolerance {
	long long below, above;
};

static const tolerance EXACT = { 0, 0 };

class truth {
	std::vector<std::string> items;
	fields figures_;

public:
	// A number that a perfect profiler finds; `which` says of what, as README.md lists it.
	void add(const char *measure, fields which, long long expect, tolerance allowed = EXACT)
	{
		items.push_back(which.string("measure", measure)
					.number("expect", expect)
					.number("below", allowed.below)
					.number("above", allowed.above)
					.json());
	}
	// The same for a list of numbers in the order of time.
	void add_list(const char *measure, fields which, const std::vector<long long> &expect,
		      tolerance allowed)
	{
		items.push_back(which.string("measure", measure)
					.raw("expect", json_list(expect))
					.number("below", allowed.below)
					.number("above", allowed.above)
					.json());
	}
	void kernels(const char *name, long long count)
	{
		add("kernels", fields().string("name", name), count);
	}
	// What the program measured itself: no truth, but worth comparing between runs.
	void figure(const char *name, long long value)
	{
		figures_.number(name, value);
	}
	std::string process() const
	{
		return fields().number("pid", getpid()).raw("truths", json_list(items)).json();
	}
	std::string figures() const
	{
		return figures_.json();
	}
};

// Of a GPU that this process uses (call it after the work).
static inline fields gpu_fields()
{
	cudaDeviceProp properties;
	int device = 0, runtime = 0, driver = 0;
	size_t free_bytes = 0, all_bytes = 0;
	CUDA(cudaGetDevice(&device));
	CUDA(cudaGetDeviceProperties(&properties, device));
	CUDA(cudaRuntimeGetVersion(&runtime));
	CUDA(cudaDriverGetVersion(&driver));
	CUDA(cudaMemGetInfo(&free_bytes, &all_bytes));
	return fields()
		.string("gpu", properties.name)
		.number("cuda_runtime", runtime)
		.number("cuda_driver", driver)
		.number("device_used_bytes", (long long)(all_bytes - free_bytes));
}

// The one object on stdout. end_unix_ns: the program has nothing left to do but to return.
static inline void truth_print(const char *program, fields head,
			       const std::vector<std::string> &processes,
			       const std::string &figures,
			       const std::vector<std::string> &together = {})
{
	std::string text = head.string("program", program).number("truth", 1)
		.raw("processes", json_list(processes)).raw("together", json_list(together))
		.raw("figures", figures).number("end_unix_ns", now_ns(CLOCK_REALTIME)).json();
	puts(text.c_str());
	fflush(stdout);
}

static inline void truth_print(const char *program, const truth &all)
{
	CUDA(cudaDeviceSynchronize());
	truth_print(program, gpu_fields(), { all.process() }, all.figures());
}
