// SPDX-License-Identifier: MIT
// Kernels of known duration: one thread spins for a given time (%globaltimer) or a given number of
// clock cycles, and notes when it began and ended. On one stream, then on two at the same time.
//
// A profiler's kernel lasts a little longer than its code: it has to be set up and to finish.
#include "truth.cuh"

enum { REPEATS = 3, PAIRS = 5 };

static const long long DURATIONS_NS[] = {
	10000, 50000, 100000, 500000, 1000000, 5000000, 20000000
};
static const long long DURATION_COUNT = sizeof DURATIONS_NS / sizeof DURATIONS_NS[0];
static const long long CYCLES[] = { 20000, 200000, 2000000, 20000000 };
static const long long CYCLES_COUNT = sizeof CYCLES / sizeof CYCLES[0];
static const long long PAIR_NS = 4000000;
// The most that starting and ending a kernel may add.
static const long long SETUP_NS = 10000;

extern "C" __global__ void warm_up()
{
}

extern "C" __global__ void spin_ns(unsigned long long ns, stamp *out)
{
	spin(ns, out);
}

extern "C" __global__ void spin_cycles(long long cycles, stamp *out)
{
	long long begin = clock64();
	out->start = globaltimer();
	while (clock64() - begin < cycles)
		;
	out->end = globaltimer();
}

extern "C" __global__ void spin_left(unsigned long long ns, stamp *out)
{
	spin(ns, out);
}

extern "C" __global__ void spin_right(unsigned long long ns, stamp *out)
{
	spin(ns, out);
}

static void add_durations(truth *all, const char *name, const stamps &seen, long long step_ns)
{
	std::vector<long long> durations;
	for (size_t i = 0; i < seen.values.size(); i++)
		durations.push_back(seen.duration(i));
	all->kernels(name, (long long)durations.size());
	all->add_list("kernel_durations", fields().string("name", name), durations,
		      { step_ns + 500, step_ns + SETUP_NS });
}

static void one_stream(truth *all, long long step_ns)
{
	stamps by_time(DURATION_COUNT * REPEATS), by_cycles(CYCLES_COUNT * REPEATS);
	for (int i = 0; i < DURATION_COUNT * REPEATS; i++)
		spin_ns<<<1, 1>>>((unsigned long long)DURATIONS_NS[i / REPEATS],
				  by_time.on_gpu + i);
	for (int i = 0; i < CYCLES_COUNT * REPEATS; i++)
		spin_cycles<<<1, 1>>>(CYCLES[i / REPEATS], by_cycles.on_gpu + i);
	CUDA(cudaGetLastError());
	by_time.fetch();
	by_cycles.fetch();
	add_durations(all, "spin_ns", by_time, step_ns);
	add_durations(all, "spin_cycles", by_cycles, step_ns);
	size_t last = by_cycles.values.size() - 1;
	all->figure("sm_clock_khz",
		    CYCLES[CYCLES_COUNT - 1] * 1000000 / std::max(1LL, by_cycles.duration(last)));
	// The GPU's clock against the trace's: no truth (they need not agree), but worth knowing.
	all->figure("first_spin_globaltimer_ns", (long long)by_time.values[0].start);
}

// Time in which both run, as their own stamps say.
static long long overlap_ns(const stamps &left, const stamps &right)
{
	long long sum = 0;
	for (const stamp &a : left.values)
		for (const stamp &b : right.values) {
			unsigned long long from = std::max(a.start, b.start),
					   to = std::min(a.end, b.end);
			sum += to > from ? (long long)(to - from) : 0;
		}
	return sum;
}

static void two_streams(truth *all, long long step_ns)
{
	cudaStream_t left_stream, right_stream;
	stamps left(PAIRS), right(PAIRS);
	CUDA(cudaStreamCreateWithFlags(&left_stream, cudaStreamNonBlocking));
	CUDA(cudaStreamCreateWithFlags(&right_stream, cudaStreamNonBlocking));
	for (int i = 0; i < PAIRS; i++) {
		spin_left<<<1, 1, 0, left_stream>>>((unsigned long long)PAIR_NS, left.on_gpu + i);
		spin_right<<<1, 1, 0, right_stream>>>((unsigned long long)PAIR_NS,
						      right.on_gpu + i);
	}
	CUDA(cudaGetLastError());
	CUDA(cudaStreamSynchronize(left_stream));
	CUDA(cudaStreamSynchronize(right_stream));
	left.fetch();
	right.fetch();
	add_durations(all, "spin_left", left, step_ns);
	add_durations(all, "spin_right", right, step_ns);
	all->add("kernel_overlap",
		 fields().string("name", "spin_left").string("other", "spin_right"),
		 overlap_ns(left, right),
		 { PAIRS * (step_ns + 1000), 2 * PAIRS * (step_ns + SETUP_NS) });
	CUDA(cudaStreamDestroy(left_stream));
	CUDA(cudaStreamDestroy(right_stream));
}

int main()
{
	truth all;
	long long step_ns = timer_step_ns();
	warm_up<<<1, 1>>>();
	CUDA(cudaDeviceSynchronize());
	one_stream(&all, step_ns);
	two_streams(&all, step_ns);
	all.kernels("warm_up", 1);
	all.kernels("timer_step", 1);
	all.figure("globaltimer_step_ns", step_ns);
	truth_print("spin", all);
	return 0;
}
