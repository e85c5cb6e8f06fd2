// SPDX-License-Identifier: MIT
// Several processes with a known ratio of work: on a GPU each where there are enough, else on the
// same one.
//
//     imbalance [ratio ...]        default 2 2 2 3: four, the last with half as much again
//
// Processes that share a GPU take turns (a lock on a file), so that no kernel waits inside for
// another process's. This process itself never uses CUDA.
#include "truth.cuh"

#include <cstring>
#include <sys/file.h>
#include <sys/wait.h>

static const unsigned long long UNIT_NS = 1000000;
static const long long SETUP_NS = 10000;
enum { ROUNDS = 20, WORKERS_MAX = 64 };

extern "C" __global__ void work(unsigned long long ns, stamp *out)
{
	spin(ns, out);
}

struct worker {
	pid_t pid;
	int answer;	// read end of its standard output
	long long ratio;
};

// What a worker tells: the GPU, the work it did, and its truths, a line each.
static int worker_main(long long ratio, int index, const char *lock_path)
{
	truth all;
	int gpus = 0, lock = open(lock_path, O_RDWR);
	CUDA(cudaGetDeviceCount(&gpus));
	CUDA(cudaSetDevice(index % gpus));
	if (lock < 0)
		die("imbalance: no lock '%s'", lock_path);
	long long step_ns = timer_step_ns(), total_ns = 0;
	stamps seen(ROUNDS);
	for (int i = 0; i < ROUNDS; i++) {
		flock(lock, LOCK_EX);
		work<<<1, 1>>>(UNIT_NS * (unsigned long long)ratio, seen.on_gpu + i);
		CUDA(cudaGetLastError());
		CUDA(cudaDeviceSynchronize());
		flock(lock, LOCK_UN);
	}
	seen.fetch();
	for (int i = 0; i < ROUNDS; i++)
		total_ns += seen.duration((size_t)i);
	all.kernels("work", ROUNDS);
	all.add("kernel_time", fields().string("name", "work"), total_ns,
		{ ROUNDS * (step_ns + 500), ROUNDS * (step_ns + SETUP_NS) });
	printf("%s\n%lld\n%s", gpu_fields().json().c_str(), total_ns, all.process().c_str());
	return 0;
}

static worker worker_start(const char *program, const char *ratio, int index, const char *lock_path)
{
	int ends[2];
	worker made = { -1, -1, strtoll(ratio, nullptr, 10) };
	std::string number = std::to_string(index);
	if (made.ratio < 1 || made.ratio > 1000)
		die("imbalance: a ratio is a number from 1 to 1000, not '%s'", ratio);
	if (pipe(ends) != 0)
		die("imbalance: no pipe");
	made.answer = ends[0];
	made.pid = fork();
	if (made.pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execl("/proc/self/exe", program, "--worker", ratio, number.c_str(), lock_path,
		      (char *)nullptr);
		_exit(127);
	}
	close(ends[1]);
	return made;
}

static std::string worker_answer(const worker &one)
{
	std::string text;
	char bytes[4096];
	ssize_t count;
	int status = 0;
	while ((count = read(one.answer, bytes, sizeof bytes)) > 0)
		text.append(bytes, (size_t)count);
	close(one.answer);
	if (waitpid(one.pid, &status, 0) != one.pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status) != 0)
		die("imbalance: worker %d failed", (int)one.pid);
	return text;
}

static void together(const std::vector<worker> &workers)
{
	std::vector<std::string> processes;
	std::string gpu;
	long long most = 0, sum = 0, tolerated = 30;
	for (const worker &one : workers) {
		std::string text = worker_answer(one);
		size_t first = text.find('\n'), second = text.find('\n', first + 1);
		long long total_ns = strtoll(text.c_str() + first + 1, nullptr, 10);
		gpu = text.substr(0, first);
		processes.push_back(text.substr(second + 1));
		most = std::max(most, total_ns);
		sum += total_ns;
	}
	// (most - mean) / mean, in permille
	long long count = (long long)workers.size(), lambda = (most * count - sum) * 1000 / sum;
	std::string truth = fields().string("measure", "imbalance_permille")
				    .string("name", "work")
				    .number("expect", lambda)
				    .number("below", tolerated)
				    .number("above", tolerated)
				    .json();
	truth_print("imbalance", fields().raw("gpu_fields", gpu), processes, "{}", { truth });
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "--worker") == 0)
		return worker_main(strtoll(argv[2], nullptr, 10), (int)strtol(argv[3], nullptr, 10),
				   argv[4]);
	std::vector<const char *> ratios(argv + 1, argv + argc);
	if (ratios.empty())
		ratios = { "2", "2", "2", "3" };
	if (ratios.size() > WORKERS_MAX)
		die("imbalance: at most %d processes", WORKERS_MAX);
	char lock_path[] = "/tmp/imbalance-XXXXXX";
	int lock = mkstemp(lock_path);
	if (lock < 0)
		die("imbalance: no file for a lock");
	std::vector<worker> workers;
	for (size_t i = 0; i < ratios.size(); i++)
		workers.push_back(worker_start(argv[0], ratios[i], (int)i, lock_path));
	together(workers);
	close(lock);
	unlink(lock_path);
	return 0;
}
