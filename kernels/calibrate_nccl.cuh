// SPDX-License-Identifier: MIT
// The part of calibrate.cu that measures NCCL's bus bandwidth over all GPUs, as nccl-tests counts
// it. NCCL is looked for when the program runs, so none is needed to build it: what is used of its
// interface is declared here. For the main thread only.
#pragma once

#include "calibrate.cuh"

#include <dlfcn.h>

typedef struct ncclComm *nccl_comm;

struct nccl {
	int (*get_version)(int *version);
	int (*init_all)(nccl_comm *comms, int count, const int *devices);
	int (*destroy)(nccl_comm comm);
	int (*group_start)();
	int (*group_end)();
	const char *(*error_text)(int result);
	int (*all_reduce)(const void *from, void *to, size_t count, int type, int operation,
			  nccl_comm comm, cudaStream_t stream);
	int (*all_gather)(const void *from, void *to, size_t count, int type, nccl_comm comm,
			  cudaStream_t stream);
	int (*reduce_scatter)(const void *from, void *to, size_t count, int type, int operation,
			      nccl_comm comm, cudaStream_t stream);
};

enum { NCCL_FLOAT = 7, NCCL_SUM = 0, NCCL_ITERATIONS = 5, NCCL_REPEATS = 5 };

static bool nccl_open(nccl *api, const char *library)
{
	void *handle = dlopen(library != nullptr ? library : "libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
	bool ok = handle != nullptr;
	auto find = [&](auto &function, const char *name) {
		void *symbol = ok ? dlsym(handle, name) : nullptr;
		ok = symbol != nullptr;
		function = (std::remove_reference_t<decltype(function)>)symbol;
	};
	find(api->get_version, "ncclGetVersion");
	find(api->init_all, "ncclCommInitAll");
	find(api->destroy, "ncclCommDestroy");
	find(api->group_start, "ncclGroupStart");
	find(api->group_end, "ncclGroupEnd");
	find(api->error_text, "ncclGetErrorString");
	find(api->all_reduce, "ncclAllReduce");
	find(api->all_gather, "ncclAllGather");
	find(api->reduce_scatter, "ncclReduceScatter");
	return ok;
}

// `bytes` is what one rank's call names, as its documentation counts: the buffer of an all-reduce,
// one rank's share of the others.
static int collective_enqueue(const nccl &api, const char *kind, const gpu &on, nccl_comm comm,
			      size_t bytes)
{
	const void *from = on.memory[0];
	size_t count = bytes / sizeof(float);
	cudaStream_t stream = on.streams[0];
	if (kind == std::string("all-reduce"))
		return api.all_reduce(from, on.memory[1], count, NCCL_FLOAT, NCCL_SUM, comm,
				      stream);
	if (kind == std::string("all-gather"))
		return api.all_gather(from, on.memory[1], count, NCCL_FLOAT, comm, stream);
	return api.reduce_scatter(from, on.memory[1], count, NCCL_FLOAT, NCCL_SUM, comm, stream);
}

static int collectives_enqueue(const nccl &api, const char *kind, const std::vector<gpu> &gpus,
			       const std::vector<nccl_comm> &comms, size_t bytes)
{
	int result = 0;
	for (int i = 0; i < NCCL_ITERATIONS && result == 0; i++) {
		result = api.group_start();
		for (size_t g = 0; g < gpus.size() && result == 0; g++)
			result = collective_enqueue(api, kind, gpus[g], comms[g], bytes);
		int ended = api.group_end();
		result = result != 0 ? result : ended;
	}
	return result;
}

static int collective_measure(const nccl &api, const char *kind, const std::vector<gpu> &gpus,
			      const std::vector<nccl_comm> &comms, size_t bytes, found &all)
{
	const long long n = (long long)gpus.size();
	std::vector<long long> ns;
	for (int repeat = 0; repeat <= NCCL_REPEATS; repeat++) {
		long long begin = now_ns();
		int result = collectives_enqueue(api, kind, gpus, comms, bytes);
		if (result != 0)
			return result;
		for (const gpu &on : gpus) {
			TRY(cudaSetDevice(on.device));
			TRY(cudaStreamSynchronize(on.streams[0]));
		}
		if (repeat > 0)
			ns.push_back((now_ns() - begin) / NCCL_ITERATIONS);
	}
	// All-reduce: 2 (n - 1) / n of the buffer; the others: (n - 1) / n of n shares.
	long long moved = kind == std::string("all-reduce") ?
		2 * (n - 1) * (long long)bytes / n : (n - 1) * (long long)bytes;
	all.add(kind, -1, -1, "", (1LL << n) - 1, (long long)bytes, rate_of(moved, median(ns)), ns);
	return 0;
}

// The version code, -1 where nothing was measured. `library` NULL: found by name.
static long long calibrate_nccl(const std::vector<gpu> &gpus, const char *library, found &all)
{
	static const char *const kinds[] = { "all-reduce", "all-gather", "reduce-scatter" };
	nccl api;
	int version = -1;
	std::vector<nccl_comm> comms(gpus.size());
	std::vector<int> devices;
	if (gpus.size() < 2)
		return -1;
	if (!nccl_open(&api, library)) {
		const char *why = dlerror();
		all.say(std::string("no NCCL: ") + (why == nullptr ? "not the library" : why));
		return -1;
	}
	for (const gpu &on : gpus)
		devices.push_back(on.device);
	int result = api.get_version(&version);
	if (result == 0)
		result = api.init_all(comms.data(), (int)comms.size(), devices.data());
	for (const char *kind : kinds)
		for (size_t bytes = 64 << 10; bytes <= 64 << 20 && result == 0; bytes *= 8) {
			bool is_share = kind != kinds[0];
			size_t argument = is_share ? bytes / gpus.size() / 256 * 256 : bytes;
			result = collective_measure(api, kind, gpus, comms, argument, all);
		}
	if (result != 0)
		all.say(std::string("NCCL: ") + api.error_text(result));
	for (nccl_comm comm : comms)
		if (comm != nullptr)
			api.destroy(comm);
	return version;
}
