/* SPDX-License-Identifier: MIT */
/*
 * cuda_program WAY: a program that loads the CUDA driver as a framework does, and starts it where
 * there is perhaps no GPU; each answer of the driver is one line on stdout. Linked to nothing of
 * NVIDIA's. CUDA_PROGRAM_RUNTIME names a CUDA runtime for the way 'runtime'.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int (*cu_init)(unsigned flags);
static int (*cu_driver_get_version)(int *version);
static int (*cu_device_get_count)(int *count);

static void symbol_get(void *library, const char *name, void *function)
{
	void *symbol = dlsym(library, name);
	if (symbol == NULL) {
		printf("no %s\n", name);
		exit(4);
	}
	memcpy(function, &symbol, sizeof symbol);
}

static void driver_load(void)
{
	void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		printf("no libcuda.so.1: %s\n", dlerror());
		exit(3);
	}
	symbol_get(library, "cuInit", &cu_init);
	symbol_get(library, "cuDriverGetVersion", &cu_driver_get_version);
	symbol_get(library, "cuDeviceGetCount", &cu_device_get_count);
}

static void driver_start(const char *where)
{
	int version = -1, count = -1;
	errno = 0;
	int result = cu_init(0);
	printf("%s: cuInit %d\n", where, result);
	result = cu_driver_get_version(&version);
	printf("%s: cuDriverGetVersion %d: %d\n", where, result, version);
	result = cu_device_get_count(&count);
	printf("%s: cuDeviceGetCount %d: %d\n", where, result, count);
	fflush(stdout);
}

static void *thread_run(void *unused)
{
	(void)unused;
	driver_start("thread");
	return NULL;
}

static int way_once(void)
{
	driver_start("once");
	return 7;
}

static int way_thrice(void)
{
	driver_start("first");
	driver_start("second");
	driver_start("third");
	return 0;
}

static int way_threads(void)
{
	enum { THREADS = 4 };
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, thread_run, NULL) != 0)
			return 5;
	for (int i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	return 0;
}

/* The child starts the driver anew; it ends as children of multiprocessing do, or by exit(). */
static int fork_run(int has_exit_handlers)
{
	int status = 0;
	driver_start("parent");
	pid_t child = fork();
	if (child == 0) {
		driver_start("child");
		if (has_exit_handlers)
			exit(9);
		_exit(9);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return 5;
	printf("child ended with %d, signal %d\n", WEXITSTATUS(status),
	       WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	driver_start("parent again");
	return 0;
}

static int way_fork(void)
{
	return fork_run(0);
}

static int way_fork_exit(void)
{
	return fork_run(1);
}

/* As the workers of a loader: forked before anybody used CUDA, and each uses it. */
static int way_fork_first(void)
{
	int status = 0;
	pid_t child = fork();
	if (child == 0) {
		driver_start("child");
		_exit(9);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return 5;
	printf("child ended with %d\n", WEXITSTATUS(status));
	driver_start("parent");
	return 0;
}

static void ending(void)
{
	driver_start("exit handler");
	_exit(11);
}

/* An exit handler that uses CUDA and ends the process itself. */
static int way_at_exit(void)
{
	if (atexit(ending) != 0)
		return 5;
	driver_start("main");
	return 0;
}

static int way_abort(void)
{
	const struct rlimit no_core = { 0, 0 };
	(void)setrlimit(RLIMIT_CORE, &no_core);
	driver_start("main");
	abort();
}

static int way_exec(void)
{
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
	if (length <= 0)
		return 5;
	path[length] = 0;
	driver_start("before exec");
	execl(path, path, "once", (char *)NULL);
	return 5;
}

/* Through the CUDA runtime, which loads the driver itself. */
static int way_runtime(void)
{
	const char *path = getenv("CUDA_PROGRAM_RUNTIME");
	void *library = path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
	int (*get_device_count)(int *);
	int (*runtime_get_version)(int *);
	int (*device_malloc)(void **, size_t);
	int count = -1, version = -1;
	void *memory = NULL;
	if (library == NULL) {
		printf("no runtime\n");
		return 3;
	}
	symbol_get(library, "cudaGetDeviceCount", &get_device_count);
	symbol_get(library, "cudaRuntimeGetVersion", &runtime_get_version);
	symbol_get(library, "cudaMalloc", &device_malloc);
	int result = runtime_get_version(&version);
	printf("cudaRuntimeGetVersion %d: %d\n", result, version);
	result = get_device_count(&count);
	printf("cudaGetDeviceCount %d\n", result);
	printf("cudaMalloc %d\n", device_malloc(&memory, 1 << 20));
	printf("cudaGetDeviceCount %d\n", get_device_count(&count));
	return 0;
}

static const struct { const char *name; int (*run)(void); } ways[] = {
	{ "once", way_once }, { "thrice", way_thrice }, { "threads", way_threads },
	{ "fork", way_fork }, { "fork-exit", way_fork_exit }, { "fork-first", way_fork_first },
	{ "at-exit", way_at_exit }, { "abort", way_abort }, { "exec", way_exec },
	{ "runtime", way_runtime },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof ways / sizeof ways[0]; i++) {
		if (strcmp(ways[i].name, argv[1]) != 0)
			continue;
		if (ways[i].run != way_runtime)
			driver_load();
		setvbuf(stdout, NULL, _IOLBF, 0);
		return ways[i].run();
	}
	fprintf(stderr, "usage: cuda_program WAY\n");
	return 2;
}
