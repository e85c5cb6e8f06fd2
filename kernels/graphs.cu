// SPDX-License-Identifier: MIT
// CUDA graphs with known nodes, launched a known number of times: a chain, a fork with a copy and a
// memset in it, and the chain's kernel outside of any graph.
#include "truth.cuh"

static const size_t COPIED = 3 * 1024 * 1024, SET = 5 * 1024 * 1024;
enum { CHAIN_NODES = 12, CHAIN_LAUNCHES = 50, FORK_BRANCHES = 3, FORK_LAUNCHES = 30, LOOSE = 7 };
static const unsigned long long NODE_NS = 20000;

extern "C" __global__ void chain_node(unsigned long long ns)
{
	spin_until(globaltimer() + ns);
}

extern "C" __global__ void fork_node(unsigned long long ns)
{
	spin_until(globaltimer() + ns);
}

static cudaGraphExec_t instantiate(cudaStream_t stream)
{
	cudaGraph_t graph;
	cudaGraphExec_t made;
	CUDA(cudaStreamEndCapture(stream, &graph));
	CUDA(cudaGraphInstantiateWithFlags(&made, graph, 0));
	CUDA(cudaGraphDestroy(graph));
	return made;
}

static cudaGraphExec_t chain_create(cudaStream_t stream)
{
	CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
	for (int i = 0; i < CHAIN_NODES; i++)
		chain_node<<<1, 1, 0, stream>>>(NODE_NS);
	CUDA(cudaGetLastError());
	return instantiate(stream);
}

// A memset, then branches with a kernel each that run side by side, then a copy.
static cudaGraphExec_t fork_create(cudaStream_t stream, char *device, char *host)
{
	cudaEvent_t forked, joined[FORK_BRANCHES];
	cudaStream_t branches[FORK_BRANCHES];
	CUDA(cudaEventCreateWithFlags(&forked, cudaEventDisableTiming));
	for (int i = 0; i < FORK_BRANCHES; i++) {
		CUDA(cudaStreamCreateWithFlags(&branches[i], cudaStreamNonBlocking));
		CUDA(cudaEventCreateWithFlags(&joined[i], cudaEventDisableTiming));
	}
	CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
	CUDA(cudaMemsetAsync(device, 0, SET, stream));
	CUDA(cudaEventRecord(forked, stream));
	for (int i = 0; i < FORK_BRANCHES; i++) {
		CUDA(cudaStreamWaitEvent(branches[i], forked, 0));
		fork_node<<<1, 1, 0, branches[i]>>>(NODE_NS);
		CUDA(cudaGetLastError());
		CUDA(cudaEventRecord(joined[i], branches[i]));
		CUDA(cudaStreamWaitEvent(stream, joined[i], 0));
	}
	CUDA(cudaMemcpyAsync(host, device, COPIED, cudaMemcpyDeviceToHost, stream));
	return instantiate(stream);
}

static void graph_truth(truth *all, const char *kernel, int nodes, int launches)
{
	fields which = fields().string("name", kernel).string("graphs", "node");
	all->add("kernels", which, (long long)nodes * launches);
	all->add("kernels_in_graphs", which, (long long)nodes * launches);
	all->add("graph_launches_seen", which, launches);
}

int main()
{
	truth all;
	cudaStream_t stream;
	char *device, *host;
	CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
	CUDA(cudaMalloc(&device, SET));
	CUDA(cudaMallocHost(&host, COPIED));
	cudaGraphExec_t chain = chain_create(stream), fork = fork_create(stream, device, host);
	for (int i = 0; i < CHAIN_LAUNCHES; i++)
		CUDA(cudaGraphLaunch(chain, stream));
	for (int i = 0; i < FORK_LAUNCHES; i++)
		CUDA(cudaGraphLaunch(fork, stream));
	CUDA(cudaStreamSynchronize(stream));
	for (int i = 0; i < LOOSE; i++)
		timer_step<<<1, 1, 0, stream>>>((unsigned long long *)device, 1);
	CUDA(cudaGetLastError());
	CUDA(cudaStreamSynchronize(stream));
	graph_truth(&all, "chain_node", CHAIN_NODES, CHAIN_LAUNCHES);
	graph_truth(&all, "fork_node", FORK_BRANCHES, FORK_LAUNCHES);
	all.add("copies", fields().string("direction", "d2h").number("bytes", (long long)COPIED)
			.string("graphs", "node"), FORK_LAUNCHES);
	all.add("memsets", fields().number("bytes", (long long)SET).string("graphs", "node"),
		FORK_LAUNCHES);
	all.add("graph_records", fields().string("graphs", "graph"),
		CHAIN_LAUNCHES + FORK_LAUNCHES);
	all.add("kernels_in_graphs", fields().string("name", "timer_step").string("graphs", "node"),
		0);
	all.add("api_calls", fields().string("name", "cudaGraphLaunch"),
		CHAIN_LAUNCHES + FORK_LAUNCHES);
	all.kernels("timer_step", LOOSE);
	truth_print("graphs", all);
	return 0;
}
