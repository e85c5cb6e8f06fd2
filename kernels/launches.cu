// SPDX-License-Identifier: MIT
// Empty kernels back to back: the worst case for whoever records each launch.
//
//     launches [COUNT] [REPEATS]        default 20000 launches, 10 times
//
// Figures: the host's time a launch in the median repeat, alone and with waiting for the GPU.
#include "truth.cuh"

extern "C" __global__ void empty()
{
}

static long long argument(int argc, char **argv, int index, long long fallback)
{
	long long value = argc > index ? strtoll(argv[index], nullptr, 10) : fallback;
	if (value < 1 || value > 100000000)
		die("launches: '%s' is not a number from 1 to 100000000", argv[index]);
	return value;
}

static long long median(std::vector<long long> values)
{
	std::sort(values.begin(), values.end());
	return values[values.size() / 2];
}

int main(int argc, char **argv)
{
	truth all;
	long long count = argument(argc, argv, 1, 20000), repeats = argument(argc, argv, 2, 10);
	std::vector<long long> launch, finish;
	empty<<<1, 32>>>();
	CUDA(cudaDeviceSynchronize());
	for (long long repeat = 0; repeat < repeats; repeat++) {
		long long begin = now_ns();
		for (long long i = 0; i < count; i++)
			empty<<<1, 32>>>();
		long long launched = now_ns();
		CUDA(cudaDeviceSynchronize());
		launch.push_back(launched - begin);
		finish.push_back(now_ns() - begin);
	}
	CUDA(cudaGetLastError());
	all.kernels("empty", count * repeats + 1);
	all.add("api_calls", fields().string("name", "cudaLaunchKernel"), count * repeats + 1);
	all.add("api_calls", fields().string("name", "cudaDeviceSynchronize"), repeats + 2);
	all.figure("launches", count * repeats);
	all.figure("launch_ps", median(launch) * 1000 / count);
	all.figure("finish_ps", median(finish) * 1000 / count);
	truth_print("launches", all);
	return 0;
}
