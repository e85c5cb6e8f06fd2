// SPDX-License-Identifier: MIT
// A GPU that idles for known times: kernels with host sleeps between them. The gaps are measured by
// the kernels themselves, from the end of one to the start of the next; sleeping decides only about
// how long they are.
#include "truth.cuh"

static const long long SLEEPS_NS[] = { 200000,  500000,   1000000,  2000000,
				       5000000, 10000000, 50000000, 100000000 };
enum { SLEEP_COUNT = sizeof SLEEPS_NS / sizeof SLEEPS_NS[0], KERNELS = SLEEP_COUNT + 1 };

static const long long BUSY_NS = 1000000;
// Of the kernels before and after: inside what they call idle.
static const long long SETUP_NS = 15000;
// The host's clock may be slewed against the GPU's.
static const long long DRIFT_PER_MILLION = 100;

extern "C" __global__ void busy(unsigned long long ns, stamp *out)
{
	spin(ns, out);
}

int main()
{
	truth all;
	stamps seen(KERNELS);
	long long step_ns = timer_step_ns(), longest = 0;
	for (int i = 0; i < KERNELS; i++) {
		busy<<<1, 1>>>((unsigned long long)BUSY_NS, seen.on_gpu + i);
		CUDA(cudaGetLastError());
		CUDA(cudaStreamSynchronize(0));
		if (i < SLEEP_COUNT)
			sleep_ns(SLEEPS_NS[i]);
	}
	seen.fetch();
	std::vector<long long> gaps;
	for (int i = 0; i < SLEEP_COUNT; i++) {
		gaps.push_back((long long)(seen.values[i + 1].start - seen.values[i].end));
		if (gaps[i] < SLEEPS_NS[i])
			die("gaps: gap %d is %lld ns, shorter than the sleep", i, gaps[i]);
		longest = std::max(longest, gaps[i]);
	}
	long long drift_ns = longest * DRIFT_PER_MILLION / 1000000;
	all.kernels("busy", KERNELS);
	all.add_list("kernel_gaps", fields().string("name", "busy"), gaps,
		     { step_ns + SETUP_NS + drift_ns, step_ns + 1000 + drift_ns });
	all.figure("globaltimer_step_ns", step_ns);
	truth_print("gaps", all);
	return 0;
}
